"""People whom a list names by something else than UPN or object id: found where that is asked for, else pointed out.

Never guessed: an address that two people have is nobody's.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.errors import GraphError, ParameterError

_log = logging.getLogger(__name__)
WAYS: Final = {
    "mail": "mail address",
    "proxy": "one of the proxy addresses",
    "guest": "a guest's home address",
    "apostrophe": "name with another apostrophe",
}
_APOSTROPHES: Final = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'"))
_EXTERNAL: Final = "#ext#"
_HINTS: Final = 200  # names of which is asked whether somebody has them as mail
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Found:
    """Who was found. `users`: as `directory.find_users` gives them. All others by the name that was asked.

    `how`: in which of WAYS, for those not found by UPN or object id; `many`: how many people a name may mean;
    `hints`: what would find somebody.
    """

    users: pd.DataFrame
    how: Mapping[str, str] = field(default_factory=dict)
    many: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)


def ways(match: Sequence[str]) -> frozenset[str]:
    """The ways that a parameter names. Raises `ParameterError` for one that is none."""
    said = frozenset(way.strip().casefold() for way in match)
    if odd := sorted(said - set(WAYS)):
        raise ParameterError(f"match: {odd[0]!r} is no way to find people", remedy=f"there are: {', '.join(WAYS)}")
    return said


async def find(graph: Graph, names: Sequence[str], *, match: Sequence[str] = (), tick: Tick) -> Found:
    """The named people: by UPN and object id, and then, as far as `match` says, in other ways (WAYS).

    Without `match` nobody else is found, but it is said where somebody could be. Raises `GraphError`.
    """
    asked_for = ways(match)
    users = await directory.find_users(graph, names, tick=tick)
    missing = _missing(names, users)
    if not missing:
        return Found(users)
    meant: dict[str, dict[str, tuple[str, dict[str, Any]]]] = defaultdict(dict)
    straight = await _straightened(graph, missing)
    if "apostrophe" in asked_for:
        for name, row in straight.items():
            meant[name][row["user_id"]] = ("apostrophe", row)
    if listed := asked_for & {"mail", "proxy", "guest"}:
        await _listed(graph, missing, listed, meant)
    one = {name: next(iter(people.values())) for name, people in meant.items() if len(people) == 1}
    rows = [row | {"asked": name, "error": ""} for name, (_, row) in one.items()]
    hints = dict.fromkeys(set(straight) - set(meant), "apostrophe")
    if "mail" not in asked_for:
        hints |= dict.fromkeys(await _with_mail(graph, [n for n in missing if n not in meant]), "mail")
    return Found(
        pd.concat([users, pd.DataFrame(rows, columns=users.columns)], ignore_index=True).astype(users.dtypes),
        {name: way for name, (way, _) in one.items()},
        {name: len(people) for name, people in meant.items() if len(people) > 1},
        hints,
    )


def _missing(names: Iterable[str], users: pd.DataFrame) -> list[str]:
    """Names that the tenant does not have; one that could not be read is not missing."""
    there = {str(name).casefold() for name in users["asked"]}
    return [name for name in dict.fromkeys(names) if name.casefold() not in there]


async def _straightened(graph: Graph, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name → the user whose UPN it is once its apostrophe is the one of a keyboard."""
    straight = {name: name.translate(_APOSTROPHES).replace("''", "'") for name in names}
    changed = {name: plain for name, plain in straight.items() if plain != name}
    if not changed:
        return {}
    users = await directory.find_users(graph, list(changed.values()))
    there = users[users["user_id"] != ""].to_dict("records")
    rows = {str(row["asked"]): {str(k): v for k, v in row.items()} for row in there}
    return {name: rows[plain] for name, plain in changed.items() if plain in rows}


async def _listed(
    graph: Graph,
    names: Iterable[str],
    asked_for: frozenset[str],
    meant: dict[str, dict[str, tuple[str, dict[str, Any]]]],
) -> None:
    """Everybody's addresses are read once and compared here: not every Graph filters by each of them."""
    by_fold = {name.casefold(): name for name in names}
    async for user in graph.pages(requests.addresses()):
        row = directory.user_row(user)
        for way, address in _addresses(user):
            if way in asked_for and (name := by_fold.get(address.casefold())):
                meant[name].setdefault(row["user_id"], (way, row))


def _addresses(user: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    mail, name = str(user.get("mail") or ""), str(user.get("userPrincipalName") or "")
    yield "mail", mail
    for proxy in user.get("proxyAddresses") or []:
        kind, _, address = str(proxy).partition(":")
        if kind.casefold() == "smtp":
            yield "proxy", address
    if str(user.get("userType") or "").casefold() == "guest" or _EXTERNAL in name.casefold():
        yield "guest", mail
        yield from (("guest", str(other)) for other in user.get("otherMails") or [])
        home, external, _ = name.casefold().partition(_EXTERNAL)
        if external and "_" in home:
            yield "guest", "@".join(home.rsplit("_", 1))


async def _with_mail(graph: Graph, names: Sequence[str]) -> list[str]:
    """Those of the first names that somebody has as mail; where that cannot be asked, none."""
    asked = {requests.by_mail(name): name for name in names if "@" in name}
    asked = dict(list(asked.items())[:_HINTS])
    found = []
    async for answer in graph.send(asked):
        with suppress(GraphError):
            if await graph.items(answer):
                found.append(asked[answer.request])
    return found
