"""Who holds a directory role, active or eligible, directly or through a group, and what of it is not known."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authops.graph import requests
from authops.graph.answer import Request, text
from authops.graph.client import Graph
from authops.tenant import directory
from authops.tenant.unknown import said
from authops.words.errors import GraphError
from authops.words.frames import NO_ROLE, ROLE_NOT_KNOWN

_log = logging.getLogger(__name__)
# The template of a built-in role has one id in every tenant (Entra: built-in roles).
GLOBAL_ADMINISTRATOR: Final = "62e90394-69f5-4237-9190-012177145e10"
_NEVER_PEOPLE: Final = ("servicePrincipal",)
_CERTAIN: Final = ("user", "group", *_NEVER_PEOPLE)


@dataclass(frozen=True)
class Roles:
    """`holders`: ids of users who hold a role for sure; `unknown`: what could not be read of the others.

    `ranks`: of those who are Global Administrators, active or eligible. `held`: holder → ids of the roles.
    """

    holders: frozenset[str]
    unknown: tuple[str, ...] = ()
    ranks: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def rank(self, user: str) -> str:
        """active, eligible, no or unknown: whether somebody is Global Administrator."""
        return self.ranks.get(user, "unknown" if self.unknown else "no")

    def called(self, names: Mapping[str, str]) -> dict[str, str]:
        """Holder → what the roles are called, joined by `; `; `names`: id → name, as far as it could be read."""
        return {
            user: "; ".join(sorted({names.get(role, ROLE_NOT_KNOWN) for role in roles}))
            for user, roles in self.held.items()
        }


async def read(graph: Graph) -> Roles:
    """Everybody with a role in the directory or in a part of it (an administrative unit). What cannot be read is said,
    and takes nothing away from what was.

    Without Entra ID P2 nobody is eligible, and Graph says so.
    """
    unknown: list[str] = []
    active = await _rows(graph, requests.role_assignments(), "active roles", unknown)
    eligible = await _rows(graph, requests.role_eligibilities(), "eligible roles", unknown)
    tops = {"eligible": _tops(eligible), "active": _tops(active)}
    definitions = _definitions([*active, *eligible])
    held: dict[str, frozenset[str]] = {}
    ranks: dict[str, str] = {}
    for principal, kind in _principals([*active, *eligible], unknown).items():
        people = {principal} if kind in ("user", "") else set[str]()
        if kind in ("group", ""):
            people |= await _members(graph, principal, kind, unknown)
        held |= {user: held.get(user, frozenset()) | definitions[principal] for user in people}
        for rank in (rank for rank, who in tops.items() if principal in who):
            ranks |= {user: rank for user in people if ranks.get(user) != "active"}
    return Roles(frozenset(held), tuple(unknown), ranks, held)


def _definitions(rows: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Who or what holds a role → the ids of the roles."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        principal = directory.object_id(row.get("principalId"))
        found[principal] = found.get(principal, frozenset()) | {text(row, "roleDefinitionId").casefold()}
    return found


def _tops(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Who is Global Administrator by these rows."""
    named = (row for row in rows if text(row, "roleDefinitionId").casefold() == GLOBAL_ADMINISTRATOR)
    return {directory.object_id(row.get("principalId")) for row in named}


async def _rows(graph: Graph, request: Request, what: str, unknown: list[str]) -> list[dict[str, Any]]:
    """The rows as far as they could be read: what stood on the pages before one that was refused is known."""
    found: list[dict[str, Any]] = []
    try:
        async for row in graph.pages(request):
            found.append(row)
    except GraphError as error:
        if not _unlicensed(request, error):
            unknown.append(f"{what}: {said(error)}")
    return found


def _unlicensed(request: Request, error: GraphError) -> bool:
    """Nobody is eligible where the tenant has no licence for it (AadPremiumLicenseRequired)."""
    return "license" in error.code.casefold() and request == requests.role_eligibilities()


def _principals(rows: Iterable[Mapping[str, Any]], unknown: list[str]) -> dict[str, str]:
    """Who holds a role → user, group, servicePrincipal, or "" where the answers do not say, or not the same."""
    found: dict[str, str] = {}
    for row in rows:
        principal, kind = directory.object_id(row.get("principalId")), _kind(row)
        if principal:
            found[principal] = kind if found.get(principal, kind) == kind else ""
        else:
            unknown.append("a role came without who holds it")
    return found


def _kind(row: Mapping[str, Any]) -> str:
    """What holds a role; "" when the answer does not say, or speaks of somebody else."""
    principal = row.get("principal")
    if not isinstance(principal, Mapping):
        return ""
    kind = text(principal, "@odata.type").rpartition(".")[2]
    same = text(principal, "id").casefold() in ("", text(row, "principalId").casefold())
    return kind if same and kind in _CERTAIN else ""


async def _members(graph: Graph, principal: str, kind: str, unknown: list[str]) -> set[str]:
    """The members of a group that holds a role. What may be a group, and is not found as one, is none."""
    try:
        return await directory.group_users(graph, principal)
    except GraphError as error:
        if kind or error.status != 404:
            unknown.append(f"members of {principal}, which holds a role: {said(error)}")
        return set()


async def role_holders(graph: Graph) -> tuple[set[str] | None, dict[str, str]]:
    """Ids of everybody who holds a role, and what the roles of each are called, as far as they could be read.

    None, with a warning, where holders are not fully known: then nobody is known not to be one.
    """
    found = await read(graph)
    if found.unknown:
        _log.warning("roles cannot be read, so the registration report alone says who is admin: %s", found.unknown[0])
    try:
        called = await names(graph) if found.held else {}
    except GraphError as error:
        _log.warning("names of roles cannot be read: %s", said(error))
        called = {}
    return None if found.unknown else set(found.holders), found.called(called)


async def names(graph: Graph) -> dict[str, str]:
    """Role → what it is called. A `;` parts several, so a name has none. Raises `GraphError`."""
    called = {
        text(row, "id").casefold(): text(row, "displayName").replace(";", ",")
        async for row in graph.pages(requests.role_definitions())
    }
    return {role: name for role, name in called.items() if name}


def told(ids: Iterable[str], admin: Iterable[str], called: Mapping[str, str]) -> list[str]:
    """What everybody's roles are called; `admin`: yes, no or unknown, of each."""
    return [
        called.get(user) or (NO_ROLE if word == "no" else ROLE_NOT_KNOWN) for user, word in zip(ids, admin, strict=True)
    ]
