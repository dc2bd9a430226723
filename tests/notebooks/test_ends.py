"""However a run ends: its exit code, its outcome.json and what it leaves say the same, and it is the truth."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.project import Ended, Project


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_that_ends_well(tmp_path: Path) -> None:
    ended = Project.at(tmp_path).run()
    assert ended.code == 0, ended.said
    assert (ended.outcome["status"], ended.outcome["asked"]) == ("done", ["audit"])
    assert ended.outcome["ended_at"]
    assert ended.told_truly()
    assert ended.kept()
    assert ended.outcome["runbooks"]["audit"]["counts"] == {"users": 3}
    modes = {path.name: path.stat().st_mode & 0o077 for path in (ended.folder, *ended.folder.iterdir())}
    assert set(modes.values()) == {0}
    lines = [json.loads(line) for line in (ended.folder / "log.jsonl").read_text().splitlines()]
    assert any(line["message"].startswith("all is well") for line in lines)


@pytest.mark.parametrize(
    ("before", "after", "headline"),
    [
        ("raise ValueError('oh')", "", "ValueError: oh"),
        ("import os; os._exit(0)", "", "the kernel died"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "", "the kernel died"),
        ("", "import os; os._exit(0)", "the kernel died"),
        ("", "1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "", "1_audit.ipynb ended without saying how; does a cell call exit?"),
        ("import sys; sys.exit(3)", "", "SystemExit: 3"),
        ("raise ao.words.errors.GuardStop('too many')", "", "GuardStop: too many"),
        ("raise ao.words.errors.PlanError('too old')", "", "PlanError: too old"),
    ],
)
def test_a_notebook_that_does_not_reach_its_end(tmp_path: Path, before: str, after: str, headline: str) -> None:
    ended = Project.at(tmp_path, before=before, after=after).run()
    status = {"GuardStop": "stopped", "PlanError": "wrong use"}.get(headline.partition(":")[0], "broke")
    assert ended.code == {"stopped": 4, "wrong use": 2, "broke": 1}[status], ended.said
    assert ended.told_truly()
    assert (ended.outcome["status"], ended.audit["status"]) == (status, status)
    assert ended.audit["headline"].strip(": ").startswith(headline)
    assert ended.audit["counts"] == ({"users": 3} if after else {})
    assert ended.kept()


def test_an_earlier_success_does_not_speak_for_an_attempt_that_never_ended(tmp_path: Path) -> None:
    project = Project.at(tmp_path, before="import os, sys; 'NOW' in os.environ and sys.exit(0)")
    first = project.run()
    assert first.code == 0, first.said
    again = project.run("--run-dir", str(first.folder), NOW="1")
    assert again.code == 1, again.said
    assert again.told_truly()


STUBBORN = """import time
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass"""


@pytest.mark.parametrize(
    ("cell", "limits", "headline"),
    [
        ("import time; time.sleep(600)", ("15s", "60s"), "KeyboardInterrupt: "),
        (STUBBORN, ("10s", "1s"), "the kernel died"),
    ],
)
def test_the_time_limit_interrupts_and_then_ends(
    tmp_path: Path, cell: str, limits: tuple[str, str], headline: str
) -> None:
    ended = Project.at(tmp_path, before=cell).run("--time-limit", limits[0], "--grace", limits[1])
    assert ended.code == 1, ended.said
    assert ended.told_truly()
    said = f"the time limit of {limits[0].replace('s', ' s')}"
    # A machine so busy that the kernel was not up by then ends it as well.
    assert ended.audit["headline"] in (f"stopped by {said}: {headline}", f"stopped by {said}: the kernel died")
    assert ended.audit["stopped_by"] == said
    assert ended.kept()


STOPS_ITS_RUNNER = """import os, signal, time
try:
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
except KeyboardInterrupt:
    pass"""


def test_what_was_asked_for_and_never_begun_is_no_success(tmp_path: Path) -> None:
    """Somebody asks to stop when the audit has just ended well, and a campaign was asked for as well."""
    ended = Project.at(tmp_path, after=STOPS_ITS_RUNNER).run("campaign")
    assert ended.code == 1, ended.said
    assert ended.told_truly()
    assert ended.audit["status"] == "done"
    assert ended.outcome["runbooks"]["campaign"]["headline"] == "not begun: stopped by SIGTERM"


def test_a_runner_that_is_killed_leaves_word_that_it_did_not_finish(tmp_path: Path) -> None:
    cell = "import os, time, pathlib; pathlib.Path(os.environ['HERE'], 'pid').write_text(str(os.getpid()))"
    project = Project.at(tmp_path, before=f"{cell}\ntime.sleep(600)")
    life = warm.Life(**project.audit(HERE=str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    listed = warm.run(project.command("runs")).stdout
    assert "running" in listed
    life.kill()
    said, _ = life.communicate(timeout=60)
    ended = Ended(1, said)
    assert (ended.outcome["status"], ended.outcome["exit_code"]) == ("unfinished", 1)
    assert ended.audit["status"] == "unfinished"
    assert json.loads((ended.folder / "1_audit.ipynb").read_text())["cells"]
    listed = warm.run(project.command("runs")).stdout
    assert "did not finish  1" in listed
    until(lambda: not _alive(int(pid.read_text())))


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_two_runners_in_one_folder_do_not_mix(tmp_path: Path) -> None:
    project = Project.at(
        tmp_path, before=f"import pathlib, time; pathlib.Path({str(tmp_path)!r}, 'here').touch(); time.sleep(600)"
    )
    life = warm.Life(**project.audit(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until((tmp_path / "here").exists)
    (folder,) = project.runs.glob("2*")
    try:
        second = project.run("--run-dir", str(folder))
        assert second.code == 2
        assert "is being worked on by process" in second.said
    finally:
        life.send_signal(signal.SIGTERM)
        said, _ = life.communicate(timeout=60)
    assert "stopped by SIGTERM: KeyboardInterrupt" in said
    assert life.returncode == 1


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


FILL = """def fill():
    try:
        with open('junk', 'ab', buffering=0) as junk:
            while True:
                junk.write(b'x' * 4096)
    except OSError as error:
        assert error.errno == 28
fill()"""


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        # What the notebook keeps does not fit any more.
        (f"{FILL}\nimport pandas as pd; run.keep('big', pd.DataFrame({{'n': range(200_000)}}))", "", "broke"),
        # It ended well, and only then the disk was full: how it ended, the notebook and the page still fit.
        ("", FILL, "done"),
        # Full before it could tell how it ended: there is room for that.
        (FILL, "", "done"),
    ],
)
def test_a_full_disk_is_told_truly(tmp_path: Path, small: Path, before: str, after: str, status: str) -> None:
    project = Project.at(tmp_path / "home", before=before, after=after)
    ended = project.run(AUTHOPS_RUNS=str(small))
    assert ended.code == {"done": 0, "broke": 1}[status], ended.said
    assert ended.told_truly()
    assert ended.outcome["status"] == status
    assert ended.kept()
    if status == "broke":
        assert "No space left on device" in ended.audit["headline"]


def test_a_disk_without_any_room_leaves_the_word_from_the_start(tmp_path: Path, small: Path) -> None:
    greedy = f"{FILL}\nimport os; os.path.exists('.reserve') and os.remove('.reserve'); fill()"
    ended = Project.at(tmp_path / "home", before=greedy).run(AUTHOPS_RUNS=str(small))
    assert ended.code == 1, ended.said
    assert ended.told_truly()
    assert ended.outcome["status"] == "unfinished"
    assert "No space left on device" in ended.said
    json.loads((ended.folder / "1_audit.ipynb").read_text())


def test_a_run_folder_may_have_an_odd_name(tmp_path: Path) -> None:
    odd = tmp_path / "rúns {of} mine"
    odd.mkdir()
    ended = Project.at(tmp_path / "home").run(AUTHOPS_RUNS=str(odd))
    assert ended.code == 0, ended.said
    assert ended.kept()


def consoles() -> dict[str, dict[str, Any]]:
    """How a scheduler or a shell may have left the standard output."""
    return {
        "full": {"stdout": open("/dev/full", "w")},
        "closed": {"preexec_fn": lambda: os.close(1)},
        "not read any more": {"stdout": subprocess.PIPE},
        "of another alphabet": {"stdout": subprocess.DEVNULL},
    }


@pytest.mark.skipif(os.name != "posix", reason="descriptors of POSIX")
@pytest.mark.parametrize("console", ["full", "closed", "not read any more", "of another alphabet"])
def test_a_console_never_decides_how_a_run_ends(tmp_path: Path, console: str) -> None:
    project = Project.at(tmp_path)
    call = project.audit(PYTHONIOENCODING="cp1252") | consoles()[console]
    with subprocess.Popen(**call, stderr=subprocess.PIPE) as life:
        if life.stdout:
            assert life.stdout.readline().startswith("Run folder")
            life.stdout.close()
        life.stdout = None
        _, said = life.communicate(timeout=120)
    assert (life.returncode, "Traceback" in said) == (0, False), said
    (folder,) = project.runs.glob("2*")
    ended = Ended(0, f"Run folder {folder}\n")
    assert (ended.outcome["status"], ended.kept()) == ("done", True)


def test_no_run_folder_is_a_message_and_somebody_is_told(tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "notify.yaml").write_text(f"- to: command\n  command: [tee, {tmp_path / 'told'}]\n")
    ended = project.run("--notify", str(tmp_path / "notify.yaml"), AUTHOPS_RUNS=str(tmp_path / "file" / "runs"))
    assert ended.code == 2
    assert "no run folder can be made in" in ended.said
    assert "AUTHOPS_RUNS" in json.loads((tmp_path / "told").read_text())["headlines"]
    gone = project.command("run", "apply", "--resume", "gone", "--notify", str(tmp_path / "notify.yaml"))
    assert warm.run(gone).returncode == 2
    assert "no run 'gone'" in json.loads((tmp_path / "told").read_text())["headlines"]


@pytest.mark.parametrize("left", ["", "{", '{"cells": []}'])
def test_a_notebook_that_is_not_as_it_should_be_is_a_message(tmp_path: Path, left: str) -> None:
    project = Project.at(tmp_path)
    book = project.home / "notebooks" / "1_audit.ipynb"
    book.write_text(left) if left else book.unlink()
    ended = project.run()
    assert (ended.code, "Traceback" in ended.said) == (2, False)
    assert f"{book} cannot be read as a runbook" in ended.said
    assert list(project.runs.iterdir()) == []


def test_a_disk_that_is_full_before_it_begins_is_told_in_a_sentence(tmp_path: Path, small: Path) -> None:
    with contextlib.suppress(OSError), open(small / "junk", "wb", buffering=0) as junk:
        while True:
            junk.write(b"x" * 4096)
    ended = Project.at(tmp_path / "home").run(AUTHOPS_RUNS=str(small))
    assert (ended.code, "Traceback" in ended.said) == (1, False), ended.said
    assert "nor write down how it ended: [Errno 28]" in ended.said


def test_whatever_the_umask_and_however_long_the_way_to_temporary_files(tmp_path: Path) -> None:
    long = tmp_path / ("t" * 100)
    long.mkdir()
    project = Project.at(tmp_path / "home")
    runs = tmp_path / "new" / "runs"
    call = project.audit(AUTHOPS_RUNS=str(runs), TMPDIR=str(long)) | {"umask": 0}
    done = subprocess.run(**call, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [runs.parent, *runs.parent.rglob("*")]
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_profile_is_found_from_where_it_is_named(tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    (tmp_path / "mine.yaml").write_text("connection: profile.yaml\n")
    beside = project.command("run", "audit", "-f", str(tmp_path / "mine.yaml"))
    here = project.command("run", "audit", "-p", "connection", "profile.yaml") | {"cwd": tmp_path}
    for call in (beside, here):
        done = warm.run(call)
        assert done.returncode == 0, done.stdout + done.stderr
