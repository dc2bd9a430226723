"""Whom Conditional Access asks for multifactor sign-in everywhere, as far as it is known: yes, no, or not told.

Strict: only a policy that is on, for all applications and clients, without any other condition, and that nothing but
multifactor sign-in satisfies counts. Source: Graph, conditionalAccessPolicy; Policy.Read.All.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from authops.graph import requests
from authops.graph.answer import text
from authops.graph.client import Graph
from authops.tenant import directory
from authops.tenant.policy import Reach
from authops.words.errors import GraphError

_EVERYBODY: Final = "all"
_NARROWING: Final = (
    "platforms", "locations", "devices", "clientApplications", "authenticationFlows", "userRiskLevels",
    "signInRiskLevels", "servicePrincipalRiskLevels", "insiderRiskLevels",
)  # fmt: skip
# What Graph always tells of a policy: where one is left out, that may be what narrows it.
_TOLD: Final = (
    "clientAppTypes", "applications", "users", "platforms", "locations", "userRiskLevels", "signInRiskLevels",
)  # fmt: skip
_LISTS: Final = ("Users", "Groups", "Roles")


async def read(graph: Graph) -> dict[str, Reach]:
    """Name of a policy → whom it asks, of those that ask for it everywhere. Raises `GraphError`."""
    found = {}
    async for policy in graph.pages(requests.conditional_access()):
        if asks_everywhere(policy):
            found[text(policy, "displayName")] = await _reach(graph, policy["conditions"]["users"])
    return found


def covered(reaches: Iterable[Reach], user: str, *, member: bool) -> str:
    """Whether one of the policies asks a person; of guests that is not told."""
    told = [reach.has(user) for reach in reaches]
    return ("yes" if member else "unknown") if True in told else "unknown" if None in told else "no"


def asks_everywhere(policy: Mapping[str, Any]) -> bool:
    """Whether a policy, for whom it means, asks for multifactor sign-in whatever they do; what it does not tell: no."""
    grant, conditions = policy.get("grantControls"), policy.get("conditions")
    if text(policy, "state") != "enabled" or not isinstance(grant, dict) or not isinstance(conditions, dict):
        return False
    if any(name not in conditions for name in _TOLD) or any(conditions.get(name) for name in _NARROWING):
        return False
    return _asks(grant) and _everywhere(conditions)


def _asks(grant: Mapping[str, Any]) -> bool:
    """All controls, or the only one, are a second factor."""
    lists = [_texts(grant, name) for name in ("builtInControls", "customAuthenticationFactors", "termsOfUse")]
    told = [one for one in lists if one is not None]
    strength = grant.get("authenticationStrength")
    strong = isinstance(strength, dict) and strength.get("requirementsSatisfied") == "mfa"
    only = len(told) == len(lists) and sum(map(len, told)) + (strength is not None) == 1
    asked = "mfa" in (lists[0] or []) or strong
    return asked and "authenticationStrength" in grant and (only or text(grant, "operator").upper() == "AND")


def _everywhere(conditions: Mapping[str, Any]) -> bool:
    applications = conditions["applications"]
    if not isinstance(applications, dict):
        return False
    left_out, narrower = _texts(applications, "excludeApplications"), applications.get("applicationFilter")
    whole = _texts(applications, "includeApplications") == _texts(conditions, "clientAppTypes") == [_EVERYBODY]
    return whole and left_out == [] and not narrower


def _texts(item: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of texts, in small letters; None for one that is left out, null or anything else, and so not known."""
    told = item.get(name)
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        return None
    return [one.casefold() for one in told]


async def _reach(graph: Graph, users: Any) -> Reach:
    """Whom a policy means; roles and kinds of guests are not told person by person."""
    if not isinstance(users, dict):
        return Reach(more=True)
    included, more = await _people(graph, users, "include")
    excluded, fewer = await _people(graph, users, "exclude")
    return Reach(_EVERYBODY in included, included - {_EVERYBODY}, excluded - {_EVERYBODY}, more, fewer)


async def _people(graph: Graph, users: Mapping[str, Any], verb: str) -> tuple[frozenset[str], bool]:
    """(ids, `all` among them when everybody is meant; whether there are others that are not known)."""
    lists = [_texts(users, f"{verb}{what}") for what in _LISTS]
    named, groups, roles = (one or [] for one in lists)
    found = set(named) - {"none"}
    unknown = None in lists or bool(roles) or "guestsorexternalusers" in found
    for group in groups:
        try:
            found |= {member.casefold() for member in await directory.group_users(graph, group)}
        except GraphError:
            unknown = True
    return frozenset(found), unknown
