"""What is written in a run folder stays there: no link is followed, and a folder of somebody else is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from authops.apply.lock import is_running, running
from authops.run.runlog import log_to, said
from authops.words import disk
from authops.words.errors import UsageError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows' permissions are the folder's own")


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("mine")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o700)
    return path


def reserved(folder: Path) -> None:
    with disk.reserve(folder):
        assert not (folder / ".reserve").is_symlink()


WRITERS: dict[str, Callable[[Path], object]] = {
    ".reserve": reserved,
    "outcome.json.PROCESS.new": lambda folder: disk.write(folder / "outcome.json", "new"),
    "outcomes.new": lambda folder: os.close(disk.fresh(folder / "outcomes.new")),
}


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_planted_link_is_not_written_through(folder: Path, precious: Path, name: str, kind: str) -> None:
    planted = folder / name.replace("PROCESS", str(os.getpid()))
    planted.symlink_to(precious) if kind == "symbolic" else planted.hardlink_to(precious)
    WRITERS[name](folder)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("name", [".running", "log.jsonl"])
def test_what_is_added_to_is_no_link(folder: Path, precious: Path, name: str) -> None:
    (folder / name).symlink_to(precious)
    if name == ".running":
        with pytest.raises(UsageError, match="holds a link"), running(folder):
            raise AssertionError("it began")
        is_running(folder)
    else:
        with pytest.raises(OSError, match="symbolic links"):
            log_to(folder)
        said(folder / name, lambda _: None, str)("words")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(UsageError, match="may be written by others") as raised, running(folder):
        raise AssertionError("it began")
    assert f"chmod go-w {folder}" in raised.value.remedy
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    for owner, words in ((12345, "belongs to uid 12345, and this runs as root"), (1, r"belongs to daemon \(uid 1\)")):
        os.chown(folder, owner, -1)
        with pytest.raises(UsageError, match=words) as raised, running(folder):
            raise AssertionError("it began")
        assert f"chown -R 0 {folder}" in raised.value.remedy


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750])
def test_a_folder_of_ones_own_is_fine(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with running(folder):
        assert (folder / ".running").exists()
