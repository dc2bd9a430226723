"""How far an apply came that did not end: read from the journals that are there. Offered in words, never chosen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from authops.apply import ends
from authops.apply.journal import Journal
from authops.words.errors import PlanError


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


def refuse_applied(folder: Path, digest: str) -> None:
    """Raises `PlanError`, with what was written, where the journal tells that this plan was applied to its end."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return
    journal = Journal(path)
    try:
        facts, done = journal.facts(), journal.outcomes()
    finally:
        journal.close()
    if (finished := facts.get("finished_at")) and facts.get("plan") == digest:
        raise applied(finished, done)


def applied(finished: str, done: pd.DataFrame) -> PlanError:
    """Why a plan is not applied again, with what was written."""
    found = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in ends.tally(done).items()) or "nothing to do"
    said = f"this plan was already applied ({found}), finished {finished}; nothing more was written"
    return PlanError(said, remedy="a plan is applied once; run verify on it, or preview again")


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
