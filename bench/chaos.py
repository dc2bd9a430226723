"""Two thousand changes in a storm, killed fifty times, also inside the journal's writes, and resumed each time.

    .venv/bin/python -m bench.chaos              # 2,000 changes, 50 kills
    .venv/bin/python -m bench.chaos 120 8        # the form that runs in CI

Afterwards the tenant's own record and true state are asked: is everybody as planned, is every write of one intent, was
none made blindly? Then the run is undone, with some people changed by somebody else meanwhile. (The default method of
disabled accounts is in no report, so Graph may refuse to take their new number away: that one is `rejected`, and said.)
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.ends import failed
from authops.apply.journal import Journal
from authops.graph.client import Graph
from authops.phone.number import fold
from authops.plan import undo
from authops.plan.plan import Plan
from authops.tenant import directory
from bench.lives import Endured, Lives, endure, lives
from bench.stand import Stand, sins, tenant


@dataclass
class Result(Endured):
    """What was left: `wrong` and `blind` should be empty."""

    wrong: list[str]
    unattributed: list[str]
    sins: dict[str, int]


def unattributed(journal: Path, log: list[dict[str, Any]]) -> list[str]:
    """Users to whom more writes went than the journal has intents."""
    with sqlite3.connect(journal) as db:
        intended = dict(db.execute("select user_id, max(attempt) from intents group by user_id"))
    sent = Counter(row["user"] for row in log if row["method"] != "GET")
    return [user for user, count in sent.items() if count > intended.get(user, 0)]


def chaos(stand: Stand, count: int, kills: int, seed: int) -> Result:
    """Kill and resume until it is done; then compare."""
    changes = stand.changes(count)
    changes.to_parquet(stand.folder / "changes.parquet")
    journal = stand.folder / "journal.sqlite"
    words = [str(stand.folder / "demo" / "connection.yaml"), str(stand.folder / "changes.parquet"), str(journal)]
    endured = endure(stand, journal, Lives("bench.killed", words), lives(seed, kills), seed)
    log, phones = stand.log(), stand.phones()
    wrong = [c.user_id for c in changes.itertuples() if fold(phones[c.user_id].get("mobile", "")) != fold(c.after)]
    return Result(**vars(endured), wrong=wrong, unattributed=unattributed(journal, log), sins=sins(log))


async def take_back(stand: Stand) -> tuple[Plan, pd.DataFrame]:
    """Undo the whole run: the plan that takes it back, and what became of it."""
    rows = undo.written(Journal(stand.folder / "journal.sqlite").recorded())
    methods = undo.beside(rows["method"].unique())
    async with Graph.connect(stand.profile) as graph:
        people = await directory.find_users(graph, rows["user_id"].unique())
        report = await directory.defaults(graph)
        current = await directory.current(graph, people["user_id"], methods=methods, defaults=report)
        made = undo.make(rows, current, people, {})
        journal = Journal(stand.folder / "undo.sqlite")
        return made, await Applier(graph, journal, now=lambda: datetime.now(UTC), mode="apply").apply(made.writes)


def left(made: Plan, outcomes: pd.DataFrame) -> dict[str, str]:
    """Whom an undo left, by user id, and why."""
    blocked, refused = made.changes[made.changes["action"] == "blocked"], failed(outcomes)
    why = dict(zip(blocked["user_id"], blocked["reason"], strict=True))
    return why | dict(zip(refused["user_id"], refused["outcome"], strict=True))


def touched(stand: Stand, count: int) -> dict[str, str]:
    """Numbers that somebody else gives to some people meanwhile, by user id."""
    some = sorted(user for user, phones in stand.phones().items() if "mobile" in phones)[::7][:count]
    theirs = {user: f"+31 69{n:07d}" for n, user in enumerate(some)}
    body = [{"user": user, "phoneType": "mobile", "phoneNumber": number} for user, number in theirs.items()]
    stand.knob("staff", {"phone": body}, method="POST")
    return theirs


def main(count: int, kills: int, seed: int = 1) -> None:
    with tenant(count) as stand:
        before = stand.phones()
        got = chaos(stand, count, kills, seed)
        print(f"{count:,} changes, killed {got.killed.total()} times in {got.seconds:,.0f} s: {got.outcomes}")
        print(f"  {dict(got.killed)}")
        print(
            f"  not as planned: {len(got.wrong)}; writes without an intent: {len(got.unattributed)}; never: {got.sins}"
        )
        theirs = touched(stand, count // 20)
        stayed = left(*asyncio.run(take_back(stand)))
        after = stand.phones()
    expected = {user: phones for user, phones in before.items() if user not in stayed}
    undone, kept = ({u: after[u] for u in expected}, {u: after[u]["mobile"] for u in theirs})
    print(f"undone: {len(expected):,} people, as before: {undone == expected}; left: {len(stayed):,}")
    print(f"  {dict(Counter(stayed.values()))}; what somebody else wrote still stands: {kept == theirs}")
    bad = got.wrong or got.unattributed or any(got.sins.values()) or undone != expected or kept != theirs
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (2_000, 50))
