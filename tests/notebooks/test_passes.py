"""Passes as a scheduler runs them: planned, sealed into letters, looked at, taken back; no code but in a letter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyrage
import pytest

from authops.demo import ensure, stop
from bench.passes import holding
from tests.homes import furnished
from tests.running import Tenant

NAMES = ("ada.empty", "ben.mobile", "hugo.admin", "ivy.disabled")
KIND = "temporaryAccessPass"


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home)), tmp_path_factory.mktemp("runs"))
    stop(home)


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, identity: pyrage.x25519.Identity) -> list[str]:
    place = tmp_path_factory.mktemp("passes")
    (place / "keys").mkdir()
    (place / "keys" / "desk.pub").write_text(f"{identity.to_public()}\n")
    rows = "".join(f"{name}@contoso.example,,,TRUE,desk\n" for name in NAMES)
    (place / "passes.csv").write_text("UPN,Start,LifetimeMinutes,Once,Recipient\n" + rows)
    told = {
        "source": place / "passes.csv", "approve": "all", "mode": "apply", "hand_over": "files",
        "hand_over_folder": place / "letters", "recipient_keys": place / "keys",
    }  # fmt: skip
    return [word for name, value in told.items() for word in ("-p", name, str(value))]


@pytest.fixture(scope="module")
def run(tenant: Tenant, words: list[str]) -> tuple[int, str, Path]:
    code, said, folder = tenant.run("passes", "apply", "verify", *words)
    assert folder, said
    return code, said, folder


def held(tenant: Tenant) -> dict[str, str]:
    """UPN → object id of who has a pass that this test may have made."""
    users = tenant.knob("state")["users"]
    mine = {f"{name}@contoso.example" for name in NAMES}
    return {
        u["userPrincipalName"]: u["id"]
        for u in users
        if u["userPrincipalName"] in mine and any(m["kind"] == KIND for m in u["methods"])
    }


def codes(words: list[str], identity: pyrage.x25519.Identity) -> dict[str, str]:
    letters = Path(words[words.index("hand_over_folder") + 1])
    opened = {p.name: pyrage.decrypt(p.read_bytes(), [identity]).decode() for p in letters.rglob("*.age")}
    found = {name: re.findall(r"^ +Pass +(\S+)$", said, re.MULTILINE) for name, said in opened.items()}
    return {name.removesuffix(".txt.age"): code for name, (code,) in found.items()}


def test_who_may_have_one_has_it_with_a_letter_that_works_and_nobody_else(
    tenant: Tenant, run: tuple[int, str, Path], words: list[str], identity: pyrage.x25519.Identity
) -> None:
    code, said, folder = run
    assert code == 0, said
    given = codes(words, identity)
    assert set(held(tenant)) == set(given) == {"ada.empty@contoso.example", "ben.mobile@contoso.example"}
    counts = json.loads((folder / "outcome.json").read_text())["runbooks"]
    assert (counts["passes"]["counts"]["add"], counts["passes"]["counts"]["blocked"]) == (2, 2)
    reasons = pd.read_parquet(folder / "plan.parquet").set_index("user_principal_name")["reason"]
    assert reasons["hugo.admin@contoso.example"] == "administrator"
    assert reasons["ivy.disabled@contoso.example"] == "disabled_account"
    assert holding(tenant.runs, set(given.values())) == []
    assert [code for code in given.values() if code in said] == []


def test_an_apply_without_a_hand_over_is_stopped_by_a_guard(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "passes.csv").write_text("UPN,Recipient\nnora.plain@contoso.example,desk\n")
    tenant.knob("log", "DELETE")
    more = ["-p", "source", str(tmp_path / "passes.csv"), "-p", "on_registered", "allow"]
    users = [u for u in tenant.knob("state")["users"] if not u["admin"] and u["accountEnabled"]]
    upn = next(u["userPrincipalName"] for u in users if u["userType"] == "Member" and not u["deleted"])
    (tmp_path / "passes.csv").write_text(f"UPN,Recipient\n{upn},desk\n")
    code, said, _ = tenant.run("passes", "apply", *more, "-p", "approve", "all", "-p", "mode", "apply")
    assert code == 4, said
    assert "no hand-over is named" in said
    assert tenant.writes() == []


def test_they_are_taken_back_by_undo_in_words_and_what_was_used_is_told(
    tenant: Tenant, run: tuple[int, str, Path], words: list[str], identity: pyrage.x25519.Identity
) -> None:
    there = held(tenant)
    ada = "ada.empty@contoso.example"
    body = {"user": there[ada], "code": codes(words, identity)[ada], "register": "fido2"}
    assert tenant.knob("pass", "POST", body)["accepted"]
    code, said, _ = tenant.run("verify", "--run-dir", str(run[2]))
    page = next(run[2].glob("4_verify*.html")).read_text("utf-8")
    assert "registered what lasts" in page, said
    takes = ["-p", "run", str(run[2]), "-p", "approve", "all", "-p", "mode", "apply", "-p", "max_removals", "5"]
    tenant.knob("log", "DELETE")
    code, said, _ = tenant.run("undo", "apply", *takes)
    assert code == 4, said
    assert "max_irreversible" in said
    assert tenant.writes() == []
    assert held(tenant) == there
    code, said, _ = tenant.run("undo", "apply", "verify", *takes, "-p", "max_irreversible", "1")
    assert code == 0, said
    assert held(tenant) == {}
