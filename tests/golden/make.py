"""How the golden files were made: by the programs that operators use. Run again with `python tests/golden/make.py`.

LibreOffice (Debian's libreoffice-calc-nogui) wrote `libreoffice-*`, openpyxl wrote `excel.xlsx`; `powershell-*` were
written by the rules of Export-Csv, for PowerShell is not to be had here. Every file says the same.
"""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

from openpyxl import Workbook

HERE = Path(__file__).parent
HEADER = ["UPN", "Mobile", "AlternateMobile", "OfficePhone", "ForcedUpdate", "ForcedRemoval", "Opmerking"]
ROWS = [
    ["frida@contoso.example", "+31 612345678", "", "+31 206241111x12", True, False, "Zoë, 1e lijn; €5\ntweede regel"],
    ["gus@contoso.example", "06-12345679", "0031612345680", "", False, False, 'zegt "ja"'],
    ["hana@contoso.example", "", "", "", None, True, None],
]
# LibreOffice's CSV filter: separator, text delimiter, character set, first line, then quote all text cells.
FILTERS = {
    "libreoffice-utf8-comma.csv": "44,34,76,1",
    "libreoffice-utf8-semicolon-bare.csv": "59,34,76,1,,0,false",
    "libreoffice-cp1252-semicolon.csv": "59,34,1,1",
    "libreoffice-utf16-tab.csv": "9,34,65535,1",
    "libreoffice-utf8-pipe-quoted.csv": "124,34,76,1,,0,true",
}


def workbook() -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Blad1"
    for row in [HEADER, *ROWS]:
        sheet.append(row)
    book.create_sheet("Leeg")
    path = HERE / "excel.xlsx"
    book.save(path)
    return path


def libreoffice(book: Path) -> None:
    for name, words in FILTERS.items():
        kind = f"csv:Text - txt - csv (StarCalc):{words}"
        subprocess.run(["soffice", "--headless", "--convert-to", kind, "--outdir", HERE, book], check=True)
        (HERE / "excel.csv").replace(HERE / name)
    subprocess.run(["soffice", "--headless", "--convert-to", "ods", "--outdir", HERE, book], check=True)
    (HERE / "excel.ods").rename(HERE / "libreoffice.ods")
    convert = ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", HERE, HERE / "libreoffice.ods"]
    subprocess.run(convert, check=True)
    (HERE / "libreoffice.ods").unlink()


def powershell() -> None:
    """Export-Csv: every cell in quotes, a dash of culture in the delimiter, True and False, CRLF."""
    for name, delimiter, encoding in (
        ("powershell5-utf8.csv", ",", "utf-8-sig"),
        ("powershell5-unicode.csv", ",", "utf-16"),
        ("powershell7-culture.csv", ";", "utf-8"),
    ):
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerows([["" if cell is None else cell for cell in row] for row in [HEADER, *ROWS]])
        (HERE / name).write_bytes(out.getvalue().encode(encoding))


if __name__ == "__main__":
    book = workbook()
    libreoffice(book)
    powershell()
