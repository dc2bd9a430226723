"""Worlds happen as nobody arranged them, and nothing is wrong in any; what happens in one is the same everywhere.

Each runs in a process of its own: the rooms' clocks and files are a world's there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.running import ROOT
from tests.worlds.planted import FAULTS, planted

# The days of a cycle share the seeds that bench/worlds has been through: a red day is this change's, or its judge's.
# More days as bench/worlds goes on; whoever changes how worlds are drawn begins anew.
_FIRST, _DAYS, _A_DAY = 92_501, 2, 500


def worlds(*words: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.worlds", *words]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said
    return said


def test_nothing_is_wrong_in_some_worlds() -> None:
    assert "30 worlds, nothing wrong" in ended(worlds("1-30"))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_can_still_be_planted(name: str) -> None:
    assert planted(FAULTS[name], ROOT / "authops" / FAULTS[name].module)


@pytest.mark.slow
def test_nothing_is_wrong_in_the_worlds_of_the_day() -> None:
    first = _FIRST + int(time.time() // 86_400) % _DAYS * _A_DAY
    half = first + _A_DAY // 2
    print(f"make worlds SEEDS={first}-{first + _A_DAY - 1}")
    for process in [worlds(f"{first}-{half - 1}", "--shrink"), worlds(f"{half}-{first + _A_DAY - 1}", "--shrink")]:
        ended(process)


@pytest.mark.slow
def test_a_world_is_the_same_in_every_process_after_any_other_and_without_shortcuts() -> None:
    one = worlds("17", "18", "19", "20", "21", "--digests", PYTHONHASHSEED="1")
    other = worlds("21", "17", "19", "--digests", PYTHONHASHSEED="2", WORLDS_WHOLE="1")
    first, second = (dict(line.split() for line in ended(p).splitlines()[:-1]) for p in (one, other))
    assert second == {seed: first[seed] for seed in second}
