"""Somebody is told how an unattended run ended, whatever the ending; telling never changes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listener import Listener
from tests.project import Project


@pytest.fixture
def listener() -> Iterator[Listener]:
    here = Listener()
    yield here
    here.close()


def notify(folder: Path, on: str) -> str:
    file = folder / "notify.yaml"
    file.write_text(f"- to: webhook\n  on: {on}\n  url_env: HOOK\n- to: command\n  on: {on}\n  command: ['false']\n")
    return str(file)


def test_a_failure_is_told_without_what_nobody_may_see(tmp_path: Path, listener: Listener) -> None:
    cell = "import os; raise ValueError('call +31 612345678 or ' + os.environ['HOOK'])"
    ended = Project.at(tmp_path, before=cell).run("--notify", notify(tmp_path, "failure"), HOOK=listener.url)
    assert ended.code == 1, ended.said
    ((_, body),) = listener.got
    assert (body["status"], body["exit_code"]) == ("broke", "1")
    assert body["headlines"].startswith("audit: broke – ValueError: call +31 *")
    told = {entry["to"]: entry for entry in ended.outcome["told"]}
    assert (told["webhook"]["ok"], told["command"]["ok"], told["command"]["attempts"]) == (True, False, 4)
    left = [path for path in ended.folder.iterdir() if "SECRETPATH" in path.read_text("utf-8", "replace")]
    assert left == []
    assert "SECRETPATH" not in ended.said + json.dumps(body)


def test_a_success_is_told_to_who_asked_for_it_and_stays_one(tmp_path: Path, listener: Listener) -> None:
    listener.answers = [(404, {})]
    ended = Project.at(tmp_path).run("--notify", notify(tmp_path, "always"), HOOK=listener.url)
    assert ended.code == 0, ended.said
    assert ended.outcome["status"] == "done"
    assert [entry["ok"] for entry in ended.outcome["told"]] == [False, False]
    quiet = Project.at(tmp_path / "quiet").run("--notify", notify(tmp_path, "failure"), HOOK=listener.url)
    assert (quiet.code, quiet.outcome["told"], len(listener.got)) == (0, [], 1)


def test_a_run_that_was_refused_is_told_too_and_a_wrong_file_is_refused(tmp_path: Path, listener: Listener) -> None:
    project = Project.at(tmp_path)
    refused = project.run("-p", "no_such", "1", "--notify", notify(tmp_path, "failure"), HOOK=listener.url)
    assert refused.code == 2
    ((_, body),) = listener.got
    assert (body["exit_code"], "unknown parameter no_such" in body["headlines"]) == ("2", True)
    wrong = project.run("--notify", notify(tmp_path, "failure"))
    assert (wrong.code, "the variable HOOK is not set" in wrong.said) == (2, True)
    assert list(project.runs.iterdir()) == []
