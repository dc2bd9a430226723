"""How old a reading is, by two clocks: a value that was read a while ago says nothing about now.

A laptop that sleeps, or a process that is stopped, stands still on one of them; the older age counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

# What was read longer ago is read again before anything is written over it.
BOUND: Final = 5.0


@dataclass(frozen=True)
class Moment:
    """A moment by the steady clock and by the wall's, in seconds."""

    steady: float
    wall: float


@dataclass(frozen=True)
class Clocks:
    """Both clocks, handed in: one that never goes back, and the time of day."""

    steady: Callable[[], float]
    wall: Callable[[], datetime]

    def now(self) -> Moment:
        """This moment."""
        return Moment(self.steady(), self.wall().timestamp())

    def age(self, then: Moment) -> float:
        """Seconds since then, by the clock that counted more; the wall's may have been set back."""
        now = self.now()
        return max(now.steady - then.steady, now.wall - then.wall)

    def since(self, then: Moment) -> datetime:
        """What time it is, by both clocks: one that was set back, or stood still, gives nobody more time."""
        return datetime.fromtimestamp(then.wall + self.age(then), UTC)

    def fresh(self, then: Moment | None) -> bool:
        """Whether what was read then may still be written over."""
        return then is not None and self.age(then) <= BOUND
