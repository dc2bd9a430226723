"""The table of permissions, the notebooks' first tables and the documentation say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from authops.demo.login.permissions import DEFAULT
from authops.run import permissions, runbook
from authops.run.permissions import NEEDS

NAME = re.compile(r"`((?:\w|-)+\.\w+(?:\.\w+)?)`")


def named(name: str) -> set[str]:
    """The permissions in the rows `needs …` of a notebook's first table; "what preview needs" stands for preview's."""
    cells = json.loads(runbook.notebook(name).read_text("utf-8"))["cells"]
    rows = [line for line in "".join(cells[0]["source"]).splitlines() if line.startswith("| **needs")]
    row = "\n".join(rows)
    seldom = {need.ask for need in NEEDS["preview"] if need.rarely}
    return set(NAME.findall(row)) | (named("preview") - seldom if "what preview needs" in row else set())


@pytest.mark.parametrize("name", list(runbook.RUNBOOKS))
def test_a_notebooks_first_table_agrees(name: str) -> None:
    accepted = {permission for need in NEEDS[name] for permission in need.any_of}
    told = named(name)
    if name == "apply":  # what preview reads, apply may read by its own broader permission
        told -= {need.ask for need in (*permissions.READS,)}
    assert told <= accepted
    assert [need.what for need in NEEDS[name] if not told & set(need.any_of)] == []


@pytest.mark.parametrize("name", list(runbook.RUNBOOKS))
def test_the_demo_tenant_grants_what_is_needed(name: str) -> None:
    assert permissions.missing(name, DEFAULT) == []


@pytest.mark.parametrize("either", ["UserAuthenticationMethod.ReadWrite.All", "UserAuthMethod-Phone.ReadWrite.All"])
def test_the_granular_and_the_broad_permission_are_both_accepted(either: str) -> None:
    lacking = permissions.missing("apply", [*DEFAULT, either])
    assert permissions.WRITES[0] not in lacking
    assert permissions.READS[0] not in permissions.missing("preview", ["User.Read.All", either])


def test_what_is_missing_is_said_with_what_to_ask_for() -> None:
    lacking = permissions.missing("verify", ["AuditLog.Read.All"])
    assert permissions.said("verify", lacking) == [
        "verify cannot read phones: it will not work; ask for UserAuthenticationMethod.Read.All",
        "verify cannot read e-mail methods: a column Email cannot be judged; ask for UserAuthenticationMethod.Read.All",
    ]


def test_what_a_token_grants() -> None:
    assert permissions.granted({"roles": ["User.Read.All"]}) == {"User.Read.All"}
    assert permissions.granted({"scp": "User.Read.All AuditLog.Read.All"}) == {"User.Read.All", "AuditLog.Read.All"}
    assert permissions.granted({"roles": []}) == frozenset()
    assert permissions.granted({"tid": "x"}) is None


def test_everything_to_ask_for_has_its_role_id() -> None:
    assert {need.ask for needs in NEEDS.values() for need in needs} <= set(permissions.ROLE_IDS)


def test_the_documentation_shows_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")
    assert permissions.markdown() in page
