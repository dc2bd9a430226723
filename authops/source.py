"""A file of wanted values → WANTED and PROBLEMS. Every row is accounted for exactly once.

The format is the seed script's: `UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval`, plus `Email`.
A column that is missing is not considered at all; a blank cell is. A row with a problem leaves its whole user alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops import table_file
from authops.errors import SourceError
from authops.frames import PROBLEMS, WANTED, frame
from authops.phone import PhoneProblem, doubt, mask, normalise

ALIASES: Final = {
    "user": ("upn", "userprincipalname", "user", "username", "id", "userid", "objectid"),
    "mobile": ("mobile", "mobilephone"),
    "alternateMobile": ("alternatemobile", "alternatemobilephone"),
    "office": ("officephone", "office"),
    "email": ("email", "emailaddress", "alternateemail"),
    "overwrite": ("forcedupdate",),
    "remove": ("forcedremoval",),
}
RULES: Final = {
    "bad_flag": "a flag is neither TRUE/FALSE, 1/0 nor yes/no",
    "no_user": "the row names no user",
    "duplicate_user": "the user stands in more than one row",
    "ragged_row": "the row has more cells than the header",
    "not_an_address": "the e-mail address cannot be one",
    "not_a_number": "the text cannot be read as a number",
    "number_mangled": "a spreadsheet turned the number into 1.23E+10",
    "plus_lost": "a spreadsheet took the + away: the digits begin with a country code",
    "number_masked": "the number is masked",
    "no_country_code": "the number has no country code and no default region is set",
    "extension_not_allowed": "only an office phone may have an extension",
    "impossible_number": "too few or too many digits for the country",
    "invalid_number": "read in the default region, the country gives out no such number",
    "unknown_user": "the tenant has no such user",
    "user_unreadable": "the user could not be read, so nothing is known of them",
}
# Numbers of 555 01xx and the Dutch 06 1234 range: given to nobody. The last column is a comment: it is ignored.
TEMPLATE: Final = """\
UPN,Mobile,AlternateMobile,OfficePhone,Email,ForcedUpdate,ForcedRemoval,Remark
frida@contoso.example,'+31 612345678,,,,,,a first mobile; the ' keeps Excel from taking the + away
gus@contoso.example,'+31 612345679,'+31 612345680,,,,,mobile and alternate mobile
hana@contoso.example,,,'+1 2065550100x12,,,,an office phone with extension
ida@contoso.example,'+31 612345681,,,,TRUE,,another number takes the place of the present one
jan@contoso.example,,,,,,TRUE,what is blank is removed
kim@contoso.example,,,,kim@mail.example,,,an address for password reset
"""
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SETTABLE: Final = ("mobile", "alternateMobile", "office", "email")


@dataclass(frozen=True)
class Source:
    """What a file said: WANTED rows, PROBLEMS rows, and `facts` about how it was read (path, digest, rows, …)."""

    wanted: pd.DataFrame
    problems: pd.DataFrame
    facts: dict[str, Any]

    @property
    def methods(self) -> list[str]:
        """The methods the file has a column for."""
        return list(self.facts["methods"])

    @property
    def removes(self) -> bool:
        """Whether any row asks for a removal."""
        return bool(self.wanted["intent"].eq("remove").any())


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]
    raw: tuple[str, ...]
    width: int

    @property
    def user(self) -> str:
        return self.cells["user"]

    @property
    def ragged(self) -> bool:
        return any(cell.strip() for cell in self.raw[self.width :])


class _RowProblem(Exception):
    def __init__(self, field: str, rule: str, message: str) -> None:
        super().__init__(message)
        self.field, self.rule = field, rule


def read(
    path: str | Path,
    *,
    default_region: str = "",
    on_existing: str = "keep",
    on_blank: str = "keep",
    encoding: str = "auto",
    delimiter: str = "auto",
    sheet: str = "",
) -> Source:
    """Read a CSV file or Excel workbook of wanted values. Raises `SourceError` when it cannot be used at all.

    `default_region`: two-letter country for numbers without a country code; "" refuses those. `on_existing` (keep,
    update) and `on_blank` (keep, remove) are for rows whose own flag is blank or missing.
    """
    if not str(path):
        raise SourceError("no source named", remedy="name the file in parameter `source`")
    path = Path(path)
    table = table_file.read(path, _known, encoding=encoding, delimiter=delimiter, sheet=sheet)
    columns = _columns(table.header, path, strict=True)
    rows = [_row(line, cells, columns, len(table.header)) for line, cells in table.rows]
    defaults = {"overwrite": on_existing == "update", "remove": on_blank == "remove"}
    wanted, problems = _judge(rows, columns, table.header, default_region, defaults)
    used = {table.header[i] for i in columns.values()}
    facts = {
        "path": str(path.resolve()),
        "digest": digest(path),
        **table.facts,
        "rows": len(rows),
        "columns": [table.header[i] for i in columns.values()],
        "ignored_columns": [name for name in table.header if name and name not in used],
        "methods": [m for m in _SETTABLE if m in columns],
        "default_region": default_region,
        "on_existing": on_existing,
        "on_blank": on_blank,
    }
    return Source(_shared(frame(WANTED, wanted)), frame(PROBLEMS, problems), facts)


def _known(header: list[str]) -> int:
    return len(_columns(header, Path(), strict=False))


def _row(line: int, cells: list[str], columns: dict[str, int], width: int) -> _Row:
    named = {f: cells[i].strip() if i < len(cells) else "" for f, i in columns.items()}
    return _Row(line, named, tuple(cells), width)


def _shared(wanted: pd.DataFrame) -> pd.DataFrame:
    """Notes on numbers that several users would get, and on an alternate that is the mobile once more."""
    numbers = wanted[(wanted["intent"] == "set") & (wanted["method"] != "email")]
    users = numbers.groupby("value")["user"].nunique()
    many = wanted["value"].map(users).fillna(0) > 1
    twice = numbers.duplicated(["line", "user", "value"], keep=False).reindex(wanted.index, fill_value=False)
    notes = wanted["note"].where(~many, _joined(wanted["note"], "the same number for several users of this file"))
    return wanted.assign(note=notes.where(~twice, _joined(notes, "the same number twice for one user")))


def _joined(notes: pd.Series[str], more: str) -> pd.Series[str]:
    return notes.map(lambda note: f"{note}; {more}" if note else more)


def pick(path: str | Path, lines: set[int], facts: Mapping[str, Any]) -> str:
    """The header and those rows of a source file, as CSV text: the next input. Line numbers as in PROBLEMS.

    `facts`: how the file was read (`Source.facts`).
    """
    names = {mark: name for name, mark in table_file.DELIMITERS.items()}
    how = {"delimiter": names[facts.get("delimiter", "")], "sheet": facts.get("sheet", "")}
    table = table_file.read(Path(path), _known, encoding=facts.get("encoding", "auto"), **how)
    return table_file.write(table, lines)


def digest(path: str | Path) -> str:
    """SHA-256 of the file, "" when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _columns(header: list[str], path: Path, *, strict: bool) -> dict[str, int]:
    """Field → position in the header."""
    found: dict[str, int] = {}
    for position, name in enumerate(header):
        folded = "".join(c for c in name.lower() if c.isalnum())
        field = next((f for f, names in ALIASES.items() if folded in names), None)
        if field and field in found and strict:
            raise SourceError(f"{path}: columns {header[found[field]]!r} and {name!r} both mean {field}")
        if field:
            found.setdefault(field, position)
    if strict and "user" not in found:
        raise SourceError(
            f"{path} has no user column; its columns are: {', '.join(h for h in header if h)[:200]}",
            remedy="name the column UPN (or UserPrincipalName, Id)",
        )
    if strict and not any(m in found for m in _SETTABLE):
        raise SourceError(f"{path} has no method column", remedy="add Mobile, AlternateMobile, OfficePhone or Email")
    return found


def _judge(
    rows: list[_Row], columns: dict[str, int], header: list[str], region: str, defaults: dict[str, bool]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    often = Counter(row.user.casefold() for row in rows)
    wanted: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    spelled: dict[tuple[str, str], str | PhoneProblem] = {}
    for row in rows:
        try:
            _refuse_row(row, often)
            wanted += _wants(row, columns, region, spelled, defaults)
        except _RowProblem as problem:
            column = header[columns[problem.field]] if problem.field in columns else ""
            problems.append(
                {
                    "line": row.line,
                    "user": row.user,
                    "column": column,
                    "value": _masked(row, problem.field),
                    "rule": problem.rule,
                    "message": str(problem),
                }
            )
    return wanted, problems


def _masked(row: _Row, field: str) -> str:
    value = row.cells.get(field, "")
    return mask(value) if field in _SETTABLE else value


def _refuse_row(row: _Row, often: Counter[str]) -> None:
    if not row.user:
        raise _RowProblem("user", "no_user", "the row names no user; fill the column or delete the row")
    if row.ragged:
        raise _RowProblem(
            "", "ragged_row", "more cells than the header; put quotes around values that hold a delimiter"
        )
    if often[row.user.casefold()] > 1:
        raise _RowProblem("user", "duplicate_user", "the user stands in more than one row; keep the right one")


def _wants(
    row: _Row,
    columns: dict[str, int],
    region: str,
    spelled: dict[tuple[str, str], str | PhoneProblem],
    defaults: dict[str, bool],
) -> list[dict[str, Any]]:
    overwrite, remove = _flag(row, "overwrite", defaults), _flag(row, "remove", defaults)
    wants = []
    for method in _SETTABLE:
        if method in columns:
            text = row.cells[method]
            value = _value(text, method, region, spelled) if text else ""
            intent = "set" if value else ("remove" if remove else "leave")
            wants.append(
                {
                    "line": row.line,
                    "user": row.user,
                    "method": method,
                    "intent": intent,
                    "value": value,
                    "overwrite": overwrite,
                    "note": doubt(value) if value and method != "email" else "",
                }
            )
    return wants


def _flag(row: _Row, field: str, defaults: dict[str, bool]) -> bool:
    text = row.cells.get(field, "")
    if not text:
        return defaults[field]
    if text.lower() not in _FLAGS:
        raise _RowProblem(field, "bad_flag", f"{text[:20]!r} is not a flag; write TRUE or FALSE")
    return _FLAGS[text.lower()]


def _value(text: str, method: str, region: str, spelled: dict[tuple[str, str], str | PhoneProblem]) -> str:
    if method == "email":
        return _address(text)
    key = (text, "office" if method == "office" else "mobile")
    if key not in spelled:
        try:
            spelled[key] = normalise(text, region=region, method=key[1])
        except PhoneProblem as problem:
            spelled[key] = problem
    found = spelled[key]
    if isinstance(found, PhoneProblem):
        raise _RowProblem(method, found.rule, f"{found}; correct the number")
    return found


def _address(text: str) -> str:
    local, at, domain = text.partition("@")
    if not (local and at and "." in domain.strip(".")) or any(c.isspace() or c in ",;@" for c in local + domain):
        raise _RowProblem("email", "not_an_address", "not an e-mail address; correct it")
    return text
