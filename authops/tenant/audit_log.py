"""What Entra's own audit log says about changes of phones and e-mail: who, when, from what to what.

The second witness of an apply. It lags (minutes, nobody promises how many), so what is missing may still come.
"""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.methods.kinds import KINDS, by_id
from authops.words.errors import GraphError
from authops.words.frames import AUDITS, OUTCOME_ROWS, Gathered, check, frame

_log = logging.getLogger(__name__)
_AN_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERBS: Final = {"add": "registered", "update": "updated", "remove": "deleted"}
_SKEW: Final = timedelta(minutes=5)


async def records(graph: Graph, since: datetime, users: Iterable[str]) -> pd.DataFrame:
    """Changes of these users' methods since a moment (AUDITS), the oldest first; AuditLog.Read.All.

    Clocks differ, so it looks five minutes further back.
    """
    wanted, rows = {user.casefold(): user for user in users}, Gathered(AUDITS)
    async for item in _since(graph, (since - _SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")):
        for target in _whole(item)["targetResources"]:
            if user := wanted.get(str(target.get("id")).casefold()):
                rows.add(_record(item, target) | {"user_id": user})
    # New records push others onto the next page, where they come a second time.
    found = rows.frame()
    twice = found.duplicated(["audit_id", "user_id", "method", "method_id"]) & (found["audit_id"] != "")
    # Graph gives the latest first, so of one second the last is the earliest.
    return found[~twice].iloc[::-1].sort_values("at", kind="stable", ignore_index=True)


def _whole(item: dict[str, Any]) -> dict[str, Any]:
    """Who is named by no record may be named by one that was left out."""
    if not (item.get("activityDateTime") and isinstance(item.get("targetResources"), list)):
        raise GraphError("a record of the audit log is not whole, so nothing is known", status=200)
    return item


async def _since(graph: Graph, moment: str) -> AsyncIterator[dict[str, Any]]:
    """The records since a moment, on large pages; where those are refused, on pages of Graph's own size."""
    begun = False
    try:
        async for item in graph.pages(requests.audits(moment)):
            begun = True
            yield item
    except GraphError as error:
        if error.status != 400 or begun:
            raise
        async for item in graph.pages(requests.audits(moment, top=None)):
            yield item


async def recent(graph: Graph, users: Iterable[str], *, days: int, now: datetime) -> pd.DataFrame:
    """`records` of the last days; none when `days` is 0, nobody is asked about, or, with a warning, not allowed.

    Entra keeps 30 days with a P1 or P2 licence, 7 without.
    """
    wanted = list(users)
    try:
        return await records(graph, now - timedelta(days=days), wanted) if days and wanted else frame(AUDITS, [])
    except GraphError as error:
        if error.status not in (400, 403):
            raise
        _log.warning("the audit log is not known, so neither is who changed a method: HTTP %s", error.status)
        return frame(AUDITS, [])


def _record(item: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, str]:
    """The names of modifiedProperties are not documented, so values are known by what they look like."""
    changed = target.get("modifiedProperties") or []
    pairs = [(_plain(p.get("oldValue")), _plain(p.get("newValue"))) for p in changed]
    kinds = by_id()
    method = next((kinds[v.lower()] for pair in pairs for v in pair if v.lower() in kinds), "")
    one = "" if method else next((v.lower() for pair in pairs for v in pair if _AN_ID.fullmatch(v)), "")
    before, after = next(((b, a) for b, a in pairs if _is_value(b) or _is_value(a)), ("", ""))
    return {
        "at": str(item.get("activityDateTime") or ""),
        "user_id": str(target.get("id") or ""),
        "method": method,
        "method_id": one,
        "activity": str(item.get("activityDisplayName") or ""),
        "before": before,
        "after": after,
        "by": _by(item.get("initiatedBy") or {}),
        "correlation_id": str(item.get("correlationId") or ""),
        "audit_id": str(item.get("id") or ""),
    }


def _plain(value: Any) -> str:
    """Values come bare or JSON-encoded, also as a list of one."""
    text = str(value or "")
    if text[:1] not in ('"', "["):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found[0] if isinstance(found, list) and len(found) == 1 else found)


def _is_value(text: str) -> bool:
    return (text.startswith("+") and any(c.isdigit() for c in text)) or "@" in text


def _by(who: Mapping[str, Any]) -> str:
    app, user = who.get("app") or {}, who.get("user") or {}
    return str(app.get("appId") or app.get("displayName") or user.get("userPrincipalName") or user.get("id") or "")


def tie(outcomes: pd.DataFrame, audits: pd.DataFrame, ours: str) -> tuple[pd.Series[str], pd.DataFrame]:
    """Each applied change (OUTCOME_ROWS) with the id of its record, "" when there is none; and the records left over.

    `ours`: the application id that wrote. A record explains one change at most: the same user, method and kind of
    change, the same new value as far as the record tells; of several, the nearest in time. What is left over was done
    by somebody else, or twice.
    """
    rows = check(outcomes, OUTCOME_ROWS)
    free: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in check(audits, AUDITS).to_dict("records"):
        free[str(record["user_id"])].append({str(k): v for k, v in record.items()})
    found = []
    for change in rows.to_dict("records"):
        mine = [r for r in free[change["user_id"]] if _explains(r, change, ours)] if _written(change) else []
        nearest = min(mine, key=lambda r: _apart(r, change)) if len(mine) > 1 else next(iter(mine), None)
        if nearest:
            free[change["user_id"]].remove(nearest)
        found.append(nearest["audit_id"] if nearest else "")
    left = [record for records in free.values() for record in records if record["method"]]
    return pd.Series(found, index=rows.index, dtype="str"), frame(AUDITS, left)


def _apart(record: Mapping[str, Any], change: Mapping[Any, Any]) -> timedelta:
    """How long between a record and the outcome; the same change may have been made, undone and made again."""
    at, done = (pd.to_datetime(text, utc=True, format="ISO8601") for text in (record["at"], change["at"]))
    return cast("timedelta", abs(at - done))


def _written(change: Mapping[Any, Any]) -> bool:
    return str(change["outcome"]).startswith("applied")


def _same_one(record: Mapping[Any, Any], change: Mapping[Any, Any]) -> bool:
    """Whether a record may be about that one of many, or about the one that there is."""
    kind, told = KINDS[change["method"]], record["method_id"]
    meant = str(change["method_id"]) or kind.method_id
    # What is gone says in its value which one it was, such as a pass.
    meant = meant or (kind.key(str(change["before"])) if change["action"] == "remove" else "")
    return not told or not meant or told == meant.casefold()


def _explains(record: Mapping[str, Any], change: Mapping[Any, Any], ours: str) -> bool:
    return tells_of(record, change) and record["by"].casefold() in ("", ours.casefold())


def tells_of(record: Mapping[Any, Any], change: Mapping[Any, Any]) -> bool:
    """Whether a record (one of AUDITS, of that user) may be about this change (CHANGES, OUTCOME_ROWS), by whomever."""
    within = KINDS[change["method"]].within  # what is a property of another method is told as a change of that one
    same_method = record["method"] in ("", within or change["method"]) and _same_one(record, change)
    same_kind = _VERBS[str(change["action"])] in record["activity"]
    told = record["after"] if change["action"] != "remove" else record["before"]
    meant = change["after"] if change["action"] != "remove" else change["before"]
    same_value = bool(within) or not told or KINDS[change["method"]].same(str(told), str(meant))
    return same_method and same_kind and same_value
