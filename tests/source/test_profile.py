"""Directory profiles as a source: whom a scope holds, and what their profiles say, in process against a demo tenant."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from authops.source import profile
from authops.source.wanted import Source
from authops.words.errors import AuthopsError
from tests.apply.conftest import Stage

NOW = datetime(2026, 11, 25, tzinfo=UTC)
E3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.people(ada={}, ben={}, cleo={}, dirk={})
    change = {
        "ada@contoso.example": {
            "mobilePhone": "06-12345001",
            "department": "Legal",
            "otherMails": ["ada@mail.example"],
        },
        "ben@contoso.example": {"mobilePhone": "call me", "businessPhones": ["020 624 1111", "+31 206241112"]},
        "cleo@contoso.example": {"mobilePhone": "0151 23000800", "usageLocation": "DE", "assignedLicenses": []},
    }
    stage._ask("staff", "POST", {"change": change})
    return stage


def grant(stage: Stage, *more: str) -> None:
    granted = stage._ask("sign-in")["granted"]
    stage._ask("sign-in", "PUT", {"granted": [*granted, *more]})


def read(stage: Stage, *fields: str, **options: Any) -> Source:
    async def done() -> Source:
        async with stage.graph() as graph:
            return await profile.read(graph, fields or ("mobile from mobilePhone",), now=NOW, **options)

    return asyncio.run(done())


def said(got: Source) -> dict[tuple[str, str], str]:
    rows = got.wanted[got.wanted["intent"] == "set"]
    names = [user.partition("@")[0] for user in rows["user"]]
    return dict(zip(zip(names, rows["method"], strict=True), rows["value"], strict=True))


def test_numbers_are_read_in_each_persons_own_country(stage: Stage) -> None:
    fields = ("mobile from mobilePhone", "office from businessPhones", "email from otherMails")
    got = read(stage, *fields, default_region="usageLocation")
    assert said(got) == {
        ("ada", "mobile"): "+31 612345001",
        ("ada", "email"): "ada@mail.example",
        ("cleo", "mobile"): "+49 15123000800",
    }
    assert list(got.problems["user"]) == ["ben@contoso.example"]
    assert set(got.problems["rule"]) == {"not_a_number"}
    assert got.facts["users whose profile says something"] == 3


def test_a_profile_without_its_plus_is_read_right_or_a_problem(stage: Stage) -> None:
    change = {
        "ada@contoso.example": {"mobilePhone": "4915112345670", "usageLocation": "DE"},
        "ben@contoso.example": {"mobilePhone": "46701234567", "businessPhones": ["468162420"], "usageLocation": "SE"},
        "cleo@contoso.example": {"mobilePhone": "0151 12345671", "businessPhones": ["089 1234/089 5678"]},
        "dirk@contoso.example": {"mobilePhone": "0151 12345672", "usageLocation": "DE"},
    }
    stage._ask("staff", "POST", {"change": change})
    got = read(stage, "mobile from mobilePhone", "office from businessPhones", default_region="usageLocation")
    assert said(got) == {("dirk", "mobile"): "+49 15112345672"}
    rules = dict(zip([user.partition("@")[0] for user in got.problems["user"]], got.problems["rule"], strict=True))
    assert rules == {"ada": "plus_lost", "ben": "plus_lost", "cleo": "not_a_number"}


def test_whose_profile_says_nothing_is_judged_only_when_a_blank_removes(stage: Stage) -> None:
    assert "dirk@contoso.example" not in set(read(stage, default_region="NL").wanted["user"])
    removing = read(stage, default_region="NL", on_blank="remove")
    assert (
        dict(zip(removing.wanted["user"], removing.wanted["intent"], strict=True))["dirk@contoso.example"] == "remove"
    )


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({"group": "Sales"}, {"cleo"}),
        ({"group": "All staff"}, {"ada", "cleo"}),
        ({"group": "All staff", "departments": ["Legal"]}, {"ada"}),
        ({"departments": ["legal"]}, {"ada"}),
        ({"filter": "startswith(userPrincipalName,'c')"}, {"cleo"}),
        ({"licence": "SPE_E3"}, {"ada"}),
        ({"licence": E3.upper()}, {"ada"}),
        ({"new_since": "2025-01-01"}, {"ada", "cleo"}),
        ({"new_since": "7d"}, set()),
        ({"filter": "createdDateTime ge 2025-01-01T00:00:00Z", "departments": ["Legal"]}, {"ada"}),
    ],
)
def test_a_scope_holds_whom_it_says(stage: Stage, scope: dict[str, Any], names: set[str]) -> None:
    grant(stage, "Organization.Read.All")
    assert {name for name, _ in said(read(stage, default_region="usageLocation", **scope))} == names


def test_a_department_that_nobody_is_in_is_said_beside_one_that_is_there(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    found = read(stage, default_region="usageLocation", departments=["legal", "Leagl"])
    assert found.facts["departments that nobody is in"] == ["Leagl"]
    assert "scope_departments: nobody is in Leagl" in caplog.text


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        (("mobile from phone",), {}, "not `method from property`|is not method"),
        (("email from mobilePhone",), {}, "is not method"),
        (("mobile from mobilePhone", "mobile from businessPhones"), {}, "names mobile twice"),
        ((), {"new_since": "yesterday"}, "new_since"),
        ((), {"licence": "SPE_E9"}, "no licence"),
        ((), {"departments": ["Slaes", "Markting"]}, "nobody is in Slaes, Markting"),
        ((), {"group": "Slaes"}, "no group is named 'Slaes'"),
        ((), {"default_region": "XX"}, "is no country"),
    ],
)
def test_a_wrong_wish_is_one_clear_message(
    stage: Stage, fields: tuple[str, ...], options: dict[str, Any], message: str
) -> None:
    grant(stage, "Organization.Read.All")
    with pytest.raises(AuthopsError, match=message) as raised:
        read(stage, *fields, **options)
    assert raised.value.exit_code == 2
