"""One apply at a time for a tenant, one application of a plan; a dead process holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authops.apply.lock import TenantLock, applying, begun, claim, is_running, running
from authops.run.folder import new_folder
from authops.words.errors import GuardStop, PlanError, UsageError

HOLDER = """
import sys, time
from pathlib import Path
from authops.apply.lock import TenantLock
held = TenantLock(Path(sys.argv[1]), "contoso", by="frida", run="run-1", named="contoso.example").acquire()
print("held", flush=True)
time.sleep(600)
"""


def lock(folder: Path, tenant: str = "contoso") -> TenantLock:
    return TenantLock(folder, tenant, by="gus", run="run-2")


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_one_is_told_who_has_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(GuardStop, match=rf"frida \(process {holder.pid} on .+\).*contoso.*run-1") as raised:
        lock(tmp_path).acquire()
    assert "an empty file named stop in its run folder" in raised.value.remedy


def test_who_looks_is_told_who_applies_by_either_name_and_keeps_nobody_out(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    for names in ({"CONTOSO"}, {"contoso.example", ""}):
        found = applying(tmp_path, names)
        assert found is not None
        assert (found.by, found.run, found.pid, found.here) == ("frida", "run-1", holder.pid, False)
    assert applying(tmp_path, {"fabrikam", ""}) is None
    holder.kill()
    holder.wait()
    assert applying(tmp_path, {"contoso"}) is None
    with lock(tmp_path) as held:
        assert getattr(applying(tmp_path, {"contoso"}), "here", False)
        assert held.path.read_text()
    assert (applying(tmp_path, {"contoso"}), held.path.read_text()) == (None, "")


def test_another_tenant_is_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with lock(tmp_path, "fabrikam"):
        assert holder.poll() is None


def test_a_dead_process_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lock(tmp_path) as held:
        assert "gus" in held.path.read_text()


def test_it_is_free_again_after_release(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(GuardStop, match="gus"):
        lock(tmp_path).acquire()
    lock(tmp_path).acquire().release()


def test_the_same_tenant_by_another_spelling_is_the_same(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    with pytest.raises(GuardStop):
        lock(tmp_path, "CONTOSO").acquire()


def test_a_plan_is_claimed_by_one_run_folder(tmp_path: Path) -> None:
    claim(tmp_path / "applied", "plan-1", tmp_path / "run-1")
    claim(tmp_path / "applied", "plan-1", tmp_path / "run-1")
    claim(tmp_path / "applied", "plan-2", tmp_path / "run-2")
    with pytest.raises(PlanError, match=r"already applied, in .*run-1"):
        claim(tmp_path / "applied", "plan-1", tmp_path / "run-2")


@pytest.mark.parametrize(("mode", "groups"), [(0o2770, 0o060), (0o700, 0)])
def test_what_is_remembered_is_the_groups_where_the_folder_is(tmp_path: Path, mode: int, groups: int) -> None:
    """Two people who apply to one tenant must see each other's locks and claims, and nobody else must."""
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)
    with lock(state / "locks") as held:
        claim(state / "applied", "plan-1", tmp_path / "run-1")
        begun(state / "applied", "plan-1")
    left = [held.path, state / "applied" / "plan-1.json", state / "locks", state / "applied"]
    assert [path.stat().st_mode & 0o060 for path in left] == [groups] * 4
    assert not any(path.stat().st_mode & 0o002 for path in left)


def test_a_claim_knows_whether_its_journal_was_begun(tmp_path: Path) -> None:
    assert claim(tmp_path, "plan-1", tmp_path / "run-1") is False
    assert claim(tmp_path, "plan-1", tmp_path / "run-1") is False
    begun(tmp_path, "plan-1")
    begun(tmp_path, "plan-1")
    assert claim(tmp_path, "plan-1", tmp_path / "run-1") is True
    assert [path.name for path in tmp_path.iterdir()] == ["plan-1.json"]


@pytest.mark.parametrize("left", ["", "{", "[]", "null"])
def test_a_claim_that_was_cut_short_holds_nobody_up(tmp_path: Path, left: str) -> None:
    (tmp_path / "plan-1.json").write_text(left)
    claim(tmp_path, "plan-1", tmp_path / "run-1")
    with pytest.raises(PlanError, match="run-1"):
        claim(tmp_path, "plan-1", tmp_path / "run-2")


def test_a_run_folder_that_cannot_be_written_is_said_and_nobody_works_there() -> None:
    with pytest.raises(UsageError, match="cannot be written") as raised, running(Path("/proc")):
        raise AssertionError("it began")
    assert raised.value.remedy
    assert not is_running(Path("/proc"))
    with pytest.raises(UsageError, match="no run folder can be made"):
        new_folder(["audit"], Path("/proc/nowhere"))


def test_a_folder_that_cannot_be_used_is_said_before_anything() -> None:
    for ask in (lambda: lock(Path("/proc/nowhere")).acquire(), lambda: claim(Path("/proc/nowhere"), "p", Path("run"))):
        with pytest.raises(UsageError, match="this attempt wrote nothing") as raised:
            ask()
        assert "AUTHOPS_STATE" in raised.value.remedy
