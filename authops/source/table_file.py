"""A file → header and columns of text, with how it was read: CSV in its usual dialects, Excel workbooks, JSON records.

What is detected is said; where two readings are possible the choices are named, and a parameter decides.
"""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from authops.words.errors import SourceError

ENCODINGS: Final = ("auto", "utf-8", "utf-16", "cp1252")
DELIMITERS: Final = {"auto": "", "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_FORMULA_TEXT: Final = re.compile(r'="([^"]*)"')
_SEPARATOR: Final = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SHORTENED: Final = re.compile(r"0[0-9]+|[0-9]{12,}")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z0-9:]+)"')
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ABOVE: Final = 20
_DIGITS: Final = tuple("0123456789")
_ENVELOPES: Final = ("result", "value", "records", "data", "items")
_CHUNK: Final = 20_000
_FLAG_LIKE: Final = 6
Recognise = Callable[[Sequence[str]], int]
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Table:
    """What a file holds. `lines`: where each row stands, blank rows left out; `columns`: one list of cells per name.

    `beyond`: line → the cells that stand outside the header. `facts`: encoding and delimiter, sheet, or format.
    """

    header: list[str]
    lines: list[int]
    columns: list[list[str]]
    beyond: dict[int, list[str]]
    facts: dict[str, str]

    def row(self, position: int) -> list[str]:
        """The cells of one row, also those outside the header."""
        return [column[position] for column in self.columns] + self.beyond.get(self.lines[position], [])


def read(
    path: Path, recognise: Recognise, *, encoding: str = "auto", delimiter: str = "auto", sheet: str = ""
) -> Table:
    """Read a CSV file, an `.xlsx` workbook or JSON records. `recognise` tells how many columns of a header are known.

    Raises `SourceError` when the file cannot be read, or in two ways.
    """
    data = content(path)
    if data.startswith(_OLD_EXCEL):
        raise SourceError(
            f"{path} is an old Excel workbook (.xls), or one with a password",
            remedy="save it as .xlsx without a password, or as CSV (UTF-8)",
        )
    if zipfile.is_zipfile(io.BytesIO(data)):
        return _workbook(data, path, recognise, sheet)
    text, found = _decode(data, path, encoding)
    if path.suffix.lower() == ".json":
        return _records(text, path, {"encoding": found, "format": "JSON records"})
    return _csv(text, path, recognise, DELIMITERS[delimiter], {"encoding": found})


def content(path: Path) -> bytes:
    """The bytes of a file that is there and not empty."""
    if path.is_dir():
        raise SourceError(f"{path} is a directory", remedy="name the CSV file in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", remedy="check parameter `source`") from error
    if not data.strip():
        raise SourceError(f"{path} is empty", remedy="export it again")
    return data


def header_below(table: Table, recognise: Recognise) -> int:
    """The line of a row near the top that would be a header, had it stood first; 0 for none."""
    for position, line in enumerate(table.lines[:_ABOVE]):
        cells = table.row(position)
        text = " ".join(table.facts.get("delimiter", ",").join(cells).splitlines())
        if max(recognise(names) for names in (cells, *(_header(text, mark) for mark in ",;\t|"))) > 1:
            return line
    return 0


def write(table: Table, lines: set[int]) -> str:
    """The header and some rows as CSV that runs nothing in a spreadsheet, and that `read` reads again."""
    rows = (table.row(position) for position, line in enumerate(table.lines) if line in lines)
    return safe_csv(table.header, rows, delimiter=table.facts.get("delimiter", ","))


def safe_csv(header: Iterable[str], rows: Iterable[Iterable[Any]], *, delimiter: str = ",") -> str:
    """CSV that a spreadsheet opens without running anything.

    A cell that it would take for a formula, or digits that it would shorten, get an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([spreadsheet_safe(name) for name in header])
    writer.writerows([_whole(spreadsheet_safe(str(cell))) for cell in cells] for cells in rows)
    return out.getvalue()


def spreadsheet_safe(cell: str) -> str:
    """A text as a cell that a spreadsheet shows and never runs: with an apostrophe where it could be a formula.

    A carriage return alone, which the csv module puts in no quotes, would begin a row: it becomes a line feed. A zero
    byte would make the file no text.
    """
    cell = cell.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return f"'{cell}" if cell.startswith(_DANGEROUS) or cell.lstrip().startswith(_DANGEROUS) else cell


def _whole(cell: str) -> str:
    return f"'{cell}" if _SHORTENED.fullmatch(cell) else cell


def _clean(cell: str) -> str:
    """A cell without what spreadsheets put around text: `="+31…"`, a leading apostrophe."""
    if cell[:1] not in ("=", "'", " "):
        return cell
    formula = _FORMULA_TEXT.fullmatch(cell.strip())
    text = formula[1] if formula else cell
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith((*_DANGEROUS, *_DIGITS)) else text


def _decode(data: bytes, path: Path, encoding: str) -> tuple[str, str]:
    if encoding != "auto":
        return _decoded(data, encoding, path), encoding
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(data, "utf-16", path), "utf-16"
    if b"\0" in data:
        wide = _wide(data)
        if not wide:
            line = data[: data.index(b"\0")].count(b"\n") + 1
            raise SourceError(
                f"{path} is not a text file (a zero byte in line {line:,})", remedy="save the sheet as CSV (UTF-8)"
            )
        return _decoded(data, wide, path), wide
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return _decoded(data, "cp1252", path), "cp1252"


def _wide(data: bytes) -> str:
    """UTF-16 without a byte order mark: every second byte of mostly Latin text is zero."""
    head = data[:2000]
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / max(len(head[1::2]), 1)
    return "utf-16-le" if odd > 0.7 and even < 0.1 else "utf-16-be" if even > 0.7 and odd < 0.1 else ""


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is not {encoding} text (byte {error.start:,})",
            remedy="save the sheet as CSV (UTF-8), or name its encoding in parameter `encoding`",
        ) from error


def _table(header: list[str], rows: Iterable[Row], facts: dict[str, str]) -> Table:
    """Rows → columns, some thousand at a time: a million rows never stand there as lists of their own."""
    names = [_clean(name).strip() for name in header]
    wide = len(names)
    lines: list[int] = []
    columns: list[list[str]] = [[] for _ in names]
    beyond: dict[int, list[str]] = {}
    known: dict[str, str] = {}
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        lines += [line for line, _ in chunk]
        beyond |= {line: cells[wide:] for line, cells in chunk if any(cell.strip() for cell in cells[wide:])}
        even = (cells[:wide] + [""] * (wide - len(cells)) for _, cells in chunk)
        for column, cells in zip(columns, zip(*even, strict=True), strict=True):
            column += [
                _clean(cell) if len(cell) > _FLAG_LIKE else known.setdefault(cell, _clean(cell)) for cell in cells
            ]
    return Table(names, lines, columns, beyond, facts)


def _csv(text: str, path: Path, recognise: Recognise, delimiter: str, facts: dict[str, str]) -> Table:
    lines = io.StringIO(text, newline="")
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    start, first = next(filled, (0, ""))
    if said := _SEPARATOR.fullmatch(first):
        delimiter = delimiter or said[1]
        start, first = next(filled, (0, ""))
    if not first:
        raise SourceError(f"{path} is empty", remedy="export it again")
    delimiter = delimiter or _delimiter(first, path, recognise)
    rows = _rows(chain([first], lines), start, delimiter, path)
    _, header = next(rows)
    return _table(header, rows, facts | {"delimiter": delimiter})


def _delimiter(first: str, path: Path, recognise: Recognise) -> str:
    scores = {mark: recognise(_header(first, mark)) for mark in ",;\t|"}
    best = max(scores.values())
    likely = [mark for mark, score in scores.items() if score == best]
    if best > 1 and len(likely) > 1:
        names = [name for name, mark in DELIMITERS.items() if mark in likely]
        raise SourceError(
            f"{path} can be read with more than one delimiter: {' or '.join(names)}",
            remedy="name the right one in parameter `delimiter`",
        )
    return likely[0]


def _header(line: str, delimiter: str) -> list[str]:
    return [_clean(name).strip() for name in next(csv.reader([line], delimiter=delimiter), [])]


def _rows(lines: Iterable[str], start: int, delimiter: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = start
    try:
        for cells in reader:
            if any(cell and not cell.isspace() for cell in cells):
                yield line, cells
            line = start + reader.line_num
    except csv.Error as error:
        raise SourceError(f"{path}, from line {line}: {error}", remedy="look for a quote that is not closed") from error


def _records(text: str, path: Path, facts: dict[str, str]) -> Table:
    """JSON: a list of objects, bare or in an envelope (`result`, `value` …). Lines are positions in it, from 1."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON: {error}", remedy="export it again") from error
    if isinstance(found, dict):
        found = next((found[name] for name in _ENVELOPES if isinstance(found.get(name), list)), [found])
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found) or not found:
        raise SourceError(f"{path} holds no list of records", remedy="export records: [{…}, {…}]")
    flat = [dict(_flat(record)) for record in found]
    header = list(dict.fromkeys(chain.from_iterable(flat)))
    return _table(header, ((n, [r.get(name, "") for name in header]) for n, r in enumerate(flat, 1)), facts)


def _flat(record: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested objects as `outer.inner`; one that is shown to people by a value of its own is that value."""
    for name, value in record.items():
        if isinstance(value, dict) and "display_value" in value:
            yield above + name, _text(value["display_value"])
        elif isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, "; ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _workbook(data: bytes, path: Path, recognise: Recognise, sheet: str) -> Table:
    try:
        held, merged = _sheets(data)
    except Exception as error:  # openpyxl raises whatever its parts raise
        raise SourceError(
            f"{path} is not an Excel workbook ({type(error).__name__})", remedy="save it as .xlsx or CSV (UTF-8)"
        ) from error
    filled = {name: rows for name, rows in held.items() if rows}
    if not filled:
        raise SourceError(f"{path} is empty", remedy="export it again")
    name = sheet or _only_sheet(filled, path, recognise)
    if name not in filled:
        raise SourceError(f"{path} has no filled sheet {name!r}", remedy=f"its sheets are: {', '.join(held)}")
    (line, header), *rows = filled[name]
    _refuse_merged(merged[name], line, header, path, recognise)
    return _table(header, rows, {"sheet": name})


def _sheets(data: bytes) -> tuple[dict[str, list[Row]], dict[str, list[str]]]:
    """Sheet → its filled rows, and sheet → its merged ranges. A sheet that only shows a chart is none."""
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles, extensions and dates that are none of our business
        shown = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        said = load_workbook(io.BytesIO(data), read_only=True)
        parts = {sheet.title: sheet._get_source().read() for sheet in shown.worksheets}
        held = {n: list(_sheet(_calculated(shown[n], said[n], part))) for n, part in parts.items()}
    return held, {n: [ref.decode() for ref in _MERGED.findall(part)] for n, part in parts.items()}


def _calculated(shown: Any, said: Any, part: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of a sheet as they are shown. A formula that nobody has calculated is itself, for a blank says more.

    What the writer says of a sheet's size is not asked: some write the size of an empty one.
    """
    shown.reset_dimensions()
    said.reset_dimensions()
    if not _FORMULA.search(part):
        yield from shown.iter_rows(values_only=True)
        return
    for cells, formulas in zip(shown.iter_rows(), said.iter_rows(values_only=True), strict=True):
        yield tuple(_or_formula(cell, formula) for cell, formula in zip(cells, formulas, strict=True))


def _or_formula(cell: Any, formula: Any) -> Any:
    """A formula's value; a text that is empty was calculated, too."""
    if cell.value is not None or formula is None or cell.data_type == "str":
        return cell.value
    return formula if isinstance(formula, str) else "="


def _refuse_merged(ranges: Iterable[str], line: int, header: list[str], path: Path, recognise: Recognise) -> None:
    """Of cells that are merged only the first holds anything: whether the others mean it, too, nobody can tell."""
    from openpyxl.utils import range_boundaries

    for name in ranges:
        left, _, right, bottom = range_boundaries(name)
        without = ["" if left <= column <= right else text for column, text in enumerate(header, 1)]
        if bottom > line and recognise(without) < recognise(header):
            raise SourceError(f"{path} has merged cells ({name})", remedy="unmerge them and fill each cell")


def _only_sheet(filled: dict[str, list[Row]], path: Path, recognise: Recognise) -> str:
    likely = [name for name, rows in filled.items() if recognise([c.strip() for c in rows[0][1]]) > 1] or list(filled)
    if len(likely) != 1:
        raise SourceError(
            f"{path} has more than one sheet: {', '.join(likely)}",
            remedy="name the right one in parameter `sheet`",
        )
    return likely[0]


def _sheet(rows: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    for line, cells in enumerate(rows, 1):
        texts = [_text(cell) for cell in cells]
        while texts and not texts[-1].strip():
            texts.pop()
        if texts:
            yield line, texts


def _text(cell: Any) -> str:
    """A cell as a person reads it; a whole number has no `.0`, a flag is TRUE or FALSE."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, (date, datetime)) else str(cell)
