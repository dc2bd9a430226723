"""A workbook made and read in memory: rows of texts, of which none is a formula.

Spreadsheet libraries keep each sheet in a temporary file while they write it (openpyxl does), in plain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape, unescape
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
# Of a package below 4096 bytes msoffcrypto-tool 6.1 writes a check sum that does not fit it.
_FILL: Final = " " * 1000
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="passes" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    # Style 1 is the head's, bold; style 2 is a code's, in letters that cannot be mistaken for each other.
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="3"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="12"/><name val="Consolas"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="49"/><xf numFmtId="49" fontId="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="2" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_SHEET: Final = "xl/worksheets/sheet1.xml"
# The first row stays in sight.
_OPENED: Final = (
    f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'state="frozen"/></sheetView></sheetViews>'
)
_CELL: Final = re.compile(r'<t xml:space="preserve">(.*?)</t>', re.S)


def made(head: Sequence[str], rows: Sequence[Sequence[str]], code_column: int) -> bytes:
    """An .xlsx of one sheet: its head stays in sight, every cell is a text."""
    lines = [_row(1, head, [1] * len(head))]
    styles = [2 if n == code_column else 0 for n in range(len(head))]
    lines += [_row(number, row, styles) for number, row in enumerate(rows, 2)]
    columns = "".join(f'<col min="{n}" max="{n}" width="26" customWidth="1"/>' for n in range(1, len(head) + 1))
    page = f"{_OPENED}<cols>{columns}</cols><sheetData>"
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as package:
        for name, part in _PARTS.items():
            package.writestr(name, _HEAD + part + _FILL, ZIP_STORED)
        package.writestr(_SHEET, f"{_HEAD}{page}{''.join(lines)}</sheetData></worksheet>")
    return out.getvalue()


def _row(number: int, cells: Sequence[str], styles: Sequence[int]) -> str:
    inside = "".join(
        f'<c r="{chr(65 + at)}{number}" s="{style}" t="inlineStr"><is>'
        f'<t xml:space="preserve">{_said(cell)}</t></is></c>'
        for at, (cell, style) in enumerate(zip(cells, styles, strict=True))
    )
    return f'<row r="{number}">{inside}</row>'


def _said(cell: str) -> str:
    """What XML 1.0 can hold of a text."""
    return escape("".join(c for c in cell if c >= " " or c in "\t\n"))


def read(data: bytes) -> list[list[str]]:
    """The rows of the first sheet, its head first; quickly as we made it, and also once a spreadsheet has saved it."""
    with ZipFile(BytesIO(data)) as package:
        ours = package.read(_SHEET).decode("utf-8") if _SHEET in package.namelist() else ""
    if ours.startswith(_HEAD + _OPENED):
        return [[unescape(cell) for cell in _CELL.findall(row)] for row in ours.split("<row ")[1:]]
    return _saved(data)


def _saved(data: bytes) -> list[list[str]]:
    import openpyxl

    book = openpyxl.load_workbook(BytesIO(data), read_only=True)
    try:
        return [["" if cell is None else str(cell) for cell in row] for row in book.worksheets[0].values]
    finally:
        book.close()
