"""An apply that another kernel or machine carries out, found again: how far it is, its Stop, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from authops.apply.journal import far
from authops.apply.lock import Holder, applying
from authops.plan import plan_file
from authops.run import answer, outcome
from authops.run.run import Run
from authops.show import head
from authops.show.failing import Ended
from authops.show.views import View, box, note
from authops.words.errors import UsageError
from authops.words.places import state_folder

# Seconds between two looks.
_EVERY: Final = 0.5
_NOBODY: Final = "nobody else is applying to this tenant"
_ASKED: Final = "stopping: what is in flight is settled first, there; what is left stays open"
_LEFT: Final = "Not looked at any more. That apply goes on; run this notebook again to see it."
_SILENT: Final = "the apply ended without a word"


async def follow(run: Run, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> View:
    """Where somebody applies to this run's tenant, show how far that is until it has ended, with its Stop.

    Raises `Ended` with what came of it: nothing is written here by itself. Headless it only says so: there the lock
    refuses.
    """
    held = _held(run)
    if held is None:
        return View(note(_NOBODY), _NOBODY)
    said = f"{held} is applying to this tenant since {held.since}, run {held.run}"
    if run.headless:
        return View(box(said, "update"), said)
    await _until_ended(run, held, said, sleep)
    raise Ended(_end(run, held))


def _held(run: Run) -> Holder | None:
    try:
        held = applying(state_folder() / "locks", {run.tenant_id, run.connection.tenant_id})
    except UsageError:  # nowhere to remember who applies: said by who takes the lock
        return None
    return None if held is None or held.here else held


async def _until_ended(run: Run, held: Holder, said: str, sleep: Callable[[float], Awaitable[None]]) -> None:
    folder, counts = Path(held.run), far(Path(held.run) / "journal.sqlite")
    progress = head.Running(
        "changes",
        total=len(plan_file.approved_ids(folder)),
        stop=lambda: _ask(held),
        lead=said,
        already=sum(counts.values()),
    )
    try:
        while _held(run) == held:
            counts = far(folder / "journal.sqlite") or counts
            progress.counted(sum(counts.values()), counts)
            await sleep(_EVERY)
    except BaseException:
        head.over(View(box(_LEFT, "update"), _LEFT))
        raise
    counts = far(folder / "journal.sqlite") or counts
    progress.counted(sum(counts.values()), counts)
    progress.done()


def _ask(held: Holder) -> str:
    """Ask it to stop, as its own Stop does; returns what happens now, in words."""
    try:
        (Path(held.run) / "stop").touch()
    except OSError as error:
        return f"it cannot be asked to stop from here ({error.strerror}): ask {held}"
    return _ASKED


def _end(run: Run, held: Holder) -> View:
    """What it wrote down of its end; where it did not, what its journal holds."""
    folder = Path(held.run)
    whole = outcome.read(folder)
    entry = whole["runbooks"].get("apply", {})
    if not _after(entry.get("finished_at"), held):
        counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in far(folder / "journal.sqlite").items())
        entry = {"status": "unfinished", "headline": f"{_SILENT}: {counts or 'nothing is known of what it wrote'}"}
    who = {"tenant": f"{whole.get('tenant') or run.connection.name} ({run.tenant_id})", "by": held.by}
    told = {**who, "run": folder.name}
    return answer.answer("apply", folder, answer.KINDS[entry["status"]], entry["status"], entry["headline"], **told)


def _after(finished: str | None, held: Holder) -> bool:
    return bool(finished) and datetime.fromisoformat(str(finished)) >= datetime.fromisoformat(held.since)
