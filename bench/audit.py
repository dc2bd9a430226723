"""An audit of a whole tenant, end to end: read, join, count, snapshot, compare; without and with the report's limit.

.venv/bin/python -m bench.audit             # 200,000 users: some ten minutes, most of them the documented limit
.venv/bin/python -m bench.audit 20000       # smaller

Graph allows an application 5 report requests in 10 s for a tenant, which at 999 people to a page is 500 people a
second. Memory is that of this process, which is the client; the demo tenant is another one.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from authops.audit import coverage, export, snapshot, trend
from authops.graph.client import Graph
from authops.show import pictures
from authops.tenant import directory, roles
from bench.stand import Stand, tenant

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000


def used() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, begun: float) -> float:
    now = time.perf_counter()
    print(f"  {what:<44}{now - begun:>8.1f} s   peak {used():>6,.0f} MB", flush=True)
    return now


async def unhurried(_: float) -> None:
    await asyncio.sleep(0)


async def read(stand: Stand, **pace: Any) -> tuple[Any, Any, Any]:
    """With the client's own pace, which keeps to the documented limit, unless another clock is handed in."""
    async with Graph.connect(stand.profile, **pace) as graph:
        begun = time.perf_counter()
        people = await directory.people(graph)
        begun = timed(f"{len(people):,} people, 999 to a page", begun)
        registrations = await directory.registrations(graph)
        begun = timed(f"{len(registrations):,} of the registration report", begun)
        holders, _ = await roles.role_holders(graph)
        timed("who holds a role", begun)
    return people, registrations, holders


def judge(stand: Stand, people: Any, registrations: Any, roles: Any) -> None:
    begun = time.perf_counter()
    found = coverage.join(registrations, people, roles)
    begun = timed("joined, everybody's standing", begun)
    steps: dict[str, Callable[[], object]] = {
        "figures and every dimension, as pictures": lambda: (
            coverage.figures(registrations, people),
            pictures.standings(found),
            pictures.dimensions(found),
            pictures.to_look_at(found),
        ),
        "snapshot written": lambda: keep(stand.folder, found),
        "snapshot read, compared person by person": lambda: compare(stand.folder, found),
        "lists as CSV": lambda: export.write({"people": found}, stand.folder, "audit", "csv"),
    }
    for what, step in steps.items():
        step()
        begun = timed(what, begun)
    size = (stand.folder / snapshot.NAME).stat().st_size / 2**20
    print(f"  the snapshot is {size:.1f} MB, the frame {found.memory_usage(deep=True).sum() / 2**20:,.0f} MB")


def keep(folder: Path, found: Any) -> Path:
    at = (datetime.now(UTC) - timedelta(days=30)).isoformat(timespec="seconds")
    return snapshot.save(found, trend.tally(found), folder, tenant_id="bench", at=at)


def compare(folder: Path, found: Any) -> None:
    """A month in which a tenth of the people moved."""
    (before,) = snapshot.earlier(folder.parent, tenant_id="bench", before=datetime.now(UTC).isoformat(), most=1)
    old = before.load()
    old.loc[::10, ["methods", "standing"]] = ["mobilePhone", "phone only"]
    assert len(pictures.differences(trend.differences(old, found)).html) > 1000


if __name__ == "__main__":
    with tenant(USERS) as stand:
        print(f"audit of {USERS:,} users, the report's limit simulated away ({used():,.0f} MB before anything is read)")
        begun, hours = time.perf_counter(), itertools.count(step=3600)
        people, registrations, roles = asyncio.run(read(stand, clock=lambda: float(next(hours)), sleep=unhurried))
        judge(stand, people, registrations, roles)
        print(f"  {'all of it':<44}{time.perf_counter() - begun:>8.1f} s   peak {used():>6,.0f} MB")
        print("the same with the documented limits: 5 report requests in 10 s")
        stand.knob("weather", {"throttle": "documented"})
        asyncio.run(read(stand))
        refused = sum(row["status"] == 429 for row in stand.log())
        print(f"  {refused:,} answers were 429")
