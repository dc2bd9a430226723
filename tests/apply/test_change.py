"""What became of one write, from Graph's answer and what it shows then: a table, no tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from authops.apply.change import CONFLICT, Change, attempts, became, beforehand, in_groups, of_rows, perhaps_done
from authops.apply.freshness import BOUND, Clocks, Moment
from authops.graph.answer import Answer, Request, answer_of
from authops.words.errors import FrameError
from authops.words.frames import CHANGES, frame

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"
WANTED = "pass from now, 60 min, once, to desk"
OURS = "pass from 2026-11-30T07:00:00Z, 60 min, once, valid #p1"
NOTE, DRIFTED = "applied_with_note", "drifted"


def change(method: str = "mobile", action: str = "update", before: str = A, after: str = B, **more: object) -> Change:
    known = {"change_id": "c1", "line": 2, "user_id": "a", "user_principal_name": "a@x", "step": 1}
    return Change(**known | {"method": method, "action": action, "before": before, "after": after} | more)  # type: ignore[arg-type]


def answered(status: int) -> Answer:
    body = {} if status < 300 else {"error": {"code": "said", "message": "so"}}
    return answer_of(Request("PATCH", "/users/a"), status, {}, body)


PASS = change("temporaryAccessPass", "add", "", WANTED)
GONE = change("temporaryAccessPass", "remove", OURS, "")


@pytest.mark.parametrize(
    ("one", "found", "sent", "outcome", "said"),
    [
        (change(), A, False, "", ""),
        (change(), A, True, "", ""),
        (change(), B, False, DRIFTED, "it is there already"),
        (change(), B, True, NOTE, "seen by reading"),
        (change(), C, False, DRIFTED, "no longer what the plan saw"),
        (change(), C, True, "unknown", "somebody changed it since"),
        (change(), "", False, DRIFTED, "no longer what the plan saw"),
        (PASS, "", False, "", ""),
        (PASS, "", True, "", ""),
        (PASS, OURS, False, DRIFTED, "it is there already"),
        (PASS, OURS, True, "", ""),
        (PASS, OURS.replace("60 min", "90 min"), True, "unknown", "somebody changed it since"),
        (GONE, "", True, NOTE, "seen by reading"),
        (GONE, "", False, DRIFTED, "it is there already"),
    ],
)
def test_what_is_there_decides_whether_it_may_be_written(
    one: Change, found: str, sent: bool, outcome: str, said: str
) -> None:
    told = beforehand(one, found, sent_before=sent)
    assert told[0] == outcome
    assert said in told[1]
    assert bool(told[1]) is bool(outcome)


@pytest.mark.parametrize(
    ("status", "found", "sent", "outcome", "said"),
    [
        (204, None, False, "unknown", "written, but the value could not be read back."),
        (500, None, False, "unknown", "read back. PATCH /users/a: HTTP 500"),
        (204, B, False, "applied", ""),
        (500, B, False, NOTE, "HTTP 500"),
        (409, B, False, NOTE, "HTTP 409"),
        (424, B, False, NOTE, "HTTP 424"),
        (400, B, True, NOTE, "HTTP 400"),
        (400, C, False, DRIFTED, "nothing was written. PATCH /users/a: HTTP 400"),
        (424, C, False, DRIFTED, "nothing was written. PATCH /users/a: HTTP 424"),
        (400, C, True, "unknown", "somebody else changed the value meanwhile; it is +31 ******111. PATCH"),
        (500, C, False, "unknown", "somebody else"),
        (204, C, False, "unknown", "somebody else"),
        (400, A, False, "rejected", "HTTP 400"),
        (CONFLICT, A, False, "rejected", "HTTP 409"),
        (204, A, False, "unknown", "does not show it yet"),
        (500, A, False, "again", "HTTP 500"),
        (429, A, False, "again", "HTTP 429"),
        (424, A, False, "again", "HTTP 424"),
    ],
)
def test_what_became_of_a_write(status: int, found: str | None, sent: bool, outcome: str, said: str) -> None:
    told = became(change(), answered(status), found, sent_before=sent)
    assert told[0] == outcome
    assert (said in told[1]) if said else told[1] == ""


@pytest.mark.parametrize(
    ("status", "tried", "perhaps"),
    [(204, 1, True), (400, 0, False), (400, 1, False), (400, 2, True), (424, 1, False), (424, 2, False),
     (409, 1, True), (410, 1, False), (408, 1, False), (500, 3, False)],
)  # fmt: skip
def test_what_may_be_done_though_it_is_not_shown_yet(status: int, tried: int, perhaps: bool) -> None:
    assert perhaps_done(answered(status), tried) is perhaps


def test_being_throttled_is_tried_more_often_than_failing() -> None:
    assert [attempts(answered(status)) for status in (428, 429, 430, 500)] == [10, 40, 10, 10]


def test_what_is_told_once_is_a_secret_and_its_removal_is_none() -> None:
    again = change("temporaryAccessPass", "update", OURS, WANTED)
    assert (PASS.secret, again.secret, GONE.secret, change().secret) == (True, True, False, False)


def test_a_write_was_not_sent_before_unless_that_is_said() -> None:
    assert became(change(), answered(400), C)[0] == DRIFTED


def test_people_stand_in_groups_of_a_batch_at_most_each_in_the_order_of_the_plan() -> None:
    rows = [change(user_id=f"u{n}", step=step, change_id=f"{n}-{step}") for step in (2, 1) for n in range(45)]
    groups = list(in_groups(rows, 100))
    assert [len(group) for group in groups] == [20, 20, 5]
    assert all([c.step for c in queue] == [1, 2] for group in groups for queue in group)
    assert [len(group) for group in in_groups(rows, 30 // 10)] == [3] * 15


def test_a_row_that_writes_nothing_is_refused() -> None:
    row = {"change_id": "c1", "line": 2, "user_id": "a", "method": "mobile", "action": "keep", "step": 0}
    with pytest.raises(FrameError, match="keep"):
        of_rows(pd.concat([frame(CHANGES, [row])]))


@pytest.mark.parametrize(("steady", "wall"), [(0.0, 0.0), (3.0, 1.0), (1.0, 3.0), (2.0, -7.0), (-1.0, 2.0)])
def test_the_older_age_counts_and_the_bound_itself_is_fresh(steady: float, wall: float) -> None:
    began = datetime(2026, 11, 27, tzinfo=UTC)
    clocks = Clocks(lambda: 100.0 + steady, lambda: began + timedelta(seconds=wall))
    then = Moment(100.0, began.timestamp())
    older = max(steady, wall)
    assert clocks.age(then) == older
    assert clocks.since(then) == began + timedelta(seconds=older)
    assert not clocks.fresh(None)


@pytest.mark.parametrize("clock", ["steady", "wall"])
def test_what_was_read_just_before_the_bound_is_fresh_by_both_clocks(clock: str) -> None:
    began, passed = datetime(2026, 11, 27, tzinfo=UTC), {"steady": 0.0, "wall": 0.0}
    clocks = Clocks(lambda: 100.0 + passed["steady"], lambda: began + timedelta(seconds=passed["wall"]))
    then, told = clocks.now(), []
    for seconds in (BOUND - 0.5, BOUND, BOUND + 0.5):
        passed[clock] = seconds
        told.append(clocks.fresh(then))
    assert (told, BOUND) == ([True, True, False], 5.0)
