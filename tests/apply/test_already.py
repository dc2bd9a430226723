"""A copy of a plan that was applied and taken back is not applied again: the tenant's record tells, or a journal."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.apply import already
from authops.apply.already import Already, made_already
from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.demo.world.tenant import MOBILE
from authops.graph.client import Graph
from authops.plan import plan_file, undo
from authops.plan.plan import Plan
from authops.tenant import directory
from authops.words.errors import PlanError
from tests.apply.altered import ALWAYS, LISTS, Altered, Fault
from tests.apply.conftest import Stage, Token, user_id
from tests.virtual_time import clock
from tests.virtual_time import run as in_virtual_time

OLD, NEW = "+31 611111111", "+31 612345678"
ROWS = f"ann@contoso.example,{NEW},,,,\nbob@contoso.example,{NEW[:-1]}9,,,TRUE,\ncas@contoso.example,,,,,TRUE\n"


def now() -> datetime:
    return datetime.now(UTC)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return in_virtual_time(work)


@pytest.fixture
def planned(stage: Stage) -> Plan:
    """A plan that adds, changes and removes, made and saved a minute ago."""
    stage.people(ann={}, bob={"mobile": OLD}, cas={"mobile": OLD}, dan={})
    made = stage.plan(ROWS)
    assert sorted(made.writes["action"]) == ["add", "remove", "update"]
    return plan_file.save(made, stage.folder, now=now() - timedelta(minutes=1))


def asked(stage: Stage, plan: Plan, folder: Path) -> Already:
    async def done() -> Already:
        async with stage.graph() as graph:
            return await made_already(graph, plan, plan.writes, folder)

    return run(done())


def applied(stage: Stage, plan: Plan, folder: Path, mode: str = "apply") -> pd.DataFrame:
    async def done() -> pd.DataFrame:
        journal = Journal(folder / "journal.sqlite")
        try:
            async with stage.graph() as graph:
                told = await made_already(graph, plan, plan.writes, folder)
                return await Applier(graph, journal, now, mode=mode, sleep=stage.pause, already=told).apply(plan.writes)
        finally:
            journal.close()

    return run(done())


def taken_back(stage: Stage, outcomes: pd.DataFrame) -> None:
    async def made() -> Plan:
        async with stage.graph() as graph:
            rows = undo.written(outcomes)
            users = await directory.find_users(graph, rows["user_id"].unique())
            current = await directory.current(graph, users["user_id"], methods=undo.beside(["mobile"]))
            return undo.make(rows, current, users, {})

    back = stage.apply(asyncio.run(made()).writes, name="undo")
    assert set(back["outcome"]) == {"applied"}


def copied(stage: Stage) -> Path:
    there = stage.folder / "elsewhere"
    there.mkdir()
    for name in ("plan.json", "plan.parquet", "problems.parquet"):
        shutil.copy(stage.folder / name, there)
    return there


def test_a_copy_of_a_plan_that_was_applied_and_taken_back_writes_nothing(stage: Stage, planned: Plan) -> None:
    there, before = copied(stage), stage.phones()
    taken_back(stage, applied(stage, planned, stage.folder))
    assert stage.phones() == before
    stage.clear_log()
    again = applied(stage, plan_file.load(there), there)
    assert stage.writes() == {}
    assert set(again["outcome"]) == {"skipped"}
    assert again["detail"].str.contains("it was made since the plan was, 20").all()
    assert stage.phones() == before


def test_a_plan_that_is_made_after_all_that_is_applied(stage: Stage, planned: Plan) -> None:
    taken_back(stage, applied(stage, planned, stage.folder))
    there = stage.folder / "later"
    there.mkdir()
    later = plan_file.save(stage.plan(ROWS), there, now=now() + timedelta(seconds=2))
    assert set(applied(stage, later, there)["outcome"]) == {"applied"}


def test_of_what_somebody_else_made_and_took_back_only_that_is_held(stage: Stage, planned: Plan) -> None:
    tenant = stage.world.tenant
    ann = tenant.users[user_id("ann")]
    tenant.add_phone(ann, "mobile", NEW)
    tenant.delete_phone(ann, MOBILE)
    found = applied(stage, planned, stage.folder).set_index("user_principal_name")["outcome"]
    assert found["ann@contoso.example"] == "skipped"
    assert set(found.drop("ann@contoso.example")) == {"applied"}


def test_another_change_of_the_same_person_holds_nothing(stage: Stage, planned: Plan) -> None:
    tenant = stage.world.tenant
    ann = tenant.users[user_id("ann")]
    tenant.add_phone(ann, "office", NEW)
    tenant.add_phone(ann, "mobile", "+31 699999999")
    tenant.delete_phone(ann, MOBILE)
    assert asked(stage, planned, stage.folder).made == {}


def test_what_this_run_wrote_itself_is_not_counted_when_it_goes_on(stage: Stage, planned: Plan) -> None:
    applied(stage, planned, stage.folder)
    told = asked(stage, planned, stage.folder)
    assert (told.asked, told.made, told.unknown) == (0, {}, "")


def test_what_cannot_be_asked_is_said_and_holds_nobody(
    stage: Stage, planned: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    async def done(fault: Fault) -> Already:
        transport = Altered(httpx.ASGITransport(stage.world.app), lambda path: "directoryAudits" in path, fault)
        tokens = Token(stage.world.login.issue_token())
        how = {"sleep": asyncio.sleep, "clock": clock, "dice": lambda: 1.0}
        async with Graph.connect(stage.connection, transport=transport, tokens=tokens, **how) as graph:
            return await made_already(graph, planned, planned.writes, stage.folder)

    stage.apply(planned.writes.head(1), name="elsewhere")
    told = {name: run(done(fault)) for name, fault in (ALWAYS | LISTS).items()}
    assert {name for name, found in told.items() if not found.unknown or found.made} == set()
    assert "not known: the audit log could not be read (HTTP 403)" in told["403"].facts["made since the plan was"]
    assert caplog.text.count("is not known") == len(told)


def test_a_dry_run_says_what_would_be_held(stage: Stage, planned: Plan) -> None:
    there = copied(stage)
    taken_back(stage, applied(stage, planned, stage.folder))
    assert applied(stage, planned, there, "dry-run")["detail"].str.contains("made since the plan was").all()


def test_a_folder_beside_it_that_wrote_the_same_plan_is_named(stage: Stage, planned: Plan) -> None:
    there = copied(stage)
    beside = [stage.folder, there]
    already.refuse_copies(planned.header["digest"], there, beside)  # nothing is written yet
    applied(stage, planned, stage.folder)
    with pytest.raises(PlanError, match="already applied, in"):
        already.refuse_copies(planned.header["digest"], there, beside)
    already.refuse_copies(planned.header["digest"], stage.folder, beside)
    (stage.folder / "plan.json").write_text(json.dumps({"digest": "another"}))
    already.refuse_copies(planned.header["digest"], there, beside)
