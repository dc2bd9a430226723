"""outcome.json: broken until the end is known, whole whenever it is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from authops.run import answer, outcome
from authops.words import disk


def test_it_is_unfinished_until_the_end_is_written_down(tmp_path: Path) -> None:
    seen = []
    outcome.begin(tmp_path, ["audit", "preview"])
    seen.append(outcome.read(tmp_path))
    outcome.start(tmp_path, "audit")
    seen.append(outcome.read(tmp_path))
    outcome.record(tmp_path, "audit", "done", "all is well", {"users": 3})
    seen.append(outcome.read(tmp_path))
    assert {(whole["status"], whole["exit_code"]) for whole in seen} == {("unfinished", 1)}
    assert outcome.end(tmp_path) == 0
    assert (outcome.read(tmp_path)["status"], outcome.read(tmp_path)["exit_code"]) == ("done", 0)


def test_an_end_without_any_runbook_is_no_success(tmp_path: Path) -> None:
    outcome.begin(tmp_path, ["audit"])
    assert outcome.end(tmp_path) == 1


def test_what_an_earlier_attempt_recorded_does_not_count(tmp_path: Path) -> None:
    outcome.record(tmp_path, "apply", "done", "3 applied", {"applied": 3})
    assert outcome.read(tmp_path)["status"] == "done"
    outcome.start(tmp_path, "apply")
    whole = outcome.read(tmp_path)
    assert (whole["status"], whole["runbooks"]["apply"]["counts"]) == ("unfinished", {})


def test_a_file_that_cannot_be_read_is_unfinished(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text('{"status": "done", "runb')
    assert outcome.read(tmp_path)["status"] == "unfinished"


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        (["done", "nothing to do"], "done"),
        (["done", "attention"], "attention"),
        (["attention", "stopped"], "stopped"),
        (["stopped", "broke", "done"], "broke"),
        (["broke", "unfinished"], "unfinished"),
        ([], "unfinished"),
    ],
)
def test_the_worst_counts(statuses: list[str], worst: str) -> None:
    assert outcome.worst(statuses) == worst
    assert set(outcome._RANK) == set(outcome.STATUSES)


def test_a_headline_holds_no_number(tmp_path: Path) -> None:
    outcome.record(tmp_path, "audit", "broke", "cannot call +31 612345678")
    assert "61234" not in (tmp_path / "outcome.json").read_text()


@pytest.mark.skipif(os.name != "posix", reason="limits of a process")
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """The file may not grow beyond a kilobyte."""
    path = tmp_path / "outcome.json"
    disk.write(path, '{"status": "unfinished"}')
    script = (
        "import pathlib, resource, sys; from authops.words import disk\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "disk.write(pathlib.Path(sys.argv[1]), 'x' * 5000)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "OSError" in done.stderr
    assert json.loads(path.read_text()) == {"status": "unfinished"}
    assert [p.name for p in tmp_path.iterdir()] == ["outcome.json"]


@pytest.mark.parametrize("headless", [True, False])
def test_a_runbook_that_is_run_once_more_by_hand_keeps_what_the_first_time_said(tmp_path: Path, headless: bool) -> None:
    if headless:
        outcome.begin(tmp_path, ["apply"])
        outcome.start(tmp_path, "apply")
    outcome.record(tmp_path, "apply", "attention", "the first", {"applied": 118})
    if headless:
        outcome.end(tmp_path)
    outcome.record(tmp_path, "apply", "stopped", "the second")
    outcome.record(tmp_path, "apply", "done", "the third")
    told = outcome.read(tmp_path)
    assert [(e["runbook"], e["headline"], e["counts"]) for e in told["earlier"]] == [
        ("apply", "the first", {"applied": 118}),
        ("apply", "the second", {}),
    ]
    assert told["runbooks"]["apply"]["headline"] == "the third"


def test_within_one_attempt_the_last_word_counts(tmp_path: Path) -> None:
    outcome.begin(tmp_path, ["apply"])
    outcome.start(tmp_path, "apply")
    outcome.record(tmp_path, "apply", "done", "all well", {"applied": 1})
    outcome.record(tmp_path, "apply", "broke", "the kernel died")
    told = outcome.read(tmp_path)
    assert (told.get("earlier", []), told["runbooks"]["apply"]["counts"]) == ([], {"applied": 1})


@pytest.mark.parametrize(
    ("runbook", "headline", "next_step"),
    [
        ("campaign", "dry run, nothing was written: 3 people newly asked", "mode = apply and the seal"),
        ("campaign", "applied: 3 people newly asked", "takes it back"),
        ("apply", "dry run, nothing was written: 3 would be applied", "mode = apply, and run again"),
        ("apply", "3 applied", "4_verify"),
    ],
)
def test_what_comes_next_fits_how_it_ended(tmp_path: Path, runbook: str, headline: str, next_step: str) -> None:
    said = answer.answer(runbook, tmp_path, "add", "done", headline).plain
    assert next_step in said
    assert ("mode = apply" in said) == headline.startswith("dry run")


def test_who_approved_is_told_with_a_day_that_people_read(tmp_path: Path) -> None:
    told = {"change_ids": ["a", "b"], "by": "ann", "at": "2026-11-27T09:04:52+00:00", "note": "CHG-1"}
    (tmp_path / "approval.json").write_text(json.dumps(told))
    assert answer.approved(tmp_path) == {
        "approved": "2 changes, by ann, 27 November 2026, 09:04 UTC",
        "ticket": "CHG-1",
    }
