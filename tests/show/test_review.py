"""The review without a browser: nothing approved by itself, nothing lost, nothing swallowed, nothing shown unasked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from authops.plan import decision_file, guards, plan, plan_file
from authops.plan.decision_file import DecisionFile
from authops.plan.selection import Decision
from authops.show import review as module
from authops.show.grid import Grid
from authops.show.review import review_plan
from authops.words.errors import GuardStop
from authops.words.frames import CHANGES, PROBLEMS, USERS, empty, frame
from tests.show.reviewed import HOSTILE, changes

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def forget() -> None:
    module.memory.clear()


def folder_of(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path, "20260102-preview-1")


def saved_plan(folder: Path, count: int = 120) -> plan.Plan:
    row = {"line": 9, "user": "lost@x.org", "column": "Mobile", "value": "+31 ******1", "rule": "not_a_number"}
    wrong = frame(PROBLEMS, [row | {"message": "+31 612345678 contains letters"}])
    made = plan.Plan(changes(count), wrong, {"tenant_id": "t"})
    return plan_file.save(made, folder, now=plan_file.utc_now())


class Operator:
    """Says to the grid what a browser says, and reads what comes back."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.seen: dict[str, Any] = grid.hello["first"]

    def does(self, do: str, **more: Any) -> dict[str, Any]:
        message = {"do": do, "from": 0, "count": 60, "view": self.seen["view"]} | more
        self.seen = self.grid._answer(message)
        json.dumps(self.seen)
        return self.seen

    @property
    def notice(self) -> str:
        return str(self.seen["state"]["notice"])


def opened(made: plan.Plan, folder: Path, *, by: str = "ann", **options: Any) -> Operator:
    broken = options.pop("broken", guards.breaches(made))
    return Operator(review_plan(made, folder, broken, by=by, now=lambda: NOW, **options))


def approval(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "approval.json").read_text("utf-8")))


def test_the_grid_opens_on_what_writes_and_what_has_a_problem(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    assert {row["action"] for row in shown.seen["rows"]} == {"add", "update", "remove"}
    assert shown.seen["total"] == 91
    assert shown.seen["state"]["all"] == 121
    assert shown.does("filter", filters={}, words="")["total"] == 121


def test_saving_at_once_approves_nothing(folder: Path) -> None:
    opened(saved_plan(folder), folder).does("save")
    assert approval(folder)["change_ids"] == []


def test_what_is_saved_is_what_was_approved_with_the_excluded_and_why(folder: Path) -> None:
    made = saved_plan(folder)
    shown = opened(made, folder)
    shown.does("filter", filters={"action": ["remove"]}, words="")
    shown.does("decide", act="exclude", ranges=[[0, 2], [5, 6]], note=" on holiday ")
    shown.does("filter", filters={}, words="")
    shown.does("decide", act="approve", ranges=None)
    shown.does("save", note=" CHG-1 ")
    out = ["c0002", "c0006", "c0022"]
    found = approval(folder)
    assert found["change_ids"] == sorted(set(made.writes["change_id"]) - set(out))
    assert (found["by"], found["note"], found["plan_digest"]) == ("ann", "CHG-1", made.header["digest"])
    assert found["excluded"] == [{"change_ids": out, "note": "on holiday", "by": "ann", "at": NOW.isoformat()}]
    assert "87 approved, 3 excluded" in shown.notice
    assert f"{folder.name}/approval.json" in shown.notice
    approved = plan_file.approved(made, folder, tenant_id="t", now=plan_file.utc_now())
    assert approved["change_id"].tolist() == [i for i in made.writes["change_id"] if i not in out]


def test_what_was_decided_after_the_save_holds_the_apply_until_it_is_saved_or_taken_back(folder: Path) -> None:
    made = saved_plan(folder)
    shown = opened(made, folder)
    shown.does("decide", act="approve", ranges=None)
    shown.does("save", note="CHG-1")
    asked = {"tenant_id": "t", "now": plan_file.utc_now()}
    whole = len(plan_file.approved(made, folder, **asked))
    for act, said in (("exclude", "0 changes more are approved, 2 no longer"), ("reopen", "2 no longer")):
        shown.does("decide", act=act, ranges=[[0, 2]])
        with pytest.raises(GuardStop, match=said):
            plan_file.approved(made, folder, **asked)
    shown.does("undo")
    shown.does("undo")
    assert len(plan_file.approved(made, folder, **asked)) == whole
    shown.does("decide", act="exclude", ranges=[[0, 2]])
    shown.does("save", note="CHG-1")
    assert len(plan_file.approved(made, folder, **asked)) == whole - 2


def test_an_applied_plan_is_closed_its_grid_reads_only_and_says_since_when(folder: Path) -> None:
    made = saved_plan(folder)
    shown = opened(made, folder)
    shown.does("decide", act="approve", ranges=[[0, 5]])
    shown.does("save", note="CHG-1")
    before = (folder / "approval.json").read_bytes()
    plan_file.close(folder, at=NOW)
    plan_file.close(folder, at=NOW.replace(year=2030))
    for act in ("decide", "save", "undo", "ticket"):
        shown.does(act, act="exclude", ranges=[[0, 2]], note="other")
        assert f"closed since {NOW.isoformat()}" in shown.notice
    assert shown.seen["state"]["closed"]
    assert (folder / "approval.json").read_bytes() == before
    assert shown.does("reveal", all=True)["state"]["revealed"]
    with pytest.raises(GuardStop, match="closed since"):
        plan_file.approve(made, folder, [], by="ann", now=NOW)


def test_the_grid_says_what_saving_would_seal_and_keeps_the_ticket(folder: Path) -> None:
    made = saved_plan(folder)
    shown = opened(made, folder)
    assert shown.does("look")["state"]["sealing"] == "Saving approves nothing."
    state = shown.does("decide", act="approve", ranges=None)["state"]
    counts = made.writes["action"].value_counts()
    assert f"Saving seals {len(made.writes):,} changes: {counts['add']:,} added" in state["sealing"]
    assert f"{counts['update']:,} that replace a value" in state["sealing"]
    shown.does("ticket", note=" CHG-7 ")
    again = opened(made, folder)
    assert again.seen["state"]["note"] == "CHG-7"
    again.does("save", note="CHG-8")
    module.memory.clear()
    assert opened(made, folder).seen["state"]["note"] == "CHG-8"
    facts = plan_file.approval(made, folder)
    assert (facts["ticket"], facts["excluded"]) == ("CHG-8", "nothing")
    assert facts["approved"] == f"{len(made.writes):,} changes by ann at {NOW.isoformat()}"


def gone(count: int = 6) -> pd.DataFrame:
    """Two people with a phone, a key and a token each, not one after the other; all of it is to go."""
    kinds = (("mobile", "+31 698765432"), ("fido2", "Key, not attested #k1"), ("softwareOath", "App #s1"))
    rows = [
        {"change_id": f"c{n}", "line": n, "user_id": f"u{n % 2}", "user_principal_name": f"user{n % 2}@x.org",
         "step": 1, "method": kinds[n % 3][0], "before": kinds[n % 3][1], "action": "remove", "reason": "leaver"}
        for n in range(count)
    ]  # fmt: skip
    return frame(CHANGES, rows)


def test_what_cannot_be_taken_back_is_a_column_and_a_filter_and_stands_person_by_person(folder: Path) -> None:
    made = plan_file.save(plan.Plan(gone(), empty(PROBLEMS)), folder, now=plan_file.utc_now())
    shown = opened(made, folder)
    hello = shown.grid.hello
    assert "undo" in hello["columns"]
    assert hello["facets"]["undo"] == [("never", "cannot be taken back", 4), ("yes", "can be taken back", 2)]
    assert [row["user"] for row in shown.seen["rows"]] == ["user0@x.org"] * 3 + ["user1@x.org"] * 3
    assert shown.seen["state"]["sorted"] == "user"
    rows = shown.does("filter", filters={"undo": ["never"]}, words="")["rows"]
    assert [(row["undo"], row["method"]) for row in rows].count(("never", "fido2")) == 2
    assert len(rows) == 4
    assert "cannot be taken back" in str(shown.grid._repr_mimebundle_()[0]["text/html"])


def test_where_all_can_be_taken_back_nothing_is_said_of_it(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    assert "undo" not in shown.grid.hello["columns"]
    assert "undo" not in shown.grid.hello["facets"]
    state = shown.does("decide", act="approve", ranges=None)["state"]
    assert (state["lost"], state["sorted"]) == (0, "")
    assert "taken back" not in state["sealing"] + str(shown.grid._repr_mimebundle_()[0]["text/html"])


@pytest.mark.parametrize(
    ("excluded", "typed", "said"),
    [
        ([], "", "not saved: 4 of these cannot be taken back, and their number was not typed"),
        ([], "3", "not saved: 4 of these cannot be taken back, and 3 was typed"),
        ([], "four", "not saved: 4 of these cannot be taken back, and four was typed"),
        ([], " 4 ", "6 approved, 0 excluded, 4 cannot be taken back"),
        ([[1, 2]], "4", "not saved: 3 of these cannot be taken back, and 4 was typed"),
        ([[1, 2]], "3", "5 approved, 1 excluded, 3 cannot be taken back"),
        ([[0, 1], [4, 5]], "4", "4 approved, 2 excluded, 4 cannot be taken back"),
        ([[0, 6]], "", "0 approved, 6 excluded"),
    ],
)
def test_it_is_approved_by_its_number_which_falls_with_what_is_excluded(
    folder: Path, excluded: list[list[int]], typed: str, said: str
) -> None:
    made = plan_file.save(plan.Plan(gone(), empty(PROBLEMS), {"tenant_id": "t"}), folder, now=plan_file.utc_now())
    shown = opened(made, folder)
    shown.does("decide", act="approve", ranges=None)
    state = shown.does("decide", act="exclude", ranges=excluded)["state"] if excluded else shown.seen["state"]
    if state["lost"]:
        assert state["sealing"].endswith(f"{state['lost']} of them cannot be taken back: type that number.")
    shown.does("save", note="CHG-1", number=typed)
    assert said in shown.notice
    assert (folder / "approval.json").exists() == ("not saved" not in said)
    if "not saved" not in said:
        assert approval(folder)["irreversible"] == state["lost"]
        rows = plan_file.approved(made, folder, tenant_id="t", now=plan_file.utc_now())
        assert len(rows) == int(said[0])


def test_a_change_after_saving_says_that_it_is_not_saved(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    shown.does("save")
    shown.does("decide", act="approve", ranges=None)
    assert "changed since, not saved" in shown.notice
    assert approval(folder)["change_ids"] == []


def test_what_was_meant_for_another_view_is_not_done(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    old = shown.seen["view"]
    shown.does("sort", column="user")
    shown.does("decide", act="approve", ranges=[[0, 5]], view=old)
    assert "nothing was decided" in shown.notice
    shown.does("decide", act="approve", ranges=None, view=old, all=True)
    assert "nothing was decided" in shown.notice
    shown.does("reveal", ranges=[[0, 9]], on=True, view=old)
    assert "612345" not in json.dumps(shown.seen)
    assert shown.seen["state"]["decided"] == 0


def test_a_double_click_is_two_turns(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    turn = {"act": "turn", "ranges": [[2, 3]], "at": 2, "note": "no"}
    states = [shown.does("decide", **turn)["rows"][2]["state"] for _ in range(3)]
    assert states == ["approved", "excluded", "approved"]


def test_a_decision_that_cannot_be_written_down_is_not_taken(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    (folder / decision_file.NAME).replace(folder / "moved")
    (folder / decision_file.NAME).mkdir()
    shown.does("decide", act="approve", ranges=None)
    assert "not done: IsADirectoryError" in shown.notice
    assert shown.seen["state"]["decided"] == 0


def test_a_broken_guard_saves_nothing_and_says_so_at_once(folder: Path) -> None:
    made = saved_plan(folder)
    shown = opened(made, folder, broken=guards.breaches(made, max_removals=0))
    assert "max_removals would be broken" in shown.notice
    shown.does("decide", act="approve", ranges=None)
    shown.does("save")
    assert "max_removals would be broken" in shown.notice
    assert "raise the limit" in shown.notice
    assert not (folder / "approval.json").exists()


def test_running_the_cell_again_goes_on_and_the_old_view_decides_nothing_more(folder: Path) -> None:
    made = saved_plan(folder)
    first = opened(made, folder)
    first.does("filter", filters={"action": ["add"]}, words="")
    first.does("decide", act="approve", ranges=None)
    first.does("decide", act="exclude", ranges=[[0, 1]], note="wrong person")
    again = opened(made, folder)
    assert again.seen["state"]["counts"]["add"] == {"all": 30, "open": 0, "approved": 29, "excluded": 1}
    assert again.seen["state"]["filters"] == {"action": ["add"]}
    first.does("decide", act="reopen", ranges=None)
    first.does("save")
    assert "opened again" in first.notice
    assert not (folder / "approval.json").exists()
    again.does("save")
    assert len(approval(folder)["change_ids"]) == 29


def test_a_dead_kernel_loses_no_decision_not_even_in_a_new_run(tmp_path: Path, folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)
    shown.does("decide", act="approve", ranges=None)
    shown.does("decide", act="exclude", ranges=[[0, 3]], note="left")
    shown.does("decide", act="reopen", ranges=None)
    shown.does("undo")
    module.memory.clear()
    later = folder_of(tmp_path, "20260103-preview-2")
    again = opened(saved_plan(later), later)
    assert "2 earlier decisions taken up again (20260102-preview-1)" in again.notice
    again.does("save")
    assert len(approval(later)["change_ids"]) == 87
    assert approval(later)["excluded"][0]["note"] == "left"
    module.memory.clear()
    third = opened(plan_file.load(later), later)
    assert "✓ saved: 87 changes, by ann" in third.notice


def test_other_changes_and_other_people_start_with_nothing(tmp_path: Path, folder: Path) -> None:
    opened(saved_plan(folder), folder).does("decide", act="approve", ranges=None)
    other, later = folder_of(tmp_path, "20260103-preview-2"), folder_of(tmp_path, "20260104-preview-3")
    assert opened(saved_plan(other, 119), other).seen["state"]["decided"] == 0
    module.memory.clear()
    assert opened(saved_plan(later), later, by="ben").seen["state"]["decided"] == 0


def test_an_approval_that_is_there_already_is_said(folder: Path) -> None:
    made = saved_plan(folder)
    plan_file.decide(made, folder, "all", guards.breaches(made), by="pipeline")
    shown = opened(made, folder)
    assert "90 changes, by pipeline" in shown.notice
    assert "saving replaces it" in shown.notice


def test_numbers_are_masked_until_they_are_asked_for(folder: Path) -> None:
    shown = opened(saved_plan(folder), folder)

    def text() -> str:
        return json.dumps(shown.seen)

    assert "345000" not in text()
    assert "698765" not in text()
    shown.does("reveal", ranges=[[0, 1]], on=True)
    assert "+31 612345000" in text()
    assert "345001" not in text()
    shown.does("reveal", ranges=[[0, 1]], on=False)
    assert "345000" not in text()
    shown.does("reveal", all=True)
    assert "+31 612345001" in text()
    shown.does("reveal", all=False)
    assert "34500" not in text()
    assert "612345678" not in json.dumps(shown.does("filter", filters={"action": ["problem"]}, words=""))


def test_a_number_in_a_column_of_words_is_masked_too_until_it_is_asked_for(folder: Path) -> None:
    number = "+31 687654321"
    row = {"line": 9, "user": number, "column": "UPN", "value": "", "rule": "unknown_user", "message": number}
    made = plan.Plan(changes(4).assign(ticket=number, note=number), frame(PROBLEMS, [row]), {"tenant_id": "t"})
    shown = opened(plan_file.save(made, folder, now=plan_file.utc_now()), folder)
    shown.does("filter", filters={}, words="")
    assert "687654321" not in json.dumps(shown.grid.hello) + json.dumps(shown.seen)
    assert [value for value, _, _ in shown.grid.hello["facets"]["domain"]] == ["", "x.org", "y.org"]
    assert "687654321" in json.dumps(shown.does("reveal", ranges=[[0, 1]], on=True))


def test_a_filter_with_too_many_values_says_how_many_it_leaves_out(folder: Path) -> None:
    data = changes(700).assign(user_principal_name=[f"u@d{n}.org" for n in range(700)])
    made = plan_file.save(plan.Plan(data, empty(PROBLEMS), {"tenant_id": "t"}), folder, now=plan_file.utc_now())
    shown = opened(made, folder)
    hello = shown.grid.hello
    assert (len(hello["facets"]["domain"]), hello["more"]["domain"], hello["more"]["method"]) == (500, 200, 0)
    assert shown.does("filter", filters={}, words="d699.org")["total"] == 1


def test_departments_come_from_the_users(folder: Path) -> None:
    made = saved_plan(folder)
    person = dict.fromkeys(USERS, "") | {"user_id": "u0", "department": "Sales", "account_enabled": True}
    shown = opened(made, folder, users=frame(USERS, [person]))
    assert ("Sales", "Sales", 1) in shown.grid.hello["facets"]["department"]
    module.memory.clear()
    assert "department" not in opened(made, folder).grid.hello["columns"]


def test_a_page_without_a_kernel_shows_an_escaped_masked_table(folder: Path) -> None:
    bundle, _ = opened(saved_plan(folder), folder).grid._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for page in (bundle["text/html"], bundle["text/plain"]):
        assert "user0@x.org" in page
        assert "345000" not in page
        assert "698765" not in page
    assert HOSTILE not in bundle["text/html"]
    assert "onerror" in bundle["text/html"]


def test_characters_that_turn_the_reading_direction_do_not_reach_the_browser(folder: Path) -> None:
    data = changes(4)
    data.loc[0, "display_name"] = "ann\u202egro.x"
    made = plan_file.save(plan.Plan(data, empty(PROBLEMS), {"tenant_id": "t"}), folder, now=plan_file.utc_now())
    assert "\u202e" not in json.dumps(opened(made, folder).seen, ensure_ascii=False)


def decisions() -> list[Decision]:
    rows = [np.array([0, 1, 2, 7]), np.array([], dtype=np.intp), np.array([5])]
    return [Decision(act, r, "why", "ann", "at") for act, r in zip(("approve", "exclude", "reopen"), rows, strict=True)]


def test_decisions_come_back_from_the_disk_as_they_were(folder: Path) -> None:
    file = DecisionFile(folder, "about")
    first, second, third = decisions()
    file.begin([first])
    file.add(second)
    file.add(third)
    file.take_back(by="ann", at="at")
    found = decision_file.read(file.path, "about") or []
    assert [(d.act, d.rows.tolist(), d.note, d.by, d.at) for d in found] == [
        ("approve", [0, 1, 2, 7], "why", "ann", "at"),
        ("exclude", [], "why", "ann", "at"),
    ]
    assert file.path.stat().st_mode & 0o077 == 0
    assert decision_file.read(file.path, "other") is None


def test_a_line_that_the_machine_did_not_finish_is_not_read(folder: Path) -> None:
    file = DecisionFile(folder, "about")
    file.begin(decisions()[:2])
    with file.path.open("a") as half:
        half.write('{"act": "approve", "rows": [[0')
    assert len(decision_file.read(file.path, "about") or []) == 2


def test_decisions_hold_for_exactly_the_same_changes() -> None:
    data = changes(9)
    same = pd.concat([data.iloc[:4], data.iloc[4:]])
    assert decision_file.subject(same) == decision_file.subject(data)
    for column in ("before", "after", "action", "user_id"):
        assert decision_file.subject(data.assign(**{column: data[column].where(data.index != 3, "z")})) != (
            decision_file.subject(data)
        )


def from_file(folder: Path, path: str, count: int = 120) -> plan.Plan:
    made = plan.Plan(changes(count), empty(PROBLEMS), {"tenant_id": "t", "source": {"path": path, "digest": path}})
    return plan_file.save(made, folder, now=plan_file.utc_now())


def test_who_was_excluded_from_a_file_is_excluded_when_it_is_previewed_again(tmp_path: Path) -> None:
    first = folder_of(tmp_path, "20260102T000000Z-preview-1")
    operator = opened(from_file(first, "a.csv"), first)
    operator.does("decide", act="exclude", ranges=[[0, 2]], note="on leave")
    operator.does("decide", act="approve", ranges=None)
    operator.does("save")
    module.memory.clear()
    again = folder_of(tmp_path, "20260103T000000Z-preview-2")
    later = opened(from_file(again, "a.csv", 119), again, by="bob")  # another plan, by somebody else
    assert "2 that were excluded in 20260102T000000Z-preview-1 are excluded again" in later.notice
    assert [row["state"] for row in later.seen["rows"][:3]] == ["excluded", "excluded", "open"]
    assert later.seen["rows"][0]["note"] == "on leave"
    module.memory.clear()
    other = folder_of(tmp_path, "20260104T000000Z-preview-3")
    assert "excluded" not in {row["state"] for row in opened(from_file(other, "b.csv", 118), other).seen["rows"]}
