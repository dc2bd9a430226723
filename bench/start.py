"""What starting costs, beside each other in one run: CPU seconds (user and system, children included), not the clock's.

    .venv/bin/python -m bench.start [ROUNDS]    # the best of so many rounds, 3 unless told

The demo tenants are processes of their own, and not counted. Through Airflow: bench.airflow says what a tenant took.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.airflow import HEADER
from bench.stand import Stand, tenant

AUTHOPS = [sys.executable, "-m", "authops"]
JOB = ["audit", "preview", "apply", "verify"]


def cpu(words: list[str], env: dict[str, str], log: Path) -> float:
    """What a command takes until it ends, and all it started."""
    with log.open("ab") as out:
        process = subprocess.Popen(words, env=os.environ | env, stdout=out, stderr=out, cwd=log.parent)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, log.read_text()
    return used.ru_utime + used.ru_stime


def lab(env: dict[str, str], log: Path) -> float:
    """What `authops lab` takes until its first page is there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as out:
        words = [*AUTHOPS, "lab", "--no-browser", "--port", str(port)]
        process = subprocess.Popen(words, env=os.environ | env, stdout=out, stderr=out, cwd=log.parent)
    try:
        while not _shown(log, port):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        return sum(psutil.Process(process.pid).cpu_times()[:4])
    finally:
        process.terminate()
        process.wait()


def _shown(log: Path, port: int) -> bool:
    token = re.search(r"token=(\w+)", log.read_text())
    if not token:
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab/tree/0_tour.ipynb?token={token[1]}") as page:
            return b"jupyter-config-data" in page.read()
    except urllib.error.URLError:
        return False


def wanted(stand: Stand, number: int) -> Path:
    """A first mobile for ten ordinary people without one, of a file of its own each time."""
    people = [
        u["userPrincipalName"]
        for u in stand.knob("state")["users"]
        if u["userType"] == "Member" and u["accountEnabled"] and not u["deleted"] and not u["admin"]
        if len(u["methods"]) == 1
    ]
    path = stand.folder / f"wanted-{number}.csv"
    path.write_text(HEADER + "".join(f"{who},+31 61234{n:04d},,,,\n" for n, who in enumerate(people[:10])))
    return path


def profile(stand: Stand) -> Path:
    """The stand's connection, as a file."""
    return next((stand.folder / "demo").glob("*.yaml"))


def round_of(stands: list[Stand], number: int) -> dict[str, float]:
    """Everything once."""
    stand = stands[0]
    folder, env = stand.folder, {"AUTHOPS_STATE": str(stand.folder / f"state-{number}")}
    env |= {"AUTHOPS_RUNS": str(folder / "runs"), "AUTHOPS_DEMO_HOME": str(folder / "demo")}
    (folder / "runs").mkdir(exist_ok=True)
    log = folder / "log"
    source = wanted(stand, number)
    ten = ["-p", "source", str(source)]
    write = [*ten, "-p", "approve", "all", "-p", "mode", "apply"]
    one = ["--connection", str(profile(stand))]
    fleet = folder / "fleet.yaml"
    lines = [
        f"  t{n}: {{connection: {profile(s)}, parameters: {{source: {wanted(s, number)}}}}}\n"
        for n, s in enumerate(stands[1:])
    ]
    fleet.write_text("at_once: 2\ntenants:\n" + "".join(lines))
    doing: dict[str, Callable[[], float]] = {
        "import pandas": lambda: cpu([sys.executable, "-c", "import pandas"], env, log),
        "preview of ten people": lambda: cpu([*AUTHOPS, "run", "preview", *one, *ten], env, log),
        "audit preview apply verify": lambda: cpu([*AUTHOPS, "run", *JOB, *one, *write], env, log),
        "a tenant through the fleet": lambda: (
            cpu([*AUTHOPS, "run", *JOB, "--tenants", str(fleet), *write[3:]], env, log) / (len(stands) - 1)
        ),
        "authops lab to its first page": lambda: lab(env, folder / "lab.log"),
    }
    return {name: once() for name, once in doing.items()}


def main() -> None:
    """The best of some rounds, each a line; noise only ever adds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with ExitStack() as stack:
        stands = [stack.enter_context(tenant(60, seed=n)) for n in range(3)]
        seen = [round_of(stands, number) for number in range(rounds)]
    best = {name: min(one[name] for one in seen) for name in seen[0]}
    for name, seconds in best.items():
        print(f"{name:<32}{seconds:6.2f} CPU s {seconds / best['import pandas']:6.1f} x importing pandas")
    print("load", *(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
