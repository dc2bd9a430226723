"""What everybody holds, as Graph tells it: read beside each other, and not known where it is missing or refused."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.demo.wire.build import World, build
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.tenant import holders, roles
from authops.words.errors import GraphError
from tests.apply.conftest import ROOT, Token, no_pause
from tests.tenant.test_directory import ask, phone
from tests.virtual_time import clock, run

ANNA, BERT, CARL, DORA = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for n, letter in enumerate("abcd", 1))
GROUP = "eeeeeeee-0000-4000-8000-000000000009"
REFUSED = (403, {"error": {"code": "Authorization_RequestDenied", "message": "no"}})
STATE = "perUserMfaState"
USERS: list[dict[str, Any]] = [
    {
        "id": who, "userPrincipalName": f"{name}@contoso.example", "accountEnabled": name != "dora",
        "userType": "Member", "mobilePhone": None, "businessPhones": [], "otherMails": [], "assignedLicenses": [],
        STATE: "disabled",
    }
    for who, name in ((ANNA, "anna"), (BERT, "bert"), (CARL, "carl"), (DORA, "dora"))
]  # fmt: skip
REPORT = [
    {"id": ANNA, "methodsRegistered": ["mobilePhone"], "isSsprEnabled": True, "isAdmin": False},
    {"id": BERT, "methodsRegistered": ["passKeySynced"], "isSsprEnabled": False, "isAdmin": False},
]
APP = {"id": "x", "@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod"}
TYPED: dict[str, list[dict[str, Any]]] = {
    ANNA: [phone("+31 612345678", **{"@odata.type": "#microsoft.graph.phoneAuthenticationMethod"})],
    CARL: [APP],
    DORA: [phone("+49 15123000800", **{"@odata.type": "#microsoft.graph.phoneAuthenticationMethod"}), APP],
}
EVERYBODY = [{"targetType": "group", "id": "all_users"}]
POLICY: list[dict[str, Any]] = [
    {"id": "Sms", "state": "enabled", "includeTargets": EVERYBODY, "excludeTargets": []},
    {"id": "Voice", "state": "disabled", "includeTargets": EVERYBODY, "excludeTargets": []},
    {"id": "Fido2", "state": "enabled", "includeTargets": [{"targetType": "group", "id": GROUP}],
     "excludeTargets": [], "isSelfServiceRegistrationAllowed": True},
    {"id": "MicrosoftAuthenticator", "state": "enabled", "includeTargets": EVERYBODY,
     "excludeTargets": [{"targetType": "user", "id": BERT}]},
    {"id": "TemporaryAccessPass", "state": "enabled", "includeTargets": EVERYBODY, "excludeTargets": []},
]  # fmt: skip
ACTIVE = [
    {
        "principalId": CARL, "roleDefinitionId": roles.GLOBAL_ADMINISTRATOR,
        "principal": {"@odata.type": "#microsoft.graph.user", "id": CARL},
    }
]  # fmt: skip
CALLED = [{"id": roles.GLOBAL_ADMINISTRATOR.upper(), "displayName": "Global Administrator"}]
ELIGIBLE = [{**ACTIVE[0], "principalId": BERT, "principal": {"@odata.type": "#microsoft.graph.user", "id": BERT}}]


class Stand:
    """Answers as Graph does, each part of which a test may replace: a list is a collection, a pair status and body."""

    def __init__(self, **parts: Any) -> None:
        known = {
            "called": CALLED,
            "users": USERS,
            "report": REPORT,
            "policy": POLICY,
            "active": ACTIVE,
            "eligible": ELIGIBLE,
        }
        self.parts = known | {"group": [{"id": ANNA}], "typed": TYPED, "probe": (200, {"value": []})} | parts
        self.asked: Counter[str] = Counter()

    def __call__(self, path: str) -> tuple[int, Any]:
        what = self._what(path)
        self.asked[what] += 1
        found = self.parts.get(what, (404, {"error": {"code": "x", "message": "none"}}))
        if what == "typed" and isinstance(found, dict):
            found = found.get(path.split("/")[2], [])
        if what == "policy" and isinstance(found, list):
            return 200, {"id": "authenticationMethodsPolicy", "authenticationMethodConfigurations": found}
        return (200, {"value": found}) if isinstance(found, list) else found

    def _what(self, path: str) -> str:
        places = {
            "/users?": "users", "/reports/": "report", "/policies/": "policy", "/groups/": "group",
            "/roleManagement/directory/roleAss": "active", "/roleManagement/directory/roleDef": "called",
            "/roleManagement/": "eligible", "/subscribed": "skus",
        }  # fmt: skip
        if path.startswith("/users?") and "top=1&" in f"{path}&":
            return "probe"
        return next((what for start, what in places.items() if path.startswith(start)), "typed")


def read(stand: Stand, **options: Any) -> tuple[pd.DataFrame, dict[str, str]]:
    found = ask(stand, lambda way: holders.read(way, **options))
    return found.people.set_index("user_id"), dict(found.unread)


def test_typed_methods_are_read_of_phone_owners_and_of_whom_the_report_leaves_out_and_of_nobody_else() -> None:
    stand = Stand()
    people, unread = read(stand)
    assert unread == {}
    assert stand.asked["typed"] == 3
    assert dict(people["methods"]) == {
        ANNA: "mobilePhone",
        BERT: "passKeySynced",
        CARL: "microsoftAuthenticatorPush",
        DORA: "mobilePhone microsoftAuthenticatorPush",
    }
    assert (people["known"] == "yes").all()
    assert dict(people["number_country"]) == {ANNA: "NL", BERT: "", CARL: "", DORA: "DE"}
    assert dict(people["sspr"]) == {ANNA: "yes", BERT: "no", CARL: "unknown", DORA: "unknown"}
    assert dict(people["account"]) == {ANNA: "enabled", BERT: "enabled", CARL: "enabled", DORA: "disabled"}


def test_what_a_persons_own_list_cannot_show_is_the_reports_word_and_the_rest_is_not() -> None:
    told = "mobilePhone hardwareOneTimePasscode passKeySynced securityQuestion holographicBadge qrCode"
    badge = {"id": "q", "@odata.type": "#microsoft.graph.qrCodePinAuthenticationMethod"}
    typed = TYPED | {ANNA: [*TYPED[ANNA], badge]}
    people, _ = read(Stand(report=[REPORT[0] | {"methodsRegistered": told.split()}, REPORT[1]], typed=typed))
    assert people["methods"][ANNA].split() == [
        "mobilePhone", "qrCode", "hardwareOneTimePasscode", "securityQuestion", "holographicBadge"
    ]  # fmt: skip


def test_policy_reaches_people_through_groups_and_not_those_left_out() -> None:
    people, _ = read(Stand())
    assert list(people["in_sms"]) == ["yes"] * 4
    assert list(people["in_voice"]) == ["no"] * 4
    assert dict(people["may_passkey"]) == {ANNA: "yes", BERT: "no", CARL: "no", DORA: "no"}
    assert dict(people["may_app"]) == {ANNA: "yes", BERT: "no", CARL: "yes", DORA: "yes"}


def test_passkeys_that_nobody_may_set_up_alone_are_for_nobody() -> None:
    told = [c | ({"isSelfServiceRegistrationAllowed": False} if c["id"] == "Fido2" else {}) for c in POLICY]
    assert set(read(Stand(policy=told))[0]["may_passkey"]) == {"no"}
    silent = [{k: v for k, v in c.items() if k != "isSelfServiceRegistrationAllowed"} for c in POLICY]
    assert set(read(Stand(policy=silent))[0]["may_passkey"]) == {"unknown"}


def test_a_group_that_cannot_be_read_makes_nobody_a_yes_or_a_no() -> None:
    people, unread = read(Stand(group=REFUSED))
    assert set(people["may_passkey"]) == {"unknown"}
    assert "may_passkey" in unread["targets of the policy"]
    assert set(people["in_sms"]) == {"yes"}


def test_global_administrators_are_told_active_or_eligible() -> None:
    people, _ = read(Stand())
    assert dict(people["global_admin"]) == {ANNA: "no", BERT: "eligible", CARL: "active", DORA: "no"}
    assert dict(people["admin"]) == {ANNA: "no", BERT: "yes", CARL: "yes", DORA: "no"}


def test_roles_are_told_by_name_and_not_known_where_names_or_roles_are() -> None:
    more = {**ACTIVE[0], "roleDefinitionId": "a-role-of-their-own"}
    people, unread = read(Stand(active=[*ACTIVE, more]))
    assert dict(people["roles"]) == {
        ANNA: "no role", BERT: "Global Administrator", CARL: "Global Administrator; not known", DORA: "no role"
    }  # fmt: skip
    assert unread == {}
    people, unread = read(Stand(called=REFUSED))
    assert dict(people["roles"]) == {ANNA: "no role", BERT: "not known", CARL: "not known", DORA: "no role"}
    assert "names of roles" in unread
    people, _ = read(Stand(active=REFUSED, eligible=REFUSED))
    assert dict(people["roles"]) == {ANNA: "no role", BERT: "no role", CARL: "not known", DORA: "not known"}
    held, called = ask(Stand(active=REFUSED), roles.role_holders)
    assert held is None
    assert called == {BERT: "Global Administrator"}


def test_a_group_that_holds_the_role_makes_its_members_global_administrators() -> None:
    held = ACTIVE[0] | {"principalId": GROUP, "principal": {"@odata.type": "#microsoft.graph.group", "id": GROUP}}
    both = [{**held, "principalId": BERT, "principal": {"@odata.type": "#microsoft.graph.user", "id": BERT}}, held]
    people, _ = read(Stand(active=[held], eligible=both))
    assert dict(people["global_admin"]) == {ANNA: "active", BERT: "eligible", CARL: "no", DORA: "no"}
    people, unread = read(Stand(active=[held], eligible=[], group=REFUSED))
    assert set(people["global_admin"]) == {"unknown"}
    assert "which holds a role" in unread["roles"]


def test_roles_that_cannot_be_read_leave_the_reports_word_and_nobody_a_sure_member_of_everybody() -> None:
    people, unread = read(Stand(active=REFUSED, eligible=REFUSED))
    assert dict(people["admin"]) == {ANNA: "no", BERT: "no", CARL: "unknown", DORA: "unknown"}
    assert set(people["global_admin"]) == {"unknown"}
    assert "active roles" in unread["roles"]


def test_no_licence_for_eligible_roles_means_that_nobody_is_eligible() -> None:
    unlicensed = (400, {"error": {"code": "AadPremiumLicenseRequired", "message": "P2"}})
    people, unread = read(Stand(eligible=unlicensed))
    assert dict(people["global_admin"]) == {ANNA: "no", BERT: "no", CARL: "active", DORA: "no"}
    assert unread == {}


def test_a_per_user_state_that_graph_refuses_or_leaves_out_is_not_known_and_costs_nothing_else() -> None:
    refused = (400, {"error": {"code": "BadRequest", "message": "no property"}})
    stand = Stand(probe=refused, users=[{k: v for k, v in u.items() if k != STATE} for u in USERS])
    people, unread = read(stand)
    assert set(people["per_user_mfa"]) == {"unknown"}
    assert "no property" in unread["per-user MFA state"]
    assert len(people) == 4
    silent, unread = read(Stand(users=[{k: v for k, v in u.items() if k != STATE} for u in USERS]))
    assert set(silent["per_user_mfa"]) == {"unknown"}
    assert "left it out" in unread["per-user MFA state"]


def test_without_the_report_everybody_is_read_one_by_one() -> None:
    premium = (403, {"error": {"code": "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "message": "no"}})
    stand = Stand(report=premium)
    people, unread = read(stand)
    assert stand.asked["typed"] == 4
    assert people["methods"][ANNA] == "mobilePhone"
    assert (people["known"] == "yes").all()
    assert "NonPremium" in unread["registration report"]


def test_methods_that_are_refused_leave_the_reports_word_and_the_others_not_known() -> None:
    people, unread = read(Stand(typed=REFUSED))
    assert dict(people["methods"]) == {ANNA: "mobilePhone", BERT: "passKeySynced", CARL: "", DORA: ""}
    assert [people["known"][who] == "yes" for who in (ANNA, BERT, CARL, DORA)] == [True, True, False, False]
    assert "403" in unread["methods one by one"]


def test_a_refusal_that_holds_for_everybody_is_not_asked_for_again_and_again() -> None:
    crowd = [u | {"id": f"{n:08d}-0000-4000-8000-000000000000"} for n in range(5_000) for u in USERS[:1]]
    stand = Stand(users=crowd, report=[], typed=REFUSED)
    people, _ = read(stand)
    assert len(people) == 5_000
    assert stand.asked["typed"] < 1_000


def test_one_person_who_cannot_be_read_is_not_known_and_the_others_are() -> None:
    typed = {ANNA: TYPED[ANNA], DORA: TYPED[DORA]}

    def rule(path: str) -> tuple[int, Any]:
        broken = (400, {"error": {"code": "badRequest", "message": "odd"}})
        return broken if CARL in path and "authentication" in path else stand(path)

    stand = Stand(typed=typed)
    found = ask(rule, holders.read)
    people = found.people.set_index("user_id")
    assert people["known"][CARL].startswith("not in the report; HTTP 400")
    assert "1 could not be read" in found.unread["methods of some people"]
    assert people["methods"][ANNA] == "mobilePhone"


def test_a_policy_that_cannot_be_read_makes_every_yes_and_no_unknown() -> None:
    people, unread = read(Stand(policy=REFUSED))
    assert set(people[["in_sms", "in_voice", "may_passkey", "may_app", "may_pass"]].to_numpy().ravel()) == {"unknown"}
    assert "methods policy" in unread


def test_people_who_cannot_be_listed_at_all_are_an_error() -> None:
    with pytest.raises(GraphError, match="no"):
        read(Stand(users=REFUSED))


def test_profile_values_stand_apart_and_what_a_profile_does_not_show_is_not_known() -> None:
    users = [
        USERS[0] | {"mobilePhone": "0612345678", "otherMails": ["a@mail.example"]},
        USERS[1],
        {k: v for k, v in USERS[2].items() if k != "otherMails"},
    ]
    found = ask(Stand(users=users), holders.read)
    assert list(found.people["profile_value"]) == ["yes", "no", "unknown"]
    assert found.contacts.to_dict("records") == [
        {"user_id": ANNA, "mobile": "0612345678", "office": "", "email": "a@mail.example"}
    ]


def test_when_somebody_was_last_seen_is_read_only_when_asked_for() -> None:
    users = [USERS[0] | {"signInActivity": {"lastSignInDateTime": "2026-11-01T10:00:00Z"}}, *USERS[1:]]
    assert set(read(Stand(users=users))[0]["last_sign_in"]) == {"2026-11-01T10:00:00Z", ""}
    stand = Stand(probe=REFUSED)
    people, unread = read(stand, last_seen=True)
    assert "last sign-in" in unread
    assert set(people["last_sign_in"]) == {""}


def demo(world: World) -> Graph:
    connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
    tokens = Token(world.login.issue_token())
    return Graph.connect(connection, transport=httpx.ASGITransport(world.app), tokens=tokens, sleep=no_pause)


def test_a_demo_tenant_is_read_as_it_is(tmp_path: Path) -> None:
    world = build(tmp_path / "home", (ROOT,), users=150)

    async def done() -> holders.Holders:
        async with demo(world) as graph:
            return await holders.read(graph)

    found = asyncio.run(done())
    people = found.people.set_index("user_id")
    living = world.tenant.living()
    assert found.unread == {}
    assert set(people.index) == {user.id for user in living}
    for user in living:
        phones = {m.fields["phoneType"] for m in user.methods.values() if m.kind == "phone"}
        names = {"mobile": "mobilePhone", "alternateMobile": "alternateMobilePhone", "office": "officePhone"}
        told = set(people["methods"][user.id].split())
        assert {names[p] for p in phones} == told & set(names.values())
        assert ("microsoftAuthenticatorPush" in told) == any(
            m.kind == "microsoftAuthenticator" for m in user.methods.values()
        )
        assert people["account"][user.id] == ("enabled" if user.profile["accountEnabled"] else "disabled")
        assert people["external"][user.id] == ("yes" if "#EXT#" in user.profile["userPrincipalName"] else "no")
        assert people["per_user_mfa"][user.id] == user.per_user_mfa


def test_the_report_is_read_as_fast_as_its_limit_allows_and_everything_else_beside_it(tmp_path: Path) -> None:
    """Five requests in ten seconds, a hundred people to a page; methods one by one take nothing away from that."""
    assume = {"report_max_top": "100", "report_page_size": "100"}
    world = build(tmp_path / "home", (ROOT,), users=4_000, population="2026", assume=assume)
    world.weather.change({"throttle": "documented"})

    async def done() -> tuple[holders.Holders, float, dict[str, Any]]:
        world.tenant.now = clock
        connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
        tokens, transport = Token(world.login.issue_token()), httpx.ASGITransport(world.app)
        async with Graph.connect(
            connection, transport=transport, tokens=tokens, clock=clock, dice=lambda: 1.0
        ) as graph:
            found = await holders.read(graph)
            told = await transport.handle_async_request(httpx.Request("GET", f"{ROOT}/_demo/throttle"))
            return found, clock(), json.loads(await told.aread())

    found, seconds, buckets = run(done())
    report = buckets["reports"]
    assert found.unread == {}
    assert found.asked > 2_000
    assert report["allowed"] / (report["capacity"] + report["per_second"] * seconds) >= 0.95
    assert buckets["identity"]["refused"] == 0
