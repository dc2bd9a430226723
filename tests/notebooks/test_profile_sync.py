"""A daily profile sync from one parameters file: day one fills, day two follows, day three has nothing to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.demo import ensure, stop
from tests.homes import furnished
from tests.running import ROOT, Tenant

SYNC = str(ROOT / "parameters" / "profile-sync.yaml")
FIRST_DAY = ("-p", "max_changes", "null", "-p", "max_share", "null")


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    home = tmp_path / "home"
    yield Tenant(ensure(furnished(home), users=60), tmp_path)
    stop(home)


def sync(tenant: Tenant, *words: str) -> tuple[int, dict[str, Any], Path]:
    tenant.knob("log", "DELETE")
    code, said, folder = tenant.run("preview", "apply", "verify", "-f", SYNC, *words)
    assert folder, said
    return code, json.loads((folder / "outcome.json").read_text()), folder


def people(tenant: Tenant) -> dict[str, dict[str, str]]:
    """UPN → phone type → number, of everybody who is there."""
    return {
        u["userPrincipalName"]: {m["phoneType"]: m["phoneNumber"] for m in u["methods"] if m["kind"] == "phone"}
        for u in tenant.knob("state")["users"]
        if not u["deleted"]
    }


def test_three_days(tenant: Tenant) -> None:
    code, outcome, _ = sync(tenant, *FIRST_DAY)
    assert (code, outcome["status"]) == (0, "done")
    assert outcome["runbooks"]["apply"]["counts"]["applied"] > 20

    before = people(tenant)
    members = [u for u in before if "#" not in u and before[u].get("mobile")]
    plain = [u["userPrincipalName"] for u in tenant.knob("state")["users"] if u["accountEnabled"] and not u["admin"]]
    moved, gone, disabled = [u for u in members if u in plain and not u.startswith("elin")][-3:]
    change = {moved: {"mobilePhone": "06 12345001"}, disabled: {"mobilePhone": "06 12345002", "accountEnabled": False}}
    hire = [
        {"displayName": "Nina New", "usageLocation": "NL", "mobilePhone": "0612345003"},
        {"displayName": "Nils New", "usageLocation": "DE", "businessPhones": ["030 1234567"]},
        {"displayName": "Nora Quiet", "usageLocation": "NL"},
    ]
    tenant.knob("staff", "POST", {"change": change, "leave": [gone], "hire": hire})
    code, outcome, folder = sync(tenant)
    after = people(tenant)
    assert (code, outcome["runbooks"]["apply"]["counts"]) == (0, {"applied": 3})
    assert after == {k: v for k, v in before.items() if k != gone} | {
        moved: before[moved] | {"mobile": "+31 612345001"},
        "nina.new@contoso.example": {"mobile": "+31 612345003"},
        "nils.new@contoso.example": {"office": "+49 301234567"},
        "nora.quiet@contoso.example": {},
    }
    held = pd.read_parquet(folder / "plan.parquet").set_index("user_principal_name")
    assert held.loc[[disabled], "reason"].eq("disabled_account").any()

    code, outcome, _ = sync(tenant)
    assert (code, outcome["status"]) == (0, "nothing to do")
    assert tenant.writes() == []
    assert people(tenant) == after


def test_only_the_new_ones_of_a_department(tenant: Tenant) -> None:
    hire = [
        {"displayName": f"Nina {d}", "usageLocation": "NL", "mobilePhone": "0612345003", "department": d, **more}
        for d, more in (
            ("Sales", {"createdDateTime": "2026-11-20T08:00:00Z"}),
            ("Legal", {"createdDateTime": "2026-11-20T08:00:00Z"}),
        )
    ]
    tenant.knob("staff", "POST", {"hire": hire})
    words = ("-p", "scope_departments", "sales", "-p", "new_since", "2026-11-01")
    code, outcome, _ = sync(tenant, *words)
    assert (code, outcome["runbooks"]["apply"]["counts"]) == (0, {"applied": 1})
    assert people(tenant)["nina.sales@contoso.example"] == {"mobile": "+31 612345003"}
    assert people(tenant)["nina.legal@contoso.example"] == {}
