"""Registering again, ending sessions, per-user MFA: what holds when it is planned, and again right before a write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from authops.apply import verification
from authops.plan.cleanup import Rules
from authops.words.redaction import mask_value
from tests.apply import cleaned
from tests.apply.cleaned import person
from tests.apply.conftest import Stage, user_id
from tests.apply.test_cleanup import gone, taken_back

PASS = "temporaryAccessPass"
VALID = {"startDateTime": "2026-11-26T00:00:00Z", "lifetimeInMinutes": 43_000, "isUsableOnce": False}
REVOKE, MOVE, OFF = "POST revokeSignInSessions", "PATCH signInPreferences", "POST disableSmsSignIn"
# Name → what they hold, their default, what is special → the writes, and what is held and why.
AGAIN: dict[str, tuple[Sequence[str], str, dict[str, Any], list[str], dict[str, str]]] = {
    "bare": (["mobile"], "sms", {}, [], {"mobile": "no_pass"}),
    "expired": (["mobile", PASS], "", {}, [], {"mobile": "no_pass"}),
    "passed": (
        ["mobile", "softwareOath", PASS, "email"],
        "oath",
        {PASS: VALID, "sms_sign_in": True},
        [OFF, *gone("mobile")],
        {"softwareOath": "default_method"},  # Graph keeps the default while a pass is there
    ),
    "token": (["hardwareOath", "microsoftAuthenticator", PASS], "push", {PASS: VALID},
              gone("hardwareOath"), {"microsoftAuthenticator": "default_method"}),
    "keyed": (["mobile", "office", "fido2"], "", {}, gone("office", "mobile"), {}),
    "stuck": (["mobile", "office", "fido2"], "sms", {}, gone("office"), {"mobile": "default_method"}),
    "nothing": (["fido2", "email"], "", {}, [], {}),
}  # fmt: skip


def everybody(table: dict[str, Any]) -> list[Any]:
    return [person(name, has, default, **more) for name, (has, default, more, *_) in table.items()]


def again(names: Sequence[str], **more: Any) -> Rules:
    return Rules(register_again=[f"{name}@CONTOSO.example" for name in names], **more)


def named(name: str, write: str) -> str:
    verb, _, path = write.partition(" ")
    has = AGAIN[name][0]
    given = {cleaned.key(name, what): what for what in has} | {i: kind for kind, i in cleaned.IDS.items()}
    return f"{verb} {given.get(path.rpartition('/')[2], path.rpartition('/')[2])}"


def test_who_registers_again_loses_phones_apps_and_tokens_where_a_way_in_is_left(stage: Stage) -> None:
    stage.world.tenant.populate([*everybody(AGAIN), person("other", ["mobile"], "sms")])
    plan = cleaned.planned(stage, again([*AGAIN, "nobody"]))
    held = plan.changes[plan.changes["action"] == "blocked"]
    slots = zip(held["user_principal_name"], held["method"], held["reason"], strict=True)
    found: dict[str, dict[str, str]] = {}
    for who, method, reason in slots:
        found.setdefault(who.partition("@")[0], {})[method] = reason
    assert found == {name: row[4] for name, row in AGAIN.items() if row[4]}
    assert list(plan.problems["rule"]) == ["unknown_user"]
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    seen = cleaned.writes(stage)
    wrote = {name: [named(name, write) for write in seen.pop(user_id(name), [])] for name in AGAIN}
    assert wrote == {name: row[3] for name, row in AGAIN.items()}
    assert seen == {}
    assert set(outcomes["outcome"]) == {"applied"}


def test_allow_last_leaves_somebody_without(stage: Stage) -> None:
    stage.world.tenant.populate(everybody({"bare": AGAIN["bare"]}))
    assert len(cleaned.planned(stage, again(["bare"], allow_last=True)).writes) == 1


def test_a_pass_that_ended_meanwhile_stops_the_removal(stage: Stage) -> None:
    stage.world.tenant.populate([person("passed", ["mobile", PASS], "", sms_sign_in=True, **{PASS: VALID})])
    plan = cleaned.planned(stage, again(["passed"], revoke_sessions=True))
    assert list(plan.writes["method"]) == ["signInSessions", "smsSignIn", "mobile"]
    user = stage.world.tenant.users[user_id("passed")]
    user.methods[cleaned.key("passed", PASS)].fields["lifetimeInMinutes"] = 10
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    assert cleaned.writes(stage) == {}
    assert outcomes["detail"].str.contains("no pass is valid|an earlier change").all()


@pytest.fixture
def left(stage: Stage) -> tuple[Stage, Any, pd.DataFrame]:
    """A leaver and one who registers again lose their sessions first; an external user keeps theirs."""
    people = [
        person("left", ["mobile"], "sms", enabled=False),
        person("desk", ["office"], enabled=False),
        person("again", ["mobile", PASS], "sms", **{PASS: VALID}),
        person("guest_fabrikam.example#EXT#", ["mobile"], "sms", enabled=False),
    ]
    stage.world.tenant.populate(people)
    rules = Rules(leavers_after=90, register_again=["again@contoso.example"], revoke_sessions=True)
    plan = cleaned.planned(stage, rules)
    stage.clear_log()
    return stage, plan, cleaned.applied(stage, plan.writes)


def test_sessions_end_before_anything_else_and_for_good(left: tuple[Stage, Any, pd.DataFrame]) -> None:
    stage, plan, outcomes = left
    wrote = cleaned.writes(stage)
    assert [wrote[user_id(name)][0] for name in ("left", "desk", "again")] == [REVOKE] * 3
    assert wrote[user_id("guest_fabrikam.example#EXT#")] == [f"DELETE phoneMethods/{cleaned.IDS['mobile']}"]
    assert list(plan.problems["rule"]) == ["sessions_elsewhere"]
    assert set(outcomes["outcome"]) == {"applied"}
    assert set(plan.irreversible["method"]) == {"signInSessions"}

    async def done() -> pd.DataFrame:
        async with stage.graph() as graph:
            return await verification.verify(graph, outcomes)

    assert stage.run(done())["as_recorded"].all()
    back = taken_back(stage, outcomes).changes
    assert set(back.loc[back["method"].eq("signInSessions"), "reason"]) == {"irreversible"}


def test_a_leavers_sessions_end_once(left: tuple[Stage, Any, pd.DataFrame]) -> None:
    rules = Rules(leavers_after=90, revoke_sessions=True)
    assert cleaned.planned(left[0], rules).writes.empty


def test_sessions_that_somebody_ended_meanwhile_are_left_alone(stage: Stage) -> None:
    stage.world.tenant.populate([person("left", ["mobile"], "sms", enabled=False)])
    plan = cleaned.planned(stage, Rules(leavers_after=90, revoke_sessions=True))
    stage.world.tenant.sign_out(stage.world.tenant.users[user_id("left")])
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    assert REVOKE not in str(cleaned.writes(stage))
    assert outcomes.set_index("method")["outcome"].to_dict()["signInSessions"] == "drifted"


@pytest.mark.parametrize("what", ["excluded", "refused"])
def test_per_user_mfa_stays_where_conditional_access_does_not_ask_any_more(stage: Stage, what: str) -> None:
    """The policy is asked again right before the write, and a refusal is no yes."""
    stage.world.tenant.populate([person("legacy", ["mobile"], "sms", mfa="enforced")])
    plan = cleaned.planned(stage, Rules(per_user_mfa=True))
    assert len(plan.writes) == 1
    tenant, login = stage.world.tenant, stage.world.login
    if what == "excluded":  # the group of break-glass accounts
        tenant.change_profile(tenant.users[user_id("legacy")], {"displayName": "Svc Backup"})
    else:
        login.grant(p for p in login.registration.permissions if "Conditional" not in p)
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    assert cleaned.writes(stage) == {}
    assert outcomes["outcome"].item() == "skipped"
    assert outcomes["detail"].item().startswith("no Conditional Access policy is seen to ask this person")


def test_what_a_state_or_a_device_is_stands_open_and_numbers_do_not() -> None:
    device = "iPhone, 6.8.21, since 2026-01-12 #d7db6b3c-cb81-513d-a187-68181fb179e4"
    shown = ["sms", "voiceAlternateMobile", "revoked after 2026-01-12T08:30:00Z", "2026-11-27T09:00:00.123Z", device]
    assert [mask_value(value) for value in shown] == shown
    hidden = ["+31 612345678", "ada@mail.example", "key of +31 612345678 #d7db6b3c-cb81-513d-a187-68181fb179e4"]
    assert all("12345" not in mask_value(value) and "ada@" not in mask_value(value) for value in hidden)
