"""The review of a plan: what the operator asks for is looked up, decided, written down; nothing is approved by itself.

Every decision is on the disk before it is shown (`decision_file`), and `memory` keeps the reviews of this kernel:
running the cell again, or everything after the kernel died, loses none. Only what is saved counts as an approval, and
numbers leave the kernel masked until somebody asks for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from authops.plan import excluded_before, plan_file
from authops.plan.decision_file import DecisionFile, recall, subject
from authops.plan.plan import NEVER, REASONS, YES, Plan
from authops.plan.selection import ACTS, COLUMNS, FACETS, PROBLEM, STATES, Decision, Selection
from authops.show import report
from authops.show.grid import Grid
from authops.show.views import View, box, straight
from authops.words.errors import GuardStop
from authops.words.frames import WRITES
from authops.words.redaction import mask_pair

OnSave = Callable[[list[str], list[dict[str, Any]], str, int], Path]
_WINDOW: Final = 60
_WINDOW_AT_MOST: Final = 500
_FACET_AT_MOST: Final = 500
_SIGNS: Final = {**report.SIGNS, PROBLEM: "?"}
_ATTENTION: Final = {
    "remark": "with a remark",
    "retiring": "texts and calls end",
    PROBLEM: "rows with a problem",
    "": "nothing remarkable",
}
_UNDO: Final = {NEVER: "cannot be taken back", YES: "can be taken back", "": "writes nothing"}
_SEALED: Final = {"add": "added", "update": "that replace a value", "remove": "removed"}
_READ_ONLY: Final = "nothing is decided here any more; preview again for what is still to be changed"
_DONE: Final = {"approve": "approved", "exclude": "excluded", "reopen": "open again"}
_log = logging.getLogger(__name__)


class Review:
    """Answers what a grid asks. `on_save` gets the approved ids, what was excluded, a note, and how many of them cannot
    be taken back, as it was typed; returns what it wrote.

    `now` is the clock, `by` the person; `notice` is said until there is something newer to say. `closed` says since
    when the plan was applied, after which nothing is decided any more; `note` is the ticket that stands already.
    """

    def __init__(
        self,
        selection: Selection,
        file: DecisionFile,
        *,
        by: str,
        now: Callable[[], datetime],
        on_save: OnSave,
        reveal: bool = False,
        notice: tuple[str, str] = ("", ""),
        closed: Callable[[], str] = lambda: "",
        note: str = "",
    ) -> None:
        self.selection, self.notice, self._file = selection, notice, file
        self._by, self._now, self._on_save, self._closed = by, now, on_save, closed
        self.note = note
        self._remarks = (selection.rows["attention"] == "remark").to_numpy(bool)
        self._revealed_all = reveal
        self._revealed = np.zeros(len(selection.rows), bool)
        self._rev, self._retired, self._saved = 0, False, False

    def retire(self) -> None:
        """Another review of the same changes was opened: this one decides nothing any more."""
        self._retired = True

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the browser asks, and say what it shows now. What goes wrong is said, never swallowed."""
        do = str(message.get("do"))
        try:
            self._do(do, message)
        except Exception as error:
            _log.exception("the review could not %s", do)
            self.notice = ("remove", f"not done: {type(error).__name__}: {error}")
        start = max(int(message.get("from") or 0), 0)
        count = min(max(int(message.get("count") or _WINDOW), 1), _WINDOW_AT_MOST)
        return self.shown(start, count) | {"looked": do == "look"}

    def _do(self, do: str, message: Mapping[str, Any]) -> None:
        if do == "look":
            return
        self._rev += 1
        if do == "filter":
            self.selection.look_for(message.get("filters") or {}, str(message.get("words") or ""))
        elif do == "sort":
            self.selection.sort_by(str(message.get("column")))
        elif do == "group":
            self.selection.group_by(str(message.get("column")))
        elif do != "reveal" and (since := self._closed()):
            self.notice = ("update", f"{_since(since)}; {_READ_ONLY}")
        elif self._retired:
            self.notice = ("update", "this review was opened again elsewhere in the notebook; go on there")
        elif do in ("save", "ticket"):
            self.note = str(message.get("note") or "").strip()
            if do == "save":
                self._save(self.note, str(message.get("number") or ""))
        elif do == "undo":
            self._take_back()
        elif "ranges" in message and message.get("view") != self.selection.view:
            self.notice = ("update", "the rows changed meanwhile; look again, nothing was decided")
        elif do == "decide":
            self._decide(self._act(message), message.get("ranges"), str(message.get("note") or "").strip())
        elif do == "reveal":
            self._reveal(message)

    def _act(self, message: Mapping[str, Any]) -> str:
        """What is to be done: `turn` goes by the row under the cursor as it is, not as the browser last saw it."""
        if message["act"] != "turn":
            return str(message["act"])
        now = self.selection.state[self.selection.order[int(message["at"])]]
        return "exclude" if now == ACTS["approve"] else "approve"

    def _decide(self, act: str, ranges: Sequence[Sequence[int]] | None, note: str) -> None:
        rows = self.selection.chosen(act, ranges)
        if not len(rows):
            self.notice = ("keep", "nothing to decide there: these rows write nothing")
            return
        why = note if act == "exclude" else ""
        decision = Decision(act, rows, why, self._by, self._now().isoformat("T", "seconds"))
        self._file.add(decision)
        self.selection.decide(decision)
        self._changed(f"{len(rows):,} {_DONE[act]}")

    def _take_back(self) -> None:
        if self.selection.history:
            self._file.take_back(by=self._by, at=self._now().isoformat("T", "seconds"))
            last = cast("Decision", self.selection.take_back())
            self._changed(f"taken back: {len(last.rows):,} {_DONE[last.act]}")

    def _changed(self, words: str) -> None:
        kind, how = ("update", "changed since, not saved") if self._saved else ("info", "not saved yet")
        self.notice = (kind, f"{words}; {how}")

    def _reveal(self, message: Mapping[str, Any]) -> None:
        if message.get("all") is not None:
            self._revealed_all = bool(message["all"])
            self._revealed[:] = False
        else:
            for a, b in message.get("ranges") or []:
                self._revealed[self.selection.order[max(a, 0) : max(b, 0)]] = bool(message.get("on"))
        _log.info("full numbers shown to %s: %s", self._by, "all" if self._revealed_all else int(self._revealed.sum()))

    def _save(self, note: str, typed: str) -> None:
        approved, excluded = self.selection.approved, self.selection.excluded
        if lost := self.selection.lost:
            said = typed.replace(",", "").strip()
            if said != str(lost):
                self.notice = ("remove", f"not saved: {lost:,} of these cannot be taken back, {_typed(said)}")
                return
        path = self._on_save(approved, excluded, note, lost)
        out = sum(len(entry["change_ids"]) for entry in excluded)
        self._saved = True
        counts = f"{len(approved):,} approved, {out:,} excluded" + (f", {lost:,} cannot be taken back" if lost else "")
        self.notice = ("add", f"✓ saved: {counts}, by {self._by}, in {_short(path)}")

    def hello(self) -> dict[str, Any]:
        """What a grid needs once: its columns, the values of its filters, and the first rows."""
        known = {name for name in COLUMNS if name not in ("line", "department", "undo")}
        known |= {"line"} if self.selection.rows["line"].ne(0).any() else set()
        known |= {"department"} if self.selection.rows["department"].ne("").any() else set()
        known |= {"undo"} if self.selection.irreversible.any() else set()
        shown = [name for name in FACETS if name in known or name not in COLUMNS]
        facets, more = {name: self._facet(name) for name in shown}, {name: self._beyond(name) for name in shown}
        columns = [name for name in COLUMNS if name in known]
        first = self.shown(0, _WINDOW)
        return {"columns": columns, "facets": facets, "more": more, "writes": list(WRITES), "first": first}

    def _beyond(self, name: str) -> int:
        return max(len(self.selection.facet(name)) - _FACET_AT_MOST, 0)

    def _facet(self, name: str) -> list[tuple[str, str, int]]:
        found = self.selection.facet(name)
        if len(found) > _FACET_AT_MOST:
            most = set(sorted(found, key=lambda pair: -pair[1])[:_FACET_AT_MOST])
            found = [pair for pair in found if pair in most]
        return [(value, _label(name, value, self.selection.reasons), count) for value, count in found]

    def shown(self, start: int, count: int) -> dict[str, Any]:
        """`count` rows of the view from `start` on, and the counts, as the browser shows them."""
        chosen = self.selection
        places = chosen.order[start : start + count]
        records = cast("list[dict[str, Any]]", chosen.rows.iloc[places].to_dict("records"))
        rows = [self._row(int(at), row) for at, row in zip(places, records, strict=True)]
        return {
            "what": "rows",
            "view": chosen.view,
            "rev": self._rev,
            "total": len(chosen.order),
            "from": start,
            "rows": rows,
            "state": self._state(),
        }

    def _state(self) -> dict[str, Any]:
        chosen = self.selection
        counts = chosen.counts
        problems = counts.get(PROBLEM, {}).get("all", 0)
        return {
            "counts": counts,
            "said": f"{chosen.said} · {problems:,} problems left alone",
            "all": len(chosen.rows),
            "deciding": int(chosen.writes[chosen.order].sum()),
            "decided": len(chosen.history),
            "note": self.note,
            "sealing": self._sealing(counts),
            "lost": chosen.lost,
            "closed": _since(self._closed()),
            "revealed": self._revealed_all,
            "filters": chosen.filters,
            "words": chosen.words,
            "sorted": chosen.sorted_by,
            "descending": chosen.descending,
            "kind": self.notice[0],
            "notice": straight(self.notice[1]),
        }

    def _sealing(self, counts: Mapping[str, Mapping[str, int]]) -> str:
        """What saving would seal, in words."""
        found = {action: counts.get(action, {}).get("approved", 0) for action in WRITES}
        if not (total := sum(found.values())):
            return "Saving approves nothing."
        parts = [f"{count:,} {_SEALED[action]}" for action, count in found.items() if count]
        remarks = int(np.count_nonzero(self._remarks & (self.selection.state == ACTS["approve"])))
        parts += [f"{remarks:,} with a remark"] if remarks else []
        seals = f"Saving seals {total:,} changes: {', '.join(parts)}."
        lost = self.selection.lost
        return f"{seals} {lost:,} of them cannot be taken back: type that number." if lost else seals

    def _row(self, at: int, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = bool(self._revealed_all or self._revealed[at])
        careful = str if shown and row["action"] != PROBLEM else report.mask_numbers
        words = {
            k: straight(careful(row[k]))
            for k in ("user", "name", "department", "method", "meaning", "remark", "ticket")
        }
        pair = row["before"], row["after"]
        before, after = pair if shown or row["action"] == PROBLEM else mask_pair(*pair)
        numbers = {"before": straight(before), "after": straight(after)}
        state = STATES[self.selection.state[at]] if self.selection.writes[at] else ""
        note = straight(self.selection.note_of(at)) if state == "excluded" else ""
        what = {"action": row["action"], "sign": _SIGNS[row["action"]], "line": int(row["line"]), "undo": row["undo"]}
        return what | words | numbers | {"reason": words["meaning"], "state": state, "note": note, "shown": shown}


memory: Final[dict[str, Review]] = {}


def review_plan(
    plan: Plan,
    folder: Path,
    broken: pd.DataFrame,
    users: pd.DataFrame | None = None,
    *,
    by: str,
    reveal: bool = False,
    now: Callable[[], datetime] = plan_file.utc_now,
    reasons: Mapping[str, str] = REASONS,
    saved: Callable[[str], object] = lambda _: None,
) -> Grid:
    """The review of a saved plan: saving writes `approval.json` into its folder; a broken guard refuses to save.

    `users`: USERS, for their departments; `reasons`: code → what it means in this plan;
    `saved` hears how many were approved.
    """

    def save(ids: list[str], excluded: list[dict[str, Any]], note: str, lost: int) -> Path:
        if len(broken):
            raise GuardStop(_broken(broken), remedy="raise the limit or shrink the file")
        how: dict[str, Any] = {"by": by, "now": now(), "note": note, "excluded": excluded, "irreversible": lost}
        path = plan_file.approve(plan, folder, ids, **how)
        out = sum(len(entry["change_ids"]) for entry in excluded)
        saved(f"{len(ids):,} by {by}" + (f", {out:,} excluded" if out else ""))
        return path

    known = None if users is None else users.drop_duplicates("user_id").set_index("user_id")["department"]
    selection = Selection(plan.changes, plan.problems, known, reasons)
    selection.look_for({"action": [a for a in (*WRITES, PROBLEM) if a in selection.counts]})
    if selection.irreversible.any():
        selection.group_by("user")
    file, said = _remembered(selection, plan, folder, by)
    notice = (
        ("remove", f"{_broken(broken)}: nothing can be saved") if len(broken) else _standing(plan, folder, selection)
    )
    before = memory.get(file.about)
    note = before.note if before else str((plan_file.standing(plan, folder) or {}).get("note", ""))
    review = Review(
        selection,
        file,
        by=by,
        now=now,
        on_save=save,
        reveal=reveal,
        notice=notice if notice[1] else said,
        closed=lambda: plan_file.closed(folder),
        note=note,
    )
    memory[file.about] = review
    return Grid(review.hello(), review.answer, _page(selection, reveal))


def _remembered(selection: Selection, plan: Plan, folder: Path, by: str) -> tuple[DecisionFile, tuple[str, str]]:
    """Take up what was decided about these very changes before: in this kernel, in this folder, in an earlier run."""
    file = DecisionFile(folder, subject(selection.changes))
    history, where = recall(folder, file.about, by=by)
    if before := memory.get(file.about):
        before.retire()
        history, where = list(before.selection.history), "in this kernel"
        selection.look_for(before.selection.filters, before.selection.words)
    said = f"{len(history):,} earlier decisions taken up again ({where}); not saved yet"
    if not history:
        history, where = excluded_before.recall(plan, folder)
        count = sum(len(decision.rows) for decision in history)
        said = f"{count:,} that were excluded in {where} are excluded again, with the notes of then; not saved yet"
    for decision in history:
        selection.decide(decision)
    file.begin(history)
    return file, ("info", said) if history else ("", "")


def _standing(plan: Plan, folder: Path, selection: Selection) -> tuple[str, str]:
    """What the approval that is there already says about what is ticked now."""
    standing = plan_file.standing(plan, folder)
    if standing is None:
        return "", ""
    when = f"{len(standing['change_ids']):,} changes, by {standing['by']} at {standing['at']}"
    if standing["change_ids"] == selection.approved and standing.get("irreversible", 0) == selection.lost:
        return "add", f"✓ saved: {when}, in {folder.name}/approval.json"
    return "update", f"an approval of {when} is there already ({standing['note'] or 'no note'}); saving replaces it"


def _typed(said: str) -> str:
    return f"and {said[:9]} was typed" if said else "and their number was not typed"


def _since(closed: str) -> str:
    return f"this plan was applied, and is closed since {closed}" if closed else ""


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _broken(broken: pd.DataFrame) -> str:
    return f"{', '.join(broken['guard'])} would be broken"


def _page(selection: Selection, reveal: bool) -> View:
    """The review for a page without a kernel: the counts as they were when the cell ran, and the table."""
    table = report.changes(selection.changes, reveal=reveal, actions=WRITES, reasons=selection.reasons)
    said = f"When this cell ran: {selection.said}. What was approved stands in approval.json."
    return View(box(said, "info") + table.html, f"{said}\n{table.plain}")


def _label(name: str, value: str, reasons: Mapping[str, str]) -> str:
    if name == "attention":
        return _ATTENTION[value]
    if name == "undo":
        return _UNDO[value]
    if name == "action":
        return f"{_SIGNS[value]} {value}"
    if name == "reason":
        return reasons.get(value, value.replace("_", " "))
    return straight(report.mask_numbers(value)) or "none"


assert set(_DONE) == set(ACTS)
