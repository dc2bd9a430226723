"""A file of wanted values → WANTED and PROBLEMS. Every row is accounted for exactly once.

The format is the seed script's: `UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval`, plus `Email` and
`Ticket`; other systems' exports come with a mapping. A column that is missing is not considered at all; a blank cell
is. A row with a problem leaves its whole user alone.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from authops.methods.kinds import KINDS, numbers
from authops.phone.column import AS_ITS_COLUMN
from authops.phone.numbering import calling_code
from authops.phone.spelling import PhoneProblem
from authops.plan.notes import add as add_note
from authops.source import mapping as mappings
from authops.source import table_file
from authops.source.mapping import folded
from authops.source.table_file import Table
from authops.words.errors import ParameterError, SourceError
from authops.words.frames import PROBLEMS, USERS, WANTED, columns, empty, frame
from authops.words.redaction import mask, mask_cell

_ALIASES: Final = {
    "user": ("upn", "userprincipalname", "user", "username", "id", "userid", "objectid"),
    "overwrite": ("forcedupdate",),
    "remove": ("forcedremoval",),
    "ticket": ("ticket", "ticketnumber", "changenumber"),
}
RULES: Final = {
    "bad_flag": "a flag is neither TRUE/FALSE, 1/0 nor yes/no",
    "no_user": "the row names no user",
    "duplicate_user": "the user stands in more than one row, and the rows differ",
    "duplicate_row": "the user stands in more than one row, and the rows say the same",
    "ragged_row": "the row has more cells than the header",
    "not_an_address": "the e-mail address cannot be one",
    "not_a_number": "the text cannot be read as a number",
    "number_mangled": "a spreadsheet turned the number into 1.23E+10",
    "plus_lost": "the digits begin with a country code; a spreadsheet may have taken the + away",
    "two_readings": "the same characters can be two numbers: a code that stands there twice, an exit code, a zero",
    "number_masked": "the number is masked",
    "no_country_code": "the number has no country code and no default region is set",
    "extension_not_allowed": "only an office phone may have an extension",
    "short_number": "a short number, as emergency and information services have",
    "premium_number": "a premium-rate number",
    "impossible_number": "too few or too many digits for the country",
    "invalid_number": "read in the default region, the country gives out no such number",
    "unknown_user": "the tenant has no such user",
    "user_unreadable": "the user could not be read, so nothing is known of them",
}
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
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SHARED: Final = "the same number for several users of this source"


def aliases() -> dict[str, tuple[str, ...]]:
    """Field → the columns (folded) that mean it."""
    return {"user": _ALIASES["user"]} | {name: kind.columns for name, kind in KINDS.items()} | _ALIASES


@dataclass(frozen=True)
class Source:
    """What a source said: WANTED rows, PROBLEMS rows, and `facts` about how it was read (path, digest, rows, …).

    `users`: USERS plus `asked` and `error` when the source is the directory itself, else empty.
    """

    wanted: pd.DataFrame
    problems: pd.DataFrame
    facts: dict[str, Any]
    users: pd.DataFrame = field(default_factory=lambda: empty(USERS))

    @property
    def methods(self) -> list[str]:
        """The methods the source has a column for."""
        return list(self.facts["methods"])

    @property
    def people(self) -> list[str]:
        """Whom to look up: also those of rows with a problem, for another row may mean them by their other name."""
        named = [*self.wanted["user"].unique(), *self.problems["user"].unique()]
        return [name for name in dict.fromkeys(named) if name and "*" not in name]

    @property
    def removes(self) -> bool:
        """Whether any row asks for a removal."""
        return bool(self.wanted["intent"].eq("remove").any())


@dataclass(frozen=True)
class Rows:
    """What a source says, before it is judged: field → one text per row.

    `names`: field → what the source calls it. `ragged`: lines with more cells than the header. The field `region`,
    where there is one, tells the country that a row's national numbers are read in.
    """

    lines: Sequence[int]
    cells: Mapping[str, Sequence[str]]
    names: Mapping[str, str]
    ragged: frozenset[int] = frozenset()

    @property
    def methods(self) -> list[str]:
        """The methods there is a field for, in the order of KINDS."""
        return [m for m in KINDS if m in self.cells]


@dataclass
class _Faults:
    """Position of a row → the first thing that is wrong with it."""

    rows: Rows
    found: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, position: int, at: str, rule: str, message: str) -> None:
        self.found.setdefault(position, (at, rule, message))

    def frame(self) -> pd.DataFrame:
        return frame(PROBLEMS, [self._row(position, *self.found[position]) for position in sorted(self.found)])

    def _row(self, position: int, at: str, rule: str, message: str) -> dict[str, Any]:
        cells = self.rows.cells
        who = {"line": self.rows.lines[position], "user": mask_cell(cells["user"][position])}
        value = cells[at][position] if at in cells else ""
        what = {"column": self.rows.names.get(at, ""), "value": mask_cell(mask(value) if at in KINDS else value)}
        return who | what | {"rule": rule, "message": message}


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
) -> Source:
    """Read a CSV file, Excel workbook or JSON records of wanted values. Raises `SourceError` when it cannot be used.

    `default_region`: two-letter country for numbers without a country code; "" refuses those. `on_existing` (keep,
    update) and `on_blank` (keep, remove) are for rows whose own flag is blank or missing, `ticket` for rows without
    one. `mapping`: how another system's export is read, a name in `parameters/mappings` or a file.
    """
    if not str(path):
        raise SourceError("no source named", remedy="name the file in parameter `source`")
    path = Path(path)
    export = mappings.load(mapping) if mapping else None
    form = {"encoding": encoding, "delimiter": delimiter, "sheet": sheet}
    recognise = export.recognise if export else _known
    table = table_file.read(path, recognise, **form)
    if recognise(table.header) < 2 and (line := table_file.header_below(table, recognise)):
        raise SourceError(f"{path}: line {line:,} looks like the header", remedy="delete what stands above it")
    rows, out = _mapped(table, export, path) if export else (_plain(table, path), 0)
    how = {"default_region": default_region, "on_existing": on_existing, "on_blank": on_blank, "ticket": ticket}
    wanted, problems = judge(rows, **how)
    used = {folded(name) for said in rows.names.values() for name in (re.findall(r"\{(.+?)\}", said) or [said])}
    facts = {"path": str(path.resolve()), "digest": digest(path), **table.facts, "rows": len(rows.lines)}
    facts |= {"mapping": mapping, "rows left out by the mapping": out} if export else {}
    facts |= {
        "user column": rows.names["user"],
        "columns": list(rows.names.values()),
        "ignored_columns": [name for name in table.header if name and folded(name) not in used],
        "methods": rows.methods,
        **as_their_column(wanted),
        **how,
    }
    return Source(wanted, problems, facts)


def judge(
    rows: Rows, *, default_region: str = "", on_existing: str = "keep", on_blank: str = "keep", ticket: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows → WANTED and PROBLEMS (see `read`). Raises `ParameterError` for a region that is no country."""
    if default_region and not calling_code(default_region):
        raise ParameterError(f"default_region {default_region!r} is no country", remedy="two letters, such as NL")
    faults = _Faults(rows)
    _judge_people(rows, faults)
    overwrite = _flags(rows, "overwrite", on_existing == "update", faults)
    remove = _flags(rows, "remove", on_blank == "remove", faults)
    regions = _regions(rows, default_region)
    read_ = {m: _values(rows, m, regions, faults) for m in rows.methods}
    good = np.array([n for n in range(len(rows.lines)) if n not in faults.found], dtype=np.intp)
    tickets = [t or ticket for t in rows.cells["ticket"]] if "ticket" in rows.cells else [ticket] * len(rows.lines)
    many = len(read_)
    value, note = (_flat([found[part] for found in read_.values()], good) for part in (0, 1))
    blank = np.repeat(np.where(np.array(remove, dtype=bool)[good], "remove", "leave"), many)
    wanted = columns(
        WANTED,
        line=np.repeat(np.array(rows.lines, dtype=np.int64)[good], many),
        user=_repeated(rows.cells["user"], good, many),
        method=np.tile(np.array(list(read_), dtype=object), len(good)),
        intent=np.where(value != "", "set", blank),
        value=value,
        overwrite=np.repeat(np.array(overwrite, dtype=bool)[good], many),
        note=note,
        ticket=_repeated(tickets, good, many),
    )
    return _shared(wanted), faults.frame()


def _flat(parts: Sequence[list[str]], good: Any) -> Any:
    """One list per method → the good rows' texts, row by row."""
    texts = np.empty((len(good), len(parts)), dtype=object)
    for number, part in enumerate(parts):
        texts[:, number] = [part[n] for n in good]
    return texts.ravel()


def _repeated(texts: Sequence[str], good: Any, times: int) -> Any:
    chosen = np.empty(len(good), dtype=object)
    chosen[:] = [texts[n] for n in good]
    return np.repeat(chosen, times)


def _known(header: Sequence[str]) -> int:
    return len(_columns(header, Path(), strict=False))


def _plain(table: Table, path: Path) -> Rows:
    places = _columns(table.header, path, strict=True)
    cells = {f: list(map(_bare, table.columns[i])) for f, i in places.items()}
    return Rows(table.lines, cells, {f: table.header[i] for f, i in places.items()}, frozenset(table.beyond))


def _mapped(table: Table, export: mappings.Export, path: Path) -> tuple[Rows, int]:
    """The rows of another system's export, and how many it leaves out."""
    found = export.found(table.header)
    if "user" not in found or not any(m in found for m in KINDS):
        raise SourceError(
            f"{path} does not look like {export.name}: its columns are {', '.join(filter(None, table.header))[:200]}",
            remedy=f"the mapping wants one of {', '.join(export.columns['user'])}, and one with numbers or addresses",
        )
    chosen = export.chosen(table)
    cells = {f: [_bare(t) for t, yes in zip(ts, chosen, strict=True) if yes] for f, ts in export.cells(table).items()}
    lines = [line for line, yes in zip(table.lines, chosen, strict=True) if yes]
    return Rows(lines, cells, found, frozenset(table.beyond)), chosen.count(False)


def _bare(text: str) -> str:
    """Without the space around it and the characters that nobody sees; accents in one spelling."""
    if text.isascii():
        return text.strip()
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf").strip()


def _columns(header: Sequence[str], path: Path, *, strict: bool) -> dict[str, int]:
    """Field → position in the header."""
    found: dict[str, int] = {}
    for position, name in enumerate(header):
        at = next((f for f, names in aliases().items() if folded(name) in names), None)
        if at and at in found and strict:
            raise SourceError(
                f"{path}: columns {header[found[at]]!r} and {name!r} both mean {at}", remedy="rename or delete one"
            )
        if at:
            found.setdefault(at, position)
    if strict and "user" not in found:
        raise SourceError(
            f"{path} has no user column; its columns are: {', '.join(h for h in header if h)[:200]}",
            remedy="name the column UPN (or UserPrincipalName, Id); another system's export needs a `mapping`",
        )
    if strict and not any(m in found for m in KINDS):
        raise SourceError(f"{path} has no method column", remedy="add Mobile, AlternateMobile, OfficePhone or Email")
    return found


def _judge_people(rows: Rows, faults: _Faults) -> None:
    places: dict[str, list[int]] = defaultdict(list)
    for position, user in enumerate(rows.cells["user"]):
        if not user:
            faults.add(position, "user", "no_user", "the row names no user; fill the column or delete the row")
        if rows.lines[position] in rows.ragged:
            message = "more cells than the header; put quotes around values that hold a delimiter"
            faults.add(position, "", "ragged_row", message)
        if user:
            places[user.casefold()].append(position)
    for same in places.values():
        if len(same) > 1:
            _judge_twins(rows, same, faults)


def _judge_twins(rows: Rows, same: list[int], faults: _Faults) -> None:
    """Rows of one user: nobody can tell which of them is meant, unless they are one and the same."""
    said = {tuple(texts[n].casefold() for texts in rows.cells.values()) for n in same}
    lines = ", ".join(f"{rows.lines[n]:,}" for n in same[:5]) + (" …" if len(same) > 5 else "")
    rule, which = (
        ("duplicate_row", "say the same; keep one")
        if len(said) == 1
        else ("duplicate_user", "differ; keep the right one")
    )
    for position in same:
        faults.add(position, "user", rule, f"the user stands in lines {lines}, which {which}")


def _flags(rows: Rows, at: str, default: bool, faults: _Faults) -> list[bool]:
    if at not in rows.cells:
        return [default] * len(rows.lines)
    meaning = {text: default if not text else _FLAGS.get(text.lower()) for text in set(rows.cells[at])}
    for position, text in enumerate(rows.cells[at]):
        if meaning[text] is None:
            faults.add(position, at, "bad_flag", "not a flag; write TRUE or FALSE, in English")
    return [bool(meaning[text]) for text in rows.cells[at]]


def _regions(rows: Rows, default: str) -> Sequence[str]:
    """The country each row's national numbers are read in; a country that nobody knows reads none."""
    if "region" not in rows.cells:
        return [default.upper()] * len(rows.lines)
    known = {
        text: (text.upper() if calling_code(text) else "") if text else default.upper()
        for text in set(rows.cells["region"])
    }
    return [known[text] for text in rows.cells["region"]]


def _values(rows: Rows, method: str, regions: Sequence[str], faults: _Faults) -> tuple[list[str], list[str]]:
    """(values, notes) of one method; "" for a blank cell and for one that is wrong."""
    values, notes = [""] * len(rows.lines), [""] * len(rows.lines)
    filled = [position for position, text in enumerate(rows.cells[method]) if text]
    texts = [rows.cells[method][n] for n in filled]
    # A country code from a column of its own is an assumption.
    joined = len(re.findall(r"\{.+?\}", rows.names.get(method, ""))) > 1
    read_ = KINDS[method].parse(texts, [regions[n] for n in filled], joined)
    for position, found in zip(filled, read_, strict=True):
        if isinstance(found, PhoneProblem):
            faults.add(position, method, found.rule, f"{found}; {found.remedy}")
        else:
            values[position], notes[position] = found.value, found.note
    return values, notes


def as_their_column(wanted: pd.DataFrame) -> dict[str, int]:
    """A fact about how numbers were read: how many were read as the rest of their column, if any."""
    count = int(wanted["note"].str.contains(AS_ITS_COLUMN, regex=False).sum())
    return {"numbers read as the rest of their column": count} if count else {}


def _shared(wanted: pd.DataFrame) -> pd.DataFrame:
    """Notes on numbers that several users would get."""
    held = wanted[(wanted["intent"] == "set") & wanted["method"].isin(numbers())]
    often = held[held.duplicated("value", keep=False)]
    users = often.groupby("value")["user"].nunique()
    many = often.index[often["value"].map(users) > 1]
    add_note(wanted, wanted.index.get_indexer(many), _SHARED)
    return wanted


def pick(path: str | Path, lines: Iterable[int], facts: Mapping[str, Any]) -> str:
    """The header and those rows of a source file, as CSV text: the next input. Line numbers as in PROBLEMS.

    `facts`: how the file was read (`Source.facts`).
    """
    names = {mark: name for name, mark in table_file.DELIMITERS.items()}
    how = {"delimiter": names[facts.get("delimiter", "")], "sheet": facts.get("sheet", "")}
    export = mappings.load(facts["mapping"]) if facts.get("mapping") else None
    recognise = export.recognise if export else _known
    table = table_file.read(Path(path), recognise, encoding=facts.get("encoding", "auto"), **how)
    return table_file.write(table, set(lines))


def digest(path: str | Path) -> str:
    """SHA-256 of the file, "" when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
