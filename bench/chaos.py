"""Two thousand changes in a storm, killed fifty times, also inside the journal's writes, and resumed each time.

    .venv/bin/python -m bench.chaos              # 2,000 changes, 50 kills
    .venv/bin/python -m bench.chaos 120 8        # the form that runs in CI

Afterwards the tenant's own record and true state are asked: is everybody as planned, is every write of one intent, was
none made blindly? Then the run is undone, with some people changed by somebody else meanwhile. (The default method of
disabled accounts is in no report, so Graph may refuse to take their new number away: that one is `rejected`, and said.)
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from authops.apply.applier import Applier
from authops.apply.ends import failed
from authops.apply.journal import Journal
from authops.graph.client import Graph
from authops.phone.number import fold
from authops.plan import undo
from authops.tenant import directory
from bench.stand import Stand, sins, tenant

FAULTS = [
    *("inner-429", "inner-500", "inner-503", "outer-429", "outer-503", "outer-504"),
    *("inner-effect-then-500", "inner-effect-then-504", "outer-effect-then-504", "reset", "reset-before"),
]
POINTS = [f"{what}-{when}" for what in ("intend", "settle") for when in ("before", "within", "after")]
End = tuple[str, str] | float


@dataclass
class Result:
    """What was left: `wrong` and `blind` should be empty."""

    killed: Counter[str]
    wrong: list[str]
    unattributed: list[str]
    sins: dict[str, int]
    outcomes: dict[str, int]
    seconds: float


def lives(seed: int, kills: int) -> list[End]:
    """How each life ends: at a point within the journal's writes, or by somebody else after some seconds."""
    dice = random.Random(seed)
    ends: list[End] = [(dice.choice(POINTS), str(dice.randint(1, 6))) for _ in range(kills // 2)]
    ends += [dice.uniform(0.05, 6.0) for _ in range(kills - len(ends))]
    dice.shuffle(ends)
    return ends


def one_life(words: list[str], end: End) -> bool:
    """Whether it was killed before it had finished."""
    more = list(end) if isinstance(end, tuple) else []
    here = Path(__file__).parents[1]
    life = subprocess.Popen([sys.executable, "-m", "bench.killed", *words, *more], cwd=here, stdout=subprocess.PIPE)
    assert life.stdout
    with life.stdout:
        assert life.stdout.readline() == b"begun\n"
        if isinstance(end, float):
            try:
                life.wait(end)
            except subprocess.TimeoutExpired:
                os.kill(life.pid, signal.SIGKILL)
        return life.wait() == -signal.SIGKILL


def unattributed(journal: Path, log: list[dict[str, Any]]) -> list[str]:
    """Users to whom more writes went than the journal has intents."""
    with sqlite3.connect(journal) as db:
        intended = dict(db.execute("select user_id, max(attempt) from intents group by user_id"))
    sent = Counter(row["user"] for row in log if row["method"] != "GET")
    return [user for user, count in sent.items() if count > intended.get(user, 0)]


def chaos(stand: Stand, count: int, kills: int, seed: int) -> Result:
    """Kill and resume until it is done; then compare."""
    changes = stand.changes(count)
    stand.knob("log", method="DELETE")
    stand.knob("weather", {"fault_rate": 0.1, "faults": FAULTS, "lag": 0.2, "seed": seed, "latency": 0.02})
    changes.to_parquet(stand.folder / "changes.parquet")
    journal = stand.folder / "journal.sqlite"
    words = [str(stand.folder / "demo" / "connection.yaml"), str(stand.folder / "changes.parquet"), str(journal)]
    begun, killed = time.perf_counter(), Counter[str]()
    for end in lives(seed, kills):
        if one_life(words, end):
            killed[end[0] if isinstance(end, tuple) else "from outside"] += 1
    while one_life(words, 3600.0):
        pass
    seconds = time.perf_counter() - begun
    stand.knob("weather", {"fault_rate": 0.0, "lag": 0.0})
    log, phones = stand.log(), stand.phones()
    wrong = [c.user_id for c in changes.itertuples() if fold(phones[c.user_id].get("mobile", "")) != fold(c.after)]
    with sqlite3.connect(journal) as db:
        outcomes = dict(db.execute("select outcome, count(*) from outcomes group by outcome"))
    return Result(killed, wrong, unattributed(journal, log), sins(log), outcomes, seconds)


async def take_back(stand: Stand) -> dict[str, str]:
    """Undo the whole run; whom it left, by user id, and why."""
    recorded = Journal(stand.folder / "journal.sqlite").recorded()
    rows = undo.written(recorded)
    async with Graph.connect(stand.profile) as graph:
        people = await directory.find_users(graph, rows["user_id"].unique())
        report = await directory.defaults(graph)
        current = await directory.current(graph, people["user_id"], methods=undo.beside(["mobile"]), defaults=report)
        made = undo.make(rows, current, people, {})
        journal = Journal(stand.folder / "undo.sqlite")
        outcomes = await Applier(graph, journal, now=lambda: datetime.now(UTC), mode="apply").apply(made.writes)
    blocked, refused = made.changes[made.changes["action"] == "blocked"], failed(outcomes)
    left = dict(zip(blocked["user_id"], blocked["reason"], strict=True))
    return left | dict(zip(refused["user_id"], refused["outcome"], strict=True))


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
        left = asyncio.run(take_back(stand))
        after = stand.phones()
    expected = {user: phones for user, phones in before.items() if user not in left}
    undone, kept = ({u: after[u] for u in expected}, {u: after[u]["mobile"] for u in theirs})
    print(f"undone: {len(expected):,} people, as before: {undone == expected}; left: {len(left):,}")
    print(f"  {dict(Counter(left.values()))}; what somebody else wrote still stands: {kept == theirs}")
    bad = got.wrong or got.unattributed or any(got.sins.values()) or undone != expected or kept != theirs
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (2_000, 50))
