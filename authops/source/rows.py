"""What a source says of people, row by row, and what is wrong with a row, before anything is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from authops.methods.kinds import KINDS
from authops.words.frames import PROBLEMS, frame
from authops.words.redaction import mask, mask_cell


@dataclass(frozen=True)
class Rows:
    """What a source says, before it is judged: field → one text per row.

    `names`: field → what the source calls it. `ragged`: lines with more cells than the header; `quoted`: lines that
    are one quoted cell; `short`: lines that end before a column that is read → (how many cells, of how many), `cut`:
    the one of them in which the file ends. The field `region`, where there is one, tells the country that a row's
    national numbers are read in. `kinds`: the one method that each row speaks of, where a file has a row for each.
    `beside`: the name that stands beside an object id. `doubts`: field → line → why its cell is not what a person
    sees; `formulas`: field → lines whose cell was calculated. `unread`: what the source holds, and is not read, and
    why.
    """

    lines: Sequence[int]
    cells: Mapping[str, Sequence[str]]
    names: Mapping[str, str]
    ragged: frozenset[int] = frozenset()
    quoted: frozenset[int] = frozenset()
    short: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    cut: int = 0
    kinds: Sequence[str] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    formulas: Mapping[str, AbstractSet[int]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def methods(self) -> list[str]:
        """The methods there is a field for, in the order of KINDS."""
        return [m for m in KINDS if m in self.cells]


@dataclass
class Faults:
    """Position of a row → the first thing that is wrong with it: field, rule, message."""

    rows: Rows
    found: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, position: int, at: str, rule: str, message: str) -> None:
        """Note a fault, unless the row has one."""
        self.found.setdefault(position, (at, rule, message))

    def frame(self) -> pd.DataFrame:
        """All of them as PROBLEMS."""
        return frame(PROBLEMS, [self._row(position, *self.found[position]) for position in sorted(self.found)])

    def _row(self, position: int, at: str, rule: str, message: str) -> dict[str, Any]:
        cells, line = self.rows.cells, self.rows.lines[position]
        user = "" if line in self.rows.quoted else mask_cell(cells["user"][position])
        value = cells[at][position] if at in cells and line not in self.rows.quoted else ""
        hidden = at in KINDS or (at != "user" and "@" in value)
        what = {"column": self.rows.names.get(at, ""), "value": mask_cell(mask(value) if hidden else value)}
        return {"line": line, "user": user} | what | {"rule": rule, "message": message}
