"""A run's folder: made for a new run, found again by its name. Nothing heavy is imported here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from authops.words import disk
from authops.words.errors import ParameterError, UsageError
from authops.words.places import runs_folder


def new_folder(runbooks: Sequence[str], root: Path | None = None, now: datetime | None = None) -> Path:
    """A fresh run folder, `<UTC time>-<runbooks>-<id>`, for its owner only. Raises `UsageError`."""
    root = root or runs_folder()
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    try:
        disk.make(root)
        while True:
            folder = root / f"{stamp}-{'-'.join(runbooks)}-{secrets.token_hex(3)}"
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                return folder
    except OSError as error:
        raise UsageError(
            f"no run folder can be made in {root} ({error.strerror}); nothing was run",
            remedy="free the disk or the folder, or name another one in AUTHOPS_RUNS",
        ) from error


def of_tour(folder: Path) -> bool:
    """Whether a tour or the story made it: what they plan and write is theirs, and nobody else goes on with."""
    named = {word for name in (folder.name, folder.parent.name) for word in name.split("-")[1:-1]}
    return not named.isdisjoint(("tour", "story"))


def find(name: str) -> Path:
    """The folder of an earlier run that wrote, by path or by name. Raises `ParameterError`."""
    folder = next((f for f in (Path(name), runs_folder() / name) if (f / "journal.sqlite").exists()), None)
    if folder is None:
        raise ParameterError(f"no run {name!r} with a journal", remedy=f"name a folder of {runs_folder()}")
    return folder.resolve()
