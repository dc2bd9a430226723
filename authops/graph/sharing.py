"""Which kinds of call count under one limit: found out, never configured. No network, no clock.

While a kind is told to wait, its limit has no room. Another kind that asks meanwhile tells them apart: let through, it
has another limit; refused altogether, time and again, the same. From then on they have one pace and wait together. As
that ends the asking, one call is let go now and then to see whether it still holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from authops.graph.rate import Rate

# A long pause leaves little doubt; a short one may just have ended on Graph's side.
_TIMES: Final = 2
_LONG: Final = 5.0
_HOLD: Final = 120.0
_LONGEST_HOLD: Final = 3600.0


@dataclass
class _Pause:
    """A kind was told to wait, from when until when; half of it is certainly without room (seconds are rounded up)."""

    since: float
    until: float

    def without_room(self, now: float) -> bool:
        return self.since <= now <= (self.since + self.until) / 2


@dataclass
class Sharing:
    """Watches the kinds in `rates`, and gives those the same `Rate` that share a limit."""

    rates: dict[str, Rate]
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _times: Counter[frozenset[str]] = field(default_factory=Counter)
    _counted: dict[frozenset[str], float] = field(default_factory=dict)
    _apart: dict[str, Rate] = field(default_factory=dict)
    _sure_until: float = float("-inf")
    _hold: float = _HOLD
    _trying: str = ""

    def heard(self, kind: str, sent_at: float, now: float, *, let_through: bool, refused: bool) -> None:
        """Learn from what came of calls of a kind that left together."""
        for other, pause in self._pauses.items():
            if other != kind and (let_through or refused) and pause.without_room(sent_at):
                self._compare(frozenset((kind, other)), pause, now, let_through=let_through)
        if refused:
            self._pauses[kind] = _Pause(now, self.rates[kind].paused_until)
            self._trying = self._who_tries(kind, now)

    def may_try(self, kind: str, now: float) -> bool:
        """Whether one call of a kind may leave though the limit it is said to share has no room."""
        if kind != self._trying or not any(k != kind and p.without_room(now) for k, p in self._pauses.items()):
            return False
        self._trying = ""
        return True

    def _compare(self, pair: frozenset[str], pause: _Pause, now: float, *, let_through: bool) -> None:
        if let_through:
            self._times[pair] = 0
            self._part(pair)
        elif self._counted.get(pair) != pause.since:
            self._counted[pair] = pause.since
            self._times[pair] += 1
            if self._times[pair] >= (1 if pause.until - pause.since >= _LONG else _TIMES):
                self._join(pair, now)

    def _join(self, pair: frozenset[str], now: float) -> None:
        """One pace for both, and for whom each shares its own with already."""
        found = {id(self.rates[kind]): self.rates[kind] for kind in pair}
        self._sure_until = now + self._hold
        if len(found) == 1:
            self._hold = min(self._hold * 2, _LONGEST_HOLD)
            return
        shared = Rate.shared(list(found.values()), now)
        for kind in [k for k, rate in self.rates.items() if id(rate) in found]:
            self._apart.setdefault(kind, self.rates[kind])
            self.rates[kind] = shared

    def _part(self, pair: frozenset[str]) -> None:
        """They have not (any more) one limit: each has the pace again that it had."""
        first, second = pair
        if (shared := self.rates[first]) is not self.rates[second]:
            return
        self._hold = _HOLD
        for kind in [k for k, rate in self.rates.items() if rate is shared]:
            self.rates[kind] = own = self._apart.pop(kind)
            if pause := self._pauses.get(kind):
                own.paused_until = max(own.paused_until, pause.until)

    def _who_tries(self, refused: str, now: float) -> str:
        """The kind that is to see whether it shares the limit still, when that was long enough ago."""
        if now < self._sure_until:
            return ""
        others = [k for k, rate in self.rates.items() if k != refused and rate is self.rates[refused]]
        return others[0] if others else ""
