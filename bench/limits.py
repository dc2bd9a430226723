"""What we get out of Graph's read limits: 8,000 resource units per 10 s, and 5 report requests per 10 s.

.venv/bin/python -m bench.limits            # four minutes: the limits are in real time
"""

from __future__ import annotations

import asyncio
import time

from authops.graph.client import Graph
from authops.tenant import directory
from bench.stand import Stand, tenant

USERS, READS, REPORT_SECONDS = 20_000, 60_000, 150


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


if __name__ == "__main__":
    with tenant(USERS, weather={"latency": 0.05}) as stand:
        stand.knob("weather", {"throttle": "documented"})
        seconds = asyncio.run(reads(stand))
        said(stand, f"reads, {READS:,} at 8,000 units per 10 s", "identity", seconds)
        stand.knob("log", method="DELETE")
        stand.knob("weather", {"throttle": "off"})
        stand.knob("weather", {"throttle": "documented"})
        begun = time.perf_counter()
        asyncio.run(reports(stand))
        said(stand, "reports at 5 per 10 s", "reports", time.perf_counter() - begun)
