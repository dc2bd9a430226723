"""What Graph says, as frames. Reads only; what could not be read says so, and is never taken for "none"."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
import pandas as pd

from authops.graph import requests
from authops.graph.answer import Answer, Request, flag, text
from authops.graph.client import Graph, Leaving
from authops.methods.kind import Kind
from authops.methods.kinds import default_names, numbers, places
from authops.tenant import values
from authops.words.errors import GraphError, GraphNameError
from authops.words.frames import CURRENT, PEOPLE, REGISTRATIONS, USERS, Gathered, frame

_log = logging.getLogger(__name__)
_ENOUGH_REFUSED: Final = 20
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_SECOND_FACTORS: Final = ("passwordAuthenticationMethod", "emailAuthenticationMethod", "phoneAuthenticationMethod")
# Statuses that say: this is not to be had here, with this permission or this licence. A token that is refused (401)
# says nothing of what there is.
NOT_FOR_US: Final = (400, 403, 404, 405, 501)
_WORDS: Final = {True: "yes", False: "no", None: "unknown"}
Tick = Callable[[int], None]


def nothing(_: int) -> None:
    """Nobody is told how far it is."""


async def all_users(graph: Graph, *, tick: Tick = nothing) -> pd.DataFrame:
    """Every user of the tenant (USERS), 999 to a page."""
    rows = Gathered(USERS)
    async for user in graph.pages(requests.users()):
        rows.add(user_row(user))
        tick(len(rows))
    return _once_each(rows)


def _once_each(rows: Gathered) -> pd.DataFrame:
    """Pages may overlap while people come and go: a person is one row."""
    return rows.frame().drop_duplicates("user_id", ignore_index=True)


async def find_users(graph: Graph, names: Sequence[str], *, tick: Tick = nothing) -> pd.DataFrame:
    """The named users (USERS plus `asked` and `error`); names are UPNs or object ids.

    A user whom the tenant does not have is left out; one that could not be read has an empty `user_id` and an `error`.
    Raises `GraphError` when reading is refused altogether (401, 403).
    """
    asked = {requests.user(name): name for name in dict.fromkeys(names)}
    rows = [_asked_for(asked[a.request], a) async for a in answers(graph, asked, tick) if a.status != 404]
    return frame({**USERS, "asked": ("text", "the name"), "error": ("text", "why nothing is known")}, rows)


def _asked_for(name: str, answer: Answer) -> dict[str, Any]:
    """The row of who was asked for: an answer about somebody else, or about nobody, tells nothing."""
    row = user_row(answer.body if answer.status == 200 else {})
    known_by = row["user_id"] if _ID.fullmatch(name) else row["user_principal_name"]
    if row["user_id"] and known_by.casefold() == name.casefold():
        return row | {"asked": name, "error": ""}
    why = "the answer is about somebody else" if row["user_id"] else "the answer is no user"
    return user_row({}) | {"asked": name, "error": str(answer.error or why)}


def object_id(value: Any) -> str:
    """An object id in one spelling: Graph does not tell upper from lower case, our tables do."""
    told = value if isinstance(value, str) else ""
    return told.lower() if _ID.fullmatch(told) else told


def user_row(user: dict[str, Any]) -> dict[str, Any]:
    """One user as Graph gives it → one row of USERS; what was left out, or is of another type, is not known."""
    enabled = flag(user, "accountEnabled")
    return {
        "user_id": object_id(user.get("id")),
        "user_principal_name": text(user, "userPrincipalName"),
        "display_name": text(user, "displayName"),
        "account_enabled": pd.NA if enabled is None else enabled,
        "user_type": text(user, "userType"),
        "department": text(user, "department"),
        "country": text(user, "usageLocation"),
    }


async def current(
    graph: Graph,
    user_ids: Iterable[str],
    *,
    methods: Sequence[str] | None = None,
    defaults: pd.DataFrame | None = None,
    tick: Tick = nothing,
    patience: float = math.inf,
    leaving: Leaving | None = None,
) -> pd.DataFrame:
    """The present methods of just those users (CURRENT), one row per user and method asked for (else every phone).

    Of a kind that people have many of, one row each, and one without `method_id` that says whether that is all of them.

    `defaults`: REGISTRATIONS, from which `is_default` is taken. For users whose default is one of the phones, what
    else they have is read too (`others`, -1 when unknown). `patience`, `leaving`: as in `Graph.send`; who takes longer
    is unread.
    """
    ids = [user for user in dict.fromkeys(user_ids) if user]
    told = [] if defaults is None else zip(defaults["user_id"], defaults["default_method"], strict=True)
    preferred = {user.casefold(): method for user, method in told}
    methods, defaulting = numbers() if methods is None else methods, default_names()
    default_of = {user: defaulting.get(preferred.get(user.casefold(), ""), "") for user in ids}
    others = await _others(graph, [user for user in ids if default_of[user]])
    kinds = places(methods)
    rows = Gathered(CURRENT)
    # What is beta's goes in batches of its own, so it comes behind.
    asked = (k[0].reading(u) for beta in (False, True) for u in ids for k in kinds.values() if k[0].is_beta is beta)
    async for answer in answers(graph, asked, _people(tick, len(kinds)), patience, leaving):
        user, read_here = _whose(answer.request, kinds)
        found, why = await values.told(graph, answer, read_here)
        for method, method_id in values.slots(read_here, found):
            known = {"is_default": default_of[user] == method, "others": others.get(user, -1)}
            rows.add(values.state(user, method, method_id, found, why) | known)
    return _in_order(rows.frame(), ids, methods)


def _people(tick: Tick, requests_each: int) -> Tick:
    """Counts people where several requests are made for each."""
    return lambda done: tick(done // requests_each)


def _whose(request: Request, kinds: Mapping[tuple[str, str], list[Kind]]) -> tuple[str, list[Kind]]:
    """The user a request is about, and the kinds it reads: `/users/ID/authentication/COLLECTION`, or the user."""
    version = "beta" if request.beta else "v1.0"
    return values.user_of(request), kinds[version, request.path.partition("/authentication/")[2]]


def _in_order(current: pd.DataFrame, ids: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    """Answers come in any order; rows stand as the users and methods were asked for."""
    user, method = ({name: number for number, name in enumerate(names)} for names in (ids, methods))
    users = [user.get(name, -1) for name in current["user_id"].tolist()]
    kinds = [method.get(name, -1) for name in current["method"].tolist()]
    # lexsort is stable: of many, the row that stands for all of them comes first.
    order = np.lexsort((kinds, users))
    return current.take(order).reset_index(drop=True) if (np.diff(order) < 0).any() else current


async def _others(graph: Graph, ids: Sequence[str]) -> dict[str, int]:
    """Per user how many second factors there are besides the phones."""
    asked = {requests.authentication_methods(user): user for user in ids}
    found: dict[str, int] = {}
    async for answer in graph.send(asked):
        with suppress(GraphError):
            kinds = [str(m.get("@odata.type", "")) for m in await graph.items(answer)]
            found[asked[answer.request]] = sum(not kind.endswith(_NOT_SECOND_FACTORS) for kind in kinds)
    return found


async def answers(
    graph: Graph,
    asked: Iterable[Request],
    tick: Tick = nothing,
    patience: float = math.inf,
    leaving: Leaving | None = None,
) -> AsyncIterator[Answer]:
    """The answers, counted. When the first are all refused (401, 403) it holds for everybody and is raised; somebody
    whom only others may look at (delegated sign-in) is refused alone.
    """
    done, all_refused, held = 0, True, list[Answer]()
    async for answer in graph.send(asked, patience=patience, leaving=leaving):
        done += 1
        tick(done)
        held.append(answer)
        all_refused = all_refused and answer.status in (401, 403)
        if all_refused and done < _ENOUGH_REFUSED:
            continue
        if all_refused:
            break
        for one in held:
            yield one
        held.clear()
    if held:
        raise held[0].error or GraphError("refused", status=held[0].status)


Seen = Callable[[Mapping[str, Any]], None]


async def registrations(graph: Graph, *, tick: Tick = nothing, seen: Seen | None = None) -> pd.DataFrame:
    """The tenant's registration report (REGISTRATIONS): hours behind, without disabled users; AuditLog.Read.All.

    `seen` hears of each row as it comes.
    """
    rows = Gathered(REGISTRATIONS)
    try:
        await _gather_registrations(graph, requests.registrations(), rows, tick, seen)
    except GraphError as error:
        if error.status != 400 or len(rows):
            raise
        # How large a page may be is not documented.
        await _gather_registrations(graph, requests.registrations(top=None), rows, tick, seen)
    return _once_each(rows)


async def _gather_registrations(graph: Graph, request: Request, rows: Gathered, tick: Tick, seen: Seen | None) -> None:
    async for item in graph.pages(request):
        row = _registration(item)
        rows.add(row)
        tick(len(rows))
        if seen:
            seen(row)


async def group_id(graph: Graph, name: str) -> str:
    """The id of a group named by id or display name. Raises `GraphNameError` for none or several, `GraphError`."""
    if _ID.fullmatch(name):
        return name
    found = [row async for row in graph.pages(requests.group_named(name))]
    if len(found) != 1:
        count = f"{len(found):,} groups are" if found else "no group is"
        raise GraphNameError(f"{count} named {name!r}", remedy="correct the name, or name the group by object id")
    if not text(found[0], "id") or text(found[0], "displayName").casefold() not in ("", name.casefold()):
        raise GraphError(f"the answer is not the group {name!r}", status=200)
    return text(found[0], "id")


async def group_users(graph: Graph, group: str) -> set[str]:
    """Ids of the users in a group, at any depth (GroupMember.Read.All). Raises `GraphError`, also for a member whose
    id was left out: that may be anybody.
    """
    found: set[str] = set()
    async for row in graph.pages(requests.group_members(group)):
        if not text(row, "id"):
            raise GraphError("a member came without its id, so who is in the group is not known", status=200)
        if (text(row, "@odata.type") or ".user").endswith(".user"):
            found.add(object_id(row["id"]))
    return found


async def methods_policy(graph: Graph) -> dict[str, dict[str, Any]]:
    """The authentication methods policy's configurations by id; Policy.Read.AuthenticationMethod."""
    return configurations(await graph.page(requests.methods_policy()))


def configurations(policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The configurations of a policy by id. Raises `GraphError` for a list that is none, or not clear."""
    found = policy.get("authenticationMethodConfigurations")
    if not isinstance(found, list):
        raise GraphError("the policy came without its configurations, so it is not known", status=200)
    names = [text(c, "id").casefold() if isinstance(c, dict) else "" for c in found]
    if "" in names or len(set(names)) < len(names):
        raise GraphError("the policy names a configuration twice, or not at all, so it is not known", status=200)
    return {str(c["id"]): c for c in found}


async def managers(graph: Graph, user_ids: Iterable[str], *, tick: Tick = nothing) -> dict[str, str]:
    """User id → the UPN of their manager, of those who have one (Graph: list manager). Raises `GraphError`."""
    asked = {requests.manager(user): user for user in dict.fromkeys(user_ids)}
    found = {asked[a.request]: text(a.body or {}, "userPrincipalName") async for a in answers(graph, asked, tick)}
    return {user: name for user, name in found.items() if name}


async def defaults(graph: Graph, *, needed: bool = True, tick: Tick = nothing) -> pd.DataFrame:
    """The report, for the default methods; empty when it is not `needed`, or, with a warning, not to be had."""
    if needed:
        tick(0)
        try:
            return await registrations(graph, tick=tick)
        except GraphError as error:
            if error.status not in NOT_FOR_US:
                raise
            _log.warning("default methods are not known, so Graph may refuse some removals: %s", error)
    return frame(REGISTRATIONS, [])


def _registration(item: dict[str, Any]) -> dict[str, Any]:
    preferred = item.get("userPreferredMethodForSecondaryAuthentication") or ""
    return {
        "user_id": object_id(item.get("id")),
        "user_principal_name": item.get("userPrincipalName") or "",
        "user_type": item.get("userType") or "",
        "is_admin": bool(item.get("isAdmin")),
        "is_mfa_capable": bool(item.get("isMfaCapable")),
        "is_passwordless_capable": bool(item.get("isPasswordlessCapable")),
        "is_sspr_capable": bool(item.get("isSsprCapable")),
        "sspr_enabled": _WORDS[flag(item, "isSsprEnabled")],
        "methods_registered": " ".join(item.get("methodsRegistered") or []),
        "default_method": "" if preferred == "none" else preferred,
    }


async def people(graph: Graph, *, tick: Tick = nothing) -> pd.DataFrame:
    """Every user with licences (PEOPLE), 999 to a page. Licences go by name where names may be read."""
    names = await licence_names(graph)
    rows = Gathered(PEOPLE)
    async for user in graph.pages(requests.people()):
        ids = [str(licence.get("skuId")) for licence in user.get("assignedLicenses") or []]
        rows.add(user_row(user) | {"licences": " ".join(sorted(names.get(sku, sku) for sku in ids))})
        tick(len(rows))
    return _once_each(rows)


async def tenant_name(graph: Graph) -> str:
    """What the tenant calls itself, where that may be read (Organization.Read.All); "" elsewhere."""
    try:
        found = (await graph.page(requests.organization())).get("value") or [{}]
    except GraphError:
        return ""
    return text(found[0], "displayName") if isinstance(found[0], dict) else ""


async def licence_names(graph: Graph) -> dict[str, str]:
    """SKU id → part number; empty, with a warning, where names may not be read."""
    try:
        return {str(r["skuId"]): str(r["skuPartNumber"]) async for r in graph.pages(requests.subscribed_skus())}
    except GraphError as error:
        if error.status not in (400, 403, 404, 501):
            raise
        _log.warning("names of licences are not known, so their ids are shown: HTTP %s", error.status)
        return {}
