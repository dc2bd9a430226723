"""Files that are whole or not there, for their owner only; and a reserve for the moment the disk is full."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from authops.words.errors import UsageError

_RESERVE: Final = ".reserve"
_SIZE: Final = 2 << 20
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
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
        with os.fdopen(fresh(new), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def keep(path: Path, data: bytes) -> None:
    """Put the bytes there at once, for their owner only, so that no power cut takes them back. Raises OSError, and then
    what was there is still there.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(fresh(new), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows syncs names with their file
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def fresh(path: Path) -> int:
    """A new file for its owner only, open for writing; what stood there, a link as well, is taken away first.

    Raises OSError.
    """
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)


def lasting(path: Path, flags: int) -> int:
    """A file that is kept and added to, made when it is not there. Raises OSError for a link, and for no plain file."""
    number = os.open(path, flags | os.O_CREAT | _NO_LINK, 0o600)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "Not a plain file", str(path))
    return number


def ours(folder: Path) -> None:
    """Raises `UsageError` for a run folder that somebody else owns or may write, or that holds a link: what is written
    there could go elsewhere, or be read by others. Windows: the folder's own permissions count.
    """
    if os.name == "posix":
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise UsageError(
                f"the run folder {folder} belongs to {user(found.st_uid)}, and this runs as {user(os.geteuid())};"
                " nothing was run",
                remedy=f"run it as whoever owns it, or, if it is yours by right: chown -R {os.geteuid()} {folder}",
            )
        if found.st_mode & 0o022:
            raise UsageError(
                f"the run folder {folder} may be written by others (mode {found.st_mode & 0o777:04o}); nothing was run",
                remedy=f"look what others left there, then: chmod go-w {folder}",
            )
    # Every file of a run but `stop` has a dot in its name.
    links = (path.name for path in sorted(folder.iterdir()) if path.is_symlink())
    link = next((name for name in links if "." in name or name == "stop"), "")
    if link:
        raise UsageError(
            f"the run folder {folder} holds a link, {link}, and nothing is written through links; nothing was run",
            remedy="take the link away, and find out who made it",
        )


def user(number: int) -> str:
    """An account of this machine, by name where it has one."""
    import pwd

    try:
        return f"{pwd.getpwuid(number).pw_name} (uid {number})"
    except KeyError:
        return f"uid {number}"


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
        with os.fdopen(fresh(kept), "wb") as file:
            file.write(os.urandom(_SIZE))
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
