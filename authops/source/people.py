"""Who the people of a source are in the tenant; whose row says two things of them, or who is not to be found."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from authops.graph.client import Graph
from authops.plan.notes import add as add_note
from authops.source.wanted import Source
from authops.tenant import matching
from authops.words.frames import PROBLEMS, frame
from authops.words.redaction import mask_cell

_log = logging.getLogger(__name__)
_DIFFERS: Final = "the object id is somebody's whom the tenant calls otherwise; correct the id or the name beside it"
Tick = Callable[[int], None]


async def find_people(
    graph: Graph, source: Source, *, match: Sequence[str] = (), tick: Tick
) -> tuple[Source, pd.DataFrame]:
    """The source without the rows of people who are not certain, and the users (USERS plus `asked` and `error`).

    `match`: in which ways besides UPN and object id people may be named (`matching.WAYS`).
    """
    matching.ways(match)
    if len(source.users):
        return source, source.users
    found = await matching.find(graph, source.people, match=match, tick=tick)
    wrong = {name: ("ambiguous_user", _ambiguous(count)) for name, count in found.many.items()}
    wrong |= {name: ("unknown_user", _hint(way)) for name, way in found.hints.items()}
    wrong |= dict.fromkeys(_other_names(source, found.users), ("user_differs", _DIFFERS))
    return _without(_noted(source, found.how), wrong), found.users


def _ambiguous(count: int) -> str:
    return f"{count:,} people have this address; write the UPN or object id of the one who is meant"


def _hint(way: str) -> str:
    return f"the tenant has no such user, but somebody has this as {matching.WAYS[way]}; write the UPN, or match: {way}"


def _other_names(source: Source, users: pd.DataFrame) -> list[str]:
    """Object ids of the source beside which another name stands than the tenant's."""
    names = dict(zip(users["asked"], users["user_principal_name"], strict=True)) if source.beside else {}
    beside = ((user, name) for user, name in source.beside.items() if name and names.get(user))
    return [user for user, name in beside if name.casefold() != names[user].casefold()]


def _noted(source: Source, how: Mapping[str, str]) -> Source:
    """Whoever was found in another way than by name is to be looked at by a person."""
    if not how:
        return source
    wanted = source.wanted.copy()
    for way in dict.fromkeys(how.values()):
        names = [name for name, found in how.items() if found == way]
        rows = wanted["user"].isin(names) & wanted["intent"].ne("leave")
        add_note(wanted, rows.to_numpy().nonzero()[0], f"the person was found by {matching.WAYS[way]}")
    counts = ", ".join(f"{way} {count:,}" for way, count in Counter(how.values()).items())
    _log.warning("people found by another name than UPN or object id, as parameter match says: %s", counts)
    return replace(source, wanted=wanted)


def _without(source: Source, wrong: Mapping[str, tuple[str, str]]) -> Source:
    """The source whose rows of these people are problems."""
    if not wrong:
        return source
    held = source.wanted["user"].isin(wrong)
    lines = source.wanted.loc[held, ["line", "user"]].drop_duplicates()
    more = [_problem(line, user, source.facts, *wrong[user]) for line, user in lines.itertuples(index=False)]
    problems = pd.concat([source.problems, frame(PROBLEMS, more)], ignore_index=True)
    return replace(source, wanted=source.wanted[~held].reset_index(drop=True), problems=problems)


def _problem(line: int, user: str, facts: Mapping[str, Any], rule: str, message: str) -> dict[str, Any]:
    shown = mask_cell(user)
    who = {"line": int(line), "user": shown, "column": str(facts.get("user column", "")), "value": shown}
    return who | {"rule": rule, "message": message}
