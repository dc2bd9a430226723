"""Approved changes → intent → re-read → write → read back → outcome; and verify, which reads the world again.

An outcome says what Graph *shows*, not what it answered: a write that failed may have happened, one that was
accepted may not have. After an answer that settles nothing the value is read before anything is written again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

import pandas as pd

from authops import directory, requests
from authops.errors import GraphError
from authops.frames import OUTCOME_ROWS, OUTCOMES, frame
from authops.graph import Answer, Graph, Request
from authops.journal import Journal
from authops.phone import fold, mask

MODES: Final = ("dry-run", "apply")
_USERS_AT_A_TIME: Final = 400
_ATTEMPTS: Final = 3
_PATIENCE: Final = (0.5, 1.0, 2.0, 4.0, 8.0)

Report = Callable[[int, Counter[str]], None]


def _silent(_done: int, _counts: Counter[str]) -> None:
    return None


@dataclass(frozen=True)
class Change:
    """One write of the plan: the record in motion."""

    change_id: str
    line: int
    user_id: str
    user_principal_name: str
    method: str
    action: str
    before: str
    after: str
    step: int

    def done_by(self, found: str) -> bool:
        """Whether `found` is what this change wants."""
        return fold(found) == fold(self.after)

    def drifted_from(self, found: str) -> bool:
        """Whether `found` is materially different from what the plan saw."""
        return fold(found) != fold(self.before)


@dataclass
class Applier:
    """Carries approved changes out. The clock and the pause are handed in; `stop` is asked between writes."""

    graph: Graph
    journal: Journal
    now: Callable[[], datetime]
    mode: str = "dry-run"
    report: Report = _silent
    stop: Callable[[], bool] = lambda: False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    counts: Counter[str] = field(default_factory=Counter)
    _tried: dict[str, int] = field(default_factory=dict)

    async def apply(self, approved: pd.DataFrame) -> pd.DataFrame:
        """Apply CHANGES rows; returns OUTCOME_ROWS, one per row. Changes already settled in the journal are left.

        Raises `JournalError` before the write that could not be journalled, `GraphError` when reading is refused.
        """
        settled = set(self.journal.outcomes()["change_id"])
        self._tried = self.journal.attempts()
        changes = [c for c in _changes(approved) if c.change_id not in settled]
        by_user: dict[str, list[Change]] = {}
        for change in changes:
            by_user.setdefault(change.user_id, []).append(change)
        users = list(by_user)
        for start in range(0, len(users), _USERS_AT_A_TIME):
            await self._some(
                [sorted(by_user[u], key=lambda c: c.step) for u in users[start : start + _USERS_AT_A_TIME]]
            )
        return self.journal.outcomes()

    async def _some(self, queues: list[list[Change]]) -> None:
        """All changes of some users: one write per user at a time, in plan order."""
        if self.stop():
            return self._settle_all([c for queue in queues for c in queue], "skipped", "stopped before it was written")
        now = await self._read([c for queue in queues for c in queue])
        queues = [self._without_drift(queue, now) for queue in queues]
        while any(queues):
            wave = [queue.pop(0) for queue in queues if queue]
            if self.mode != "apply":
                self._settle_all(wave, "skipped", "dry run: nothing was written", now)
            elif self.stop():
                self._settle_all(wave, "skipped", "stopped before it was written", now)
            else:
                applied = await self._write(wave, now)
                queues = [self._or_skip(queue, applied) for queue in queues]
        return None

    def _without_drift(self, queue: list[Change], now: dict[tuple[str, str], str | None]) -> list[Change]:
        """The changes before the first whose value is no longer what the plan saw; the rest is left alone."""
        ready: list[Change] = []
        for position, change in enumerate(queue):
            found = now.get((change.user_id, change.method))
            outcome, detail = self._before_writing(change, found)
            if not outcome:
                ready.append(change)
                continue
            self._settle(change, outcome, detail, found or "")
            if outcome != "applied_with_note":
                self._settle_all(queue[position + 1 :], "skipped", "an earlier change of this user was not made", now)
                break
        return ready

    def _before_writing(self, change: Change, found: str | None) -> tuple[str, str]:
        """(outcome, detail) of a change that must not be written now; ("", "") when it may be."""
        if found is None:
            return "skipped", "the present value could not be read, so nothing was written"
        if change.change_id in self._tried and change.done_by(found):
            return "applied_with_note", "written before an interruption, seen by reading"
        if change.drifted_from(found):
            return "drifted", "the value is no longer what the plan saw; nothing was written"
        return "", ""

    def _or_skip(self, queue: list[Change], applied: set[str]) -> list[Change]:
        if queue and queue[0].user_id not in applied:
            self._settle_all(queue, "skipped", "an earlier change of this user was not made")
            return []
        return queue

    async def _write(self, wave: list[Change], now: dict[tuple[str, str], str | None]) -> set[str]:
        """Write one change for each of some users; returns the users whose change Graph shows."""
        applied: set[str] = set()
        for attempt in range(1, _ATTEMPTS + 1):
            answers = await self._send(wave, attempt)
            now |= await self._read_back(wave, answers)
            again = []
            for change in wave:
                outcome, detail = judge(change, answers[change.change_id], now[change.user_id, change.method])
                if outcome == "again" and attempt < _ATTEMPTS:
                    again.append(change)
                    continue
                outcome = "unknown" if outcome == "again" else outcome
                found = now[change.user_id, change.method] or ""
                self._settle(change, outcome, detail, found, answers[change.change_id])
                if outcome.startswith("applied"):
                    applied.add(change.user_id)
            wave = again
            if not wave:
                break
            await self.sleep(max(_retry_after(answers[c.change_id]) for c in wave))
        return applied

    async def _send(self, wave: list[Change], attempt: int) -> dict[str, Answer]:
        at = self._at()
        self.journal.intend([vars(c) | {"attempt": self._tried.get(c.change_id, 0) + attempt, "at": at} for c in wave])
        sent = {request_of(c): c.change_id for c in wave}
        return {sent[answer.request]: answer async for answer in self.graph.send(sent)}

    async def _read_back(self, wave: list[Change], answers: dict[str, Answer]) -> dict[tuple[str, str], str | None]:
        """The values after a write; reads lag writes, so an accepted write is given some time to show."""
        now = await self._read(wave)
        for pause in _PATIENCE:
            hidden = [c for c in wave if self._may_still_show(c, answers[c.change_id], now)]
            if not hidden:
                break
            await self.sleep(pause)
            now |= await self._read(hidden)
        return now

    @staticmethod
    def _may_still_show(change: Change, answer: Answer, now: dict[tuple[str, str], str | None]) -> bool:
        found = now[change.user_id, change.method]
        return found is None or (answer.happened != "refused" and not change.done_by(found))

    async def _read(self, changes: Sequence[Change]) -> dict[tuple[str, str], str | None]:
        """(user, method) → value now, "" for none, None when it could not be read."""
        methods = list(dict.fromkeys(c.method for c in changes))
        try:
            seen = await directory.current(self.graph, [c.user_id for c in changes], methods=methods)
        except GraphError:
            if self.mode != "apply" or not self.counts:
                raise
            return {(c.user_id, c.method): None for c in changes}
        rows = zip(seen["user_id"], seen["method"], seen["known"], seen["value"], strict=True)
        return {(user, method): value if known else None for user, method, known, value in rows}

    def _settle_all(
        self,
        changes: Sequence[Change],
        outcome: str,
        detail: str,
        now: dict[tuple[str, str], str | None] | None = None,
    ) -> None:
        for change in changes:
            self._settle(change, outcome, detail, (now or {}).get((change.user_id, change.method)) or "")

    def _settle(self, change: Change, outcome: str, detail: str, found: str = "", answer: Answer | None = None) -> None:
        record = {k: v for k, v in vars(change).items() if k in OUTCOME_ROWS}
        request_id = answer.request_id if answer else ""
        self.journal.settle(
            [
                record
                | {"outcome": outcome, "found": found, "detail": detail, "request_id": request_id, "at": self._at()}
            ]
        )
        self.counts[outcome] += 1
        self.report(self.counts.total(), self.counts)

    def _at(self) -> str:
        return self.now().isoformat(timespec="milliseconds")


def _changes(rows: pd.DataFrame) -> list[Change]:
    fields = list(Change.__dataclass_fields__)
    return [Change(**cast("dict[str, Any]", row)) for row in rows[fields].to_dict("records")]


def request_of(change: Change) -> Request:
    """The one request that makes a change: POST, PATCH or DELETE, never a DELETE with a POST."""
    if change.action == "add":
        return requests.add_method(change.user_id, change.method, change.after)
    if change.action == "update":
        return requests.update_method(change.user_id, change.method, change.after)
    return requests.delete_method(change.user_id, change.method)


def judge(change: Change, answer: Answer, found: str | None) -> tuple[str, str]:
    """What became of a write, from Graph's answer and the value it shows now (None = unreadable): (outcome, detail).

    `again` means: nothing happened, and it is safe to write once more.
    """
    said = str(answer.error) if answer.error else ""
    if found is None:
        return "unknown", f"written, but the value could not be read back. {said}".strip()
    if change.done_by(found):
        return ("applied", "") if answer.happened == "done" else ("applied_with_note", said)
    if change.drifted_from(found):
        return "unknown", f"somebody else changed the value meanwhile; it is {mask(found)}. {said}".strip()
    if answer.happened == "refused":
        return "rejected", said
    if answer.happened == "done":
        return "unknown", "Graph accepted the write but does not show it yet; run verify later"
    return "again", said


def _retry_after(answer: Answer) -> float:
    try:
        return min(
            max(float(next((v for k, v in answer.headers.items() if k.lower() == "retry-after"), "1")), 0.1), 60.0
        )
    except ValueError:
        return 1.0


async def verify(graph: Graph, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Read every written user again: `outcomes` with `found` renewed, and `as_recorded`, whether the world agrees.

    Applied changes should show `after`; rejected, drifted and skipped ones should show what was found then; an
    `unknown` one is settled here: `applied` when Graph shows it now, else it stays.
    """
    if outcomes.empty:
        return outcomes.assign(as_recorded=pd.Series(dtype=bool))
    methods = list(dict.fromkeys(outcomes["method"]))
    seen = await directory.current(graph, outcomes["user_id"], methods=methods)
    now = {(r["user_id"], r["method"]): r for r in cast("list[dict[str, Any]]", seen.to_dict("records"))}
    rows = [
        _verified(r, now[r["user_id"], r["method"]]) for r in cast("list[dict[str, Any]]", outcomes.to_dict("records"))
    ]
    agreed = pd.Series([r.pop("as_recorded") for r in rows], dtype=bool)
    return frame(OUTCOME_ROWS, rows).assign(as_recorded=agreed)


def _verified(row: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    if not state["known"]:
        return row | {"as_recorded": False, "detail": f"could not be read: {state['error']}"}
    found = state["value"]
    shows_after = fold(found) == fold(row["after"])
    if row["outcome"] == "unknown" and shows_after:
        return row | {"outcome": "applied", "found": found, "as_recorded": True}
    expected = shows_after if row["outcome"].startswith("applied") else fold(found) == fold(row["found"])
    return row | {"found": found, "as_recorded": bool(expected) and row["outcome"] != "unknown"}


def tally(outcomes: pd.DataFrame) -> dict[str, int]:
    """Rows per outcome, in the order of OUTCOMES."""
    found = outcomes["outcome"].value_counts()
    return {name: int(found[name]) for name in OUTCOMES if name in found}


def ending(outcomes: pd.DataFrame, mode: str) -> tuple[str, str]:
    """(status, headline) of an apply."""
    said = ", ".join(f"{count:,} {name}" for name, count in tally(outcomes).items()) or "nothing to do"
    if outcomes.empty:
        return "nothing to do", said
    status = "attention" if len(failed(outcomes)) or (mode == "apply" and _left(outcomes)) else "done"
    return status, said if mode == "apply" else f"dry run, nothing was written: {said}"


def _left(outcomes: pd.DataFrame) -> bool:
    return bool(outcomes["outcome"].eq("skipped").any())


def verified_ending(verified: pd.DataFrame) -> tuple[str, str]:
    """(status, headline) of a verify."""
    odd = int((~verified["as_recorded"]).sum())
    if odd or len(failed(verified)):
        return (
            "attention",
            f"{odd:,} of {len(verified):,} changes are not as recorded; {len(failed(verified)):,} need a look",
        )
    return ("done" if len(verified) else "nothing to do"), f"all {len(verified):,} changes are as recorded"


def failed(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows somebody has to look at: rejected, drifted or unknown."""
    assert set(outcomes["outcome"]) <= set(OUTCOMES)
    return outcomes[outcomes["outcome"].isin(("rejected", "drifted", "unknown"))]
