"""A disk that is really full, under the letters or under the journal: nobody is left with a pass that nobody has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from authops.handover import opening
from authops.words.errors import HandOverError, JournalError
from tests.apply.conftest import Stage, user_id
from tests.apply.passing import give, held, planned, works
from tests.apply.test_passes import EVERYBODY, rows

SIZE = 12 << 20
INSTEAD = "RLIMIT_FSIZE stands in for a full one, in tests/handover/test_files.py"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip(
            "a disk of its own is root's to mount; RLIMIT_FSIZE stands in for it in tests/handover/test_files.py"
        )
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip(f"no disk can be mounted here: {INSTEAD}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes."""
    free = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes(free.f_bavail * free.f_frsize - left))


def opened(folder: Path, identity: pyrage.x25519.Identity) -> dict[str, str]:
    """UPN → the code in their letter."""
    found = {}
    for path in folder.rglob("*.age"):
        said = pyrage.decrypt(path.read_bytes(), [identity]).decode()
        found[path.name.removesuffix(".txt.age")] = said.partition("Pass ")[2].split()[0]
    return found


@pytest.mark.parametrize("full", ["letters", "journal"])
def test_a_full_disk_leaves_no_pass_that_nobody_has_and_going_on_gives_everybody_theirs(
    stage: Stage, disk: Path, tmp_path: Path, full: str
) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / "desk.pub").write_text(f"{identity.to_public()}\n")
    letters = (disk if full == "letters" else tmp_path) / "letters"
    stage.people(**{name: {} for name in EVERYBODY})
    made = planned(stage, rows(EVERYBODY)).writes
    stage.folder = disk if full == "journal" else stage.folder

    def hand() -> opening.HandOver:
        return opening.open("files", folder=str(letters), recipient_keys=str(tmp_path / "keys"))

    def filled(*_: object) -> None:
        if not (disk / "filler").exists():
            fill(disk, 40 << 10 if full == "letters" else 0)

    if full == "letters":
        outcomes, applier = give(stage, made, hand(), report=filled)
        assert "No space left on device" in applier.stopped
        assert "void, should they have arrived" in applier.stopped
        done = set(outcomes.loc[outcomes["outcome"] == "applied", "user_principal_name"])
        assert 0 < len(done) < len(EVERYBODY)  # also within a group: what was written before it was full stands
        assert set(held(stage)) == done == set(opened(letters, identity))
        with pytest.raises(HandOverError, match=r"No space left|room for"):
            give(stage, made, hand())
    else:
        with pytest.raises(JournalError):
            give(stage, made, hand(), report=filled)
        assert set(held(stage)) == set(opened(letters, identity))
    (disk / "filler").unlink()
    outcomes, _ = give(stage, made, hand())
    assert set(outcomes["outcome"]) <= {"applied", "applied_with_note"}
    codes = opened(letters, identity)
    assert set(held(stage)) == set(codes) == {f"{name}@contoso.example" for name in EVERYBODY}
    for name in EVERYBODY:
        assert works(stage, user_id(name), codes[f"{name}@contoso.example"])[0]
