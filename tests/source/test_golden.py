"""Files that real writers wrote (tests/golden/make.py): whichever program it was, the same is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from authops.source import wanted_file

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(p for p in GOLDEN.iterdir() if p.suffix in (".csv", ".xlsx"))
WANTED = [
    ("frida@contoso.example", "mobile", "set", "+31 612345678", True),
    ("frida@contoso.example", "alternateMobile", "leave", "", True),
    ("frida@contoso.example", "office", "set", "+31 206241111x12", True),
    ("gus@contoso.example", "mobile", "set", "+31 612345679", False),
    ("gus@contoso.example", "alternateMobile", "set", "+31 612345680", False),
    ("gus@contoso.example", "office", "leave", "", False),
    ("hana@contoso.example", "mobile", "remove", "", False),
    ("hana@contoso.example", "alternateMobile", "remove", "", False),
    ("hana@contoso.example", "office", "remove", "", False),
]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_writer_says_the_same(path: Path) -> None:
    got = wanted_file.read(path, default_region="NL")
    assert got.problems.empty, got.problems.to_dict("records")
    columns = ["user", "method", "intent", "value", "overwrite"]
    assert list(got.wanted[columns].itertuples(index=False, name=None)) == WANTED
    assert got.facts["ignored_columns"] == ["Opmerking"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_its_rows_are_found_again_by_their_line(path: Path, tmp_path: Path) -> None:
    got = wanted_file.read(path, default_region="NL")
    lines = set(got.wanted.loc[got.wanted["user"] == "gus@contoso.example", "line"])
    again = tmp_path / "failed.csv"
    again.write_text(wanted_file.pick(path, lines, got.facts), "utf-8-sig")
    assert set(wanted_file.read(again, default_region="NL").wanted["user"]) == {"gus@contoso.example"}
