"""What is made of Graph's answers: "none" is only what Graph said is none. Against a stand-in written here."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pandas as pd
import pytest
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from authops.apply.reading import gone
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.methods.kinds import KINDS
from authops.source import profile
from authops.tenant import audit_log, directory, inventory, protection
from authops.words.errors import GraphError
from authops.words.frames import REGISTRATIONS, frame

HERE = "https://graph.test"
ONE = "aaaaaaaa-0000-4000-8000-000000000001"
TWO = "bbbbbbbb-0000-4000-8000-000000000002"
GROUP = "cccccccc-0000-4000-8000-000000000003"
Rule = Callable[[str], tuple[int, Any]]


class Token(AccessTokenProvider):
    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        return "token"

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["graph.test"])


def graph(rule: Rule) -> Graph:
    """A way to a Graph that answers each path as `rule` says, alone or in a batch."""

    def handler(request: httpx.Request) -> httpx.Response:
        path = unquote(str(request.url)).removeprefix(f"{HERE}/v1.0")
        if path != "/$batch":
            status, body = rule(path)
            return httpx.Response(status, json=body)
        answers = [
            {"id": part["id"], "status": status, "headers": None, "body": body}
            for part in json.loads(request.content)["requests"]
            for status, body in [rule(unquote(part["url"]))]
        ]
        return httpx.Response(200, json={"responses": answers})

    async def pause(_: float) -> None:
        return None

    connection = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
    return Graph.connect(connection, transport=httpx.MockTransport(handler), tokens=Token(), sleep=pause)


def ask(rule: Rule, question: Callable[[Graph], Awaitable[Any]]) -> Any:
    async def done() -> Any:
        async with graph(rule) as way:
            return await question(way)

    return asyncio.run(done())


def phone(number: Any, kind: str = "mobile", **more: Any) -> dict[str, Any]:
    return {"id": KINDS[kind].method_id, "phoneType": kind, "phoneNumber": number, **more}


def mobile(rule: Rule) -> tuple[bool, str]:
    seen = ask(rule, lambda way: directory.current(way, [ONE], methods=["mobile"]))
    return bool(seen["known"].iloc[0]), str(seen["value"].iloc[0])


@pytest.mark.parametrize(
    "body", [None, "PGh0bWw+", {}, {"value": None}, {"value": "x"}, {"error": None}, [phone("+31 612345678")]]
)
def test_an_answer_that_is_no_list_is_not_none(body: Any) -> None:
    assert mobile(lambda _: (200, body)) == (False, "")


@pytest.mark.parametrize("number", [None, "", "+31 *******78"])
def test_a_phone_whose_number_is_not_shown_is_not_none(number: Any) -> None:
    assert mobile(lambda _: (200, {"value": [phone(number)]})) == (False, "")


def test_no_phone_is_none_and_what_is_new_is_passed_over() -> None:
    other = {"id": "x", "phoneType": "hologram", "phoneNumber": "+31 1"}
    assert mobile(lambda _: (200, {"value": [other], "new": {}})) == (True, "")


def test_a_phone_is_known_by_its_id_whatever_its_case_or_type_says() -> None:
    item = phone("+31 612345678", phoneType="unknownFutureValue")
    item["id"] = item["id"].upper()
    assert mobile(lambda _: (200, {"value": [item]})) == (True, "+31 612345678")


def test_a_list_in_pages_is_read_to_its_end() -> None:
    def rule(path: str) -> tuple[int, Any]:
        link = f"{HERE}/v1.0/users/{ONE}/authentication/phoneMethods?$skiptoken=2"
        if "skiptoken" in path:
            return 200, {"value": [phone("+31 612345678")]}
        return 200, {"value": [phone("+31 207940000", "office")], "@odata.nextLink": link}

    assert mobile(rule) == (True, "+31 612345678")


def test_a_list_whose_rest_cannot_be_read_is_not_known() -> None:
    def rule(path: str) -> tuple[int, Any]:
        link = f"{HERE}/v1.0/users/{ONE}/authentication/phoneMethods?$skiptoken=2"
        return (404, {}) if "skiptoken" in path else (200, {"value": [], "@odata.nextLink": link})

    assert mobile(rule) == (False, "")


def details(rule: Rule) -> list[tuple[bool, str]]:
    who, report = people(ONE), frame(REGISTRATIONS, [])
    found = ask(rule, lambda way: inventory.details(way, who, report, tick=lambda _: None))
    return list(zip(found["known"].tolist(), found["value"].tolist(), strict=True))


@pytest.mark.parametrize("body", [None, {}, {"value": None}, [phone("+31 612345678")]])
def test_a_person_whose_methods_are_no_list_is_unknown_in_an_audit(body: Any) -> None:
    assert details(lambda _: (200, body)) == [(False, "")]


def test_a_person_whose_methods_come_in_pages_is_read_to_the_end_in_an_audit() -> None:
    def rule(path: str) -> tuple[int, Any]:
        link = f"{HERE}/v1.0/users/{ONE}/authentication/methods?$skiptoken=2"
        more = {} if "skiptoken" in path else {"@odata.nextLink": link}
        number, kind = ("+31 612345678", "mobile") if more else ("+31 207940000", "office")
        return 200, {"value": [phone(number, kind)], **more}

    assert details(rule) == [(True, "+31 612345678"), (True, "+31 207940000")]


@pytest.mark.parametrize("read", [directory.all_users, directory.people, directory.registrations])
def test_a_person_on_two_pages_is_one_row(read: Callable[[Graph], Awaitable[pd.DataFrame]]) -> None:
    def rule(path: str) -> tuple[int, Any]:
        where = urlsplit(path).path
        first = {"@odata.nextLink": f"{HERE}/v1.0{where}?$skiptoken=2"} if "skiptoken" not in path else {}
        ids = (ONE, TWO) if first else (TWO.upper(), GROUP)
        return 200, {"value": [{"id": i, "skuId": i, "skuPartNumber": i} for i in ids], **first}

    assert ask(rule, read)["user_id"].tolist() == [ONE, TWO, GROUP]


def two_pages(first: Sequence[Any], second: Sequence[Any]) -> Rule:
    """The same two pages of whatever collection is asked for."""

    def rule(path: str) -> tuple[int, Any]:
        if "skiptoken" in path:
            return 200, {"value": list(second)}
        return 200, {"value": list(first), "@odata.nextLink": f"{HERE}/v1.0{urlsplit(path).path}?$skiptoken=2"}

    return rule


def test_an_audit_record_on_two_pages_is_one_change_and_records_without_an_id_are_all_kept() -> None:
    target = {"id": ONE, "modifiedProperties": [{"oldValue": None, "newValue": KINDS["mobile"].method_id}]}
    named, nameless = ({"id": i, "activityDateTime": "2026-11-25T10:00:00Z"} for i in ("a1", None))
    pages = two_pages(
        [named | {"targetResources": [target]}],
        [r | {"targetResources": [target]} for r in (named, nameless, nameless)],
    )
    found = ask(pages, lambda way: audit_log.records(way, datetime(2026, 11, 25, tzinfo=UTC), [ONE]))
    assert sorted(found["audit_id"]) == ["", "", "a1"]


def test_a_profile_on_two_pages_is_read_once() -> None:
    ada, ben = ({"id": i, "userPrincipalName": i, "mobilePhone": "+31 612345678"} for i in (ONE, TWO))
    now = datetime(2026, 11, 25, tzinfo=UTC)
    got = ask(two_pages([ada], [ada, ben]), lambda way: profile.read(way, ["mobile from mobilePhone"], now=now))
    assert got.wanted["user"].tolist() == [ONE, TWO]
    assert got.problems.empty


@pytest.mark.parametrize("largest", [999, 100])
def test_the_report_is_read_whatever_its_largest_page_is(largest: int) -> None:
    def rule(path: str) -> tuple[int, Any]:
        told = re.search(r"top=(\d+)", path)
        wrong = told and int(told[1]) > largest
        return (400, {"error": {"code": "BadRequest"}}) if wrong else (200, {"value": [{"id": ONE}]})

    assert ask(rule, directory.registrations)["user_id"].tolist() == [ONE]


def test_a_report_that_is_refused_is_refused() -> None:
    with pytest.raises(GraphError, match="BadRequest"):
        ask(lambda _: (400, {"error": {"code": "BadRequest"}}), directory.registrations)


def test_a_policy_without_its_configurations_is_not_known() -> None:
    with pytest.raises(GraphError, match="not known"):
        ask(lambda _: (200, {"id": "authenticationMethodsPolicy"}), directory.methods_policy)
    page: Rule = lambda path: (200, {"value": []}) if "olicies" not in path else (200, {"id": "x"})  # noqa: E731
    assert ask(page, lambda way: protection.read(way, people(ONE), protection.Rules())).held.empty


def test_somebody_whom_only_others_may_look_at_is_refused_alone() -> None:
    def rule(path: str) -> tuple[int, Any]:
        return (403, {"error": {"code": "accessDenied"}}) if ONE in path else (200, {"value": [phone("+31 612345678")]})

    seen = ask(rule, lambda way: directory.current(way, [ONE, TWO], methods=["mobile"]))
    assert seen["known"].tolist() == [False, True]
    assert "accessDenied" in seen["error"].iloc[0]


@pytest.mark.parametrize("people", [1, 2, 60])
def test_a_refusal_of_everybody_is_raised_once(people: int) -> None:
    asked: list[str] = []

    def rule(path: str) -> tuple[int, Any]:
        asked.append(path)
        return 403, {"error": {"code": "accessDenied", "message": "no"}}

    with pytest.raises(GraphError, match="accessDenied"):
        ask(rule, lambda way: directory.current(way, [f"u{n}" for n in range(people)], methods=["mobile"]))
    assert len(asked) <= 60


def test_the_default_is_known_whatever_the_case_of_ids() -> None:
    row = dict.fromkeys(REGISTRATIONS, "") | {"user_id": ONE.upper(), "default_method": "sms"}
    flags = {name: False for name in REGISTRATIONS if name.startswith("is_")}
    report = frame(REGISTRATIONS, [row | flags])
    app = {"@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod"}
    rule: Rule = lambda path: (200, {"value": [app] if path.endswith("/methods") else [phone("+31 612345678")]})  # noqa: E731
    seen = ask(rule, lambda way: directory.current(way, [ONE], methods=["mobile"], defaults=report))
    assert (bool(seen["is_default"].iloc[0]), int(seen["others"].iloc[0])) == (True, 1)


def details_of(rule: Rule) -> pd.DataFrame:
    users, report = people(ONE), frame(REGISTRATIONS, [])
    return ask(rule, lambda way: inventory.details(way, users, report, tick=lambda _: None))


def method(kind: str, **more: Any) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}AuthenticationMethod", **more}


def test_methods_in_pages_are_read_to_their_end() -> None:
    def rule(path: str) -> tuple[int, Any]:
        link = f"{HERE}/v1.0/users/{ONE}/authentication/methods?$skiptoken=2"
        if "skiptoken" in path:
            return 200, {"value": [method("phone", **phone("+31 612345678"))]}
        return 200, {"value": [method("password")], "@odata.nextLink": link}

    seen = details_of(rule)
    assert list(zip(seen["method"], seen["known"], seen["value"], strict=True)) == [("mobile", True, "+31 612345678")]


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": [method("phone", **phone(None))]}])
def test_methods_that_are_not_shown_are_not_known(body: Any) -> None:
    assert details_of(lambda _: (200, body))["known"].tolist() == [False]


def roles(*rows: dict[str, Any], members: tuple[str, ...] = ()) -> Rule:
    def rule(path: str) -> tuple[int, Any]:
        where = urlsplit(path).path
        if where.endswith("/roleAssignments"):
            return 200, {"value": list(rows)}
        if where == f"/groups/{GROUP}/transitiveMembers":
            return 200, {"value": [{"@odata.type": "#microsoft.graph.user", "id": member} for member in members]}
        return (
            (200, {"value": []}) if "Eligibility" in where else (404, {"error": {"code": "Request_ResourceNotFound"}})
        )

    return rule


def people(*ids: str, **more: Any) -> pd.DataFrame:
    rows = [{"user_id": i, "asked": i, "account_enabled": True, "user_type": "Member", "error": ""} | more for i in ids]
    names = {"user_principal_name": "", "display_name": "", "department": "", "country": ""}
    return pd.DataFrame([names | row for row in rows])


def admins(rule: Rule, users: pd.DataFrame) -> list[str]:
    rules = protection.Rules(allow_unusable=True)
    found = ask(rule, lambda way: protection.read(way, users, rules))
    assert found.unread == {}
    return sorted(found.held.loc[found.held["reason"] == "administrator", "user_id"])


def test_a_role_counts_though_the_answer_does_not_say_who_holds_it() -> None:
    rule = roles({"principalId": ONE}, {"principalId": GROUP, "principal": None}, members=(TWO,))
    assert admins(rule, people(ONE, TWO)) == [ONE, TWO]


def test_an_administrator_is_one_whatever_the_case_of_ids() -> None:
    principal = {"@odata.type": "#microsoft.graph.user"}
    assert admins(roles({"principalId": ONE.upper(), "principal": principal}), people(ONE)) == [ONE]
    assert admins(roles({"principalId": ONE, "principal": principal}), people(ONE.upper())) == [ONE.upper()]


def test_an_administrator_who_could_not_be_read_just_now_is_still_one() -> None:
    rule = roles({"principalId": ONE, "principal": {"@odata.type": "#microsoft.graph.user"}})
    assert admins(rule, people(ONE, user_id="", error="HTTP 503")) == [ONE]


def test_roles_that_are_answered_by_no_list_are_never_nobody() -> None:
    def rule(path: str) -> tuple[int, Any]:
        return 200, {} if "roleAssignments" in path else {"value": []}

    rules = protection.Rules(allow_unusable=True)
    found = ask(rule, lambda way: protection.read(way, people(ONE), rules))
    assert "no collection" in found.unread["allow_admins"]


def test_a_batch_that_is_not_found_as_a_whole_says_of_nobody_that_they_are_gone() -> None:
    """An address that answers 404, of a proxy say: who was asked for is not read, which is not the same."""

    async def pause(_: float) -> None:
        return None

    async def found() -> tuple[pd.DataFrame, set[str]]:
        connection = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
        everything = httpx.MockTransport(lambda _: httpx.Response(404, text="no such page"))
        async with Graph.connect(connection, transport=everything, tokens=Token(), sleep=pause) as way:
            return await directory.find_users(way, [ONE, TWO]), await gone(way, [ONE, TWO])

    users, left = asyncio.run(found())
    assert list(users["asked"]) == [ONE, TWO]
    assert all("HTTP 404" in error for error in users["error"])
    assert set(users["user_id"]) == {""}
    assert left == set()
