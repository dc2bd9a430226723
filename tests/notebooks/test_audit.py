"""The audit, the campaign and the tour as a scheduler runs them; the tenant's own record is the witness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.apply import resume
from authops.audit import snapshot
from authops.demo import ensure, stop
from authops.plan import plan_file
from authops.run.folder import of_tour
from tests.homes import furnished
from tests.running import FULL_NUMBER, Tenant


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    runs = tmp_path_factory.mktemp("runs")
    yield Tenant(ensure(furnished(home), users=120), runs, {"AUTHOPS_DEMO_HOME": str(home)})
    stop(home)


def outcome(folder: Path | None, runbook: str) -> dict[str, Any]:
    assert folder
    return dict(json.loads((folder / "outcome.json").read_text())["runbooks"][runbook])


def test_two_audits_and_what_moved_between_them(tenant: Tenant, tmp_path: Path) -> None:
    kept = tmp_path / "snapshots"
    words = ["audit", "-p", "snapshots", str(kept), "-p", "scope", "department: Engineering", "-p", "export", "all"]
    code, said, first = tenant.run(*words)
    assert code == 0, said
    assert first
    people = {u["displayName"]: u for u in tenant.knob("state")["users"]}
    gone = people["Otto Synced"]["userPrincipalName"]
    tenant.knob("staff", "POST", {"hire": [{"displayName": "Nele Nieuw"}], "leave": [gone]})
    (first / snapshot.NAME).unlink()
    tenant.knob("log", "DELETE")
    code, said, second = tenant.run("audit", "-p", "snapshots", str(kept), "-p", "export", "parquet")
    assert code == 0, said
    assert second
    changed = pd.read_parquet(second / "audit-changes.parquet").set_index("user_principal_name")["change"]
    assert changed.to_dict() == {gone: "left", "nele.nieuw@contoso.example": "new user"}
    assert len(list(kept.glob("*.parquet"))) == 2
    assert tenant.writes() == []
    asked = [row["path"] for row in tenant.knob("log")["requests"]]
    assert not [path for path in asked if "/authentication/" in path], "without a scope nobody is read one by one"


def test_a_scope_is_read_one_by_one_and_nothing_of_it_leaves_unmasked(tenant: Tenant) -> None:
    tenant.knob("log", "DELETE")
    code, said, folder = tenant.run("audit", "-p", "scope", "group: Engineering", "-p", "export", "all")
    assert code == 0, said
    assert folder
    counts = outcome(folder, "audit")["counts"]
    read = {row["user"] for row in tenant.knob("log")["requests"] if row["path"].endswith("/authentication/methods")}
    assert 0 < len(read) == counts["in_scope"] < counts["users"]
    findings = pd.read_csv(folder / "audit-findings.csv")
    assert {"shared_number", "differs_from_profile"} <= set(findings["finding"])
    texts = [p for p in folder.iterdir() if p.suffix in (".html", ".ipynb", ".jsonl", ".json", ".csv")]
    assert [p.name for p in texts if FULL_NUMBER.search(p.read_text("utf-8"))] == []
    frames = list(folder.glob("*.parquet"))
    assert [p.name for p in frames if FULL_NUMBER.search(pd.read_parquet(p).to_csv())] == []


def test_people_named_in_a_file_are_a_scope(tenant: Tenant, tmp_path: Path) -> None:
    names = [u["userPrincipalName"] for u in tenant.knob("state")["users"] if not u["deleted"]][:3]
    (tmp_path / "who.csv").write_text("UPN;Remark\n" + "".join(f"{name.upper()};x\n" for name in names))
    (tmp_path / "scope.yaml").write_text("scope_file: who.csv\nexport: none\n")
    code, said, folder = tenant.run("audit", "-f", str(tmp_path / "scope.yaml"))
    assert code == 0, said
    assert outcome(folder, "audit")["counts"]["in_scope"] == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-p", "scope", "planet: Mars"], "write KIND: NAME"),
        (["-p", "scope", "department: Alchemy"], "nobody is in scope"),
        (["-p", "scope", "everybody", "-p", "max_scope", "3"], "max_scope is 3"),
        (["-p", "export", "word"], "export must be one of"),
    ],
)
def test_a_scope_that_cannot_be_is_wrong_use(tenant: Tenant, words: list[str], expected: str) -> None:
    code, said, _ = tenant.run("audit", *words)
    assert code == 2, said
    assert expected in said


def test_the_audit_does_with_what_it_may_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    poor = Tenant(ensure(furnished(home), users=40, granted=["User.Read.All", "AuditLog.Read.All"]), tmp_path)
    try:
        code, said, folder = poor.run("audit")
    finally:
        stop(home)
    assert code == 0, said
    assert folder
    people = pd.read_csv(folder / "audit-people.csv", keep_default_na=False)
    assert set(people.loc[people["standing"] == "unknown", "admin"]) == {"unknown"}
    assert "roles cannot be read" in said
    assert "names of licences are not known" in said


def test_without_a_licence_for_the_report_nobody_is_sent_for_a_permission(tenant: Tenant) -> None:
    tenant.knob("assumptions", "PUT", {"tenant_licence": "free"})
    try:
        code, said, folder = tenant.run("audit")
    finally:
        tenant.knob("assumptions", "PUT", {"tenant_licence": "premium"})
    assert code == 1
    assert "the tenant needs Entra ID P1 or P2" in said
    assert "ask the administrator" not in said
    assert folder
    assert "Entra ID P1 or P2" in (folder / "1_audit.html").read_text("utf-8")


def campaign(tenant: Tenant) -> dict[str, Any]:
    code, said, folder = tenant.run("campaign")
    assert code == 0, said
    assert folder
    return outcome(folder, "campaign")


def test_a_campaign_is_previewed_applied_by_its_seal_and_taken_back(tenant: Tenant) -> None:
    change = ["campaign", "-p", "state", "enabled", "-p", "exclude", "group: Break glass", "-p", "opt_out", "on"]
    tenant.knob("log", "DELETE")
    code, said, dry = tenant.run(*change)
    assert code == 0, said
    assert "dry run, nothing was written" in said
    assert tenant.writes() == []
    assert dry
    seal = json.loads((dry / "campaign.json").read_text())["seal"]
    code, said, _ = tenant.run(*change, "-p", "mode", "apply")
    assert code == 2, said
    assert seal in said
    code, said, _ = tenant.run(*change, "-p", "mode", "apply", "-p", "seal", seal, "-p", "max_newly", "0")
    assert code == 4, said
    assert tenant.writes() == []
    code, said, applied = tenant.run(*change, "-p", "mode", "apply", "-p", "seal", seal)
    assert code == 0, said
    assert applied
    assert tenant.writes() == ["PATCH"] * 2
    counts = outcome(applied, "campaign")["counts"]
    assert counts["newly_asked"] > 0
    assert counts["newly_asked"] - counts["no_longer_asked"] == counts["asked_then"] - counts["asked_now"]
    page = (applied / "6_campaign.html").read_text("utf-8")
    assert "The tenant opted out of the passkey migration" in page
    assert "Never asked for a passkey: guests" in page
    back = ["campaign", "-p", "restore", applied.name]
    _, said, dry = tenant.run(*back)
    assert dry, said
    seal = json.loads((dry / "campaign.json").read_text())["seal"]
    code, said, _ = tenant.run(*back, "-p", "mode", "apply", "-p", "seal", seal)
    assert code == 0, said
    assert tenant.writes() == ["PATCH"] * 4
    assert campaign(tenant)["status"] == "nothing to do"


def test_the_tour_leaves_the_tenant_as_it_found_it(tenant: Tenant) -> None:
    def methods() -> dict[str, Any]:
        users = tenant.knob("state")["users"]
        return {u["id"]: sorted((m["id"], m.get("phoneNumber")) for m in u["methods"]) for u in users}

    before = methods()
    tenant.knob("log", "DELETE")
    code, said, folder = tenant.run("tour")
    assert code == 0, said
    assert "4 changes made and proved; taken back: 4 applied" in said
    assert len(tenant.writes()) == 8
    assert methods() == before
    assert folder
    assert not FULL_NUMBER.search((folder / "0_tour.ipynb").read_text("utf-8"))
    # It leaves nothing that another runbook would go on with.
    plans = {f.parent: plan_file.closed(f.parent) for f in folder.parent.glob("*/plan.json")}
    assert len(plans) >= 2
    assert all(since for place, since in plans.items() if of_tour(place))
    assert folder in plans
    assert sum(map(of_tour, plans)) == 2
    assert resume.offered(plans) == []
