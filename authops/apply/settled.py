"""What became of one change, as a row for the journal. Pure."""

from __future__ import annotations

from typing import Any, Final

from authops.apply.change import Change
from authops.graph.answer import Answer
from authops.words.frames import OUTCOME_ROWS

NOT_HERE: Final = "the tenant does not have this user any more"
# A change, its outcome, the detail, the value found, and the answer to its write, if there was one.
Row = tuple[Change, str, str, str, Answer | None]


def of_somebody_gone(change: Change, sent_before: bool) -> Row:
    """What becomes of a change of a user who is not there any more."""
    if sent_before:
        return change, "unknown", f"its answer never came, and {NOT_HERE}", "", None
    return change, "skipped", f"{NOT_HERE}; nothing was written", "", None


def outcome_of(
    change: Change, outcome: str, detail: str, found: str, answer: Answer | None, *, at: str
) -> dict[str, Any]:
    """One of OUTCOME_ROWS."""
    record = {k: v for k, v in vars(change).items() if k in OUTCOME_ROWS}
    request_id = answer.request_id if answer else ""
    return record | {"outcome": outcome, "found": found, "detail": detail, "request_id": request_id, "at": at}
