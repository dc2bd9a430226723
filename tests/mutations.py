"""Random and mutated files of wanted values, for the tests and for `bench/fuzz.py`; the same for the same dice."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator

from openpyxl import Workbook

HEADERS = ["UPN", "Mobile", "AlternateMobile", "OfficePhone", "Email", "ForcedUpdate", "ForcedRemoval", "Ticket"]
ODD_HEADERS = ["", "upn ", "Id", "mobile", "Office", "Opmerking", "=1+1", "UPN", "Naam;", '"']
ODD_CELLS = [
    "", " ", "\u00a0", "+31612345678", "+31 612345678", "0612345678", "3.16E+10", "31612345678", "'+31 612345678",
    '="+31612345678"', "+31 ******678", "#N/A", "+31 612345678x12", "112", "0900 1234", "nope", "a@b.example", "@",
    "+31612345678.0", "2026-11-24", "a\r=1+1", "+ 612345678", "\u200bperson1@contoso.example",
    "TRUE", "FALSE", "WAAR", "yes", "maybe", "zoë@contoso.example", "\u202e+31612345678", "\x00", "\x07", "a\nb", 'a"b',
    "06 12 34 56 78", "06.12.34.56.78", "0033 6 12 34 56 78", "call 31612345678", "kim@mail.example; 0612345678",
    "\x1b[31m", "a;b", "a,b",
    "+" * 300, "1" * 400, "\U0001f600", "=HYPERLINK(1)", "-1", "NaN", "None", "null", "0", "1", "12.0",
]  # fmt: skip


FORMATS = ['"+33 "0', "0000000000", "0,", ";;;", "General"]


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Endless (name, bytes)."""
    dice = random.Random(seed)
    while True:
        rows = table(dice)
        if dice.random() < 0.05:
            del rows[0]
        elif dice.random() < 0.05:
            rows = [rows[0], *([",".join(row)] for row in rows[1:])]
        kind = dice.random()
        if kind < 0.05:
            yield "wanted.csv", dice.randbytes(dice.randrange(400))
        elif kind < 0.1:
            yield "wanted.xlsx", mutated(workbook(rows), dice)
        elif kind < 0.15:
            yield "wanted.json", mutated(records(rows), dice)
        else:
            yield "wanted.csv", mutated(text(rows, dice), dice)


def table(dice: random.Random) -> list[list[str]]:
    """A header, mostly a known one, and some rows that are mostly as wide."""
    header = dice.sample(HEADERS, dice.randrange(1, len(HEADERS) + 1))
    if dice.random() < 0.05:
        header = ["UPN", "PhoneType", "PhoneNumber"]
    elif dice.random() < 0.8:
        header = ["UPN", "Mobile", *(name for name in header if name not in ("UPN", "Mobile"))]
    header += dice.choices(ODD_HEADERS, k=dice.choice((0, 0, 0, 1, 2)))
    wide = [len(header) + dice.choice((0, 0, 0, 0, 0, -1, 1)) for _ in range(dice.randrange(8))]
    rows = [[cell(dice, n) for n in range(size)] for size in wide]
    return [header, *rows]


def cell(dice: random.Random, column: int) -> str:
    if column == 0 and dice.random() < 0.8:
        return f"person{dice.randrange(6)}@contoso.example"
    return dice.choice(ODD_CELLS)


def text(rows: list[list[str]], dice: random.Random) -> bytes:
    out = io.StringIO()
    style = {"delimiter": dice.choice(",;\t|"), "lineterminator": dice.choice(("\n", "\r\n"))}
    csv.writer(out, quoting=dice.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)), **style).writerows(rows)  # type: ignore[arg-type]
    encoding = dice.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"))
    return out.getvalue().encode(encoding, "replace")


def workbook(rows: list[list[str]]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(["".join(c for c in text if c.isprintable()) for text in row])
    # Hidden rows and columns, and numbers that show a country code they do not hold.
    book.active.row_dimensions[len(rows)].hidden = len(rows) % 3 == 0
    book.active.column_dimensions["C"].hidden = len(rows) % 5 == 0
    book.active.append(["person1@contoso.example", 612345678])
    book.active.cell(book.active.max_row, 2).number_format = FORMATS[len(rows) % len(FORMATS)]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def records(rows: list[list[str]]) -> bytes:
    header, *more = rows or [[]]
    return json.dumps({"result": [dict(zip(header, row, strict=False)) for row in more]}).encode()


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Half of them as they are; the others with bytes changed, cut out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(dice.choice((0, 0, 1, 2, 5))):
        at = dice.randrange(len(changed) + 1)
        end = min(at + dice.randrange(1, 20), len(changed))
        way = dice.randrange(4)
        changed[at:end] = (
            dice.randbytes(end - at) if way == 0 else b"" if way == 1 else changed[at:end] * 2 if way == 2
            else dice.choice((b'"', b"sep=;\r\n", b"\n", b"\r", b";", b"\0", b"\xff")) + changed[at:end]
        )  # fmt: skip
    return bytes(changed)
