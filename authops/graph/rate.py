"""A token bucket whose refill is found out, never configured. It has neither clock nor network: seconds are handed in.

It begins at the documented figure and may spend its burst. While nothing ever spoke of a limit the refill doubles
every second it is the brake. The first word of a limit (a 429, or `x-ms-throttle-limit-percentage`) ends that. Between
two 429s a bucket lets through exactly what it refills, so what was let through meanwhile is the new pace; then it
grows slowly, and asks the more rarely the more often the answer was the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_FLOOR: Final = 0.05
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
_SLOW: Final = 5.0
_TELLING: Final = 3
_AT_LEAST: Final = 0.4
_SHORT_HOLD: Final = 5.0
_STRAYS: Final = 5
_STRAY_SHARE: Final = 0.15
_FORGET_BATCH: Final = 0.99
# Documented limits hold ten seconds' worth (reads, reports).
_WORTH: Final = 10.0


@dataclass(frozen=True)
class Limit:
    """What a bucket is documented to hold and to be refilled with each second; `certain`: never try for more."""

    burst: float
    per_second: float
    certain: bool = False


@dataclass
class Rate:
    """The pace of one kind of call. `per_second` is the refill believed in, `paused_until` what Graph asked for.

    A whole batch turned away holds everything back as well, until others that left no earlier are let through.
    """

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
    _ceiling: float = 0.0
    _doubtful_until: float = float("-inf")
    _doubted_from: float = float("-inf")
    _through_at: float = float("-inf")
    _batches: float = 0.0
    _turned_away: float = 0.0

    def __post_init__(self) -> None:
        self.per_second, self.tokens = self.limit.per_second, self.limit.burst

    @property
    def batch(self) -> int:
        """The most requests to send in one go: a second's worth once a limit is known, never over twenty."""
        return max(1, min(20, int(self.per_second))) if self.told else 20

    @property
    def _documented(self) -> float:
        return min(self.per_second, self.limit.per_second)

    @property
    def held_until(self) -> float:
        """Before this nothing leaves."""
        return max(self.paused_until, self._doubtful_until)

    @classmethod
    def shared(cls, rates: Sequence[Rate], now: float) -> Rate:
        """The pace of several kinds together whose limit turned out to be one, and to be empty."""
        found = sum(rate.let_through_lately(now) for rate in rates)
        refill = max(min(rate.per_second for rate in rates), min(found, sum(rate.per_second for rate in rates)), _FLOOR)
        made = cls(Limit(max(_WORTH * refill, 1.0), refill), now)
        made.told, made.tokens = True, 0.0
        made._emptied_at = made._heard_at = now
        made.paused_until = made._resumes_at = max(rate.paused_until for rate in rates)
        return made

    def let_through_lately(self, now: float) -> float:
        """What was let through a second since the bucket was last empty; 0 when that does not tell."""
        seconds = now - self._emptied_at
        return self._let_through / seconds if 1 <= seconds < float("inf") else 0.0

    def doubtful(self, now: float) -> bool:
        """Whether it is held only for a batch that was turned away."""
        return self._doubtful_until > max(now, self.paused_until)

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may leave; 0 when it may leave now."""
        seconds = self.due(cost, now)
        self._braking = min(cost, self.limit.burst) > self.tokens
        return seconds

    def due(self, cost: float, now: float) -> float:
        """`wait`, for who only wants to know."""
        self._advance(now)
        missing = min(cost, self.limit.burst) - self.tokens
        return max(self.held_until - now, missing / self.per_second, 0.0)

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
        self._count_batch(away=False)
        self._let_through += accepted if sent_at >= self._emptied_at else 0
        if self._trial and sent_at >= self._trial.begun_at:
            self._judge(self._trial, accepted, refused, now)
        if not refused:
            self._backoffs = 0
            self._through(sent_at)
            return
        self._backoffs += now >= self.paused_until
        self.paused_until = max(self.paused_until, now + self._pause(after))
        if sent_at < self._emptied_at:
            return
        if self.told and self.per_second < _SLOW and not self.limit.certain:
            # What left early, to see whether it must wait, tells nothing of the pace.
            if sent_at >= self._resumes_at:
                self._empty_though_small(now)
        elif self._just_refused > _MOST or refused > accepted + _WALL:
            self._empty(now)
        elif self._trial is None and now > self._noisy_until:
            self._trial = _Trial(self.per_second, now, self._lately_refused / self._lately)
            self.per_second = max(self._found(now, self._documented * 0.98), _FLOOR)

    def turned_away(self, sent_at: float, now: float, after: float | None) -> float:
        """A whole batch was refused; the seconds that what was in it waits.

        Where that happens to one in a while, and others are let through, it says nothing of the limit.
        """
        self._count_batch(away=True)
        if self._turned_away > max(_STRAYS, _STRAY_SHARE * self._batches):
            self.answered(sent_at, now, 0, 1, after)
            return max(self.paused_until - now, 0.0)
        self._advance(now)
        pause = self._pause(after)
        if sent_at > self._through_at:
            self._doubted_from = max(self._doubted_from, sent_at)
            self._doubtful_until = max(self._doubtful_until, now + pause)
        return pause

    def _pause(self, after: float | None) -> float:
        return after if after is not None else min(2.0 ** (max(self._backoffs, 1) - 1), 30.0)

    def _count_batch(self, *, away: bool) -> None:
        self._batches = self._batches * _FORGET_BATCH + 1
        self._turned_away = self._turned_away * _FORGET_BATCH + away

    def _through(self, sent_at: float) -> None:
        """What left then was let through, so who was turned away no later met no limit."""
        self._through_at = max(self._through_at, sent_at)
        if sent_at >= self._doubted_from:
            self._doubtful_until = float("-inf")

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

    def _empty_though_small(self, now: float) -> None:
        """A bucket this small is emptied by single requests, so each refusal tells: since it had room again, and only
        then, it let through what it refilled and little more.
        """
        seconds, count = now - max(self._emptied_at, self._resumes_at), self._let_through
        found = 0.98 * (count - 0.5) / seconds if count >= _TELLING and seconds > 0 else self._found(now, 0.0)
        self.per_second = max(min(self.per_second, found), _AT_LEAST * self.per_second, _FLOOR)
        self._found_again(now)
        self._hold = self._hold if count >= _TELLING else _SHORT_HOLD
        self._ceiling = self.per_second if count >= _TELLING else 0.0
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
            self.per_second *= _GROWTH ** (seconds * min(quiet / self._hold, 4.0) * self._care())
        if self.limit.certain:
            self.per_second = self._documented

    def _care(self) -> float:
        """A small limit is passed by a few requests, so near the pace it was found to have it is asked more slowly."""
        near = 0.5 * self._ceiling <= self.per_second <= 2.0 * self._ceiling
        return min(max(self.per_second / _SLOW, 0.1), 1.0) if near else 1.0


@dataclass
class _Trial:
    """Going slower to see whether fewer are refused: the pace and the share refused before, and the count since."""

    per_second: float
    begun_at: float
    share_before: float
    answers: float = 0.0
    refused: float = 0.0
