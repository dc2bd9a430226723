"""Clean-up by rule on the demo tenant: people × rules → exact requests in order, and what they hold in the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.apply import verification
from authops.plan import cleanup, undo
from authops.plan.cleanup import Rules
from authops.tenant import audit_log, directory
from tests.apply import cleaned
from tests.apply.cleaned import KEY, person
from tests.apply.conftest import IDS, Stage, user_id

POOR = {"attestationLevel": "notAttested"}
# Name → what they hold, their default, and what is special about them.
PEOPLE: dict[str, tuple[Sequence[str], str, dict[str, Any]]] = {
    "phone": (["mobile"], "sms", {}),
    "phones": (["mobile", "alternateMobile", "office"], "sms", {}),
    "app": (["mobile", "microsoftAuthenticator"], "sms", {}),
    "apps": (["mobile", "alternateMobile", "microsoftAuthenticator", "softwareOath"], "voiceAlternateMobile", {}),
    "key": (["mobile", "fido2"], "sms", {}),
    "keys": (["mobile", "fido2", "fido2.2", "windowsHelloForBusiness"], "", {"fido2": POOR}),
    "poor": (["fido2"], "", {"fido2": POOR}),
    "poorer": (["mobile", "fido2"], "", {"fido2": POOR}),
    "ready": (["mobile", "softwareOath", "email"], "oath", {"sms_sign_in": True}),
    "token": (["office", "hardwareOath", "qrCodePin"], "voiceOffice", {}),
    "pass": (["mobile", "temporaryAccessPass"], "sms", {}),
    "left": (
        ["mobile", "alternateMobile", "fido2", "email", "temporaryAccessPass", "microsoftAuthenticator"],
        "voiceAlternateMobile",
        {"enabled": False, "sms_sign_in": True},
    ),
    "gone": (["mobile", "microsoftAuthenticator", "softwareOath"], "push", {"enabled": False}),
    "went": (
        ["mobile", "microsoftAuthenticator", "microsoftAuthenticator.2"],
        "push",
        {"enabled": False},
    ),
    "legacy": (["mobile", "external"], "sms", {"mfa": "enforced"}),
    "none": ([], "", {}),
}
RULES = {
    "one": Rules(phones_with=1),
    "two": Rules(phones_with=2),
    "sms": Rules(sms_sign_in=True),
    "leavers": Rules(leavers_after=90),
    "model": Rules(models=[KEY]),
    "unattested": Rules(unattested=True),
    "passes": Rules(passes=True),
    "defaults": Rules(defaults=True),
    "mfa": Rules(per_user_mfa=True),
    "all": Rules(
        phones_with=1, sms_sign_in=True, leavers_after=90, models=[KEY], unattested=True, passes=True, defaults=True,
        per_user_mfa=True,
    ),
}  # fmt: skip
MOVE, OFF, MFA = "PATCH signInPreferences", "POST disableSmsSignIn", "PATCH requirements"


def gone(*names: str) -> list[str]:
    return [f"DELETE {name}" for name in names]


LEFT = [MOVE, OFF, *gone("alternateMobile", "mobile")]
WHOLE = [
    MOVE,
    OFF,
    *gone("fido2", "microsoftAuthenticator", "alternateMobile", "email", "temporaryAccessPass", "mobile"),
]
GONE = gone("softwareOath", "mobile", "microsoftAuthenticator")
WENT = [MOVE, *gone("microsoftAuthenticator", "microsoftAuthenticator.2", "mobile")]
# Rules → person → the writes that the tenant saw, in order. Who is not named had none.
EXPECTED: dict[str, dict[str, list[str]]] = {
    "one": {
        "app": [MOVE, *gone("mobile")],
        "apps": [MOVE, *gone("alternateMobile", "mobile")],
        "keys": gone("mobile"),
        "poorer": gone("mobile"),
        "ready": [OFF, *gone("mobile")],
        "token": [MOVE, *gone("office")],
        "left": LEFT,
        "gone": gone("mobile"),
        "went": gone("mobile"),
    },
    "two": {
        "apps": [MOVE, *gone("alternateMobile", "mobile")],
        "keys": gone("mobile"),
        "left": LEFT,
        "gone": gone("mobile"),
        "went": gone("mobile"),
    },
    "sms": {"ready": [OFF], "left": [OFF]},
    "leavers": {"left": WHOLE, "gone": GONE, "went": WENT},
    "model": {
        "key": gone("fido2"), "keys": gone("fido2", "fido2.2"), "poorer": gone("fido2"), "left": gone("fido2"),
    },
    "unattested": {"keys": gone("fido2"), "poorer": gone("fido2")},
    "passes": {"pass": gone("temporaryAccessPass"), "left": gone("temporaryAccessPass")},
    "defaults": {"app": [MOVE], "apps": [MOVE], "token": [MOVE], "left": [MOVE]},
    "mfa": {"legacy": [MFA]},
    "all": {
        "app": [MOVE, *gone("mobile")],
        "apps": [MOVE, *gone("alternateMobile", "mobile")],
        "key": gone("fido2"),
        "keys": gone("fido2", "fido2.2", "mobile"),
        "poorer": gone("fido2"),
        "ready": [OFF, *gone("mobile")],
        "token": [MOVE, *gone("office")],
        "pass": gone("temporaryAccessPass"),
        "left": WHOLE,
        "gone": GONE,
        "went": WENT,
        "legacy": [MFA],
    },
}  # fmt: skip
# Rules → (person, method) → why a row that was wanted is held.
HELD = {
    "one": {("key", "mobile"): "default_method", ("legacy", "mobile"): "default_method"},
    "model": {("poor", "fido2"): "last_survivor"},
    "unattested": {("poor", "fido2"): "last_survivor"},
    "all": {("poor", "fido2"): "last_survivor", ("legacy", "mobile"): "default_method"},
}


def named(name: str, write: str) -> str:
    """`DELETE fido2Methods/ID` → `DELETE fido2.2`, by what that person was given."""
    verb, _, path = write.partition(" ")
    given = {cleaned.key(name, what): what for what in PEOPLE[name][0]} | {one: kind for kind, one in IDS.items()}
    end = path.rpartition("/")[2]
    return f"{verb} {given.get(end, 'email' if path.startswith('email') else end)}"


@pytest.fixture(scope="module", params=list(RULES))
def cleaned_up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Stage, Any, Any]:
    """One set of rules, planned and applied for everybody."""
    stage = Stage(tmp_path_factory.mktemp(request.param))
    stage.world.tenant.populate([person(name, has, default, **more) for name, (has, default, more) in PEOPLE.items()])
    plan = cleaned.planned(stage, RULES[request.param])
    stage.clear_log()
    return request.param, stage, plan, cleaned.applied(stage, plan.writes)


def test_exactly_these_requests_in_this_order(cleaned_up: tuple[str, Stage, Any, pd.DataFrame]) -> None:
    rules, stage, _, outcomes = cleaned_up
    seen = cleaned.writes(stage)
    found = {name: [named(name, write) for write in seen.get(user_id(name), [])] for name in PEOPLE}
    assert found == {name: EXPECTED[rules].get(name, []) for name in PEOPLE}
    assert set(outcomes["outcome"]) <= {"applied"}


def test_what_is_there_in_the_end_is_what_was_there_without_what_went(cleaned_up: tuple[str, Stage, Any, Any]) -> None:
    rules, stage, _, _ = cleaned_up
    for name, (has, _, _) in PEOPLE.items():
        left = [what for what in has if f"DELETE {what}" not in EXPECTED[rules].get(name, [])]
        counts = pd.Series([what.partition(".")[0] for what in left], dtype="str").value_counts().to_dict()
        user = stage.world.tenant.users[user_id(name)]
        assert {kind: n for kind, n in cleaned.kinds(user).items() if kind != "password"} == counts, name
        assert user.preferred not in ("sms", "voiceMobile") or MOVE not in EXPECTED[rules].get(name, [])
        assert user.per_user_mfa == (
            "disabled" if MFA in EXPECTED[rules].get(name, []) else PEOPLE[name][2].get("mfa", "disabled")
        )


def test_what_is_held_says_why(cleaned_up: tuple[str, Stage, Any, Any]) -> None:
    rules, _, plan, _ = cleaned_up
    blocked = plan.changes[plan.changes["action"] == "blocked"]
    found = {
        (upn.partition("@")[0], method): reason
        for upn, method, reason in zip(
            blocked["user_principal_name"], blocked["method"], blocked["reason"], strict=True
        )
    }
    assert found == HELD.get(rules, {})


def test_a_second_look_finds_nothing_left_to_do(cleaned_up: tuple[str, Stage, Any, Any]) -> None:
    rules, stage, _, _ = cleaned_up
    assert cleaned.planned(stage, RULES[rules]).writes.empty


def test_the_table_is_large_enough() -> None:
    assert len(PEOPLE) * len(RULES) >= 60


def test_who_holds_something_nobody_understands_is_left_alone(stage: Stage) -> None:
    stage.world.tenant.populate([person("anna", ["mobile", "microsoftAuthenticator", "fido2"], "sms")])
    user = stage.world.tenant.users[user_id("anna")]
    next(m for m in user.methods.values() if m.kind == "fido2").kind = "palmReader"
    plan = cleaned.planned(stage, RULES["all"])
    assert plan.writes.empty
    assert list(plan.problems["rule"]) == ["methods_unread"]


def test_an_aaguid_that_is_none_is_refused() -> None:
    with pytest.raises(Exception, match="no AAGUID: YubiKey"):
        cleanup.Rules(models=["YubiKey"])


def test_a_survivor_that_went_meanwhile_stops_the_removal(stage: Stage, tmp_path: Path) -> None:
    stage.world.tenant.populate(
        [person("anna", ["mobile", "microsoftAuthenticator"], "sms"), person("bert", ["mobile", "fido2"], "")]
    )
    plan = cleaned.planned(stage, Rules(phones_with=1))
    assert len(plan.writes) == 3
    for name in ("anna", "bert"):
        user = stage.world.tenant.users[user_id(name)]
        user.methods = {key: m for key, m in user.methods.items() if m.kind in ("phone", "password")}
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    assert cleaned.writes(stage) == {}
    assert set(outcomes["outcome"]) == {"skipped"}
    assert outcomes["detail"].str.contains("fewer methods are left").sum() == 2


def test_a_leaver_who_came_back_keeps_everything(stage: Stage) -> None:
    stage.world.tenant.populate([person("anna", ["mobile", "fido2"], "", enabled=False)])
    plan = cleaned.planned(stage, Rules(leavers_after=90))
    assert len(plan.writes) == 2
    stage.world.tenant.users[user_id("anna")].profile["accountEnabled"] = True
    stage.clear_log()
    outcomes = cleaned.applied(stage, plan.writes)
    assert cleaned.writes(stage) == {}
    assert outcomes["detail"].iloc[0].startswith("the account is not disabled any more")


def taken_back(stage: Stage, outcomes: pd.DataFrame) -> Any:
    """The plan that undoes it, made as `5_undo` makes it."""

    async def done() -> Any:
        async with stage.graph() as graph:
            written = undo.written(outcomes)
            users = await directory.find_users(graph, list(written["user_id"].unique()))
            methods = undo.beside(list(written["method"].unique()))
            current = await directory.current(graph, users["user_id"], methods=methods)
            return undo.make(written, current, users, {"tenant_id": "t"})

    return stage.run(done())


def test_undo_brings_back_numbers_addresses_states_and_defaults_and_lists_the_rest(stage: Stage) -> None:
    people = {
        "apps": PEOPLE["apps"],
        "ready": (["mobile", "alternateMobile", "softwareOath", "email"], "sms", {"sms_sign_in": True}),
        "legacy": PEOPLE["legacy"],
        "left": PEOPLE["left"],
    }
    stage.world.tenant.populate([person(name, has, default, **more) for name, (has, default, more) in people.items()])
    before = {name: stood(stage, name) for name in people}
    plan = cleaned.planned(stage, RULES["all"])
    outcomes = cleaned.applied(stage, plan.writes)
    assert set(outcomes["outcome"]) == {"applied"}
    back = taken_back(stage, outcomes)
    lost = back.changes[back.changes["reason"] == "irreversible"]
    assert sorted(lost["method"]) == ["fido2", "microsoftAuthenticator", "temporaryAccessPass"]
    assert (lost["before"] != "").all()
    stage.clear_log()
    again = cleaned.applied(stage, back.writes, "back")
    assert set(again["outcome"]) <= {"applied", "drifted"}
    for name in ("apps", "ready", "legacy"):
        assert stood(stage, name) == before[name]
    assert {k for k in stood(stage, "left") if "fido2" not in k} >= {"mobile", "alternateMobile", "email"}


def stood(stage: Stage, name: str) -> dict[str, str]:
    """What can be put back of a person: numbers, addresses, states, default."""
    user = stage.world.tenant.users[user_id(name)]
    found = {}
    for method in user.methods.values():
        if method.kind == "phone":
            found[str(method.fields["phoneType"])] = str(method.fields["phoneNumber"])
            found[f"{method.fields['phoneType']} signs in"] = str(method.fields["smsSignInState"] == "ready")
        elif method.kind == "email":
            found["email"] = str(method.fields["emailAddress"])
    return found | {"default": user.preferred, "mfa": user.per_user_mfa}


def test_verify_ties_each_removal_to_its_own_audit_record(stage: Stage) -> None:
    """Every kind of device, two of one, phones, an address, and signing in by SMS beside its mobile."""
    devices = ["fido2", "fido2.2", "microsoftAuthenticator", "softwareOath", "hardwareOath", "windowsHelloForBusiness",
               "platformCredential", "external", "qrCodePin", "temporaryAccessPass"]  # fmt: skip
    has = ["mobile", "alternateMobile", "office", "email", *devices]
    stage.world.tenant.populate([person("all", has, "push", enabled=False, sms_sign_in=True)])
    outcomes = cleaned.applied(stage, cleaned.planned(stage, Rules(leavers_after=90)).writes)
    assert len(outcomes) == len(has) + 1
    since, ours = cleaned.NOW.replace(year=2020), str(stage.world.tenant.meta["client_id"])

    async def done() -> Any:
        async with stage.graph() as graph:
            verified = await verification.verify(graph, outcomes)
            witness = await verification.witnessed(graph, verified, since, ours)
            return verified, witness, await audit_log.records(graph, since, outcomes["user_id"])

    verified, witness, recorded = stage.run(done())
    assert verified["as_recorded"].all()
    assert witness.changes["audit_id"].is_unique
    assert "" not in set(witness.changes["audit_id"])
    assert witness.others.empty
    # all within one second: whichever record stands first, each explains the one that it names
    again, _ = audit_log.tie(outcomes, recorded.iloc[::-1].reset_index(drop=True), ours)
    assert again.tolist() == witness.changes["audit_id"].tolist()


def test_while_beta_does_not_answer_nobody_is_said_to_hold_too_little(stage: Stage) -> None:
    """Only beta knows hardware tokens: what it would say is waited for. These seeds let v1.0 answer and beta not."""
    outcomes: dict[int, str] = {}
    for seed in (0, 2, 6, 14):
        stage.world.tenant.populate([person("anna", ["office", "hardwareOath"])])
        plan = cleaned.planned(stage, Rules(phones_with=1))
        assert list(plan.writes["method"]) == ["office"]
        stage.weather(fault_rate=0.5, faults=["inner-503"], match="GET", retry_after=30, seed=seed)
        outcomes[seed] = cleaned.applied(stage, plan.writes, f"journal-{seed}")["detail"].iloc[0]
        stage.weather(fault_rate=0.0)
    assert [said for said in outcomes.values() if "fewer methods" in said] == []
