"""Ten thousand changes through a storm: every tenth request fails in one of sixteen ways, reads lag behind writes.

    .venv/bin/python -m bench.storm

Afterwards the tenant's own record of requests and its true state are asked, not ours.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.ends import tally
from authops.apply.journal import Journal
from authops.graph.client import Graph
from authops.phone.number import fold
from bench.stand import Line, Stand, sins, tenant

FAULTS = [
    *(f"{where}-{what}" for where in ("inner", "outer") for what in ("429", "429-bare", "500", "502", "503", "504")),
    *("inner-effect-then-500", "inner-effect-then-504", "outer-effect-then-504", "reset", "reset-before"),
]


async def apply(stand: Stand, changes: pd.DataFrame) -> pd.DataFrame:
    line = Line("applied", len(changes))
    async with Graph.connect(stand.profile) as graph:
        journal = Journal(stand.folder / "journal.sqlite")
        applier = Applier(graph, journal, now=lambda: datetime.now(UTC), mode="apply", report=line.counted)
        return await applier.apply(changes)


def main(count: int) -> None:
    with tenant(count) as stand:
        changes = stand.changes(count)
        stand.knob("log", method="DELETE")
        stand.knob("weather", {"fault_rate": 0.1, "faults": FAULTS, "lag": 0.5, "seed": 11, "retry_after": 1.0})
        begun = time.perf_counter()
        outcomes = asyncio.run(apply(stand, changes))
        seconds = time.perf_counter() - begun
        stand.knob("weather", {"fault_rate": 0.0, "lag": 0.0})
        log, phones = stand.log(), stand.phones()
    wrong = [c.user_id for c in changes.itertuples() if fold(phones[c.user_id].get("mobile", "")) != fold(c.after)]
    statuses = Counter(row["status"] for row in log)
    print(f"{count:,} changes, 10 % of requests fail, reads lag 0.5 s: {seconds:,.0f} s, {tally(outcomes)}")
    print(f"  answers {dict(statuses.most_common())}")
    print(f"  users whose number is not what was planned: {len(wrong)}")
    print(f"  never: {sins(log)}")
    sys.exit(bool(wrong or any(sins(log).values()) or not outcomes["outcome"].str.startswith("applied").all()))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
