"""Other systems' exports: a YAML file says which of their columns is which of our fields, and how to read it.

`columns`: field → a column, a text with `{columns}` in it, or several of these, of which the first that the file has is
taken. `constants`: field → one text for all rows. `rewrite`: field → [{find, become}], regular expressions in order.
`only`: column → a regular expression; rows that do not match as a whole, whatever the case, are left out and counted.
Whatever stands there is a text, with quotes or without: yes, NO and 01 are themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authops.methods.kinds import values
from authops.source.table import Table
from authops.words import yaml_file
from authops.words.errors import ParameterError, SourceError
from authops.words.places import project

_PARTS: Final = {"columns": dict, "constants": dict, "rewrite": dict, "only": dict}
_PLACE: Final = re.compile(r"\{([^{}]+)\}")
Rewrite = tuple[re.Pattern[str], str]


@dataclass(frozen=True)
class Export:
    """How one system's export is read."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    rewrite: Mapping[str, tuple[Rewrite, ...]] = field(default_factory=dict)
    only: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def recognise(self, header: Sequence[str]) -> int:
        """How many of the fields, and of the columns that choose rows, a header has."""
        return len(self.found(header)) + sum(folded(name) in set(map(folded, header)) for name in self.only)

    def found(self, header: Sequence[str]) -> dict[str, str]:
        """Field → the column or text that serves it in a file with this header."""
        known = set(map(folded, header))
        fitting = {f: next((c for c in cs if _needs(c) <= known), "") for f, cs in self.columns.items()}
        return {f: column for f, column in fitting.items() if column}

    def positions(self, header: Sequence[str], column: str) -> list[int]:
        """Where the columns stand that a column or text of this mapping reads."""
        return [n for n, name in enumerate(header) if folded(name) in _needs(column)]

    def cells(self, table: Table) -> dict[str, list[str]]:
        """Field → its text in every row, rewritten."""
        columns = self._columns(table)
        found = {f: _filled(column, columns) for f, column in self.found(table.header).items()}
        found |= {f: [text] * len(table.lines) for f, text in self.constants.items()}
        return {f: _rewritten(texts, self.rewrite.get(f, ())) for f, texts in found.items()}

    def chosen(self, table: Table) -> list[bool]:
        """Whether each row belongs to it. A column that is not there chooses nothing."""
        columns = self._columns(table)
        rules = [(columns[folded(name)], rule) for name, rule in self.only.items() if folded(name) in columns]
        return [all(rule.fullmatch(c[row].strip()) for c, rule in rules) for row in range(len(table.lines))]

    def _columns(self, table: Table) -> dict[str, list[str]]:
        """Folded name → column. Raises `SourceError` when one that is read stands there twice."""
        names = list(map(folded, table.header))
        used = set(map(folded, self.only)).union(*map(_needs, self.found(table.header).values()))
        if twice := [
            said for said, name in zip(table.header, names, strict=True) if name in used and names.count(name) > 1
        ]:
            raise SourceError(
                f"mapping {self.name} reads {twice[0]!r}, and {len(twice)} columns are called that",
                remedy="rename or delete those that are not meant",
            )
        return dict(zip(names, table.columns, strict=True))


def fields() -> tuple[str, ...]:
    """What a mapping may name: the user, each kind of method, and how a row is meant."""
    return ("user", *values(), "overwrite", "remove", "ticket", "region")


def folded(name: str) -> str:
    """A column's name as it is compared: letters and digits, lower case."""
    return "".join(c for c in name.lower() if c.isalnum())


def _needs(column: str) -> set[str]:
    return {folded(name) for name in _PLACE.findall(column) or [column]}


def _filled(column: str, columns: Mapping[str, list[str]]) -> list[str]:
    """One column, or a text with several in it; blank when the last of these is."""
    places = _PLACE.findall(column)
    if not places:
        return [text.strip() for text in columns[folded(column)]]
    parts = [columns[folded(name)] for name in places]
    shape = _PLACE.sub("{}", column)
    return [shape.format(*map(str.strip, row)) if row[-1].strip() else "" for row in zip(*parts, strict=True)]


def _rewritten(texts: list[str], rules: Sequence[Rewrite]) -> list[str]:
    for find, become in rules:
        texts = [find.sub(become, text) for text in texts]
    return texts


def _rewrite(rule: Mapping[str, Any]) -> Rewrite:
    """A rule that was tried: a group that is not there is found now, not in row 4,711."""
    find, become = re.compile(rule["find"]), str(rule["become"])
    find.sub(become, "")
    return find, become


def load(name: str, *, above: Path | None = None) -> Export:
    """A mapping by name (`parameters/mappings/NAME.yaml`) or by path. Raises `SourceError` that says what is wrong."""
    path = (
        Path(name)
        if name.endswith((".yaml", ".yml"))
        else (above or project() / "parameters/mappings") / f"{name}.yaml"
    )
    if not path.is_file():
        ready = ", ".join(sorted(p.stem for p in (above or project() / "parameters/mappings").glob("*.yaml")))
        raise SourceError(f"mapping {path} is not there", remedy=f"ready ones: {ready}")
    try:
        said = yaml_file.read_texts(path, remedy="put quotes around texts")
    except ParameterError as error:
        raise SourceError(f"mapping {error.message}", remedy=error.remedy) from error
    wrong = _wrong(said)
    if wrong:
        raise SourceError(f"mapping {path}: {wrong}", remedy="see docs/sources.md")
    return _export(path, said)


def _wrong(said: Any) -> str:
    if not isinstance(said, dict) or not isinstance(said.get("columns"), dict):
        return "it needs `columns`"
    odd = [name for name, part in said.items() if name not in _PARTS or not isinstance(part, _PARTS[name])]
    if odd:
        return f"{', '.join(map(str, odd))}: not one of {', '.join(_PARTS)}, or not a list of names"
    known = fields()
    if blank := [part for part in _PARTS for f, text in said.get(part, {}).items() if not f or not text]:
        return f"{blank[0]}: a name or a text is missing"
    odd = [f for part in ("columns", "constants", "rewrite") for f in said.get(part, {}) if f not in known]
    if odd:
        return f"{', '.join(map(str, odd))}: not one of {', '.join(known)}"
    return "" if "user" in said["columns"] else "columns: user is missing"


def _export(path: Path, said: Mapping[str, Any]) -> Export:
    try:
        return Export(
            path.stem,
            {f: tuple(map(str, c if isinstance(c, list) else [c])) for f, c in said["columns"].items()},
            {f: str(text) for f, text in said.get("constants", {}).items()},
            {f: tuple(map(_rewrite, rules)) for f, rules in said.get("rewrite", {}).items()},
            {c: re.compile(str(rule), re.IGNORECASE) for c, rule in said.get("only", {}).items()},
        )
    except (re.error, LookupError, TypeError) as error:
        raise SourceError(
            f"mapping {path}: {type(error).__name__}: {error}", remedy="rewrite is a list of {find, become}"
        ) from error
