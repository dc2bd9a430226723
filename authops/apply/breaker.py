"""Stops an apply that goes wrong: too many failures in a row, or too large a share of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authops.words import limits

_FAILURES: Final = ("rejected", "unknown")
_NOT_WRITTEN: Final = ("drifted", "skipped")


@dataclass
class Breaker:
    """Counts outcomes; `why` is empty until it opens. None switches a limit off.

    `consecutive`: so many failures (rejected, unknown) in a row, 0 like 1. `share`: so large a share of all writes,
    looked at from `least` writes on. Raises `ParameterError` for what limits nothing.
    """

    consecutive: int | None = 20
    share: float | None = 0.2
    least: int = 50
    why: str = ""
    _row: int = 0
    _failures: int = 0
    _writes: int = 0

    def __post_init__(self) -> None:
        limits.checked(max_failures_in_a_row=self.consecutive, max_failure_share=self.share)

    def count(self, outcome: str) -> None:
        """Take one outcome into account."""
        if outcome in _NOT_WRITTEN:
            return
        failed = outcome in _FAILURES
        self._writes += 1
        self._failures += failed
        self._row = self._row + 1 if failed else 0
        self.why = self.why or self._judged()

    def _judged(self) -> str:
        if not self._failures:
            return ""
        if self.consecutive is not None and self._row >= max(self.consecutive, 1):
            return f"the breaker opened: {self._row} writes in a row failed"
        if self.share is not None and self._writes >= self.least and self._failures >= self.share * self._writes:
            return f"the breaker opened: {self._failures} of {self._writes} writes failed"
        return ""
