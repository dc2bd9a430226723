"""Whoever had a way in has one at every moment of a clean-up: asked of the tenant after each of its requests.

Random people and rules, with faults, kills, and others who write in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authops.demo.world.tenant import MOBILE, Method, User
from authops.methods import survivors
from authops.plan.cleanup import Rules
from tests.apply import cleaned
from tests.apply.conftest import Stage

HELD = (
    "mobile", "alternateMobile", "office", "email", "fido2", "fido2.2", "microsoftAuthenticator", "softwareOath",
    "windowsHelloForBusiness", "hardwareOath", "external", "temporaryAccessPass", "platformCredential", "qrCodePin",
)  # fmt: skip
DEFAULTS = {"sms": "mobile", "voiceAlternateMobile": "alternateMobile", "voiceOffice": "office",
            "push": "microsoftAuthenticator", "oath": "softwareOath"}  # fmt: skip
FAULTS = ["inner-effect-then-500", "inner-503"]

holding = st.fixed_dictionaries({
    "has": st.sets(st.sampled_from(HELD), max_size=6),
    "default": st.sampled_from(["", *DEFAULTS]),
    "enabled": st.booleans(),
    "sms_sign_in": st.booleans(),
    "poor": st.booleans(),
})  # fmt: skip
rules_ = st.builds(
    Rules, phones_with=st.integers(0, 2), sms_sign_in=st.booleans(), models=st.sampled_from([(), (cleaned.KEY,)]),
    unattested=st.booleans(), passes=st.booleans(), defaults=st.booleans(),
)  # fmt: skip


def invented(name: str, one: dict[str, Any]) -> User:
    has = sorted(one["has"] | ({"mobile"} if "alternateMobile" in one["has"] else set()))
    default = one["default"] if DEFAULTS.get(one["default"]) in has else ""
    more: dict[str, Any] = {"fido2": {"attestationLevel": "notAttested"}} if one["poor"] else {}
    signs_in = one["sms_sign_in"] and "mobile" in has
    return cleaned.person(name, has, default, enabled=one["enabled"], sms_sign_in=signs_in, **more)


def ways_in(user: User) -> list[Method]:
    """What satisfies multifactor sign-in and does not end by itself, as the tenant counts it."""
    return [method for method in user.mfa() if method.kind != "temporaryAccessPass"]


class Witness:
    """Looks at the person whenever the tenant changed what they hold; `other`: what somebody else did is no fault."""

    def __init__(self, stage: Stage) -> None:
        self.stranded: list[str] = []
        self.others_at_work = False
        before = stage.world.tenant.observe

        def seen(user: User, old: dict[str, Method], new: dict[str, Method]) -> None:
            before(user, old, new)
            had = any(m.kind not in ("password", "email", "qrCodePin", "temporaryAccessPass") for m in old.values())
            has = any(m.kind not in ("password", "email", "qrCodePin", "temporaryAccessPass") for m in new.values())
            if had and not has and not self.others_at_work:
                self.stranded.append(user.id)

        stage.world.tenant.observe = seen


class Killed(Exception):
    pass


def run_over(stage: Stage, plan: Any, dice: random.Random, between: Callable[[], None]) -> pd.DataFrame:
    """Applied to the end, killed and taken up again some times; `between` is what others do."""
    kills = [dice.randrange(1, 6) for _ in range(3)]

    def report_until(count: int) -> Callable[[int, Any], None]:
        seen = 0

        def report(_done: int, _counts: Any) -> None:
            nonlocal seen
            seen += 1
            if seen >= count:
                raise Killed

        return report

    for at in kills:
        between()
        try:
            return cleaned.applied(stage, plan.writes, report=report_until(at))
        except Killed:
            continue
    between()
    return cleaned.applied(stage, plan.writes)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(holding, min_size=1, max_size=8), rules_, st.integers(0, 10**6))
def test_nobody_is_left_without_a_way_in(
    tmp_path_factory: pytest.TempPathFactory,
    wide_stage: Stage,
    everybody: list[dict[str, Any]],
    rules: Rules,
    seed: int,
) -> None:
    stage, dice = wide_stage, random.Random(seed)
    stage.folder = tmp_path_factory.mktemp("run")
    people = [invented(f"p{n}", one) for n, one in enumerate(everybody)]
    stage.world.tenant.populate(people)
    plan = cleaned.planned(stage, rules)
    witness = Witness(stage)
    had = {user.id for user in people if ways_in(user)}
    disturbed: set[str] = set()
    going: dict[str, set[str]] = {}
    for row in plan.writes[plan.writes["action"].eq("remove")].to_dict("records"):
        one = survivors.graph_id(row["method"], row["method_id"], row["before"])
        going.setdefault(row["user_id"], set()).add(one)

    def somebody_else() -> None:
        user = dice.choice([p for p in people if p.id in going] or people)
        disturbed.add(user.id)
        witness.others_at_work = True
        if dice.random() < 0.7 and user.id in going:  # the worst: all that the plan counts on
            stage.world.tenant._replace(user, {k: m for k, m in user.methods.items() if k.casefold() in going[user.id]})
        elif user.methods:
            gone = dice.choice(sorted(user.methods))
            stage.world.tenant._replace(user, {k: m for k, m in user.methods.items() if k != gone})
        elif user.default == MOBILE:
            user.default = None
        witness.others_at_work = False

    stage.weather(fault_rate=0.1, faults=FAULTS, seed=seed)
    try:
        run_over(stage, plan, dice, somebody_else)
    finally:
        stage.weather(fault_rate=0.0)
    assert witness.stranded == []
    for user in people:
        if user.id in had - disturbed:
            assert ways_in(user)
    stage.world.tenant.observe = lambda *_: None
