"""An Excel workbook → a table: what a person sees of a sheet is what is read, and the rest is counted and said."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authops.source import number_format
from authops.source.table import Recognise, Row, Table, as_text, gathered, refuse_beyond, said
from authops.words.errors import SourceError

HIDDEN: Final = ("leave-out", "read")
MOST_UNPACKED: Final = 1 << 30
_MOST_PARTS: Final = 10_000
_WIDEST: Final = 16_384
_YES: Final = ("1", "true")
_ANOTHER: Final = "the sheet shows it as another value than it holds; write what is meant as text"
_STALE: Final = "the cell's formula gives another value than the one saved beside it; write what is meant as text"
_PART: Final = re.compile(r'"([^"]*)"|([0-9]+)')
_LITERAL: Final = re.compile(r'(?:"[^"]*"|[0-9]+)(?:\s*&\s*(?:"[^"]*"|[0-9]+))*')
_DECIMALS: Final = "the cell is a number with decimals; write what is meant as text"


@dataclass
class _Sheet:
    """One sheet: its filled rows, and what is not to be seen of them, or seen otherwise."""

    name: str
    state: str = "visible"
    rows: list[Row] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    doubts: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    formulas: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    shown: int = 0


def read(data: bytes, path: Path, recognise: Recognise, sheet: str = "", hidden: str = "leave-out") -> Table:
    """The one sheet that fits, or the one named. `hidden`: what becomes of rows and columns that the sheet hides."""
    _refuse_bomb(data, path)
    try:
        held = _sheets(data, path)
    except SourceError:
        raise
    except Exception as error:  # openpyxl raises whatever its parts raise
        raise SourceError(
            f"{path} is not an Excel workbook ({type(error).__name__})", remedy="save it as .xlsx or CSV (UTF-8)"
        ) from error
    chosen = _chosen(held, path, recognise, sheet)
    return _table(chosen, _facts(chosen, held, hidden), path, recognise, hidden)


def _refuse_bomb(data: bytes, path: Path) -> None:
    """What a part unpacks to is what the archive says of it: no reader gives more."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise SourceError(
            f"{path} is a damaged workbook or archive", remedy="save it as .xlsx or CSV (UTF-8)"
        ) from error
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise SourceError(
            f"{path} unpacks to more than {MOST_UNPACKED >> 20:,} MB, or to more than {_MOST_PARTS:,} parts",
            remedy="delete other sheets and pictures, or save the sheet as CSV (UTF-8)",
        )


def _sheets(data: bytes, path: Path) -> list[_Sheet]:
    """All sheets but those that only show a chart."""
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles, extensions and dates that are none of our business
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return [_sheet(book, sheet, path) for sheet in book.worksheets]


def _sheet(book: Any, sheet: Any, path: Path) -> _Sheet:
    read = _Sheet(sheet.title, sheet.sheet_state)
    parser = _parser(book, sheet, read)
    count = 0
    for line, cells in parser.parse():
        texts = _texts(cells, read, line)
        count += len(texts)
        refuse_beyond(count, path)
        if texts:
            read.rows.append((line, texts))
        if _is_hidden(parser.row_dimensions.pop(str(line), {}), "ht"):
            read.hidden_rows.add(line)
    for column in parser.column_dimensions.values():
        if _is_hidden(column, "width"):
            read.hidden_columns |= set(range(int(column["min"]), min(int(column["max"]), _WIDEST) + 1))
    read.merged = [str(merged.ref) for merged in parser.merged_cells.mergeCell] if parser.merged_cells else []
    return read


def _is_hidden(said: dict[str, str], size: str) -> bool:
    return said.get("hidden", "") in _YES or said.get(size, "1").strip("0.") == ""


def _texts(cells: Iterable[dict[str, Any]], sheet: _Sheet, line: int) -> list[str]:
    """One row as texts, up to its last filled cell. A cell's line is its row's, whatever it says itself."""
    texts: list[str] = []
    for cell in cells:
        text, place = cell["text"], cell["column"] - 1
        if not text.strip() and not cell["doubt"]:
            continue
        if not 0 <= place < _WIDEST:
            raise ValueError("a cell beyond the last column")
        texts += [""] * (place + 1 - len(texts))
        texts[place] = text
        if cell["doubt"]:
            sheet.doubts[place][line] = cell["doubt"]
        if cell["formula"]:
            sheet.formulas[place].add(line)
    return texts


def _parser(book: Any, sheet: Any, read: _Sheet) -> Any:
    """openpyxl's own parser of a sheet, which also tells what a cell looks like.

    What the writer says of a sheet's size is not asked: some write the size of an empty one.
    """
    from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

    looks = _looks(book)

    class Parser(WorkSheetParser):  # type: ignore[misc]
        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            formula, value = element.find(FORMULA_TAG), cell["value"]
            cell["formula"] = formula is not None
            if formula is not None and value is None and element.get("t") != "str":
                # A formula that nobody has calculated is itself, for a blank says more.
                value = f"={formula.text or ''}"
            text, cell["doubt"] = looks(value, cell["style_id"])
            if formula is not None and not _agrees(formula.text or "", text):
                cell["doubt"] = _STALE
            read.shown += text != as_text(value)
            cell["text"] = text
            return cell

    return Parser(
        sheet._get_source(),
        sheet._shared_strings,
        data_only=True,
        epoch=book.epoch,
        date_formats=book._date_formats,
        timedelta_formats=book._timedelta_formats,
    )


def _agrees(formula: str, text: str) -> bool:
    """Whether a formula that is nothing but a text or a number gives what was saved beside it."""
    if not _LITERAL.fullmatch(formula):
        return True
    given = "".join(one or other for one, other in _PART.findall(formula))
    return text in (given, f"={formula}")


def _looks(book: Any) -> Callable[[Any, int], tuple[str, str]]:
    """A value and its style → its text as the sheet shows it, and why it is in doubt."""
    forms: dict[int, str] = {}

    def looks(value: Any, style: int) -> tuple[str, str]:
        if value is None:
            return "", ""
        if isinstance(value, float) and not value.is_integer():
            return as_text(value), _DECIMALS
        if style not in forms:
            forms[style] = _format(book, style)
        return (as_text(value), "") if not forms[style] else _seen(value, forms[style])

    return looks


def _format(book: Any, style: int) -> str:
    """The number format of a style; "" for one that shows a value as it is."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

    number = book._cell_styles[style].numFmtId
    known = number < BUILTIN_FORMATS_MAX_SIZE
    form = BUILTIN_FORMATS.get(number, "General") if known else book._number_formats[number - BUILTIN_FORMATS_MAX_SIZE]
    return "" if number_format.plain(form) else str(form)


def _seen(value: Any, form: str) -> tuple[str, str]:
    if isinstance(value, str):
        return number_format.shown_text(form, value), ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return as_text(value), ""
    text = as_text(value)
    seen = number_format.shown(form, int(value))
    if seen is None or not seen.strip():
        return text, _ANOTHER
    return (text, "") if "+" not in seen and _digits(seen) == _digits(text) else (seen.strip(), "")


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _chosen(held: list[_Sheet], path: Path, recognise: Recognise, name: str) -> _Sheet:
    filled = [sheet for sheet in held if sheet.rows]
    if not filled:
        raise SourceError(f"{path} is empty", remedy="export it again")
    if name:
        found = next((sheet for sheet in filled if sheet.name == name), None)
        if found is None:
            there = ", ".join(said(sheet.name) for sheet in held)
            raise SourceError(f"{path} has no filled sheet {name!r}", remedy=f"its sheets are: {there}")
        return found
    seen = [sheet for sheet in filled if sheet.state == "visible"]
    if not seen:
        raise SourceError(
            f"{path} has nothing but hidden sheets: {', '.join(said(sheet.name) for sheet in filled)}",
            remedy="show the right one, or name it in parameter `sheet`",
        )
    likely = [s for s in seen if recognise([c.strip() for c in s.rows[0][1]]) > 1] or seen
    if len(likely) != 1:
        raise SourceError(
            f"{path} has more than one sheet: {', '.join(said(sheet.name) for sheet in likely)}",
            remedy="name the right one in parameter `sheet`",
        )
    return likely[0]


def _facts(chosen: _Sheet, held: list[_Sheet], hidden: str) -> dict[str, Any]:
    away = [sheet.name for sheet in held if sheet.rows and sheet.state != "visible" and sheet is not chosen]
    facts: dict[str, Any] = {"sheet": chosen.name, "hidden": hidden}
    if chosen.state != "visible":
        facts["the sheet itself"] = "is hidden"
    if away:
        facts["hidden sheets left alone"] = len(away)
    if chosen.shown:
        facts["cells read as the sheet shows them"] = chosen.shown
    return facts


def _table(sheet: _Sheet, facts: dict[str, Any], path: Path, recognise: Recognise, hidden: str) -> Table:
    (line, header), *rows = sheet.rows
    _refuse_merged(sheet.merged, line, header, path, recognise)
    unseen = [row for row in rows if row[0] in sheet.hidden_rows]
    dark = [n for n, name in enumerate(header) if n + 1 in sheet.hidden_columns and name.strip()]
    way = "left out" if hidden == "leave-out" else "read"
    if unseen:
        facts[f"hidden rows {way}"] = len(unseen)
    if dark:
        facts[f"hidden columns {way}"] = [said(header[n].strip()) for n in dark]
    if hidden == "leave-out":
        rows = [row for row in rows if row[0] not in sheet.hidden_rows]
        header = ["" if n in dark else name for n, name in enumerate(header)]
    table = gathered(header, rows, facts, path)
    table.short.clear()  # a sheet has all its cells: a row that says no more is blank
    table.doubts.update(sheet.doubts)
    table.formulas.update(sheet.formulas)
    return table


def _refuse_merged(ranges: Iterable[str], line: int, header: list[str], path: Path, recognise: Recognise) -> None:
    """Of cells that are merged only the first holds anything: whether the others mean it, too, nobody can tell."""
    from openpyxl.utils import range_boundaries

    for name in ranges:
        left, _, right, bottom = range_boundaries(name)
        without = ["" if left <= column <= right else text for column, text in enumerate(header, 1)]
        if bottom > line and recognise(without) < recognise(header):
            raise SourceError(f"{path} has merged cells ({name})", remedy="unmerge them and fill each cell")
