"""Which column of a file means what: the seed's names, other systems' exports, a row for each method, a mapping.

A column is read in one way or not at all: what is left out is named, with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from authops.methods.kinds import KINDS, values
from authops.source import table as tables
from authops.source.mapping import Export, folded
from authops.source.rows import Rows
from authops.source.table import Table
from authops.words.errors import SourceError

_ALIASES: Final = {
    "user": ("upn", "userprincipalname", "user", "username", "id", "userid", "objectid"),
    "overwrite": ("forcedupdate",),
    "remove": ("forcedremoval",),
    "ticket": ("ticket", "ticketnumber", "changenumber"),
}
_IDS: Final = ("id", "userid", "objectid")
# A row for each method, as Graph's phoneMethods and exports of them have it.
_KIND: Final = ("phonetype", "methodtype", "phonemethod", "phonemethodtype")
_NUMBER: Final = ("phonenumber", "phone", "number", "value")
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PHONE_WORDS: Final = re.compile(r"tel(efoon|efon|ephone)?|phone|mobile?|office|ext(ension)?|x", re.IGNORECASE)
_DIGITS_OF_A_PHONE: Final = 5
_LETTERS_OF_A_ROOM: Final = 4


def aliases() -> dict[str, tuple[str, ...]]:
    """Field → the columns (folded) that mean it."""
    return {"user": _ALIASES["user"]} | {name: kind.columns for name, kind in KINDS.items() if kind.columns} | _ALIASES


def known(header: Sequence[str]) -> int:
    """How many columns of a header are known."""
    return len(_places(header)) + 2 * bool(_by_row(header))


def plain(table: Table, path: Path) -> Rows:
    """The rows of a file with the seed's columns, or with one that means the same."""
    places = _places(table.header)
    refuse_data(table, path)
    if "user" not in places:
        raise SourceError(
            f"{path} has no user column; its columns are: {tables.names(table.header)}",
            remedy="name the column UPN (or UserPrincipalName, Id); another system's export needs a `mapping`",
        )
    user, beside, unread = _people(table, places.pop("user"), path)
    by_row = _by_row(table.header)
    chosen: dict[str, int] = {}
    for at, columns in places.items():
        kept, why = _one(table, at, columns, path, beside or user)
        unread += why
        chosen |= {at: kept[0]} if kept else {}
    if by_row and not any(m in chosen for m in KINDS):
        return _rows_of_methods(table, user, by_row, chosen)
    if not any(m in chosen for m in KINDS):
        raise SourceError(
            f"{path} has no method column" + "".join(f"; {said}" for said in unread),
            remedy="add Mobile, AlternateMobile, OfficePhone or Email",
        )
    cells = {"user": user} | {at: _bare(table.columns[n]) for at, n in chosen.items()}
    names = {"user": _user_name(table)} | {at: table.header[n] for at, n in chosen.items()}
    return Rows(
        table.lines,
        cells,
        names,
        frozenset(table.beyond),
        _quoted(table),
        beside=dict(zip(user, beside, strict=True)) if beside else {},
        unread=tuple(unread),
        **_seen(table, chosen),
    )


def mapped(table: Table, export: Export, path: Path) -> tuple[Rows, int]:
    """The rows of another system's export, and how many it leaves out."""
    found = export.found(table.header)
    if "user" not in found or not any(m in found for m in KINDS):
        refuse_data(table, path)
        raise SourceError(
            f"{path} does not look like {export.name}: its columns are {tables.names(table.header)}",
            remedy=f"the mapping wants one of {', '.join(export.columns['user'])}, and one with numbers or addresses",
        )
    chosen = export.chosen(table)
    if table.lines and not any(chosen):
        rules = ", ".join(name for name in export.only if folded(name) in map(folded, table.header))
        raise SourceError(
            f"mapping {export.name} leaves out all {len(table.lines):,} rows of {path}: none fits its rule for {rules}",
            remedy="correct its `only`, or name the right file",
        )
    cells = {f: [bare(t) for t, yes in zip(ts, chosen, strict=True) if yes] for f, ts in export.cells(table).items()}
    lines = [line for line, yes in zip(table.lines, chosen, strict=True) if yes]
    places = {f: export.positions(table.header, column) for f, column in found.items()}
    seen = _seen(table, places)
    return Rows(lines, cells, found, frozenset(table.beyond), _quoted(table), **seen), chosen.count(False)


def meant(
    header: Sequence[str], means: Mapping[str, Sequence[str]], path: Path, *, first: Sequence[str] = ()
) -> dict[str, int]:
    """Field → its one column, by what its columns are called (`means`, folded). Of several that mean a field in `first`
    the first is it; of others `SourceError` is raised.
    """
    found: dict[str, int] = {}
    for at, called in means.items():
        places = [n for n, name in enumerate(header) if folded(name) in called]
        if len(places) > 1 and at not in first:
            raise SourceError(f"{path} has two columns that mean {at}", remedy="rename or delete one")
        found |= {at: places[0]} if places else {}
    return found


def recognised(header: Sequence[str], means: Mapping[str, Sequence[str]]) -> int:
    """How many columns of a header mean a field."""
    return sum(folded(name) in called for name in header for called in means.values())


def bare(text: str) -> str:
    """Without the space around it and the characters that nobody sees; accents in one spelling."""
    if text.isascii():
        return text.strip()
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf").strip()


def _bare(texts: Sequence[str]) -> list[str]:
    """A column, each cell `bare`."""
    ascii_ = "".join(texts).isascii()
    return [text.strip() for text in texts] if ascii_ else list(map(bare, texts))


def refuse_data(table: Table, path: Path) -> None:
    """Raise `SourceError` for a first line that is a row like any other; nothing of it is repeated."""
    if known(table.header) < 2 and tables.is_data(table.header):
        raise SourceError(
            f"{path}: line 1 looks like data, not like a header",
            remedy="put a line with the columns' names above it, such as UPN,Mobile",
        )


def _places(header: Sequence[str]) -> dict[str, list[int]]:
    """Field → positions in the header."""
    meaning = {name: field for field, names in aliases().items() for name in names}
    found: dict[str, list[int]] = {}
    for position, name in enumerate(header):
        if at := meaning.get(folded(name)):
            found.setdefault(at, []).append(position)
    return found


def _by_row(header: Sequence[str]) -> tuple[int, int] | None:
    """Where a row says which method it speaks of, and the number; None when there are no such columns."""
    names = list(map(folded, header))
    kind, number = (next((n for n, name in enumerate(names) if name in of), None) for of in (_KIND, _NUMBER))
    return None if kind is None or number is None else (kind, number)


def _people(table: Table, places: list[int], path: Path) -> tuple[list[str], list[str], list[str]]:
    """Who each row means, the names that stand beside object ids, and what is not read.

    An object id is used where there is one; the name beside it is compared later.
    """
    ids = [n for n in places if folded(table.header[n]) in _IDS]
    names = [n for n in places if n not in ids]
    ids, _ = _one(table, "user", ids, path, [])
    names, _ = _one(table, "user", names, path, [])
    columns = {n: _bare(table.columns[n]) for n in (*ids, *names)}
    if not ids or not names:
        return columns[(ids or names)[0]], [], []
    if not any(map(_ID.fullmatch, columns[ids[0]])):
        return columns[names[0]], [], [f"{table.header[ids[0]]}: holds no object id"] if table.lines else []
    both = list(zip(columns[ids[0]], columns[names[0]], strict=True))
    return [one or other for one, other in both], [other if one else "" for one, other in both], []


def _user_name(table: Table) -> str:
    places = _places(table.header)["user"]
    ids = [n for n in places if folded(table.header[n]) in _IDS]
    holding = [n for n in ids if any(_ID.fullmatch(bare(cell)) for cell in table.columns[n])]
    return table.header[(holding or [n for n in places if n not in ids] or ids)[0]]


def _one(table: Table, at: str, columns: list[int], path: Path, users: list[str]) -> tuple[list[int], list[str]]:
    """The one column that means a field (none: no column does), and why others are not read."""
    unread = []
    for n in list(columns):
        if why := _not_meant(table, at, n, users):
            unread.append(f"{table.header[n]}: {why}")
            columns = [other for other in columns if other != n]
    first, *more = columns or [-1]
    for n in more:
        if not any(table.columns[n]) or _bare(table.columns[n]) != _bare(table.columns[first]):
            raise SourceError(
                f"{path}: columns {table.header[first]!r} and {table.header[n]!r} both mean {at}",
                remedy="rename or delete one",
            )
        unread.append(f"{table.header[n]}: says the same as {table.header[first]}")
    return columns[:1], unread


def _not_meant(table: Table, at: str, n: int, users: list[str]) -> str:
    """Why a column of that name does not hold what the field wants; "" when it may."""
    filled = [cell for cell in _bare(table.columns[n]) if cell]
    if at == "office" and folded(table.header[n]) == "office" and filled and all(map(_is_room, filled)):
        return f"holds rooms or places, no phone numbers ({len(filled):,} cells)"
    if at in KINDS and KINDS[at].address and filled and users:
        cells = (bare(cell).casefold() for cell in table.columns[n])
        own = sum(cell == user.casefold() != "" for cell, user in zip(cells, users, strict=True))
        if 2 * own >= len(filled):
            return (
                f"is people's own user name in {own:,} of {len(filled):,} cells, with which nobody resets a password;"
                f" a mapping that says {at}: {table.header[n]} reads it"
            )
    return ""


def _is_room(cell: str) -> bool:
    digits = sum(c.isdigit() for c in cell)
    letters = sum(c.isalpha() for c in _PHONE_WORDS.sub("", cell))
    return not cell.startswith(("#", "=", "+")) and (digits < _DIGITS_OF_A_PHONE or letters >= _LETTERS_OF_A_ROOM)


def _quoted(table: Table) -> frozenset[int]:
    """Lines that are one quoted cell, the first of several: a spreadsheet saved them as a whole."""
    mark = table.facts.get("delimiter", "")
    if not mark or len(table.columns) < 2:
        return frozenset()
    likely = [n for n, cell in enumerate(table.columns[0]) if mark in cell]
    alone = (n for n in likely if not any(column[n].strip() for column in table.columns[1:]))
    return frozenset(table.lines[n] for n in alone)


def _seen(table: Table, chosen: dict[str, Any]) -> dict[str, Any]:
    """Of the columns that are read: which rows end before them, which cells are not what a person sees, and which were
    calculated.
    """
    places = {at: [n] if isinstance(n, int) else n for at, n in chosen.items()}
    doubts = {at: {k: why for n in ns for k, why in table.doubts.get(n, {}).items()} for at, ns in places.items()}
    formulas = {at: set[int]().union(*(table.formulas.get(n, set()) for n in ns)) for at, ns in places.items()}
    last = max((n for ns in places.values() for n in ns), default=0)
    short = {line: (size, len(table.header)) for line, size in table.short.items() if size <= last}
    return {
        "short": short,
        "cut": table.cut if table.cut in short else 0,
        "doubts": {at: found for at, found in doubts.items() if found},
        "formulas": {at: found for at, found in formulas.items() if found},
    }


def _rows_of_methods(table: Table, user: list[str], by_row: tuple[int, int], chosen: dict[str, int]) -> Rows:
    """A file with a row for each method: each row speaks of one, and of no other."""
    kind, number = by_row
    kinds = [_kind(cell) for cell in table.columns[kind]]
    said = _bare(table.columns[number])
    cells: dict[str, list[str]] = {"user": user, "kind": _bare(table.columns[kind])}
    cells |= {at: _bare(table.columns[n]) for at, n in chosen.items()}
    present = [m for m in KINDS if m in kinds]
    cells |= {m: [text if k == m else "" for k, text in zip(kinds, said, strict=True)] for m in present}
    names = {"user": _user_name(table), "kind": table.header[kind]} | {at: table.header[n] for at, n in chosen.items()}
    names |= dict.fromkeys(present, table.header[number])
    places = chosen | dict.fromkeys(present, number)
    seen = _seen(table, places)
    return Rows(table.lines, cells, names, frozenset(table.beyond), _quoted(table), kinds=kinds, **seen)


def _kind(cell: str) -> str:
    """Which method a row speaks of; "" for none that is known."""
    name = folded(cell)
    return next((m for m in values() if name in (folded(m), *KINDS[m].columns)), "")


def used(names: Iterable[str]) -> set[str]:
    """The columns (folded) that these names, or texts with `{columns}` in them, read."""
    return {folded(name) for said in names for name in (re.findall(r"\{(.+?)\}", said) or [said])}
