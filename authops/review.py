"""The simple review: filter, tick, save. Nothing is approved until the operator says so.

`memory` keeps the decisions of this kernel, by the digest of the plan's rows: running the cell again loses nothing.
It is never saved with the notebook; only what `on_save` writes counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from authops import plan_file, report
from authops.errors import GuardStop
from authops.frames import ACTIONS, CHANGES, WRITES, check
from authops.plan import REASONS, Plan
from authops.views import STYLE, text

PAGE: Final = 50
OnSave = Callable[[list[str], str], Path]
_log = logging.getLogger(__name__)


@dataclass
class Decision:
    """The approved change ids; whatever is not in it is excluded."""

    approved: set[str] = field(default_factory=set)


memory: Final[dict[str, Decision]] = {}


@dataclass
class Selection:
    """What is filtered, on which page, and what was decided: everything but the widgets."""

    changes: pd.DataFrame
    decision: Decision
    action: str = "all"
    words: str = ""
    page: int = 0

    def __post_init__(self) -> None:
        words = self.changes["reason"].map(lambda code: report.reason_words(code, REASONS))
        for column in ("user_principal_name", "display_name", "method"):
            words = words + " " + self.changes[column]
        self._hay = words.astype("str").str.casefold()
        self.look_for(self.action, self.words)

    def look_for(self, action: str, words: str) -> None:
        """Filter by action, and by words in user, name, method or reason; back to the first page."""
        self.action, self.words, self.page = action, words, 0
        passes = self._hay.str.contains(words.strip().casefold(), regex=False)
        if action != "all":
            passes &= self.changes["action"] == action
        self.filtered = self.changes[passes]

    @property
    def pages(self) -> int:
        """How many pages the filter leaves, at least one."""
        return max(-(-len(self.filtered) // PAGE), 1)

    @property
    def on_page(self) -> pd.DataFrame:
        """The rows of this page."""
        return self.filtered.iloc[self.page * PAGE : (self.page + 1) * PAGE]

    @property
    def writes(self) -> set[str]:
        """Ids of the filtered changes that can be decided on: only those that write."""
        rows = self.filtered
        return set(rows.loc[rows["action"].isin(WRITES), "change_id"])

    def turn(self, by: int) -> None:
        """Pages on or back, never beyond the ends."""
        self.page = min(max(self.page + by, 0), self.pages - 1)

    def approve(self, ids: set[str]) -> None:
        """Approve these, as far as they write."""
        writes = self.changes.loc[self.changes["action"].isin(WRITES), "change_id"]
        self.decision.approved |= ids & set(writes)

    def exclude(self, ids: set[str]) -> None:
        """Take these back."""
        self.decision.approved -= ids

    @property
    def said(self) -> str:
        """The running counts, in words."""
        rows = self.changes
        approved = rows[rows["change_id"].isin(self.decision.approved)]["action"].value_counts()
        of = rows["action"].value_counts()
        parts = [f"{int(approved.get(a, 0)):,} of {int(of.get(a, 0)):,} {a}" for a in WRITES]
        return f"approved: {' · '.join(parts)}"


def review(changes: pd.DataFrame, problems: pd.DataFrame, *, reveal: bool = False, on_save: OnSave) -> Reviewer:
    """The review of these changes (CHANGES). `on_save` gets the sorted approved ids and a note, returns what it wrote.

    Rows that write nothing are shown, not selectable. Numbers are masked unless `reveal`.
    """
    check(changes, CHANGES)
    decision = memory.setdefault(plan_file.fingerprint(changes), Decision())
    return Reviewer(Selection(changes, decision), len(problems), reveal, on_save)


def review_plan(plan: Plan, folder: Path, broken: pd.DataFrame, *, by: str, reveal: bool = False) -> Reviewer:
    """The review of a saved plan: saving writes `approval.json` into its folder; a broken guard refuses to save."""

    def save(ids: list[str], note: str) -> Path:
        if len(broken):
            raise GuardStop(
                f"{', '.join(broken['guard'])} would be broken", remedy="raise the limit or shrink the file"
            )
        return plan_file.approve(plan, folder, ids, by=by, now=plan_file.utc_now(), note=note)

    return review(plan.changes, plan.problems, reveal=reveal, on_save=save)


class Reviewer:
    """The widgets around a `Selection`; in a page without a kernel it is a plain table."""

    def __init__(self, selection: Selection, problems: int, reveal: bool, on_save: OnSave) -> None:
        self.selection, self.problems, self.reveal, self._on_save = selection, problems, reveal, on_save
        self._w: Any = import_module("ipywidgets")
        self._drawing = False
        self._build()
        self.draw()

    def _build(self) -> None:
        w = self._w
        self.action = w.Dropdown(options=["all", *ACTIONS], value=self.selection.action, description="Action")
        self.words = w.Text(value=self.selection.words, placeholder="user, name, method or reason", description="Find")
        self.approve_all, self.exclude_all = w.Button(button_style="success"), w.Button()
        self.back, self.on = w.Button(description="Back"), w.Button(description="Next")
        self.where, self.counts, self.saved = w.HTML(), w.HTML(), w.HTML()
        self.note = w.Text(placeholder="ticket, or why", description="Note")
        self.save_button = w.Button(description="Save approved plan", button_style="primary", icon="save")
        self.rows = [
            (w.Checkbox(indent=False, layout=w.Layout(width="24px")), w.HTML(layout=w.Layout(flex="1 1 0")))
            for _ in range(PAGE)
        ]
        self._layout()
        self._listen()

    def _layout(self) -> None:
        w = self._w
        wide = w.Layout(width="auto", min_width="170px")
        for button in (self.approve_all, self.exclude_all, self.save_button):
            button.layout = wide
        self._lines = [w.HBox([box, line], layout=w.Layout(flex="0 0 auto")) for box, line in self.rows]
        self.box = w.VBox([
            w.HTML(STYLE),
            w.HBox([self.action, self.words, self.approve_all, self.exclude_all]),
            self.counts,
            w.VBox(self._lines, layout=w.Layout(max_height="60vh", overflow="auto")),
            w.HBox([self.back, self.where, self.on]),
            w.HBox([self.note, self.save_button]),
            self.saved,
        ])  # fmt: skip

    def _listen(self) -> None:
        self.action.observe(self._filter, "value")
        self.words.observe(self._filter, "value")
        self.approve_all.on_click(lambda _: self._decide(self.selection.approve))
        self.exclude_all.on_click(lambda _: self._decide(self.selection.exclude))
        self.back.on_click(lambda _: self._turn(-1))
        self.on.on_click(lambda _: self._turn(1))
        self.save_button.on_click(lambda _: self.save())
        for number, (box, _) in enumerate(self.rows):
            box.observe(lambda change, n=number: self._tick(n, change["new"]), "value")

    def _filter(self, _: Any) -> None:
        self.selection.look_for(self.action.value, self.words.value)
        self.draw()

    def _turn(self, by: int) -> None:
        self.selection.turn(by)
        self.draw()

    def _decide(self, how: Callable[[set[str]], None]) -> None:
        how(self.selection.writes)
        self._changed()
        self.draw()

    def _tick(self, number: int, ticked: bool) -> None:
        if self._drawing:
            return
        ids = {str(self.selection.on_page["change_id"].iloc[number])}
        (self.selection.approve if ticked else self.selection.exclude)(ids)
        self._changed()
        self._draw_counts()

    def _changed(self) -> None:
        if self.saved.value:
            self.saved.value = _said("changed since, not saved", "update")

    def save(self) -> None:
        """Hand the decision to `on_save`, and show the file or, in its own words, why not."""
        try:
            path = self._on_save(sorted(self.selection.decision.approved), self.note.value.strip())
        except Exception as error:
            _log.exception("the approval was not saved")
            self.saved.value = _said(f"not saved: {type(error).__name__}: {error}", "remove")
        else:
            self.saved.value = _said(f"✓ {len(self.selection.decision.approved):,} changes approved, in {path}", "add")

    def draw(self) -> None:
        """Show the page as the selection has it."""
        self._drawing = True
        try:
            rows = cast("list[dict[str, Any]]", self.selection.on_page.to_dict("records"))
            for number, line in enumerate(self._lines):
                self._draw_row(number, line, rows[number] if number < len(rows) else None)
            self._draw_counts()
        finally:
            self._drawing = False

    def _draw_row(self, number: int, line: Any, row: dict[str, Any] | None) -> None:
        line.layout.display = "flex" if row else "none"
        if row:
            box, words = self.rows[number]
            box.disabled = row["action"] not in WRITES
            box.value = row["change_id"] in self.selection.decision.approved
            words.value = _line(row, self.reveal)

    def _draw_counts(self) -> None:
        chosen, found = self.selection, self.selection.filtered
        self.approve_all.description = f"Approve all shown ({len(chosen.writes):,})"
        self.exclude_all.description = f"Exclude all shown ({len(chosen.writes):,})"
        self.counts.value = _said(f"{chosen.said} · {self.problems:,} problems left alone", "info")
        self.where.value = f"{len(found):,} shown, page {chosen.page + 1:,} of {chosen.pages:,}"
        self.back.disabled, self.on.disabled = chosen.page == 0, chosen.page + 1 >= chosen.pages

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widgets, and for a page without a kernel the counts and the table."""
        bundle = self.box._repr_mimebundle_(**kwargs) or {}
        table = report.changes(self.selection.changes, reveal=self.reveal, actions=WRITES, reasons=REASONS)
        html = f"{_said(self.selection.said, 'info')}{table._repr_html_()}"
        return {**bundle, "text/html": html, "text/plain": self.selection.said}


def _said(words: str, kind: str) -> str:
    return f'<div class="ao"><div class="box {kind}">{text(words)}</div></div>'


def _line(row: dict[str, Any], reveal: bool) -> str:
    cells = report.change_cells(row, reveal=reveal, reasons=REASONS)
    inner = "".join(f'<td style="width:{wide}%">{cell}</td>' for cell, wide in zip(cells, _WIDTHS, strict=True))
    body = f'<tbody><tr class="{row["action"]}">{inner}</tr></tbody>'
    style = "table-layout:fixed;width:100%;min-width:820px"
    return f'<div class="ao" style="margin:0"><table style="{style}">{body}</table></div>'


_WIDTHS: Final = (10, 5, 26, 13, 29, 17)
