"""CSV that a spreadsheet opens without running anything, and without taking a number's zeros or plus away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, Final

from authops.source.table import DANGEROUS

_SHORTENED: Final = re.compile(r"0[0-9]+|[0-9]{12,}")


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
    return f"'{cell}" if cell.startswith(DANGEROUS) or cell.lstrip().startswith(DANGEROUS) else cell


def _whole(cell: str) -> str:
    return f"'{cell}" if _SHORTENED.fullmatch(cell) else cell
