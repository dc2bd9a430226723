"""Rows of a source → WANTED and PROBLEMS: people, flags, values. Nothing here knows where the rows come from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from authops.methods.kinds import KINDS, numbers, values
from authops.phone.column import AS_ITS_COLUMN
from authops.phone.numbering import calling_code
from authops.phone.spelling import PhoneProblem
from authops.plan.notes import add as add_note
from authops.source import countries
from authops.source.rows import Faults, Rows
from authops.words.errors import ParameterError
from authops.words.frames import USERS, WANTED, columns, empty
from authops.words.uncollected import uncollected

RULES: Final = {
    "bad_flag": "a flag is neither TRUE/FALSE, 1/0 nor yes/no",
    "no_user": "the row names no user",
    "duplicate_user": "the user stands in more than one row, and the rows differ",
    "duplicate_row": "the user stands in more than one row, and the rows say the same",
    "ragged_row": "the row has more cells than the header",
    "short_row": "the row ends before its columns: the file was cut off in it, or what is missing would be removed",
    "quoted_row": "the whole line is one quoted cell",
    "shown_otherwise": "the sheet shows another value than the cell holds",
    "calculated": "the cell was calculated by a formula, and `formulas` refuses those",
    "unknown_country": "the country that the row's national number is to be read in is not known",
    "unknown_method": "in a file with a row for each method, the row names none",
    "other_row": "in a file with a row for each method, another row of the person has a problem",
    "not_an_address": "the e-mail address cannot be one",
    "not_a_number": "the text cannot be read as a number",
    "number_mangled": "a spreadsheet turned the number into 1.23E+10",
    "plus_lost": "the digits begin with a country code; a spreadsheet may have taken the + away",
    "two_readings": "the same characters can be two numbers: a code that stands there twice, an exit code, a zero",
    "number_masked": "the number is masked",
    "no_country_code": "the number has no country code and no default region is set",
    "extension_not_allowed": "only an office phone may have an extension",
    "short_number": "a short number, as emergency and information services have",
    "premium_number": "a premium-rate number",
    "impossible_number": "too few or too many digits for the country",
    "invalid_number": "read in the default region, the country gives out no such number",
    "unknown_user": "the tenant has no such user",
    "user_differs": "the object id is one person's, and the name beside it another's",
    "ambiguous_user": "more than one person has this address",
    "methods_unread": "not all of the person could be read or is understood, so no rule takes anything of them",
    "last_sign_in_unknown": "when somebody signed in last with a disabled account is not known",
    "sessions_elsewhere": "the person signs in through another organisation, which alone can revoke sessions",
    "sessions_unknown": "since when a person's sessions count is not known, so they are not revoked",
    "coverage_unknown": "whether a Conditional Access policy asks the person for multifactor sign-in is not known",
    "user_unreadable": "the user could not be read, so nothing is known of them",
}
_PLACE: Final = re.compile(r"\{.+?\}")
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SHARED: Final = "the same number for several users of this source"
_NO_COUNTRY: Final = "no country that is known, so the row's national number cannot be read; write its two letters"
_QUOTED: Final = "the whole line is one quoted cell; take away the quotes around it"
_COMPLETE: Final = "complete the line, or export the file again"
_CALCULATED: Final = "calculated by a formula, and nobody can tell whether it still gives that; write the value as text"


@dataclass(frozen=True)
class Source:
    """What a source said: WANTED rows, PROBLEMS rows, and `facts` about how it was read (path, digest, rows, …).

    `users`: USERS plus `asked` and `error` when the source is the directory itself, else empty. `beside`: object id →
    the name that the source has beside it.
    """

    wanted: pd.DataFrame
    problems: pd.DataFrame
    facts: dict[str, Any]
    users: pd.DataFrame = field(default_factory=lambda: empty(USERS))
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """The methods the source has a column for."""
        return list(self.facts["methods"])

    @property
    def people(self) -> list[str]:
        """Whom to look up: also those of rows with a problem, for another row may mean them by their other name."""
        named = [*self.wanted["user"].unique(), *self.problems["user"].unique()]
        return [name for name in dict.fromkeys(named) if name and "*" not in name]

    @property
    def removes(self) -> bool:
        """Whether any row asks for a removal."""
        return bool(self.wanted["intent"].eq("remove").any())


@uncollected()
def to_wanted(
    rows: Rows,
    *,
    default_region: str = "",
    on_existing: str = "keep",
    on_blank: str = "keep",
    ticket: str = "",
    formulas: str = "read",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows → WANTED and PROBLEMS (see `read`). Raises `ParameterError` for a region that is no country."""
    if default_region and not calling_code(default_region):
        meant = countries.code(default_region) or "NL"
        raise ParameterError(f"default_region {default_region!r} is no country", remedy=f"two letters, such as {meant}")
    faults = Faults(rows)
    _judge_lines(rows, faults)
    _judge_people(rows, faults)
    _judge_cells(rows, formulas, faults)
    overwrite = _flags(rows, "overwrite", on_existing == "update", faults)
    remove = _flags(rows, "remove", on_blank == "remove", faults)
    _judge_short(rows, remove, faults)
    regions = _regions(rows, default_region)
    read_ = {m: _values(rows, m, regions, faults) for m in rows.methods}
    _judge_kinds(rows, faults)
    good = np.array([n for n in range(len(rows.lines)) if n not in faults.found], dtype=np.intp)
    tickets = [t or ticket for t in rows.cells["ticket"]] if "ticket" in rows.cells else [ticket] * len(rows.lines)
    many = len(read_)
    value, note = (_flat([found[part] for found in read_.values()], good) for part in (0, 1))
    blank = np.repeat(np.where(np.array(remove, dtype=bool)[good], "remove", "leave"), many)
    wanted = columns(
        WANTED,
        line=np.repeat(np.array(rows.lines, dtype=np.int64)[good], many),
        user=_repeated(rows.cells["user"], good, many),
        method=np.tile(np.array(list(read_), dtype=object), len(good)),
        intent=np.where(value != "", "set", blank),
        value=value,
        overwrite=np.repeat(np.array(overwrite, dtype=bool)[good], many),
        note=note,
        ticket=_repeated(tickets, good, many),
    )
    return _shared(_spoken_of(wanted, rows, good)), faults.frame()


def _spoken_of(wanted: pd.DataFrame, rows: Rows, good: Any) -> pd.DataFrame:
    """Of a file with a row for each method: each row is about its own method only."""
    if not rows.kinds:
        return wanted
    own = _repeated(rows.kinds, good, len(rows.methods))
    spoken_of: pd.DataFrame = wanted[wanted["method"].to_numpy() == own]
    return spoken_of.reset_index(drop=True)


def _flat(parts: Sequence[list[str]], good: Any) -> Any:
    """One list per method → the good rows' texts, row by row."""
    texts = np.empty((len(good), len(parts)), dtype=object)
    for number, part in enumerate(parts):
        texts[:, number] = [part[n] for n in good]
    return texts.ravel()


def _repeated(texts: Sequence[str], good: Any, times: int) -> Any:
    chosen = np.empty(len(good), dtype=object)
    chosen[:] = [texts[n] for n in good]
    return np.repeat(chosen, times)


def _judge_lines(rows: Rows, faults: Faults) -> None:
    for position, line in enumerate(rows.lines if rows.quoted or rows.ragged else ()):
        if line in rows.quoted:
            faults.add(position, "", "quoted_row", _QUOTED)
        if line in rows.ragged:
            message = "more cells than the header; put quotes around values that hold a delimiter"
            faults.add(position, "", "ragged_row", message)


def _judge_short(rows: Rows, remove: Sequence[bool], faults: Faults) -> None:
    """Rows that end before their columns: what is missing is no blank that removes, and half a number is none."""
    places = {line: position for position, line in enumerate(rows.lines)} if rows.short else {}
    for line, (size, wide) in rows.short.items():
        position = places.get(line, -1)
        if position >= 0 and line == rows.cut:
            faults.add(position, "", "short_row", f"has {size} of {wide} cells, and the file ends in it; {_COMPLETE}")
        elif position >= 0 and remove[position] and _says_less(rows, position):
            said = f"has {size} of {wide} cells, and what is missing is no blank that removes; {_COMPLETE}"
            faults.add(position, "", "short_row", said)


def _says_less(rows: Rows, position: int) -> bool:
    """Whether any method that a row speaks of is blank in it."""
    spoken_of = rows.kinds[position : position + 1] if rows.kinds else rows.methods
    return not all(rows.cells[method][position] for method in spoken_of if method)


def _judge_people(rows: Rows, faults: Faults) -> None:
    first: dict[Any, int] = {}
    twins: dict[int, list[int]] = defaultdict(list)
    names = [user.casefold() for user in rows.cells["user"]]
    for position, user in enumerate(zip(names, rows.kinds, strict=True) if rows.kinds else names):
        if not names[position]:
            faults.add(position, "user", "no_user", "the row names no user; fill the column or delete the row")
        elif (seen := first.setdefault(user, position)) != position:
            twins[seen].append(position)
    for seen, others in twins.items():
        _judge_twins(rows, [seen, *others], faults)


def _judge_cells(rows: Rows, formulas: str, faults: Faults) -> None:
    """Cells that are not what a person sees, and calculated ones where these are refused."""
    refused = {at: dict.fromkeys(found, _CALCULATED) for at, found in rows.formulas.items()}
    for rule, found in (("shown_otherwise", rows.doubts), ("calculated", refused if formulas == "refuse" else {})):
        for at, why in found.items():
            for position in (n for n, line in enumerate(rows.lines) if line in why and at != "ticket"):
                faults.add(position, at, rule, why[rows.lines[position]])


def _judge_kinds(rows: Rows, faults: Faults) -> None:
    """Of a file with a row for each method: a row that is wrong holds the other rows of its person, too."""
    for position, kind in enumerate(rows.kinds):
        if not kind:
            said = f"names no method; write one of {', '.join(values())}"
            faults.add(position, "kind", "unknown_method", said)
    wrong = {rows.cells["user"][n].casefold(): rows.lines[n] for n in sorted(faults.found, reverse=True)}
    for position, user in enumerate(rows.cells["user"] if rows.kinds else ()):
        if line := wrong.get(user.casefold()):
            said = f"another row of this person has a problem (line {line:,}); correct that one"
            faults.add(position, "user", "other_row", said)


def _judge_twins(rows: Rows, same: list[int], faults: Faults) -> None:
    """Rows of one user: nobody can tell which of them is meant, unless they are one and the same."""
    said = {tuple(texts[n].casefold() for texts in rows.cells.values()) for n in same}
    lines = ", ".join(f"{rows.lines[n]:,}" for n in same[:5]) + (" …" if len(same) > 5 else "")
    rule, which = (
        ("duplicate_row", "say the same; keep one")
        if len(said) == 1
        else ("duplicate_user", "differ; keep the right one")
    )
    for position in same:
        faults.add(position, "user", rule, f"the user stands in lines {lines}, which {which}")


def _flags(rows: Rows, at: str, default: bool, faults: Faults) -> list[bool]:
    if at not in rows.cells:
        return [default] * len(rows.lines)
    meaning = {text: default if not text else _FLAGS.get(text.lower()) for text in set(rows.cells[at])}
    for position, text in enumerate(rows.cells[at]):
        if meaning[text] is None:
            faults.add(position, at, "bad_flag", "not a flag; write TRUE or FALSE, in English")
    return [bool(meaning[text]) for text in rows.cells[at]]


def _regions(rows: Rows, default: str) -> Sequence[str]:
    """The country each row's national numbers are read in; a country that nobody knows reads none."""
    if "region" not in rows.cells:
        return [default.upper()] * len(rows.lines)
    known = {text: countries.code(text) if text else default.upper() for text in set(rows.cells["region"])}
    return [known[text] for text in rows.cells["region"]]


def _values(rows: Rows, method: str, regions: Sequence[str], faults: Faults) -> tuple[list[str], list[str]]:
    """(values, notes) of one method; "" for a blank cell and for one that is wrong."""
    values, notes = [""] * len(rows.lines), [""] * len(rows.lines)
    filled = [position for position, text in enumerate(rows.cells[method]) if text]
    texts = [rows.cells[method][n] for n in filled]
    # A country code from a column of its own is an assumption.
    joined = len(_PLACE.findall(rows.names.get(method, ""))) > 1
    read_ = KINDS[method].parse(texts, [regions[n] for n in filled], joined)
    for position, found in zip(filled, read_, strict=True):
        if not isinstance(found, PhoneProblem):
            values[position], notes[position] = found.value, found.note
            continue
        if found.rule == "no_country_code" and "region" in rows.cells and rows.cells["region"][position]:
            faults.add(position, "region", "unknown_country", _NO_COUNTRY)
        faults.add(position, method, found.rule, f"{found}; {found.remedy}")
    return values, notes


def as_their_column(wanted: pd.DataFrame) -> dict[str, int]:
    """A fact about how numbers were read: how many were read as the rest of their column, if any."""
    count = int(wanted["note"].str.contains(AS_ITS_COLUMN, regex=False).sum())
    return {"numbers read as the rest of their column": count} if count else {}


def _shared(wanted: pd.DataFrame) -> pd.DataFrame:
    """Notes on numbers that several users would get."""
    held = wanted[(wanted["intent"] == "set") & wanted["method"].isin(numbers())]
    often = held[held.duplicated("value", keep=False)]
    users = often.groupby("value")["user"].nunique()
    many = often.index[often["value"].map(users) > 1]
    add_note(wanted, wanted.index.get_indexer(many), _SHARED)
    return wanted
