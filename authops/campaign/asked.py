"""Whom the campaign asks under these settings: what decides it is read, `rules` judge. What cannot be read is None."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd

from authops.campaign import registration, rules
from authops.campaign.registration import Policy, Settings
from authops.campaign.remarks import OPT_OUT, meaning, opt_out
from authops.graph.answer import text
from authops.graph.client import Graph
from authops.methods import kind
from authops.tenant.policy import Reach, Targets
from authops.tenant.unknown import said
from authops.words.errors import GraphError
from authops.words.frames import COVERAGE, check

_log = logging.getLogger(__name__)
_GUEST: Final = {"Guest": True, "Member": False}
# Authenticator's modes that notifications belong to; the third is signing in without a password only.
_MODES: Final = {"any": True, "push": True, "deviceBasedPush": False}
_SELF_SERVICE: Final = kind.Policy("Fido2", "isSelfServiceRegistrationAllowed")


@dataclass(frozen=True)
class Forecast:
    """`reasons`: one of rules.REASONS a person. `opt_out`: on, off or not known. `remarks`: sentences for the page."""

    reasons: pd.Series[str]
    opt_out: str
    remarks: tuple[str, ...]


async def forecast(graph: Graph, coverage: pd.DataFrame, targets: Targets | None = None) -> Forecast:
    """What the campaign as it is will do with the people of COVERAGE; unknown where it could not be read.

    `targets`: whose groups were read already.
    """
    try:
        policy = await registration.read(graph)
        found = await reasons(graph, policy, policy.settings, coverage, targets)
    except GraphError as error:
        _log.warning("what the registration campaign will do is not known: %s", error)
        unknown = pd.Series("unknown", index=coverage.index, dtype="str")
        return Forecast(unknown, "not known", (f"What the registration campaign will do is not known: {said(error)}.",))
    return Forecast(found, opt_out(policy.settings), tuple(meaning(policy.settings, policy.opt_out_unread)))


async def verdicts(graph: Graph, coverage: pd.DataFrame, targets: Targets | None = None) -> pd.Series[str]:
    """For each person of COVERAGE one of REASONS under the present settings, or unknown."""
    return (await forecast(graph, coverage, targets)).reasons


async def reasons(
    graph: Graph, policy: Policy, settings: Settings, coverage: pd.DataFrame, targets: Targets | None = None
) -> pd.Series[str]:
    """For each person of COVERAGE one of rules.REASONS under these settings. GroupMember.Read.All."""
    people = check(coverage, COVERAGE)
    scope = await _scope(policy, settings, targets or policy.targets or Targets(graph))
    rows = zip(*(people[name] for name in ("user_id", "account", "user_type", "standing", "methods")), strict=True)
    # People are many, kinds of them few.
    kinds: dict[rules.Person, rules.Person] = {}
    persons = [kinds.setdefault(person, person) for person in (_person(scope, *row) for row in rows)]
    campaign = rules.Campaign(text(settings, "state"), settings.get(OPT_OUT), _passkeys(kinds))
    judged = {person: rules.reason(person, campaign) for person in kinds}
    return pd.Series([judged[person] for person in persons], index=coverage.index, dtype="str")


@dataclass(frozen=True)
class _Scope:
    """Whom each list of targets means."""

    included: tuple[tuple[str, Reach], ...]
    excluded: Reach
    app: Reach
    profiles: tuple[tuple[rules.Profile, Reach], ...]


async def _scope(policy: Policy, settings: Settings, targets: Targets) -> _Scope:
    asked_for: dict[str, list[Mapping[str, Any]]] = {}
    for one in settings.get("includeTargets") or []:
        asked_for.setdefault(text(one, "targetedAuthenticationMethod"), []).append(one)
    included = [(method, await targets.named(some)) for method, some in asked_for.items()]
    excluded = await targets.named(settings.get("excludeTargets"))
    app = await targets.of(policy.configuration("MicrosoftAuthenticator"), _notifies)
    return _Scope(tuple(included), excluded, app, tuple(await _profiles(policy, targets)))


def _notifies(target: Mapping[str, Any]) -> bool | None:
    return _MODES.get(text(target, "authenticationMode"))


async def _profiles(policy: Policy, targets: Targets) -> Sequence[tuple[rules.Profile, Reach]]:
    """Each passkey profile, and who may set up by themselves what it allows."""
    fido2 = policy.configuration("Fido2")
    told = fido2.get("includeTargets")
    named = {one for target in (told if isinstance(told, list) else []) for one in _profile_ids(target) or ()}
    found = rules.profiles(fido2)
    if "" in found:
        return [(found[""], await targets.allowed(policy.configurations, _SELF_SERVICE))]
    every = found | {one: rules.Profile() for one in named - found.keys()}
    return [
        (profile, await targets.allowed(policy.configurations, _SELF_SERVICE, partial(_may_use, one)))
        for one, profile in every.items()
    ]


def _profile_ids(target: Any) -> frozenset[str] | None:
    told = target.get("allowedPasskeyProfiles") if isinstance(target, Mapping) else None
    return frozenset(str(one).casefold() for one in told) if isinstance(told, list) else None


def _may_use(profile: str, target: Mapping[str, Any]) -> bool | None:
    named = _profile_ids(target)
    return None if named is None else profile in named


def _person(scope: _Scope, user: str, account: str, user_type: str, standing: str, methods: str) -> rules.Person:
    return rules.Person(
        account,
        _GUEST.get(user_type),
        None if standing == "unknown" else methods,
        scope.excluded.has(user),
        tuple((method, reach.has(user)) for method, reach in scope.included),
        scope.app.has(user),
        tuple((profile, reach.has(user)) for profile, reach in scope.profiles),
    )


def _passkeys(persons: Iterable[rules.Person]) -> rules.Known:
    """Whether somebody whom the campaign includes may set up a passkey."""
    return rules.either(
        rules.both(person.passkeys, person.wanted)
        for person in persons
        if not (person.guest or person.excluded or person.account == "disabled")
    )
