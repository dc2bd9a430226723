"""A file of wanted values → WANTED and PROBLEMS. Every row is accounted for exactly once.

The format is the seed script's: `UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval`, plus `Email`.
A column that is missing is not considered at all; a blank cell is. A row with a problem leaves its whole user alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

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
    "number_masked": "the number is masked",
    "no_country_code": "the number has no country code and no default region is set",
    "extension_not_allowed": "only an office phone may have an extension",
    "impossible_number": "too few or too many digits for the country",
    "invalid_number": "read in the default region, the country gives out no such number",
    "unknown_user": "the tenant has no such user",
    "user_unreadable": "the user could not be read, so nothing is known of them",
}
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
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


def read(path: str | Path, *, default_region: str = "") -> Source:
    """Read a CSV file of wanted values. Raises `SourceError` when it cannot be used at all.

    `default_region`: two-letter country for numbers without a country code; "" refuses those.
    """
    if not str(path):
        raise SourceError("no source named", remedy="name the CSV file in parameter `source`")
    path = Path(path)
    data = _bytes(path)
    text, encoding = _decode(data, path)
    columns, rows, header, delimiter = _table(text, path)
    wanted, problems = _judge(rows, columns, header, default_region)
    used = {header[i] for i in columns.values()}
    facts = {
        "path": str(path.resolve()),
        "digest": hashlib.sha256(data).hexdigest(),
        "encoding": encoding,
        "delimiter": delimiter,
        "rows": len(rows),
        "columns": [header[i] for i in columns.values()],
        "ignored_columns": [name for name in header if name and name not in used],
        "methods": [m for m in _SETTABLE if m in columns],
        "default_region": default_region,
    }
    return Source(frame(WANTED, wanted), frame(PROBLEMS, problems), facts)


def pick(path: str | Path, lines: set[int]) -> str:
    """The header and those rows of a source file, as CSV text: the next input. Line numbers as in PROBLEMS."""
    text, _ = _decode(_bytes(Path(path)), Path(path))
    _, rows, header, delimiter = _table(text, Path(path))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(row.raw for row in rows if row.line in lines)
    return out.getvalue()


def digest(path: str | Path) -> str:
    """SHA-256 of the file, "" when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise SourceError(f"{path} is a directory", remedy="name the CSV file in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", remedy="check parameter `source`") from error
    if not data.strip():
        raise SourceError(f"{path} is empty", remedy="export it again")
    return data


def _decode(data: bytes, path: Path) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _try_decode(data, "utf-16", path), "utf-16"
    if b"\0" in data:
        raise SourceError(f"{path} is not a text file", remedy="save the sheet as CSV (UTF-8)")
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return _try_decode(data, "cp1252", path), "cp1252"


def _try_decode(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is neither UTF-8, UTF-16 nor Windows-1252 text", remedy="save the sheet as CSV (UTF-8)"
        ) from error


def _table(text: str, path: Path) -> tuple[dict[str, int], list[_Row], list[str], str]:
    lines = io.StringIO(text, newline="")
    start = 1
    for first in lines:
        if first.strip():
            break
        start += 1
    delimiter = max(",;\t|", key=lambda d: len(_columns(_header(first, d), path, strict=False)))
    header = _header(first, delimiter)
    columns = _columns(header, path, strict=True)
    return columns, list(_rows(lines, start, header, columns, delimiter, path)), header, delimiter


def _header(line: str, delimiter: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]


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


def _rows(
    lines: Iterator[str], start: int, header: list[str], columns: dict[str, int], delimiter: str, path: Path
) -> Iterator[_Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = start + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                named = {f: cells[i].strip() if i < len(cells) else "" for f, i in columns.items()}
                yield _Row(line, named, tuple(cells), len(header))
            line = start + reader.line_num + 1
    except csv.Error as error:
        raise SourceError(f"{path}, from line {line}: {error}", remedy="look for a quote that is not closed") from error


def _judge(
    rows: list[_Row], columns: dict[str, int], header: list[str], region: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    often = Counter(row.user.casefold() for row in rows)
    wanted: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    spelled: dict[tuple[str, str], str | PhoneProblem] = {}
    for row in rows:
        try:
            _refuse_row(row, often)
            wanted += _wants(row, columns, region, spelled)
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
    row: _Row, columns: dict[str, int], region: str, spelled: dict[tuple[str, str], str | PhoneProblem]
) -> list[dict[str, Any]]:
    overwrite, remove = _flag(row, "overwrite"), _flag(row, "remove")
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


def _flag(row: _Row, field: str) -> bool:
    text = row.cells.get(field, "")
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
