"""Retention: full numbers go, reports stay, and what is not over is left alone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from authops.__main__ import main
from authops.apply.journal import Journal
from authops.apply.lock import running
from authops.run import outcome, prune, runs
from authops.words.frames import OUTCOME_ROWS

NUMBER, NATIONAL = "+31 612345678", "0612345678"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
KEEP = timedelta(days=90)
REPORTS = {"outcome.json", "plan.json", "3_apply.ipynb", "3_apply.html", "log.jsonl", "coverage.parquet", "note.txt"}


def row(**more: Any) -> dict[str, Any]:
    return dict.fromkeys(OUTCOME_ROWS, "") | {"change_id": "c1", "line": 2, "after": NUMBER, "attempt": 1} | more


def run(root: Path, stamp: str = "20260101T000000Z", *, finished: bool = True, settled: bool = True) -> Path:
    """A run folder as an apply leaves it."""
    folder = root / f"{stamp}-preview-apply-0a1b2c"
    folder.mkdir(parents=True)
    for name in ("plan", "outcomes"):
        pd.DataFrame([{"before": "", "after": NUMBER}]).to_parquet(folder / f"{name}.parquet")
    pd.DataFrame([{"measure": "members", "users": 612345678}]).to_parquet(folder / "coverage.parquet")
    pd.DataFrame([{"anything": f"call {NUMBER}"}]).to_parquet(folder / "mine.parquet")
    (folder / "failed.csv").write_text(f"UPN,Mobile\nann,{NUMBER}\n")
    (folder / "plan.json").write_text('{"digest": "x"}')
    (folder / "note.txt").write_text("ticket 4711")
    (folder / "3_apply.ipynb").write_text(json.dumps({"cells": [{"outputs": [f"{NUMBER} or {NATIONAL}"]}]}))
    (folder / "3_apply.html").write_text(f"<td>{NUMBER}</td><td>31612345678</td>")
    (folder / "log.jsonl").write_text('{"message": "3 applied"}\n')
    (folder / "outcome.json").write_text(json.dumps({"runbooks": {}, "status": "done", "exit_code": 0}))
    journal = Journal(folder / "journal.sqlite")
    journal.note(begun_at="2026-01-01T00:00:00+00:00")
    journal.intend([row(at="x")])
    if settled:
        journal.settle([row(outcome="applied", at="x")])
    if finished:
        journal.note(finished_at="2026-01-01T00:00:01+00:00")
    journal.close()
    return folder


def pruned(root: Path, **more: Any) -> list[prune.Pruned]:
    return prune.prune(runs.runs(root), keep=KEEP, now=NOW, **more)


def test_full_numbers_go_and_reports_stay(tmp_path: Path) -> None:
    folder = run(tmp_path)
    (done,) = pruned(tmp_path)
    assert set(done.removed) == {"plan.parquet", "outcomes.parquet", "mine.parquet", "failed.csv", "journal.sqlite"}
    assert {path.name for path in folder.iterdir()} - {".running"} == REPORTS
    left = "".join(path.read_text("utf-8", "replace") for path in folder.iterdir())
    assert "61234567" not in left.replace(" ", "")
    assert set(done.masked) == {"3_apply.ipynb", "3_apply.html"}
    told = json.loads((folder / "outcome.json").read_text())
    assert (told["status"], told["pruned"][0]["removed"]) == ("done", list(done.removed))
    assert pruned(tmp_path) == []


def test_a_dry_run_says_the_same_and_touches_nothing(tmp_path: Path) -> None:
    folder = run(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (would,) = pruned(tmp_path, dry_run=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (would.removed, would.masked) == (pruned(tmp_path)[0].removed, would.masked)
    assert "would remove" in prune.report([would], dry_run=True)[0]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"finished": False}, "an apply that was not finished"),
        ({"settled": False}, "1 writes of which nobody knows what they did"),
    ],
)
def test_an_apply_that_is_not_over_is_kept(tmp_path: Path, state: dict[str, bool], why: str) -> None:
    folder = run(tmp_path, **state)
    (done,) = pruned(tmp_path)
    assert (done.kept, done.removed) == (why, ())
    assert (folder / "plan.parquet").exists()
    assert why in prune.report([done], dry_run=False)[0]


def test_a_journal_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    folder = run(tmp_path)
    (folder / "journal.sqlite").write_bytes(b"not a database at all, " * 200)
    assert "cannot be read" in pruned(tmp_path)[0].kept
    assert (folder / "plan.parquet").exists()


def test_a_run_that_is_going_on_is_kept(tmp_path: Path) -> None:
    folder = run(tmp_path)
    with running(folder):
        script = (
            "import sys, pathlib; from authops.run import runs; print(runs.runs(pathlib.Path(sys.argv[1]))[0].status)"
        )
        said = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
        assert said.stdout.strip() == "running"
        assert pruned(tmp_path)[0].kept == "it is running"
    assert pruned(tmp_path)[0].removed


def test_a_young_run_an_other_folder_and_a_link_are_not_looked_at(tmp_path: Path) -> None:
    young = run(tmp_path / "runs", "20261101T000000Z")
    elsewhere = run(tmp_path / "elsewhere")
    (tmp_path / "runs" / "state").mkdir()
    (tmp_path / "runs" / "state" / "failed.csv").write_text("x")
    (tmp_path / "runs" / "20250101T000000Z-apply-ffffff").symlink_to(elsewhere)
    assert pruned(tmp_path / "runs") == []
    assert (young / "plan.parquet").exists()
    assert (elsewhere / "plan.parquet").exists()
    assert (tmp_path / "runs" / "state" / "failed.csv").exists()


def test_age_counts_from_the_end_not_from_the_name(tmp_path: Path) -> None:
    folder = run(tmp_path)
    outcome.record(folder, "verify", "done", "as recorded")
    later = datetime.now(UTC)
    assert prune.prune(runs.runs(tmp_path), keep=KEEP, now=later) == []
    assert prune.prune(runs.runs(tmp_path), keep=KEEP, now=later + KEEP + timedelta(minutes=1))


def test_a_killed_run_is_listed_as_one_to_go_on_with(tmp_path: Path) -> None:
    folder = run(tmp_path, settled=False, finished=False)
    shutil.copytree(run(tmp_path, "20260102T000000Z"), tmp_path / "20260103T000000Z-apply-0a1b2c")
    outcome.begin(folder, ["apply"])
    outcome.start(folder, "apply")
    listed = runs.listing(runs.runs(tmp_path)).splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert "did not finish  1" in listed[3]
    assert "  yes  " in listed[3]
    assert "  yes  " not in listed[1] + listed[2]
    with sqlite3.connect(folder / "journal.sqlite") as db:
        assert db.execute("select count(*) from intents").fetchone() == (1,)


def test_what_was_copied_into_a_folder_goes_as_well_and_nothing_behind_a_link(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs")
    copies = folder / ".ipynb_checkpoints"
    copies.mkdir()
    (copies / "failed-copy.csv").write_text(NUMBER)
    (copies / "3_apply-checkpoint.ipynb").write_text(json.dumps({"cells": [{"outputs": [NUMBER]}]}))
    (folder / "console.log").write_text(f"last words: {NUMBER}\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "all.csv").write_text(NUMBER)
    (folder / "linked").symlink_to(tmp_path / "mine")
    (folder / "linked.csv").symlink_to(tmp_path / "mine" / "all.csv")
    (done,) = pruned(tmp_path / "runs")
    assert ".ipynb_checkpoints/failed-copy.csv" in done.removed
    assert {".ipynb_checkpoints/3_apply-checkpoint.ipynb", "console.log"} <= set(done.masked)
    left = "".join(
        path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file() and path.name != "linked.csv"
    )
    assert "61234567" not in left.replace(" ", "")
    assert (tmp_path / "mine" / "all.csv").read_text() == NUMBER
    assert (folder / "linked.csv").is_symlink()


def test_a_run_that_was_renamed_is_a_run_all_the_same(tmp_path: Path) -> None:
    renamed = run(tmp_path).rename(tmp_path / "onboarding of January")
    for path in renamed.iterdir():
        os.utime(path, ((NOW - 2 * KEEP).timestamp(),) * 2)
    other = tmp_path / "my notes"
    other.mkdir()
    (other / "all.csv").write_text(NUMBER)
    assert {one.run for one in pruned(tmp_path)} == {renamed}
    assert not (renamed / "journal.sqlite").exists()
    assert (other / "all.csv").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("failed.csv~", "failed.xlsx~", "failed.csv.bak", "failed (1).CSV", "~$failed.xlsx", "failed.csv.20260101"),
        *("outcomes.parquet.bak", "note.txt", "note.md", "note", "failed.ods", "#failed.csv#", ".failed.csv.swp"),
    ],
)
def test_copies_and_notes_that_a_person_made_keep_no_number(tmp_path: Path, name: str) -> None:
    folder = run(tmp_path)
    (folder / name).write_text(f"UPN,Mobile\nann,{NUMBER}\n")
    assert pruned(tmp_path)
    assert not (folder / name).exists() or NUMBER not in (folder / name).read_text()


@pytest.mark.parametrize("column", ["display_name", "ticket", "note"])
@pytest.mark.parametrize("said", [f"Ann {NUMBER}", f"call {NATIONAL}", "612345678", "Ann (6 12 34 56 78)"])
def test_a_name_or_a_ticket_that_holds_a_number_is_none_to_keep(tmp_path: Path, column: str, said: str) -> None:
    folder = run(tmp_path)
    pd.DataFrame([{column: said}]).to_parquet(folder / "shown.parquet")
    (folder / "more.json").write_text(json.dumps({column: said}))
    (done,) = pruned(tmp_path)
    assert ("shown.parquet" in done.removed, "more.json" in done.masked) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "null",
        "{",
        '{"runbooks": null}',
        '{"runbooks": {"audit": 1}}',
        '{"runbooks": {"audit": {"status": "splendid", "headline": ""}}}',
        '{"runbooks": {}, "ended_at": "yesterday"}',
        '{"runbooks": {}, "ended_at": "2026-01-01T00:00:00"}',
    ],
)
def test_an_outcome_that_somebody_edited_stops_neither_the_list_nor_the_others(tmp_path: Path, text: str) -> None:
    odd, other = run(tmp_path), run(tmp_path, "20260102T000000Z")
    (odd / "outcome.json").write_text(text)
    (tmp_path / "20261399T000000Z-audit-0a1b2c").mkdir()
    assert "did not finish  1" in runs.listing(runs.runs(tmp_path))
    assert {done.run for done in pruned(tmp_path) if done.removed} == {odd, other}


def test_what_cannot_be_removed_keeps_no_other_run_and_ends_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = run(tmp_path), run(tmp_path, "20260102T000000Z")
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.parent == stuck:
            raise PermissionError(1, "Operation not permitted", str(path))
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    done = {one.run: one for one in pruned(tmp_path)}
    assert (done[stuck].failed, done[other].failed) == (True, False)
    assert not (other / "plan.parquet").exists()
    assert "Operation not permitted" in "".join(prune.report(done.values(), dry_run=False))
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path))
    assert CliRunner().invoke(main, ["prune", "--keep", "1d"]).exit_code == 1


@pytest.mark.parametrize("keep", ["90", "90m", "3h", "1.5d", "-1d", "", "9" * 30 + "d"])
def test_an_age_is_days_weeks_or_years_and_never_a_bare_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    """Ninety seconds, by mistake, would take today's journals away."""
    folder = run(tmp_path)
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path))
    called = CliRunner().invoke(main, ["prune", "--keep", keep])
    assert (called.exit_code, "is no age in days, weeks or years" in called.output) == (2, True)
    assert (folder / "journal.sqlite").exists()


def test_nothing_is_kept_for_no_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(tmp_path)
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path))
    assert CliRunner().invoke(main, ["prune", "--keep", "0d"]).exit_code == 0
    assert not (folder / "journal.sqlite").exists()
