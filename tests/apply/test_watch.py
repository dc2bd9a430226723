"""Who must not be touched is judged again while an apply goes on: not once, not for each group, and by two clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.change import Change, of_rows
from authops.apply.ends import ending
from authops.apply.journal import Journal
from authops.apply.watch import EVERY, Watch
from authops.demo.methods import policy as policies
from authops.graph.client import Graph
from authops.tenant.protection import Rules
from tests.apply.conftest import Stage, user_id

NAMES = [f"user{n:02d}" for n in range(60)]
BEGAN = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.fixture
def crowd(stage: Stage) -> pd.DataFrame:
    return stage.first_phones(NAMES)


def asked(stage: Stage, part: str) -> int:
    return sum(part in row["path"] for row in stage.log())


def disable(stage: Stage, name: str) -> None:
    stage.world.tenant.users[user_id(name)].profile["accountEnabled"] = False


def promote(stage: Stage, name: str) -> None:
    stage.world.tenant.users[user_id(name)].admin = True


def of(crowd: pd.DataFrame, *names: str) -> list[Change]:
    return of_rows(crowd[crowd["user_id"].isin([user_id(name) for name in names])])


def watching(stage: Stage, graph: Graph, changes: pd.DataFrame, wall: Callable[[], datetime] | None = None) -> Watch:
    now = wall or (lambda: BEGAN + timedelta(seconds=stage.time))
    return Watch(graph, Rules(), changes["user_id"], now)


@pytest.mark.parametrize(
    ("happens", "reason"), [(disable, "disabled_account"), (promote, "administrator")], ids=["disabled", "admin"]
)
def test_who_became_untouchable_is_held_from_the_next_judgement_on(
    stage: Stage, crowd: pd.DataFrame, happens: Callable[[Stage, str], None], reason: str
) -> None:
    async def done() -> list[dict[str, str]]:
        async with stage.graph() as graph:
            watch = watching(stage, graph, crowd)
            happens(stage, NAMES[5])
            found = [await watch(of(crowd, NAMES[5]))]
            stage.time += EVERY
            return [*found, await watch(of(crowd, NAMES[5], NAMES[6]))]

    assert stage.run(done()) == [{}, {user_id(NAMES[5]): reason}]


def test_roles_are_read_once_a_minute_and_not_for_each_group(stage: Stage, crowd: pd.DataFrame) -> None:
    async def done() -> None:
        async with stage.graph() as graph:
            watch = watching(stage, graph, crowd)
            changes = of_rows(crowd)
            for minute in range(3):
                stage.time = minute * EVERY
                await asyncio.gather(*[watch(changes[n : n + 5]) for n in range(0, 60, 5)])

    stage.run(done())
    assert asked(stage, "/roleManagement/directory/roleAssignment") == 2


@pytest.mark.parametrize("clock", ["steady", "wall"])
def test_a_machine_that_slept_judges_again_whichever_clock_went_on(
    stage: Stage, crowd: pd.DataFrame, clock: str
) -> None:
    slept = {"steady": 0.0, "wall": 0.0}

    async def done() -> dict[str, str]:
        async with stage.graph() as graph:
            graph.clock = lambda: slept["steady"]
            watch = watching(stage, graph, crowd, lambda: BEGAN + timedelta(seconds=slept["wall"]))
            disable(stage, NAMES[0])
            slept[clock] = 3600.0
            return await watch(of(crowd, NAMES[0]))

    assert stage.run(done()) == {user_id(NAMES[0]): "disabled_account"}


def go(stage: Stage, changes: pd.DataFrame, **more: Any) -> tuple[Applier, pd.DataFrame]:
    async def done() -> tuple[Applier, pd.DataFrame]:
        journal = Journal(stage.folder / "journal.sqlite")
        async with stage.graph() as graph:
            watch = watching(stage, graph, changes)
            it = Applier(
                graph, journal, lambda: datetime.now(UTC), mode="apply", sleep=stage.pause, watch=watch, **more
            )
            stage.time += EVERY
            try:
                return it, await it.apply(changes)
            finally:
                journal.close()

    return stage.run(done())


def test_when_it_cannot_be_told_again_the_apply_stops_openly_and_asks_once(stage: Stage, crowd: pd.DataFrame) -> None:
    stage.world.login.grant(["User.Read.All", "UserAuthenticationMethod.ReadWrite.All"])
    it, outcomes = go(stage, crowd)
    assert "who must not be touched could not be read again" in it.stopped
    assert set(outcomes["outcome"]) == {"skipped"}
    assert stage.writes() == {}
    assert asked(stage, "/roleManagement/directory/roleAssignment") == 1
    status, said = ending(outcomes, "apply", it.stopped)
    assert (status, "go on with" in said) == ("attention", True)


def test_an_apply_writes_everybody_but_who_is_held_by_now(stage: Stage, crowd: pd.DataFrame) -> None:
    disable(stage, NAMES[3])
    promote(stage, NAMES[44])
    _, outcomes = go(stage, crowd)
    held = {user_id(NAMES[3]), user_id(NAMES[44])}
    assert set(stage.writes()) == set(crowd["user_id"]) - held
    assert set(outcomes.loc[outcomes["outcome"] == "skipped", "user_id"]) == held


def test_a_method_that_the_policy_forbids_by_now_is_held_and_its_removal_is_not(stage: Stage) -> None:
    stage.people(anna={}, bert={"mobile": "+31 612345678"})
    stage.clear_log()
    made = stage.plan("anna@contoso.example,+31 612340001,,,,\nbert@contoso.example,,,,,TRUE\n").writes
    known = policies.defaults(str(stage.world.tenant.meta["seed"]))
    off = {name: {**known["configurations"][name], "state": "disabled"} for name in ("Sms", "Voice")}
    stage.world.tenant.meta["policy"] = known | {"configurations": {**known["configurations"], **off}}
    _, outcomes = go(stage, made)
    assert dict(zip(outcomes["user_id"], outcomes["outcome"], strict=True)) == {
        user_id("anna"): "skipped",
        user_id("bert"): "applied",
    }
    assert "unusable_method" in outcomes.set_index("user_id").loc[user_id("anna"), "detail"]


def test_a_person_who_cannot_be_read_by_now_is_held(stage: Stage, crowd: pd.DataFrame) -> None:
    stage.world.tenant.users[user_id(NAMES[1])].profile["accountEnabled"] = None
    _, outcomes = go(stage, crowd)
    assert set(stage.writes()) == set(crowd["user_id"]) - {user_id(NAMES[1])}
    assert "unknown" in outcomes.set_index("user_id").loc[user_id(NAMES[1]), "detail"]
