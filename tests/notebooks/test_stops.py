"""An apply that is signalled, killed, resumed, undone, or meets another one: as an operator sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from authops.apply.lock import applying
from authops.demo import ensure, stop
from authops.run.following import follow
from authops.run.run import open_run
from authops.show import head
from authops.show.failing import Ended
from tests import warm
from tests.homes import furnished
from tests.running import HEADER, Tenant

APPLY = ("-p", "mode", "apply")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home), users=200), tmp_path_factory.mktemp("runs"))
    stop(home)


@pytest.fixture
def tenant(server: Tenant) -> Iterator[Tenant]:
    server.knob("reset", "POST")
    yield server
    server.knob("weather", "PUT", {"latency": 0.0})


def people(tenant: Tenant) -> list[str]:
    """Members with an ordinary account, nothing registered and no role."""
    return [
        u["userPrincipalName"]
        for u in tenant.knob("state")["users"]
        if u["userType"] == "Member" and u["accountEnabled"] and len(u["methods"]) == 1 and not u["admin"]
    ]


def planned(tenant: Tenant, folder: Path, names: list[str], name: str = "wanted") -> Path:
    """A run folder with an approved plan: a first mobile for each."""
    file = folder / f"{name}.csv"
    file.write_text(HEADER + "".join(f"{who},+31 61234{n:04d},,,,\n" for n, who in enumerate(names)))
    code, said, run = tenant.run("preview", "-p", "source", str(file), "-p", "approve", "all")
    assert code == 0, said
    assert run
    return run


def begun(tenant: Tenant, *words: str) -> warm.Life:
    return warm.Life(**tenant.command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def mobiles(tenant: Tenant) -> dict[str, str]:
    return {
        u["userPrincipalName"]: m["phoneNumber"]
        for u in tenant.knob("state")["users"]
        for m in u["methods"]
        if m.get("phoneType") == "mobile"
    }


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def intents(run: Path) -> int:
    path = run / "journal.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("select count(*) from intents").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly_and_resume_goes_on(tenant: Tenant, tmp_path: Path, number: signal.Signals) -> None:
    names = people(tenant)
    run = planned(tenant, tmp_path, names)
    before = mobiles(tenant)
    tenant.knob("weather", "PUT", {"latency": 0.4})
    life = begun(tenant, "apply", "verify", "--run-dir", str(run), *APPLY)
    until(lambda: intents(run) > 0)
    life.send_signal(number)
    said, _ = life.communicate(timeout=120)
    assert life.returncode == 3, said
    assert "stopping once the writes in flight are settled" in said
    outcome = json.loads((run / "outcome.json").read_text())
    counts = outcome["runbooks"]["apply"]["counts"]
    assert counts["applied"] + counts["skipped"] == len(names)
    assert counts["applied"] == len(mobiles(tenant)) - len(before) > 0
    assert (run / "3_apply.html").exists()
    assert "verify" not in outcome["runbooks"]
    tenant.knob("weather", "PUT", {"latency": 0.0})
    code, said, _ = tenant.run("apply", "verify", "--resume", str(run))
    assert code == 0, said
    assert f"{len(names)} applied" in said
    wanted = {who: f"+31 61234{n:04d}" for n, who in enumerate(names)}
    assert mobiles(tenant) == before | wanted
    assert len(tenant.writes()) == len(names)


def killed(tenant: Tenant, run: Path, *words: str) -> str:
    """Apply, and end it by a second SIGTERM in the midst of its writes; what was said."""
    tenant.knob("weather", "PUT", {"latency": 0.4})
    life = begun(tenant, "apply", "--run-dir", str(run), *APPLY, *words)
    until(lambda: intents(run) > 0)
    life.send_signal(signal.SIGTERM)
    until((run / "stop").exists)
    life.send_signal(signal.SIGTERM)
    said, _ = life.communicate(timeout=120)
    assert life.returncode == 1, said
    tenant.knob("weather", "PUT", {"latency": 0.0})
    return str(said)


def test_a_killed_kernel_is_told_truly_and_resumed(tenant: Tenant, tmp_path: Path) -> None:
    names = people(tenant)
    run = planned(tenant, tmp_path, names)
    said = killed(tenant, run)
    assert "the kernel died" in said
    code, said, _ = tenant.run("apply", "--resume", run.name)
    assert code == 0, said
    assert len(tenant.writes()) == len(names)
    assert {mobiles(tenant)[who] for who in names} == {f"+31 61234{n:04d}" for n in range(len(names))}


def with_one_phone(tenant: Tenant) -> list[str]:
    """Members with an ordinary account whose one method is a mobile."""
    return [
        u["userPrincipalName"]
        for u in tenant.knob("state")["users"]
        if u["userType"] == "Member" and u["accountEnabled"] and not (u["admin"] or u["deleted"])
        if len(u["methods"]) == 2 and any(m.get("phoneType") == "mobile" for m in u["methods"])
    ]


def test_a_resume_keeps_the_limits_and_the_connection_that_its_run_was_begun_with(
    tenant: Tenant, tmp_path: Path
) -> None:
    names = with_one_phone(tenant)
    assert len(names) > 5
    file = tmp_path / "leave.csv"
    file.write_text(HEADER + "".join(f"{who},,,,,TRUE\n" for who in names))
    raised = ("-p", "max_removals", "500", "-p", "max_failures_in_a_row", "7")
    words = ("-p", "source", str(file), "-p", "approve", "all", "-p", "allow_last", "true")
    code, said, run = tenant.run("preview", *words, *raised[:3])
    assert (code, bool(run)) == (0, True), said
    assert run
    killed(tenant, run, *raised)
    command = tenant.command("apply", "verify", "--resume", str(run))
    at = command["args"].index("--connection")
    del command["args"][at : at + 2]
    done = warm.run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    removed = pd.read_parquet(run / "plan.parquet").query("action == 'remove'")["user_principal_name"]
    assert len(removed) > 5
    assert not set(removed) & set(mobiles(tenant))
    kept = json.loads((run / "parameters.json").read_text())
    assert (kept["apply"]["max_removals"], kept["apply"]["max_failures_in_a_row"]) == (500, 7)
    whole = json.loads((run / "outcome.json").read_text())
    assert [(one["runbook"], one["status"]) for one in whole["earlier"]] == [("apply", "broke")]


def test_two_applies_at_once_on_one_tenant(tenant: Tenant, tmp_path: Path) -> None:
    names = people(tenant)
    runs = [planned(tenant, tmp_path, names[:20], "first"), planned(tenant, tmp_path, names[20:], "second")]
    tenant.knob("weather", "PUT", {"latency": 1.0})
    both = [begun(tenant, "apply", "--run-dir", str(run), *APPLY) for run in runs]
    ends = [(life.communicate(timeout=180)[0], life.returncode) for life in both]
    assert sorted(code for _, code in ends) == [0, 4], ends
    told = next(said for said, code in ends if code == 4)
    winner = next(run for run, (_, code) in zip(runs, ends, strict=True) if code == 0)
    assert "tenant_lock" in told
    assert winner.name in told
    assert "to stop that one: an empty file named stop in its run folder" in told
    loser = next(run for run in runs if run != winner)
    assert intents(loser) == 0
    tenant.knob("weather", "PUT", {"latency": 0.0})
    code, said, _ = tenant.run("apply", "--run-dir", str(loser), *APPLY)
    assert code == 0, said


def test_an_apply_is_found_from_elsewhere_with_its_stop(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = people(tenant)
    run = planned(tenant, tmp_path, names)
    for name, value in {"RUNS": tenant.runs, "STATE": tenant.runs / "state"}.items():
        monkeypatch.setenv(f"AUTHOPS_{name}", str(value))
    monkeypatch.delenv("AUTHOPS_HEADLESS", raising=False)
    monkeypatch.setattr(head, "_standing", [head.Head()])
    here, shown, seen = open_run("apply", connection=str(tenant.profile)), head._standing[0], list[str]()
    assert "nobody else" in asyncio.run(follow(here)).plain

    tenant.knob("weather", "PUT", {"latency": 0.4})
    life = begun(tenant, "apply", "verify", "--run-dir", str(run), *APPLY)
    until(lambda: intents(run) > 0)

    async def looking(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(shown.html)
        if not shown.asked:
            shown._handle_custom_msg({"do": "stop"}, [])

    with pytest.raises(Ended) as ended:
        asyncio.run(follow(here, looking))
    said, _ = life.communicate(timeout=120)
    assert life.returncode == 3, said
    wrote = len(tenant.writes())
    assert 0 < wrote < len(names)
    for word in ("is applying to this tenant", run.name, f"of {len(names)} changes"):
        assert word in seen[0]
    assert "stopping: what is in flight is settled first" in seen[-1]
    assert ended.value.view.plain.startswith(f"stopped (asked to stop): {wrote} applied")
    assert not shown.stop
    assert asyncio.run(follow(here)).plain == "nobody else is applying to this tenant"

    tenant.knob("weather", "PUT", {"latency": 0.4})
    life = begun(tenant, "apply", "--resume", str(run))
    until(lambda: intents(run) > wrote)
    kernel = applying(tenant.runs / "state" / "locks", {tenant.content["tenant_id"]})
    assert kernel
    os.kill(kernel.pid, signal.SIGKILL)
    with pytest.raises(Ended, match=r"^the (kernel died|apply ended without a word: .* applied)"):
        asyncio.run(follow(here))
    assert life.wait(120) == 1


def test_undo_puts_back_what_nobody_touched_and_says_what_it_left(tenant: Tenant, tmp_path: Path) -> None:
    names = people(tenant)[:6]
    before = mobiles(tenant)
    run = planned(tenant, tmp_path, names)
    assert tenant.run("apply", "verify", "--run-dir", str(run), *APPLY)[0] == 0
    theirs = {"user": names[0], "phoneType": "mobile", "phoneNumber": "+31 699999999", "by": "helpdesk@contoso.example"}
    tenant.knob("staff", "POST", {"phone": [theirs]})
    words = ("-p", "run", str(run), "-p", "approve", "all", "-p", "max_removals", "6", *APPLY)
    code, said, undone = tenant.run("undo", "apply", "verify", *words)
    assert undone
    assert mobiles(tenant) == before | {names[0]: "+31 699999999"}
    page = (undone / "5_undo.html").read_text("utf-8")
    assert "not what the run wrote" in page
    assert "+31 69999" not in page
    assert code == 0, said
    code, said, _ = tenant.run("verify", "--run-dir", str(run))
    assert code == 3
    assert "changes by somebody else" in said


def test_a_change_by_somebody_else_is_in_the_verify_report(tenant: Tenant, tmp_path: Path) -> None:
    names = people(tenant)[:3]
    run = planned(tenant, tmp_path, names)
    assert tenant.run("apply", "--run-dir", str(run), *APPLY)[0] == 0
    theirs = {"user": names[0], "phoneType": "office", "phoneNumber": "+31 201234567", "by": "rogue@contoso.example"}
    tenant.knob("staff", "POST", {"phone": [theirs]})
    code, said, _ = tenant.run("verify", "--run-dir", str(run))
    assert code == 3, said
    page = (run / "4_verify.html").read_text("utf-8")
    assert "rogue@contoso.example" in page
    assert "+31 20123" not in page
