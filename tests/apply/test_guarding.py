"""Who must not be touched, as Graph tells it; and what happens when it does not tell."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pandas as pd
import pytest

from authops.demo.methods import policy as policies
from authops.demo.wire.build import World, build
from authops.graph.client import Graph
from authops.tenant import directory, protection
from authops.tenant.protection import Protection, Rules
from tests.apply.conftest import ROOT, Stage
from tests.homes import furnished

NOBODY = Rules(allow_admins=True, allow_guests=True, allow_disabled=True, allow_unusable=True)
LEAST = ["User.Read.All", "UserAuthenticationMethod.ReadWrite.All"]


@pytest.fixture
def place(tmp_path: Path) -> Stage:
    """The demo tenant with its own people, a hundred and twenty of them."""
    found = Stage(tmp_path)
    found.world = build(furnished(tmp_path / "big"), (ROOT,), users=120)
    return found


def read(place: Stage, rules: Rules) -> tuple[Protection, dict[str, str]]:
    """What protection says of everybody, and user principal names by id."""

    async def both() -> tuple[Protection, pd.DataFrame]:
        async with place.graph() as graph:
            users = await directory.all_users(graph)
            return await protection.read(graph, users, rules), users

    found, users = asyncio.run(both())
    return found, dict(zip(users["user_id"], users["user_principal_name"], strict=True))


def held(place: Stage, reason: str, rules: Rules) -> set[str]:
    found, names = read(place, rules)
    return {names[user] for user in found.held.loc[found.held["reason"] == reason, "user_id"]}


def truth(world: World, **wanted: object) -> set[str]:
    return {
        str(u.profile["userPrincipalName"])
        for u in world.tenant.living()
        if all(getattr(u, k, u.profile.get(k)) == v for k, v in wanted.items())
    }


def test_roles_count_directly_through_a_group_and_when_only_eligible(place: Stage) -> None:
    admins = held(place, "administrator", Rules())
    assert {"hugo.admin@contoso.example", "elin.eligible@contoso.example"} <= admins
    assert admins == truth(place.world, admin=True) | truth(place.world, eligible=True)


def test_without_the_role_permission_who_is_admin_is_not_known_whatever_the_report_says(place: Stage) -> None:
    place.world.login.grant([*LEAST, "AuditLog.Read.All"])
    found, _ = read(place, Rules())
    assert "RoleManagement.Read.Directory" in found.unread["allow_admins"]
    assert set(read(place, Rules(allow_admins=True, allow_unusable=True))[0].unread) == set()


def test_of_rules_that_say_nothing_all_guards_are_in_force_but_risk_which_passes_ask_for() -> None:
    allow = dict.fromkeys(("allow_admins", "allow_guests", "allow_disabled", "allow_unusable"), False)
    assert Rules().facts() == allow | {"protect_users": [], "protect_groups": []}
    assert Rules(hold_risky=True, admins=["a"]).facts() == Rules().facts() | {"hold_risky": True, "admins": ["a"]}


def test_guests_and_disabled_accounts(place: Stage) -> None:
    assert held(place, "guest", Rules()) == truth(place.world, userType="Guest")
    assert held(place, "disabled_account", Rules()) == truth(place.world, accountEnabled=False)


def test_named_people_by_upn_or_id_in_any_case(place: Stage) -> None:
    ben = next(u for u in place.world.tenant.living() if u.profile["displayName"] == "Ben Mobile")
    cleo = next(u for u in place.world.tenant.living() if u.profile["displayName"] == "Cleo Both")
    names = [ben.profile["userPrincipalName"].upper(), cleo.id.upper()]
    assert held(place, "protected_user", Rules(protect_users=names)) == {
        ben.profile["userPrincipalName"],
        cleo.profile["userPrincipalName"],
    }


def test_members_of_a_protected_group_at_any_depth(place: Stage) -> None:
    sales = held(place, "protected_group", Rules(protect_groups=["Sales"]))
    assert sales == truth(place.world, department="Sales", userType="Member")
    assert sales < held(place, "protected_group", Rules(protect_groups=["All staff"]))
    found, _ = read(place, Rules(protect_groups=["Sales", "Nonsense"]))
    assert "Nonsense" in found.unread["protect_groups"]


def policy(place: Stage, **changes: dict[str, object]) -> None:
    known = policies.defaults(str(place.world.tenant.meta["seed"]))
    configurations = {name: {**known["configurations"][name], **change} for name, change in changes.items()}
    place.world.tenant.meta["policy"] = known | {"configurations": {**known["configurations"], **configurations}}


def unusable(place: Stage) -> dict[str, set[str]]:
    found, names = read(place, Rules())
    rows = found.held[found.held["reason"] == "unusable_method"]
    return {method: {names[u] for u in group["user_id"]} for method, group in rows.groupby("method")}


def test_everything_is_usable_where_the_policy_allows_it_to_everybody(place: Stage) -> None:
    assert unusable(place) == {}


def test_a_mobile_is_usable_while_either_sms_or_voice_is(place: Stage) -> None:
    everybody = truth(place.world)
    policy(place, Sms={"state": "disabled"})
    assert unusable(place) == {}
    policy(place, Voice={"state": "disabled"})
    assert unusable(place) == {"alternateMobile": everybody, "office": everybody}
    policy(place, Sms={"state": "disabled"}, Voice={"state": "disabled"}, Email={"state": "disabled"})
    assert unusable(place) == dict.fromkeys(("mobile", "alternateMobile", "office", "email"), everybody)


def test_office_phones_can_be_forbidden_on_their_own(place: Stage) -> None:
    policy(place, Voice={"isOfficePhoneAllowed": False})
    assert unusable(place) == {"office": truth(place.world)}


def test_a_policy_for_a_group_or_without_one(place: Stage) -> None:
    groups = place.world.app.state.wire.groups.of(place.world.tenant).values()
    sales = next(g for g in groups if g.name == "Sales")
    target = {"targetType": "group", "id": sales.id}
    members = truth(place.world, department="Sales", userType="Member")
    policy(place, Email={"includeTargets": [target]})
    assert unusable(place) == {"email": truth(place.world) - members}
    policy(place, Email={"excludeTargets": [target]})
    assert unusable(place) == {"email": members}


def test_a_policy_that_may_not_be_read_stops_the_plan_unless_it_does_not_matter(place: Stage) -> None:
    policy(place, Email={"state": "disabled"})
    place.world.login.grant([*LEAST, "AuditLog.Read.All"])
    assert "Policy.Read.AuthenticationMethod" in read(place, Rules())[0].unread["allow_unusable"]
    assert read(place, NOBODY)[0].unread == {}


def test_rules_that_allow_everything_ask_only_whom_sms_sign_in_is_for_and_the_roles(place: Stage) -> None:
    found, _ = read(place, NOBODY)
    assert found.held.empty
    asked = [row["path"].partition("?")[0] for row in place.log()]
    assert asked[0] == "/users"
    roles = {path for path in asked if path.startswith("/roleManagement/")}
    assert {path.rpartition("/")[2] for path in roles} == {"roleAssignments", "roleEligibilityScheduleInstances"}
    others = {path for path in asked[1:] if path not in roles}
    assert {path.rpartition("/")[2] for path in others} == {"authenticationMethodsPolicy", "transitiveMembers"}


def test_who_signs_in_by_sms_is_told_by_the_policy_and_no_guest_is(place: Stage) -> None:
    found, names = read(place, Rules())
    assert {names[user] for user in found.sms_sign_in} == truth(place.world, sms_policy=True)
    policy(place, Sms={"includeTargets": [{"targetType": "group", "id": "all_users", "isUsableForSignIn": True}]})
    found, names = read(place, Rules())
    assert {names[user] for user in found.sms_sign_in} == truth(place.world, userType="Member")
    policy(place, Sms={"state": "disabled"})
    assert not read(place, Rules())[0].sms_sign_in


def test_the_size_of_the_tenant(place: Stage) -> None:
    async def size(graph: Graph) -> int | None:
        async with graph:
            return await protection.tenant_size(graph)

    assert asyncio.run(size(place.graph())) == 120
    place.world.login.grant(["UserAuthenticationMethod.ReadWrite.All"])
    assert asyncio.run(size(place.graph())) is None
