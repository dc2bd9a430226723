"""CSV in its usual dialects → a table: what stands above the header, which delimiter, which lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from authops.source.table import Recognise, Row, Table, clean, gathered
from authops.words.errors import SourceError

DELIMITERS: Final = {"auto": "", "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_MARKS: Final = ",;\t|"
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[,;\t|]*\s*', re.IGNORECASE)
_TYPE: Final = re.compile(r'"?#TYPE\s.*', re.IGNORECASE | re.DOTALL)
_LONGEST: Final = csv.field_size_limit()


def read(text: str, path: Path, recognise: Recognise, delimiter: str, facts: dict[str, Any]) -> Table:
    """The rows below the first filled line, which is the header, unless Excel or PowerShell wrote a line above it."""
    lines = io.StringIO(text, newline="")
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    start, first = next(filled, (0, ""))
    told = ""
    while above := _SEPARATOR.fullmatch(first) or _TYPE.fullmatch(first):
        told = told or (above[1] if above.re is _SEPARATOR else "")
        start, first = next(filled, (0, ""))
    if not first:
        raise SourceError(f"{path} is empty", remedy="export it again")
    delimiter = delimiter or _told(told, first, path, recognise) or _delimiter(first, path, recognise)
    _refuse_quoted(first, delimiter, path, recognise)
    rows = _rows(chain([first], lines), start, delimiter, path)
    _, names = next(rows, (0, []))
    if not names:
        raise SourceError(f"{path} is empty", remedy="export it again")
    table = gathered(names, rows, facts | {"delimiter": delimiter}, path)
    return replace(table, cut=table.lines[-1]) if _cut(table, text, delimiter) else table


def _cut(table: Table, text: str, delimiter: str) -> bool:
    """Whether the text ends in the middle of a row: it has fewer cells than the header, and others have more."""
    begun = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
    if not begun.strip().strip(delimiter) or not table.lines or table.lines[-1] not in table.short:
        return False
    return len(table.lines) == 1 or len(table.short) < len(table.lines) or len(set(table.short.values())) > 1


def header(line: str, delimiter: str) -> list[str]:
    """The names in a line; none where it cannot be one."""
    try:
        return [clean(name).strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _told(mark: str, first: str, path: Path, recognise: Recognise) -> str:
    """The delimiter that a `sep=` line names. Raises `SourceError` where the header was written with another one."""
    if mark and (mark not in _MARKS or recognise(header(first, mark)) < max(_scores(first, recognise).values())):
        raise SourceError(
            f"{path}: its first line says sep=, and the header is written with another delimiter than that",
            remedy="delete that line, or name the right one in parameter `delimiter`",
        )
    return mark


def _scores(first: str, recognise: Recognise) -> dict[str, int]:
    return {mark: recognise(header(first, mark)) for mark in _MARKS}


def _delimiter(first: str, path: Path, recognise: Recognise) -> str:
    scores = _scores(first, recognise)
    best = max(scores.values())
    likely = [mark for mark, score in scores.items() if score == best]
    if best > 1 and len(likely) > 1:
        names = [name for name, mark in DELIMITERS.items() if mark in likely]
        raise SourceError(
            f"{path} can be read with more than one delimiter: {' or '.join(names)}",
            remedy="name the right one in parameter `delimiter`",
        )
    return likely[0]


def _refuse_quoted(first: str, delimiter: str, path: Path, recognise: Recognise) -> None:
    """A header that is one quoted cell: a spreadsheet saved each line as a whole."""
    names = header(first, delimiter)
    if len(names) == 1 and any(recognise(header(names[0], mark)) > 1 for mark in _MARKS):
        raise SourceError(
            f"{path}: each line is one quoted cell", remedy="take away the quotes around whole lines, or export again"
        )


def _rows(lines: Iterable[str], start: int, delimiter: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = start
    try:
        for cells in reader:
            if "".join(cells).strip():
                yield line, cells
            line = start + reader.line_num
    except csv.Error as error:
        # The module's own words, which repeat no cell.
        said = f"a cell of more than {_LONGEST:,} characters" if "limit" in str(error) else str(error)
        raise SourceError(f"{path}, from line {line}: {said}", remedy="look for a quote that is not closed") from error
