"""The registration campaign's settings, and beside them the opt-out of the passkey migration: read, changed by name,
sealed, found again in the record of an earlier run.

Settings are a mapping as Graph gives it, without annotations; OPT_OUT is in it where it could be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from authops.campaign.remarks import OPT_OUT
from authops.campaign.rules import APP, METHODS, STATES
from authops.graph import requests
from authops.graph.answer import flag, text
from authops.graph.client import Graph
from authops.tenant import directory
from authops.tenant.policy import EVERYBODY, Targets
from authops.tenant.unknown import said
from authops.words.errors import GraphError, GuardStop, ParameterError, PlanError

Settings = Mapping[str, Any]
NAME: Final = "campaign.json"
_CAMPAIGN: Final = "authenticationMethodsRegistrationCampaign"
_TARGETS: Final = ("includeTargets", "excludeTargets")
_OPTIONS: Final = {"state": STATES, "method": METHODS, "opt_out": ("on", "off")}
_ANOTHER: Final = "use that tenant's connection"
# What Graph answers that knows no such property, or nothing at this address.
_NO_SUCH: Final = (400, 404, 501)


@dataclass(frozen=True)
class Policy:
    """What the authentication methods policy says here: the campaign, and the configurations of methods by id.

    `opt_out_unread`: why it is not known whether the tenant opted out, or "". `targets`: whose groups are read once.
    """

    settings: Settings
    configurations: Mapping[str, Mapping[str, Any]]
    opt_out_unread: str = ""
    targets: Targets | None = None

    def configuration(self, name: str) -> Mapping[str, Any]:
        """One configuration; empty, which tells nothing, where the policy has none."""
        return next((c for key, c in self.configurations.items() if key.casefold() == name.casefold()), {})


async def read(graph: Graph) -> Policy:
    """The campaign as it is (Policy.Read.AuthenticationMethod). Raises `GraphError`, also for one that is not whole."""
    policy = await graph.page(requests.methods_policy())
    enforcement = policy.get("registrationEnforcement")
    campaign = enforcement.get(_CAMPAIGN) if isinstance(enforcement, Mapping) else None
    whole = isinstance(campaign, Mapping) and all(isinstance(campaign.get(name), list) for name in _TARGETS)
    if not whole or not text(cast("Settings", campaign), "state"):
        raise GraphError("the policy came without the campaign's state or targets, so it is not known", status=200)
    opted_out, unread = await _opted_out(graph)
    more = {} if opted_out is None else {OPT_OUT: opted_out}
    return Policy(plain(campaign) | more, directory.configurations(policy), unread, Targets(graph))


async def _opted_out(graph: Graph) -> tuple[bool | None, str]:
    """(whether the tenant opted out, why that is not known). Only beta has it, and nobody says how it is read."""
    unread = "Graph leaves it out of its answers"
    for request in (requests.opt_out(), requests.opt_out(selected=False)):
        try:
            told = (await graph.page(request)).get("optOutSettings")
        except GraphError as error:
            unread = said(error)
            if error.status in _NO_SUCH:
                continue
            break
        if isinstance(told, Mapping) and (found := flag(told, OPT_OUT)) is not None:
            return found, ""
    return None, unread


def plain(value: Any) -> Any:
    """Without annotations, and with targets in an order of their own, so that equal settings are equal."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items() if "@odata" not in k}
    if isinstance(value, list):
        return sorted(map(plain, value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def alike(one: Settings, other: Settings) -> bool:
    """Whether settings are equal; the opt-out counts where both tell it."""
    unsure = OPT_OUT in one and OPT_OUT in other
    return all(plain(one).get(k) == plain(other).get(k) for k in {*one, *other} if k != OPT_OUT or unsure)


async def target(graph: Graph, name: str) -> dict[str, str]:
    """`all_users`, `group: NAME`, or `user: UPN` → Graph's target. Raises `ParameterError`, `GraphError` (404)."""
    kind, _, who = (part.strip() for part in name.partition(":"))
    if name == EVERYBODY:
        return {"id": EVERYBODY, "targetType": "group"}
    if kind == "group" and who:
        return {"id": await directory.group_id(graph, who), "targetType": "group"}
    if kind == "user" and who:
        found = await directory.find_users(graph, [who])
        if len(found) == 1 and found["user_id"].iloc[0]:
            return {"id": str(found["user_id"].iloc[0]), "targetType": "user"}
        raise ParameterError(f"no user {who!r} was found", remedy="name a UPN or an object id")
    raise ParameterError(f"target {name!r} is not known", remedy="write all_users, group: NAME or user: UPN")


async def names(graph: Graph, people: pd.DataFrame, *settings: Settings) -> dict[str, str]:
    """Whom the targets of these settings name: id → UPN or group name; a group that is gone keeps its id."""
    lists = [s.get(key) or [] for s in settings for key in _TARGETS]
    ids = {str(one["id"]): one.get("targetType") for targets in lists for one in targets}
    users = dict(zip(people["user_id"], people["user_principal_name"], strict=True))
    asked = {requests.group(i): i for i, kind in ids.items() if kind == "group" and i != EVERYBODY}
    groups = {asked[a.request]: str(a.body.get("displayName") or "") async for a in graph.send(asked)}
    return {i: users.get(i) or groups.get(i) or i for i in ids}


async def changed(
    graph: Graph,
    policy: Policy,
    *,
    state: str = "keep",
    snooze_days: int | None = None,
    method: str = "keep",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    opt_out: str = "keep",
) -> Settings:
    """The settings after the change: what is not named is kept. Targets by name; an empty list keeps those there are.

    Raises `ParameterError` for a word that is none, and for days outside 0 … 14 (Graph:
    authenticationMethodsRegistrationCampaign); `GuardStop` for an opt-out to change that could not be read.
    """
    _known(state=state, method=method, opt_out=opt_out)
    if snooze_days is not None and not 0 <= snooze_days <= 14:
        raise ParameterError(f"snooze_days is {snooze_days}", remedy="0 asks at every sign-in, 14 is the most")
    settings = policy.settings
    after = dict(settings) | _opting(policy, opt_out)
    after |= {} if state == "keep" else {"state": state}
    after |= {} if snooze_days is None else {"snoozeDurationInDays": snooze_days}
    targets = [await target(graph, name) for name in include] or list(settings["includeTargets"])
    asked_for = {"targetedAuthenticationMethod": method} if method != "keep" else {}
    after["includeTargets"] = [{"targetedAuthenticationMethod": _usual(settings)} | t | asked_for for t in targets]
    after["excludeTargets"] = [await target(graph, n) for n in exclude] or list(settings["excludeTargets"])
    return cast("Settings", plain(after))


def _known(**words: str) -> None:
    for name, word in words.items():
        if word not in ("keep", *_OPTIONS[name]):
            raise ParameterError(f"{name} is {word}", remedy=f"write keep, {', '.join(_OPTIONS[name])}")


def _opting(policy: Policy, opt_out: str) -> dict[str, Any]:
    if opt_out == "keep":
        return {}
    if OPT_OUT not in policy.settings:
        raise GuardStop(
            f"whether the tenant opted out of the passkey migration is not known: {policy.opt_out_unread}",
            remedy="nothing was written; leave opt_out at keep",
        )
    return {OPT_OUT: opt_out == "on"}


def _usual(settings: Settings) -> str:
    """What the campaign asks for now: one thing in the whole tenant."""
    return next((text(t, "targetedAuthenticationMethod") for t in settings["includeTargets"]), "") or APP


def seal(tenant_id: str, before: Settings, after: Settings) -> str:
    """What names exactly this change of exactly these settings of this tenant; apply wants to hear it."""
    words = json.dumps([tenant_id, plain(before), plain(after)], sort_keys=True)
    return f"campaign-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def restored(name: str, runs: Path, settings: Settings, tenant_id: str) -> Settings:
    """The settings from before an earlier run (a folder, its name, or the file itself), where they are still its own.

    Raises `ParameterError` when there is none, `PlanError` for another tenant, or when somebody changed them since.
    """
    path, kept = _record(name, runs)
    if kept["tenant_id"] != tenant_id:
        raise PlanError(f"{path} is of tenant {kept['tenant_id']}, this is {tenant_id}", remedy=_ANOTHER)
    before, left = plain(kept["before"]), [kept["after"], kept["before"], kept.get("found") or kept["after"]]
    if not any(alike(one, settings) for one in left):
        raise PlanError(
            "somebody changed the campaign since that run", remedy="change it in words, with the parameters"
        )
    if OPT_OUT not in settings and before.get(OPT_OUT) != kept["after"].get(OPT_OUT):
        raise PlanError("that run changed the opt-out, and what it is now could not be read", remedy="try again later")
    opting = {OPT_OUT: before.get(OPT_OUT, settings[OPT_OUT])} if OPT_OUT in settings else {}
    return cast("Settings", {name: value for name, value in before.items() if name != OPT_OUT} | opting)


def _record(name: str, runs: Path) -> tuple[Path, dict[str, Any]]:
    places = [Path(name), Path(name) / NAME, runs / name / NAME]
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        raise ParameterError(f"no {NAME} in {name!r}", remedy="name the run folder that changed the campaign")
    try:
        kept = json.loads(path.read_text("utf-8"))
        told = {key: kept[key] for key in ("before", "after", "tenant_id")} | {"found": kept.get("found")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParameterError(f"{path} is not what a run kept ({type(error).__name__})", remedy="name another") from None
    return path, told
