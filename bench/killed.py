"""One life of an apply in a process of its own, which a test ends by SIGKILL: from outside, or at a point within.

    python -m bench.killed PROFILE CHANGES JOURNAL [WHERE NTH]

WHERE is `intend` or `settle` with `-before`, `-within` (the rows are in, not committed) or `-after`; NTH counts them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.ends import tally
from authops.apply.journal import Journal
from authops.graph import connection
from authops.graph.client import Graph


class Fatal(Journal):
    """A journal that ends its own process at a chosen point."""

    where, nth = "", 0

    def _die(self, here: str) -> None:
        if here == self.where:
            self.nth -= 1
            if self.nth == 0:
                os.kill(os.getpid(), int(os.environ.get("DIES_BY", signal.SIGKILL)))

    def intend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._doing = "intend"
        super().intend(rows)

    def settle(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._doing = "settle"
        super().settle(rows)

    def _write(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        doing = self._doing
        self._die(f"{doing}-before")
        if self.where == f"{doing}-within":
            self._db.set_trace_callback(lambda said: self._die(f"{doing}-within") if said == "commit" else None)
        super()._write(sql, rows)
        self._db.set_trace_callback(None)
        self._die(f"{doing}-after")


async def main(profile: str, changes: str, journal: str, where: str = "", nth: str = "0") -> None:
    logging.disable(logging.WARNING)
    fatal = Fatal(Path(journal))
    fatal.where, fatal.nth = where, int(nth)
    async with Graph.connect(connection.load(profile)) as graph:
        print("begun", flush=True)
        applier = Applier(graph, fatal, now=lambda: datetime.now(UTC), mode="apply")
        outcomes = await applier.apply(pd.read_parquet(changes))
    left = outcomes.loc[~outcomes["change_id"].isin(fatal.outcomes()["change_id"]), "detail"]
    print(f"finished {tally(outcomes)} {applier.stopped}; left open: {dict(left.value_counts())}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
