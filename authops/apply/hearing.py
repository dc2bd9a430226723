"""Work that hears that somebody wants it to stop, however long it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
# Seconds for which what was written is still read back once somebody asked to stop: longer than reads lag.
SETTLING: Final = 20.0
# Seconds after which whoever waits looks up.
_EVERY: Final = 0.5


async def unless(
    work: Awaitable[T], go_on: Callable[[], bool], clock: Callable[[], float], grace: float = 0.0
) -> T | None:
    """What it comes to; None when it was given up, `grace` seconds after it should not go on any more.

    Only for what may be given up at any moment: waiting, and reading.
    """
    task = asyncio.ensure_future(work)
    until: float | None = None
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_EVERY)
            if until is None and not go_on():
                until = clock() + grace
            if until is not None and clock() >= until and not task.done():
                return None
        return task.result()
    finally:
        task.cancel()


async def to_the_end(work: asyncio.Future[Any], interrupted: Callable[[], None]) -> None:
    """Wait for work that goes on when whoever waits is cancelled; that is told instead."""
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise
            interrupted()
            if task := asyncio.current_task():
                task.uncancel()
