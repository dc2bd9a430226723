"""Approved changes → turn → re-read → intent → write → read back → outcome.

An outcome says what Graph *shows*, not what it answered: a write that failed may have happened, one that was
accepted may not have. After an answer that settles nothing the value is read before anything is written again.
People are worked on in groups of one `$batch`, ever more at once; a group waits for its turn to write *before* it
reads, so that what it read is fresh. What was stopped before its write stays open in the journal.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

import pandas as pd

from authops.apply.already import Already
from authops.apply.breaker import Breaker
from authops.apply.change import GROUP, Change, attempts, became, beforehand, in_groups, of_rows, perhaps_done
from authops.apply.conditions import Conditions
from authops.apply.ends import Report, silent
from authops.apply.freshness import BOUND, Clocks
from authops.apply.hearing import SETTLING, T, to_the_end, unless
from authops.apply.journal import Journal
from authops.apply.making import Making
from authops.apply.passes import Handing, begun
from authops.apply.reading import Now, Reader, gone
from authops.apply.settled import Row, of_somebody_gone, outcome_of
from authops.graph.answer import Answer
from authops.graph.client import Graph
from authops.graph.pace import retry_after
from authops.words.errors import GraphError
from authops.words.frames import OUTCOME_ROWS, REHEARSED, frame

MODES: Final = ("dry-run", "apply")
_GROUPS: Final = 48
# Seconds that a group waits for a reading of one of its members.
_PATIENCE: Final = 0.5
# People beside their groups at most before another group begins.
_ASIDE: Final = 200
# The try at which readings are waited for as long as Graph asks.
_TOGETHER: Final = 4
# Readings in a row that were too old when they came, after which a change is left open.
_READINGS: Final = 20

# Changes of some users → who of them must not be written now, and why.
Watch = Callable[[Sequence[Change]], Awaitable[Mapping[str, str]]]


async def _nobody(_changes: Sequence[Change]) -> Mapping[str, str]:
    return {}


@dataclass
class Applier:
    """Carries approved changes out. The clock and the pause are handed in; `stop` is asked before every write.

    `watch` is asked, before a group is written, who of it must not be touched any more; `until` is when the approval
    ends; `already`: what was made since the plan was, and is not made again. What has to hold besides the value
    (CHANGES' `condition`) is asked right before each write.
    `stopped` says why it ended early (asked to, interrupted, expired, the breaker), if it did.
    """

    graph: Graph
    journal: Journal
    now: Callable[[], datetime]
    mode: str = "dry-run"
    report: Report = silent
    stop: Callable[[], bool | str] = lambda: False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    breaker: Breaker = field(default_factory=Breaker)
    watch: Watch = _nobody
    until: datetime | None = None
    handing: Handing | None = None
    already: Already = field(default_factory=Already)
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    _tried: dict[str, int] = field(default_factory=dict)
    _interrupted: set[str] = field(default_factory=set)
    _uncertain: set[str] = field(default_factory=set)
    _open: dict[str, str] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _lanes: int = _GROUPS
    _stale: Counter[str] = field(default_factory=Counter)
    _aside: set[asyncio.Task[None]] = field(default_factory=set)
    _fault: BaseException | None = None

    def __post_init__(self) -> None:
        clocks = Clocks(self.graph.clock, self.now)
        self._reader, self._began = Reader(self.graph, clocks, self.sleep), clocks.now()
        do = (self._send, self._settle, self._leave, self._end, self._may_write, self._wait_for)
        self._making = Making(self.graph, self._reader, *do, lambda c: self._tried[c.change_id], self._uncertain)

    async def apply(self, approved: pd.DataFrame) -> pd.DataFrame:
        """Apply CHANGES rows; returns OUTCOME_ROWS, one per row. Changes already settled in the journal are left.

        A cancelled cell (the kernel's interrupt) ends like a stop: writes in flight are settled first.
        Raises `JournalError` before the write that could not be journalled, `GraphError` when reading is refused,
        `FrameError` for a row that is no write.
        """
        changes = of_rows(approved)
        settled = set(self.journal.outcomes()["change_id"])
        self._tried = self.journal.attempts()
        self._conditions = Conditions(self.graph, changes, self._reader.clocks, self.already.made)
        self._interrupted = set(self._tried) - settled
        self._uncertain |= self._interrupted
        sent = self._sent_and_no_more_approved(changes)
        await self._settle_by_reading(sent, "its answer never came, and it is not approved any more")
        left = [c for c in changes if c.change_id not in settled]
        size, self._lanes = await begun(self.handing, left, self.mode, self._may_write) or (GROUP, _GROUPS)
        groups = in_groups(left, size)
        await to_the_end(asyncio.ensure_future(self._ever_more(groups)), lambda: self._end("interrupted"))
        if self._fault:
            raise self._fault
        return self._outcomes(changes)

    def _sent_and_no_more_approved(self, changes: Sequence[Change]) -> list[Change]:
        """What an earlier go sent without an answer, and whose approval was taken back since."""
        sent = self.journal.open_intents().drop_duplicates("change_id", keep="last").assign(step=0, condition="")
        return of_rows(sent[~sent["change_id"].isin({c.change_id for c in changes})])

    async def _settle_by_reading(self, sent: Sequence[Change], why: str) -> None:
        """Read, and never written again; who cannot be read stays open."""
        if self.mode == "apply":
            await self._making.take_back([c for c in sent if c.secret], why)
        sent = [c for c in sent if not c.secret]
        if not sent:
            return
        now = await self._reader.until_shown(sent, await self._reader.now(sent), self._may_still_show)
        said = f"{why}; seen by reading"
        told = [(c, seen) for c in sent if (seen := now[c.slot]) is not None]
        self._settle([(c, "applied_with_note" if c.done_by(seen) else "unknown", said, seen, None) for c, seen in told])

    async def _ever_more(self, groups: Iterator[list[list[Change]]]) -> None:
        """One group first, then twice as many each time: what goes wrong goes wrong for a few.

        Who left a group goes on beside the groups; where many did, no further group begins.
        """
        running: set[asyncio.Task[None]] = set()
        width = 1
        while True:
            more = width - len(running) if len(self._aside) < _ASIDE else 0
            running |= {asyncio.ensure_future(self._safely(self._some(group))) for group in islice(groups, more)}
            if not running and not self._aside:
                return
            done, _ = await asyncio.wait(running | self._aside, return_when=asyncio.FIRST_COMPLETED)
            width = min(width + len(done & running), self._lanes)
            running -= done
            self._aside -= done

    async def _safely(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # the other groups settle what they wrote before it is raised
            self._fault = self._fault or error
            self._end("an error")

    async def _hearing(self, work: Awaitable[T], grace: float = 0.0) -> T | None:
        """What may be given up when somebody asks to stop: then None, `grace` seconds later."""
        return await unless(work, self._may_write, self.graph.clock, grace)

    def _end(self, why: str) -> None:
        self.stopped = self.stopped or why

    def _may_still_show(self, change: Change, found: str, waited: float) -> bool:
        return not (change.secret or change.done_by(found)) and self._reader.early(waited)

    def _may_write(self) -> bool:
        if not self.stopped and (why := self.stop()):
            self._end(why if isinstance(why, str) else "asked to stop")
        if not self.stopped and self.until is not None and self._reader.clocks.since(self._began) >= self.until:
            self._end("the approval has expired")
        if not self.stopped and self.breaker.why:
            self._end(self.breaker.why)
        return not self.stopped

    async def _some(self, queues: list[list[Change]], tries: int = 1) -> None:
        """All changes of some users: one write per user at a time, in plan order.

        Who cannot be read at once leaves: nobody is written on what was read before that. Those try again together,
        but whoever was asked to wait goes on beside the groups.
        """
        patience = _PATIENCE if tries < _TOGETHER else math.inf
        slow: list[list[Change]] = []
        while any(queues):
            wave = [queue.pop(0) for queue in queues if queue]
            made, late = await (self._write(wave, patience) if self.mode == "apply" else self._rehearse(wave, patience))
            late = late if patience < math.inf else await self._settle_unread(late)
            put_off = {change.user_id: change for change in late}
            for change in late:
                rest = next((queue for queue in queues if queue and queue[0].user_id == change.user_id), [])
                slow.append([change, *rest])
                rest.clear()
            for queue in queues:
                if queue and queue[0].user_id not in made and queue[0].user_id not in put_off:
                    self._after_failure(queue)
        away = [queue for queue in slow if self.graph.pace.away(queue[0].reading) > _PATIENCE]
        self._aside |= {asyncio.ensure_future(self._safely(self._some([queue], _TOGETHER))) for queue in away}
        if soon := [queue for queue in slow if queue not in away]:
            await self._hearing(self.sleep(max(_PATIENCE, self.graph.pace.held(soon[0][0].reading))))
            await self._some(soon, tries + 1)

    def _after_failure(self, queue: list[Change]) -> None:
        """The rest of a user's changes was planned on top of one that was not made, or not yet."""
        if self.stopped:
            self._leave(queue, self._stopped_before())
        elif queue[0].user_id in self._waiting:
            self._leave(queue, "an earlier change of this user was left open, so this one was not written")
        else:
            self._settle([(c, "skipped", "an earlier change of this user was not made", "", None) for c in queue])
        queue.clear()

    async def _rehearse(self, wave: list[Change], patience: float = _PATIENCE) -> tuple[set[str], list[Change]]:
        seen = await self._hearing(self._still_as_planned(wave, patience)) if self._may_write() else None
        if seen is None:
            self._leave(wave, f"stopped ({self.stopped})")
            return set(), []
        ready, _, late = seen
        self._settle([(c, "skipped", REHEARSED, c.before, None) for c in ready])
        return {c.user_id for c in ready}, late

    async def _write(self, wave: list[Change], patience: float = _PATIENCE) -> tuple[set[str], list[Change]]:
        """Write one change for each of some users; returns the users whose change Graph shows, and who was put off."""
        made: set[str] = set()
        late: list[Change] = []
        waiting = wave
        while waiting and self._may_write():
            turn = await self._hearing(self.graph.pace.turn([c.request for c in waiting]))
            if turn is None:
                break
            count, sent_at = turn
            part, waiting = waiting[:count], waiting[count:]
            # Each time: a turn, and what is written again, can take minutes.
            part = await self._unheld(part) if self._may_write() else part
            seen = await self._hearing(self._still_as_planned(part, patience)) if self._may_write() else None
            if seen is None:  # somebody asked to stop
                self.graph.pace.give_back("writes", count)
                waiting = part + waiting
                break
            ready, done, put_off = seen
            stale = [c for c in ready if not self._reader.fresh([c])]
            ready = [c for c in ready if self._reader.fresh([c])]
            if not self._may_write():  # reading takes its time
                waiting, ready, stale = ready + stale + waiting, [], []
            self.graph.pace.give_back("writes", count - len(ready))
            again, written = await self._once(ready, sent_at) if ready else ([], set())
            made |= done | written
            late += put_off
            waiting = self._worth_reading(stale) + waiting + again
        self._leave(waiting, self._stopped_before())
        return made, late

    async def _unheld(self, wave: list[Change]) -> list[Change]:
        """Those who may still be touched. Who must not is settled; when that cannot be told, the apply stops."""
        try:
            held = await self._hearing(self.watch(wave))
        except GraphError as error:
            held = None
            self._end(f"who must not be touched could not be read again: {error.message}")
        if held is None:
            self._leave(wave, self._stopped_before())
            return []
        stopped = [c for c in wave if c.user_id in held]
        sent = [c for c in stopped if c.change_id in self._tried]
        await self._settle_by_reading(sent, "its answer never came, and nobody may touch this person now")
        said = {c: f"held since the plan was made: {held[c.user_id]}; nothing was written" for c in stopped}
        self._settle([(c, "skipped", said[c], "", None) for c in stopped if c not in sent])
        return [c for c in wave if c.user_id not in held]

    def _worth_reading(self, stale: list[Change]) -> list[Change]:
        """What was too old to be written over, to be read again; not for ever."""
        self._stale.update(c.change_id for c in stale)
        given_up = [c for c in stale if self._stale[c.change_id] >= _READINGS]
        self._leave(given_up, f"each reading was older than {BOUND:.0f} s when it came, so nothing was written")
        return [c for c in stale if c not in given_up]

    def _stopped_before(self) -> str:
        return f"stopped ({self.stopped}) before it was written"

    async def _once(self, ready: list[Change], sent_at: float) -> tuple[list[Change], set[str]]:
        """Intent, write, read back, outcome: (what may be written again, users whose change is seen)."""
        if self.handing and ready[0].secret:  # a wave of these holds nothing else
            return await self._making.once(self.handing, ready, sent_at)
        answers = await self._send(ready, sent_at)
        now = await self._hearing(self._read_back(ready, answers), SETTLING)
        if now is None:
            self._leave(ready, f"stopped ({self.stopped}) before the value could be read back")
            return [], set()
        again: list[Change] = []
        rows: list[Row] = []
        for change in ready:
            answer, found = answers[change.change_id], now[change.slot]
            outcome, detail = became(change, answer, found, sent_before=change.change_id in self._uncertain)
            if answer.happened in ("done", "unknown"):
                self._uncertain.add(change.change_id)
            if outcome == "again" and self._tried[change.change_id] < attempts(answer):
                again.append(change)
            else:
                rows.append((change, "unknown" if outcome == "again" else outcome, detail, found or "", answer))
        self._settle(rows)
        await self._wait_for([answers[c.change_id] for c in again])
        return again, {row[0].user_id for row in rows if row[1].startswith("applied")}

    async def _wait_for(self, answers: Sequence[Answer]) -> None:
        waits = [retry_after(answer.headers) or 1.0 for answer in answers]
        if waits and self._may_write():
            await self._hearing(self.sleep(min(max(waits), 60.0)))

    async def _still_as_planned(
        self, changes: list[Change], patience: float
    ) -> tuple[list[Change], set[str], list[Change]]:
        """Which may be written now, the users whose change is there already, and who could not be read at once.

        The others are settled.
        """
        now = await self._reader.now(changes, patience)
        earlier = [c for c in changes if c.change_id in self._interrupted and now[c.slot] is not None]
        now |= await self._reader.until_shown(earlier, now, self._may_still_show)
        self._interrupted -= {c.change_id for c in earlier}
        late = [c for c in changes if now[c.slot] is None]
        there = {c.user_id for c in changes if (value := now[c.slot]) is not None and c.done_by(value)}
        told: list[Row] = [
            (c, *beforehand(c, found, sent_before=c.change_id in self._uncertain), found, None)
            for c in changes
            if (found := now[c.slot]) is not None
        ]
        rows = [row for row in told if row[1]]
        ready, held, unsure = await self._conditions.met([row[0] for row in told if not row[1]], patience)
        self._settle(rows + held)
        return ready, there & {row[0].user_id for row in rows}, late + unsure

    async def _settle_unread(self, unread: list[Change]) -> list[Change]:
        """Who is gone is settled; who cannot be read stays open: nobody is put off any more."""
        if not unread:
            return []
        left = await gone(self.graph, [c.user_id for c in unread])
        self._settle([of_somebody_gone(c, c.change_id in self._tried) for c in unread if c.user_id in left])
        for change in (c for c in unread if c.user_id not in left):
            why = self._reader.why.get(change.slot, "no answer")
            self._leave([change], f"could not be read, so nothing was written: {why}")
        return []

    async def _send(self, ready: list[Change], sent_at: float) -> dict[str, Answer]:
        at = self._at()
        for change in ready:
            self._tried[change.change_id] = self._tried.get(change.change_id, 0) + 1
        self.journal.intend([vars(c) | {"attempt": self._tried[c.change_id], "at": at} for c in ready])
        sent = {c.request: c.change_id for c in ready}
        answers = await self.graph.write(list(sent), sent_at, may_leave=lambda: self._reader.fresh(ready))
        return {sent[answer.request]: answer for answer in answers}

    async def _read_back(self, wave: list[Change], answers: dict[str, Answer]) -> Now:
        """The values after a write; reads lag writes, so it is given some time to show."""
        try:
            now = await self._reader.now(wave)
        except GraphError:
            return {c.slot: None for c in wave}

        def may_still_show(change: Change, found: str, waited: float) -> bool:
            answer = answers[change.change_id]
            early = answer.happened == "unknown" and self._reader.early(waited)
            return not change.done_by(found) and (early or perhaps_done(answer, self._tried[change.change_id]))

        return await self._reader.until_shown(wave, now, may_still_show)

    def _leave(self, changes: Sequence[Change], detail: str) -> None:
        """Not written, and not settled either: a resumed run takes these up."""
        for change in changes:
            self._open[change.change_id] = detail
            self._waiting.add(change.user_id)

    def _settle(self, rows: Sequence[Row]) -> None:
        self.journal.settle([outcome_of(*row, at=self._at()) for row in rows])
        for _, outcome, *_rest in rows:
            self.counts[outcome] += 1
            self.breaker.count(outcome)
        self.report(self.counts.total(), self.counts)

    def _outcomes(self, changes: Sequence[Change]) -> pd.DataFrame:
        """What the journal settled, and what was left open as `skipped`."""
        settled = self.journal.outcomes()
        known = set(settled["change_id"])
        left = [c for c in changes if c.change_id not in known]
        rows = [outcome_of(c, *self._left_open(c), "", None, at=self._at()) for c in left]
        return pd.concat([settled, frame(OUTCOME_ROWS, rows)], ignore_index=True) if rows else settled

    def _left_open(self, change: Change) -> tuple[str, str]:
        """(outcome, detail) as reported of what was left open; the journal keeps it open."""
        if change.change_id in self._tried:
            return "unknown", f"sent before, and not seen to have happened; {self._open[change.change_id]}"
        return "skipped", self._open[change.change_id]

    def _at(self) -> str:
        return self.now().isoformat(timespec="milliseconds")
