"""Changes whose code is told once → made, handed over, settled; or taken back, so that nobody is left with a lost pass.

One group makes and hands over at a time, so never more passes are on their way than the hand-over takes at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from authops.apply.change import Change, attempts
from authops.apply.passes import Given, Handing, Made, delete, said, taken
from authops.apply.reading import Now, Reader
from authops.apply.settled import Row
from authops.graph.answer import Answer
from authops.graph.client import Graph
from authops.handover.handover import Receipt
from authops.methods.temporary_access_pass import read

NOBODY_HAS = "a pass that nobody has may be there: go on with the run, which replaces it, or undo it"
REPLACED = "an earlier try may have made a pass that nobody has; this one took its place, and a letter of it is void"


@dataclass
class Making:
    """The part of an apply that makes passes. What it does to the journal and to the run is handed in."""

    graph: Graph
    reader: Reader
    send: Callable[[list[Change], float], Awaitable[dict[str, Answer]]]
    settle: Callable[[Sequence[Row]], None]
    leave: Callable[[Sequence[Change], str], None]
    end: Callable[[str], None]
    may_write: Callable[[], bool]
    wait: Callable[[Sequence[Answer]], Awaitable[None]]
    tried: Callable[[Change], int]
    uncertain: set[str]

    async def once(self, handing: Handing, ready: list[Change], sent_at: float) -> tuple[list[Change], set[str]]:
        """Make and hand over: what may be made again, and the users who have theirs."""
        async with handing.one_at_a_time:
            if not self.may_write():
                return ready, set()
            before = set(self.uncertain)
            answers = await self.send(ready, sent_at)
            self.uncertain |= {c.change_id for c in ready if answers[c.change_id].happened in ("done", "unknown")}
            made = taken(ready, answers)
            given = await handing.give(made) if made else Given({})
            have = [one for one in made if one.change.change_id in given.receipts]
            await self._void([one for one in made if one not in have], given)
        self._settle_made(have, given.receipts, answers, before)
        rest = [c for c in ready if c not in {one.change for one in made}]
        again = await self._not_made(rest, answers)
        await self.wait([answers[c.change_id] for c in again])
        return again, {one.change.user_id for one in have}

    async def _void(self, lost: list[Made], given: Given) -> None:
        """Delete the passes of whoever may not have got theirs, and say that what arrived all the same is void."""
        if given.ended:
            self.end(f"{given.ended}; {_void_for(lost)}" if lost and not given.declined else given.ended)
        gone = await delete(self.graph, {one.change: one.value for one in lost})
        self.leave([one.change for one in lost if one.change not in gone], NOBODY_HAS)
        deleted = [one.change for one in lost if one.change in gone]
        if given.declined:
            self.settle([(c, "rejected", f"{given.declined}; its pass was deleted", "", None) for c in deleted])
            return
        for change in deleted:
            self.leave([change], f"its code may not have arrived, so its pass was deleted: {_void_letter(change)}")

    def _settle_made(
        self, made: list[Made], receipts: Mapping[str, Receipt], answers: Mapping[str, Answer], before: set[str]
    ) -> None:
        rows: list[Row] = []
        for one in made:
            again = one.change.change_id in before
            outcome = "applied_with_note" if again else "applied"
            detail = said(receipts[one.change.change_id]) + (f"; {REPLACED}" if again else "")
            rows.append((one.change, outcome, detail, one.value, answers[one.change.change_id]))
        self.settle(rows)

    async def _not_made(self, rest: list[Change], answers: Mapping[str, Answer]) -> list[Change]:
        """What was not made, or made without its code: what may be made again; the others are settled."""
        again: list[Change] = []
        for change in rest:
            answer = answers[change.change_id]
            refused = answer.happened == "refused"
            if not refused and self.tried(change) < attempts(answer):
                again.append(change)
            elif change.change_id in self.uncertain:
                await self.take_back([change], str(answer.error or "its code was not in the answer"))
            else:
                self.settle([(change, "rejected" if refused else "unknown", str(answer.error or ""), "", answer)])
        return again

    async def take_back(self, changes: Sequence[Change], why: str) -> None:
        """Delete what an earlier try may have made, and settle; who cannot be read stays open."""
        if not changes:
            return
        now = await self.reader.until_shown(changes, await self.reader.now(changes), self._may_still_show)
        ours = {c: found for c in changes if (found := now[c.slot]) and c.done_by(found) and c.drifted_from(found)}
        gone = await delete(self.graph, ours)
        unclear = [c for c in changes if now[c.slot] is None or (c in ours and c not in gone)]
        self.leave(unclear, f"{why}; {NOBODY_HAS}")
        self.settle([_taken_back(c, now, why, gone) for c in changes if c not in unclear])

    def _may_still_show(self, _change: Change, found: str, waited: float) -> bool:
        return not found and self.reader.early(waited)


def _recipient(change: Change) -> str:
    found = read(change.after)
    return found.recipient if found else ""


def _void_letter(change: Change) -> str:
    return f"a letter that reached {_recipient(change)} is void, and going on with the run sends a new one"


def _void_for(lost: Sequence[Made]) -> str:
    """Whose letters are void, recipient by recipient, for whoever has to tell them."""
    by: dict[str, list[str]] = {}
    for one in lost:
        by.setdefault(_recipient(one.change), []).append(one.change.user_principal_name)
    told = "; ".join(f"{who} for {', '.join(people)}" for who, people in by.items())
    return f"void, should they have arrived, are the letters to {told}: going on sends new ones, all others stand"


def _taken_back(change: Change, now: Now, why: str, gone: set[Change]) -> Row:
    if change in gone:
        return change, "rejected", f"{why}; the pass that nobody has was deleted", "", None
    found = now[change.slot] or ""
    if found and change.drifted_from(found):
        return change, "unknown", f"{why}; somebody gave another pass since", found, None
    return change, "rejected", f"{why}; no pass of it is there", found, None
