"""The users' own directory profiles as the source: what HR keeps there → WANTED and PROBLEMS.

For the daily run: new people get what their profile says, and with `on_existing: update` a changed number follows.
Profiles and authentication methods are two things: a profile is public, and a change of it changes no method.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.methods.kinds import KINDS
from authops.source.rows import Rows
from authops.source.wanted import Source, as_their_column, to_wanted
from authops.tenant import directory
from authops.words.errors import ParameterError
from authops.words.frames import USERS

OWN_COUNTRY: Final = "usageLocation"
_log = logging.getLogger(__name__)
_DAYS: Final = re.compile(r"([0-9]{1,4})d")
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
Tick = Callable[[int], None]


def nothing(_: int) -> None:
    """Nobody is told how far it is."""


async def read(
    graph: Graph,
    fields: Sequence[str],
    *,
    now: datetime,
    group: str = "",
    filter: str = "",
    departments: Sequence[str] = (),
    licence: str = "",
    new_since: str = "",
    default_region: str = "",
    on_existing: str = "keep",
    on_blank: str = "keep",
    ticket: str = "",
    tick: Tick = nothing,
) -> Source:
    """Read profiles. `fields`: `mobile from mobilePhone`, say (`properties`); of a list the first is taken.

    All scopes that are given must hold: `group` (name or object id, members at any depth), `filter` (OData on users),
    `departments`, `licence` (sku part number or id), `new_since` (a date, or `7d`: created in the last seven days).
    `default_region` may be `usageLocation`: national numbers are read in each user's own country. With `on_blank: keep`
    people whose profile says nothing are counted, not judged. Needs User.Read.All; GroupMember.Read.All for a group,
    Organization.Read.All for a licence by name. Raises `ParameterError`, `GraphError`.
    """
    chosen = _chosen(fields)
    scope: dict[str, Any] = {"group": group, "filter": filter, "departments": departments, "licence": licence}
    people_, more = await people(graph, now=now, new_since=new_since, tick=tick, **scope)
    saying = [user for user in people_ if on_blank == "remove" or any(_text(user, p) for p in chosen.values())]
    rows = _rows(saying, chosen, default_region)
    region = "" if default_region == OWN_COUNTRY else default_region
    how = {"on_existing": on_existing, "on_blank": on_blank, "ticket": ticket}
    wanted, problems = to_wanted(rows, default_region=region, **how)
    facts = {
        "name": "directory profiles",
        "digest": _digest(rows),
        "fields": list(fields),
        "user column": rows.names["user"],
        "users in scope": len(people_),
        "users whose profile says something": len(saying),
        **more,
        "methods": rows.methods,
        **as_their_column(wanted),
        "default_region": default_region,
        **how,
    }
    return Source(wanted, problems, facts, users(saying))


async def people(
    graph: Graph,
    *,
    now: datetime,
    group: str = "",
    filter: str = "",
    departments: Sequence[str] = (),
    licence: str = "",
    new_since: str = "",
    tick: Tick = nothing,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The profiles of everybody for whom all scopes that are given hold (see `read`), and the scope, for people."""
    since = _moment(new_since, now)
    members = await directory.group_users(graph, await directory.group_id(graph, group)) if group else None
    sku = await _sku(graph, licence)
    found: dict[str, dict[str, Any]] = {}
    nobody = {name.casefold(): name for name in departments}
    async for user in graph.pages(requests.profiles(filter)):
        user_id = directory.user_row(user)["user_id"]
        nobody.pop((user.get("department") or "").casefold(), None)
        if (members is None or user_id in members) and _within(user, departments, sku, since):
            # Pages may overlap while people come and go: a person is read once.
            found[user_id] = user
            tick(len(found))
    empty = _empty(departments, list(nobody.values()))
    said = {k: v for k, v in _scope(group, filter, departments, licence, new_since).items() if v}
    return list(found.values()), said | empty


async def ids(
    graph: Graph, names: Sequence[str] = (), *, now: datetime, **scope: Any
) -> tuple[set[str] | None, dict[str, Any]]:
    """(object ids of everybody in scope (see `people`), or, without a scope, of who is named; None for everybody; the
    scope, for people).
    """
    if not any(scope.values()):
        users = await directory.find_users(graph, names) if names else None
        return (None if users is None else set(users["user_id"])), {}
    found, said = await people(graph, now=now, **scope)
    return {directory.object_id(user.get("id")) for user in found}, said


def properties() -> dict[str, list[str]]:
    """Property of a directory profile → the methods it may feed."""
    names = dict.fromkeys(name for kind in KINDS.values() for name in kind.profile)
    return {name: [m for m, kind in KINDS.items() if name in kind.profile] for name in names}


def _chosen(fields: Sequence[str]) -> dict[str, str]:
    """Method → property, in the order of KINDS."""
    found = {}
    for said in fields:
        method, _, name = (part.strip() for part in said.partition(" from "))
        if method not in properties().get(name, ()):
            ready = "; ".join(f"{name} for {', '.join(methods)}" for name, methods in properties().items())
            raise ParameterError(f"profile_fields: {said!r} is not method from property", remedy=f"there are: {ready}")
        if method in found:
            raise ParameterError(f"profile_fields names {method} twice", remedy="name each method once")
        found[method] = name
    if not found:
        raise ParameterError("profile_fields is empty", remedy="write mobile from mobilePhone, say")
    return {m: found[m] for m in KINDS if m in found}


def _moment(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    if days := _DAYS.fullmatch(text):
        return now - timedelta(days=int(days[1]))
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(f"new_since is {text!r}", remedy="write it as 2026-11-24, or 7d for seven days") from error
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


async def _sku(graph: Graph, licence: str) -> str:
    """The id of a licence. Raises `ParameterError` when the tenant has none of that name."""
    if not licence or _GUID.fullmatch(licence):
        return licence.lower()
    skus = {s["skuPartNumber"].casefold(): s["skuId"].lower() async for s in graph.pages(requests.subscribed_skus())}
    if licence.casefold() not in skus:
        raise ParameterError(f"no licence {licence!r} in this tenant", remedy=f"it has: {', '.join(sorted(skus))}")
    return str(skus[licence.casefold()])


def _within(user: Mapping[str, Any], departments: Sequence[str], sku: str, since: datetime | None) -> bool:
    if departments and (user.get("department") or "").casefold() not in {d.casefold() for d in departments}:
        return False
    if sku and sku not in {str(held.get("skuId")).lower() for held in user.get("assignedLicenses") or []}:
        return False
    created = str(user.get("createdDateTime") or "")
    return since is None or (bool(created) and datetime.fromisoformat(created) >= since)


def _text(user: Mapping[str, Any], name: str) -> str:
    value = user.get(name) or ""
    return str(next(iter(value), "") if isinstance(value, list) else value).strip()


def _rows(people: Sequence[Mapping[str, Any]], chosen: Mapping[str, str], region: str) -> Rows:
    cells = {"user": [str(user["userPrincipalName"]) for user in people]}
    cells |= {method: [_text(user, name) for user in people] for method, name in chosen.items()}
    if region == OWN_COUNTRY:
        cells["region"] = [str(user.get("usageLocation") or "") for user in people]
    return Rows([0] * len(people), cells, {"user": "userPrincipalName", **chosen})


def _empty(departments: Sequence[str], nobody: Sequence[str]) -> dict[str, list[str]]:
    """The departments that nobody is in, for people. Raises `ParameterError` when all are so: that is a misspelling."""
    if not nobody:
        return {}
    said = f"scope_departments: nobody is in {', '.join(nobody)}"
    if len(nobody) == len({name.casefold() for name in departments}):
        raise ParameterError(said, remedy="check the spelling; upper and lower case are the same")
    _log.warning("%s", said)
    return {"departments that nobody is in": list(nobody)}


def _scope(group: str, filter: str, departments: Sequence[str], licence: str, new_since: str) -> dict[str, Any]:
    named = {"scope group": group, "scope filter": filter, "scope departments": list(departments)}
    return named | {"scope licence": licence, "scope new since": new_since}


def _digest(rows: Rows) -> str:
    said = "\n".join("\t".join(texts) for texts in zip(*rows.cells.values(), strict=True))
    return hashlib.sha256(said.encode()).hexdigest()


def users(people: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """USERS plus `asked` and `error`, as `directory.find_users` gives them."""
    rows = [directory.user_row(user) | {"asked": user["userPrincipalName"], "error": ""} for user in people]
    return pd.DataFrame(rows, columns=[*USERS, "asked", "error"]).astype({"account_enabled": "boolean"})
