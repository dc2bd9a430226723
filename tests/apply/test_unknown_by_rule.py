"""What a rule of a clean-up could not be told takes nothing: its reads × every way they may go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.demo.world.tenant import new_id
from authops.plan.cleanup import Rules
from authops.words.errors import GraphError
from tests.apply import cleaned
from tests.apply.altered import ALWAYS, LISTS, Altered, Fault, each, with_, without
from tests.apply.cleaned import KEY, key, person
from tests.apply.conftest import Stage, user_id

ANN, BOB = (user_id(name) for name in ("ann", "bob"))
PASS = "temporaryAccessPass"
VALID = {"startDateTime": "2026-11-26T00:00:00Z", "lifetimeInMinutes": 43_000, "isUsableOnce": False}
APP = "microsoftAuthenticator"
LATE = "2020-01-01T00:00:00Z"


def of(user: str, end: str = "") -> Callable[[str], bool]:
    return lambda path: path.startswith(f"/users/{user}{end}")


def ends(end: str) -> Callable[[str], bool]:
    return lambda path: path.partition("?")[0].endswith(end)


def inside(*names: str, **values: Any) -> Fault:
    """A part of each entity, by its path, in which properties become these, or, without any, are left out."""

    def changed(item: Any, left: Sequence[str]) -> Any:
        if not isinstance(item, dict):
            return item
        if len(left) > 1 or values:
            one = left[0] if left else ""
            return {**item, one: changed(item.get(one), left[1:])} if left else {**item, **values}
        return {name: value for name, value in item.items() if name != left[0]}

    return each(lambda item: changed(item, names))


def others(kind: str, **values: Any) -> Fault:
    """Every method but those of a kind becomes something else."""
    return each(lambda item: item if kind in str(item.get("@odata.type")) else {**item, **values})


METHOD_FAULTS = LISTS | {
    "no id": without("id"),
    "no type": without("@odata.type"),
    "type null": with_(**{"@odata.type": None}),
    "type a number": with_(**{"@odata.type": 7}),
    "all else of a new kind": others("fido2", **{"@odata.type": "x.robot"}),
    "all else without a kind": others("fido2", **{"@odata.type": None}),
    "all else without an id": others("fido2", id=""),
    "all else is somebody's app": others("fido2", **{"@odata.type": "#microsoft.graph.microsoftAuthenticator2"}),
    "twice": lambda _, body: (200, {**body, "value": body["value"] * 2}),
    "somebody else's": lambda _, body: (200, {**body, "@odata.context": f"x/$metadata#users('{BOB}')/authentication"}),
}
MEMBER_FAULTS = LISTS | {"no id": without("id"), "id null": with_(id=None), "id a number": with_(id=7)}
ACCOUNT_FAULTS = {
    "left out": without("accountEnabled"),
    "is null": with_(accountEnabled=None),
    "a word": with_(accountEnabled="false"),
    "a number": with_(accountEnabled=0),
    "no id": without("id"),
    "somebody else": with_(id=BOB),
}
SEEN_FAULTS = LISTS | {
    "left out": without("signInActivity"),
    "is null": with_(signInActivity=None),
    "a date": with_(signInActivity=LATE),
    "nothing in it": with_(signInActivity={}),
    "half of it": with_(signInActivity={"lastSignInDateTime": LATE}),
    "the other half": with_(signInActivity={"lastNonInteractiveSignInDateTime": LATE}),
    "a number in it": with_(signInActivity={"lastSignInDateTime": LATE, "lastNonInteractiveSignInDateTime": 7}),
    "no date in it": with_(signInActivity={"lastSignInDateTime": LATE, "lastNonInteractiveSignInDateTime": "soon"}),
}
CONDITIONS, USERS = ("conditions",), ("conditions", "users")
ACCESS_FAULTS = LISTS | {
    "no state": without("state"),
    "no conditions": without("conditions"),
    "no grant": without("grantControls"),
    "state true": with_(state=True),
    "conditions null": with_(conditions=None),
    "conditions a list": with_(conditions=[]),
    "users null": inside(*CONDITIONS, users=None),
    "users left out": inside(*USERS),
    **{f"{name} left out": inside(*USERS, name) for name in ("excludeGroups", "includeUsers")},
    **{f"{name} null": inside(*USERS, **{name: None}) for name in ("excludeGroups", "includeUsers")},
    "excludeGroups a text": inside(*USERS, excludeGroups="x"),
    "excludeGroups of null": inside(*USERS, excludeGroups=[None]),
    "excludeGroups of numbers": inside(*USERS, excludeGroups=[7]),
    **{f"{name} left out": inside(*CONDITIONS, name) for name in ("clientAppTypes", "applications")},
}
# In a tenant whose policy asks everybody, so that what is left out could leave Ann out as well.
NARROWER = {
    **{f"{name} left out": inside(*USERS, name) for name in ("excludeUsers", "excludeGroups", "excludeRoles")},
    **{f"{name} null": inside(*USERS, **{name: None}) for name in ("excludeUsers", "excludeGroups", "excludeRoles")},
    "excludeUsers of null": inside(*USERS, excludeUsers=[None]),
    "excludeUsers of lists": inside(*USERS, excludeUsers=[[]]),
    **{f"{name} left out": inside(*CONDITIONS, name) for name in ("platforms", "locations", "signInRiskLevels")},
    "a number for places": inside(*CONDITIONS, locations=7),
    "no left out apps": inside(*CONDITIONS, "applications", "excludeApplications"),
    "left out apps null": inside(*CONDITIONS, "applications", excludeApplications=None),
    "no operator, more asked": inside("grantControls", operator=None, builtInControls=["mfa", "compliantDevice"]),
    "no terms": inside("grantControls", "termsOfUse"),
    "no own factors": inside("grantControls", "customAuthenticationFactors"),
    "no strength": inside("grantControls", "authenticationStrength"),
    "controls null": inside("grantControls", builtInControls=None),
    "controls a text": inside("grantControls", builtInControls="mfa"),
}
USED_FAULTS = METHOD_FAULTS | {
    "use left out": without("lastUsedDateTime"),
    "use null": with_(lastUsedDateTime=None),
    "use a number": with_(lastUsedDateTime=7),
    "use no date": with_(lastUsedDateTime="lately"),
}
PASS_FAULTS = METHOD_FAULTS | {
    "no start": without("startDateTime"),
    "start null": with_(startDateTime=None),
    "start no date": with_(startDateTime="x"),
    "no lifetime": without("lifetimeInMinutes"),
    "lifetime a text": with_(lifetimeInMinutes="60"),
    "lifetime true": with_(lifetimeInMinutes=True),
}
STATE_FAULTS = {
    "left out": without("userPreferredMethodForSecondaryAuthentication"),
    "is null": with_(userPreferredMethodForSecondaryAuthentication=None),
    "a number": with_(userPreferredMethodForSecondaryAuthentication=7),
}


@dataclass(frozen=True)
class Known:
    """What a rule depends on: what Ann and Bob hold where it takes something, and by what it then leaves Ann alone."""

    rules: Rules
    has: Sequence[str]
    which: Callable[[str], bool]
    setting: Callable[[Stage], None]
    faults: Mapping[str, Fault]
    more: Mapping[str, Any] = field(default_factory=dict)
    default: str = ""
    # Asked again right before the write.
    again: bool = True


def ann(stage: Stage) -> Any:
    return stage.world.tenant.users[ANN]


def loses(*kinds: str) -> Callable[[Stage], None]:
    return lambda stage: ann(stage).methods.update({}) or [ann(stage).methods.pop(key("ann", kind)) for kind in kinds]


def says(what: str, **fields: Any) -> Callable[[Stage], None]:
    return lambda stage: ann(stage).methods[key("ann", what)].fields.update(fields)


def is_(**profile_: Any) -> Callable[[Stage], None]:
    return lambda stage: ann(stage).profile.update(profile_)


def left_out(stage: Stage) -> None:
    """One of those whom the tenant's policies always leave out."""
    memberships, glass = stage.world.app.state.wire.groups.memberships, str(stage.world.tenant.meta["seed"])
    memberships.groups[new_id(glass, "group/break-glass")].members.append(ANN)
    memberships._deep.clear()


COVERED = {"rules": Rules(per_user_mfa=True), "has": ["mobile"], "more": {"mfa": "enforced"}}
READS: Mapping[str, Known] = {
    "last factor": Known(
        Rules(models=[KEY]), ["fido2", APP, "email"], of(ANN, "/authentication/methods"), loses(APP), METHOD_FAULTS
    ),
    "enough that lasts": Known(
        Rules(phones_with=2), ["mobile", "fido2", APP], of(ANN, "/authentication/methods"), loses(APP), METHOD_FAULTS
    ),
    "use": Known(
        Rules(phones_with=1, used_within=90),
        ["mobile", "fido2"],
        of(ANN, "/authentication/methods"),
        says("fido2", lastUsedDateTime=LATE),
        USED_FAULTS,
        {"fido2": {"lastUsedDateTime": "2026-11-20T00:00:00Z"}},
        again=False,
    ),
    "a pass to register again with": Known(
        Rules(register_again=["ann@contoso.example", "bob@contoso.example"]),
        ["mobile", PASS],
        of(ANN, "/authentication/methods"),
        says(PASS, lifetimeInMinutes=10),
        PASS_FAULTS,
        {PASS: VALID},
    ),
    "still disabled": Known(
        Rules(leavers_after=90), ["mobile"], of(ANN, "?"), is_(accountEnabled=True), ACCOUNT_FAULTS, {"enabled": False}
    ),
    "disabled": Known(
        Rules(leavers_after=90),
        ["mobile"],
        ends("/users"),
        is_(accountEnabled=True),
        {name: ACCOUNT_FAULTS[name] for name in ("left out", "is null", "a word", "a number")} | LISTS,
        {"enabled": False},
        again=False,
    ),
    "Conditional Access": Known(
        **COVERED, which=ends("/conditionalAccess/policies"), setting=left_out, faults=ACCESS_FAULTS
    ),
    "whom it leaves out": Known(
        **COVERED, which=lambda path: "/transitiveMembers" in path, setting=left_out, faults=MEMBER_FAULTS
    ),
    "a guest": Known(
        **COVERED,
        which=of(ANN, "?"),
        setting=is_(userType="Guest"),
        faults={
            "left out": without("userType"),
            "is null": with_(userType=None),
            "a number": with_(userType=7),
            "no id": without("id"),
        },
    ),
    "the default": Known(
        Rules(phones_with=1),
        ["mobile", "fido2"],
        of(ANN, "/authentication/signInPreferences"),
        lambda stage: setattr(ann(stage), "default", cleaned.IDS["mobile"]),
        STATE_FAULTS,
        again=False,
    ),
}


@pytest.fixture
def stage(wide_stage: Stage) -> Stage:
    """The one tenant of this module, emptied."""
    wide_stage.clear_log()
    wide_stage.transport = None
    wide_stage.world.app.state.wire.groups.memberships._made = -1
    for left in wide_stage.folder.glob("*.sqlite*"):
        left.unlink()
    return wide_stage


def begun(stage: Stage, known: Known) -> pd.DataFrame:
    """The plan where nothing is in its way."""
    people = [person(name, known.has, known.default, **known.more) for name in ("ann", "bob")]
    stage.world.tenant.populate(people)
    writes = cleaned.planned(stage, known.rules).writes
    assert set(writes["user_id"]) == {ANN, BOB}
    return writes


def gone_wrong(stage: Stage, known: Known, fault: Fault) -> Altered:
    stage.transport = altered = Altered(httpx.ASGITransport(stage.world.app), known.which, fault)
    return altered


@pytest.mark.parametrize("read", READS)
def test_what_is_read_keeps_what_ann_has_and_bobs_goes(stage: Stage, read: str) -> None:
    known = READS[read]
    approved = begun(stage, known)
    known.setting(stage)
    assert set(cleaned.planned(stage, known.rules).writes["user_id"]) == {BOB}
    if known.again:
        stage.clear_log()
        cleaned.applied(stage, approved)
        assert set(cleaned.writes(stage)) == {BOB}


@pytest.mark.parametrize("read", READS)
def test_what_a_rule_is_not_told_is_not_planned(stage: Stage, read: str) -> None:
    known, passed, met = READS[read], [], 0
    begun(stage, known)
    known.setting(stage)
    for name, fault in {**ALWAYS, **known.faults}.items():
        altered = gone_wrong(stage, known, fault)
        with suppress(GraphError):
            made = cleaned.planned(stage, known.rules)
            passed += [name] if ANN in set(made.writes["user_id"]) else []
        met += bool(altered.altered)
    assert passed == []
    assert met == (0 if read in ("still disabled", "a guest") else len({**ALWAYS, **known.faults}))


@pytest.mark.parametrize("read", [read for read, known in READS.items() if known.again])
def test_what_a_rule_is_not_told_right_before_the_write_is_not_written(stage: Stage, read: str) -> None:
    known = READS[read]
    approved = begun(stage, known)
    known.setting(stage)
    stage.clear_log()
    passed = []
    for number, (name, fault) in enumerate({**ALWAYS, **known.faults}.items()):
        altered = gone_wrong(stage, known, fault)
        with suppress(GraphError):
            cleaned.applied(stage, approved[approved["user_id"] == ANN], f"{number}")
        if cleaned.writes(stage):
            passed.append(name)
            break  # it is gone now
        assert altered.altered, name
    assert passed == []


def test_who_may_have_signed_in_since_is_no_leaver(stage: Stage) -> None:
    known = READS["disabled"]
    begun(stage, known)
    passed = []
    for name, fault in {**ALWAYS, **SEEN_FAULTS}.items():
        altered = gone_wrong(stage, known, fault)
        with suppress(GraphError):
            passed += [name] if len(cleaned.planned(stage, known.rules).writes) else []
        assert altered.altered, name
    assert passed == []


def test_what_a_policy_does_not_tell_of_its_limits_may_be_one(stage: Stage) -> None:
    known = READS["Conditional Access"]
    approved = begun(stage, known)
    passed = []
    for number, (name, fault) in enumerate(NARROWER.items()):
        ann(stage).per_user_mfa = "enforced"
        gone_wrong(stage, known, fault)
        stage.clear_log()
        if ANN in set(cleaned.planned(stage, known.rules).writes["user_id"]):
            passed.append(f"{name}, planned")
        cleaned.applied(stage, approved[approved["user_id"] == ANN], f"n{number}")
        passed += [f"{name}, written"] if cleaned.writes(stage) else []
    assert passed == []
