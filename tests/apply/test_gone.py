"""A person who left the tenant between the preview and the apply: page, failed.csv, verify and exit code agree."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from authops.apply.ends import ending
from authops.apply.journal import Journal
from authops.apply.verification import verified_ending, verify
from authops.graph.connection import Connection
from authops.plan.plan import Plan
from authops.run.run import Run
from authops.source import wanted_file
from tests.apply.conftest import Stage, user_id

A, B = "+31 612345678", "+31 687654321"
ROWS = f"frida@contoso.example,{A},,,,\ngus@contoso.example,{A},,,,\n"


def leaves(stage: Stage, name: str) -> None:
    stage.world.tenant.leave(stage.world.tenant.find(user_id(name)))


def kept(stage: Stage, plan: Plan, outcomes: pd.DataFrame) -> tuple[dict[str, str], Path]:
    """What the run says of its files, with the journal that this apply left."""
    folder = stage.folder / "run"
    folder.mkdir()
    run = Run("apply", folder, Connection("t", "custom", "t", "c", "certificate", "https://g", "https://l"))
    run._journal = Journal(stage.folder / "journal.sqlite")
    source = wanted_file.read(stage.folder / "wanted.csv", default_region="NL")
    sealed = Plan(plan.changes, plan.problems, {"source": dict(source.facts)})
    try:
        return run.keep_outcomes(outcomes, sealed, "apply"), folder / "failed.csv"
    finally:
        run._let_go()


def verified(stage: Stage, outcomes: pd.DataFrame) -> pd.DataFrame:
    async def done() -> pd.DataFrame:
        async with stage.graph() as graph:
            return await verify(graph, outcomes)

    return stage.run(done())


def test_who_left_before_the_apply_is_told_the_same_everywhere(stage: Stage) -> None:
    stage.people(frida={}, gus={})
    plan = stage.plan(ROWS)
    leaves(stage, "frida")
    outcomes = stage.apply(plan.writes)
    assert dict(zip(outcomes["user_id"], outcomes["outcome"], strict=True)) == {
        user_id("frida"): "skipped",
        user_id("gus"): "applied",
    }
    assert ending(outcomes, "apply")[0] == "attention"
    said, failed = kept(stage, plan, outcomes)
    assert said["failed.csv"] == "1 rows"
    assert "frida@contoso.example" in failed.read_text("utf-8-sig")
    assert "gus@" not in failed.read_text("utf-8-sig")
    found = verified(stage, outcomes)
    assert list(found["as_recorded"]) == [True, True]
    hers = found.set_index("user_id").loc[user_id("frida")]
    assert "does not have this user any more" in hers["detail"]
    status, headline = verified_ending(found)
    assert (status, headline) == ("attention", "all 2 changes are as recorded; 1 need a look")


def test_who_was_renamed_before_the_apply_is_written_by_id(stage: Stage) -> None:
    stage.people(frida={}, gus={})
    plan = stage.plan(ROWS)
    new = {"userPrincipalName": "frida.married@contoso.example"}
    stage._ask("staff", "POST", {"change": {"frida@contoso.example": new}})
    outcomes = stage.apply(plan.writes)
    assert list(outcomes["outcome"]) == ["applied", "applied"]
    assert stage.phones()[user_id("frida")] == {"mobile": A}
    assert list(verified(stage, outcomes)["as_recorded"]) == [True, True]


def test_who_left_after_being_written_is_not_as_recorded_and_it_is_said_why(stage: Stage) -> None:
    stage.people(frida={}, gus={})
    outcomes = stage.apply(stage.plan(ROWS).writes)
    leaves(stage, "gus")
    found = verified(stage, outcomes).set_index("user_id")
    assert list(found.loc[[user_id("frida"), user_id("gus")], "as_recorded"]) == [True, False]
    assert found.loc[user_id("gus"), "detail"] == "the tenant does not have this user any more"


def test_who_cannot_be_read_has_not_left(stage: Stage) -> None:
    stage.people(frida={}, gus={})
    outcomes = stage.apply(stage.plan(ROWS).writes)
    stage.weather(masked=True)
    found = verified(stage, outcomes)
    assert list(found["as_recorded"]) == [False, False]
    assert all("could not be read" in why for why in found["detail"])


def test_what_was_left_open_is_no_next_input_and_the_page_says_how_to_go_on(stage: Stage) -> None:
    stage.people(frida={"mobile": B}, gus={"mobile": B})
    plan = stage.plan(ROWS.replace(",,,,", ",,,TRUE,"))
    stage.weather(masked=True)
    outcomes = stage.apply(plan.writes)
    stage.weather(masked=False)
    said, failed = kept(stage, plan, outcomes)
    assert said["failed.csv"] == "not needed: 2 changes were left open, and go on with --resume"
    assert not failed.exists()


@pytest.mark.parametrize("methods", [["mobile"], ["mobile", "email"]])
def test_people_read_are_counted_as_people_however_much_is_asked_of_each(stage: Stage, methods: list[str]) -> None:
    from authops.tenant import directory

    names = [f"user{n}" for n in range(45)]
    stage.people(**{name: {} for name in names})
    ticks: list[int] = []

    async def done() -> None:
        async with stage.graph() as graph:
            await directory.current(graph, [user_id(name) for name in names], methods=methods, tick=ticks.append)

    stage.run(done())
    assert ticks == sorted(ticks)
    assert ticks[-1] == 45
