"""A file of wanted values → WANTED and PROBLEMS. Every row is accounted for exactly once.

The format is the seed script's: `UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval`, plus `Email` and
`Ticket`; other systems' exports come with a mapping. A column that is missing is not considered at all; a blank cell
is. A row with a problem leaves its whole user alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from authops.source import columns, table_file
from authops.source import mapping as mappings
from authops.source.delimited import DELIMITERS
from authops.source.mapping import folded
from authops.source.rows import Rows
from authops.source.table import said
from authops.source.wanted import Source, as_their_column, to_wanted
from authops.words.errors import SourceError

_log = logging.getLogger(__name__)
# Numbers of 555 01xx and the Dutch 06 1234 range: given to nobody. The last column is a comment: it is ignored.
TEMPLATE: Final = """\
UPN,Mobile,AlternateMobile,OfficePhone,Email,ForcedUpdate,ForcedRemoval,Ticket,Remark
frida@contoso.example,'+31 612345678,,,,,,,a first mobile; the ' keeps Excel from taking the + away
gus@contoso.example,'+31 612345679,'+31 612345680,,,,,,mobile and alternate mobile
hana@contoso.example,,,'+1 2065550100x12,,,,,an office phone with extension
ida@contoso.example,'+31 612345681,,,,TRUE,,CHG0001,another number takes the place of the present one; why is kept
jan@contoso.example,,,,,,TRUE,,what is blank is removed
kim@contoso.example,,,,kim@mail.example,,,,an address for password reset
"""
# What is said of a file before anything is planned, and the parameter that decides.
_SAID: Final = {
    "hidden rows left out": "parameter `hidden` decides",
    "hidden rows read": "parameter `hidden` decides",
    "hidden columns left out": "parameter `hidden` decides",
    "hidden columns read": "parameter `hidden` decides",
    "hidden sheets left alone": "parameter `sheet` decides",
    "the sheet itself": "parameter `sheet` decides",
    "cells read as the sheet shows them": "their value is another one",
    "cells of formulas, as last saved": "parameter `formulas` decides",
    "columns not read": "",
    "further pages": "export the whole list",
}


def read(
    path: str | Path,
    *,
    default_region: str = "",
    on_existing: str = "keep",
    on_blank: str = "keep",
    ticket: str = "",
    mapping: str = "",
    encoding: str = "auto",
    delimiter: str = "auto",
    sheet: str = "",
    hidden: str = "leave-out",
    formulas: str = "read",
) -> Source:
    """Read a CSV file, Excel workbook or JSON records of wanted values. Raises `SourceError` when it cannot be used.

    `default_region`: two-letter country for numbers without a country code; "" refuses those. `on_existing` (keep,
    update) and `on_blank` (keep, remove) are for rows whose own flag is blank or missing, `ticket` for rows without
    one. `mapping`: how another system's export is read, a name in `parameters/mappings` or a file. Of a workbook
    `hidden` (leave-out, read) is for rows and columns that its sheet hides, `formulas` (read, refuse) for calculated
    cells.
    """
    if not str(path):
        raise SourceError("no source named", remedy="name the file in parameter `source`")
    path = Path(path)
    export = mappings.load(mapping) if mapping else None
    form = {"encoding": encoding, "delimiter": delimiter, "sheet": sheet, "hidden": hidden}
    recognise = export.recognise if export else columns.known
    table = table_file.read(path, recognise, **form)
    if recognise(table.header) < 2 and (line := table_file.header_below(table, recognise)):
        raise SourceError(f"{path}: line {line:,} looks like the header", remedy="delete what stands above it")
    rows, out = columns.mapped(table, export, path) if export else (columns.plain(table, path), 0)
    how = {"default_region": default_region, "on_existing": on_existing, "on_blank": on_blank, "ticket": ticket}
    wanted, problems = to_wanted(rows, formulas=formulas, **how)
    facts = {"path": str(path.resolve()), "digest": digest(path), **table.facts, "rows": len(rows.lines)}
    facts |= {"mapping": mapping, "rows left out by the mapping": out} if export else {}
    facts |= _calculated(rows) | ({"columns not read": list(rows.unread)} if rows.unread else {})
    _say(facts)
    read = columns.used(rows.names.values())
    facts |= {
        "user column": rows.names["user"],
        "columns": list(rows.names.values()),
        "ignored_columns": [said(name) for name in table.header if name and folded(name) not in read],
        "methods": rows.methods,
        **as_their_column(wanted),
        **how,
    }
    return Source(wanted, problems, facts, beside=rows.beside)


def _calculated(rows: Rows) -> dict[str, int]:
    """How many cells that are read were calculated: what they hold is what was last saved."""
    lines = set(rows.lines)
    count = sum(len(lines & set(found)) for found in rows.formulas.values())
    return {"cells of formulas, as last saved": count} if count else {}


def _say(facts: Mapping[str, Any]) -> None:
    """Say what a person who looks at the file would not expect; it is on the page as well."""
    for name, more in _SAID.items():
        if name in facts:
            value = facts[name]
            shown = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
            _log.warning("%s: %s", name, shown + (f" ({more})" if more else ""))


def pick(path: str | Path, lines: Iterable[int] | Mapping[int, str], facts: Mapping[str, Any]) -> str:
    """The header and those rows of a source file, as CSV text: the next input. Line numbers as in PROBLEMS.

    `lines` may say of each why it is picked. `facts`: how the file was read (`Source.facts`).
    """
    why = lines if isinstance(lines, Mapping) else dict.fromkeys(lines, "")
    names = {mark: name for name, mark in DELIMITERS.items()}
    how = {"delimiter": names[facts.get("delimiter", "")], "sheet": facts.get("sheet", "")}
    how["hidden"] = facts.get("hidden", "read")
    export = mappings.load(facts["mapping"]) if facts.get("mapping") else None
    recognise = export.recognise if export else columns.known
    table = table_file.read(Path(path), recognise, encoding=facts.get("encoding", "auto"), **how)
    return table_file.write(table, why)


def digest(path: str | Path) -> str:
    """SHA-256 of the file, "" when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
