"""What must not be written is not: every refusal, every guard; the tenant's own record of requests is the witness."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml

from authops.apply.lock import TenantLock
from authops.demo import ensure, stop
from authops.plan import plan_file
from authops.plan.plan import Plan
from tests import warm
from tests.homes import furnished
from tests.running import HEADER, Tenant

APPLY = ("-p", "mode", "apply")
Copy = Callable[[], Path]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home), users=120), tmp_path_factory.mktemp("runs"), {"AUTHOPS_AUTHOR": "frida"})
    stop(home)


def people(tenant: Tenant, count: int) -> list[str]:
    """Members with an ordinary account and no phone, nor any role."""
    found = [
        u["userPrincipalName"]
        for u in tenant.knob("state")["users"]
        if u["userType"] == "Member" and u["accountEnabled"] and not (u["deleted"] or u["admin"] or u["story"])
    ]
    return found[:count]


def csv(folder: Path, names: list[str], *, force: str = "TRUE") -> Path:
    path = folder / "wanted.csv"
    path.write_text(HEADER + "".join(f"{name},+31 61234{n:04d},,,{force},\n" for n, name in enumerate(names)))
    return path


@pytest.fixture(scope="module")
def prepared(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an approved plan of three changes that was never applied."""
    file = csv(tmp_path_factory.mktemp("csv"), people(tenant, 3))
    code, said, folder = tenant.run("preview", "-p", "source", str(file), "-p", "approve", "all")
    assert code == 0, said
    assert folder
    return folder


@pytest.fixture
def copy(prepared: Path, tmp_path: Path, tenant: Tenant) -> Copy:
    """A copy of the prepared run, as somebody might make one; the request record starts empty."""
    tenant.knob("log", "DELETE")
    return lambda: Path(shutil.copytree(prepared, tmp_path / "run"))


def refused(tenant: Tenant, code: int, expected: str, folder: Path, *words: str, **more: Path) -> None:
    found, said, _ = tenant.run("apply", "--run-dir", str(folder), *APPLY, *words, **more)
    assert expected in said
    assert found == code, said
    assert tenant.writes() == []


def test_an_edited_plan(tenant: Tenant, copy: Copy) -> None:
    folder = copy()
    header = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(header | {"expires_at": "2099-01-01T00:00:00+00:00"}))
    refused(tenant, 2, "edited after it was saved", folder)


def test_a_plan_of_another_tenant(tenant: Tenant, copy: Copy, tmp_path: Path) -> None:
    other = tenant.changed(tmp_path, tenant_id="11111111-2222-3333-4444-555555555555")
    refused(tenant, 2, "the plan was made for tenant", copy(), connection=other)


def resealed(folder: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, version: int, hours: int) -> None:
    """The same changes in a new plan, made under other rules or expired."""
    made = plan_file.load(copied)
    header = {k: v for k, v in made.header.items() if k not in ("digest", "plan_id", "made_at", "expires_at")}
    monkeypatch.setattr(plan_file, "RULES_VERSION", version)
    folder.mkdir()
    sealed = Plan(made.changes, made.problems, header)
    sealed = plan_file.save(sealed, folder, now=plan_file.utc_now(), valid_hours=hours)
    plan_file.approve(sealed, folder, list(sealed.writes["change_id"]), by="gus", now=plan_file.utc_now())


def test_a_plan_made_under_other_rules(
    tenant: Tenant, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resealed(tmp_path / "old", copy(), monkeypatch, version=1, hours=24)
    refused(tenant, 2, "was made under other rules", tmp_path / "old")


def test_an_expired_plan(tenant: Tenant, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resealed(tmp_path / "old", copy(), monkeypatch, version=plan_file.RULES_VERSION, hours=-1)
    refused(tenant, 2, "the plan expired at", tmp_path / "old")


def test_an_approval_by_the_author_where_a_second_person_is_required(tenant: Tenant, copy: Copy) -> None:
    folder = copy()
    refused(tenant, 2, "frida made the plan and approved it; a second person", folder, "--require-second-person")
    plan_file.approve(
        made := plan_file.load(folder),
        folder,
        list(made.writes["change_id"]),
        by="gus",
        now=plan_file.utc_now(),
    )
    code, said, _ = tenant.run("apply", "--run-dir", str(folder), "--require-second-person")
    assert code == 0, said
    assert "dry run, nothing was written: 3 would be written" in said


def approved_again(folder: Path, **changes: str) -> None:
    """The approval with something else in it, sealed as if it had been given like that."""
    path = folder / "approval.json"
    said = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(said | {"digest": plan_file._digest_of(said)}))


def test_the_author_under_another_name_is_no_second_person(tenant: Tenant, copy: Copy) -> None:
    folder = copy()
    approved_again(folder, by=" Frida@another-machine ")
    refused(tenant, 2, "a second person is required", folder, "--require-second-person")


def test_a_clock_that_went_back(tenant: Tenant, copy: Copy) -> None:
    folder = copy()
    approved_again(folder, at=(plan_file.utc_now() + timedelta(hours=1)).isoformat())
    refused(tenant, 2, "the plan was made or approved at", folder)


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        (lambda folder: (folder / "journal.sqlite").write_bytes(b"SQLite format 3\0" + bytes(4096)), 1, "is damaged"),
        (lambda folder: (folder / "plan.json").unlink(), 2, "holds no plan"),
    ],
)
def test_a_run_folder_that_lost_something(
    tenant: Tenant, copy: Copy, change: Callable[[Path], object], code: int, expected: str
) -> None:
    folder = copy()
    change(folder)
    refused(tenant, code, expected, folder)


def test_a_run_folder_that_cannot_be_written(tenant: Tenant, copy: Copy) -> None:
    folder = copy()
    mount = ["mount", "--bind", str(folder), str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        refused(tenant, 2, "cannot be written (Read-only file system)", folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_plan_that_a_guard_stopped_is_approved_by_nobody(tenant: Tenant, tmp_path: Path) -> None:
    tenant.knob("log", "DELETE")
    file = csv(tmp_path, people(tenant, 3))
    code, said, folder = tenant.run("preview", "-p", "source", str(file), "-p", "max_changes", "2")
    assert code == 4, said
    assert folder
    words = [sys.executable, "-m", "authops", "approve", str(folder), "--yes"]
    asked = warm.run(tenant.command("apply") | {"args": words})
    assert asked.returncode == 4
    assert "max_changes: 3 writes in the whole plan, 2 allowed" in asked.stderr
    refused(tenant, 2, "holds no approval", folder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-p", "max_changes", "2"), "max_changes: 3 writes in the whole plan, 2 allowed"),
        (("-p", "min_certificate_days", "99999"), "min_certificate_days: "),
    ],
)
def test_a_limit_that_is_broken_at_apply(tenant: Tenant, copy: Copy, words: tuple[str, ...], expected: str) -> None:
    refused(tenant, 4, expected, copy(), *words)


def test_somebody_who_was_disabled_since_the_preview(tenant: Tenant, copy: Copy) -> None:
    name = people(tenant, 1)[0]
    tenant.knob("staff", "POST", {"change": {name: {"accountEnabled": False}}})
    try:
        refused(tenant, 4, "protected: 1 approved changes that became protected", copy())
    finally:
        tenant.knob("staff", "POST", {"change": {name: {"accountEnabled": True}}})


def test_another_run_that_holds_the_tenants_lock(tenant: Tenant, copy: Copy) -> None:
    tenant_id = tenant.content["tenant_id"]
    with TenantLock(tenant.runs / "state" / "locks", tenant_id, by="hans", run="nightly"):
        refused(tenant, 4, "tenant_lock: hans (process", copy())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-p", "max_changes", "1"), "max_changes"),
        (("-p", "max_removals", "0"), "max_removals"),
        (("-p", "max_share", "0.1"), "max_share"),
        (("-p", "min_certificate_days", "99999"), "min_certificate_days"),
        (("-p", "protect_groups", "No such group"), "protect_groups"),
    ],
)
def test_a_limit_that_is_broken_at_preview(
    tenant: Tenant, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    tenant.knob("log", "DELETE")
    holders = [u for u in tenant.knob("state")["users"] if u["story"].startswith("every phone")]
    file = csv(tmp_path, people(tenant, 52))
    file.write_text(file.read_text() + f"{holders[0]['userPrincipalName']},,,,,TRUE\n")
    limits = words if "max_removals" in words else ("-p", "max_removals", "9", *words)
    everything = ("-p", "source", str(file), "-p", "approve", "all", *APPLY, *limits)
    code, said, folder = tenant.run("preview", "apply", *everything)
    assert code == 4, said
    assert f"a guard stopped it ({expected})" in said
    assert folder
    assert not (folder / "approval.json").exists()
    assert tenant.writes() == []


def test_roles_that_cannot_be_read_stop_the_plan_naming_the_permission(tmp_path: Path) -> None:
    home = tmp_path / "home"
    granted = ["User.Read.All", "UserAuthenticationMethod.ReadWrite.All"]
    poor = Tenant(ensure(furnished(home), users=20, granted=granted), tmp_path)
    try:
        file = csv(tmp_path, people(poor, 1))
        everything = ("-p", "source", str(file), "-p", "approve", "all", *APPLY)
        code, said, _ = poor.run("preview", "apply", *everything)
        assert code == 4, said
        assert "allow_admins" in said and "allow_unusable" in said
        assert poor.writes() == []
        unasked = ("-p", "allow_admins", "true", "-p", "allow_unusable", "true")
        code, said, _ = poor.run("preview", *everything[:-3], *unasked)
        assert code == 0, said
    finally:
        stop(home)


HELD = {
    "Hugo Admin": ("administrator", "allow_admins"),
    "Elin Eligible": ("administrator", "allow_admins"),
    "Gina Guest": ("guest", "allow_guests"),
    "Ivy Disabled": ("disabled_account", "allow_disabled"),
}


def test_rows_that_a_guard_holds_are_shown_and_never_written(tenant: Tenant, tmp_path: Path) -> None:
    tenant.knob("log", "DELETE")
    known = {u["displayName"]: u for u in tenant.knob("state")["users"]}
    glass, service = known["Ben Mobile"]["userPrincipalName"], known["Svc Backup"]["userPrincipalName"]
    file = csv(tmp_path, [*(known[name]["userPrincipalName"] for name in HELD), glass, service])
    words = ("-p", "protect_users", glass, "-p", "protect_groups", "Break glass", *APPLY)
    code, said, folder = tenant.run("preview", "apply", "-p", "source", str(file), "-p", "approve", "all", *words)
    assert folder
    changes = pd.read_parquet(folder / "plan.parquet").set_index("display_name")
    changes = changes[changes["method"] == "mobile"]
    assert {name: changes.loc[name, "reason"] for name in HELD} == {name: rule for name, (rule, _) in HELD.items()}
    assert changes.loc["Ben Mobile", "reason"] == "protected_user"
    assert changes.loc["Svc Backup", "reason"] == "protected_group"
    assert set(changes["action"]) == {"blocked"}
    assert tenant.writes() == []
    assert "nothing to change" in said
    assert code in (0, 2)
    page = (folder / "2_preview.html").read_text("utf-8")
    assert "What do the guards hold back?" in page
    assert known["Hugo Admin"]["userPrincipalName"] in page


@pytest.mark.parametrize("name", list(HELD))
def test_each_row_guard_can_be_switched_off_by_its_own_parameter(tenant: Tenant, tmp_path: Path, name: str) -> None:
    known = {u["displayName"]: u["userPrincipalName"] for u in tenant.knob("state")["users"]}
    file = csv(tmp_path, [known[name]])
    code, said, folder = tenant.run("preview", "-p", "source", str(file), "-p", HELD[name][1], "true")
    assert code == 0, said
    assert folder
    changes = pd.read_parquet(folder / "plan.parquet").set_index("method")
    assert changes.loc["mobile", "action"] == "update"


def test_a_plan_is_applied_once_here_and_in_a_copy(tenant: Tenant, prepared: Path, copy: Copy) -> None:
    elsewhere = copy()
    code, said, _ = tenant.run("apply", "--run-dir", str(prepared), *APPLY)
    assert code == 0, said
    assert len(tenant.writes()) == 3
    tenant.knob("log", "DELETE")
    page = (prepared / "3_apply.html").read_bytes()
    refused(tenant, 2, "already applied (3 applied), finished", prepared)
    # Whatever guard it would break as well: that it was applied comes first.
    refused(tenant, 2, "already applied (3 applied), finished", prepared, "-p", "max_changes", "0")
    whole = json.loads((prepared / "outcome.json").read_text())
    done, again = whole["earlier"]
    assert (done["status"], done["counts"]) == ("done", {"applied": 3})
    assert again["status"] == whole["runbooks"]["apply"]["status"] == "wrong use"
    assert (prepared / "3_apply-1.html").read_bytes() == page
    assert (prepared / "3_apply-2.html").exists()
    assert "already applied (3 applied)" in (prepared / "3_apply.html").read_text("utf-8")
    refused(tenant, 2, f"already applied, in {prepared}", elsewhere)


def test_a_password_that_stands_where_a_variable_is_named_is_in_no_file(tenant: Tenant, tmp_path: Path) -> None:
    """One that could be a variable's name: it is only found not to be one when somebody signs in."""
    password, told = "Sommer2026xHaus", tmp_path / "told"
    save = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
    way = {"to": "command", "on": "always", "command": [sys.executable, "-c", save]}
    (tmp_path / "notify.yaml").write_text(yaml.safe_dump([way]))
    profile = tenant.changed(tmp_path, certificate_password_env=password)
    words = ("audit", "--notify", str(tmp_path / "notify.yaml"))
    code, said, folder = tenant.run(*words, connection=profile)
    assert (code, "the variable that certificate_password_env names is not set" in said) == (2, True), said
    assert folder
    kept = [path for root in (folder, tenant.runs / "state") for path in root.rglob("*") if path.is_file()]
    assert {"1_audit.ipynb", "outcome.json", "log.jsonl"} <= {path.name for path in kept}
    assert "wrong use" in told.read_text()
    assert [p for p in (*kept, told) if password.encode() in p.read_bytes()] == []
    assert password not in said
