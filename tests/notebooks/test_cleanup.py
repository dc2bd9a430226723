"""A clean-up as a scheduler runs it: planned by rule, applied, verified, taken back; dry until it is approved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.demo import ensure, stop
from tests.homes import furnished
from tests.running import Tenant

RULES = {
    "phones_with": "1",
    "sms_sign_in_off": "true",
    "leavers_after": "60",
    "expired_passes": "true",
    "move_defaults": "true",
    "max_removals": "1000",
}
DO = {"approve": "all", "mode": "apply"}


def words(**said: str) -> list[str]:
    return [word for name, value in said.items() for word in ("-p", name, value)]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home)), tmp_path_factory.mktemp("runs"))
    stop(home)


def held(tenant: Tenant) -> dict[str, list[Any]]:
    """User id → their methods, as the tenant knows them, without the password."""
    return {
        user["id"]: sorted([m["kind"], m["fields"].get("phoneType", ""), m["fields"].get("phoneNumber", "")]
                           for m in user["methods"] if m["kind"] != "password")
        for user in tenant.knob("state")["users"]
    }  # fmt: skip


@pytest.fixture(scope="module")
def before(tenant: Tenant) -> dict[str, list[Any]]:
    return held(tenant)


@pytest.fixture(scope="module")
def run(tenant: Tenant, before: dict[str, list[Any]]) -> tuple[int, str, Path]:
    code, said, folder = tenant.run("cleanup", "apply", "verify", *words(**RULES, **DO))
    assert folder, said
    return code, said, folder


def test_it_is_dry_until_it_is_approved_and_says_rule_by_rule_what_it_found(tenant: Tenant) -> None:
    tenant.knob("log", "DELETE")
    code, said, folder = tenant.run("cleanup", *words(**RULES))
    assert code == 0, said
    assert tenant.writes() == []
    assert folder
    page = (folder / "9_cleanup.html").read_text("utf-8")
    for rule in ("phones of who holds enough", "everything of accounts that are disabled", "signing in by SMS"):
        assert rule in page
    assert "asked for" in page
    assert not (folder / "approval.json").exists()


def test_a_clean_up_without_a_rule_is_refused(tenant: Tenant) -> None:
    code, said, _ = tenant.run("cleanup")
    assert code == 2
    assert "no rule is on" in said


def test_what_was_planned_is_gone_and_nothing_else(
    tenant: Tenant, before: dict[str, list[Any]], run: tuple[int, str, Path]
) -> None:
    code, said, folder = run
    assert code == 0, said
    plan = pd.read_parquet(folder / "plan.parquet")
    gone = plan[plan["action"] == "remove"].groupby("user_id").size()
    after = held(tenant)
    assert {u: len(before[u]) - len(after[u]) for u in before if before[u] != after[u]} == gone.to_dict()
    assert {"superseded", "leaver"} <= set(plan["reason"])
    leavers = set(plan.loc[plan["reason"].eq("leaver"), "user_id"])
    assert {user for user in leavers if after[user]} == set()
    assert set(plan.loc[plan["action"].eq("blocked"), "reason"]) >= {"administrator"}


def test_verify_ties_the_removals_to_their_records(run: tuple[int, str, Path]) -> None:
    verified = pd.read_parquet(run[2] / "verified.parquet")
    removed = verified[verified["action"] == "remove"]
    assert removed["as_recorded"].all()
    assert (removed["audit_id"] != "").all()
    assert removed["audit_id"].is_unique


def test_undo_brings_back_the_numbers_and_lists_what_nobody_can(
    tenant: Tenant, before: dict[str, list[Any]], run: tuple[int, str, Path]
) -> None:
    code, said, folder = tenant.run("undo", "apply", "verify", *words(run=str(run[2]), **DO))
    assert code == 0, said
    assert folder
    lost = pd.read_parquet(folder / "plan.parquet").query("reason == 'irreversible'")
    assert len(lost)
    again = held(tenant)
    mine = {u: [m for m in ms if m[0] in ("phone", "email")] for u, ms in before.items()}
    assert {u: [m for m in ms if m[0] in ("phone", "email")] for u, ms in again.items()} == mine
