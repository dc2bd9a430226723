"""Whom an audit looks at one by one: a group, a department, a country, a licence, or the people in a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from authops.graph.client import Graph
from authops.source import columns, table_file
from authops.tenant import directory
from authops.words.errors import ParameterError, SourceError
from authops.words.frames import PEOPLE, check

_log = logging.getLogger(__name__)
KINDS: Final = ("group", "department", "country", "licence", "type", "everybody")
_COLUMNS: Final = {"department": "department", "country": "country", "type": "user_type"}
_USER: Final = ("upn", "userprincipalname", "user", "username", "id", "userid", "objectid")


async def read(graph: Graph, people: pd.DataFrame, scope: str, file: str = "", *, most: int | None) -> pd.DataFrame:
    """The people (PEOPLE) in a scope, written `KIND: NAME`, and those of a CSV or workbook; none when both are empty.

    A group counts at any depth. Raises `ParameterError` for an unknown scope, for nobody, and for more than `most`;
    `GraphError` for an unknown group, `SourceError` for an unreadable file.
    """
    wanted = _in_file(people, file) if file else check(people, PEOPLE).iloc[:0]
    if scope:
        wanted = pd.concat([wanted, await _in_scope(graph, people, scope)]).drop_duplicates("user_id")
    if (scope or file) and wanted.empty:
        raise ParameterError(f"nobody is in scope {scope or file!r}", remedy="check the name; case does not matter")
    if most is not None and len(wanted) > most:
        raise ParameterError(
            f"{len(wanted):,} people are in scope, and max_scope is {most:,}",
            remedy="narrow the scope, or raise max_scope: Graph reads them one by one",
        )
    return wanted.reset_index(drop=True)


async def _in_scope(graph: Graph, people: pd.DataFrame, scope: str) -> pd.DataFrame:
    kind, _, name = (part.strip() for part in scope.partition(":"))
    if kind not in KINDS or (kind != "everybody" and not name):
        raise ParameterError(
            f"scope {scope!r} is not known", remedy=f"write KIND: NAME, KIND one of {', '.join(KINDS)}"
        )
    if kind == "everybody":
        return people
    if kind == "group":
        return people[people["user_id"].isin(await directory.group_users(graph, await directory.group_id(graph, name)))]
    if kind == "licence":
        return people[people["licences"].map(lambda held: name.casefold() in held.casefold().split()).astype(bool)]
    return people[people[_COLUMNS[kind]].str.casefold() == name.casefold()]


def _in_file(people: pd.DataFrame, file: str) -> pd.DataFrame:
    table = table_file.read(Path(file), _recognised)
    columns.refuse_data(table, Path(file))
    if count := table.facts.get("hidden rows left out"):
        _log.warning("%s rows that the sheet of scope_file hides are left out; show them to read them", count)
    named = [column for name, column in zip(table.header, table.columns, strict=True) if _is_user(name)]
    if not named:
        raise SourceError(f"{file} has no user column", remedy="name one column UPN or Id")
    # Of an object id and a name beside it the first that is filled counts.
    rows = zip(*named, strict=True)
    asked = {next((cell.strip().casefold() for cell in row if cell.strip()), "") for row in rows} - {""}
    ids, names = people["user_id"].str.casefold(), people["user_principal_name"].str.casefold()
    if strangers := len(asked.difference(ids, names)):
        _log.warning(
            "%s of %s in scope_file are nobody of this tenant, and are left out", f"{strangers:,}", f"{len(asked):,}"
        )
    return people[ids.isin(asked) | names.isin(asked)]


def _recognised(header: Sequence[str]) -> int:
    return sum(map(_is_user, header))


def _is_user(name: str) -> bool:
    return name.replace(" ", "").replace("_", "").casefold() in _USER
