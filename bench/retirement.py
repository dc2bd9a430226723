"""The retirement of a whole tenant, end to end: read, judge, draw, keep; without and with Graph's documented limits.

.venv/bin/python -m bench.retirement             # 200,000 users: some twelve minutes, most of them the report's limit
.venv/bin/python -m bench.retirement 20000       # smaller

The report is what Graph limits most (5 requests in 10 s), so everything else is read beside it. Memory is that of this
process, which is the client; the demo tenant is another one.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from authops import campaign
from authops.audit import action_list, exposure_trend, retirement, snapshot
from authops.graph.client import Graph
from authops.show import exposure
from authops.tenant import holders
from authops.words.retirement import dates
from bench.audit import timed, unhurried, used
from bench.stand import Stand, tenant

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
_KINDS = {
    "report": r"/reports/",
    "methods one by one": r"/authentication/methods",
    "people": r"/users$",
    "groups": r"/groups/",
    "roles": r"/roleManagement/",
}


async def read(stand: Stand, *, limited: bool = False, **pace: Any) -> tuple[holders.Holders, Any]:
    """With the client's own pace, which keeps to the documented limits, unless another clock is handed in."""
    async with Graph.connect(stand.profile, **pace) as graph:
        begun = time.perf_counter()
        found = await holders.read(graph)
        begun = timed(f"{len(found.people):,} people, {found.asked:,} of them one by one", begun)
        if limited:
            shares(stand)
        verdicts = await campaign.verdicts(graph, retirement.as_coverage(found.people), found.targets)
        timed("what the campaign does with them", begun)
    assert not found.unread, found.unread
    return found, verdicts


def judge(stand: Stand, found: holders.Holders, verdicts: Any) -> None:
    when, today, begun = dates(), date(2026, 11, 26), time.perf_counter()
    exposed = retirement.exposure(found.people.assign(campaign=verdicts), when)
    begun = timed("judged, person by person", begun)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    of = {"tenant_id": "bench", "at": at, "sort": snapshot.RETIREMENT}
    steps: dict[str, Callable[[], object]] = {
        "tiles, every dimension, lists, as pictures": lambda: (
            exposure.countdown(exposed, when, today),
            exposure.by_itself(exposed, when, today),
            exposure.exposed_administrators(exposed),
            exposure.exposure_dimensions(exposed),
            exposure.to_act_on(exposed),
        ),
        "snapshot written": lambda: snapshot.save(exposed, exposure_trend.counted(exposed), stand.folder, **of),
        "compared with another, person by person": lambda: exposure_trend.differences(
            exposed.assign(status=exposed["status"].replace("covered", "blocked")), exposed
        ),
        "action list and files": lambda: action_list.write(exposed, found.contacts, when, stand.folder, today=today),
    }
    for what, step in steps.items():
        step()
        begun = timed(what, begun)
    print(f"  {retirement.tally(exposed)}")


def shares(stand: Stand) -> None:
    for name in ("reports", "identity"):
        bucket = stand.knob("throttle")[name]
        share = bucket["allowed"] / bucket["could_allow"]
        print(f"  {name}: {bucket['allowed']:,.0f} let through, {share:.1%} of what the limit allowed meanwhile")


def kinds(stand: Stand) -> dict[str, int]:
    paths = Counter(row["path"].partition("?")[0] for row in stand.log())
    return {
        name: sum(count for path, count in paths.items() if re.search(pattern, path))
        for name, pattern in _KINDS.items()
    }


def limited(stand: Stand) -> None:
    print("the same with the documented limits: 5 report requests and 8,000 resource units in 10 s")
    stand.knob("log", method="DELETE")
    stand.knob("weather", {"throttle": "documented"})
    asyncio.run(read(stand, limited=True))
    print(f"  requests: {kinds(stand)}; {sum(row['status'] == 429 for row in stand.log()):,} answers were 429")


if __name__ == "__main__":
    with tenant(USERS, population="2026") as stand:
        print(f"retirement of {USERS:,} users, limits simulated away ({used():,.0f} MB before anything is read)")
        begun, hours = time.perf_counter(), itertools.count(step=3600)
        found, verdicts = asyncio.run(read(stand, clock=lambda: float(next(hours)), sleep=unhurried))
        judge(stand, found, verdicts)
        print(f"  {'all of it':<44}{time.perf_counter() - begun:>8.1f} s   peak {used():>6,.0f} MB")
        limited(stand)
