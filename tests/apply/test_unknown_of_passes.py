"""What could not be told of somebody who is to get a pass gives them none: its reads × every way they may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from authops.demo.world.groups import Group
from authops.demo.world.tenant import Method
from authops.source import passes as source
from authops.tenant import directory
from authops.tenant.protection import Rules as Protect
from authops.words.errors import AuthopsError, GraphError
from tests.apply.altered import ALWAYS, Altered, Fault, with_, without
from tests.apply.conftest import Stage, user_id
from tests.apply.passing import KIND, Kept, give, planned
from tests.apply.test_pass_guards import ANNA, GROUP, anna, passkey, policy, risky
from tests.apply.test_unknown_by_rule import MEMBER_FAULTS, METHOD_FAULTS, VALID, ends, of

ID, BERT = user_id("anna"), user_id("bert")
ROWS = f"{ANNA},,480,TRUE,\nbert@contoso.example,,60,TRUE,\n"
POLICY_FAULTS = {
    "no configurations": lambda _, body: (200, {**body, "authenticationMethodConfigurations": None}),
    "no configuration at all": lambda _, body: (200, {**body, "authenticationMethodConfigurations": []}),
    "no state": without("state"),
    "state null": with_(state=None),
    "state true": with_(state=True),
    "no ids": without("id"),
    "all one": with_(id="TemporaryAccessPass"),
}
LIMIT = "maximumLifetimeInMinutes"
LIMIT_FAULTS = POLICY_FAULTS | {
    "left out": without(LIMIT),
    "is null": with_(**{LIMIT: None}),
    "a text": with_(**{LIMIT: "480"}),
    "true": with_(**{LIMIT: True}),
    "a fraction": with_(**{LIMIT: 480.5}),
    "no flag": without("isUsableOnce"),
    "a flag that is a word": with_(isUsableOnce="false"),
}
MANAGER_FAULTS: dict[str, Fault] = {
    "nobody": lambda _, __: (200, {}),
    "no name": lambda _, __: (200, {"id": BERT}),
    "name null": lambda _, __: (200, {"userPrincipalName": None}),
    "a number": lambda _, __: (200, {"userPrincipalName": 7}),
    "refused, and somebody named": lambda _, __: (403, {"userPrincipalName": "eve@contoso.example"}),
}


def has_a_pass(stage: Stage) -> None:
    anna(stage).methods["pass"] = Method("pass", KIND, VALID | {"methodUsabilityReason": "enabledByPolicy"}, None)


@dataclass(frozen=True)
class Known:
    """A read, in a tenant where it tells that Anna gets no pass; Bert gets one."""

    which: Callable[[str], bool]
    setting: Callable[[Stage], None]
    faults: Mapping[str, Fault]
    protect: Protect = field(default_factory=Protect)
    rules: source.Rules = field(default_factory=lambda: source.Rules(recipient="desk"))


# Where risk is not to be had (no P2, no permission), that is said and holds nobody: docs/reference.md.
NO_RISK = ("403", "404")
READS: Mapping[str, Known] = {
    "the limits": Known(ends("/authenticationMethodsPolicy"), policy(**{LIMIT: 240}), LIMIT_FAULTS),
    "a pass that is there": Known(of(ID, f"/authentication/{KIND}Methods"), has_a_pass, METHOD_FAULTS),
    "what is registered": Known(of(ID, "/authentication/methods"), passkey, METHOD_FAULTS),
    "risk": Known(ends("/riskyUsers"), risky, MEMBER_FAULTS, Protect(hold_risky=True)),
}


@pytest.fixture
def stage(wide_stage: Stage) -> Stage:
    """The one tenant of this module, emptied."""
    wide_stage.transport = None
    wide_stage.clear_log()
    wide_stage.world.tenant.meta.pop("policy", None)
    wide_stage.world.tenant.meta.pop("risky", None)
    wide_stage.people(anna={}, bert={})
    for left in wide_stage.folder.glob("*.sqlite*"):
        left.unlink()
    return wide_stage


def gets(stage: Stage, known: Known) -> set[str]:
    return set(planned(stage, ROWS, protect=known.protect, rules=known.rules).writes["user_id"])


@pytest.mark.parametrize("read", READS)
def test_what_is_not_told_gives_nobody_a_pass(stage: Stage, read: str) -> None:
    known, passed, met = READS[read], [], []
    assert gets(stage, known) == {ID, BERT}
    known.setting(stage)
    assert gets(stage, known) == {BERT}
    faults = {
        name: fault for name, fault in {**ALWAYS, **known.faults}.items() if read != "risk" or name not in NO_RISK
    }
    for name, fault in faults.items():
        stage.transport = altered = Altered(httpx.ASGITransport(stage.world.app), known.which, fault)
        with suppress(AuthopsError):
            passed += [name] if ID in gets(stage, known) else []
        met += [name] if altered.altered else []
    assert passed == []
    assert met == list(faults)


def test_a_pass_that_is_not_told_right_before_is_not_replaced(stage: Stage) -> None:
    known = READS["a pass that is there"]
    approved = planned(stage, ROWS, rules=known.rules).writes
    approved = approved[approved["user_id"] == ID]
    known.setting(stage)
    stage.clear_log()
    for fault in {**ALWAYS, **known.faults}.values():
        stage.transport = Altered(httpx.ASGITransport(stage.world.app), known.which, fault)
        with suppress(GraphError):
            give(stage, approved, Kept())
        (stage.folder / "passes.sqlite").unlink(missing_ok=True)
    assert stage.writes() == {}


def test_a_manager_who_is_not_told_is_given_nobodys_pass(stage: Stage) -> None:
    which, passed = of(ID, "/manager"), []
    for name, fault in {**ALWAYS, **MANAGER_FAULTS}.items():
        stage.transport = altered = Altered(httpx.ASGITransport(stage.world.app), which, fault)

        async def found() -> dict[str, str]:
            async with stage.graph() as graph:
                return await directory.managers(graph, [ID])

        with suppress(GraphError):
            passed += [name] if stage.run(found()) else []
        assert altered.altered, name
    assert passed == []


def test_half_a_scope_is_none(stage: Stage) -> None:
    groups = stage.world.app.state.wire.groups.of(stage.world.tenant)
    groups[GROUP] = Group(GROUP, "Glass", "", [BERT])
    which, passed = ends(f"/groups/{GROUP}/transitiveMembers"), []

    async def asked() -> source.Asked:
        async with stage.graph() as graph:
            return await source.in_scope(graph, now=datetime.now(UTC), group=GROUP)

    assert asyncio.run(asked()).people == ["bert@contoso.example"]
    for name, fault in {**ALWAYS, **MEMBER_FAULTS}.items():
        stage.transport = Altered(httpx.ASGITransport(stage.world.app), which, fault)
        with suppress(AuthopsError):
            stage.run(asked())
            passed.append(name)
    assert passed == []
