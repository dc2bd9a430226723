"""What has to be known before somebody is given a Temporary Access Pass: policy, risk, and who needs none.

Reads only. The policy that could not be read, or is off, stops every plan; nobody at risk is given a pass, where risk
can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import about, flag, text
from authops.graph.client import Graph
from authops.methods import survivors
from authops.methods.temporary_access_pass import CONFIGURATION, NAME
from authops.tenant import directory
from authops.tenant.unknown import said
from authops.words import retirement
from authops.words.errors import GraphError, GuardStop
from authops.words.frames import HELD, frame

_log = logging.getLogger(__name__)
_ASK: Final = "ask for Policy.Read.AuthenticationMethod; nothing was planned, and nothing written"


@dataclass(frozen=True)
class PassPolicy:
    """What the tenant's policy lets a pass be: minutes at least, at most and by itself, and whether only one-time."""

    shortest: int
    longest: int
    usual: int
    once: bool

    def facts(self) -> dict[str, Any]:
        """For people."""
        often = "one-time only" if self.once else "one-time, or for its whole lifetime"
        return {"the policy allows": f"{self.shortest:,} to {self.longest:,} min, {self.usual:,} by itself; {often}"}


async def policy(graph: Graph) -> PassPolicy:
    """The tenant's pass policy. Raises `GuardStop` for one that is off, or not known."""
    try:
        found = await directory.methods_policy(graph)
    except GraphError as error:
        raise GuardStop(f"the pass policy could not be read: {said(error)}", remedy=_ASK) from error
    one = next((c for name, c in found.items() if name.casefold() == CONFIGURATION.casefold()), {})
    if text(one, "state") == "disabled":
        raise GuardStop("the tenant's policy does not let anybody use a pass", remedy="turn it on for a group first")
    numbers = [one.get(f"{which}LifetimeInMinutes") for which in ("minimum", "maximum", "default")]
    once = flag(one, "isUsableOnce")
    if text(one, "state") != "enabled" or once is None or not all(type(number) is int for number in numbers):
        raise GuardStop("the pass policy came without its limits, so they are not known", remedy=_ASK)
    shortest, longest, usual = (int(number or 0) for number in numbers)
    return PassPolicy(shortest, longest, usual, once)


def external(users: pd.DataFrame) -> list[dict[str, str]]:
    """HELD rows of external users (USERS), to whom Graph gives no pass."""
    named = zip(users["user_id"], users["user_principal_name"], strict=True)
    return [_row(user, "external_user") for user, name in named if retirement.is_external(name) != "no"]


async def at_risk(graph: Graph, users: pd.DataFrame) -> list[dict[str, str]]:
    """HELD rows of people at risk, or confirmed compromised (IdentityRiskyUser.Read.All, P2).

    Where risk may not be read, or the tenant has none, it is said, and holds nobody.
    """
    ids, found = set(users["user_id"]), []
    try:
        async for row in graph.pages(requests.risky_users()):
            if not text(row, "id"):
                raise GraphError("somebody at risk came without their id, so who it is is not known", status=200)
            found.append(directory.object_id(row["id"]))
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        _log.warning("who is at risk cannot be read, so nobody is held for it: %s", said(error))
        return []
    return [_row(user, "at_risk") for user in found if user in ids]


def _row(user: str, reason: str) -> dict[str, str]:
    return {"user_id": user, "method": NAME, "reason": reason}


async def registered(
    graph: Graph, user_ids: Iterable[str], *, tick: directory.Tick = directory.nothing
) -> dict[str, list[str]]:
    """User id → what they have that satisfies MFA and lasts, in the report's names; who is unread, or holds what
    nobody understands, is missing.
    """
    asked = {requests.authentication_methods(user): user for user in dict.fromkeys(user_ids)}
    found = dict[str, list[str]]()
    async for answer in directory.answers(graph, asked, tick):
        try:
            held = survivors.read(await graph.items(answer))
        except GraphError:
            continue
        if about(answer.body, user := asked[answer.request]) and survivors.understood(held):
            found[user] = [one.name for one in held if one.lasts]
    return found


def served(users: pd.DataFrame, registered: Mapping[str, list[str]], on_registered: str = "hold") -> pd.DataFrame:
    """HELD rows of people (USERS) who need no pass, or of whom that is not known (`registered`); none with `allow`."""
    if on_registered == "allow":
        return frame(HELD, [])
    ids = [user for user in users["user_id"] if user]
    unread = [_row(user, "methods_unread") for user in ids if user not in registered]
    return frame(HELD, [*unread, *(_row(user, "has_method") for user in ids if registered.get(user))])
