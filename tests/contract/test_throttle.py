"""Throttling as documented: what a request costs, what a refusal says, when it is over."""

import base64
import json
from pathlib import Path

import pytest

from authops.demo.faults.throttle import Throttle, cost
from authops.demo.wire.build import build
from authops.demo.world.assumptions import Assumptions
from tests.homes import furnished

PHONES = "/users/u/authentication/phoneMethods"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def throttle(users: int = 1000, style: str = "integer", limits: dict | None = None, **assume: str):
    clock = Clock()
    made = Throttle(clock, lambda: users, Assumptions(assume))
    made.switch("documented", limits or {}, style)
    return made, clock


def passed(made: Throttle, count: int, method: str = "GET", path: str = PHONES, query: str = "") -> int:
    return sum(made.ask(method, path, query, "app/tenant")[0] for _ in range(count))


@pytest.mark.parametrize(("users", "units"), [(30, 3500), (300, 5000), (3000, 8000)])
def test_resource_units_by_size_of_the_tenant(users: int, units: int) -> None:
    made, clock = throttle(users)
    assert passed(made, units + 1) == units
    clock.now += 30
    assert passed(made, units + 1) == units


def test_writes_burst_and_then_twenty_a_second() -> None:
    made, clock = throttle(throttled_requests_count="no")
    assert passed(made, 3100, "POST") == 3000
    clock.now += 10
    assert passed(made, 300, "PATCH") == 200


def test_reports_five_in_ten_seconds() -> None:
    made, clock = throttle()
    report = "/reports/authenticationMethods/userRegistrationDetails"
    assert passed(made, 6, path=report) == 5
    clock.now += 12
    assert passed(made, 1, path=report) == 1
    assert passed(made, 1, path="/auditLogs/directoryAudits") == 1


def test_conditional_access_one_a_second_and_no_word_of_how_long() -> None:
    made, clock = throttle(throttled_requests_count="no")
    policies = "/identity/conditionalAccess/policies"
    assert passed(made, 3, path=policies) == 1
    assert "Retry-After" not in made.ask("GET", policies, "", "app/tenant")[1]
    clock.now += 1
    assert passed(made, 1, path=policies) == 1


def test_requests_that_are_refused_count_too() -> None:
    made, clock = throttle(limits={"reports": 5})
    report = "/reports/authenticationMethods/userRegistrationDetails"
    assert passed(made, 8, path=report) == 5
    clock.now += 5
    assert passed(made, 1, path=report) == 0


@pytest.mark.parametrize(("bucket", "through"), [("identity", 100), ("reports", 5), ("own", 5), ("none", 100)])
def test_unconfirmed_which_limit_binds_authentication_methods(bucket: str, through: int) -> None:
    made, _ = throttle(authentication_bucket=bucket)
    assert passed(made, 100) == through


def test_unconfirmed_reads_and_writes_of_authentication_may_share_a_small_limit_of_their_own() -> None:
    made, clock = throttle(limits={"authentication": 4}, authentication_bucket="own", throttled_requests_count="no")
    assert passed(made, 3) == 3
    assert passed(made, 3, "POST") == 1
    assert passed(made, 3, path="/users") == 3
    assert passed(made, 3, path="/auditLogs/directoryAudits") == 3
    clock.now += 2.5
    assert passed(made, 1, "POST") == 1
    assert passed(made, 1) == 0


def test_unconfirmed_a_window_fills_up_at_once() -> None:
    made, clock = throttle(throttle_shape="window", throttled_requests_count="no")
    assert passed(made, 9000) == 8000
    clock.now = 109.9
    assert passed(made, 1) == 0
    clock.now = 110.1
    assert passed(made, 9000) == 8000


@pytest.mark.parametrize(
    ("method", "path", "query", "units"),
    [
        ("GET", "/users", "", 2),
        ("GET", "/users", "$select=id&$top=999", 1),
        ("GET", "/users", "%24top=10", 1),
        ("GET", "/groups/g/members", "", 3),
        ("GET", "/groups/g/transitiveMembers", "", 5),
        ("GET", "/groups/g/transitiveMembers", "$expand=x", 6),
        ("GET", "/users/u/memberOf", "", 2),
        ("GET", "/users/u/licenseDetails", "", 2),
        ("GET", "/users/u/licenseDetails", "$select=id", 1),
        ("GET", "/subscribedSkus", "", 3),
        ("GET", PHONES, "$select=id&$top=1", 1),
        ("PATCH", PHONES, "", 1),
    ],
)
def test_what_a_request_costs(method: str, path: str, query: str, units: int) -> None:
    assert cost(method, path, query) == units


@pytest.mark.parametrize(("style", "shape"), [("integer", r"\d+"), ("fraction", r"\d+\.\d{3}"), ("missing", None)])
def test_a_refusal_says_why_and_for_how_long(style: str, shape: str | None) -> None:
    import re

    made, _ = throttle(style=style, limits={"writes_burst": 10})
    passed(made, 10, "POST")
    allowed, headers = made.ask("POST", PHONES, "", "app/tenant")
    assert not allowed
    assert headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    assert headers["x-ms-throttle-scope"] == "Tenant_Application/Write/app/tenant"
    assert float(headers["x-ms-throttle-limit-percentage"]) >= 1
    assert re.fullmatch(shape, headers["Retry-After"]) if shape else "Retry-After" not in headers


def test_the_share_in_use_is_told_from_four_fifths_on() -> None:
    made, _ = throttle(limits={"reads_units": 100})
    told = [made.ask("GET", PHONES, "", "app/tenant")[1].get("x-ms-throttle-limit-percentage") for _ in range(100)]
    assert told[:79] == [None] * 79
    assert told[85] == "0.86"


@pytest.fixture
def weather(door):
    def change(**settings):
        answer = door.call("PUT", "/_demo/weather", json=settings)
        assert answer.status_code == 200, answer.text

    yield change
    fair = {"throttle": "off", "limits": {}, "masked": False, "short_pages": False, "fault_rate": 0, "faults": []}
    change(**fair)


def test_inner_requests_are_counted_one_by_one_and_refused_ones_change_nothing(door, weather) -> None:
    weather(throttle="documented", limits={"writes_burst": 2, "writes_per_second": 0.001})
    ids = [door.user(name) for name in ("Ada Empty", "Svc Backup", "Eva Office", "Milo Wants")]
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    json_type = {"Content-Type": "application/json"}
    parts = [
        {"id": str(n), "method": "POST", "url": f"/users/{i}/authentication/phoneMethods", "headers": json_type}
        | {"body": body}
        for n, i in enumerate(ids)
    ]
    answer = door.batch(*parts)
    assert answer.status_code == 200
    inner = {part["id"]: part for part in answer.json()["responses"]}
    assert sorted(p["status"] for p in inner.values()) == [201, 201, 429, 429]
    refused = [p for p in inner.values() if p["status"] == 429]
    assert all(int(p["headers"]["Retry-After"]) >= 1 for p in refused)
    error = refused[0]["body"]["error"]
    assert (error["code"], error["message"]) == ("TooManyRequests", "Please retry again later.")
    assert error["innerError"]["status"] == "429"
    held = {user["id"]: user["methods"] for user in door.state().values()}
    for number, user in enumerate(ids):
        stored = any(m.get("phoneNumber") == "+31 612345678" for m in held[user])
        assert stored == (inner[str(number)]["status"] == 201)
    figures = door.call("GET", "/_demo/throttle").json()["writes"]
    assert (figures["allowed"], figures["refused"]) == (2, 2)


def test_an_authentication_administrator_sees_masked_numbers(door, weather) -> None:
    weather(masked=True)
    assert "*" in door.phones("Ben Mobile")["mobile"]
    weather(masked=False)
    assert door.phones("Ben Mobile") == {"mobile": "+31 612340001"}


def test_pages_may_be_empty_and_still_lead_on(door, weather) -> None:
    weather(short_pages=True)
    sizes, people, url = [], set(), "/users?$top=70&$select=id"
    while url:
        page = door.call("GET", url.replace(door.root + "/v1.0", "")).json()
        sizes.append(len(page["value"]))
        people |= {row["id"] for row in page["value"]}
        url = page.get("@odata.nextLink", "")
    assert sizes == [0, 70, 0, 70, 0, 10]
    assert len(people) == 150


def test_a_stored_number_may_be_answered_409(door, weather) -> None:
    weather(fault_rate=1.0, faults=["inner-409-stored"])
    user = door.user("Ada Empty")
    wanted = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    answer = door.call("POST", f"/users/{user}/authentication/phoneMethods", json=wanted)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "phoneNumberNotUnique")
    assert door.phones("Ada Empty") == {"mobile": "+31 612345678"}


def test_weather_that_is_none_is_refused(door) -> None:
    for wrong in ({"strom": 1}, {"throttle": "yes"}, {"limits": {"writes": 1}}, {"faults": ["rain"]}):
        assert door.call("PUT", "/_demo/weather", json=wrong).status_code == 400


def test_revoked_tokens_get_a_challenge_that_says_from_when(tmp_path: Path) -> None:
    login = build(furnished(tmp_path), users=1).login
    able, plain = login.issue_token(capable=True), login.issue_token()
    assert login.bearer(f"Bearer {able}").permissions == frozenset(login.registration.permissions)
    login.revoke()
    denied = login.bearer(f"Bearer {able}")
    assert json.loads(base64.b64decode(denied.claims))["access_token"]["nbf"]["essential"] is True
    assert login.bearer(f"Bearer {plain}").claims == ""
    assert login.bearer(f"Bearer {login.issue_token()}").permissions == frozenset(login.registration.permissions)
