"""Doctor tells the truth about a connection, on one screen and by its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from authops.__main__ import main
from authops.demo import ensure, stop
from authops.demo.login.permissions import DEFAULT
from authops.graph import connection
from authops.run import doctor, permissions
from authops.run.doctor import BAD, LOOK, OK, UNKNOWN
from tests import warm
from tests.homes import furnished
from tests.running import Tenant

EVERYTHING = permissions.ASKING


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home), users=30), tmp_path_factory.mktemp("runs"))
    stop(home)


@pytest.fixture
def tenant(server: Tenant) -> Iterator[Tenant]:
    yield server
    server.knob("sign-in", "PUT", {"granted": list(DEFAULT)})
    server.knob("weather", "PUT", {"licence": "P1", "fault_rate": 0.0})


def examined(
    tenant: Tenant,
    tmp_path: Path,
    runbooks: tuple[str, ...] = EVERYTHING,
    *,
    late: timedelta = timedelta(0),
    **changed: str,
) -> doctor.Examination:
    profile = connection.load(str(tenant.changed(tmp_path, **changed)))
    return doctor.examine(profile, runbooks, {"runs folder": tmp_path / "runs"}, now=datetime.now(UTC) + late)


def states(seen: doctor.Examination) -> dict[str, str]:
    return {found.check: found.state for found in seen.findings}


def abilities(seen: doctor.Examination) -> dict[str, str]:
    return {ability.runbook: ability.state for ability in seen.abilities}


def test_all_is_well(tenant: Tenant, tmp_path: Path) -> None:
    seen = examined(tenant, tmp_path)
    assert set(states(seen).values()) == {OK}
    assert set(abilities(seen)) == set(EVERYTHING)
    assert set(abilities(seen).values()) == {OK}
    assert seen.exit_code == 0
    page = doctor.screen(seen)
    assert len(page.splitlines()) <= 24
    assert max(map(len, page.splitlines())) <= 120
    assert "Entra ID P1" in page
    assert "Ask the administrator" not in page


def test_missing_permissions_are_named_for_each_runbook(tenant: Tenant, tmp_path: Path) -> None:
    tenant.knob("sign-in", "PUT", {"granted": ["User.Read.All", "UserAuthMethod-Phone.Read.All", "AuditLog.Read.All"]})
    seen = examined(tenant, tmp_path)
    looked = {"audit": LOOK, "preview": LOOK, "apply": BAD, "verify": LOOK, "undo": LOOK}
    assert abilities(seen) == looked | {
        "campaign": BAD,
        "retirement": LOOK,
        "passes": BAD,
        "cleanup": BAD,
    }
    assert seen.exit_code == 1
    page = doctor.screen(seen)
    assert "✗ apply         does not work: cannot write phones" in page
    asked = {entry["permission"]: entry for entry in seen.json()["ask_for"]}
    assert asked["UserAuthenticationMethod.ReadWrite.All"]["role_id"] == "50483e42-d915-4231-9639-7fdb7fd190e5"
    assert "User.Read.All" not in asked
    assert examined(tenant, tmp_path, ("tour",)).exit_code == 0
    assert examined(tenant, tmp_path, ("audit", "verify")).exit_code == 3


@pytest.mark.parametrize("subscriptions", [False, True])
@pytest.mark.parametrize(("licence", "state"), [("none", LOOK), ("P2", OK)])
def test_the_licence_by_its_subscriptions_or_by_what_the_report_answers(
    tenant: Tenant, tmp_path: Path, subscriptions: bool, licence: str, state: str
) -> None:
    granted = [name for name in DEFAULT if subscriptions or name != "LicenseAssignment.Read.All"]
    tenant.knob("sign-in", "PUT", {"granted": granted})
    tenant.knob("weather", "PUT", {"licence": licence})
    seen = examined(tenant, tmp_path, ("audit", "verify", "campaign", "retirement"))
    found = next(found for found in seen.findings if found.check == "licence")
    assert found.state == state
    works = OK if subscriptions else LOOK
    assert abilities(seen) == {
        "audit": BAD if licence == "none" else works,
        "verify": OK,
        "campaign": BAD if licence == "none" else OK,
        "retirement": LOOK if licence == "none" else works,
    }
    if subscriptions and licence == "P2":
        assert found.said == "Entra ID P1 and P2"


def test_a_licence_that_nobody_may_read_is_not_known(tenant: Tenant, tmp_path: Path) -> None:
    tenant.knob("sign-in", "PUT", {"granted": ["User.Read.All"]})
    seen = examined(tenant, tmp_path)
    assert (states(seen)["licence"], states(seen)["policy"]) == (UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(
    ("changed", "check", "said"),
    [
        ({"certificate_path": "client-expired.pem"}, "certificate", "expired"),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "sign-in", "AADSTS700016"),
        ({"authority_url": "https://127.0.0.1:9"}, "sign-in", ""),
        ({"graph_url": "https://localhost:9"}, "sign-in", ""),
    ],
)
def test_what_does_not_work_is_bad_and_what_to_do_is_said(
    tenant: Tenant, tmp_path: Path, changed: dict[str, str], check: str, said: str
) -> None:
    seen = examined(
        tenant, tmp_path, **{k: str(tenant.profile.parent / v) if "path" in k else v for k, v in changed.items()}
    )
    found = next(found for found in seen.findings if found.check == check)
    assert found.state == BAD
    assert said in found.said
    assert found.ask
    assert seen.exit_code == 1
    assert set(abilities(seen).values()) == {UNKNOWN}


@pytest.mark.parametrize(("late", "state"), [(10, OK), (120, LOOK), (-600, BAD)])
def test_the_clock(tenant: Tenant, tmp_path: Path, late: int, state: str) -> None:
    assert states(examined(tenant, tmp_path, late=timedelta(seconds=late)))["clock"] == state


@pytest.mark.skipif(os.name != "posix", reason="modes tell nothing on Windows")
@pytest.mark.parametrize(("mode", "state"), [(0o600, OK), (0o620, BAD), (0o604, BAD)])
def test_a_key_that_others_can_read(tenant: Tenant, tmp_path: Path, mode: int, state: str) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(Path(tenant.content["certificate_path"]).read_bytes())
    key.chmod(mode)
    assert states(examined(tenant, tmp_path, certificate_path=str(key)))["private key"] == state


class OddError(Exception):
    """What nobody expects."""


@pytest.mark.parametrize("error", [OddError("of all things"), RecursionError(), UnicodeError("x"), KeyError("tid")])
@pytest.mark.parametrize(
    ("library", "check"),
    [
        ("azure.identity.CertificateCredential.get_token", "sign-in"),
        ("httpx.get", "clock"),
        ("shutil.disk_usage", "runs folder"),
        ("cryptography.x509.load_pem_x509_certificate", "certificate"),
    ],
)
def test_whatever_a_library_raises_is_a_finding_and_no_traceback(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, check: str, error: Exception
) -> None:
    def raises(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(library, raises)
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("AUTHOPS_STATE", str(tmp_path / "state"))
    said = CliRunner().invoke(main, ["doctor", "audit", "--json", "--connection", str(tenant.profile)])
    assert isinstance(said.exception, SystemExit | None), said.output
    found = {one["check"]: one["state"] for one in json.loads(said.output)["checks"]}
    assert found[check] in (BAD, UNKNOWN)
    assert said.exit_code == (1 if found[check] == BAD else 0)


def test_a_profile_that_cannot_be_opened_ends_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with a NUL in it, a name that is a folder's, a file that is a folder."""
    (tmp_path / "folder.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    for named in ("folder.yaml", "a\0b.yaml", "a\0b", "x" * 5000, "~nobody/x.yaml"):
        said = CliRunner().invoke(main, ["doctor", "--connection", named])
        assert (said.exit_code, isinstance(said.exception, SystemExit)) == (2, True), said.exception


@pytest.mark.slow
def test_as_a_command(tenant: Tenant, tmp_path: Path) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"AUTHOPS_RUNS": str(tmp_path / "runs"), "AUTHOPS_STATE": str(tmp_path / "state")}
        return warm.run({"args": [sys.executable, "-m", "authops", "doctor", *words], "env": env, "cwd": "/"})

    good = call("--connection", str(tenant.profile))
    assert (good.returncode, good.stdout.count("✓") > 10) == (0, True), good.stdout + good.stderr
    tenant.knob("sign-in", "PUT", {"granted": ["AuditLog.Read.All"]})
    bad = call("audit", "--connection", str(tenant.profile), "--json")
    told: dict[str, Any] = json.loads(bad.stdout)
    assert (bad.returncode, told["exit_code"], told["runbooks"][0]["state"]) == (1, 1, "bad")
    assert call("audti", "--connection", str(tenant.profile)).returncode == 2
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(tenant.content | {"client_secret": "hunter2"}))
    wrong = call("--connection", str(tmp_path / "wrong.yaml"))
    assert (wrong.returncode, "hunter2" in wrong.stdout + wrong.stderr) == (2, False)


@pytest.mark.slow
def test_a_runbook_says_what_it_lacks_before_work_is_lost(tenant: Tenant) -> None:
    tenant.knob("sign-in", "PUT", {"granted": ["User.Read.All"]})
    code, said, folder = tenant.run("audit")
    assert code == 1
    assert folder
    told = "audit cannot read the registration report: it will not work; ask for AuditLog.Read.All"
    assert told in said
    assert told in (folder / "1_audit.html").read_text("utf-8")
