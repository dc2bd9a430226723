"""Which run an apply goes on with, and how far it came: read from the journals that are there."""

from __future__ import annotations

from pathlib import Path

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


def to_apply(plans: list[Path]) -> Path:
    """Of run folders that hold a plan, oldest first, the one to apply: the latest.

    But when nobody approved that one yet, a run that began and did not end goes first, the latest of them.
    """
    latest = plans[-1]
    if (latest / "approval.json").exists():
        return latest
    return next((folder for folder in reversed(plans) if unfinished(folder)), latest)
