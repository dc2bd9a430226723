"""The folder that sealed letters are put into: for its owner only, tried before the first, whole and lasting files."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import quote

from authops.words import disk
from authops.words.errors import HandOverError

_LONGEST: Final = 200
_SPARE: Final = 8 << 20  # what a run beside it writes into its journal and pages
_LEFT: Final = ".new"


def name_of(who: str) -> str:
    """A person's name as a file's: no separator, nothing hidden; upper case is lower, as some disks have it."""
    name = quote(who.strip().casefold(), safe="@+ ")
    return f"%2E{name[1:]}" if name.startswith(".") else name


class Folder:
    """A folder of this hand-over, made when it is not there."""

    def __init__(self, path: str) -> None:
        if not path:
            raise HandOverError("no folder is named for the letters", remedy="name one in hand_over_folder")
        self.path = Path(path).resolve()

    def ready(self, need: int) -> None:
        """Try it: made, ours, private, with room for so many bytes and lasting. Raises `HandOverError`."""
        try:
            disk.make(self.path)
            self._private()
            self._roomy(need)
            self._lasting()
        except OSError as error:
            raise HandOverError(
                f"nothing can be put into {self.path} ({error.strerror or type(error).__name__})",
                remedy="name a folder that this account may write, on a disk with room",
            ) from None
        for left in self.path.rglob(f"*{_LEFT}"):  # of a run that was killed: sealed, but half
            left.unlink(missing_ok=True)

    def put(self, place: Path, data: bytes) -> Path:
        """Put a sealed file there, relative to the folder; it replaces what stood there. Raises `HandOverError`."""
        path = self.path / place
        try:
            disk.make(path.parent)
            if path.parent.resolve() != path.parent:
                raise HandOverError(f"{path.parent} is a link", remedy="take the link away, and find out who made it")
            disk.keep(path, data)
        except OSError as error:
            raise HandOverError(
                f"{path} could not be written ({error.strerror or type(error).__name__})",
                remedy="make room, or name another folder",
            ) from None
        return path

    def _private(self) -> None:
        if os.name != "posix":
            return
        found = self.path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o027:
            raise HandOverError(
                f"the folder {self.path} is not for its owner alone (uid {found.st_uid}, "
                f"mode {found.st_mode & 0o777:04o})",
                remedy=f"chmod 700 {self.path}, or name a folder of your own; its group may read at most",
            )

    def _roomy(self, need: int) -> None:
        free = shutil.disk_usage(self.path).free
        if free < need + _SPARE:
            raise HandOverError(
                f"{self.path} has room for {free >> 20:,} MB, and the letters need {(need + _SPARE) >> 20:,} MB",
                remedy="make room, or name a folder on another disk",
            )

    def _lasting(self) -> None:
        probe = self.path / f".probe-{secrets.token_hex(4)}"
        try:
            disk.keep(probe, secrets.token_bytes(64 << 10))
        finally:
            probe.unlink(missing_ok=True)


def fits(who: str) -> None:
    """Raises `HandOverError` for a recipient whose name no file can have."""
    if not who.strip() or len(name_of(who)) > _LONGEST:
        raise HandOverError(
            f"{who[:60]!r} is no name of a recipient", remedy="name who gets the letters: an address, or the key's name"
        )
