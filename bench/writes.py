"""Writing at 200 ms latency under Graph's write quota (3,000 at once, then 20 a second), and the seed script's way.

    .venv/bin/python -m bench.writes            # 20,000 changes; quarter of an hour, as the quota has it
    .venv/bin/python -m bench.writes 3000       # the burst alone

The seed script's pattern (GET, DELETE, POST, one user after another) is timed on a sample at the same latency and
extrapolated, which flatters it: it has no throttling, no failure and no default method to stumble over.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from datetime import UTC, datetime

import httpx
import pandas as pd

from authops.apply.applier import Applier
from authops.apply.ends import tally
from authops.apply.journal import Journal
from authops.graph import connection
from authops.graph.client import Graph
from bench.stand import Line, Stand, sins, tenant

LATENCY, SAMPLE = 0.2, 25
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"


async def apply(stand: Stand, changes: pd.DataFrame) -> tuple[float, dict[str, int]]:
    line = Line("applied", len(changes))
    journal = Journal(stand.folder / f"journal-{len(changes)}.sqlite")
    async with Graph.connect(stand.profile) as graph:
        applier = Applier(graph, journal, now=lambda: datetime.now(UTC), mode="apply", report=line.counted)
        begun = time.perf_counter()
        outcomes = await applier.apply(changes)
        seconds = time.perf_counter() - begun
    return seconds, tally(outcomes)


async def seed_pattern(stand: Stand, changes: pd.DataFrame) -> float:
    """Seconds per user."""
    profile = stand.profile
    token = connection.credential_of(profile).get_token(connection.scope(profile)).token
    verify = ssl.create_default_context(cafile=profile.ca_bundle)
    async with httpx.AsyncClient(verify=verify, headers={"Authorization": f"Bearer {token}"}) as client:
        begun = time.perf_counter()
        for change in changes.itertuples():
            phones = f"{profile.graph_url}/v1.0/users/{change.user_id}/authentication/phoneMethods"
            if (await client.get(phones)).json()["value"]:
                await client.delete(f"{phones}/{MOBILE}")
            await client.post(phones, json={"phoneNumber": change.after, "phoneType": "mobile"})
        return (time.perf_counter() - begun) / len(changes)


def measured(count: int) -> None:
    with tenant(count + SAMPLE, weather={"latency": LATENCY}) as stand:
        changes = stand.changes(count + SAMPLE)
        per_user = asyncio.run(seed_pattern(stand, changes[count:]))
        stand.knob("log", method="DELETE")
        stand.knob("weather", {"throttle": "documented"})
        seconds, ends = asyncio.run(apply(stand, changes[:count]))
        bucket = stand.knob("throttle")["writes"]
        log = stand.log()
    refused = sum(row["status"] == 429 for row in log)
    seed = per_user * count
    print(f"{count:,} changes at {LATENCY * 1000:.0f} ms: {seconds:,.1f} s, {ends}")
    if count > bucket["capacity"]:
        used = bucket["allowed"] / bucket["could_allow"]
        print(
            f"  of what the write quota allowed        {used:>8.1%}   ({bucket['could_allow']:,.0f} writes meanwhile)"
        )
    print(f"  requests answered 429                  {refused / len(log):>8.2%}   ({refused:,} of {len(log):,})")
    print(
        f"  seed script's pattern, extrapolated    {seed:>8,.0f} s   authops is {seed / seconds:.0f} times as fast"
        f" ({per_user:.2f} s a user, sample of {SAMPLE})"
    )
    print(f"  never: {sins(log)}", flush=True)


if __name__ == "__main__":
    for asked in [int(a) for a in sys.argv[1:]] or [3_000, 20_000]:
        measured(asked)
