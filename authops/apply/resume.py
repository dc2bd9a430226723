"""How far an apply came that did not end: read from the journals that are there. Offered in words, never chosen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from authops.apply import ends
from authops.apply.journal import Journal


def unfinished(folder: Path) -> dict[str, str]:
    """What an apply that was stopped, killed or crashed left in this folder, for people; empty when nothing is open."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return {}
    journal = Journal(path)
    try:
        noted, settled, waiting = (
            journal.facts(),
            len(journal.outcomes()),
            journal.open_intents()["change_id"].nunique(),
        )
    finally:
        journal.close()
    if "begun_at" not in noted or "finished_at" in noted:
        return {}
    said = f"began {noted['begun_at']} by {noted.get('by', 'unknown')}; {settled:,} changes settled"
    unsure = f", {waiting:,} without an answer (read before anything is written again)" if waiting else ""
    return {"goes on with": f"{said}{unsure}, the others still to do"}


def wrote(folder: Path) -> str:
    """What an earlier attempt in this folder may have written, in one line; "" when it wrote nothing."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return ""
    journal = Journal(path)
    try:
        done = journal.recorded()
    finally:
        journal.close()
    found = ends.tally(done[done["outcome"].isin(("applied", "applied_with_note", "unknown"))])
    said = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in found.items())
    return f"an earlier attempt ended with {said}" if said else ""


def tried(folder: Path) -> set[str]:
    """The changes that an apply in this folder meant to write, once or more."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return set()
    journal = Journal(path)
    try:
        return set(journal.attempts())
    finally:
        journal.close()


def offered(folders: Iterable[Path]) -> list[str]:
    """Names of the runs among these whose apply began and did not end, oldest first."""
    return [folder.name for folder in folders if unfinished(folder)]
