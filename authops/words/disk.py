"""Files that are whole or not there, for their owner only; and a reserve for the moment the disk is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_RESERVE: Final = ".reserve"
_SIZE: Final = 2 << 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


def write(path: Path, text: str, *, at_any_price: bool = True) -> None:
    """Put the text there at once, readable by its owner only. Raises OSError, and then the old text is still there.

    On a full disk the folder's reserve is given up (`at_any_price`), so that how a run ended can still be told.
    """
    try:
        _write(path, text)
    except OSError as error:
        if error.errno not in _FULL or not at_any_price or not _give_up(path.parent):
            raise
        _write(path, text)


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _give_up(folder: Path) -> bool:
    kept = folder / _RESERVE
    if not kept.exists():
        return False
    kept.unlink(missing_ok=True)
    return True


@contextmanager
def reserve(folder: Path) -> Iterator[None]:
    """Hold some space while a run works in the folder; a disk that is full already has none to hold."""
    kept = folder / _RESERVE
    try:
        # Random, since some file systems store zeros as nothing.
        kept.write_bytes(os.urandom(_SIZE))
    except OSError:
        kept.unlink(missing_ok=True)
    try:
        yield
    finally:
        kept.unlink(missing_ok=True)


def make(folder: Path) -> None:
    """A folder, and those that lead to it, for its owner only; what is there already is left as it is."""
    with private():
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def private() -> Iterator[None]:
    """Whatever is written in here, also by a kernel started in here, is for its owner only (Windows: the folder's own
    permissions count, which a user's profile folder has right).
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
