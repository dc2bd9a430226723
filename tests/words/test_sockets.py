"""A folder of sockets ends with its process, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from authops.words import sockets

HOLD = """
import time
from authops.words import sockets
sockets._LONGEST = 200
with sockets.folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, short enough for sockets."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sockets, "_LONGEST", 200)
    return tmp_path


def holder(root: Path) -> tuple[subprocess.Popen[str], Path]:
    env = {**os.environ, "TMPDIR": str(root)}
    life = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, env=env)
    assert life.stdout
    return life, Path(life.stdout.readline().strip())


@pytest.mark.slow
def test_what_a_killed_process_left_is_taken_away_and_what_is_held_is_not(root: Path) -> None:
    (alive, held), (dead, left) = holder(root), holder(root)
    try:
        dead.kill()
        dead.wait()
        assert left.exists()
        with sockets.folder() as mine:
            assert {path for path in (held, left, mine) if path.exists()} == {held, mine}
        assert not mine.exists()
    finally:
        alive.kill()
        alive.wait()


def test_what_is_none_of_these_folders_stays(root: Path) -> None:
    young, old, other = root / "authops-young", root / "authops-old", root / "authops-other"
    for path in (young, old, other):
        path.mkdir()
    (other / "notes.txt").write_text("mine")
    (root / "authops-link").symlink_to(other)
    for path in (old, other):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    with sockets.folder() as mine:
        assert mine.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in root.iterdir()} == {"authops-young", "authops-other", "authops-link"}
