"""What a run holds while it applies: taken once, let go of again, and refused when the folder was tampered with."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from authops.apply.journal import Journal
from authops.graph.connection import Connection
from authops.plan import plan_file
from authops.plan.plan import Plan
from authops.run import run
from authops.run.folder import new_folder
from authops.run.run import Run
from authops.run.written import latest_of
from authops.words import places
from authops.words.errors import JournalError, ParameterError, PlanError, UsageError
from authops.words.frames import CHANGES, PROBLEMS, empty, frame

TENANT = "11111111-2222-3333-4444-555555555555"


def row(number: int) -> dict[str, Any]:
    who = {"user_id": f"u{number}", "user_principal_name": f"u{number}@x.example", "display_name": "", "note": ""}
    what = {
        "method": "mobile",
        "method_id": "",
        "action": "add",
        "before": "",
        "after": "+31 612345678",
        "reason": "no_method",
    }
    return {"change_id": f"c{number}", "line": number, "step": 1} | who | what


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with an approved plan of three changes, of which two are approved."""
    monkeypatch.setenv("AUTHOPS_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("AUTHOPS_HEADLESS", raising=False)
    run = tmp_path / "run"
    run.mkdir()
    made = Plan(frame(CHANGES, [row(n) for n in (1, 2, 3)]), empty(PROBLEMS), {"tenant_id": TENANT, "author": "a"})
    made = plan_file.save(made, run, now=plan_file.utc_now())
    plan_file.approve(made, run, ["c1", "c2"], by="b", now=plan_file.utc_now())
    return run


def allowed(folder: Path) -> list[str]:
    made = plan_file.load(folder)
    rows = plan_file.approved(made, folder, tenant_id=TENANT, now=plan_file.utc_now(), require_second_person=True)
    return list(rows["change_id"])


def edit(name: str, **values: Any) -> Callable[[Path], None]:
    def done(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return done


def recolumn(folder: Path) -> None:
    pd.read_parquet(folder / "plan.parquet").drop(columns="after").to_parquet(folder / "plan.parquet")


def redirect(folder: Path) -> None:
    pd.read_parquet(folder / "plan.parquet").assign(user_id="somebody").to_parquet(folder / "plan.parquet")


def test_untouched_it_is_what_was_approved(folder: Path) -> None:
    assert allowed(folder) == ["c1", "c2"]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (edit("approval.json", change_ids=["c1", "c2", "c3"]), "the approval was edited"),
        (edit("approval.json", by="a"), "the approval was edited"),
        (edit("approval.json", until="2099-01-01T00:00:00+00:00"), "the approval was edited"),
        (edit("approval.json", digest=""), "the approval was edited"),
        (lambda f: (f / "approval.json").write_text("[]"), "damaged"),
        (lambda f: (f / "approval.json").write_text("{"), "damaged"),
        (lambda f: (f / "approval.json").unlink(), "holds no approval"),
        (edit("plan.json", tenant_id="other"), "edited after it was saved"),
        (edit("plan.json", expires_at="2099-01-01T00:00:00+00:00"), "edited after it was saved"),
        (edit("plan.json", digest=None), "edited after it was saved"),
        (edit("plan.json", version=1), "format 1"),
        (lambda f: (f / "plan.json").write_text("null"), "damaged"),
        (redirect, "edited after it was saved"),
        (recolumn, "cannot be read"),
        (lambda f: (f / "plan.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (lambda f: (f / "problems.parquet").unlink(), "cannot be read"),
    ],
)
def test_whatever_was_edited_is_refused_with_a_remedy(
    folder: Path, tamper: Callable[[Path], object], said: str
) -> None:
    tamper(folder)
    with pytest.raises(PlanError, match=said) as raised:
        allowed(folder)
    assert raised.value.remedy


def opened(folder: Path) -> Run:
    return Run("apply", folder, Connection("t", "custom", TENANT, "c", "certificate", "https://g", "https://l"))


def test_a_cell_that_is_run_again_is_not_in_its_own_way(folder: Path) -> None:
    run, made = opened(folder), plan_file.load(folder)
    run.take(made, "apply")
    assert run.take(made, "apply").facts()["plan"] == made.header["digest"]
    run.take(made, "dry-run")
    opened(folder).take(made, "apply")


@pytest.mark.parametrize("mode", ["apply", "dry-run"])
@pytest.mark.parametrize(("answers", "same"), [(TENANT, True), (TENANT.upper(), True), ("another", False), ("", False)])
def test_a_plan_is_of_the_tenant_that_answered_though_a_domain_names_it(
    folder: Path, tmp_path: Path, mode: str, answers: str, same: bool
) -> None:
    """The domain is in both profiles the same; whose it is is told by the token."""
    who = ("mine", "global", "corp.example", "app", "certificate", "https://g.example", "https://l.example")
    asked = Run("preview", folder, Connection(*who))
    asked.claims = {"tid": TENANT}
    made = Plan(frame(CHANGES, [row(1)]), empty(PROBLEMS), asked.plan_header({}))
    assert made.header["tenant_id"] == "corp.example"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    made = plan_file.save(made, elsewhere, now=plan_file.utc_now())
    run = Run("apply", elsewhere, Connection(*who))
    run.claims = {"tid": answers} if answers else {}
    if same:
        run.take(made, mode)
        return
    with pytest.raises(PlanError, match="answers here"):
        run.refuse_strangers(made, pd.DataFrame({"user_id": ["u1"]}))
    with pytest.raises(PlanError, match="answers here"):
        run.take(made, mode)
    assert not list(elsewhere.glob("*.sqlite"))


def test_a_refusal_lets_go_of_the_tenant(folder: Path) -> None:
    made = plan_file.load(folder)
    journal = Journal(folder / "journal.sqlite")
    journal.note(finished_at="yesterday")
    run = opened(folder)
    with pytest.raises(PlanError, match=r"already applied .*finished yesterday"):
        run.take(made, "apply")
    journal._db.execute("delete from facts")
    journal.close()
    opened(folder).take(made, "apply")


def test_a_journal_of_another_plan_settles_nothing(folder: Path) -> None:
    journal = Journal(folder / "journal.sqlite")
    journal.note(plan="of another")
    journal.close()
    with pytest.raises(PlanError, match="of another plan"):
        opened(folder).take(plan_file.load(folder), "apply")


def test_a_journal_that_is_none_is_said(folder: Path) -> None:
    (folder / "journal.sqlite").write_bytes(b"not a database, but long enough to be looked at as one")
    with pytest.raises(JournalError, match="cannot be opened"):
        opened(folder).take(plan_file.load(folder), "apply")


def test_without_a_place_to_remember_nothing_is_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHOPS_STATE", "/proc/nowhere")
    with pytest.raises(UsageError, match="cannot be used to remember"):
        opened(folder).take(plan_file.load(folder), "apply")
    assert not (folder / "journal.sqlite").exists()


@pytest.mark.parametrize(("headless", "age", "stops"), [(True, 60, True), (False, -1, True), (False, 60, False)])
def test_a_stop_that_was_asked_for_before_the_first_write_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, headless: bool, age: int, stops: bool
) -> None:
    if headless:
        monkeypatch.setenv("AUTHOPS_HEADLESS", "1")
    run = opened(folder)
    (folder / "stop").touch()
    asked = run.started.timestamp() - age
    os.utime(folder / "stop", (asked, asked))
    run.take(plan_file.load(folder), "apply")
    assert run.stop_asked() is stops


def test_a_copy_of_an_applied_plan_gets_no_journal(folder: Path, tmp_path: Path) -> None:
    made = plan_file.load(folder)
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    run = opened(folder)
    run.take(made, "apply")
    run._let_go()
    with pytest.raises(PlanError, match="already applied, in"):
        opened(copied).take(made, "apply")
    assert not (copied / "journal.sqlite").exists()


def test_a_plan_put_into_another_runs_folder_by_mistake_is_still_good_in_its_own(folder: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(folder, tmp_path / "mine"))
    journal = Journal(folder / "journal.sqlite")
    journal.note(plan="of another")
    journal.close()
    made = plan_file.load(folder)
    with pytest.raises(PlanError, match="of another plan"):
        opened(folder).take(made, "apply")
    opened(mine).take(made, "apply")


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_run_whose_journal_is_lost_is_not_begun_anew(folder: Path, lost: Callable[[Path], object]) -> None:
    made, path = plan_file.load(folder), folder / "journal.sqlite"
    run = opened(folder)
    run.take(made, "apply")
    run._let_go()
    lost(path)
    with pytest.raises(JournalError, match="gone or empty") as raised:
        opened(folder).take(made, "apply")
    assert "backup" in raised.value.remedy


def test_a_run_that_could_not_make_its_journal_may_try_again(folder: Path) -> None:
    made, path = plan_file.load(folder), folder / "journal.sqlite"
    path.mkdir()
    with pytest.raises(JournalError, match="cannot be opened"):
        opened(folder).take(made, "apply")
    path.rmdir()
    opened(folder).take(made, "apply")


def settled(number: int) -> dict[str, Any]:
    said = {"outcome": "applied", "found": "+31 612345678", "detail": "", "request_id": "", "at": "2026-01-01"}
    return row(number) | said | {"ticket": ""}


def test_a_run_with_a_write_of_which_nobody_knows_is_not_over(folder: Path) -> None:
    """Somebody approved less after a kill: what had been sent by then is still to be settled."""
    made, run = plan_file.load(folder), opened(folder)
    journal = run.take(made, "apply")
    journal.intend([row(n) | {"attempt": 1, "at": "2026-01-01", "ticket": ""} for n in (1, 2)])
    journal.settle([settled(1)])
    run.keep_outcomes(journal.outcomes(), Plan(made.changes, made.problems, made.header | {"source": {}}), "apply")
    assert "finished_at" not in journal.facts()
    journal.settle([settled(2)])
    run.keep_outcomes(journal.outcomes(), Plan(made.changes, made.problems, made.header | {"source": {}}), "apply")
    assert "finished_at" in journal.facts()


def test_a_signal_is_heard_also_where_nothing_can_be_written(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run = opened(folder)
    run.take(plan_file.load(folder), "apply")
    (folder / "stop").symlink_to("/proc/nowhere/stop")
    assert signal.getsignal(signal.SIGTERM) != before
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (folder / "stop").exists()
    assert run.stop_asked()


def test_a_run_that_wrote_nothing_is_nothing_to_undo(folder: Path) -> None:
    run = opened(folder)
    run.take(plan_file.load(folder), "apply")
    run._let_go()
    with pytest.raises(ParameterError, match="wrote nothing"):
        run.earlier(str(folder))


def test_a_journal_that_does_not_say_when_it_began_is_as_old_as_its_file(folder: Path) -> None:
    Journal(folder / "journal.sqlite").close()
    assert abs((opened(folder).began() - datetime.now(UTC)).total_seconds()) < 60


def test_two_runs_that_draw_the_same_name_get_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))
    now = datetime(2026, 11, 25, tzinfo=UTC)
    made = [new_folder(["audit"], tmp_path, now).name[-6:] for _ in range(2)]
    assert made == ["aaaaaa", "bbbbbb"]


def test_an_account_without_a_home_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOPS_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    homeless = Path("~nobody-of-that-name/x")
    monkeypatch.setattr(places, "Path", lambda _: homeless)
    with pytest.raises(UsageError, match="no home folder"):
        places.state_folder()


def test_a_run_that_nobody_uses_any_more_holds_no_tenant(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        run = opened(folder)
        run.take(plan_file.load(folder), "apply")
        del run
        gc.collect()
        opened(folder).take(plan_file.load(folder), "apply")
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_cell_that_fails_while_it_applies_lets_go_of_the_tenant(folder: Path) -> None:
    failing = f"""
from pathlib import Path
from authops.graph.connection import Connection
from authops.plan import plan_file
from authops.run.run import Run
folder = Path({str(folder)!r})
run = Run("apply", folder, Connection("t", "custom", {TENANT!r}, "c", "certificate", "https://g", "https://l"))
journal = run.take(plan_file.load(folder), "apply")
held = run._lock is not None
1 / 0
"""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (failing, "print(held, run._lock)")])
    done = NotebookClient(book, kernel_name="python3", allow_errors=True).execute()
    assert done.cells[0].outputs[0]["ename"] == "ZeroDivisionError"
    assert done.cells[1].outputs[0]["text"].split() == ["True", "None"]


def test_the_latest_plan_is_taken_and_never_a_tour_s(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path / "runs"))
    early, late, tour = (
        tmp_path / "runs" / f"2026112{n}T100000Z-{what}-0000a{n}"
        for n, what in ((1, "preview"), (2, "preview-apply"), (3, "tour"))
    )
    for place in (early, late, tour):
        shutil.copytree(folder, place)
    wrote(early, finished=True)
    wrote(tour)
    assert run._latest("apply") == late
    assert latest_of(["t"]).folder == early
    shutil.rmtree(late)
    shutil.rmtree(early)
    with pytest.raises(ParameterError, match=r"holds plan\.json"):
        run._latest("apply")
    with pytest.raises(ParameterError, match="no run under"):
        latest_of(["t"])


def wrote(folder: Path, *, finished: bool = False) -> None:
    journal = Journal(folder / "journal.sqlite")
    journal.note(begun_at="2026-01-01T00:00:00+00:00", tenant_id="t")
    what = {"user_id": "u", "user_principal_name": "u", "method": "mobile", "method_id": "", "action": "add", "line": 2}
    values = {"before": "", "after": "+31 612345678", "at": "2026-01-01T00:00:00+00:00", "ticket": ""}
    journal.settle(
        [what | values | {"change_id": "c1", "outcome": "applied", "found": "", "detail": "", "request_id": ""}]
    )
    if finished:
        journal.note(finished_at="2026-01-01T01:00:00+00:00")
    journal.close()


def test_what_is_not_approved_any_more_when_the_writes_begin_is_left_out_and_nothing_comes_in(folder: Path) -> None:
    made, how = plan_file.load(folder), {"tenant_id": TENANT, "now": plan_file.utc_now()}
    looked_at = plan_file.approved(made, folder, **how)
    (folder / "approval.json").unlink()
    plan_file.approve(made, folder, ["c2", "c3"], by="b", now=plan_file.utc_now())
    assert list(plan_file.still(looked_at, made, folder, **how)["change_id"]) == ["c2"]
    (folder / "approval.json").unlink()
    with pytest.raises(PlanError):
        plan_file.still(looked_at, made, folder, **how)
