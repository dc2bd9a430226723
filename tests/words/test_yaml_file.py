"""YAML files of connections, parameters and tenants: what is refused of them, whoever wrote it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authops.graph import profile
from authops.run import notify, runbook, tenants
from authops.words import yaml_file
from authops.words.errors import AuthopsError

TEN = "[x, x, x, x, x, x, x, x, x, x]"
NESTED = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
MERGED = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: x}}\n" for n in range(1, 12))
BOMBS = {
    "a list of lists": f"a0: &a0 {TEN}\n{NESTED}",
    "keys that are merged": f"a0: &a0 {{k: x}}\n{MERGED}",
    "itself": "a: &a [*a]\n",
    "itself, deeper": "a: &a {b: [{c: *a}]}\n",
}
READERS: dict[str, Callable[[Path], Any]] = {
    "a connection": profile.read,
    "parameters": lambda path: runbook.effective(["preview"], [path], []),
    "tenants": tenants.load,
    "whom to tell": notify.load,
    "texts": lambda path: yaml_file.read_texts(path, remedy=""),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_aliases_that_stand_for_very_much_or_for_themselves_are_refused(tmp_path: Path, bomb: str, reader: str) -> None:
    path = tmp_path / "given.yaml"
    path.write_text(BOMBS[bomb], "utf-8")
    with pytest.raises(AuthopsError, match="alias") as refused:
        READERS[reader](path)
    assert (refused.value.exit_code, "write the values out" in refused.value.remedy) == (2, True)


def test_tenants_that_share_their_parameters_by_an_alias_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tenants.yaml"
    named = "".join(f"  t{n}: {{parameters: *p}}\n" for n in range(300))
    path.write_text(f"tenants:\n  first: {{parameters: &p {{approve: all}}}}\n{named}", "utf-8")
    read = yaml_file.read(path, remedy="")
    assert (len(read["tenants"]), read["tenants"]["t299"]["parameters"]) == (301, {"approve": "all"})


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_parameter_on_the_command_line_is_no_bomb_either(bomb: str) -> None:
    began = time.monotonic()
    with pytest.raises(AuthopsError, match=r"max_changes (holds|must be)"):
        runbook.effective(["preview"], [], [("max_changes", BOMBS[bomb])])
    assert time.monotonic() - began < 5
