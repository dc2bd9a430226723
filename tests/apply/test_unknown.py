"""What a guard could not be told never passes it: every read that guards depend on × every way it may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.demo.methods import policy as policies
from authops.demo.world.groups import Group, _assignment
from authops.graph.client import Graph
from authops.plan import guards, plan, undo
from authops.source import wanted_file
from authops.tenant import directory, protection
from authops.tenant.protection import Protection, Rules
from authops.words.errors import GraphError
from tests.apply.altered import ALWAYS, LISTS, Altered, Fault, each, with_, without
from tests.apply.conftest import HEADER, Stage, Token, user_id

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"
ANN, BOB, EVE = (user_id(name) for name in ("ann", "bob", "eve"))
GROUP = "cccccccc-0000-4000-8000-000000000003"
ROWS = f"ann@contoso.example,{A},,,TRUE,\nbob@contoso.example,{B},,,TRUE,\n"
Setting = Callable[[Stage], None]


@dataclass
class Road:
    """From a file to writes, as the notebooks go, with answers altered from the preview or from apply on."""

    stage: Stage
    rules: Rules = field(default_factory=Rules)
    transport: Altered = field(init=False)

    def __post_init__(self) -> None:
        self.transport = Altered(httpx.ASGITransport(self.stage.world.app))

    def graph(self) -> Graph:
        token, how = Token(self.stage.world.login.issue_token()), {"sleep": self.stage.pause, "clock": self.stage.clock}
        return Graph.connect(self.stage.connection, transport=self.transport, tokens=token, dice=lambda: 1.0, **how)

    def preview(self, rows: str = ROWS) -> tuple[plan.Plan, pd.DataFrame]:
        (self.stage.folder / "wanted.csv").write_text(HEADER + rows)
        wanted = wanted_file.read(self.stage.folder / "wanted.csv", default_region="NL")

        async def made(graph: Graph) -> tuple[plan.Plan, Protection]:
            users = await directory.find_users(graph, wanted.people)
            defaults = await directory.defaults(graph, needed=wanted.removes)
            ids = users.loc[users["user_id"] != "", "user_id"]
            current = await directory.current(graph, ids, methods=wanted.methods, defaults=defaults)
            seen = await protection.read(graph, users, self.rules)
            judged = plan.make(wanted.wanted, current, users, wanted.problems)
            others = await protection.numbers_of_others(graph, judged.changes, seen)
            return guards.protect(judged, seen, others), seen

        found, seen = asyncio.run(self._with(made))
        return found, guards.breaches(found, unread=seen.unread)

    def undo(self, journal: str = "journal") -> plan.Plan:
        kept = Journal(self.stage.folder / f"{journal}.sqlite")
        rows = undo.written(kept.recorded())
        kept.close()

        async def made(graph: Graph) -> plan.Plan:
            people = await directory.find_users(graph, rows["user_id"].unique())
            current = await directory.current(graph, people["user_id"], methods=undo.beside(rows["method"]))
            seen = await protection.read(graph, people, self.rules, sealed=True)
            judged = undo.make(rows, current, people, {})
            others = await protection.numbers_of_others(graph, judged.changes, seen)
            return guards.protect(judged, seen, others)

        return asyncio.run(self._with(made))

    def apply(self, approved: pd.DataFrame, journal: str = "journal") -> pd.DataFrame:
        """The guards that stopped it (BREACHES), empty when it went on."""

        async def done(graph: Graph) -> pd.DataFrame:
            people = await directory.find_users(graph, approved["user_id"].unique())
            seen = await protection.again(graph, people, approved, self.rules)
            part = plan.Plan(approved, pd.DataFrame(), {})
            broken = guards.breaches(part, unread=seen.unread, held=seen.held)
            if broken.empty:
                kept = Journal(self.stage.folder / f"{journal}.sqlite")
                how = {"mode": "apply", "sleep": self.stage.pause}
                await Applier(graph, kept, lambda: datetime.now(UTC), **how).apply(approved)
                kept.close()
            return broken

        return asyncio.run(self._with(done))

    async def _with(self, work: Callable[[Graph], Any]) -> Any:
        async with self.graph() as graph:
            return await work(graph)

    def written(self) -> set[str]:
        """Ids of the people to whom the tenant was sent a write."""
        return set(self.stage.writes())


def groups(stage: Stage) -> dict[str, Group]:
    found: dict[str, Group] = stage.world.app.state.wire.groups.of(stage.world.tenant)
    return found


def role(stage: Stage, principal: str, which: str = "_active", scope: str = "/") -> None:
    groups(stage)
    row = _assignment("x", principal, "Global Administrator") | {"directoryScopeId": scope}
    getattr(stage.world.app.state.wire.memberships, which).append(row)


def in_a_group(stage: Stage, *, deep: bool = False) -> None:
    inner = "dddddddd-0000-4000-8000-000000000004"
    groups(stage)[GROUP] = Group(GROUP, "Glass", "", [] if deep else [ANN], [inner] if deep else [], True)
    if deep:
        groups(stage)[inner] = Group(inner, "Inner", "", [ANN])


def role_of_a_group(stage: Stage) -> None:
    in_a_group(stage)
    role(stage, GROUP)


def profile(**values: Any) -> Setting:
    return lambda stage: stage.world.tenant.find(ANN).profile.update(values)  # type: ignore[union-attr]


def policy(stage: Stage, **changes: dict[str, Any]) -> None:
    known = policies.defaults(str(stage.world.tenant.meta["seed"]))
    all_ = {**known["configurations"], **{n: {**known["configurations"][n], **c} for n, c in changes.items()}}
    stage.world.tenant.meta["policy"] = known | {"configurations": all_}


def target(group: str, **more: Any) -> dict[str, Any]:
    return {"targetType": "group", "id": group, "isRegistrationRequired": False, **more}


def not_in_the_target(stage: Stage) -> None:
    in_a_group(stage)
    groups(stage)[GROUP].members = [BOB]
    policy(stage, Sms={"includeTargets": [target(GROUP, isUsableForSignIn=False)]}, Voice={"state": "disabled"})


def left_out_of_it(stage: Stage) -> None:
    in_a_group(stage)
    policy(stage, Sms={"excludeTargets": [target(GROUP)]}, Voice={"state": "disabled"})


def of_ann(path: str) -> bool:
    return path.startswith((f"/users/{ANN}?", "/users/ann@contoso.example?"))


def ends(end: str) -> Callable[[str], bool]:
    return lambda path: path.partition("?")[0].endswith(end)


def methods_of_ann(path: str) -> bool:
    return path.startswith(f"/users/{ANN}/authentication/phoneMethods")


EVERYBODY_ELSE = {"id": EVE, "userPrincipalName": "eve@contoso.example"}
NAMES = Rules(protect_groups=["Glass"])


@dataclass(frozen=True)
class Read:
    """A read that guards depend on, in a tenant where it tells that nothing may be written to Ann."""

    which: Callable[[str], bool]
    setting: Setting
    faults: Mapping[str, Fault]
    rules: Rules = field(default_factory=Rules)


ROLE_FAULTS = LISTS | {
    "no holder": without("principalId"), "holder null": with_(principalId=None),
    "holder a number": with_(principalId=7),
}  # fmt: skip
UNSURE = {  # what is known all the same: who holds it has that id
    "principal null": with_(principal=None), "principal left out": without("principal"),
    "principal a text": with_(principal="x"), "principal of somebody else": with_(principal={"id": EVE}),
    "principal of a new kind": with_(principal={"@odata.type": "#microsoft.graph.robot"}),
}  # fmt: skip
MEMBER_FAULTS = LISTS | {
    "no id": without("id"), "id null": with_(id=None), "id a number": with_(id=7),
}  # fmt: skip
POLICY_FAULTS = {
    "no configurations": lambda _, body: (200, {**body, "authenticationMethodConfigurations": None}),
    "no configuration at all": lambda _, body: (200, {**body, "authenticationMethodConfigurations": []}),
    "texts": lambda _, body: (200, {**body, "authenticationMethodConfigurations": ["Sms", "Voice"]}),
    "no state": without("state"), "state null": with_(state=None), "state true": with_(state=True),
    "a new state": with_(state="default"), "no ids": without("id"), "all one": with_(id="Sms"),
}  # fmt: skip
TARGET_FAULTS = POLICY_FAULTS | {
    "no targets": without("includeTargets", "excludeTargets"),
    "targets null": with_(includeTargets=None, excludeTargets=None),
    "targets a text": with_(includeTargets="all_users", excludeTargets="nobody"),
    "targets of texts": with_(includeTargets=["all_users"], excludeTargets=["x"]),
    "targets without id": with_(includeTargets=[{"targetType": "group"}], excludeTargets=[{"targetType": "group"}]),
    "targets without type": with_(includeTargets=[{"id": GROUP}], excludeTargets=[{"id": GROUP}]),
    "targets of a new type": with_(
        includeTargets=[{"id": GROUP, "targetType": "role"}], excludeTargets=[{"id": GROUP, "targetType": "role"}]
    ),
}  # fmt: skip
USER_FAULTS = {
    "no id": without("id"), "id null": with_(id=None), "id a number": with_(id=5),
    "somebody else": each(lambda user: user | EVERYBODY_ELSE),
}  # fmt: skip

READS: Mapping[str, Read] = {
    "account": Read(of_ann, profile(accountEnabled=False), USER_FAULTS | {
        "left out": without("accountEnabled"), "null": with_(accountEnabled=None),
        "a text": with_(accountEnabled="true"), "a number": with_(accountEnabled=1),
    }),
    "kind": Read(of_ann, profile(userType="Guest"), USER_FAULTS | {
        "left out": without("userType"), "null": with_(userType=None), "a number": with_(userType=1),
        "a list": with_(userType=["Member"]), "a new kind": with_(userType="Visitor"),
    }),
    "active roles": Read(ends("/roleAssignments"), lambda s: role(s, ANN), ROLE_FAULTS | UNSURE),
    "a role in an administrative unit": Read(
        ends("/roleAssignments"), lambda s: role(s, ANN, scope="/administrativeUnits/x"), ROLE_FAULTS
    ),
    "eligible roles": Read(
        ends("/roleEligibilityScheduleInstances"), lambda s: role(s, ANN, "_eligible"), ROLE_FAULTS | UNSURE
    ),
    "roles of a group": Read(ends("/roleAssignments"), role_of_a_group, ROLE_FAULTS | UNSURE),
    "members of a role's group": Read(ends(f"/groups/{GROUP}/transitiveMembers"), role_of_a_group, MEMBER_FAULTS),
    "a protected group by name": Read(
        ends("/groups"), in_a_group, MEMBER_FAULTS | {"another name": with_(displayName="Other")}, NAMES
    ),
    "members of a protected group": Read(
        ends(f"/groups/{GROUP}/transitiveMembers"), lambda s: in_a_group(s, deep=True), MEMBER_FAULTS, NAMES
    ),
    "policy": Read(
        ends("/authenticationMethodsPolicy"),
        lambda s: policy(s, Sms={"state": "disabled"}, Voice={"state": "disabled"}),
        POLICY_FAULTS,
    ),
    "targets": Read(ends("/authenticationMethodsPolicy"), not_in_the_target, TARGET_FAULTS),
    "those left out": Read(ends("/authenticationMethodsPolicy"), left_out_of_it, TARGET_FAULTS),
    "members of a target": Read(ends(f"/groups/{GROUP}/transitiveMembers"), not_in_the_target, MEMBER_FAULTS),
    "members of those left out": Read(ends(f"/groups/{GROUP}/transitiveMembers"), left_out_of_it, MEMBER_FAULTS),
}  # fmt: skip


@pytest.fixture
def stage(wide_stage: Stage) -> Stage:
    """The one tenant of this module, emptied."""
    wide_stage.clear_log()
    wide_stage.world.app.state.wire.groups.memberships._made = -1
    for left in wide_stage.folder.glob("*.sqlite*"):
        left.unlink()
    return wide_stage


def built(stage: Stage, read: str) -> Road:
    stage.people(ann={"mobile": C}, bob={"mobile": C}, eve={})
    policy(stage)
    READS[read].setting(stage)
    return Road(stage, READS[read].rules)


@pytest.mark.parametrize("read", READS)
def test_what_is_read_holds_ann_and_nobody_else(stage: Stage, read: str) -> None:
    road = built(stage, read)
    others = [] if read == "policy" else [BOB]
    made, broken = road.preview()
    assert (list(made.writes["user_id"]), ANN in set(made.held["user_id"]), len(broken)) == (others, True, 0)
    assert road.apply(made.writes).empty
    assert road.written() == set(others)


def test_without_anything_to_hold_her_ann_is_written(stage: Stage) -> None:
    stage.people(ann={"mobile": C}, bob={"mobile": C}, eve={})
    policy(stage)
    road = Road(stage)
    made, broken = road.preview()
    assert broken.empty
    assert road.apply(made.writes).empty
    assert road.written() == {ANN, BOB}


@pytest.fixture(scope="module")
def judged(wide_stage: Stage) -> plan.Plan:
    """Changes for Ann and Bob, before any guard."""
    wide_stage.people(ann={"mobile": C}, bob={"mobile": C}, eve={})
    policy(wide_stage)
    return wide_stage.plan(ROWS)


async def previewed(graph: Graph, judged: plan.Plan, rules: Rules) -> bool:
    """Whether a preview lets Ann be written; who cannot be read is none of a plan."""
    users = await directory.find_users(graph, list(judged.writes["user_principal_name"]))
    seen = await protection.read(graph, users, rules)
    others = await protection.numbers_of_others(graph, judged.changes, seen)
    made = guards.protect(judged, seen, others)
    free = guards.breaches(made, unread=seen.unread).empty and ANN in set(made.writes["user_id"])
    return free and ANN in set(users["user_id"])


async def going_on(graph: Graph, judged: plan.Plan, rules: Rules) -> bool:
    """Whether an apply goes on with what was approved, Ann among it."""
    people = await directory.find_users(graph, judged.writes["user_id"].unique())
    seen = await protection.again(graph, people, judged.writes, rules)
    return guards.breaches(judged, unread=seen.unread, held=seen.held).empty


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("asked", [previewed, pytest.param(going_on, marks=pytest.mark.slow)])
def test_what_is_not_known_is_held_or_stops_the_plan(
    judged: plan.Plan, stage: Stage, read: str, asked: Callable[[Graph, plan.Plan, Rules], Any]
) -> None:
    road, known, passed = built(stage, read), READS[read], []
    for name, fault in {**ALWAYS, **known.faults}.items():
        road.transport = Altered(httpx.ASGITransport(stage.world.app), known.which, fault)
        with suppress(GraphError):
            passed += [name] if asyncio.run(road._with(lambda graph: asked(graph, judged, known.rules))) else []
        assert road.transport.altered, name
    assert passed == []


def mobiles(made: plan.Plan) -> pd.DataFrame:
    """The rows of mobiles, by user id."""
    return made.changes[made.changes["method"] == "mobile"].set_index("user_id")


def signs_in(stage: Stage, *names: str) -> None:
    """Everybody may use a mobile; these sign in by SMS as well."""
    in_a_group(stage)
    groups(stage)[GROUP].members = [user_id(name) for name in names]
    everybody = target("all_users", isUsableForSignIn=False)
    policy(stage, Sms={"includeTargets": [everybody, target(GROUP, isUsableForSignIn=True)]})


def test_a_number_of_somebody_outside_the_file_who_signs_in_by_sms_is_held(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={"mobile": A})
    signs_in(stage, "ann", "bob", "eve")
    made, _ = Road(stage).preview()
    assert mobiles(made)["reason"].to_dict() == {ANN: "shared_sign_in", BOB: "no_method"}


def test_splitting_a_file_does_not_give_one_number_to_two_who_sign_in_by_sms(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={})
    signs_in(stage, "ann", "bob")
    road = Road(stage)
    first, second = (road.preview(f"{name}@contoso.example,{A},,,,\n")[0] for name in ("ann", "bob"))
    assert road.apply(first.writes, "first").empty
    (said,) = road.apply(second.writes, "second")["message"]
    assert "shared_sign_in" in said
    assert road.written() == {ANN}


def test_undo_does_not_give_a_number_back_that_is_somebody_elses_by_now(stage: Stage) -> None:
    stage.people(ann={"mobile": A}, bob={}, eve={})
    signs_in(stage, "ann", "bob")
    road = Road(stage)
    assert road.apply(road.preview(f"ann@contoso.example,{C},,,TRUE,\n")[0].writes).empty
    bob = stage.world.tenant.find(BOB)
    assert bob
    stage.world.tenant.add_phone(bob, "mobile", A)
    assert list(mobiles(road.undo())["reason"]) == ["shared_sign_in"]


@pytest.mark.parametrize("fault", ["403", "500", "empty", "left out"])
def test_that_somebody_elses_number_could_not_be_looked_at_is_said(stage: Stage, fault: str) -> None:
    stage.people(ann={}, bob={}, eve={"mobile": A})
    signs_in(stage, "ann", "eve")
    road = Road(stage)
    road.transport.which, road.transport.fault = (lambda path: path.startswith(f"/users/{EVE}/")), ALWAYS[fault]
    notes = mobiles(road.preview()[0])["note"]
    assert "not known whether somebody else" in notes[ANN]
    assert "not known" not in notes[BOB]


def test_nobody_else_is_read_where_nobody_signs_in_by_sms(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={"mobile": A})
    policy(stage, Sms={"includeTargets": [target("all_users", isUsableForSignIn=False)]})
    Road(stage).preview()
    assert not [row for row in stage.log() if EVE in row["path"]]


@pytest.mark.parametrize(
    ("rules", "guard", "named"),
    [
        (Rules(protect_users=["an@contoso.example"]), "protect_users", "an@contoso.example"),
        (Rules(protect_users=["ann@contoso.example", GROUP]), "protect_users", GROUP),
        (Rules(protect_users=[" "]), "protect_users", "empty"),
        (Rules(protect_groups=["Glas"]), "protect_groups", "Glas"),
        (Rules(protect_groups=["Twice"]), "protect_groups", "Twice"),
        (Rules(protect_groups=[ANN]), "protect_groups", ANN),
    ],
)
def test_a_name_that_nobody_has_or_two_have_stops_the_plan(stage: Stage, rules: Rules, guard: str, named: str) -> None:
    stage.people(ann={}, bob={}, eve={})
    policy(stage)
    in_a_group(stage)
    for twin in ("1", "2"):
        groups(stage)[twin * 8 + GROUP[8:]] = Group(twin * 8 + GROUP[8:], "Twice", "")
    _, broken = Road(stage, rules).preview()
    assert list(broken["guard"]) == [guard]
    assert named in broken["message"].iloc[0]
    assert "correct the name" in broken["message"].iloc[0]


@pytest.mark.parametrize("fault", ["403", "500", "empty", "left out"])
def test_a_protected_person_who_cannot_be_read_stops_the_plan(stage: Stage, fault: str) -> None:
    stage.people(ann={}, bob={}, eve={})
    policy(stage)
    road = Road(stage, Rules(protect_users=["eve@contoso.example"]))
    road.transport.which, road.transport.fault = (lambda path: "eve@" in path), ALWAYS[fault]
    (said,) = road.preview()[1].to_dict("records")
    assert said["guard"] == "protect_users"
    assert "→" not in said["message"]  # in one line, and the remedy is the guard's own


def test_a_protected_person_who_left_since_the_preview_stops_nothing(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={})
    policy(stage)
    road = Road(stage, Rules(protect_users=["eve@contoso.example", "bob@contoso.example"]))
    made, broken = road.preview()
    assert (broken.empty, list(made.writes["user_id"])) == (True, [ANN])
    stage.world.tenant.leave(stage.world.tenant.users[EVE])
    assert road.apply(made.writes).empty
    assert road.written() == {ANN}


@pytest.mark.parametrize(
    ("count", "size"), [(0, None), (1, 1), (2, 2), (-1, None), (True, None), ("5", None), (None, None)]
)
def test_a_size_that_no_tenant_has_is_not_known(stage: Stage, count: Any, size: int | None) -> None:
    road = Road(stage)
    road.transport.which, road.transport.fault = ends("/users"), lambda _, body: (200, {**body, "@odata.count": count})
    assert asyncio.run(road._with(protection.tenant_size)) == size
    assert road.transport.altered


@pytest.mark.parametrize("fault", ["404", "500"])
def test_who_is_not_found_and_has_methods_all_the_same_is_not_known(
    judged: plan.Plan, stage: Stage, fault: str
) -> None:
    road = built(stage, "account")
    road.transport = Altered(httpx.ASGITransport(stage.world.app), of_ann, ALWAYS[fault])
    (said,) = road.apply(judged.writes)["message"]
    assert "ann@contoso.example (person_unread)" in said
    assert road.written() == set()


def test_a_tenant_without_a_licence_for_it_has_nobody_eligible(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={})
    policy(stage)
    road = Road(stage)
    road.transport.which = ends("/roleEligibilityScheduleInstances")
    road.transport.fault = lambda _, __: (400, {"error": {"code": "AadPremiumLicenseRequired", "message": "P2"}})
    made, broken = road.preview()
    assert (len(made.writes), len(broken)) == (2, 0)


def test_one_group_that_cannot_be_read_takes_nothing_from_what_was(stage: Stage) -> None:
    stage.people(ann={}, bob={}, eve={})
    policy(stage)
    role_of_a_group(stage)
    role(stage, BOB, "_eligible")
    road = Road(stage)
    road.transport.which, road.transport.fault = ends(f"/groups/{GROUP}/transitiveMembers"), ALWAYS["403"]
    made, broken = road.preview()
    assert (list(made.held["user_id"]), list(broken["guard"])) == ([BOB], ["allow_admins"])


METHOD_FAULTS: Mapping[str, Fault] = LISTS | {
    "no id": without("id", "phoneType"), "id a number": with_(id=7, phoneType=None),
    "number null": with_(phoneNumber=None),
    "number a number": with_(phoneNumber=31612345678), "another type": with_(phoneType="office"),
    "another id": with_(id=GROUP), "twice": lambda _, body: (200, {**body, "value": body["value"] * 2}),
    "somebody else's": lambda _, body: (200, {**body, "@odata.context": f"x/$metadata#users('{EVE}')/authentication"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", {**ALWAYS, **METHOD_FAULTS})
def test_a_mobile_that_is_not_plainly_told_is_never_written_over(stage: Stage, fault: str) -> None:
    stage.people(ann={"mobile": C}, bob={"mobile": C}, eve={})
    policy(stage)
    road = Road(stage)
    before = road.preview()[0]
    road.transport.which, road.transport.fault = methods_of_ann, {**ALWAYS, **METHOD_FAULTS}[fault]
    made, _ = road.preview()
    assert mobiles(made).loc[ANN, "reason"] == "current_unknown"
    with suppress(GraphError):
        road.apply(before.writes)
    assert ANN not in road.written()
