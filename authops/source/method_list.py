"""A list of methods that are to go, or states that are to be set: `UPN, Method, Id, Action` → WANTED and PROBLEMS.

A row is one method of one person; `Id` is Graph's, needed where a person may have several of the kind. `Action` is
`remove`, `revoke` (sessions) or `set WORD` (a state). A row with a problem leaves its whole person alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from authops.methods import sign_in_sessions, survivors
from authops.methods.kinds import KINDS
from authops.plan.removals import Ask, Asked, Doubt, Person
from authops.source import columns, table_file, wanted_file
from authops.source.mapping import folded
from authops.source.table import names
from authops.source.wanted import Source
from authops.words.errors import SourceError
from authops.words.frames import PROBLEMS, WANTED, frame
from authops.words.redaction import mask_cell

RULES: Final = {
    "no_user": "the row names no user",
    "ragged_row": "the row has more cells than the header",
    "unknown_method": "the row names no kind of method",
    "no_method_id": "a person may have several of the kind, and the row does not say which",
    "wrong_method_id": "the method has an id that is the same for everybody, and the row says another",
    "unknown_action": "the action is none of remove, revoke and set WORD, or not one for that kind",
    "unknown_word": "the state has no such word",
    "duplicate_row": "the same method of the person stands in more than one row",
    "other_row": "another row of the person has a problem",
    "other_method": "the person has another one of that kind than the row says",
    "unknown_user": "the tenant has no such user",
    "user_unreadable": "the user could not be read, so nothing is known of them",
    "duplicate_user": "two names in the list are one person",
    "methods_unread": "not all of the person could be read or is understood, so nothing of them is taken",
    "sessions_unknown": "since when a person's sessions count is not known, so they are not revoked",
}
RULE: Final = "listed"
_COLUMNS: Final = {
    "user": ("upn", "userprincipalname", "user", "username", "userid", "objectid"),
    "method": ("method", "methodtype", "kind", "type"),
    "id": ("id", "methodid"),
    "action": ("action",),
    "ticket": ("ticket", "ticketnumber", "changenumber"),
}
_NEEDED: Final = ("user", "method", "action")
_METHODS: Final = {folded(word): name for name, kind in KINDS.items() for word in (name, kind.label, kind.report)}
_UNREAD: Final = "not all methods of this person could be read or are understood, so nothing of them is taken"


def read(path: str | Path, *, encoding: str = "auto", delimiter: str = "auto", sheet: str = "") -> Source:
    """Read a CSV file, a workbook or JSON records. Raises `SourceError` when it cannot be used."""
    path = Path(path)
    table = table_file.read(
        path, partial(columns.recognised, means=_COLUMNS), encoding=encoding, delimiter=delimiter, sheet=sheet
    )
    columns.refuse_data(table, path)
    places = _places(table.header, path)
    texts = {at: list(map(columns.bare, table.columns[n])) for at, n in places.items()}
    rows = [{at: column[n] for at, column in texts.items()} | {"line": line} for n, line in enumerate(table.lines)]
    facts = {"path": str(path.resolve()), "digest": wanted_file.digest(path), **table.facts, "rows": len(rows)}
    facts |= {"user column": table.header[places["user"]]}
    return _source(rows, facts, frozenset(table.beyond))


def _places(header: Sequence[str], path: Path) -> dict[str, int]:
    found = columns.meant(header, _COLUMNS, path)
    if lacking := [at for at in _NEEDED if at not in found]:
        said = f"{path} has no column for {' and '.join(lacking)}; its columns are: {names(header)}"
        raise SourceError(said, remedy="name them UPN, Method, Id, Action")
    return found


def _source(rows: Sequence[Mapping[str, Any]], facts: dict[str, Any], ragged: frozenset[int]) -> Source:
    read_ = [(row, *_read(row, ragged)) for row in rows]
    twice = Counter(_slot(one) for _, one, _ in read_ if one)
    found = ((row["line"], fault or _twice(one, twice)) for row, one, fault in read_)
    said = {line: fault for line, fault in found if fault}
    bad = {row["user"].casefold() for row in rows if row["line"] in said}
    others = {row["line"]: ("other_row", "another row of the person has a problem; correct that one")
              for row in rows if row["user"].casefold() in bad}  # fmt: skip
    why = others | said
    faults = [_fault(row, facts, *why[row["line"]]) for row in rows if row["line"] in why]
    good = [one for row, one, _ in read_ if one and row["user"].casefold() not in bad]
    methods = list(dict.fromkeys(one["method"] for one in good))
    return Source(frame(WANTED, good), frame(PROBLEMS, faults), facts | {"methods": methods})


def _slot(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return one["user"].casefold(), one["method"], one["method_id"].casefold()


def _twice(one: Mapping[str, Any], twice: Counter[tuple[str, str, str]]) -> tuple[str, str] | None:
    return ("duplicate_row", "the same method stands in several rows; keep one") if twice[_slot(one)] > 1 else None


def _fault(row: Mapping[str, Any], facts: Mapping[str, Any], rule: str, message: str) -> dict[str, Any]:
    shown = mask_cell(row["user"])
    who = {"line": row["line"], "user": shown, "column": facts["user column"], "value": shown}
    return who | {"rule": rule, "message": message}


def _read(row: Mapping[str, Any], ragged: frozenset[int]) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """(what a row wants, nothing where it has a fault; the fault: rule and message)."""
    method = _METHODS.get(folded(row["method"]), "") if row["method"] else ""
    if not row["user"]:
        return {}, ("no_user", "the row names no user; fill the column or delete the row")
    if row["line"] in ragged:
        return {}, ("ragged_row", "the row has more cells than the header; quote the cell that holds a delimiter")
    if not method:
        return {}, ("unknown_method", f"no kind of method; there is {', '.join(KINDS)}")
    intent, value, fault = _asked(method, row["action"])
    kind, id_ = KINDS[method], str(row.get("id", "")).strip()
    if not fault and kind.many and not id_:
        fault = ("no_method_id", "which of several is not said; write Graph's id of it")
    if not fault and kind.method_id and id_ and id_.casefold() != kind.method_id:
        fault = ("wrong_method_id", f"a {kind.label} has the id {kind.method_id}; leave the cell empty")
    if fault:
        return {}, fault
    which = {"line": row["line"], "user": row["user"], "method": method, "method_id": id_}
    return which | {"intent": intent, "value": value, "overwrite": True, "ticket": row.get("ticket", "")}, None


def _asked(method: str, action: str) -> tuple[str, str, tuple[str, str] | None]:
    """(intent, value, what is wrong)."""
    verb, _, word = action.strip().partition(" ")
    verb, word, kind = verb.casefold(), word.strip(), KINDS[method]
    if verb == "remove" and not word and kind.family != "state":
        return "remove", "", None
    if verb == "revoke" and not word and method == sign_in_sessions.NAME:
        return "set", "", None
    words = {said.casefold(): meant for said, meant in kind.settable}
    if verb == "set" and word and words:
        if word.casefold() in words:
            return "set", words[word.casefold()], None
        there = ", ".join(said for said, _ in kind.settable)
        return "", "", ("unknown_word", f"a {kind.label} cannot be set to that; there is {there}")
    does = "revoke" if method == sign_in_sessions.NAME else f"set {next(iter(words))}" if words else "remove"
    return "", "", ("unknown_action", f"no action for a {kind.label}; write {does}")


def states(source: Source) -> list[str]:
    """The kinds that have to be read by a request of their own, to judge a list."""
    methods = set(source.wanted["method"])
    return [name for name, kind in KINDS.items() if kind.entity and (name in methods or name == "defaultMethod")]


def asked(source: Source, users: pd.DataFrame, people: Sequence[Person], *, allow_last: bool = False) -> Asked:
    """What the rows ask for, of the people they mean (USERS plus `asked`).

    Second factors go only where a way in is left, unless `allow_last`.
    """
    found = Asked()
    ids, by_id = dict(zip(users["asked"].str.casefold(), users["user_id"], strict=True)), _by_id(people)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in cast("list[dict[str, Any]]", source.wanted.to_dict("records")):
        rows[row["user"]].append(row)
    named = Counter(ids[name.casefold()] for name in rows if ids.get(name.casefold()))
    for name, mine in rows.items():
        user = ids.get(name.casefold())
        person = by_id.get(user or "")
        if wrong := _wrong(user, person, mine, named):
            found.doubts.append(Doubt(mask_cell(name), RULE, *wrong, mine[0]["line"]))
        elif person is not None and user:
            found.asks[user] = [_ask(row, person, allow_last=allow_last) for row in mine]
    return found


def _by_id(people: Sequence[Person]) -> dict[str, Person]:
    return {str(person.row["user_id"]): person for person in people}


def _wrong(
    user: str | None, person: Person | None, rows: Sequence[Mapping[str, Any]], named: Counter[str]
) -> tuple[str, str] | None:
    if user is None:
        return "unknown_user", "the tenant has no such user; correct the name or delete the row"
    if not user or person is None:
        return "user_unreadable", "the user is not in scope, or could not be read; nothing is known of them"
    if named[user] > 1:
        return "duplicate_user", "two names in the list are this person; keep one"
    if not person.known:
        return "methods_unread", _UNREAD
    for row in rows:
        there = {str(one["method_id"]).casefold() for one in person.of([row["method"]])}
        mine = str(row["method_id"]).casefold()
        if mine and there and mine not in there and not KINDS[row["method"]].many:
            return "other_method", f"there is another {KINDS[row['method']].label} than the one in the list"
        if row["method"] == sign_in_sessions.NAME and sign_in_sessions.moment(person.row["sessions_from"]) is None:
            return "sessions_unknown", "since when sessions of this person count is not known, so they are not revoked"
    return None


def _ask(row: Mapping[str, Any], person: Person, *, allow_last: bool) -> Ask:
    method, value = str(row["method"]), str(row["value"])
    if method == sign_in_sessions.NAME:
        value = sign_in_sessions.revoked(str(person.row["sessions_from"]))
    ends_mfa = method == "perUserMfaState" and value == "disabled"
    kept = row["intent"] == "remove" and KINDS[method].factor and not allow_last
    condition = survivors.COVERED if ends_mfa else survivors.SURVIVOR if kept else ""
    which = str(row["method_id"]) if KINDS[method].many else ""
    return Ask(method, which, RULE, value, condition, int(row["line"]), str(row["ticket"]))
