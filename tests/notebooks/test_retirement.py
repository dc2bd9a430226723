"""The retirement as a scheduler runs it; the tenant's own record is the witness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.demo import ensure, stop
from tests.running import FULL_NUMBER, ROOT, Tenant

SOURCE = "register.csv"


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    runs = tmp_path_factory.mktemp("runs")
    yield Tenant(ensure(home, users=120, population="2026"), runs, {"AUTHOPS_DEMO_HOME": str(home)})
    stop(home)


def outcome(folder: Path | None) -> dict[str, Any]:
    assert folder
    return dict(json.loads((folder / "outcome.json").read_text())["runbooks"]["retirement"])


def test_two_looks_and_who_stands_otherwise(tenant: Tenant, tmp_path: Path) -> None:
    words = ["retirement", "-p", "snapshots", str(tmp_path / "kept"), "-p", "export", "all"]
    code, said, first = tenant.run(*words)
    assert code == 0, said
    assert first
    before = outcome(first)
    assert "are blocked" in before["headline"]
    exposed = pd.read_parquet(first / "retirement.parquet").set_index("user_principal_name")
    fell = exposed.index[(exposed["status"] == "blocked") & (exposed["admin"] == "no")][0]
    tenant.knob("staff", "POST", {"change": {fell: {"accountEnabled": False}}, "hire": [{"displayName": "Nele Nieuw"}]})
    tenant.knob("log", "DELETE")
    code, said, second = tenant.run(*words)
    assert code == 0, said
    assert second
    moved = pd.read_csv(second / "retirement-changes.csv").set_index("user_principal_name")["change"]
    assert moved.to_dict() == {fell: "left", "nele.nieuw@contoso.example": "new"}
    assert outcome(second)["counts"]["standing"]["blocked"] + outcome(second)["counts"]["standing"][
        "blocked later"
    ] == (before["counts"]["standing"]["blocked"] + before["counts"]["standing"]["blocked later"] - 1)
    assert tenant.writes() == []


def test_no_number_leaves_but_in_the_file_for_preview_and_preview_takes_the_files(tenant: Tenant) -> None:
    code, said, folder = tenant.run("retirement", "-p", "prices", str(ROOT / "parameters" / "sms-prices.csv"))
    assert code == 0, said
    assert folder
    texts = [p for p in folder.iterdir() if p.suffix in (".html", ".ipynb", ".jsonl", ".json", ".csv")]
    assert {p.name for p in texts if FULL_NUMBER.search(p.read_text("utf-8"))} <= {SOURCE}
    assert len(pd.read_csv(folder / "retirement-costs.csv")) > 3
    page = (folder / "7_retirement.html").read_text("utf-8")
    assert "the tenant&#x27;s opt-out: off" in page or "the tenant's opt-out: off" in page
    assert "did not opt out of the passkey migration" in page
    for name, action in (("phones-that-may-go.csv", "remove"), (SOURCE, "add")):
        code, said, planned = tenant.run(
            "preview", "-p", "source", str(folder / name), "-p", "default_region", "NL", "-p", "max_removals", "500"
        )
        assert code == 0, said
        assert planned
        plan = pd.read_parquet(planned / "plan.parquet")
        writes = plan[plan["action"].isin(("add", "update", "remove"))]
        assert set(writes["action"]) == {action}
        asked = pd.read_csv(folder / name, keep_default_na=False, dtype=str)
        assert set(writes["user_principal_name"]) <= set(asked["UPN"])
        held = set(plan.loc[plan["action"].isin(("blocked", "keep")), "user_principal_name"])
        assert set(asked["UPN"]) == set(writes["user_principal_name"]) | held, "nobody is lost on the way"
        if action == "add":
            wanted = asked.set_index("UPN")["Email"]
            addresses = writes[writes["method"] == "email"].set_index("user_principal_name")["after"]
            assert addresses.to_dict() == wanted[addresses.index].to_dict()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-p", "provider", "pigeon"], "write sms or voice"),
        (["-p", "dates", "soon 2027-01-01"], "is no date of"),
        (["-p", "prices", "/nowhere/prices.csv"], "cannot be read"),
        (["-p", "export", "word"], "export must be one of"),
    ],
)
def test_what_cannot_be_is_wrong_use(tenant: Tenant, words: list[str], expected: str) -> None:
    code, said, _ = tenant.run("retirement", *words)
    assert code == 2, said
    assert expected in said


def test_it_does_with_what_it_may_read_and_says_what_is_not_known(tmp_path: Path) -> None:
    home = tmp_path / "home"
    poor = Tenant(ensure(home, users=60, population="2026", granted=["User.Read.All", "AuditLog.Read.All"]), tmp_path)
    try:
        code, said, folder = poor.run("retirement")
    finally:
        stop(home)
    assert code == 0, said
    assert folder
    assert outcome(folder)["counts"]["not_read"] >= 3
    people = pd.read_csv(folder / "retirement-people.csv", keep_default_na=False)
    assert set(people["in_sms"]) == {"unknown"}
    assert set(people["campaign"]) == {"unknown"}
    page = (folder / "7_retirement.html").read_text("utf-8")
    assert "methods policy" in page
    assert "What the registration campaign will do is not known" in page
