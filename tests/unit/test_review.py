"""The review without a browser: nothing approved by itself, nothing lost, nothing swallowed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from authops import guards, plan, plan_file
from authops import review as module
from authops.errors import PlanError
from authops.frames import CHANGES, PROBLEMS, empty, frame
from authops.review import Reviewer, review, review_plan

Saved = list[tuple[list[str], str]]


def changes(count: int = 120) -> pd.DataFrame:
    actions = ["add", "update", "remove", "keep"]
    return frame(
        CHANGES,
        [
            {
                "change_id": f"c{i:04}",
                "line": i + 2,
                "user_id": f"u{i}",
                "user_principal_name": f"user{i}@x.org",
                "display_name": "<img src=x onerror=alert(1)>",
                "method": "mobile",
                "action": actions[i % 4],
                "before": "+31 698765432" if i % 4 else "",
                "after": "+31 612345678" if i % 4 < 2 else "",
                "reason": "no_method",
                "step": 1,
            }
            for i in range(count)
        ],
    )


@pytest.fixture(autouse=True)
def forget() -> None:
    module.memory.clear()


@pytest.fixture
def saved() -> Saved:
    return []


@pytest.fixture
def shown(saved: Saved) -> Reviewer:
    def on_save(ids: list[str], note: str) -> Path:
        saved.append((ids, note))
        return Path("/runs/1/approval.json")

    return review(changes(), empty(PROBLEMS), on_save=on_save)


def test_nothing_is_approved_until_somebody_says_so(shown: Reviewer, saved: Saved) -> None:
    shown.save_button.click()
    assert saved == [([], "")]


def test_approve_all_shown_takes_every_filtered_page_and_only_writes(shown: Reviewer, saved: Saved) -> None:
    shown.approve_all.click()
    shown.note.value = " CHG-1 "
    shown.save_button.click()
    ids, note = saved[0]
    assert len(ids) == 90 and ids == sorted(ids) and note == "CHG-1"
    assert "/runs/1/approval.json" in shown.saved.value


def test_filters_and_exclude(shown: Reviewer) -> None:
    shown.approve_all.click()
    shown.action.value = "remove"
    shown.exclude_all.click()
    assert "30 of 30 add · 30 of 30 update · 0 of 30 remove" in shown.counts.value
    shown.action.value, shown.words.value = "all", "USER11@"
    assert list(shown.selection.filtered["change_id"]) == ["c0011"]


def test_a_ticked_box_is_that_change_on_any_page(shown: Reviewer) -> None:
    shown.on.click()
    shown.rows[0][0].value = True
    assert shown.selection.decision.approved == {"c0050"}
    shown.back.click()
    assert not any(box.value for box, _ in shown.rows)
    shown.on.click()
    assert [box.value for box, _ in shown.rows].count(True) == 1


def test_a_row_that_writes_nothing_cannot_be_ticked(shown: Reviewer) -> None:
    assert shown.rows[3][0].disabled
    shown.rows[3][0].value = True
    assert shown.selection.decision.approved == set()


def test_pages_end(shown: Reviewer) -> None:
    for _ in range(9):
        shown.on.click()
    assert "page 3 of 3" in shown.where.value and shown.on.disabled
    assert [line.layout.display for line in shown._lines].count("flex") == 20


def test_running_the_cell_again_loses_nothing_and_another_plan_starts_empty(shown: Reviewer) -> None:
    shown.approve_all.click()
    again = review(changes(), empty(PROBLEMS), on_save=lambda ids, note: Path())
    other = review(changes(8), empty(PROBLEMS), on_save=lambda ids, note: Path())
    assert len(again.selection.decision.approved) == 90
    assert other.selection.decision.approved == set()


def test_what_on_save_says_is_shown() -> None:
    def on_save(ids: list[str], note: str) -> Path:
        raise PlanError("the plan <expired>", remedy="run preview again")

    shown = review(changes(4), empty(PROBLEMS), on_save=on_save)
    shown.save_button.click()
    assert "the plan &lt;expired&gt;" in shown.saved.value and "run preview again" in shown.saved.value


def test_a_change_after_saving_says_that_it_is_not_saved(shown: Reviewer) -> None:
    shown.save_button.click()
    shown.approve_all.click()
    assert "not saved" in shown.saved.value


def test_rows_are_escaped_and_masked_also_without_a_kernel(shown: Reviewer) -> None:
    pages = [shown._repr_mimebundle_()["text/html"], shown._repr_mimebundle_()["text/plain"], shown.rows[0][1].value]
    for page in pages:
        assert "<img" not in page and "612345" not in page and "698765" not in page
    assert "user0@x.org" in pages[0] and "application/vnd.jupyter.widget-view+json" in shown._repr_mimebundle_()


def saved_plan(folder: Path) -> plan.Plan:
    made = plan.Plan(changes(4), empty(PROBLEMS), {"tenant_id": "t"})
    return plan_file.save(made, folder, now=plan_file.utc_now())


def test_a_saved_plan_is_approved_into_its_folder(tmp_path: Path) -> None:
    made = saved_plan(tmp_path)
    shown = review_plan(made, tmp_path, guards.breaches(made), by="ann")
    shown.rows[1][0].value = True
    shown.save_button.click()
    approval = json.loads((tmp_path / "approval.json").read_text("utf-8"))
    assert approval["change_ids"] == ["c0001"]
    assert approval["by"] == "ann"


def test_a_broken_guard_saves_nothing(tmp_path: Path) -> None:
    made = saved_plan(tmp_path)
    shown = review_plan(made, tmp_path, guards.breaches(made, max_removals=0), by="ann")
    shown.approve_all.click()
    shown.save_button.click()
    assert "max_removals would be broken" in shown.saved.value
    assert not (tmp_path / "approval.json").exists()
