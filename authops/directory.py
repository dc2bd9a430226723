"""What Graph says, as frames. Reads only; what could not be read says so, and is never taken for "none"."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pandas as pd

from authops import requests
from authops.errors import GraphError
from authops.frames import CURRENT, REGISTRATIONS, USERS, Gathered, frame
from authops.graph import Answer, Graph, Request

_log = logging.getLogger(__name__)
_DEFAULTS: Final = {
    "sms": "mobile",
    "voiceMobile": "mobile",
    "voiceAlternateMobile": "alternateMobile",
    "voiceOffice": "office",
}
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_SECOND_FACTORS: Final = ("passwordAuthenticationMethod", "emailAuthenticationMethod", "phoneAuthenticationMethod")
Tick = Callable[[int], None]


def _nothing(_: int) -> None:
    return None


async def all_users(graph: Graph, *, tick: Tick = _nothing) -> pd.DataFrame:
    """Every user of the tenant (USERS), 999 to a page."""
    rows = Gathered(USERS)
    async for user in graph.pages(requests.users()):
        rows.add(user_row(user))
        tick(len(rows))
    return rows.frame()


async def find_users(graph: Graph, names: Sequence[str], *, tick: Tick = _nothing) -> pd.DataFrame:
    """The named users (USERS plus `asked` and `error`); names are UPNs or object ids.

    A user whom the tenant does not have is left out; one that could not be read has an empty `user_id` and an `error`.
    Raises `GraphError` when reading is refused altogether (401, 403).
    """
    asked = {requests.user(name): name for name in dict.fromkeys(names)}
    rows: list[dict[str, Any]] = []
    async for answer in _answers(graph, asked, tick):
        name = asked[answer.request]
        if answer.status == 200 and answer.body:
            rows.append(user_row(answer.body) | {"asked": name, "error": ""})
        elif answer.status != 404:
            rows.append(user_row({}) | {"asked": name, "error": str(answer.error)})
    found = pd.DataFrame(rows, columns=[*USERS, "asked", "error"])
    return found.astype({"account_enabled": bool})


def user_row(user: dict[str, Any]) -> dict[str, Any]:
    """One user as Graph gives it → one row of USERS."""
    return {
        "user_id": user.get("id") or "",
        "user_principal_name": user.get("userPrincipalName") or "",
        "display_name": user.get("displayName") or "",
        "account_enabled": bool(user.get("accountEnabled", True)),
        "user_type": user.get("userType") or "",
        "department": user.get("department") or "",
        "country": user.get("usageLocation") or "",
    }


async def current(
    graph: Graph,
    user_ids: Iterable[str],
    *,
    methods: Sequence[str] = ("mobile", "alternateMobile", "office"),
    defaults: pd.DataFrame | None = None,
    tick: Tick = _nothing,
) -> pd.DataFrame:
    """The present methods of just those users (CURRENT), one row per user and method asked for.

    `defaults`: REGISTRATIONS, from which `is_default` is taken. For users whose default is one of the phones, what
    else they have is read too (`others`, -1 when unknown).
    """
    ids = list(dict.fromkeys(user_ids))
    preferred = {} if defaults is None else dict(zip(defaults["user_id"], defaults["default_method"], strict=True))
    default_of = {user: _DEFAULTS.get(preferred.get(user, ""), "") for user in ids}
    others = await _others(graph, [user for user in ids if default_of[user]])
    kinds = [k for k, wanted in (("phone", set(methods) - {"email"}), ("email", "email" in methods)) if wanted]
    rows = Gathered(CURRENT)
    async for answer in _answers(graph, (_methods_request(user, kind) for user in ids for kind in kinds), tick):
        user, email = _whose(answer.request), answer.request.path.endswith("/emailMethods")
        values = _values(answer) if answer.status == 200 else {}
        for method in (m for m in methods if (m == "email") == email):
            known = {"is_default": default_of[user] == method, "others": others.get(user, -1)}
            rows.add(_state(user, method, values, answer) | known)
    return _in_order(rows.frame(), ids, methods)


def _methods_request(user_id: str, kind: str) -> Request:
    return requests.phone_methods(user_id) if kind == "phone" else requests.email_methods(user_id)


def _whose(request: Request) -> str:
    """The user a request is about: `/users/ID/…`."""
    return unquote(request.path.split("/", 3)[2])


def _in_order(current: pd.DataFrame, ids: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    """Answers come in any order; rows stand as the users and methods were asked for."""
    users = pd.Categorical(current["user_id"], categories=pd.Index(ids)).codes
    kinds = pd.Categorical(current["method"], categories=pd.Index(list(methods))).codes
    return current.iloc[np.lexsort((kinds, users))].reset_index(drop=True)


def _values(answer: Answer) -> dict[str, str]:
    items = (answer.body or {}).get("value", [])
    return {i.get("phoneType", "email"): str(i.get("phoneNumber") or i.get("emailAddress") or "") for i in items}


def _state(user: str, method: str, values: dict[str, str], answer: Answer) -> dict[str, Any]:
    value = values.get(method, "")
    error = str(answer.error) if answer.error else ""
    if "*" in value:
        error = "Graph showed a masked number; sign in as an application, or as Privileged Authentication Administrator"
    known = answer.status == 200 and not error
    return {"user_id": user, "method": method, "known": known, "value": value if known else "", "error": error}


async def _others(graph: Graph, ids: Sequence[str]) -> dict[str, int]:
    """Per user how many second factors there are besides the phones."""
    asked = {requests.authentication_methods(user): user for user in ids}
    found: dict[str, int] = {}
    async for answer in graph.send(asked):
        if answer.status == 200:
            kinds = [str(m.get("@odata.type", "")) for m in (answer.body or {}).get("value", [])]
            found[asked[answer.request]] = sum(not kind.endswith(_NOT_SECOND_FACTORS) for kind in kinds)
    return found


async def _answers(graph: Graph, asked: Iterable[Request], tick: Tick) -> AsyncIterator[Answer]:
    """The answers, counted; a refusal that would hold for everybody is raised at once."""
    done = 0
    async for answer in graph.send(asked):
        if answer.error and answer.status in (401, 403):
            raise answer.error
        done += 1
        tick(done)
        yield answer


async def registrations(graph: Graph, *, tick: Tick = _nothing) -> pd.DataFrame:
    """The tenant's registration report (REGISTRATIONS): hours behind, without disabled users; AuditLog.Read.All."""
    rows = Gathered(REGISTRATIONS)
    async for item in graph.pages(requests.registrations()):
        rows.add(_registration(item))
        tick(len(rows))
    return rows.frame()


async def role_holders(graph: Graph) -> set[str]:
    """Ids of users with a directory role, active or eligible, held directly or through a group.

    Without Entra ID P2 nobody is eligible and Graph refuses that question; then the active ones are all.
    Raises `GraphError` when active roles may not be read (RoleManagement.Read.Directory).
    """
    held = [row async for row in graph.pages(requests.role_assignments())]
    try:
        held += [row async for row in graph.pages(requests.role_eligibilities())]
    except GraphError as error:
        if error.status not in (400, 403, 404, 501):
            raise
        _log.warning("eligible roles are not known, only active ones: HTTP %s %s", error.status, error.code)
    people: set[str] = set()
    for row in held:
        kind = str((row.get("principal") or {}).get("@odata.type", "#microsoft.graph.user"))
        if kind.endswith(".group"):
            people |= await group_users(graph, str(row["principalId"]))
        elif kind.endswith(".user"):
            people.add(str(row["principalId"]))
    return people


async def group_id(graph: Graph, name: str) -> str:
    """The id of a group named by id or display name. Raises `GraphError` (404) for none, or more than one."""
    if _ID.fullmatch(name):
        return name
    found = [row["id"] async for row in graph.pages(requests.group_named(name))]
    if len(found) != 1:
        raise GraphError(f"{len(found)} groups are named {name!r}; name it by object id", status=404)
    return str(found[0])


async def group_users(graph: Graph, group: str) -> set[str]:
    """Ids of the users in a group, at any depth (GroupMember.Read.All)."""
    kinds = graph.pages(requests.group_members(group))
    return {row["id"] async for row in kinds if str(row.get("@odata.type", ".user")).endswith(".user")}


async def methods_policy(graph: Graph) -> dict[str, dict[str, Any]]:
    """The authentication methods policy's configurations by id; Policy.Read.AuthenticationMethod."""
    policy = await graph.page(requests.methods_policy())
    return {str(c.get("id")): c for c in policy.get("authenticationMethodConfigurations") or []}


async def defaults(graph: Graph, *, needed: bool = True) -> pd.DataFrame:
    """The report, for the default methods; empty when it is not `needed`, or, with a warning, not allowed."""
    if needed:
        try:
            return await registrations(graph)
        except GraphError as error:
            if error.status != 403:
                raise
            _log.warning("default methods are not known, so Graph may refuse some removals: %s", error)
    return frame(REGISTRATIONS, [])


def _registration(item: dict[str, Any]) -> dict[str, Any]:
    preferred = item.get("userPreferredMethodForSecondaryAuthentication") or ""
    return {
        "user_id": item["id"],
        "user_principal_name": item.get("userPrincipalName") or "",
        "user_type": item.get("userType") or "",
        "is_admin": bool(item.get("isAdmin")),
        "is_mfa_capable": bool(item.get("isMfaCapable")),
        "is_passwordless_capable": bool(item.get("isPasswordlessCapable")),
        "is_sspr_capable": bool(item.get("isSsprCapable")),
        "methods_registered": " ".join(item.get("methodsRegistered") or []),
        "default_method": "" if preferred == "none" else preferred,
    }
