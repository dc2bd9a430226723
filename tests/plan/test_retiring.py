"""Until when a planned phone helps: said of each, by whom it belongs to; never of an address."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from authops.plan import guards, selection
from authops.plan.plan import HOLDS, Plan
from authops.plan.retiring import mark_retiring, sentence_of
from authops.words import retirement
from authops.words.errors import ParameterError
from authops.words.frames import CHANGES, PROBLEMS, empty, frame

DATES = retirement.Dates("2027-02-01", "2027-07-01", "2026-11-26")
BEFORE, BETWEEN, AFTER = dt.date(2026, 11, 26), dt.date(2027, 3, 1), dt.date(2027, 7, 1)
COHORTS = {
    "ann": "everybody",
    "ben": "Global Administrator",
    "cleo": "external user",
    "dirk": "eligible Global Administrator",
    "eva": "not known",
}


def planned(**more: Any) -> Plan:
    rows = [
        {
            "change_id": f"c{n}",
            "user_id": user,
            "method": method,
            "action": action,
            "after": "x",
            "line": n + 2,
            "step": 1,
        }
        | more
        for n, (user, method, action) in enumerate(
            [(user, "mobile", "add") for user in (*COHORTS, "nobody asked")]
            + [("ann", "alternateMobile", "update"), ("ann", "office", "add"), ("ann", "email", "add")]
            + [("ben", "alternateMobile", "keep"), ("ben", "office", "remove")]
        )
    ]
    return Plan(frame(CHANGES, rows), empty(PROBLEMS), {"tenant_id": "t"})


def marked(on: str = "note", today: dt.date = BEFORE, dates: retirement.Dates = DATES, **more: Any) -> Plan:
    return mark_retiring(planned(**more), COHORTS, dates, on, today=today)


def notes(plan: Plan) -> dict[tuple[str, str], str]:
    rows = plan.changes
    return dict(zip(zip(rows["user_id"], rows["method"], strict=True), rows["note"], strict=True))


@pytest.mark.parametrize(
    ("user", "today", "said"),
    [
        ("ann", BEFORE, "end on 2027-02-01"),
        ("ann", BETWEEN, "end already, since 2027-02-01: it helps only with a provider"),
        ("ben", BETWEEN, "end on 2027-07-01"),
        ("ben", AFTER, "end already, since 2027-07-01"),
        ("cleo", BETWEEN, "end on 2027-07-01"),
        ("dirk", BETWEEN, "end on 2027-02-01, or 2027-07-01: of eligible"),
        ("eva", BEFORE, "end on 2027-02-01, or 2027-07-01: whether"),
        ("nobody asked", BEFORE, "end on 2027-02-01, or 2027-07-01: whether"),
    ],
)
def test_each_phone_says_until_when_it_helps(user: str, today: dt.date, said: str) -> None:
    assert f"SMS and calls {said}" in notes(marked(today=today))[user, "mobile"]


def test_every_kind_of_phone_that_is_written_is_marked_and_nothing_else() -> None:
    found = {slot for slot, note in notes(marked()).items() if note}
    phones = {("ann", "alternateMobile"), ("ann", "office")}
    assert found == {(user, "mobile") for user in (*COHORTS, "nobody asked")} | phones


def test_the_counts_stand_in_the_header_and_in_one_sentence() -> None:
    header = marked().header
    assert header["retiring"] == {"2027-02-01": 3, "2027-07-01": 2, "not known": 3, "as of": "2026-11-26"}
    said = sentence_of(header["retiring"])
    assert "3 until 2027-02-01, 2 until 2027-07-01, 3 of which the day is not known (as of 2026-11-26)" in said
    assert sentence_of({}) == ""


def test_hold_blocks_phones_and_leaves_addresses_and_removals() -> None:
    done = marked("hold")
    rows = done.changes.set_index(["user_id", "method"])
    assert set(rows.loc[rows["reason"] == "retiring"].index) == {slot for slot, note in notes(done).items() if note}
    assert set(rows.loc[rows["reason"] == "retiring", "action"]) == {"blocked"}
    assert rows.loc[("ann", "email"), "action"] == "add"
    assert rows.loc[("ben", "office"), "action"] == "remove"
    assert guards.held_counts(done)["retiring"] == 8
    assert "on_retiring" in HOLDS["retiring"]


def test_allow_says_nothing_and_another_word_is_refused() -> None:
    assert marked("allow").changes.equals(planned().changes)
    with pytest.raises(ParameterError, match="on_retiring"):
        marked("keep")


def test_in_a_cloud_whose_day_is_not_named_it_is_said_and_nothing_is_held() -> None:
    done = marked("hold", dates=retirement.Dates("", "", "2026-11-26"))
    assert "in this cloud later" in notes(done)["ann", "mobile"]
    assert not done.changes["reason"].eq("retiring").any()


def test_the_grid_tells_these_from_other_remarks() -> None:
    assert set(selection.Selection(marked().changes, empty(PROBLEMS)).rows["attention"]) == {"", "retiring"}
    both = selection.Selection(marked(note="another country").changes, empty(PROBLEMS))
    assert set(both.rows["attention"]) == {"remark"}
