"""Which numbers are somebody's already who signs in by SMS: there a number has to be nobody else's.

No read of Graph finds a person by number, so the mobiles of everybody in the SMS sign-in policy are read, as far as
they are few enough. Who was deleted may still hold a number, and nobody can see that (Graph answers 409 then).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from authops.graph.client import Graph
from authops.methods.kinds import KINDS
from authops.phone.number import fold
from authops.tenant import directory
from authops.tenant.policy import Reach
from authops.tenant.unknown import said
from authops.words.errors import GraphError

MOST: Final = 5_000


@dataclass(frozen=True)
class Taken:
    """`numbers`: folded, of people whom a plan does not change; `unknown`: why there may be others, "" when not."""

    numbers: frozenset[str] = frozenset()
    unknown: str = ""


def methods() -> list[str]:
    """The kinds that the policy may make a first factor."""
    return [name for name, kind in KINDS.items() if kind.signs_in]


async def taken(graph: Graph, changes: pd.DataFrame, reach: Reach, signs_in: Iterable[str]) -> Taken:
    """Read it for a plan (CHANGES) that writes to people who sign in by SMS (`signs_in`); asks nothing for others."""
    ours = changes[changes["method"].isin(methods())]
    written = ours[ours["action"].isin(("add", "update")) & ours["user_id"].isin(set(signs_in))]
    if written.empty:
        return Taken()
    try:
        others = await _everybody(graph, reach) - {user.casefold() for user in ours["user_id"]}
        if len(others) > MOST:
            return Taken(unknown=f"{len(others):,} others sign in by SMS, and at most {MOST:,} are looked at")
        return _of(await directory.current(graph, sorted(others), methods=methods()), reach)
    except GraphError as error:
        return Taken(unknown=said(error))


def _of(current: pd.DataFrame, reach: Reach) -> Taken:
    unread = int((~current["known"]).sum())
    why = f"{unread:,} of {len(current):,} mobiles could not be read" if unread else ""
    why = why or ("the policy's targets could not all be read" if reach.more else "")
    return Taken(frozenset(current.loc[current["value"] != "", "value"].map(fold)), why)


async def _everybody(graph: Graph, reach: Reach) -> frozenset[str]:
    """Whom the policy lets sign in by SMS, guests aside, who never do."""
    if not reach.everybody:
        return reach.some - reach.never
    users = await directory.all_users(graph)
    members = users.loc[users["user_type"].str.casefold() != "guest", "user_id"].str.casefold()
    return frozenset(members) - reach.never
