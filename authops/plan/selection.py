"""What an operator sees of a plan and what they decided, without a browser: filters, order, decisions, counts.

Every change and every problem is a row. Rows that write can be decided on: they are open until somebody approves or
excludes them. The history of decisions is the truth and the state of the rows follows from it, so that taking one back
or reading them from a file is the same as having made them. Decisions name rows by position in the plan's changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from authops.methods.kinds import KINDS
from authops.plan.notes import attention
from authops.plan.plan import NEVER, REASONS, YES, undo
from authops.words.frames import ACTIONS, CHANGES, PROBLEMS, WRITES, check

Positions = npt.NDArray[np.intp]
STATES: Final = ("open", "approved", "excluded")
ACTS: Final = {"reopen": 0, "approve": 1, "exclude": 2}
FACETS: Final = ("action", "method", "undo", "reason", "domain", "department", "attention", "decision")
COLUMNS: Final = ("decision", "action", "line", "user", "department", "method", "undo", "before", "after", "reason")
PROBLEM: Final = "problem"
_SEARCHED: Final = ("action", "user", "name", "department", "method", "meaning", "remark", "ticket")


@dataclass(frozen=True, eq=False)
class Decision:
    """One act of an operator: what (one of ACTS), on which rows, why, by whom and when (UTC, ISO 8601)."""

    act: str
    rows: Positions
    note: str
    by: str
    at: str


class Selection:
    """The rows of a plan in view, and what was decided about them.

    `changes`: CHANGES; `problems`: PROBLEMS; `departments`: the department of each user id that is known (its index);
    `reasons`: code → what it means in this plan.
    `view` counts every filtering and sorting, so that a position in the view can never be read as one of another view.
    """

    def __init__(
        self,
        changes: pd.DataFrame,
        problems: pd.DataFrame,
        departments: pd.Series[str] | None = None,
        reasons: Mapping[str, str] = REASONS,
    ) -> None:
        self.changes = check(changes, CHANGES)
        self.reasons = reasons
        self.rows = _rows(changes, check(problems, PROBLEMS), departments, reasons)
        self.writes = self.rows["action"].isin(WRITES).to_numpy()
        self.irreversible = (self.rows["undo"] == NEVER).to_numpy(bool)
        self.history: list[Decision] = []
        self.filters: dict[str, list[str]] = {}
        self.words, self.sorted_by, self.descending = "", "", False
        first = {
            "action": [*ACTIONS, PROBLEM],
            "method": [*KINDS, ""],
            "attention": ["remark", PROBLEM, ""],
            "undo": [NEVER, YES, ""],
        }
        self._codes = {name: _codes(self.rows[name], first.get(name)) for name in FACETS if name != "decision"}
        self._ranks: dict[str, npt.NDArray[Any]] = {}
        self._hay: pd.Series[str] | None = None
        self._clear()
        self.view, self.order = 0, np.arange(len(self.rows))

    def _clear(self) -> None:
        self.state = np.zeros(len(self.rows), np.int8)
        self._decided_by = np.full(len(self.rows), -1, np.int32)

    # what is in view

    def look_for(self, filters: Mapping[str, Collection[str]], words: str = "") -> None:
        """Show the rows that have one of the values of each named facet (FACETS) and all of the words."""
        self.filters = {name: list(values) for name, values in filters.items() if name in FACETS and values}
        self.words = words.strip()
        self._arrange()

    def sort_by(self, column: str) -> None:
        """Sort by one of COLUMNS; the same again turns it round, a third time brings the plan's order back."""
        if column not in COLUMNS:
            return
        if self.sorted_by != column:
            self.sorted_by, self.descending = column, False
        elif not self.descending:
            self.descending = True
        else:
            self.sorted_by, self.descending = "", False
        self._arrange()

    def group_by(self, column: str) -> None:
        """Rows with one value of a column together; none of COLUMNS: the plan's order."""
        self.sorted_by, self.descending = (column if column in COLUMNS else ""), False
        self._arrange()

    def _arrange(self) -> None:
        passes = np.ones(len(self.rows), bool)
        for name, values in self.filters.items():
            passes &= self._has(name, values)
        for word in self.words.lower().split():
            passes &= self._searched.str.contains(word, regex=False).to_numpy(bool)
        found = np.flatnonzero(passes)
        if self.sorted_by:
            ranks = self._ranked(self.sorted_by)[found]
            found = found[np.argsort(-ranks if self.descending else ranks, kind="stable")]
        self.order, self.view = found, self.view + 1

    def _has(self, name: str, values: Sequence[str]) -> npt.NDArray[np.bool_]:
        if name == "decision":
            wanted = [STATES.index(v) for v in values if v in STATES]
            return np.isin(self.state, wanted) & self.writes
        codes, known = self._codes[name]
        return np.asarray(np.isin(known, list(values))[codes])

    @property
    def _searched(self) -> pd.Series[str]:
        """All words of a row, and its numbers without white space: whoever knows a number may look for it."""
        if self._hay is None:
            hay = self.rows["before"].str.replace(" ", "", regex=False)
            hay = hay + " " + self.rows["after"].str.replace(" ", "", regex=False)
            for name in _SEARCHED:
                hay = hay + " " + self.rows[name]
            self._hay = hay.str.lower()
        return self._hay

    def _ranked(self, column: str) -> npt.NDArray[Any]:
        if column == "decision":
            return np.where(self.writes, self.state, len(STATES))
        if column == "line":
            return self.rows["line"].to_numpy()
        if column in self._codes:
            return self._codes[column][0]
        if column not in self._ranks:
            self._ranks[column] = _codes(self.rows[column], None)[0]
        return self._ranks[column]

    def facet(self, name: str) -> list[tuple[str, int]]:
        """The values of a facet with how many rows of the whole plan have each, in their order; none left out."""
        if name == "decision":
            return [(state, 0) for state in STATES]
        codes, known = self._codes[name]
        counts = np.bincount(codes, minlength=len(known))
        return [(str(value), int(n)) for value, n in zip(known, counts, strict=True) if n]

    # what was decided

    def chosen(self, act: str, ranges: Iterable[Sequence[int]] | None) -> Positions:
        """The rows an act would change: those that write, in these ranges [from, to) of the view, or all in view.

        Approving all in view leaves alone what was excluded: whoever excluded it meant it.
        """
        parts = [self.order[max(a, 0) : max(b, 0)] for a, b in ranges] if ranges is not None else [self.order]
        meant = np.zeros(len(self.rows), bool)
        for part in parts:
            meant[part] = True
        meant &= self.writes
        if act == "approve" and ranges is None:
            meant &= self.state != ACTS["exclude"]
        return np.flatnonzero(meant)

    def decide(self, decision: Decision) -> None:
        """Take a decision into account. Only rows that write can be decided on."""
        rows = decision.rows[decision.rows < len(self.rows)]
        rows = rows[self.writes[rows]]
        self.state[rows] = ACTS[decision.act]
        self._decided_by[rows] = len(self.history)
        self.history.append(decision)

    def take_back(self) -> Decision | None:
        """Undo the last decision; returns it, or None when there is none."""
        if not self.history:
            return None
        *earlier, last = self.history
        self.history.clear()
        self._clear()
        for decision in earlier:
            self.decide(decision)
        return last

    @property
    def approved(self) -> list[str]:
        """The ids of the approved changes, sorted."""
        return sorted(self.changes["change_id"].to_numpy()[np.flatnonzero(self.state == ACTS["approve"])].tolist())

    @property
    def lost(self) -> int:
        """How many of the approved changes cannot be taken back."""
        return int(np.count_nonzero(self.irreversible & (self.state == ACTS["approve"])))

    @property
    def excluded(self) -> list[dict[str, Any]]:
        """What was excluded: change ids with the note they were excluded with, by whom and when."""
        ids = self.changes["change_id"].to_numpy()
        rows = np.flatnonzero(self.state == ACTS["exclude"])
        found = []
        for number in np.unique(self._decided_by[rows]):
            said = self.history[number]
            mine = ids[rows[self._decided_by[rows] == number]].tolist()
            found.append({"change_ids": sorted(mine), "note": said.note, "by": said.by, "at": said.at})
        return found

    def note_of(self, row: int) -> str:
        """The note of the decision that a row stands under, if there is one."""
        number = int(self._decided_by[row])
        return self.history[number].note if number >= 0 else ""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Action (of those that occur) → how many there are, and how many of them are in each of STATES."""
        codes, known = self._codes["action"]
        cells = np.bincount(codes * len(STATES) + self.state, minlength=len(known) * len(STATES))
        table = cells.reshape(len(known), len(STATES)).tolist()
        return {
            str(action): {"all": sum(states)} | dict(zip(STATES, states, strict=True))
            for action, states in zip(known, table, strict=True)
            if any(states)
        }

    @property
    def said(self) -> str:
        """The running counts, in words."""
        found = self.counts
        counts = {a: found.get(a, dict.fromkeys(("all", *STATES), 0)) for a in WRITES}
        parts = [f"{of['approved']:,} of {of['all']:,} {a}" for a, of in counts.items()]
        excluded = sum(of["excluded"] for of in counts.values())
        return f"approved: {' · '.join(parts)} · {excluded:,} excluded"


def _rows(
    changes: pd.DataFrame, problems: pd.DataFrame, departments: pd.Series[str] | None, reasons: Mapping[str, str]
) -> pd.DataFrame:
    """Changes and, after them, problems, in the columns that are shown, searched and filtered by."""
    rows = pd.DataFrame(
        {
            "action": changes["action"],
            "line": changes["line"],
            "user": changes["user_principal_name"],
            "name": changes["display_name"],
            "department": "" if departments is None else changes["user_id"].map(departments).astype("str").fillna(""),
            "method": changes["method"],
            "undo": undo(changes),
            "before": changes["before"],
            "after": changes["after"],
            "reason": changes["reason"],
            "meaning": changes["reason"].map({code: reasons.get(code, code) for code in changes["reason"].unique()}),
            "remark": changes["note"],
            "ticket": changes["ticket"],
            "attention": changes["note"].map({note: attention(note) for note in changes["note"].unique()}),
        }
    )
    column = (": " + problems["column"]).where(problems["column"] != "", "")
    left = pd.DataFrame(
        {
            "action": PROBLEM,
            "line": problems["line"],
            "user": problems["user"],
            "after": problems["value"],
            "reason": problems["rule"],
            "meaning": problems["rule"].str.replace("_", " ") + column,
            "remark": problems["message"],
            "attention": PROBLEM,
        }
    )  # fmt: skip
    whole = pd.concat([rows, left], ignore_index=True) if len(left) else rows.reset_index(drop=True)
    texts = {name: "str" for name in whole.columns if name != "line"}
    whole = whole.astype(texts | {"line": "int64"}).fillna(dict.fromkeys(texts, ""))
    user = whole["user"]
    domain = user.str.replace("^.*@", "", regex=True).str.lower()
    return whole.assign(domain=domain.where(user.str.contains("@", regex=False), ""))  # else an id, or a stray number


def _codes(values: pd.Series[Any], first: Sequence[str] | None) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
    """Each row's number among the distinct values, which stand in a given order or sorted."""
    if first is not None:
        known: list[Any] = [*first, *sorted(set(values.unique()) - set(first))]
        return pd.Index(known, dtype="str").get_indexer(pd.Index(values)), np.asarray(known, dtype=object)
    codes, found = pd.factorize(values, sort=True)
    return codes, np.asarray(found, dtype=object)
