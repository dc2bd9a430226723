"""One life of an apply of passes, which the bench ends by SIGKILL: from outside, or at a point within.

    python -m bench.passing PROFILE CHANGES JOURNAL KEYS LETTERS LOG [WHERE NTH]

WHERE is as in bench.killed, or `give` with `-before` (made, not handed over), `-within` (the first letter of a group is
there) or `-after` (all are there, and the outcome is not written down).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.ends import tally
from authops.apply.passes import Handing
from authops.graph import connection
from authops.graph.client import Graph
from authops.handover import opening
from authops.handover.files import Files
from authops.handover.handover import HandOver, Letter, Receipt
from authops.words.frames import USERS, frame
from bench.killed import Fatal


class FatalFiles(HandOver):
    """Sealed files that end their own process at a chosen point."""

    name = "files"

    def __init__(self, inner: Files, where: str, nth: int) -> None:
        self.inner, self.where, self.nth = inner, where, nth

    async def ready(self, recipients: Sequence[str]) -> None:
        await self.inner.ready(recipients)

    def _die(self, here: str) -> None:
        if here == self.where:
            self.nth -= 1
            if self.nth == 0:
                os.kill(os.getpid(), int(os.environ.get("DIES_BY", signal.SIGKILL)))

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        def within(receipt: Receipt) -> None:
            self._die("give-within")
            done(receipt)

        self._die("give-before")
        await self.inner._give(letters, within)
        self._die("give-after")


def files(keys: str, letters: str) -> Files:
    """The hand-over of this bench, opened as a run opens it."""
    opened = opening.open("files", folder=letters, recipient_keys=keys)
    assert isinstance(opened, Files)
    return opened


async def main(
    profile: str, changes: str, journal: str, keys: str, letters: str, log: str, where: str = "", nth: str = "0"
) -> None:
    logging.basicConfig(filename=log, level=logging.DEBUG)
    fatal = Fatal(Path(journal))
    fatal.where, fatal.nth = where, int(nth)
    rows = pd.read_parquet(changes)
    people = frame(USERS, [{"user_id": user, "account_enabled": True} for user in rows["user_id"]])
    async with Graph.connect(connection.load(profile)) as graph:
        print("begun", flush=True)
        handing = Handing(FatalFiles(files(keys, letters), where, int(nth)), people)
        applier = Applier(graph, fatal, now=lambda: datetime.now(UTC), mode="apply", handing=handing)
        outcomes = await applier.apply(rows)
    print(f"finished {tally(outcomes)} {applier.stopped}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
