"""One write of a plan, as a record in motion: its request, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

import pandas as pd

from authops.graph.answer import Answer, Request
from authops.methods.kinds import KINDS
from authops.words.errors import FrameError
from authops.words.frames import WRITES
from authops.words.redaction import mask_value

# Seen with the phone stored all the same; where it is not, Graph has said its last word.
CONFLICT: Final = 409
GROUP: Final = 20
_ATTEMPTS: Final = 10
_THROTTLED_ATTEMPTS: Final = 40


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
    ticket: str = ""
    method_id: str = ""
    condition: str = ""

    @property
    def slot(self) -> tuple[str, str, str]:
        """The user and method, and which of many."""
        return self.user_id, self.method, self.method_id

    @property
    def request(self) -> Request:
        """The one request that makes it: POST, PATCH or DELETE, never a DELETE with a POST."""
        return KINDS[self.method].writing(self.action, self.user_id, self.after, self.before)

    @property
    def secret(self) -> bool:
        """Whether it makes something that is told once: seeing it there is not having it."""
        return KINDS[self.method].secret and self.action != "remove"

    @property
    def reading(self) -> Request:
        """The one request that tells what is there now."""
        return KINDS[self.method].reading(self.user_id)

    def done_by(self, found: str) -> bool:
        """Whether `found` is what this change wants."""
        return KINDS[self.method].same(found, self.after)

    def drifted_from(self, found: str) -> bool:
        """Whether `found` is materially different from what the plan saw."""
        return not KINDS[self.method].same(found, self.before)


def of_rows(rows: pd.DataFrame) -> list[Change]:
    """CHANGES rows that write. Raises `FrameError` for others."""
    if others := set(rows["action"]) - set(WRITES):
        raise FrameError(f"rows that write nothing cannot be applied: {', '.join(sorted(others))}")
    fields = list(Change.__dataclass_fields__)
    return [Change(**cast("dict[str, Any]", row)) for row in rows[fields].to_dict("records")]


def in_groups(changes: Sequence[Change], size: int = GROUP) -> Iterator[list[list[Change]]]:
    """The users' queues, each in plan order, as many at a time (`size`) as one `$batch` or a hand-over takes."""
    by_user: dict[str, list[Change]] = {}
    for change in changes:
        by_user.setdefault(change.user_id, []).append(change)
    queues = iter([sorted(queue, key=lambda c: c.step) for queue in by_user.values()])
    while group := list(islice(queues, min(size, GROUP))):
        yield group


def beforehand(change: Change, found: str, *, sent_before: bool) -> tuple[str, str]:
    """(outcome, detail) of a change that must not be written over what is there now; ("", "") when it may be.

    `sent_before`: an earlier try may have happened.
    """
    if sent_before and change.secret and (not found or change.done_by(found)):
        return "", ""  # nobody has its code: it is made again
    if sent_before and change.done_by(found):
        return "applied_with_note", "its answer never came; seen by reading"
    if not change.drifted_from(found):
        return "", ""
    if sent_before:
        return "unknown", (
            "sent before, and its answer never came; the value is now neither what was there nor what was to be, so"
            " somebody changed it since: whether ours was there in between, the audit log tells"
        )
    already = change.done_by(found)
    said = "it is there already, since the preview" if already else "the value is no longer what the plan saw"
    return "drifted", f"{said}; nothing was written"


def became(change: Change, answer: Answer, found: str | None, *, sent_before: bool = False) -> tuple[str, str]:
    """What became of a write, from Graph's answer and the value it shows now (None = unreadable): (outcome, detail).

    `again` means: nothing happened, and it is safe to write once more. `sent_before`: an earlier try may have happened.
    """
    said = str(answer.error) if answer.error else ""
    if found is None:
        return "unknown", f"written, but the value could not be read back. {said}".strip()
    if change.done_by(found):
        return ("applied", "") if answer.happened == "done" else ("applied_with_note", said)
    if change.drifted_from(found) and answer.happened in ("again", "refused") and not sent_before:
        return "drifted", f"the value is no longer what the plan saw; nothing was written. {said}".strip()
    if change.drifted_from(found):
        return "unknown", f"somebody else changed the value meanwhile; it is {mask_value(found)}. {said}".strip()
    if answer.happened == "refused" or answer.status == CONFLICT:
        return "rejected", said
    if answer.happened == "done":
        return "unknown", "Graph accepted the write but does not show it yet; run verify later"
    return "again", said


def perhaps_done(answer: Answer, tried: int) -> bool:
    """Whether a write that was answered so, the `tried`th time, may be done though it is not shown yet."""
    # Refused the second time can mean: done the first time. A conflict is not sent again.
    return answer.happened == "done" or (answer.happened == "refused" and tried > 1) or answer.status == CONFLICT


def attempts(answer: Answer) -> int:
    """How often a write that was answered so is tried at most; being throttled is no failure."""
    return _THROTTLED_ATTEMPTS if answer.status == 429 else _ATTEMPTS
