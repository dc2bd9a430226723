"""Earlier runs: which there are, how each ended, and whether an apply of theirs is still to be gone on with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from authops.apply.journal import Journal
from authops.apply.lock import is_running
from authops.run import outcome
from authops.show.views import plain_table
from authops.words.errors import JournalError, UsageError

_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-(.+)-[0-9a-f]+")


@dataclass(frozen=True)
class Past:
    """A run folder, with what its outcome.json says and what is still open there ("" for nothing)."""

    folder: Path
    began: datetime
    outcome: dict[str, Any]
    running: bool
    open: str

    @property
    def name(self) -> str:
        """What `--resume` and `-p run` take: the folder's name, behind that of its fleet."""
        parent = self.folder.parent
        return f"{parent.name}/{self.folder.name}" if (parent / "fleet.json").exists() else self.folder.name

    @property
    def status(self) -> str:
        """In words: `running`, `did not finish`, or as outcome.json says."""
        if self.running:
            return "running"
        told = str(self.outcome.get("status", ""))
        return "did not finish" if told in ("unfinished", "") else told

    @property
    def ended(self) -> datetime:
        """When anything was last written down; when it began, if nothing was."""
        entries = self.outcome.get("runbooks", {}).values()
        told = [self.outcome.get("ended_at"), *(entry.get("finished_at") for entry in entries)]
        return max([self.began, *(datetime.fromisoformat(at) for at in told if at)])


def runs(root: Path) -> list[Past]:
    """Every run folder, the latest first, and in a fleet's place its tenants'; also one that somebody renamed."""
    found = [(_NAME.fullmatch(path.name), path) for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    ours = [(match, path) for match, path in found if not path.is_symlink()]
    named = [(_began(match[1]) if match else _renamed(path), path) for match, path in ours]
    dated = sorted(((began, path) for began, path in named if began), reverse=True)
    return [_past(own, began) for began, path in dated for own in _tenants(path) or [path]]


def _began(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _renamed(folder: Path) -> datetime | None:
    """When a folder of another name began to be a run's; None for what never was one."""
    kept = [folder / name for name in ("outcome.json", "plan.json", "journal.sqlite", "fleet.json")]
    there = [path for path in kept if path.is_file() and not path.is_symlink()]
    return min((datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in there), default=None)


def _tenants(folder: Path) -> list[Path]:
    """The run folders within a fleet's."""
    if not (folder / "fleet.json").exists():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _past(folder: Path, began: datetime) -> Past:
    return Past(folder, began, outcome.read(folder), is_running(folder), open_apply(folder))


def open_apply(folder: Path) -> str:
    """Why the apply of a run folder is not over, "" when it is, or when there was none."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return ""
    try:
        journal = Journal(path)
        try:
            facts, waiting = journal.facts(), len(journal.open_intents())
        finally:
            journal.close()
    except JournalError as error:
        return f"its journal cannot be read: {error.message}"
    if waiting:
        return f"{waiting:,} writes of which nobody knows what they did"
    return "" if facts.get("finished_at") or "begun_at" not in facts else "an apply that was not finished"


def first_page(found: list[Past], name: str) -> Path:
    """The page to begin with of the latest run (`latest`), or of one by name. Raises `UsageError`."""
    past = next((one for one in found if name in ("latest", one.name, one.folder.name)), None)
    page = past.folder / "index.html" if past else None
    if past is None or page is None or not page.exists():
        what = f"{past.name} has no page yet" if past else f"there is no run {name!r}"
        raise UsageError(what, remedy="authops runs lists the runs; only one that has ended leaves its pages")
    return page


def listing(found: list[Past]) -> str:
    """The table of `authops runs`."""
    heads = ["began (UTC)", "status", "exit", "what", "resume", "run"]
    return plain_table(heads, [_row(past) for past in found]) if found else "no runs yet"


def _row(past: Past) -> list[str]:
    entries = past.outcome.get("runbooks", {})
    last = list(entries.values())[-1]["headline"] if entries else ""
    short = last.splitlines()[0] if last else ""
    code = "" if past.running else str(past.outcome.get("exit_code", 1))
    going_on = "yes" if past.open and not past.running else ""
    what = short if len(short) <= 60 else f"{short[:59]}…"
    return [f"{past.began:%Y-%m-%d %H:%M}", past.status, code, what, going_on, past.folder.name]
