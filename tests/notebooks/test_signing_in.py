"""A person signs in to `authops run`: once, at the console, stoppable; whoever signed in is the author."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from authops.demo.wire.server import Threaded
from tests import warm
from tests.homes import furnished
from tests.running import HEADER, Tenant

CODE = re.compile(r"open (\S+) and enter the code (\S+)")


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    with Threaded(furnished(home), users=20):
        yield Tenant(home / "connection.yaml", tmp_path_factory.mktemp("runs"))


@pytest.fixture
def person(tenant: Tenant, tmp_path: Path) -> Path:
    path = tmp_path / "person.yaml"
    content = {k: v for k, v in tenant.content.items() if not k.startswith("certificate")}
    path.write_text(yaml.safe_dump(content | {"credential": "device-code"}))
    return path


def begun(tenant: Tenant, person: Path, *words: str) -> tuple[warm.Life, list[str], re.Match[str]]:
    """A run that waits for somebody, what it has said so far, and its code."""
    said: list[str] = []
    process = warm.Life(**tenant.command(*words, connection=person), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    for line in process.stdout:
        said.append(line)
        if found := CODE.search(line):
            return process, said, found
    raise AssertionError("".join(said))


def enter(tenant: Tenant, found: re.Match[str]) -> str:
    """Sign in as an administrator; returns who that is."""
    verify = ssl.create_default_context(cafile=tenant.content["ca_bundle"])
    people = {u["displayName"]: u["userPrincipalName"] for u in tenant.knob("state")["users"]}
    form = {"otc": found[2], "user": people["Hugo Admin"], "answer": "accept"}
    answer = httpx.post(found[1], data=form, verify=verify, trust_env=False)
    assert answer.status_code == 200
    return people["Hugo Admin"]


def test_three_runbooks_ask_once_at_the_console_and_leave_no_code(tenant: Tenant, person: Path, tmp_path: Path) -> None:
    people = [u["userPrincipalName"] for u in tenant.knob("state")["users"] if u["displayName"] == "Ada Empty"]
    source = tmp_path / "wanted.csv"
    source.write_text(f"{HEADER}{people[0]},+31 612345678,,,,\n")
    words = ["preview", "apply", "verify", "-p", "source", str(source), "-p", "approve", "all", "-p", "mode", "apply"]
    process, said, found = begun(tenant, person, *words)
    hugo = enter(tenant, found)
    rest, _ = process.communicate(timeout=240)
    whole = "".join(said) + rest
    assert process.returncode == 0, whole
    assert len(CODE.findall(whole)) == 1
    folder = Path(re.findall(r"Run folder (.+)", whole)[0])
    left = [path for path in [*folder.rglob("*"), *(tenant.runs / "state").rglob("*")] if path.is_file()]
    assert not [path for path in left if found[2].encode() in path.read_bytes()]
    plan = json.loads((folder / "plan.json").read_text())
    approval = json.loads((folder / "approval.json").read_text())
    assert (plan["author"], approval["by"], json.loads((folder / "outcome.json").read_text())["by"]) == (hugo,) * 3
    assert plan["operator"] != hugo


@pytest.mark.parametrize("runbook", ["audit", "preview"])
def test_whoever_is_asked_to_sign_in_can_stop_the_run(
    tenant: Tenant, person: Path, runbook: str, tmp_path: Path
) -> None:
    source = tmp_path / "wanted.csv"
    source.write_text(f"{HEADER}ada@contoso.example,+31 612345678,,,,\n")
    process, _, _ = begun(tenant, person, runbook, *(["-p", "source", str(source)] if runbook == "preview" else []))
    os.kill(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped by SIGINT" in rest
