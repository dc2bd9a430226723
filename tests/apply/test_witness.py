"""The audit log as second witness: each change with its record, and what somebody else did."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from authops.apply import verification as verify
from authops.apply.verification import Witness
from authops.demo.world.staff import Staff
from authops.tenant import audit_log
from tests.apply.conftest import Stage, user_id

A, B, C, D = "+31 612345678", "+31 687654321", "+31 206241111", "+31 600000009"


def witness(stage: Stage, outcomes: pd.DataFrame) -> Witness:
    ours = stage.world.tenant.meta["client_id"]

    async def asked() -> Witness:
        async with stage.graph() as graph:
            verified = await verify.verify(graph, outcomes)
            return await verify.witnessed(graph, verified, datetime.now(UTC) - timedelta(minutes=1), ours)

    return asyncio.run(asked())


@pytest.fixture
def outcomes(stage: Stage) -> pd.DataFrame:
    stage.people(ann={}, bob={"mobile": A}, cas={"mobile": A, "office": C})
    rows = f"ann@contoso.example,{A},{B},,,\nbob@contoso.example,{D},,,TRUE,\ncas@contoso.example,{A},,,,TRUE\n"
    found = stage.apply(stage.plan(rows).writes)
    assert set(found["outcome"]) == {"applied"}
    assert set(found["action"]) == {"add", "update", "remove"}
    return found


def test_every_change_has_its_own_record(stage: Stage, outcomes: pd.DataFrame) -> None:
    got = witness(stage, outcomes)
    assert got.changes["audit_id"].nunique() == len(outcomes) == 4
    assert got.others.empty
    status, said = verify.verified_ending(got.changes, got)
    assert (status, said) == ("done", "all 4 changes are as recorded; 4 have their audit record")


def test_a_change_by_somebody_else_is_shown_with_who_and_what(stage: Stage, outcomes: pd.DataFrame) -> None:
    wire = stage.world.app.state.wire
    life = {
        "user": user_id("bob"),
        "phoneType": "mobile",
        "phoneNumber": "+31 699999999",
        "by": "rogue@contoso.example",
    }
    Staff(stage.world.tenant, wire.audits).turn({"phone": [life]})
    got = witness(stage, outcomes)
    (other,) = got.others.to_dict("records")
    assert (other["by"], other["before"], other["after"]) == ("rogue@contoso.example", D, "+31 699999999")
    assert verify.verified_ending(got.changes, got)[0] == "attention"


def test_what_somebody_else_did_before_the_run_began_is_no_news(stage: Stage, outcomes: pd.DataFrame) -> None:
    began = datetime.now(UTC) + timedelta(minutes=1)
    life = {
        "user": user_id("bob"),
        "phoneType": "mobile",
        "phoneNumber": "+31 699999999",
        "by": "rogue@contoso.example",
    }
    Staff(stage.world.tenant, stage.world.app.state.wire.audits).turn({"phone": [life]})

    async def asked() -> Witness:
        async with stage.graph() as graph:
            verified = await verify.verify(graph, outcomes)
            return await verify.witnessed(graph, verified, began, stage.world.tenant.meta["client_id"])

    assert asyncio.run(asked()).others.empty


def test_a_record_that_is_late_is_missing_and_no_reason_to_worry(stage: Stage, outcomes: pd.DataFrame) -> None:
    stage.weather(audit_lag=3600)
    got = witness(stage, outcomes)
    assert set(got.changes["audit_id"]) == {""}
    assert verify.verified_ending(got.changes, got)[0] == "done"


def test_an_audit_log_that_may_not_be_read_is_said(stage: Stage, outcomes: pd.DataFrame) -> None:
    stage.world.login.grant(["User.Read.All", "UserAuthenticationMethod.ReadWrite.All"])
    got = witness(stage, outcomes)
    assert "HTTP 403" in got.why
    status, said = verify.verified_ending(got.changes, got)
    assert status == "done"
    assert "the audit log could not be read" in said


def test_the_same_application_writing_twice_is_seen(stage: Stage, outcomes: pd.DataFrame) -> None:
    records = audit_rows(stage, outcomes)
    twice = pd.concat([records, records.iloc[:1].assign(audit_id="again")], ignore_index=True)
    ids, left = audit_log.tie(outcomes, twice, stage.world.tenant.meta["client_id"])
    assert (ids != "").all()
    assert len(left) == 1


def audit_rows(stage: Stage, outcomes: pd.DataFrame) -> pd.DataFrame:
    async def asked() -> pd.DataFrame:
        async with stage.graph() as graph:
            since = datetime.now(UTC) - timedelta(minutes=1)
            return await audit_log.records(graph, since, outcomes["user_id"])

    return asyncio.run(asked())


def test_made_undone_and_made_again_each_has_its_own_record(stage: Stage) -> None:
    stage.people(ann={})
    row = f"ann@contoso.example,{A},,,,\n"
    began = datetime.now(UTC)
    stage.apply(stage.plan(row).writes, name="first")
    stage.apply(stage.plan("ann@contoso.example,,,,,TRUE\n").writes, name="back")
    third = stage.apply(stage.plan(row).writes, name="third")
    records = audit_rows(stage, third)
    assert len(records) == 3
    spread = [(began - timedelta(minutes=ago)).isoformat() for ago in (4, 2)] + [str(third["at"].iloc[0])]
    ids, _ = audit_log.tie(third, records.assign(at=spread), stage.world.tenant.meta["client_id"])
    assert list(ids) == [records["audit_id"].iloc[-1]]


def test_what_was_skipped_stands_as_it_stood_and_is_no_alarm(stage: Stage) -> None:
    stage.people(ann={"mobile": A, "alternateMobile": B})
    made = stage.plan(f"ann@contoso.example,{D},{C},,TRUE,\n").writes
    stage.people(ann={"mobile": "+31 611111111", "alternateMobile": B})
    found = stage.apply(made).set_index("method")
    assert dict(found["outcome"]) == {"mobile": "drifted", "alternateMobile": "skipped"}
    assert list(witness(stage, found.reset_index()).changes["as_recorded"]) == [True, True]
    stage.people(ann={"mobile": "+31 611111111", "alternateMobile": C})
    assert list(witness(stage, found.reset_index()).changes["as_recorded"]) == [True, False]


def test_values_in_json_and_unknown_names_are_understood(stage: Stage, outcomes: pd.DataFrame) -> None:
    records = audit_rows(stage, outcomes)
    assert set(records["method"]) == {"mobile", "alternateMobile", "office"}
    item = {
        "id": "x",
        "activityDateTime": "2026-01-01T00:00:00Z",
        "activityDisplayName": "Admin updated security info",
        "initiatedBy": {"app": {"appId": "app"}},
    }
    target = {
        "id": "u",
        "modifiedProperties": [
            {"displayName": "?", "oldValue": None, "newValue": '"3179e48a-750b-4051-897c-87b9720928f7"'},
            {"displayName": "??", "oldValue": '"+31 612345678"', "newValue": '"+31 687654321"'},
        ],
    }
    got = audit_log._record(item, target)
    assert (got["method"], got["before"], got["after"], got["by"]) == ("mobile", A, B, "app")
