"""Which second factor people really used lately: sign-ins, which only beta tells with the method. Reads only.

A day at a time, and of each person only the last day of each method is kept. Beta may change, and nobody promises what
it fills: who is not seen has not been seen, which is not "unused".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import text
from authops.graph.client import Graph
from authops.tenant import directory
from authops.tenant.unknown import said
from authops.words.errors import GraphError, ParameterError
from authops.words.frames import USED, Gathered

MOST_DAYS: Final = 30
# Parts of Graph's words for a text message or a call.
_PHONE: Final = ("text message", "sms", "phone call", "voice")
_NO_FACTOR: Final = ("password", "previously satisfied", "")
Tick = Callable[[int], None]


def _nothing(_: int) -> None:
    return None


@dataclass(frozen=True)
class Used:
    """`seen`: USED, a row for each person and method. `unread`: why not all of the days could be read, or ""."""

    seen: pd.DataFrame
    unread: str = ""


async def used(graph: Graph, *, days: int, now: dt.datetime, tick: Tick = _nothing) -> Used:
    """What was used in the last `days` (30 are kept; AuditLog.Read.All, P1); nothing is asked for 0.

    Raises `ParameterError` for days that are not kept.
    """
    if not 0 <= days <= MOST_DAYS:
        raise ParameterError(f"sign_in_days is {days}", remedy=f"Entra keeps {MOST_DAYS} days: write 0 to {MOST_DAYS}")
    last: dict[tuple[str, str], str] = {}
    count, why = 0, ""
    try:
        for since, until in _windows(now, days):
            async for record in _records(graph, since, until):
                count += 1
                tick(count)
                _keep(last, record)
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        why = said(error)
    rows = Gathered(USED)
    for (user, method), at in last.items():
        rows.add({"user_id": user, "method": method, "last_at": at, "phone": is_phone(method)})
    return Used(rows.frame(), why)


def _windows(now: dt.datetime, days: int) -> Iterator[tuple[str, str]]:
    """The days, the latest first; an edge belongs to both, since Graph compares with ge and le."""
    for day in range(days):
        until = now.astimezone(dt.UTC) - dt.timedelta(days=day)
        yield tuple(f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (until - dt.timedelta(days=1), until))  # type: ignore[misc]


async def _records(graph: Graph, since: str, until: str) -> Any:
    """The sign-ins of a window; where pages may not be that large, as large as Graph itself likes."""
    begun = False
    for top in (requests.SIGN_INS_PAGE, None):
        request = requests.sign_ins(since, until, top)
        try:
            async for record in graph.pages(request):
                begun = True
                yield record
            return
        except GraphError as error:
            if error.status != 400 or begun or top is None:
                raise


def _keep(last: dict[tuple[str, str], str], record: Mapping[str, Any]) -> None:
    user, at = directory.object_id(record.get("userId")), text(record, "createdDateTime")
    for method in _methods(record):
        last[user, method] = max(last.get((user, method), ""), at)


def _methods(record: Mapping[str, Any]) -> set[str]:
    """What served as second factor: of the steps those that succeeded, else what mfaDetail says."""
    steps = record.get("authenticationDetails")
    found = {
        text(step, "authenticationMethod")
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and step.get("succeeded") is True
    }
    detail = record.get("mfaDetail")
    found |= {text(detail, "authMethod")} if isinstance(detail, dict) and not steps else set()
    return {method for method in found if method.casefold() not in _NO_FACTOR}


def is_phone(method: str) -> bool:
    """Whether Graph's words mean a text message or a call."""
    return any(part in method.casefold() for part in _PHONE)


def phone_used(seen: pd.DataFrame, ids: pd.Series[str]) -> pd.Series[str]:
    """For each person the day on which a phone was last seen used; "" for who was not seen."""
    last = seen[seen["phone"]].groupby("user_id")["last_at"].max().to_dict()
    return pd.Series([str(last.get(user, ""))[:10] for user in ids], index=ids.index, dtype="str")
