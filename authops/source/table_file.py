"""A file → header and columns of text, with how it was read: CSV in its usual dialects, Excel workbooks, JSON records.

What is detected is said; where two readings are possible the choices are named, and a parameter decides.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from authops.source import delimited, records, workbook
from authops.source.delimited import DELIMITERS
from authops.source.safe_csv import safe_csv
from authops.source.table import Recognise, Table
from authops.words.errors import SourceError
from authops.words.uncollected import uncollected

WHY: Final = "Why"  # the column of failed.csv that tells; no source has a column of that name that is read
ENCODINGS: Final = ("auto", "utf-8", "utf-16", "cp1252")
LARGEST: Final = 512 << 20
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKED: Final = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"7z\xbc\xaf\x27\x1c": "7z", b"\x28\xb5\x2f\xfd": "zstd",
}  # fmt: skip
_UTF_32: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_ABOVE: Final = 20


@uncollected()
def read(
    path: Path,
    recognise: Recognise,
    *,
    encoding: str = "auto",
    delimiter: str = "auto",
    sheet: str = "",
    hidden: str = "leave-out",
) -> Table:
    """Read a CSV file, an `.xlsx` workbook or JSON records. `recognise` tells how many columns of a header are known.

    `hidden` (leave-out, read) is for what a sheet hides. Raises `SourceError` when the file cannot be read, or in two
    ways.
    """
    data = content(path)
    if data.startswith(_OLD_EXCEL):
        raise SourceError(
            f"{path} is an old Excel workbook (.xls), or one with a password",
            remedy="save it as .xlsx without a password, or as CSV (UTF-8)",
        )
    if packed := next((name for mark, name in _PACKED.items() if data.startswith(mark)), ""):
        raise SourceError(f"{path} is packed ({packed})", remedy="unpack it, and name the file that was in it")
    if zipfile.is_zipfile(io.BytesIO(data)):
        return workbook.read(data, path, recognise, sheet, hidden)
    text, found = _decode(data, path, encoding)
    if path.suffix.lower() == ".json":
        return records.read(text, path, {"encoding": found, "format": "JSON records"})
    return delimited.read(text, path, recognise, DELIMITERS[delimiter], {"encoding": found})


def content(path: Path) -> bytes:
    """The bytes of a file that is there, not empty, and not larger than any list of people."""
    if path.is_dir():
        raise SourceError(f"{path} is a directory", remedy="name the CSV file in it")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", remedy="check parameter `source`") from error
    if len(data) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST >> 20:,} MB", remedy="split it, or export fewer columns")
    if not data.strip():
        raise SourceError(f"{path} is empty", remedy="export it again")
    return data


def header_below(table: Table, recognise: Recognise) -> int:
    """The line of a row near the top that would be a header, had it stood first; 0 for none."""
    for position, line in enumerate(table.lines[:_ABOVE]):
        cells = table.row(position)
        text = " ".join(table.facts.get("delimiter", ",").join(cells).splitlines())
        if max(recognise(names) for names in (cells, *(delimited.header(text, mark) for mark in ",;\t|"))) > 1:
            return line
    return 0


def write(table: Table, lines: Mapping[int, str]) -> str:
    """The header and some rows as CSV that runs nothing in a spreadsheet, and that `read` reads again: a row that was
    cut off stays so.

    `lines`: each with why it is picked, which stands in a column in front that the next reading ignores; where none
    says why, there is no such column.
    """
    told = any(lines.values())
    old = {at for at, name in enumerate(table.header) if told and name == WHY}
    rows = (
        ([lines[line]] if told else []) + [c for at, c in enumerate(table.row(position)) if at not in old]
        for position, line in enumerate(table.lines)
        if line in lines
    )
    header = ([WHY] if told else []) + [name for at, name in enumerate(table.header) if at not in old]
    text = safe_csv(header, rows, delimiter=table.facts.get("delimiter", ","))
    return text.removesuffix("\n") if table.cut in lines else text


def _decode(data: bytes, path: Path, encoding: str) -> tuple[str, str]:
    if encoding != "auto":
        return _decoded(data, encoding, path), encoding
    if data.startswith(_UTF_32):
        raise SourceError(f"{path} is UTF-32 text", remedy="save the sheet as CSV (UTF-8)")
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
