"""What a file of rows holds, whatever its format, and how its cells are cleaned; nothing here knows a format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from authops.words.errors import SourceError
from authops.words.redaction import mask_cell

# A million rows with all that an admin centre exports are 35,000,000 cells.
MOST_CELLS: Final = 60_000_000
# Where text begins that a spreadsheet would take for a formula.
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_WRAPPED: Final = frozenset("=' ")
_FORMULA_TEXT: Final = re.compile(r'="([^"]*)"')
_DIGITS: Final = tuple("0123456789")
_DATA: Final = re.compile(r"@|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|(?:\d\W{0,2}){5}", re.IGNORECASE)
_CHUNK: Final = 20_000
_FLAG_LIKE: Final = 6
_NAME: Final = 40
Recognise = Callable[[Sequence[str]], int]
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Table:
    """What a file holds. `lines`: where each row stands, blank rows left out; `columns`: one list of cells per name.

    `beyond`: line → the cells that stand outside the header; `short`: line → how many cells, where the header has more;
    `cut`: the line that the text ends in the middle of, 0 for none. `facts`: encoding and delimiter, sheet, or format.
    `doubts`: position of a column → line → why its cell is not what a person sees; `formulas`: position of a column →
    the lines whose cell is what a formula gave when the workbook was last saved.
    """

    header: list[str]
    lines: list[int]
    columns: list[list[str]]
    beyond: dict[int, list[str]]
    facts: dict[str, Any]
    short: dict[int, int] = field(default_factory=dict)
    cut: int = 0
    doubts: dict[int, dict[int, str]] = field(default_factory=dict)
    formulas: dict[int, set[int]] = field(default_factory=dict)

    def row(self, position: int) -> list[str]:
        """The cells of one row as they are: also those outside the header, and none that it does not have."""
        line = self.lines[position]
        cells = [column[position] for column in self.columns[: self.short.get(line)]]
        return cells + self.beyond.get(line, [])


def gathered(header: Sequence[str], rows: Iterable[Row], facts: dict[str, Any], path: Path) -> Table:
    """Rows → columns, some thousand at a time: a million rows never stand there as lists of their own."""
    names = [clean(name).strip() for name in header]
    wide = len(names)
    lines: list[int] = []
    columns: list[list[str]] = [[] for _ in names]
    beyond: dict[int, list[str]] = {}
    short: dict[int, int] = {}
    known: dict[str, str] = {}
    rows = iter(rows)
    while chunk := list(islice(rows, min(_CHUNK, MOST_CELLS // max(wide, 1) + 1))):
        lines += [line for line, _ in chunk]
        refuse_beyond(len(lines) * wide, path)
        short |= {line: len(cells) for line, cells in chunk if len(cells) < wide}
        even = [cells if len(cells) == wide else _even(line, cells, wide, beyond) for line, cells in chunk]
        for column, texts in zip(columns, zip(*even, strict=True), strict=True):
            column.extend(_cleaned(texts, known))
    return Table(names, lines, columns, beyond, facts, short)


def _even(line: int, cells: list[str], wide: int, beyond: dict[int, list[str]]) -> list[str]:
    """A row as wide as the header; what stands outside it is noted."""
    if any(cell.strip() for cell in cells[wide:]):
        beyond[line] = cells[wide:]
    return cells[:wide] + [""] * (wide - len(cells))


def _cleaned(texts: Sequence[str], known: dict[str, str]) -> Iterable[str]:
    """Some cells of a column, clean; flags and the like are kept once."""
    if not _WRAPPED.isdisjoint([text[:1] for text in texts]):
        texts = [clean(text) for text in texts]
    return [text if len(text) > _FLAG_LIKE else known.setdefault(text, text) for text in texts]


def refuse_beyond(cells: int, path: Path) -> None:
    """Raise `SourceError` for a table that no memory holds."""
    if cells > MOST_CELLS:
        raise SourceError(
            f"{path} is a table of more than {MOST_CELLS:,} cells", remedy="split it, or delete columns nobody needs"
        )


def clean(cell: str) -> str:
    """A cell without what spreadsheets put around text: `="+31…"`, a leading apostrophe."""
    if cell[:1] not in _WRAPPED:
        return cell
    formula = _FORMULA_TEXT.fullmatch(cell.strip())
    text = formula[1] if formula else cell
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith((*DANGEROUS, *_DIGITS)) else text


def as_text(cell: Any) -> str:
    """A value as a person reads it; a whole number has no `.0`, a flag is TRUE or FALSE."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, (date, datetime)) else str(cell)


def is_data(cells: Iterable[str]) -> bool:
    """Whether a row cannot be a header: an address, an object id or a number stands in it."""
    return any(_DATA.search(cell) for cell in cells)


def said(name: str) -> str:
    """A name out of a file, of a column or a sheet, as a message may repeat it."""
    return "‹not shown›" if is_data([name]) else mask_cell(name)[:_NAME]


def names(header: Sequence[str]) -> str:
    """The columns of a header, for a message."""
    shown = [said(name) for name in header if name]
    return ", ".join(shown)[:200] or "without names"
