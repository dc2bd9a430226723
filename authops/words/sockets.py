"""A private folder for sockets, for as long as its process lives; what a killed one left is taken away by the next."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "authops-"
_HELD: Final = ".held"
# Of an address of 104 bytes, on some systems 108; the rest is the folder's own name and the socket's.
_LONGEST: Final = 70
# Seconds between making a folder and holding it, and many more.
_MADE: Final = 3600.0


@contextmanager
def folder() -> Iterator[Path]:
    """The folder; taken away at the end, and by the next process when this one is killed."""
    root = _short()
    with suppress(OSError):
        _sweep(Path(root or tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root, ignore_cleanup_errors=True) as private,
        open(Path(private) / _HELD, "w") as file,
    ):
        _alone(file.fileno())
        yield Path(private)


def _sweep(root: Path) -> None:
    for left in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            seen = left.lstat()
            mine = os.name == "posix" and seen.st_uid == os.geteuid() and left.is_dir() and not left.is_symlink()
            if mine and _is_left(left, seen.st_mtime):
                shutil.rmtree(left)


def _is_left(path: Path, since: float) -> bool:
    """Whether it is such a folder, and nobody holds it any more."""
    held = path / _HELD
    if not held.is_file() or held.is_symlink():
        return {part.name for part in path.iterdir()} <= {"sign-in"} and time.time() - since > _MADE
    with open(held) as file:
        return _alone(file.fileno())


def _alone(number: int) -> bool:
    """Hold it, unless somebody does: the operating system's own lock, which ends with its process."""
    try:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _short() -> str | None:
    """Where sockets fit."""
    return "/tmp" if os.name == "posix" and len(os.fsencode(tempfile.gettempdir())) > _LONGEST else None  # noqa: S108
