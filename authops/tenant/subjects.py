"""Whom a clean-up is about: people with their last sign-in, and whether Conditional Access asks them. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import text
from authops.graph.client import Graph
from authops.tenant import conditional_access, directory
from authops.tenant.directory import Tick
from authops.tenant.holdings import Holdings
from authops.words.errors import GraphError
from authops.words.frames import SUBJECTS, Gathered, check

_SEEN: Final = "signInActivity"
_SIGN_INS: Final = ("lastSuccessfulSignInDateTime", "lastSignInDateTime", "lastNonInteractiveSignInDateTime")
_PAGE: Final = 500
_STATES: Final = {"default": "defaultMethod", "per_user_mfa": "perUserMfaState", "sessions_from": "signInSessions"}


async def people(graph: Graph, *, last_seen: bool, only: Collection[str] | None = None, tick: Tick) -> pd.DataFrame:
    """Everybody, or only these (object ids), as SUBJECTS of which nothing but the directory is told yet.

    `last_seen`: with the last sign-in, 500 people to a page; where it cannot be had it is not known.
    """
    told = [_SEEN] if last_seen and await _told(graph) else []
    rows = Gathered(SUBJECTS)
    async for user in graph.pages(requests.holders(told, _PAGE if told else 999)):
        row = directory.user_row(user)
        if only is None or row["user_id"] in only:
            unknown = dict.fromkeys(("covered", *_STATES), "unknown")
            rows.add(row | {"last_sign_in": _latest(user.get(_SEEN))} | unknown)
        tick(len(rows))
    return rows.frame().drop_duplicates("user_id", ignore_index=True)


async def _told(graph: Graph) -> bool:
    try:
        await graph.page(requests.one_with(_SEEN))
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        return False
    return True


def _latest(activity: Any) -> str:
    """The latest of them; nothing where one was left out, which may be later than the others. Null says: never."""
    told = activity if isinstance(activity, dict) else {}
    whole = all(told.get(name, 0) is None or text(told, name) for name in _SIGN_INS[1:])
    return max((text(told, name) for name in _SIGN_INS), default="") if whole else ""


def with_states(subjects: pd.DataFrame, holdings: Holdings) -> pd.DataFrame:
    """SUBJECTS with the states that were read of each."""
    data = check(subjects, SUBJECTS).copy()
    for column, method in _STATES.items():
        mine = holdings.current[holdings.current["method"] == method]
        mine = mine[mine["known"]]
        known = dict(zip(mine["user_id"], mine["value"], strict=True))
        data[column] = pd.Series([known.get(user, "unknown") for user in data["user_id"]], data.index, dtype="str")
    return data


async def standing(
    graph: Graph, subjects: pd.DataFrame, holdings: Holdings, *, coverage: bool
) -> tuple[pd.DataFrame, dict[str, str]]:
    """(SUBJECTS with what they hold by way of states, and, where that is asked, whom Conditional Access asks; what of
    it could not be had, for people).
    """
    data, why = with_states(subjects, holdings), ""
    if coverage:
        data, why = await with_coverage(graph, data)
    unread = data["user_id"].isin(holdings.held.loc[~holdings.held["known"], "user_id"]).sum()
    said = {"people read": f"{len(data):,}", "not wholly known": f"{int(unread):,}"}
    said |= {} if holdings.beta else {"beta": "cannot be asked: last uses and hardware tokens are not known"}
    return data, said | ({"Conditional Access": f"could not be read: {why}"} if why else {})


async def with_coverage(graph: Graph, subjects: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """(SUBJECTS with whether Conditional Access asks each, why that is not known)."""
    data = check(subjects, SUBJECTS)
    try:
        reaches = list((await conditional_access.read(graph)).values())
    except GraphError as error:
        return data.assign(covered="unknown"), str(error).splitlines()[0]
    member = data["user_type"].str.casefold() == "member"
    rows = zip(data["user_id"], member, strict=True)
    return data.assign(covered=[conditional_access.covered(reaches, user, member=m) for user, m in rows]), ""
