"""How fast Graph may be asked: one token bucket per kind of call, whose refill is found out, never configured.

Each begins at the documented figure and may spend its burst. While nothing ever spoke of a limit the refill doubles
every second it is the brake. The first word of a limit (a 429, or `x-ms-throttle-limit-percentage`) ends that. Between
two 429s a bucket lets through exactly what it refills, so what was let through meanwhile is the new pace; then it
grows slowly, and asks the more rarely the more often the answer was the same.

`Rate` has neither clock nor network: seconds are handed in. `Pace` waits for it.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import Final, Protocol

_FLOOR: Final = 0.05
_LONGEST_PAUSE: Final = 600.0
_HOLD: Final = 15.0
_LONGEST_HOLD: Final = 600.0
_GROWTH: Final = 1.02
_NEAR: Final = 0.8
_ENOUGH: Final = 60
_LONGEST_TRIAL: Final = 2000
_FORGET: Final = 0.998
_FORGET_QUICKLY: Final = 0.8
_MOST: Final = 0.5
_WALL: Final = 5


@dataclass(frozen=True)
class Limit:
    """What a bucket is documented to hold and to be refilled with each second; `certain`: never try for more."""

    burst: float
    per_second: float
    certain: bool = False


# Graph: throttling limits, identity and access (large tenant), and identity and access reports.
DOCUMENTED: Final = {"reads": Limit(8000, 800), "writes": Limit(3000, 20), "reports": Limit(5, 0.5, certain=True)}
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
    """Seconds that an answer asks to wait: whole, fractional or a date; None when it does not say."""
    told = next((value for key, value in headers.items() if key.lower() == "retry-after"), "").strip()
    with suppress(ValueError):
        seconds = float(told)
        return min(max(seconds, 0.0), _LONGEST_PAUSE) if math.isfinite(seconds) else None
    with suppress(ValueError, TypeError):
        seconds = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        return min(max(seconds, 0.0), _LONGEST_PAUSE)
    return None


def share_used(headers: Mapping[str, str]) -> float:
    """The share of the limit in use that an answer tells (0.8 and up), else 0."""
    told = next((v for k, v in headers.items() if k.lower() == "x-ms-throttle-limit-percentage"), "0")
    try:
        return float(told)
    except ValueError:
        return 0.0


@dataclass
class Rate:
    """The pace of one kind of call. `per_second` is the refill believed in, `paused_until` what Graph asked for."""

    limit: Limit
    now: float = 0.0
    per_second: float = field(init=False)
    tokens: float = field(init=False)
    paused_until: float = float("-inf")
    told: bool = False
    _braking: bool = False
    _emptied_at: float = float("-inf")
    _resumes_at: float = float("-inf")
    _let_through: float = 0.0
    _heard_at: float = float("-inf")
    _hold: float = _HOLD
    _last_found: float = 1.0
    _just_refused: float = 0.0
    _backoffs: int = 0
    _trial: _Trial | None = None
    _noisy_until: float = float("-inf")
    _lately: float = 0.0
    _lately_refused: float = 0.0

    def __post_init__(self) -> None:
        self.per_second, self.tokens = self.limit.per_second, self.limit.burst

    @property
    def batch(self) -> int:
        """The most requests to send in one go: a second's worth once a limit is known, never over twenty."""
        return max(1, min(20, int(self.per_second))) if self.told else 20

    @property
    def _documented(self) -> float:
        return min(self.per_second, self.limit.per_second)

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may leave; 0 when it may leave now."""
        self._advance(now)
        missing = min(cost, self.limit.burst) - self.tokens
        self._braking = missing > 0
        return max(self.paused_until - now, missing / self.per_second, 0.0)

    def take(self, cost: float, now: float) -> None:
        """Let `cost` leave."""
        self._advance(now)
        self.tokens -= cost

    def give_back(self, cost: float) -> None:
        """What was taken did not leave after all."""
        self.tokens = min(self.tokens + cost, self.limit.burst)

    def near_limit(self, share: float, now: float) -> None:
        """Graph says how much of the limit is in use: from 0.8 on, nothing grows."""
        if share >= _NEAR:
            self.told, self._heard_at = True, now

    def answered(self, sent_at: float, now: float, accepted: float, refused: int, after: float | None = None) -> None:
        """Learn from what left together: what was accepted, how many 429s there were, what they asked to wait."""
        self._advance(now)
        self._remember(accepted, refused)
        self._let_through += accepted if sent_at >= self._emptied_at else 0
        if self._trial and sent_at >= self._trial.begun_at:
            self._judge(self._trial, accepted, refused, now)
        if not refused:
            self._backoffs = 0
            return
        self._backoffs += now >= self.paused_until
        pause = after if after is not None else min(2.0 ** (self._backoffs - 1), 30.0)
        self.paused_until = max(self.paused_until, now + pause)
        if sent_at < self._emptied_at:
            return
        if self._just_refused > _MOST or refused > accepted + _WALL:
            self._empty(now)
        elif self._trial is None and now > self._noisy_until:
            self._trial = _Trial(self.per_second, now, self._lately_refused / self._lately)
            self.per_second = max(self._found(now, self._documented * 0.98), _FLOOR)

    def _remember(self, accepted: float, refused: int) -> None:
        quickly = _FORGET_QUICKLY ** (accepted + refused)
        share = refused / (accepted + refused) if refused else 0.0
        self._just_refused = self._just_refused * quickly + share * (1 - quickly)
        kept = _FORGET ** (accepted + refused)
        self._lately = self._lately * kept + accepted + refused
        self._lately_refused = self._lately_refused * kept + refused

    def _empty(self, now: float) -> None:
        """Most was refused: the bucket is empty, and what it let through since it last was is its refill."""
        before = self.per_second
        found = self._found(now, before / 2) if self._emptied_at > float("-inf") else self._documented
        self.per_second = max(found, _FLOOR)
        self._found_again(now)
        self._noisy_until = float("-inf")
        self._trial, self._just_refused = None, 0.0
        self.tokens, self._let_through = 0.0, 0.0
        self._emptied_at, self._resumes_at = now, self.paused_until

    def _found(self, now: float, otherwise: float) -> float:
        """The refill, from what was let through since the bucket was empty, when that was long enough ago to tell."""
        seconds = now - self._emptied_at
        telling = 1 <= seconds < float("inf") and self._let_through > 0
        return min(self.per_second, 0.98 * self._let_through / seconds if telling else otherwise)

    def _judge(self, trial: _Trial, accepted: float, refused: int, now: float) -> None:
        """Going slower is kept to when it helped; else the refusals have nothing to do with the pace."""
        trial.answers, trial.refused = trial.answers + accepted + refused, trial.refused + refused
        if trial.answers < max(_ENOUGH, min(3 / trial.share_before, _LONGEST_TRIAL)):
            return
        if trial.refused / trial.answers > trial.share_before / 2:
            self.per_second, self._noisy_until = max(self.per_second, trial.per_second), now + _LONGEST_HOLD
        else:
            self._found_again(now)
        self._trial = None

    def _found_again(self, now: float) -> None:
        """The same limit as last time is asked after half as often."""
        same = self.told and 0.7 <= self.per_second / self._last_found <= 1.4
        self._hold = min(self._hold * 2, _LONGEST_HOLD) if same else _HOLD
        self.told, self._last_found, self._heard_at = True, self.per_second, now

    def _advance(self, now: float) -> None:
        seconds, self.now = max(now - self.now, 0.0), max(now, self.now)
        if self._braking and now > self.paused_until and not self._trial:
            self._grow(min(seconds, 5.0), now)
        # Nothing is saved up while an empty bucket is waited for: it may be another one than ours.
        gained = min(seconds, max(now - self._resumes_at, 0.0))
        self.tokens = min(self.tokens + self.per_second * gained, self.limit.burst)

    def _grow(self, seconds: float, now: float) -> None:
        quiet = now - max(self._heard_at, self._emptied_at)
        if not self.told:
            self.per_second *= 2.0 ** min(seconds, 1.0)
        elif quiet > self._hold:
            self.per_second *= _GROWTH ** (seconds * min(quiet / self._hold, 4.0))
        if self.limit.certain:
            self.per_second = self._documented


@dataclass
class _Trial:
    """Going slower to see whether fewer are refused: the pace and the share refused before, and the count since."""

    per_second: float
    begun_at: float
    share_before: float
    answers: float = 0.0
    refused: float = 0.0


class Asked(Protocol):
    """What `Pace` needs to know of a request."""

    @property
    def method(self) -> str:
        """The verb."""

    @property
    def path(self) -> str:
        """Relative to the version, with its query."""


class Pace:
    """Lets requests leave at the pace of their kind, in the order they came; the clock and the pause are handed in."""

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self.clock = sleep, clock
        self.rates = {kind: Rate(limit, clock()) for kind, limit in DOCUMENTED.items()}
        self._turns = {kind: asyncio.Lock() for kind in DOCUMENTED}

    async def turn(self, requests: Sequence[Asked], until: float = math.inf) -> tuple[int, float]:
        """Wait until some of these may leave together: how many (the first ones, of one kind), and the moment.

        None of them, and at once, when that would be later than `until`.
        """
        kind = charge(requests[0].method, requests[0].path)[0]
        rate = self.rates[kind]
        if self.clock() > until or rate.paused_until > until or not await self._first_in_line(kind, until):
            return 0, self.clock()
        try:
            while True:
                costs = _costs(kind, requests, rate.batch)
                if (seconds := rate.wait(sum(costs), self.clock())) <= 0:
                    break
                if self.clock() + seconds > until:
                    return 0, self.clock()
                await self._sleep(max(seconds, 0.001))
            rate.take(sum(costs), self.clock())
        finally:
            self._turns[kind].release()
        return len(costs), self.clock()

    async def _first_in_line(self, kind: str, until: float) -> bool:
        """Wait, not past `until`, until those that came before have left; then the line's head is taken."""
        try:
            async with asyncio.timeout(None if until == math.inf else max(until - self.clock(), 0.0)):
                return await self._turns[kind].acquire()
        except TimeoutError:
            return False

    def held(self, request: Asked) -> float:
        """Seconds until a request of this kind may leave, as far as is known now."""
        kind, cost = charge(request.method, request.path)
        return self.rates[kind].wait(cost, self.clock())

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
            rate = self.rates[kind]
            refused = [retry_after(headers) for _, status, headers in found if status == 429]
            waits = [seconds for seconds in refused if seconds is not None]
            rate.near_limit(max(share_used(headers) for *_, headers in found), now)
            accepted = sum(cost for cost, status, _ in found if status != 429)
            rate.answered(sent_at, now, accepted, len(refused), max(waits, default=None))


def _costs(kind: str, requests: Sequence[Asked], most: int) -> list[int]:
    """What the first requests of that kind cost, `most` of them."""
    charges = [charge(request.method, request.path) for request in requests[:most]]
    return [cost for _, cost in takewhile(lambda charged: charged[0] == kind, charges)]
