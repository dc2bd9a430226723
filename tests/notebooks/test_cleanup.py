"""A clean-up as a scheduler runs it: planned by rule, applied, verified, taken back; dry until it is approved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from authops.demo import ensure, stop
from authops.plan.cleanup import Rules
from authops.run import runbook
from authops.words.errors import ParameterError
from tests.homes import furnished
from tests.running import Tenant

RULES = {
    "phones_with": "1",
    "sms_sign_in_off": "true",
    "leavers_after": "60",
    "expired_passes": "true",
    "move_defaults": "true",
}
LIMITS = {"max_removals": "1000", "max_irreversible": "200"}
DO = {"approve": "all", "mode": "apply"}


def words(**said: str) -> list[str]:
    return [word for name, value in said.items() for word in ("-p", name, value)]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home)), tmp_path_factory.mktemp("runs"))
    stop(home)


def held(tenant: Tenant) -> dict[str, list[tuple[str, str]]]:
    """User id → kind and value of their methods, as the tenant knows them, without the password."""
    return {
        user["id"]: sorted(
            (m["kind"] + m.get("phoneType", ""), str(m.get("phoneNumber") or m.get("emailAddress") or ""))
            for m in user["methods"]
            if m["kind"] != "password"
        )
        for user in tenant.knob("state")["users"]
    }


@pytest.fixture(scope="module")
def before(tenant: Tenant) -> dict[str, list[tuple[str, str]]]:
    return held(tenant)


@pytest.fixture(scope="module")
def run(tenant: Tenant, before: dict[str, list[tuple[str, str]]]) -> tuple[int, str, Path]:
    code, said, folder = tenant.run("cleanup", "apply", "verify", *words(**RULES, **DO, **LIMITS))
    assert folder, said
    return code, said, folder


def test_nothing_is_approved_and_no_rule_is_on_until_somebody_says_so() -> None:
    usual = runbook.effective(["cleanup"])["cleanup"]
    assert (usual["approve"], usual["max_irreversible"]) == ("none", 0)
    by_phones = {"phones_with": usual["phones_with"], "sms_sign_in": usual["sms_sign_in_off"]}
    by_keys = {"models": usual["passkey_models"], "passes": usual["expired_passes"]}
    with pytest.raises(ParameterError, match="no rule is on"):
        Rules(**by_phones, **by_keys, leavers_after=usual["leavers_after"]).said()


def test_what_nobody_can_give_back_stops_it_before_any_write(
    tenant: Tenant, before: dict[str, list[tuple[str, str]]]
) -> None:
    tenant.knob("log", "DELETE")
    code, said, folder = tenant.run("cleanup", "apply", *words(**RULES, **DO, max_removals="1000"))
    assert code == 4, said
    assert "max_irreversible" in said
    assert tenant.writes() == []
    assert folder
    page = (folder / "9_cleanup.html").read_text("utf-8")
    for rule in ("phones of who holds enough", "everything of accounts that are disabled", "signing in by SMS"):
        assert rule in page


def test_what_was_planned_is_gone_and_nothing_else(
    tenant: Tenant, before: dict[str, list[tuple[str, str]]], run: tuple[int, str, Path]
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
    tenant: Tenant, before: dict[str, list[tuple[str, str]]], run: tuple[int, str, Path]
) -> None:
    code, said, folder = tenant.run("undo", "apply", "verify", *words(run=str(run[2]), **DO, max_changes="1000"))
    assert code == 0, said
    assert folder
    lost = pd.read_parquet(folder / "plan.parquet").query("reason == 'irreversible'")
    assert len(lost)
    again = held(tenant)
    mine = {user: [one for one in ones if one[1]] for user, ones in before.items()}
    assert {user: [one for one in ones if one[1]] for user, ones in again.items()} == mine
