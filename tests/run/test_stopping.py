"""Asked to stop, and then made to: the file that an apply looks at, the interrupt, the end after the grace."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from authops.run.stopping import Stopper
from authops.words import durations
from authops.words.errors import UsageError

WAITING = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def kernel() -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """A process that waits, as a stopper is handed it."""
    life = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert life.stdout
    life.stdout.readline()
    yield {"km": SimpleNamespace(provisioner=SimpleNamespace(pid=life.pid))}, life
    life.kill()
    life.communicate()


def until(what: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_apply_is_asked_by_a_file_and_ended_after_the_grace(tmp_path: Path, kernel: Any) -> None:
    said: list[str] = []
    handle, life = kernel
    (tmp_path / "stop").touch()  # an old one, of an earlier attempt
    with Stopper(tmp_path, said.append, limit=0.2, grace=1.0) as stopper:
        assert not stopper.file.exists()
        with stopper.watching(handle, applying=True):
            until(stopper.file.exists)
            assert (stopper.why, life.poll()) == ("the time limit of 0.2 s", None)
            life.wait(30)
    assert life.returncode == -signal.SIGKILL
    assert [line.strip().partition(":")[0] for line in said] == [stopper.why, "it did not stop in time; ending it"]
    assert not stopper.file.exists()


def test_any_other_runbook_is_interrupted(tmp_path: Path, kernel: Any) -> None:
    handle, life = kernel
    with Stopper(tmp_path, print) as stopper, stopper.watching(handle, applying=False):
        stopper.ask("SIGTERM")
        life.wait(30)
    assert life.returncode in (-signal.SIGINT, 1)
    assert not stopper.file.exists()


def test_what_was_asked_for_before_there_was_a_kernel_is_not_forgotten(tmp_path: Path, kernel: Any) -> None:
    """Importing and starting take seconds; a limit that passes in them counts all the same."""
    handle, life = kernel
    late = {"km": SimpleNamespace(provisioner=None)}
    with Stopper(tmp_path, print, limit=0.01, grace=0.0) as stopper:
        until(lambda: stopper.why)
        with stopper.watching(late, applying=True):
            until(stopper.file.exists)
            late["km"].provisioner = handle["km"].provisioner
            life.wait(30)
    assert life.returncode == -signal.SIGKILL


def test_a_signal_asks_and_a_second_one_ends(tmp_path: Path, kernel: Any) -> None:
    handle, life = kernel
    before = signal.getsignal(signal.SIGTERM)
    with Stopper(tmp_path, print) as stopper, stopper.watching(handle, applying=True):
        signal.raise_signal(signal.SIGTERM)
        assert (stopper.why, stopper.file.exists(), life.poll()) == ("SIGTERM", True, None)
        signal.raise_signal(signal.SIGTERM)
        life.wait(30)
    assert life.returncode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_ended_before_its_limit_leaves_nothing_behind(tmp_path: Path) -> None:
    with Stopper(tmp_path, print, limit=3600):
        pass
    until(lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()))


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("90", 90, "90 s"),
        ("45m", 2700, "45 min"),
        ("2 h", 7200, "2 h"),
        ("1d", 86400, "1 day"),
        ("13w", 7862400, "91 days"),
    ],
)
def test_lengths_of_time(text: str, seconds: float, words: str) -> None:
    assert durations.parse(text) == seconds
    assert durations.say(seconds) == words


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 fortnights", "1e9"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no length of time"):
        durations.parse(text)


def test_an_age_is_in_whole_days() -> None:
    assert [durations.age(text).days for text in ("0d", "90d", "13 W", "2y")] == [0, 90, 91, 730]
