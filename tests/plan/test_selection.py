"""What is in view and what is decided, without a browser."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authops.plan.selection import ACTS, STATES, Decision, Selection
from authops.words.frames import PROBLEMS, empty, frame
from tests.show.reviewed import changes


def problems() -> pd.DataFrame:
    row = {"line": 9, "user": "lost@x.org", "column": "Mobile", "value": "+31 ******1", "rule": "not_a_number"}
    return frame(PROBLEMS, [row | {"message": "contains letters"}])


@pytest.fixture
def chosen() -> Selection:
    departments = pd.Series({"u0": "Sales", "u1": "Legal", "u2": "Sales"})
    return Selection(changes(120), problems(), departments)


def decided(chosen: Selection, act: str, ranges: list[list[int]] | None = None, note: str = "") -> None:
    chosen.decide(Decision(act, chosen.chosen(act, ranges), note, "ann", "2026-01-01T00:00:00+00:00"))


def ids(chosen: Selection) -> list[str]:
    return chosen.changes["change_id"].iloc[[at for at in chosen.order if at < len(chosen.changes)]].tolist()


def test_nothing_is_approved_until_somebody_says_so(chosen: Selection) -> None:
    assert chosen.approved == []
    assert chosen.counts["add"] == {"all": 30, "open": 30, "approved": 0, "excluded": 0}


@pytest.mark.parametrize(
    ("filters", "words", "expected"),
    [
        ({"action": ["remove", "problem"]}, "", 31),
        ({"action": ["add"], "department": ["Sales"]}, "", 1),
        ({"department": ["Sales", "Legal"]}, "", 3),
        ({"domain": ["y.org"]}, "", 60),
        ({"attention": ["problem"]}, "", 1),
        ({"attention": ["remark"]}, "", 12),
        ({"method": ["mobile"]}, "", 120),
        ({"reason": ["not_a_number"]}, "", 1),
        ({}, "USER11@", 1),
        ({}, "+31612345012", 1),
        ({}, "no such method", 120),
        ({}, "sales user2", 1),
        ({}, "Remove", 30),
        ({}, "chg-77", 1),
        ({}, "contains letters", 1),
        ({}, "a.*b", 0),
        ({"nonsense": ["x"]}, "", 121),
        ({"action": ["nothing"]}, "", 0),
    ],
)
def test_filters_and_words(chosen: Selection, filters: dict[str, list[str]], words: str, expected: int) -> None:
    chosen.look_for(filters, words)
    assert len(chosen.order) == expected


def test_sorting_goes_up_then_down_then_back(chosen: Selection) -> None:
    before = chosen.order.tolist()
    chosen.sort_by("action")
    found = chosen.rows["action"].iloc[chosen.order].tolist()
    assert list(dict.fromkeys(found)) == ["add", "update", "remove", "keep", "problem"]
    chosen.sort_by("action")
    assert chosen.rows["action"].iloc[chosen.order].tolist()[0] == "problem"
    chosen.sort_by("action")
    assert chosen.order.tolist() == before
    chosen.sort_by("nonsense")
    assert chosen.order.tolist() == before


@pytest.mark.parametrize("column", ["user", "department", "before", "after", "line", "method", "reason", "decision"])
def test_every_column_sorts_what_is_filtered(chosen: Selection, column: str) -> None:
    chosen.look_for({"action": ["add", "update"]})
    decided(chosen, "approve", [[3, 9]])
    members = set(chosen.order.tolist())
    chosen.sort_by(column)
    assert set(chosen.order.tolist()) == members
    key = chosen.state if column == "decision" else chosen.rows[column].to_numpy()
    assert list(key[chosen.order]) == sorted(key[chosen.order])


def test_all_in_view_takes_only_writes_and_leaves_what_was_excluded(chosen: Selection) -> None:
    chosen.look_for({}, "user1")
    decided(chosen, "exclude", [[0, 1]], "left the company")
    decided(chosen, "approve")
    seen = [i for i in ids(chosen) if int(i[1:]) % 4 != 3]
    assert chosen.approved == sorted(seen[1:])
    assert chosen.excluded == [
        {"change_ids": [seen[0]], "note": "left the company", "by": "ann", "at": "2026-01-01T00:00:00+00:00"}
    ]
    decided(chosen, "approve", [[0, 1]])
    assert seen[0] in chosen.approved
    assert chosen.excluded == []


def test_rows_that_write_nothing_and_problems_cannot_be_decided_on(chosen: Selection) -> None:
    decided(chosen, "approve", [[3, 4], [120, 121], [400, 500], [-5, 0]])
    chosen.decide(Decision("approve", np.array([3, 120, 9999]), "", "eve", ""))
    assert chosen.approved == []


def test_a_position_of_another_view_can_be_told(chosen: Selection) -> None:
    before = chosen.view
    chosen.look_for({"action": ["add"]})
    chosen.sort_by("user")
    assert chosen.view == before + 2


steps = st.lists(
    st.tuples(st.sampled_from([*ACTS, "take back"]), st.integers(0, 119), st.integers(0, 40), st.booleans()),
    max_size=25,
)


@given(steps)
def test_the_state_is_what_the_last_standing_decision_says(taken: list[tuple[str, int, int, bool]]) -> None:
    """Against a plain model: a dictionary per step, the last one dropped when it is taken back."""
    chosen = Selection(changes(120), empty(PROBLEMS))
    worlds: list[dict[int, str]] = [{}]
    for act, start, length, whole in taken:
        if act == "take back":
            chosen.take_back()
            worlds = worlds[:-1] or [{}]
            continue
        rows = range(120) if whole else range(start, min(start + length, 120))
        now = dict(worlds[-1])
        for at in rows:
            if at % 4 != 3 and not (whole and act == "approve" and now.get(at) == "exclude"):
                now[at] = act
        worlds.append(now)
        decided(chosen, act, None if whole else [[start, start + length]])
    expected = Counter(STATES[ACTS[worlds[-1].get(at, "reopen")]] for at in range(120) if at % 4 != 3)
    assert Counter(STATES[s] for s in chosen.state[chosen.writes]) == expected
    assert chosen.approved == [f"c{at:04}" for at, act in sorted(worlds[-1].items()) if act == "approve"]
    assert sum(len(entry["change_ids"]) for entry in chosen.excluded) == expected["excluded"]
