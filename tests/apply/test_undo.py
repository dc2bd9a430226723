"""What was written can be taken back, as far as nobody touched it since."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest

from authops.apply.journal import Journal
from authops.plan import guards, undo
from authops.plan.plan import REASONS, Plan
from authops.tenant import directory
from authops.words.errors import ParameterError
from tests.apply.conftest import Stage, user_id

A, B, C, D = "+31 612345678", "+31 687654321", "+31 206241111", "+31 600000009"
PEOPLE = {
    "ann": {},
    "bob": {"mobile": A},
    "cas": {"mobile": A, "alternateMobile": B},
    "dik": {"mobile": A, "office": C},
    "eva": {"office": C, "app": "yes", "default": "app"},
}
ROWS = f"""ann@contoso.example,{A},{B},{C},,
bob@contoso.example,{D},,,TRUE,
cas@contoso.example,{D},,,TRUE,TRUE
dik@contoso.example,,,,,TRUE
eva@contoso.example,{A},,{D},TRUE,
"""


def recorded(stage: Stage, name: str = "journal") -> pd.DataFrame:
    journal = Journal(stage.folder / f"{name}.sqlite")
    try:
        return journal.recorded()
    finally:
        journal.close()


def planned(stage: Stage, **some: object) -> Plan:
    rows = undo.written(recorded(stage), **some)

    async def made() -> Plan:
        async with stage.graph() as graph:
            people = await directory.find_users(graph, rows["user_id"].unique())
            report = await directory.defaults(graph)
            methods = undo.beside(rows["method"])
            current = await directory.current(graph, people["user_id"], methods=methods, defaults=report)
            return undo.make(rows, current, people, {})

    return asyncio.run(made())


@pytest.fixture
def done(stage: Stage) -> dict[str, dict[str, str]]:
    """A run of every kind of change; the phones before it."""
    stage.people(**PEOPLE)
    before = stage.phones()
    outcomes = stage.apply(stage.plan(ROWS).writes)
    assert set(outcomes["outcome"]) == {"applied"}
    assert stage.phones() != before
    return before


def test_everything_comes_back_as_it_was(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    made = planned(stage)
    assert set(made.changes["action"]) == {"add", "update", "remove"}
    outcomes = stage.apply(made.writes, name="undo")
    assert set(outcomes["outcome"]) == {"applied"}
    assert stage.phones() == done


def test_its_reasons_and_its_headline_are_an_undo_s(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    bob = stage.world.tenant.find(user_id("bob"))
    stage.world.tenant.change_phone(bob, "3179e48a-750b-4051-897c-87b9720928f7", None, "+31 611111111")
    made = planned(stage)
    assert {undo.REASONS[code] for code in made.writes["reason"]} <= set(undo.REASONS.values()) - set(REASONS.values())
    status, said = undo.ending(made, guards.breaches(made), "none")
    assert status == "done"
    assert said.startswith("to take back: ")
    assert "cannot be taken back (1: the present value is not what the run wrote" in said


def test_an_undo_can_be_undone(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    after = stage.phones()
    stage.apply(planned(stage).writes, name="undo")
    again = undo.written(recorded(stage, "undo"))
    assert len(again) == len(recorded(stage))
    assert set(again["after"]) == set(recorded(stage)["before"])
    assert after != done


def test_what_somebody_changed_since_is_left_alone_and_said(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    bob = stage.world.tenant.find(user_id("bob"))
    stage.world.tenant.change_phone(bob, "3179e48a-750b-4051-897c-87b9720928f7", None, "+31 611111111")
    made = planned(stage)
    left = made.left
    assert list(left["user_principal_name"]) == ["bob@contoso.example"]
    assert (left["action"].iloc[0], left["reason"].iloc[0]) == ("blocked", "not_as_written")
    stage.apply(made.writes, name="undo")
    expected = done | {user_id("bob"): {"mobile": "+31 611111111"}}
    assert stage.phones() == expected


def test_what_is_as_it_was_already_needs_nothing(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    bob = stage.world.tenant.find(user_id("bob"))
    stage.world.tenant.change_phone(bob, "3179e48a-750b-4051-897c-87b9720928f7", None, A)
    left = planned(stage).left
    assert (left["action"].iloc[0], left["reason"].iloc[0]) == ("keep", "equal_number")
    assert done[user_id("bob")] == {"mobile": A}


def test_somebody_who_left_is_a_problem_and_no_obstacle(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    stage.world.tenant.leave(stage.world.tenant.find(user_id("bob")))
    made = planned(stage)
    assert list(made.problems["rule"]) == ["unknown_user"]
    stage.apply(made.writes, name="undo")
    assert {u: p for u, p in stage.phones().items() if u != user_id("bob")} == {
        u: p for u, p in done.items() if u != user_id("bob")
    }


def test_some_people_only(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    made = planned(stage, users=["BOB@contoso.example", user_id("ann")])
    assert set(made.writes["user_principal_name"]) == {"ann@contoso.example", "bob@contoso.example"}
    with pytest.raises(ParameterError, match="wrote nothing of zoe@x"):
        planned(stage, users=["zoe@x"])
    assert done


def test_up_to_a_moment_only(stage: Stage, done: dict[str, dict[str, str]]) -> None:
    rows = recorded(stage).sort_values("at")
    moment = str(rows["at"].iloc[3])
    assert len(undo.written(rows, until=moment)) == int((rows["at"] <= moment).sum())
    assert undo.written(rows, until="2020-01-01T00:00").empty
    assert len(undo.written(rows, until="2099-01-01T00:00+02:00")) == len(rows)
    with pytest.raises(ParameterError, match="until is"):
        undo.written(rows, until="yesterday")
    assert done


def test_a_write_whose_answer_never_came_is_taken_back_when_it_happened(stage: Stage) -> None:
    stage.people(ann={}, bob={"mobile": B})
    made = stage.plan(f"ann@contoso.example,{A},,,,\nbob@contoso.example,{D},,,TRUE,\n")
    journal = Journal(stage.folder / "journal.sqlite")
    rows = made.writes.to_dict("records")
    journal.intend([row | {"attempt": 1, "at": "2026-01-01T00:00:00+00:00"} for row in rows])
    journal.close()
    ann = stage.world.tenant.find(user_id("ann"))
    stage.world.tenant.add_phone(ann, "mobile", A)
    got = planned(stage).changes.set_index("user_principal_name")
    assert got.loc["ann@contoso.example", "action"] == "remove"
    assert got.loc["bob@contoso.example", "action"] == "keep"


@pytest.mark.parametrize(
    ("methods", "read"),
    [
        ([], set()),
        (["email"], {"email"}),
        (["mobile"], {"mobile", "alternateMobile", "office"}),
        (["office", "email"], {"mobile", "alternateMobile", "office", "email"}),
    ],
)
def test_second_factors_are_read_together_and_nothing_else_is(methods: list[str], read: set[str]) -> None:
    assert set(undo.beside(methods)) == read
