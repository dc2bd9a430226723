"""Virtual time: one world's clocks, and the loop that jumps to the next thing due."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import authops
from tests.virtual_time import VirtualLoop

BEGAN = datetime(2026, 11, 26, 8, tzinfo=UTC)
# Rooms that tell the time themselves: their `datetime` is the world's.
_ROOMS = ("apply", "graph", "methods", "plan", "run", "source", "tenant", "words")


class Times:
    """What the clocks of a world show. True time is the tenant's; a process has a steady clock and a wall clock."""

    def __init__(self) -> None:
        self.loop: VirtualLoop | None = None
        self._passed = self._slept = self._back = 0.0

    def steady(self) -> float:
        """The process's steady clock: it stands still while the machine sleeps."""
        return self._passed + (self.loop.now if self.loop else 0.0)

    def true(self) -> float:
        return self.steady() + self._slept

    def wall(self) -> float:
        """Seconds that the wall clock has counted; somebody may have set it back."""
        return self.true() - self._back

    def suspend(self, seconds: float) -> None:
        """The process is stopped: every clock goes on."""
        assert self.loop
        self.loop.now += seconds

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: its steady clock stands still."""
        self._slept += seconds

    def set_back(self, seconds: float) -> None:
        self._back += seconds

    def wait(self, seconds: float) -> None:
        """Time goes by while nothing runs."""
        self._passed += seconds

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """To its end, or until the process is killed: then nothing of it is unwound in order."""
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda *_: None)
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(work)
        finally:
            self._passed += self.loop.now
            loop, self.loop = self.loop, None
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                work = task.get_coro()  # an async generator that is being closed is no coroutine
                if inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                    work.close()  # it was to begin, and nobody is to miss it
            asyncio.set_event_loop(None)
            loop.close()


NOW = Times()


class _Told(type):
    def __instancecheck__(cls, it: Any) -> bool:
        return isinstance(it, datetime)


class WorldsDatetime(datetime, metaclass=_Told):
    """What `datetime` means in a room while worlds run."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        assert tz is UTC
        return wall()


def begin() -> None:
    """A new world begins: its clocks stand at nought."""
    NOW.__init__()  # type: ignore[misc]


def wall() -> datetime:
    return BEGAN + timedelta(seconds=NOW.wall())


def true() -> datetime:
    return BEGAN + timedelta(seconds=NOW.true())


def hand_in() -> None:
    """Give the world's `datetime` to every room that tells the time itself."""
    for room in _ROOMS:
        package = importlib.import_module(f"authops.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"authops.{room}."):
            if not module.ispkg:
                importlib.import_module(module.name)
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{authops.__name__}.") and getattr(module, "datetime", None) is datetime:
            module.datetime = WorldsDatetime  # type: ignore[attr-defined]
