"""`authops run --tenants`: each tenant its own process and folder; what breaks one leaves the others alone."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from authops.demo import ensure, stop
from tests import warm
from tests.homes import furnished
from tests.running import Tenant


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home), users=60), tmp_path_factory.mktemp("runs"))
    stop(home)


def words(tenant: Tenant, folder: Path, **tenants: Any) -> dict[str, Any]:
    path = folder / "tenants.yaml"
    path.write_text(yaml.safe_dump({"at_once": 2, "tenants": tenants}, sort_keys=False))
    args = [sys.executable, "-m", "authops", "run", "audit", "--tenants", str(path)]
    env = dict(os.environ, AUTHOPS_RUNS=str(tenant.runs), AUTHOPS_STATE=str(tenant.runs / "state"))
    return {"args": args, "env": env, "cwd": folder, "text": True}


def test_broken_tenants_are_contained_and_reported(tenant: Tenant, tmp_path: Path) -> None:
    good = {"connection": str(tenant.profile)}
    closed = tenant.changed(tmp_path, graph_url="https://127.0.0.1:9", authority_url="https://127.0.0.1:9")
    command = words(
        tenant,
        tmp_path,
        good=good,
        unreachable={"connection": str(closed)},
        misspelt=good | {"parameters": {"conection": "x"}},
        missing={"connection": "gone.yaml"},
    )
    done = warm.run(command)
    assert done.returncode == 1, done.stderr
    assert "4 tenants: 1 broke · 2 wrong use · 1 done" in done.stdout
    folder = Path(re.search(r"  folder  (.+)", done.stdout)[1])  # type: ignore[index]
    with (folder / "fleet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["tenant"]: row for row in csv.DictReader(file)}
    assert {name: row["exit_code"] for name, row in rows.items()} == {
        "unreachable": "1", "misspelt": "2", "missing": "2", "good": "0",
    }  # fmt: skip
    assert rows["good"]["audit_users"] == "60"
    assert "gone.yaml cannot be read" in rows["missing"]["headline"]
    assert "unknown parameter conection" in rows["misspelt"]["headline"]
    assert "SignInError" in rows["unreachable"]["headline"]
    assert (folder / "good" / "1_audit.html").exists()
    assert [p for p in folder.iterdir() if p.is_dir() and p.stat().st_mode & 0o077] == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds a process by /proc")
def test_a_tenant_whose_process_is_killed_is_told_apart_and_a_stop_reaches_all(tenant: Tenant, tmp_path: Path) -> None:
    """Two work at a slow Graph; one process is killed, a third begins, then the whole is asked to stop."""
    tenant.knob("weather", "PUT", {"latency": 10})
    good = {"connection": str(tenant.profile)}
    command = words(tenant, tmp_path, first=good, second=good, third=good, fourth=good)
    command["args"] += ["-p", "connection", "demo"]  # what the file says wins
    (tmp_path / "tenants.yaml").write_text((tmp_path / "tenants.yaml").read_text() + "at_once_per_application: 2\n")
    with warm.Life(**command, stdout=subprocess.PIPE) as fleet:
        assert fleet.stdout
        folder = Path(re.search(r"Run folder (\S+)", fleet.stdout.readline())[1])  # type: ignore[index]
        os.kill(_at_work(folder / "first"), signal.SIGKILL)
        assert "first: broke" in fleet.stdout.readline()
        _at_work(folder / "second")
        _at_work(folder / "third")
        fleet.send_signal(signal.SIGINT)
        said, _ = fleet.communicate(timeout=120)
    tenant.knob("weather", "PUT", {"latency": 0})
    assert fleet.returncode == 1, said
    assert "stopping: 2 tenants are told" in said
    kept = {row["tenant"]: row for row in json.loads((folder / "fleet.json").read_text())["tenants"]}
    assert "ended by SIGKILL before it said how" in kept["first"]["headline"]
    told = {name: json.loads((folder / name / "outcome.json").read_text()) for name in kept}
    assert all("stopped_by" in told[name]["runbooks"]["audit"] for name in ("second", "third"))
    assert kept["fourth"]["headline"] == "1_audit.ipynb was never begun"


def _at_work(folder: Path) -> int:
    """The process of a tenant whose notebook has begun."""
    until((folder / "log.jsonl").exists)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes().endswith(f"--run-dir\0{folder}\0".encode()):
                return int(entry.parent.name)
    raise AssertionError(f"nobody works in {folder}")


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)
