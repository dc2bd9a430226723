"""How fast Graph may be asked: a bucket (`rate`) for each kind of call, and one for kinds found to share a limit.

What was refused waits as long as its answer says, and so do all of its kind and of the kinds that share its limit
(`sharing`). But a batch that was turned away as a whole while others of its kind are let through says nothing of a
limit: only what was in it waits.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import Final, Protocol

from authops.graph.rate import Limit, Rate
from authops.graph.sharing import Sharing

_log = logging.getLogger(__name__)
# Nobody waits longer than this for one answer, whatever it asks for; what is longer than the other is said.
LONGEST_PAUSE: Final = 600.0
_LONG_PAUSE: Final = 60.0
# Graph: throttling limits, identity and access (large tenant), and identity and access reports.
DOCUMENTED: Final = {"reads": Limit(8000, 800), "writes": Limit(3000, 20), "reports": Limit(5, 0.5, certain=True)}
_SECONDS: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?", re.ASCII)
_REPORTS: Final = re.compile(r"/(reports|auditLogs)/")
_COSTS: Final = (
    (re.compile(r"/groups/[^/]+/transitiveMembers"), 5),
    (re.compile(r"/groups/[^/]+/members"), 3),
    (re.compile(r"/subscribedSkus$"), 3),
    (re.compile(r"/users$|/users/[^/]+/(memberOf|licenseDetails)"), 2),
)


def charge(method: str, path: str) -> tuple[str, int]:
    """(kind, cost) of a request: reads cost resource units, writes and reports count one each (Graph: throttling)."""
    if method != "GET":
        return "writes", 1
    if _REPORTS.match(path):
        return "reports", 1
    where, _, query = path.partition("?")
    cost = next((cost for pattern, cost in _COSTS if pattern.match(where)), 1)
    cost += ("%24expand=" in query or "$expand=" in query) - ("%24select=" in query or "$select=" in query)
    return "reads", max(cost, 1)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, LONGEST_PAUSE at most: whole, fractional or a date; None: no word."""
    seconds = _asked_to_wait(headers)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_PAUSE)


def _asked_to_wait(headers: Mapping[str, str]) -> float | None:
    told = _header(headers, "retry-after").strip()
    if _SECONDS.fullmatch(told):
        return float(told)
    if (until := _moment(told)) is None:
        return None
    # By Graph's clock, not by this machine's.
    return (until - (_moment(_header(headers, "date")) or datetime.now(UTC))).total_seconds()


def _moment(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError):
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def share_used(headers: Mapping[str, str]) -> float:
    """The share of the limit in use that an answer tells (0.8 and up), else 0."""
    try:
        return float(_header(headers, "x-ms-throttle-limit-percentage"))
    except ValueError:
        return 0.0


class Asked(Protocol):
    """What `Pace` needs to know of a request."""

    @property
    def method(self) -> str:
        """The verb."""

    @property
    def path(self) -> str:
        """Relative to the version, with its query."""


@dataclass(frozen=True)
class _Told:
    """What the answers to requests of one kind said together."""

    answers: Sequence[tuple[int, int, Mapping[str, str]]]

    @property
    def refused(self) -> int:
        return sum(status == 429 for _, status, _ in self.answers)

    @property
    def accepted(self) -> int:
        return sum(cost for cost, status, _ in self.answers if status != 429)

    @property
    def let_through(self) -> bool:
        """Whether the limit had room; what failed or was never answered does not tell."""
        return any(200 <= status < 500 and status not in (408, 424, 429) for _, status, _ in self.answers)

    @property
    def longest(self) -> float | None:
        """Seconds, as asked for."""
        asked = [_asked_to_wait(headers) for _, status, headers in self.answers if status == 429]
        return max((seconds for seconds in asked if seconds is not None), default=None)

    @property
    def share(self) -> float:
        return max(share_used(headers) for *_, headers in self.answers)


class Pace:
    """Lets requests leave at the pace of their kind, in the order they came; the clock and the pause are handed in."""

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self.clock = sleep, clock
        self.rates = {kind: Rate(limit, clock()) for kind, limit in DOCUMENTED.items()}
        self._lines = {kind: asyncio.Lock() for kind in DOCUMENTED}
        self._told = {kind: asyncio.Event() for kind in DOCUMENTED}
        self._sharing = Sharing(self.rates)
        self._away: dict[tuple[str, str], float] = {}
        self._said_until = float("-inf")

    async def turn(self, requests: Sequence[Asked], until: float = math.inf) -> tuple[int, float]:
        """Wait until some of these may leave together: how many (the first ones, of one kind), and the moment.

        None of them, and at once, when that would be later than `until`.
        """
        if not await self._own_time(requests[0], until):
            return 0, self.clock()
        kind = charge(requests[0].method, requests[0].path)[0]
        if self.rates[kind].held_until > until or not await self._first_in_line(kind, until):
            return 0, self.clock()
        try:
            count = await self._room(kind, requests, until)
        finally:
            self._lines[kind].release()
        return count, self.clock()

    async def _own_time(self, request: Asked, until: float) -> bool:
        """Wait, not past `until`, as long as a batch that was turned away with this very request in it has asked."""
        while (seconds := self.away(request)) > 0:
            if self.clock() + seconds > until:
                return False
            await self._sleep(seconds)
        return self.clock() <= until

    async def _first_in_line(self, kind: str, until: float) -> bool:
        """Wait, not past `until`, until those that came before have left; then the line's head is taken."""
        try:
            async with asyncio.timeout(None if until == math.inf else max(until - self.clock(), 0.0)):
                return await self._lines[kind].acquire()
        except TimeoutError:
            return False

    async def _room(self, kind: str, requests: Sequence[Asked], until: float) -> int:
        """Wait, not past `until`, until the limit has room: for how many of these."""
        while True:
            rate, now = self.rates[kind], self.clock()
            costs = self._costs(kind, requests, self._most(kind))
            if self._sharing.may_try(kind, now):
                costs = costs[:1]
                break
            if (seconds := rate.wait(sum(costs), now)) <= 0:
                break
            if now + seconds > until:
                return 0
            await self._unless_told(kind, max(seconds, 0.001), doubtful=rate.doubtful(now))
        rate.take(sum(costs), self.clock())
        return len(costs)

    async def _unless_told(self, kind: str, seconds: float, *, doubtful: bool) -> None:
        """Wait; while it is doubtful whether that is needed, only until it is told."""
        if not doubtful:
            await self._sleep(seconds)
            return
        self._told[kind].clear()
        either = [asyncio.ensure_future(wait) for wait in (self._sleep(seconds), self._told[kind].wait())]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in either:
                wait.cancel()

    def _most(self, kind: str) -> int:
        """How many leave together; who writes reads as well, so no more writes than can be read in a second."""
        most = self.rates[kind].batch
        return min(most, self.rates["reads"].batch) if kind == "writes" else most

    def _costs(self, kind: str, requests: Sequence[Asked], most: int) -> list[int]:
        """What the first requests of that kind cost, `most` of them, up to one that has to wait for its own time."""
        ready = takewhile(lambda request: self.away(request) <= 0, requests[:most])
        charges = [charge(request.method, request.path) for request in ready]
        return [cost for _, cost in takewhile(lambda charged: charged[0] == kind, charges)]

    def away(self, request: Asked) -> float:
        """Seconds that this very request was asked to wait, whatever its kind may do; 0 or less: none."""
        return self._away.get((request.method, request.path), float("-inf")) - self.clock() if self._away else 0.0

    def held(self, request: Asked) -> float:
        """Seconds until this request may leave, as far as is known now; 0 when at once."""
        kind, cost = charge(request.method, request.path)
        now = self.clock()
        return max(self.rates[kind].due(cost, now), self.away(request), 0.0)

    def give_back(self, kind: str, cost: float) -> None:
        """A share that was waited for was not used."""
        self.rates[kind].give_back(cost)

    def heard(self, answers: Iterable[tuple[Asked, int, Mapping[str, str]]], sent_at: float) -> None:
        """Learn from the answers (request, status, headers) to what left together."""
        now = self.clock()
        by_kind: dict[str, list[tuple[int, int, Mapping[str, str]]]] = {}
        for request, status, headers in answers:
            kind, cost = charge(request.method, request.path)
            by_kind.setdefault(kind, []).append((cost, status, headers))
        for kind, found in by_kind.items():
            told, rate = _Told(found), self.rates[kind]
            self._say(kind, told.longest, now)
            rate.near_limit(told.share, now)
            rate.answered(sent_at, now, told.accepted, told.refused, _within_reason(told.longest))
            if not rate.doubtful(now):
                self._told[kind].set()
            self._sharing.heard(kind, sent_at, now, let_through=told.let_through, refused=told.refused > 0)

    def turned_away(self, requests: Sequence[Asked], headers: Mapping[str, str], sent_at: float) -> None:
        """A batch of one kind was answered 429 as a whole: what was in it waits, and perhaps its kind."""
        now, kind = self.clock(), charge(requests[0].method, requests[0].path)[0]
        asked = _asked_to_wait(headers)
        self._say(kind, asked, now)
        pause = self.rates[kind].turned_away(sent_at, now, _within_reason(asked))
        own = {(request.method, request.path): now + pause for request in requests}
        self._away = {key: until for key, until in self._away.items() if until > now} | own

    def keep_away(self, request: Asked, headers: Mapping[str, str]) -> None:
        """Somebody gave up waiting for this very request: it still leaves no earlier than its answer asked for."""
        if (seconds := _within_reason(retry_after(headers))) is not None:
            self._away[request.method, request.path] = self.clock() + seconds

    def _say(self, kind: str, seconds: float | None, now: float) -> None:
        """A long wait is said, once."""
        if seconds is None or seconds < _LONG_PAUSE or now < self._said_until:
            return
        waited = min(seconds, LONGEST_PAUSE)
        self._said_until = now + waited
        cut = f"; asked again after {waited:,.0f} s" if waited < seconds else ""
        _log.warning("Graph asks to wait %s s before further %s%s", f"{min(seconds, 1e9):,.0f}", kind, cut)


def _within_reason(seconds: float | None) -> float | None:
    """What is waited when an answer asks for `seconds`; no time at all is no word, or a refusal would be a loop."""
    return min(seconds, LONGEST_PAUSE) if seconds is not None and seconds > 0 else None
