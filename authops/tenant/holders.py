"""What everybody holds, for the retirement: the directory, the report, the policy, roles, and typed methods of those
whom a phone or the report's silence makes worth a request of their own. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.methods.kinds import KINDS, numbers, reported_phones
from authops.methods.reported import of_type
from authops.phone.country import country
from authops.tenant import directory, reach
from authops.words.errors import GraphError
from authops.words.frames import HOLDERS, Gathered

# The template of a built-in role has one id in every tenant (Entra: built-in roles).
GLOBAL_ADMINISTRATOR: Final = "62e90394-69f5-4237-9190-012177145e10"
_CONFIGURATIONS: Final = {
    "in_sms": "sms", "in_voice": "voice", "may_passkey": "fido2", "may_app": "microsoftauthenticator"
}  # fmt: skip
_STATES: Final = ("disabled", "enabled", "enforced")
_ENABLED: Final = {"True": "enabled", "False": "disabled"}
_PROFILE: Final = ("mobilePhone", "businessPhones", "otherMails")
Tick = Callable[[int], None]


def _nothing(_: int) -> None:
    return None


@dataclass
class Holders:
    """`people`: HOLDERS, one row a person. `unread`: what could not be read, and why, for the page."""

    people: pd.DataFrame
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Roles:
    """Who holds which role: object ids in lower case; None where that could not be read."""

    admins: frozenset[str] | None
    active: frozenset[str] | None
    eligible: frozenset[str] | None

    def admin(self, user: str, reported: str) -> str:
        return reported if self.admins is None else "yes" if user in self.admins or reported == "yes" else "no"

    def rank(self, user: str) -> str:
        if self.active is not None and user in self.active:
            return "active"
        if self.eligible is not None and user in self.eligible:
            return "eligible"
        return "unknown" if self.active is None or self.eligible is None else "no"


async def read(graph: Graph, *, tick: Tick = _nothing) -> Holders:
    """Everybody (HOLDERS). What is missing or refused is `unknown` in the row and named in `unread`.

    User.Read.All, AuditLog.Read.All, Policy.Read.AuthenticationMethod, RoleManagement.Read.Directory,
    GroupMember.Read.All, UserAuthenticationMethod.Read.All. Raises `GraphError` when people cannot be read at all.
    """
    unread: dict[str, str] = {}
    people = await _people(graph, unread, tick)
    report = await _or(unread, "registration report", directory.registrations(graph), None)
    known = {} if report is None else {r["user_id"].casefold(): r for r in report.to_dict("records")}
    roles = await _roles(graph, unread)
    policy = await _or(unread, "methods policy", directory.methods_policy(graph), {})
    folded = {name.casefold(): configuration for name, configuration in (policy or {}).items()}
    reaches = {column: await reach.of(graph, folded.get(name)) for column, name in _CONFIGURATIONS.items()}
    asked = [i for i, user in people.items() if i not in known or _has_phone(known[i])]
    typed = await _typed(graph, asked, tick)
    rows = Gathered(HOLDERS)
    for user_id, user in people.items():
        methods = _methods(known.get(user_id), typed.get(user_id))
        rows.add(_account(user) | methods | _standing(user_id, known.get(user_id), roles, reaches))
    return Holders(rows.frame(), unread)


async def _or(unread: dict[str, str], what: str, reading: Any, without: Any) -> Any:
    try:
        return await reading
    except GraphError as error:
        unread[what] = str(error)
        return without


async def _people(graph: Graph, unread: dict[str, str], tick: Tick) -> dict[str, dict[str, Any]]:
    """Object id → user. The per-user MFA state is not in Graph's published metadata: a refusal of it is no refusal."""
    try:
        return await _listed(graph, requests.holders(per_user_mfa=True), tick)
    except GraphError as error:
        if error.status not in (400, 403):
            raise
        unread["per-user MFA state"] = str(error)
        return await _listed(graph, requests.holders(per_user_mfa=False), tick)


async def _listed(graph: Graph, request: Any, tick: Tick) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    async for user in graph.pages(request):
        if user.get("id"):
            found[str(user["id"]).casefold()] = user
            tick(len(found))
    return found


async def _roles(graph: Graph, unread: dict[str, str]) -> _Roles:
    active = await _or(unread, "active roles", _held(graph, requests.role_assignments()), None)
    eligible = await _or(unread, "eligible roles", _held(graph, requests.role_eligibilities()), None)
    both = None if active is None or eligible is None else frozenset(active[0] | eligible[0])
    tops = [None if found is None else frozenset(found[1]) for found in (active, eligible)]
    return _Roles(both, tops[0], tops[1])


async def _held(graph: Graph, request: Any) -> tuple[set[str], set[str]]:
    """(who holds any role, who is Global Administrator), groups resolved. Raises `GraphError` for a group unread."""
    everybody: set[str] = set()
    top: set[str] = set()
    async for row in graph.pages(request):
        people = await _behind(graph, row)
        everybody |= people
        if str(row.get("roleDefinitionId") or "").casefold() == GLOBAL_ADMINISTRATOR:
            top |= people
    return everybody, top


async def _behind(graph: Graph, row: Mapping[str, Any]) -> set[str]:
    principal = str(row.get("principalId") or "").casefold()
    kind = str((row.get("principal") or {}).get("@odata.type") or "").rpartition(".")[2]
    if kind == "user":
        return {principal}
    if kind == "group" or not kind:
        members = {user.casefold() for user in await directory.group_users(graph, principal)}
        return members if kind else members | {principal}
    return set()


def _has_phone(row: Mapping[Any, Any]) -> bool:
    return bool(set(str(row["methods_registered"]).split()) & reported_phones())


@dataclass(frozen=True)
class _Typed:
    """A person's methods one by one: names as the report has them, countries of numbers; or why they are not known."""

    names: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    error: str = ""


async def _typed(graph: Graph, ids: list[str], tick: Tick) -> dict[str, _Typed]:
    asked = {requests.authentication_methods(user): user for user in ids}
    found: dict[str, _Typed] = {}
    async for answer in graph.send(asked):
        try:
            found[asked[answer.request]] = _read(await graph.items(answer))
        except GraphError as error:
            found[asked[answer.request]] = _Typed(error=str(error))
        tick(len(found))
    return found


def _read(items: list[dict[str, Any]]) -> _Typed:
    phones = [KINDS[name] for name in numbers()]
    values = [kind.value(item) for item in items for kind in phones if kind.is_in(item)]
    countries = dict.fromkeys(filter(None, map(country, values)))
    return _Typed(tuple(dict.fromkeys(filter(None, map(of_type, items)))), tuple(countries))


def _methods(report: Mapping[Any, Any] | None, typed: _Typed | None) -> dict[str, str]:
    """What is registered. The typed answer is the later word; where it fails, the report's stands."""
    default = str(report["default_method"]) if report is not None else ""
    if typed is not None and not typed.error:
        names, countries = " ".join(typed.names), " ".join(typed.countries)
        return {"known": "yes", "methods": names, "number_country": countries, "default_method": default}
    if report is not None:
        return {"known": "yes", "methods": str(report["methods_registered"]), "default_method": default}
    why = typed.error if typed is not None else "not asked"
    return {"known": f"not in the report; {why}", "methods": ""}


def _account(user: Mapping[str, Any]) -> dict[str, str]:
    state = str(user.get("perUserMfaState") or "").casefold()
    return {
        "user_id": str(user["id"]),
        "user_principal_name": str(user.get("userPrincipalName") or ""),
        "display_name": str(user.get("displayName") or ""),
        "department": str(user.get("department") or ""),
        "country": str(user.get("usageLocation") or ""),
        "account": _ENABLED.get(str(user.get("accountEnabled")), "unknown"),
        "external": _external(user),
        "per_user_mfa": state if state in _STATES else "unknown",
        "profile_value": "yes" if any(user.get(name) for name in _PROFILE) else _unless_missing(user, _PROFILE),
    }


def _unless_missing(user: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return "no" if all(name in user for name in names) else "unknown"


def _external(user: Mapping[str, Any]) -> str:
    """An external user is known by another home: `#EXT#` in the name. Guests without it are internal (Entra: B2B)."""
    name = str(user.get("userPrincipalName") or "")
    return "unknown" if not name else "yes" if "#ext#" in name.casefold() else "no"


def _standing(
    user_id: str, report: Mapping[Any, Any] | None, roles: _Roles, reaches: Mapping[str, reach.Reach]
) -> dict[str, str]:
    reported = "unknown" if report is None else "yes" if report["is_admin"] else "no"
    ranks = {"admin": roles.admin(user_id, reported), "global_admin": roles.rank(user_id)}
    return ranks | {column: found.has(user_id) for column, found in reaches.items()}
