"""Approved changes → turn → re-read → intent → write → read back → outcome.

An outcome says what Graph *shows*, not what it answered: a write that failed may have happened, one that was
accepted may not have. After an answer that settles nothing the value is read before anything is written again.
People are worked on in groups of one `$batch`, ever more groups at once; a group waits for its turn to write *before*
it reads, so that what it read is fresh when it writes. What was stopped before its write stays open in the journal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

import pandas as pd

from authops.apply.breaker import Breaker
from authops.apply.change import CONFLICT, Change, in_groups, judge, of_rows, request_of
from authops.apply.journal import Journal
from authops.graph.answer import Answer
from authops.graph.client import Graph
from authops.graph.pace import retry_after
from authops.tenant import directory
from authops.words.errors import GraphError
from authops.words.frames import OUTCOME_ROWS, OUTCOMES, frame

MODES: Final = ("dry-run", "apply")
_GROUPS: Final = 48
_ATTEMPTS: Final = 10
_THROTTLED_ATTEMPTS: Final = 40
_PATIENCE: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_UNTIL_LAG_IS_KNOWN: Final = 8.0
_ENOUGH_SHOWN: Final = 10

Report = Callable[[int, Counter[str]], None]
Now = dict[tuple[str, str], str | None]


def _silent(_done: int, _counts: Counter[str]) -> None:
    return None


@dataclass
class Applier:
    """Carries approved changes out. The clock and the pause are handed in; `stop` is asked before every write.

    `stopped` says why it ended early: asked to, interrupted, or the breaker; empty when it did not.
    """

    graph: Graph
    journal: Journal
    now: Callable[[], datetime]
    mode: str = "dry-run"
    report: Report = _silent
    stop: Callable[[], bool] = lambda: False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    breaker: Breaker = field(default_factory=Breaker)
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    _tried: dict[str, int] = field(default_factory=dict)
    _interrupted: set[str] = field(default_factory=set)
    _open: dict[str, str] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _unreadable: dict[tuple[str, str], str] = field(default_factory=dict)
    _fault: BaseException | None = None
    _lag: float = 0.0
    _shown: int = 0

    async def apply(self, approved: pd.DataFrame) -> pd.DataFrame:
        """Apply CHANGES rows; returns OUTCOME_ROWS, one per row. Changes already settled in the journal are left.

        A cancelled cell (the kernel's interrupt) ends like a stop: writes in flight are settled first.
        Raises `JournalError` before the write that could not be journalled, `GraphError` when reading is refused,
        `FrameError` for a row that is no write.
        """
        changes = of_rows(approved)
        settled = set(self.journal.outcomes()["change_id"])
        self._tried = self.journal.attempts()
        self._interrupted = set(self._tried) - settled
        await self._settle_by_reading(self._sent_and_no_more_approved(changes))
        groups = in_groups([c for c in changes if c.change_id not in settled])
        await self._to_the_end(asyncio.ensure_future(self._ever_more(groups)))
        if self._fault:
            raise self._fault
        return self._outcomes(changes)

    def _sent_and_no_more_approved(self, changes: Sequence[Change]) -> list[Change]:
        """What an earlier go sent without an answer, and whose approval was taken back since."""
        sent = self.journal.open_intents().drop_duplicates("change_id", keep="last").assign(step=0)
        return of_rows(sent[~sent["change_id"].isin({c.change_id for c in changes})])

    async def _settle_by_reading(self, sent: Sequence[Change]) -> None:
        """Read, and never written again; who cannot be read stays open."""
        if not sent:
            return
        now = await self._until_shown(
            sent, await self._read(sent), lambda c, found, waited: not c.done_by(found) and self._early(waited)
        )
        said = "its answer never came, and it is not approved any more; seen by reading"
        shown = [(c, found) for c in sent if (found := now[c.slot]) is not None]
        self._settle(
            [(c, "applied_with_note" if c.done_by(found) else "unknown", said, found, None) for c, found in shown]
        )

    async def _to_the_end(self, work: asyncio.Future[Any]) -> None:
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                if work.cancelled():
                    raise
                self._end("interrupted")
                if task := asyncio.current_task():
                    task.uncancel()

    async def _ever_more(self, groups: Iterator[list[list[Change]]]) -> None:
        """One group first, then twice as many each time: what goes wrong goes wrong for a few."""
        running: set[asyncio.Task[None]] = set()
        width = 1
        while True:
            running |= {asyncio.ensure_future(self._safely(group)) for group in islice(groups, width - len(running))}
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            width = min(width + len(done), _GROUPS)

    async def _safely(self, group: list[list[Change]]) -> None:
        try:
            await self._some(group)
        except Exception as error:  # the other groups settle what they wrote before it is raised
            self._fault = self._fault or error
            self._end("an error")

    def _end(self, why: str) -> None:
        self.stopped = self.stopped or why

    def _may_write(self) -> bool:
        if not self.stopped and self.stop():
            self._end("asked to stop")
        if not self.stopped and self.breaker.why:
            self._end(self.breaker.why)
        return not self.stopped

    async def _some(self, queues: list[list[Change]]) -> None:
        """All changes of some users: one write per user at a time, in plan order."""
        while any(queues):
            wave = [queue.pop(0) for queue in queues if queue]
            made = await (self._write(wave) if self.mode == "apply" else self._rehearse(wave))
            for queue in queues:
                if queue and queue[0].user_id not in made:
                    self._after_failure(queue)

    def _after_failure(self, queue: list[Change]) -> None:
        """The rest of a user's changes was planned on top of one that was not made, or not yet."""
        if self.stopped:
            self._leave(queue, self._stopped_before())
        elif queue[0].user_id in self._waiting:
            self._leave(queue, "an earlier change of this user was left open, so this one was not written")
        else:
            self._settle([(c, "skipped", "an earlier change of this user was not made", "", None) for c in queue])
        queue.clear()

    async def _rehearse(self, wave: list[Change]) -> set[str]:
        if not self._may_write():
            self._leave(wave, f"stopped ({self.stopped})")
            return set()
        ready, _ = await self._still_as_planned(wave)
        self._settle([(c, "skipped", "dry run: nothing was written", c.before, None) for c in ready])
        return {c.user_id for c in ready}

    async def _write(self, wave: list[Change]) -> set[str]:
        """Write one change for each of some users; returns the users whose change Graph shows."""
        made: set[str] = set()
        waiting = wave
        while waiting and self._may_write():
            count, sent_at = await self.graph.pace.turn([request_of(c) for c in waiting])
            if not self._may_write():
                self.graph.pace.give_back("writes", count)
                break
            part, waiting = waiting[:count], waiting[count:]
            ready, done = await self._still_as_planned(part)
            if not self._may_write():  # reading can take minutes where Graph throttles
                waiting, ready = ready + waiting, []
            self.graph.pace.give_back("writes", count - len(ready))
            again, written = await self._once(ready, sent_at) if ready else ([], set())
            made |= done | written
            waiting = waiting + again
        self._leave(waiting, self._stopped_before())
        return made

    def _stopped_before(self) -> str:
        return f"stopped ({self.stopped}) before it was written"

    async def _once(self, ready: list[Change], sent_at: float) -> tuple[list[Change], set[str]]:
        """Intent, write, read back, outcome: (what may be written again, users whose change is seen)."""
        answers = await self._send(ready, sent_at)
        now = await self._read_back(ready, answers)
        again: list[Change] = []
        rows: list[_Row] = []
        for change in ready:
            answer, found = answers[change.change_id], now[change.slot]
            outcome, detail = judge(change, answer, found)
            if outcome == "again" and self._tried[change.change_id] < _most(answer):
                again.append(change)
            else:
                rows.append((change, "unknown" if outcome == "again" else outcome, detail, found or "", answer))
        self._settle(rows)
        waits = [retry_after(answers[c.change_id].headers) or 1.0 for c in again]
        if waits and self._may_write():
            await self.sleep(min(max(waits), 60.0))
        return again, {row[0].user_id for row in rows if row[1].startswith("applied")}

    async def _still_as_planned(self, changes: list[Change]) -> tuple[list[Change], set[str]]:
        """The changes that may be written now, and the users whose change is there already; the others are settled."""
        now = await self._read(changes)
        earlier = [c for c in changes if c.change_id in self._interrupted]
        now |= await self._until_shown(
            earlier, now, lambda c, found, waited: not c.done_by(found) and self._early(waited)
        )
        self._interrupted -= {c.change_id for c in earlier}
        ready: list[Change] = []
        rows: list[_Row] = []
        unread: list[Change] = []
        for change in changes:
            found = now[change.slot]
            outcome, detail = self._before_writing(change, found)
            if found is None:
                unread.append(change)
            elif outcome:
                rows.append((change, outcome, detail, found, None))
            else:
                ready.append(change)
        gone = await self._gone(unread) if unread else set()
        rows += [self._of_somebody_gone(change) for change in unread if change.user_id in gone]
        self._settle(rows)
        for change in (c for c in unread if c.user_id not in gone):
            self._leave([change], f"could not be read, so nothing was written: {self._unreadable[change.slot]}")
        return ready, {row[0].user_id for row in rows if row[1].startswith("applied")}

    async def _gone(self, unread: Sequence[Change]) -> set[str]:
        """Whom of those that could not be read the tenant does not have any more; nobody, when that is not told."""
        ids = list(dict.fromkeys(c.user_id for c in unread))
        try:
            found = await directory.find_users(self.graph, ids)
        except GraphError:
            return set()
        return set(ids) - set(found["asked"])

    def _of_somebody_gone(self, change: Change) -> _Row:
        said = "the tenant does not have this user any more"
        if change.change_id in self._tried:
            return change, "unknown", f"its answer never came, and {said}", "", None
        return change, "skipped", f"{said}; nothing was written", "", None

    def _before_writing(self, change: Change, found: str | None) -> tuple[str, str]:
        """(outcome, detail) of a change that must not be written now; ("", "") when it may be."""
        if found is not None and change.change_id in self._tried and change.done_by(found):
            return "applied_with_note", "its answer never came; seen by reading"
        if found is not None and change.drifted_from(found):
            return "drifted", "the value is no longer what the plan saw; nothing was written"
        return "", ""

    async def _send(self, ready: list[Change], sent_at: float) -> dict[str, Answer]:
        at = self._at()
        for change in ready:
            self._tried[change.change_id] = self._tried.get(change.change_id, 0) + 1
        self.journal.intend([vars(c) | {"attempt": self._tried[c.change_id], "at": at} for c in ready])
        sent = {request_of(c): c.change_id for c in ready}
        return {sent[answer.request]: answer for answer in await self.graph.write(list(sent), sent_at)}

    async def _read_back(self, wave: list[Change], answers: dict[str, Answer]) -> Now:
        """The values after a write; reads lag writes, so it is given some time to show."""
        try:
            now = await self._read(wave)
        except GraphError:
            return {c.slot: None for c in wave}

        def may_still_show(change: Change, found: str, waited: float) -> bool:
            answer, again = answers[change.change_id], self._tried[change.change_id] > 1
            happened = answer.happened
            # Refused the second time can mean: done the first time, and not shown yet. A conflict is not sent again.
            patient = happened == "done" or (happened == "refused" and again) or answer.status == CONFLICT
            return not change.done_by(found) and (patient or (happened == "unknown" and self._early(waited)))

        return await self._until_shown(wave, now, may_still_show)

    def _early(self, waited: float) -> bool:
        """Whether a write of which nothing is known may still come to show: twice the lag seen so far."""
        return waited < (max(1.0, 2 * self._lag) if self._shown >= _ENOUGH_SHOWN else _UNTIL_LAG_IS_KNOWN)

    async def _until_shown(
        self, changes: Sequence[Change], now: Now, hidden: Callable[[Change, str, float], bool]
    ) -> Now:
        """Read again, with growing pauses, what may still come to show; learns how far reads lag."""
        now, waited = dict(now), 0.0
        open_ = list(changes)
        for pause in (*_PATIENCE, 0.0):
            found = {c.slot: now[c.slot] for c in open_}
            seen = [c for c in open_ if (value := found[c.slot]) is not None and c.done_by(value)]
            self._shown += len(seen)
            self._lag = max(self._lag, waited) if seen else self._lag
            open_ = [c for c in open_ if (v := found[c.slot]) is None or hidden(c, v, waited)]
            if not open_ or not pause:
                break
            await self.sleep(pause)
            waited += pause
            now |= await self._read(open_)
        return now

    async def _read(self, changes: Sequence[Change]) -> Now:
        """(user, method) → value now, "" for none, None when it could not be read."""
        methods = list(dict.fromkeys(c.method for c in changes))
        seen = await directory.current(self.graph, [c.user_id for c in changes], methods=methods)
        slots = list(zip(seen["user_id"], seen["method"], strict=True))
        self._unreadable |= {s: why for s, why in zip(slots, seen["error"], strict=True) if why}
        rows = zip(slots, seen["known"], seen["value"], strict=True)
        return {slot: value if known else None for slot, known, value in rows}

    def _leave(self, changes: Sequence[Change], detail: str) -> None:
        """Not written, and not settled either: a resumed run takes these up."""
        for change in changes:
            self._open[change.change_id] = detail
            self._waiting.add(change.user_id)

    def _settle(self, rows: Sequence[_Row]) -> None:
        self.journal.settle([self._outcome(*row) for row in rows])
        for _, outcome, *_rest in rows:
            self.counts[outcome] += 1
            self.breaker.count(outcome)
        self.report(self.counts.total(), self.counts)

    def _outcome(self, change: Change, outcome: str, detail: str, found: str, answer: Answer | None) -> dict[str, Any]:
        record = {k: v for k, v in vars(change).items() if k in OUTCOME_ROWS}
        request_id = answer.request_id if answer else ""
        what = {"outcome": outcome, "found": found, "detail": detail, "request_id": request_id, "at": self._at()}
        return record | what

    def _outcomes(self, changes: Sequence[Change]) -> pd.DataFrame:
        """What the journal settled, and what was left open as `skipped`."""
        settled = self.journal.outcomes()
        known = set(settled["change_id"])
        left = [c for c in changes if c.change_id not in known]
        rows = [self._outcome(c, *self._left_open(c), "", None) for c in left]
        return pd.concat([settled, frame(OUTCOME_ROWS, rows)], ignore_index=True) if rows else settled

    def _left_open(self, change: Change) -> tuple[str, str]:
        """(outcome, detail) as reported of what was left open; the journal keeps it open."""
        if change.change_id in self._tried:
            return "unknown", f"sent before, and not seen to have happened; {self._open[change.change_id]}"
        return "skipped", self._open[change.change_id]

    def _at(self) -> str:
        return self.now().isoformat(timespec="milliseconds")


_Row = tuple[Change, str, str, str, Answer | None]


def _most(answer: Answer) -> int:
    """Attempts at most; being throttled is no failure."""
    return _THROTTLED_ATTEMPTS if answer.status == 429 else _ATTEMPTS


def tally(outcomes: pd.DataFrame) -> dict[str, int]:
    """Rows per outcome, in the order of OUTCOMES."""
    found = outcomes["outcome"].value_counts()
    return {name: int(found[name]) for name in OUTCOMES if name in found}


def ending(outcomes: pd.DataFrame, mode: str, stopped: str = "") -> tuple[str, str]:
    """(status, headline) of an apply; `stopped` says why it ended early, if it did."""
    said = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in tally(outcomes).items()) or "nothing to do"
    if outcomes.empty:
        return "nothing to do", said
    said = f"stopped ({stopped}): {said}; go on with: authops run apply --resume RUN" if stopped else said
    status = "attention" if stopped or len(failed(outcomes)) or (mode == "apply" and _left(outcomes)) else "done"
    return status, said if mode == "apply" else f"dry run, nothing was written: {said}"


def _left(outcomes: pd.DataFrame) -> bool:
    return bool(outcomes["outcome"].eq("skipped").any())


def failed(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows somebody has to look at: rejected, drifted or unknown."""
    assert set(outcomes["outcome"]) <= set(OUTCOMES)
    return outcomes[outcomes["outcome"].isin(("rejected", "drifted", "unknown"))]
