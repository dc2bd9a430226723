"""The shipped DAG, really run by Airflow: demo tenants at once, five of them in trouble.

    python3 -m venv AIRFLOW                      # an environment of its own; authops needs nothing of it
    AIRFLOW/bin/pip install apache-airflow==3.3.2 apache-airflow-providers-papermill==3.13.3
    .venv/bin/python -m bench.airflow AIRFLOW    # LocalExecutor and SQLite

    AIRFLOW/bin/pip install apache-airflow-providers-celery "celery<5.7" psycopg2-binary asyncpg redis
    .venv/bin/python -m bench.airflow AIRFLOW --celery   # CeleryExecutor, with redis-server and postgresql of Debian

One tenant's certificate is another's, one answers nobody, one throttles hard, one has its kernel killed in the middle
of an apply, and one its task. Afterwards every tenant's own record is asked whether everybody is as planned, and how
often each was written.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from authops.demo import ensure, stop
from authops.graph import connection
from bench.stand import Stand, sins

ROOT = Path(__file__).parents[1]
TROUBLED = ["throttled", "kernel-killed", "task-killed", "wrong-certificate", "unreachable"]
HEADER = "UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval\n"
DAG = "authops_daily_sync_trial"
SLOW = ("kernel-killed", "task-killed")


@contextmanager
def tenants(folder: Path, names: list[str], users: int) -> Iterator[dict[str, Stand]]:
    """The demo tenants by name, each with a profile, a file of wanted numbers, and its own trouble."""
    stands: dict[str, Stand] = {}
    try:
        for number, name in enumerate(names):
            profile = ensure(folder / "homes" / name, users=users, seed=100 + number)
            stands[name] = Stand(connection.load(str(profile)), folder)
            _profile(folder, name, profile, stands)
            wanted(stands[name], folder / f"{name}.csv")
        stands["throttled"].knob(
            "weather", {"throttle": "documented", "limits": {"writes_burst": 20, "writes_per_second": 4}}
        )
        for name in SLOW:
            stands[name].knob("weather", {"latency": 0.5, "jitter": 0.2})
        yield stands
    finally:
        for name in names:
            stop(folder / "homes" / name)


def _profile(folder: Path, name: str, profile: Path, stands: dict[str, Stand]) -> None:
    content = yaml.safe_load(profile.read_text())
    if name == "wrong-certificate":
        content["certificate_path"] = stands["calm-1"].profile.certificate_path
    if name == "unreachable":
        content |= dict.fromkeys(("graph_url", "authority_url"), "https://127.0.0.1:9")
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def wanted(stand: Stand, path: Path) -> None:
    """A first mobile for every ordinary member without one."""
    rows = [
        f"{u['userPrincipalName']},+31 61234{n:04d},,,,\n"
        for n, u in enumerate(stand.knob("state")["users"])
        if u["userType"] == "Member" and u["accountEnabled"] and not u["deleted"] and not u["admin"]
        if len(u["methods"]) == 1
    ]
    path.write_text(HEADER + "".join(rows))


def settings(folder: Path, airflow: Path, celery: bool) -> dict[str, str]:
    """Airflow's environment: all of it in `folder`, on this machine only."""
    port = free_port()
    ours = {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "docs" / "schedule" / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AUTHOPS": str(ROOT / ".venv" / "bin" / "authops"),
        "AUTHOPS_TENANTS": str(folder / "fleets"),
        "AUTHOPS_SYNC": str(folder / "sync.yaml"),
        "AUTHOPS_RUNS": str(folder / "runs"),
        "AUTHOPS_STATE": str(folder / "state"),
        "AUTHOPS_RETRY_SECONDS": "5",
        "AUTHOPS_AUDIT_AT": "",
        "AUTHOPS_SYNC_AT": "",
        "JUPYTER_PATH": str(folder / "share" / "jupyter"),
        "PATH": f"{airflow / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "*",
    }
    if celery:
        ours |= {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://postgres@127.0.0.1:15432/postgres",
            "AIRFLOW__CELERY__RESULT_BACKEND": "db+postgresql+psycopg2://postgres@127.0.0.1:15432/postgres",
            "AIRFLOW__CELERY__BROKER_URL": "redis://127.0.0.1:16379/0",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
        }
    return os.environ | ours


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def prepare(folder: Path, names: list[str], env: dict[str, str]) -> None:
    """Write the tenants file and the kernel, make Airflow's tables and the pool."""
    for name in ("fleets", "runs", "state"):
        (folder / name).mkdir(mode=0o700)
    both = {n: {"connection": f"../{n}.yaml", "parameters": {"source": f"../{n}.csv"}} for n in names}
    (folder / "fleets" / "trial.yaml").write_text(yaml.safe_dump({"tenants": both}, sort_keys=False))
    (folder / "sync.yaml").write_text("default_region: NL\nmax_share: 0.9\n")
    kernel = [sys.executable, "-m", "ipykernel", "install", "--prefix", str(folder), "--name", "authops"]
    told = {n: env[n] for n in ("AUTHOPS_RUNS", "AUTHOPS_STATE")} | {"AUTHOPS_HEADLESS": "1"}
    quietly([*kernel, *(word for n, v in told.items() for word in ("--env", n, v))], env)
    quietly(["airflow", "db", "migrate"], env)
    quietly(["airflow", "pools", "set", "authops_trial", "4", "notebooks at once as that application"], env)


def quietly(words: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def service(words: list[str], env: dict[str, str], log: Path, **options: Any) -> Iterator[None]:
    """A process group of ours, ended with the `with`."""
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=env, stdout=out, stderr=out, start_new_session=True, **options)
        try:
            yield
        finally:
            for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
                try:
                    os.killpg(process.pid, number)
                    process.wait(patience)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


@contextmanager
def postgres(folder: Path, env: dict[str, str]) -> Iterator[None]:
    """A PostgreSQL cluster of our own; it refuses to run as root."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = folder / "postgres"
    data.mkdir()
    shutil.chown(data, "postgres")
    folder.chmod(0o755)
    quietly(["runuser", "-u", "postgres", "--", str(tools / "initdb"), "-D", str(data), "-A", "trust"], env)
    words = [str(tools / "postgres"), "-D", str(data), "-p", "15432", "-h", "127.0.0.1", "-k", str(data)]
    with service(["runuser", "-u", "postgres", "--", *words], env, folder / "postgres.log"):
        until("postgres", lambda: listening(15432))
        yield


def listening(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def until(what: str, true: Callable[[], Any], patience: float = 900) -> Any:
    end = time.monotonic() + patience
    while not (found := true()):
        if time.monotonic() > end:
            raise SystemExit(f"waited {patience:.0f} s for {what}")
        time.sleep(0.2)
    return found


def journal_of(run: Path, name: str) -> Path:
    return run / name / "journal.sqlite"


def intents(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute("select count(*) from intents").fetchone()[0])
    except sqlite3.Error:
        return 0


def holder(path: Path) -> int:
    """The process that has a file open: the kernel that applies."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == path and int(link.parts[2]) != os.getpid():
                return int(link.parts[2])
        except OSError:
            continue
    return 0


def killer(run: Path, name: str, said: list[str]) -> None:
    """End a tenant's kernel, or the task above it, once twenty writes have left."""
    path = journal_of(run, name)
    until(f"{name} to write", lambda: intents(path) >= 20)
    kernel = until(f"{name}'s kernel", lambda: holder(path))
    task = int(Path(f"/proc/{kernel}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(kernel if name == "kernel-killed" else task, signal.SIGKILL)
    said.append(f"{name}: killed after {intents(path)} intents")
    print(f"  … {said[-1]}", flush=True)


def trial(folder: Path, airflow: Path, celery: bool, calm: int, users: int) -> bool:
    """Everything, from the tenants' start to what became of them."""
    names = [f"calm-{n}" for n in range(1, calm + 1)] + TROUBLED
    env = settings(folder, airflow, celery)
    with ExitStack() as stack:
        stands = stack.enter_context(tenants(folder, names, users))
        if celery:
            stack.enter_context(postgres(folder, env))
            redis = ["redis-server", "--port", "16379", "--bind", "127.0.0.1", "--save", ""]
            stack.enter_context(service(redis, env, folder / "redis.log", cwd=folder))
        prepare(folder, names, env)
        begun = time.perf_counter()
        for words in (["api-server"], ["scheduler"], ["dag-processor"], *([["celery", "worker"]] if celery else [])):
            stack.enter_context(service(["airflow", *words], env, folder / f"{words[0]}.log"))
        until("the API server", lambda: listening(int(env["AIRFLOW__API__PORT"])))
        until("the DAG", lambda: DAG in quietly(["airflow", "dags", "list"], env))
        print(f"Airflow is up after {time.perf_counter() - begun:.0f} s", flush=True)
        return _run(folder, env, stands)


def _run(folder: Path, env: dict[str, str], stands: dict[str, Stand]) -> bool:
    quietly(["airflow", "dags", "unpause", DAG], env)
    begun = time.perf_counter()
    quietly(["airflow", "dags", "trigger", DAG, "--run-id", "trial"], env)
    (run,) = until("the run folder", lambda: list((folder / "runs").glob(f"*-{DAG}-*")))
    said: list[str] = []
    for name in SLOW:
        threading.Thread(target=killer, args=(run, name, said), daemon=True).start()
    until("the table", (run / "fleet.csv").exists)
    seconds = time.perf_counter() - begun
    fleet = json.loads((run / "fleet.json").read_text())
    for row in fleet["tenants"]:
        print(f"  {row['tenant']:<18}{row['status']:<14}{row['exit_code']}  {row['headline'].splitlines()[0][:110]}")
    count = len(stands)
    print(f"{count} tenants in {seconds:.0f} s, {count / seconds * 3600:.0f} tenants/hour; {fleet['counts']}")
    tries(env)
    return _truth(folder, stands, fleet, said)


def tries(env: dict[str, str]) -> None:
    """How often Airflow tried, as its own tables say."""
    words = ["airflow", "tasks", "states-for-dag-run", DAG, "trial", "--output", "json"]
    until("Airflow to see it", lambda: '"running"' not in quietly(words, env))
    states = json.loads(quietly(words, env)[quietly(words, env).index("[") :])
    print("Airflow's states:", dict(Counter(f"{s['task_id'].split('.')[-1]} {s['state']}" for s in states)))


def _truth(folder: Path, stands: dict[str, Stand], fleet: dict[str, Any], said: list[str]) -> bool:
    """Ask each tenant itself: is everybody as planned, who was written twice, was anything written blindly?"""
    ended = {row["tenant"]: row["exit_code"] for row in fleet["tenants"]}
    good = len(said) == len(SLOW)
    for name, stand in stands.items():
        plan = [line.split(",")[:2] for line in (folder / f"{name}.csv").read_text().splitlines()[1:]]
        true = {u["userPrincipalName"]: u for u in stand.knob("state")["users"]}
        there = sum(any(m.get("phoneNumber") == n for m in true[who]["methods"]) for who, n in plan)
        writes = Counter(r["user"] for r in stand.log() if r["method"] != "GET" and r["status"] < 300 and r["user"])
        twice = sum(count > 1 for count in writes.values())
        print(f"  {name:<18}{there} of {len(plan)} as wanted, {twice} written twice, {sins(stand.log())}")
        broken = name in ("wrong-certificate", "unreachable")
        good = good and not twice and (ended[name] == 1 and there == 0 if broken else ended[name] == 0 and there > 0)
    print("as it should be" if good else "NOT as it should be")
    return good


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("airflow", type=Path, help="an environment that has Airflow")
    asked.add_argument("--celery", action="store_true")
    asked.add_argument("--calm", type=int, default=3, help="tenants without trouble")
    asked.add_argument("--users", type=int, default=300)
    asked.add_argument("--keep", action="store_true", help="leave the folder")
    given = asked.parse_args()
    place = Path(tempfile.mkdtemp(prefix="authops-airflow-"))
    try:
        fine = trial(place, given.airflow.resolve(), given.celery, given.calm, given.users)
    finally:
        print(place) if given.keep else shutil.rmtree(place, ignore_errors=True)
    sys.exit(not fine)
