"""Who is to get a Temporary Access Pass, from when and for how long: a file, or people in scope → WANTED and PROBLEMS.

A file has `UPN, Start, LifetimeMinutes, Once, Recipient`, as the retirement's `passes.csv`; what is blank is the
parameters' or the policy's own. All of it is checked against the tenant's policy before anything is planned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast
from zoneinfo import ZoneInfo

import pandas as pd

from authops.graph.client import Graph
from authops.methods.temporary_access_pass import NAME, NOW, Pass
from authops.source import columns, profile, starts, table_file, wanted_file
from authops.source.starts import StartProblem
from authops.source.table import names
from authops.source.wanted import Source
from authops.tenant import directory
from authops.words import zones
from authops.words.errors import ParameterError, SourceError
from authops.words.frames import PROBLEMS, WANTED, frame
from authops.words.redaction import mask_cell

RULES: Final = {
    "no_user": "the row names no user",
    "duplicate_user": "the user stands in more than one row",
    "ragged_row": "the row has more cells than the header",
    "bad_start": "the start is no time",
    "start_past": "the start is over",
    "start_zone": "in which time zone the start is meant is not known",
    "start_gap": "the start is an hour that does not exist there, or exists twice",
    "bad_lifetime": "the lifetime is no whole number of minutes",
    "lifetime_outside_policy": "the tenant's policy does not allow passes of that lifetime",
    "bad_flag": "Once is neither TRUE/FALSE, 1/0 nor yes/no",
    "once_by_policy": "the tenant's policy makes every pass one-time, and the row wants more",
    "no_recipient": "nobody is named who gives the pass on, and no manager is known",
}
MANAGER: Final = "manager"
_COLUMNS: Final = {
    "user": ("upn", "userprincipalname", "user", "username", "id", "userid", "objectid"),
    "start": ("start", "startdatetime", "begin", "from"),
    "minutes": ("lifetimeminutes", "lifetimeinminutes", "lifetime", "minutes"),
    "once": ("once", "isusableonce", "onetime"),
    "recipient": ("recipient", "handto", "to"),
    "ticket": ("ticket", "ticketnumber", "changenumber"),
}
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
Tick = profile.Tick


class Limits(Protocol):
    """What the tenant's policy lets a pass be."""

    @property
    def shortest(self) -> int:
        """Minutes."""

    @property
    def longest(self) -> int:
        """Minutes."""

    @property
    def usual(self) -> int:
        """Minutes of a pass of which nothing is said."""

    @property
    def once(self) -> bool:
        """Whether every pass serves once."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for rows that say nothing themselves. `minutes` None: the policy's own. `recipient`: a name, or

    `manager`. `time_zone`: one, or `usageLocation`. `per_day`: so many people on each working day, in the order of
    `by` (department), else as they stand there.
    """

    start: str = ""
    minutes: int | None = None
    once: bool = True
    recipient: str = ""
    time_zone: str = zones.OWN_COUNTRY
    replace: bool = False
    ticket: str = ""
    per_day: int | None = None
    by: str = ""

    def __post_init__(self) -> None:
        if self.by not in ("", "department"):
            raise ParameterError(f"by is {self.by!r}", remedy="write department, or nothing")
        if self.per_day is not None and self.per_day < 1:
            raise ParameterError(f"per_day is {self.per_day}", remedy="at least 1, or null for all at once")
        zones.zones("", self.time_zone)

    def facts(self) -> dict[str, Any]:
        """The rules as a plan keeps them."""
        said = {n: getattr(self, n) for n in ("start", "minutes", "once", "recipient", "time_zone", "per_day", "by")}
        return {name: value for name, value in said.items() if value not in ("", None)}


@dataclass(frozen=True)
class Asked(Source):
    """A source of passes before its rows are read as passes. `cells`: line → field → text."""

    cells: Mapping[int, Mapping[str, str]] = field(default_factory=dict)


def read(path: str | Path, *, encoding: str = "auto", delimiter: str = "auto", sheet: str = "") -> Asked:
    """Read a CSV file, a workbook or JSON records. Raises `SourceError` when it cannot be used."""
    if not str(path):
        raise SourceError("no source named", remedy="name the file in parameter `source`, or a scope")
    path = Path(path)
    table = table_file.read(
        path, partial(columns.recognised, means=_COLUMNS), encoding=encoding, delimiter=delimiter, sheet=sheet
    )
    columns.refuse_data(table, path)
    places = columns.meant(table.header, _COLUMNS, path, first=("user",))
    if "user" not in places:
        raise SourceError(f"{path} has no user column; its columns are: {names(table.header)}", remedy="name it UPN")
    texts = {at: list(map(columns.bare, table.columns[n])) for at, n in places.items()}
    rows = {line: {at: column[n] for at, column in texts.items()} for n, line in enumerate(table.lines)}
    facts = {"path": str(path.resolve()), "digest": wanted_file.digest(path), **table.facts, "rows": len(rows)}
    facts |= {"user column": table.header[places["user"]], "methods": [NAME]}
    return _asked(rows, facts, frozenset(table.beyond))


async def in_scope(graph: Graph, *, now: datetime, tick: Tick = profile.nothing, **scope: Any) -> Asked:
    """The people of a scope (see `profile.people`). Raises `ParameterError` when none is given, `GraphError`."""
    if not any(scope.values()):
        raise ParameterError("neither a source nor a scope is named", remedy="name a file, or a group, say")
    people, more = await profile.people(graph, now=now, tick=tick, **scope)
    rows = {n: {"user": str(user["userPrincipalName"])} for n, user in enumerate(people, 1)}
    facts = {"name": "people in scope", "digest": "", "user column": "userPrincipalName", "methods": [NAME]}
    return replace(
        _asked(rows, facts | more | {"users in scope": len(people)}, frozenset()), users=profile.users(people)
    )


def _asked(rows: Mapping[int, Mapping[str, str]], facts: dict[str, Any], ragged: frozenset[int]) -> Asked:
    twice = Counter(row["user"].casefold() for row in rows.values())
    faults: list[dict[str, Any]] = []
    for line, row in rows.items():
        said = ("ragged_row", "more cells than the header") if line in ragged else ("", "")
        said = (
            ("duplicate_user", "the user stands in several rows; keep one")
            if twice[row["user"].casefold()] > 1
            else said
        )
        said = ("no_user", "the row names no user; fill the column or delete the row") if not row["user"] else said
        faults += [_fault(line, row["user"], facts["user column"], *said)] if said[0] else []
    bad = {fault["line"] for fault in faults}
    wanted = [
        {"line": n, "user": row["user"], "method": NAME, "intent": "leave", "overwrite": False}
        for n, row in rows.items()
        if n not in bad
    ]
    return Asked(frame(WANTED, wanted), frame(PROBLEMS, faults), facts, cells=rows)


def _fault(line: int, user: str, column: str, rule: str, message: str) -> dict[str, Any]:
    shown = mask_cell(user)
    return {"line": line, "user": shown, "column": column, "value": shown, "rule": rule, "message": message}


def timed(
    asked: Asked,
    users: pd.DataFrame,
    limits: Limits,
    rules: Rules,
    *,
    now: datetime,
    managers: Mapping[str, str] | None = None,
) -> Source:
    """Every row read as a pass, by the clock where the person is (USERS plus `asked`).

    `managers`: user id → who is their manager.
    """
    people: dict[str, Mapping[Any, Any]] = {str(u["asked"]).casefold(): u for u in users.to_dict("records")}
    days = _days(asked, people, rules)
    wanted: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    for row in cast("list[dict[str, Any]]", asked.wanted.to_dict("records")):
        person = people.get(str(row["user"]).casefold(), {})
        cells = asked.cells[row["line"]]
        try:
            one = _read(cells, person, limits, rules, now, (managers or {}).get(str(person.get("user_id")), ""))
            one = _on_its_day(one, days.get(row["line"], 0), person, rules, now)
        except StartProblem as problem:
            faults.append(_fault(row["line"], row["user"], "", problem.rule, str(problem)))
            continue
        said = {"intent": "set", "value": one.value, "overwrite": rules.replace}
        wanted.append(row | said | {"ticket": cells.get("ticket") or rules.ticket})
    problems = pd.concat([asked.problems, frame(PROBLEMS, faults)], ignore_index=True)
    facts = asked.facts | rules.facts()
    return Source(frame(WANTED, wanted), problems, facts, asked.users, asked.beside)


def needs_managers(asked: Asked, rules: Rules) -> bool:
    """Whether anybody's manager has to be known."""
    said = (cells.get("recipient") or rules.recipient for cells in asked.cells.values())
    return any(who.casefold() == MANAGER for who in said)


def _read(
    cells: Mapping[str, str], person: Mapping[Any, Any], limits: Limits, rules: Rules, now: datetime, manager: str
) -> Pass:
    where = zones.zones(str(person.get("country", "")), rules.time_zone)
    start = starts.read(cells.get("start") or rules.start or NOW, now, where)
    minutes = _minutes(cells.get("minutes", ""), limits, rules)
    once = _once(cells.get("once", ""), limits, rules)
    recipient = cells.get("recipient") or rules.recipient
    recipient = manager if recipient.casefold() == MANAGER else recipient
    if not recipient:
        raise StartProblem("no_recipient", "nobody is named who gives the pass on; fill Recipient, or set recipient")
    return Pass(start, minutes, once, recipient)


def _minutes(text: str, limits: Limits, rules: Rules) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise StartProblem("bad_lifetime", "the lifetime is no whole number; write minutes, such as 480")
    minutes = int(text) if text else limits.usual if rules.minutes is None else rules.minutes
    if not limits.shortest <= minutes <= limits.longest:
        said = f"{minutes:,} minutes; the tenant's policy allows {limits.shortest:,} to {limits.longest:,}"
        raise StartProblem("lifetime_outside_policy", said)
    return minutes


def _once(text: str, limits: Limits, rules: Rules) -> bool:
    said = _FLAGS.get(text.casefold()) if text else (rules.once or limits.once)
    if said is None:
        raise StartProblem("bad_flag", "Once is no flag; write TRUE or FALSE, in English")
    if limits.once and not said:
        raise StartProblem("once_by_policy", "the tenant's policy makes every pass one-time; write TRUE")
    return said


def _days(asked: Asked, people: Mapping[str, Mapping[Any, Any]], rules: Rules) -> dict[int, int]:
    """Line → on which working day it is its turn, from 0; a department's people stand together where that is asked."""
    if rules.per_day is None:
        return {}
    rows = list(zip(asked.wanted["line"], asked.wanted["user"], strict=True))
    if rules.by:
        rows.sort(key=lambda row: str(people.get(str(row[1]).casefold(), {}).get("department", "")).casefold())
    return {int(line): place // rules.per_day for place, (line, _) in enumerate(rows)}


def _on_its_day(one: Pass, day: int, person: Mapping[Any, Any], rules: Rules, now: datetime) -> Pass:
    if rules.per_day is None:
        return one
    where = zones.zones(str(person.get("country", "")), rules.time_zone) or [ZoneInfo("UTC")]
    start = starts.later(one.start or now, day, where[0])
    return one if start == one.start or (not day and one.start is None) else replace(one, start=start)


async def managers(graph: Graph, users: pd.DataFrame, *, tick: Tick = profile.nothing) -> dict[str, str]:
    """User id → their manager's UPN, of those who have one. User.Read.All."""
    return await directory.managers(graph, [u for u in users["user_id"] if u], tick=tick)
