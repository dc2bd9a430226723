"""Every guard and every refusal of passes: no pass is made, by the tenant's own record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from authops.demo.world.groups import Group
from authops.demo.world.tenant import Method
from authops.plan import plan_file
from authops.plan.guards import breaches
from authops.source.passes import Rules
from authops.tenant.protection import Rules as Protect
from authops.words.errors import GuardStop, ParameterError, PlanError
from tests.apply.altered import Altered, refused, without
from tests.apply.conftest import Stage, user_id
from tests.apply.passing import Kept, give, held, planned, works

ANNA = "anna@contoso.example"
GROUP = "cccccccc-0000-4000-8000-000000000003"
NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)  # a Friday


def anna(stage: Stage) -> Any:
    return stage.world.tenant.users[user_id("anna")]


def nothing(_: Stage) -> None:
    """All is as usual."""


def admin(stage: Stage) -> None:
    stage.world.tenant.appoint(anna(stage), ["Helpdesk Administrator"])


def profile(**changed: Any) -> Any:
    return lambda stage: stage.world.tenant.change_profile(anna(stage), changed)


def passkey(stage: Stage) -> None:
    anna(stage).methods["key"] = Method("key", "fido2", {"displayName": "Key"}, "2026-01-01T00:00:00Z")


def policy(**part: Any) -> Any:
    def changed(stage: Stage) -> None:
        one = stage.world.tenant.meta.setdefault("policy", {})
        from authops.demo.methods import policy as rules

        one |= rules.defaults(str(stage.world.tenant.meta["seed"])) | one
        one["configurations"]["TemporaryAccessPass"] |= part

    return changed


def left_out(stage: Stage) -> None:
    policy(excludeTargets=[{"id": user_id("anna"), "targetType": "user"}])(stage)


def risky(stage: Stage) -> None:
    stage.world.tenant.meta["risky"] = {user_id("anna"): "confirmedCompromised", user_id("bert"): "dismissed"}


HELD = {
    "at_risk": (risky, Protect(hold_risky=True)),
    "administrator": (admin, Protect()),
    "guest": (profile(userType="Guest"), Protect()),
    "disabled_account": (profile(accountEnabled=False), Protect()),
    "external_user": (profile(userPrincipalName="anna_else.example#EXT#@contoso.example"), Protect()),
    "unusable_method": (left_out, Protect()),
    "protected_user": (lambda _: None, Protect(protect_users=[ANNA])),
    "has_method": (passkey, Protect()),
}


@pytest.mark.parametrize("reason", list(HELD))
def test_who_must_not_be_given_a_pass_is_held(stage: Stage, reason: str) -> None:
    change, rules = HELD[reason]
    stage.people(anna={}, bert={})
    change(stage)
    name = str(anna(stage).profile["userPrincipalName"])
    made = planned(stage, f"{name},,60,TRUE,\nbert@contoso.example,,60,TRUE,\n", protect=rules)
    assert list(made.held["reason"]) == [reason]
    give(stage, made.writes, Kept())
    assert set(held(stage)) == {"bert@contoso.example"}


def grouped(stage: Stage) -> None:
    stage.world.app.state.wire.groups.of(stage.world.tenant)[GROUP] = Group(GROUP, "Glass", "", [user_id("anna")])


def aimed_at_a_group(stage: Stage) -> None:
    """The policy leaves a group out, whoever that is."""
    grouped(stage)
    policy(excludeTargets=[{"id": GROUP, "targetType": "group"}])(stage)


def of_anna(path: str) -> bool:
    return path.startswith((f"/users/{user_id('anna')}?", f"/users/{ANNA}?"))


# Reason → what the tenant holds, by which rules, which answers go wrong, and how; who is held.
BOTH, ONLY_ANNA = {ANNA, "bert@contoso.example"}, {ANNA}
UNKNOWN: dict[str, tuple[Any, Protect, Any, Any, set[str]]] = {
    "guest_unknown": (nothing, Protect(), of_anna, without("userType"), ONLY_ANNA),
    "account_unknown": (nothing, Protect(), of_anna, without("accountEnabled"), ONLY_ANNA),
    "policy_unknown": (aimed_at_a_group, Protect(), lambda path: f"/groups/{GROUP}" in path, refused(403), BOTH),
    "methods_unread": (
        nothing,
        Protect(),
        lambda path: path.startswith(f"/users/{user_id('anna')}/authentication/methods"),
        refused(500),
        ONLY_ANNA,
    ),
    "protected_group": (grouped, Protect(protect_groups=[GROUP]), lambda _: False, refused(500), ONLY_ANNA),
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_what_is_not_known_of_somebody_or_protects_them_holds_them_and_no_pass_is_made(
    stage: Stage, reason: str
) -> None:
    setting, rules, which, fault, who = UNKNOWN[reason]
    stage.people(anna={}, bert={})
    setting(stage)
    stage.transport = altered = Altered(httpx.ASGITransport(stage.world.app), which, fault)
    made = planned(stage, f"{ANNA},,60,TRUE,\nbert@contoso.example,,60,TRUE,\n", protect=rules)
    assert altered.altered or reason == "protected_group"
    assert dict(zip(made.held["user_principal_name"], made.held["reason"], strict=True)) == dict.fromkeys(who, reason)
    give(stage, made.writes, Kept())
    assert set(held(stage)) == BOTH - who
    asked = {row["user"] for row in stage.log() if row["method"] == "POST" and row["user"]}
    assert asked == {user_id(name.partition("@")[0]) for name in BOTH - who}


def test_who_cannot_be_read_when_it_is_planned_is_a_row_with_a_problem_and_no_pass(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    stage.transport = Altered(httpx.ASGITransport(stage.world.app), of_anna, refused(500))
    made = planned(stage, f"{ANNA},,60,TRUE,\nbert@contoso.example,,60,TRUE,\n")
    assert list(made.problems["rule"]) == ["user_unreadable"]
    give(stage, made.writes, Kept())
    assert set(held(stage)) == {"bert@contoso.example"}


def test_where_risk_cannot_be_read_it_is_said_and_holds_nobody(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.people(anna={})
    risky(stage)
    stage.world.tenant.assume.change({"tenant_licence": "p1"})
    made = planned(stage, f"{ANNA},,60,TRUE,\n", protect=Protect(hold_risky=True))
    assert len(made.writes) == 1
    assert "who is at risk cannot be read" in caplog.text


def unreadable(stage: Stage) -> None:
    stage.transport = Altered(httpx.ASGITransport(stage.world.app), of_anna, refused(500))


SINCE = {"administrator": admin, "person_unread": unreadable, "guest": profile(userType="Guest")}


@pytest.mark.parametrize("reason", SINCE)
def test_who_must_not_be_given_one_since_the_plan_is_not(stage: Stage, reason: str) -> None:
    from authops.apply.watch import Watch

    stage.people(anna={}, bert={})
    made = planned(stage, f"{ANNA},,60,TRUE,\nbert@contoso.example,,60,TRUE,\n").writes
    SINCE[reason](stage)
    hand = Kept()
    graph_users = made["user_id"]

    async def late(changes: Any) -> Any:
        async with stage.graph() as graph:
            watch = Watch(graph, Protect(), graph_users, lambda: datetime(2026, 1, 1, tzinfo=UTC))
            watch._at.clear()
            return await watch(changes)

    outcomes, _ = give(stage, made, hand, watch=late)
    assert set(held(stage)) == set(hand.codes) == {"bert@contoso.example"}
    assert f"held since the plan was made: {reason}" in outcomes.set_index("user_principal_name").loc[ANNA, "detail"]


def test_an_administrator_named_in_words_needs_a_second_person(stage: Stage) -> None:
    stage.people(anna={})
    admin(stage)
    made = planned(stage, f"{ANNA},,60,TRUE,\n", protect=Protect(admins=[ANNA]))
    assert len(made.writes) == 1
    made = plan_file.save(
        type(made)(made.changes, made.problems, dict(made.header) | {"author": "anna"}), stage.folder, now=NOW
    )
    plan_file.approve(made, stage.folder, list(made.writes["change_id"]), by="anna", now=NOW)
    with pytest.raises(PlanError, match="second person"):
        plan_file.approved(made, stage.folder, tenant_id="t", now=NOW)
    (stage.folder / "approval.json").unlink()
    plan_file.approve(made, stage.folder, list(made.writes["change_id"]), by="carla", now=NOW)


PROBLEMS = {
    "bad_start": "soon,60,TRUE,",
    "start_past": "2020-01-01 08:00,60,TRUE,",
    "start_gap": "2027-03-28 02:30,60,TRUE,",
    "bad_lifetime": ",an hour,TRUE,",
    "lifetime_outside_policy": ",481,TRUE,",
    "bad_flag": ",60,perhaps,",
}


@pytest.mark.parametrize("rule", list(PROBLEMS))
def test_a_row_that_says_what_cannot_be_is_a_problem_and_no_pass(stage: Stage, rule: str) -> None:
    stage.people(anna={})
    made = planned(stage, f"{ANNA},{PROBLEMS[rule]}\n", now=NOW)
    assert (list(made.problems["rule"]), len(made.writes)) == ([rule], 0)


def test_a_row_without_anybody_to_give_the_pass_on_is_a_problem(stage: Stage) -> None:
    stage.people(anna={})
    made = planned(stage, f"{ANNA},,60,TRUE,\n", rules=Rules())
    assert list(made.problems["rule"]) == ["no_recipient"]


def test_a_policy_of_one_time_passes_makes_a_row_for_more_a_problem(stage: Stage) -> None:
    stage.people(anna={})
    policy(isUsableOnce=True)(stage)
    assert list(planned(stage, f"{ANNA},,60,FALSE,\n").problems["rule"]) == ["once_by_policy"]
    assert "once" in planned(stage, f"{ANNA},,60,,\n", rules=Rules(recipient="d", once=False)).writes["after"].iloc[0]


def test_a_country_of_several_clocks_is_refused_unless_one_is_named(stage: Stage) -> None:
    stage.people(anna={})
    profile(usageLocation="US")(stage)
    row = f"{ANNA},Monday 08:00,60,TRUE,\n"
    assert list(planned(stage, row, now=NOW).problems["rule"]) == ["start_zone"]
    named = planned(stage, row, rules=Rules(recipient="d", time_zone="America/New_York"), now=NOW)
    assert named.writes["after"].iloc[0].startswith("pass from 2026-11-30T13:00:00Z")


def test_a_policy_that_is_off_or_not_told_plans_nothing(stage: Stage) -> None:
    stage.people(anna={})
    policy(state="disabled")(stage)
    with pytest.raises(GuardStop, match="does not let anybody"):
        planned(stage, f"{ANNA},,60,TRUE,\n")
    policy(state="enabled", maximumLifetimeInMinutes=None)(stage)
    with pytest.raises(GuardStop, match="without its limits"):
        planned(stage, f"{ANNA},,60,TRUE,\n")


def test_too_many_passes_and_too_long_ones_stop_the_plan(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    made = planned(stage, f"{ANNA},,60,TRUE,\nbert@contoso.example,,480,TRUE,\n")
    assert list(breaches(made, max_changes=1, max_lifetime=480)["guard"]) == ["max_changes"]
    assert list(breaches(made, max_changes=2, max_lifetime=479)["guard"]) == ["max_lifetime"]


def test_so_many_a_working_day_a_department_together(stage: Stage) -> None:
    names = ["anna", "bert", "cleo", "dora"]
    stage.people(**{name: {} for name in names})
    for name, department in zip(names, ("Sales", "Care", "Sales", "Care"), strict=True):
        stage.world.tenant.change_profile(stage.world.tenant.users[user_id(name)], {"department": department})
    rows = "".join(f"{name}@contoso.example,2026-11-27 09:00,60,TRUE,\n" for name in names)
    made = planned(stage, rows, rules=Rules(recipient="d", per_day=2, by="department"), now=NOW).writes
    starts = dict(zip(made["user_principal_name"].str[:4], made["after"].str[10:20], strict=True))
    assert starts == {"bert": "2026-11-27", "dora": "2026-11-27", "anna": "2026-11-30", "cleo": "2026-11-30"}
    with pytest.raises(ParameterError):
        Rules(per_day=0)


def test_a_one_time_pass_that_was_used_makes_room_for_another(stage: Stage) -> None:
    stage.people(anna={})
    hand = Kept()
    made = planned(stage, f"{ANNA},,60,TRUE,\n")
    give(stage, made.writes, hand)
    assert works(stage, user_id("anna"), hand.codes[ANNA])[0]
    assert list(planned(stage, f"{ANNA},,60,TRUE,\n").writes["reason"]) == ["pass_is_over"]
