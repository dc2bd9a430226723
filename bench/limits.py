"""What we get out of Graph's read limits: 8,000 resource units per 10 s, and 5 report requests per 10 s.

.venv/bin/python -m bench.limits            # twenty minutes: the limits are in real time
.venv/bin/python -m bench.limits shared     # one alone: reads, reports, strays or shared
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.graph.client import Graph
from authops.tenant import directory
from bench.stand import Stand, tenant

USERS, READS, REPORT_SECONDS, CHANGES = 20_000, 60_000, 150, 100


async def reads(stand: Stand) -> float:
    async with Graph.connect(stand.profile) as graph:
        ids = list((await directory.all_users(graph))["user_id"])
        begun = time.perf_counter()
        for _ in range(READS // USERS):
            assert (await directory.current(graph, ids))["known"].all()
        return time.perf_counter() - begun


async def reports(stand: Stand) -> None:
    begun = time.perf_counter()
    async with Graph.connect(stand.profile) as graph:
        while time.perf_counter() - begun < REPORT_SECONDS:
            await directory.registrations(graph)


def said(stand: Stand, what: str, name: str, seconds: float) -> None:
    bucket = stand.knob("throttle")[name]
    log = stand.log()
    refused = [row for row in log if row["status"] == 429]
    share = bucket["allowed"] / bucket["could_allow"]
    print(
        f"{what:<42}{share:>7.1%} of what the limit allowed in {seconds:,.0f} s; {len(refused):,} of {len(log):,} 429"
    )
    if name == "reports" and refused:
        begun, last = log[0]["time"], max(row["time"] for row in refused)
        print(f"  the first request left at {begun}, the last 429 came at {last}")


def plain(stand: Stand) -> None:
    stand.knob("weather", {"throttle": "documented"})
    seconds = asyncio.run(reads(stand))
    said(stand, f"reads, {READS:,} at 8,000 units per 10 s", "identity", seconds)


def strays(stand: Stand) -> None:
    """Batches turned away as a whole, for no reason that has to do with the pace."""
    for rate, after in ((0.02, 10), (0.05, 1)):
        faults = {"fault_rate": rate, "faults": ["outer-429"], "retry_after": after}
        afresh(stand, faults)
        seconds = asyncio.run(reads(stand))
        said(stand, f"reads, {rate:.0%} of batches strays of {after} s", "identity", seconds)
    stand.knob("weather", {"fault_rate": 0.0})


def counted_reports(stand: Stand) -> None:
    afresh(stand, {})
    begun = time.perf_counter()
    asyncio.run(reports(stand))
    said(stand, "reports at 5 per 10 s", "reports", time.perf_counter() - begun)


def shared(stand: Stand) -> None:
    """A small limit of their own for reads and writes of /authentication (nobody could confirm there is one)."""
    changes = stand.changes(CHANGES)
    stand.knob("assumptions", {"authentication_bucket": "own"})
    afresh(stand, {})
    begun = time.perf_counter()
    asyncio.run(applied(stand, changes))
    said(stand, f"{CHANGES} changes at 5 reads and writes per 10 s", "authentication", time.perf_counter() - begun)


async def applied(stand: Stand, changes: pd.DataFrame) -> None:
    journal = Journal(stand.folder / "shared.sqlite")
    async with Graph.connect(stand.profile) as graph:
        applier = Applier(graph, journal, lambda: datetime.now(UTC), mode="apply")
        outcomes = await applier.apply(changes)
    print(f"  {outcomes['outcome'].value_counts().to_dict()}; {early(stand.log())} asked again before their time")


def early(log: list[dict[str, Any]]) -> int:
    """Requests sent again within a second of their refusal: no limit here asks for less."""
    refused: dict[tuple[str, str], datetime] = {}
    count = 0
    for row in log:
        at, key = datetime.fromisoformat(row["time"]), (row["method"], row["path"])
        count += key in refused and (at - refused[key]).total_seconds() < 1
        refused = {k: t for k, t in refused.items() if k != key} | ({key: at} if row["status"] == 429 else {})
    return count


def afresh(stand: Stand, weather: dict[str, Any]) -> None:
    """Full buckets, an empty record."""
    stand.knob("log", method="DELETE")
    stand.knob("weather", {"throttle": "off"})
    stand.knob("weather", {"throttle": "documented", **weather})


WAYS = {"reads": plain, "reports": counted_reports, "strays": strays, "shared": shared}

if __name__ == "__main__":
    with tenant(USERS, weather={"latency": 0.05}) as stand:
        for name in sys.argv[1:] or WAYS:
            WAYS[name](stand)
