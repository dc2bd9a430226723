"""People who hold whatever a test invents, on a demo tenant, and the road of a clean-up from rules to outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.demo.world.people import _OTHER, _blank, _give_phone, _profile
from authops.demo.world.tenant import EMAIL, Method, User
from authops.graph.client import Graph
from authops.plan import cleanup, removals
from authops.plan.plan import Plan
from authops.tenant import holdings, subjects
from tests.apply.conftest import IDS, Stage, user_id

NOW = datetime(2026, 11, 27, tzinfo=UTC)
KEY = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
PREFERRED = {"push": "microsoftAuthenticator", "oath": "softwareOath"}


def person(name: str, has: Sequence[str], default: str = "", **more: Any) -> User:
    """`has`: phones, email, or kinds, with a number behind for another of the same: `fido2`, `fido2.2`."""
    upn = f"{name}@contoso.example"
    user = _blank(user_id(name), _profile(name.title(), upn, "NL", "Sales", "Clerk"), upn)
    for what in has:
        kind = what.partition(".")[0]
        if kind in IDS:
            _give_phone(user, IDS[kind], "+31 6123456" + f"{sum(map(ord, name)) % 90 + 10}")
        elif kind == "email":
            user.methods[EMAIL] = Method(EMAIL, "email", {"emailAddress": f"{name}@mail.example"}, None)
        else:
            one = key(name, what)
            user.methods[one] = Method(one, kind, dict(_OTHER[kind]) | more.get(what, {}), "2026-01-01T00:00:00Z")
    of = {"sms": "mobile", "voiceMobile": "mobile", "voiceAlternateMobile": "alternateMobile", "voiceOffice": "office"}
    if default:
        user.default = IDS[of[default]] if default in of else key(name, PREFERRED[default])
        user.voice = default == "voiceMobile"
    user.profile["accountEnabled"] = more.get("enabled", True)
    user.per_user_mfa = more.get("mfa", "disabled")
    if more.get("sms_sign_in"):
        user.methods[IDS["mobile"]].fields["smsSignInState"] = "ready"
        user.sms_policy = True
    return user


def key(name: str, what: str) -> str:
    """Graph's id of one of a person's many."""
    return user_id(f"{name}/{what}")


async def read(graph: Graph, rules: cleanup.Rules) -> tuple[list[removals.Person], holdings.Holdings, pd.DataFrame]:
    """What a runbook reads."""
    who = await subjects.people(graph, last_seen=bool(rules.leavers_after), tick=lambda _: None)
    held = await holdings.read(graph, list(who["user_id"]), states=rules.states, tick=lambda _: None)
    who = subjects.with_states(who, held)
    if rules.per_user_mfa:
        who, _ = await subjects.with_coverage(graph, who)
    return removals.people(who, held.held), held, who


async def made(graph: Graph, rules: cleanup.Rules) -> Plan:
    everybody, held, who = await read(graph, rules)
    found = cleanup.asked(everybody, rules, NOW)
    users = who.assign(asked=who["user_id"], error="")
    return removals.make(found, everybody, held.current, users, {"tenant_id": "t"})


def planned(stage: Stage, rules: cleanup.Rules) -> Plan:
    async def done() -> Plan:
        async with stage.graph() as graph:
            return await made(graph, rules)

    return stage.run(done())


def applied(stage: Stage, changes: pd.DataFrame, name: str = "journal", **more: Any) -> pd.DataFrame:
    async def done() -> pd.DataFrame:
        journal = Journal(stage.folder / f"{name}.sqlite")
        async with stage.graph() as graph:
            how: dict[str, Any] = {"mode": "apply", "sleep": stage.pause} | more
            try:
                return await Applier(graph, journal, lambda: datetime.now(UTC), **how).apply(changes)
            finally:
                journal.close()

    return stage.run(done())


def writes(stage: Stage) -> dict[str, list[str]]:
    """Per user id: the writes that Graph saw, in order: verb and the end of the path."""
    found: dict[str, list[str]] = {}
    for row in stage.log():
        parts = row["path"].strip("/").split("/")
        if row["method"] in ("POST", "PATCH", "DELETE") and "$batch" not in row["path"]:
            user = parts[parts.index("users") + 1]
            rest = [part for part in parts[parts.index("users") + 2 :] if part != "authentication"]
            found.setdefault(user, []).append(f"{row['method']} {'/'.join(rest)}")
    return found


def kinds(user: User) -> Mapping[str, int]:
    """What somebody holds now, counted."""
    found: dict[str, int] = {}
    for method in user.methods.values():
        name = str(method.fields["phoneType"]) if method.kind == "phone" else method.kind
        found[name] = found.get(name, 0) + 1
    return found
