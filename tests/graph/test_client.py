"""The one way to Graph: batches, pages and repeats, against a stand-in written here; nothing is patched."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from authops.graph import requests
from authops.graph.answer import Answer, Request, what_happened
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.graph.pace import Pace, retry_after
from authops.graph.paging import MOST_PAGES, Course
from authops.methods.kinds import KINDS
from authops.words.errors import GraphError, GraphPagesError, SignInError
from tests.virtual_time import clock, run

HERE = "https://graph.test"
Inner = dict[str, Any]


class Token(AccessTokenProvider):
    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        return "token"

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["graph.test"])


class Standin:
    """Answers each inner request with what `rule` says; remembers everything."""

    def __init__(self, rule: Callable[[Inner, int], tuple[int, dict[str, str], Any]]) -> None:
        self.rule, self.seen, self.batches, self.slept, self.now = rule, [], [], [], 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.batches.append(request)
        inner = json.loads(request.content)["requests"]
        answers = []
        for part in inner:
            self.seen.append((part["method"], part["url"]))
            status, headers, body = self.rule(part, self.seen.count((part["method"], part["url"])))
            answers.append({"id": part["id"], "status": status, "headers": headers, "body": body})
        return httpx.Response(200, json={"responses": answers[::-1]})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def graph(handler: Any, **extra: Any) -> Graph:
    connection = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
    return Graph.connect(connection, transport=httpx.MockTransport(handler), tokens=Token(), dice=lambda: 1.0, **extra)


def send(standin: Standin, wanted: list[Request]) -> dict[str, Answer]:
    async def done() -> dict[str, Answer]:
        async with graph(standin, sleep=standin.sleep, clock=standin.clock) as way:
            return {a.request.path: a async for a in way.send(wanted)}

    return asyncio.run(done())


def deletion(user: str) -> Request:
    return Request("DELETE", KINDS["mobile"].reading(user).path + "/3179e48a-750b-4051-897c-87b9720928f7")


def reads(count: int) -> list[Request]:
    return [KINDS["mobile"].reading(f"u{n}") for n in range(count)]


def test_answers_find_their_request_in_whatever_order_they_come() -> None:
    standin = Standin(lambda part, _: (200, {}, {"value": [part["url"]]}))
    found = send(standin, reads(45))
    assert [len(json.loads(b.content)["requests"]) for b in standin.batches] == [20, 20, 5]
    assert all(answer.body["value"] == [path] for path, answer in found.items())
    assert len({b.headers["client-request-id"] for b in standin.batches}) == 3


@pytest.mark.parametrize(("told", "waited"), [("3", 3.0), ("2.128", 2.128), (None, 1.0)])
def test_a_throttled_read_is_asked_again_alone(told: str | None, waited: float) -> None:
    def rule(part: Inner, time: int) -> tuple[int, dict[str, str], Any]:
        throttled = part["url"].startswith("/users/u3/") and time == 1
        return (429, {"Retry-After": told} if told else {}, {}) if throttled else (200, {}, {"value": []})

    standin = Standin(rule)
    assert all(a.status == 200 for a in send(standin, reads(20)).values())
    assert len(standin.seen) == 21
    assert standin.slept == [waited]


@pytest.mark.parametrize("status", [429, 500, 503, 409])
def test_a_write_is_never_sent_twice(status: int) -> None:
    standin = Standin(lambda _part, _time: (status, {}, {"error": {"code": "x", "message": "y"}}))
    found = send(standin, [KINDS["mobile"].writing("add", "u1", "+31 612345678")])
    assert len(standin.seen) == 1
    assert [a.happened for a in found.values()] == ["unknown"]


def test_two_writes_of_one_user_never_travel_together() -> None:
    standin = Standin(lambda _part, _time: (204, {}, None))
    with pytest.raises(ValueError, match="two writes of user u1"):
        send(standin, [KINDS["mobile"].writing("remove", "u1", ""), KINDS["office"].writing("remove", "u1", "")])
    assert standin.seen == []


def test_what_is_betas_never_travels_with_what_is_not() -> None:
    standin = Standin(lambda part, _: (200, {}, {}))
    paths = [f"/users/{n}/x" for n in range(4)]
    send(standin, [Request("GET", path, beta=n > 1) for n, path in enumerate(paths)])
    carried = {str(b.url): [part["url"] for part in json.loads(b.content)["requests"]] for b in standin.batches}
    assert carried == {f"{HERE}/v1.0/$batch": paths[:2], f"{HERE}/beta/$batch": paths[2:]}


def test_an_error_keeps_graphs_code_message_and_request_id() -> None:
    body = {
        "error": {"code": "accessDenied", "message": "Request Authorization failed", "innerError": {"request-id": "r1"}}
    }
    answer = next(iter(send(Standin(lambda _part, _time: (403, {}, body)), reads(1)).values()))
    assert answer.error
    assert (answer.error.status, answer.error.code, answer.error.request_id) == (403, "accessDenied", "r1")
    assert "Request Authorization failed" in str(answer.error)


@pytest.mark.parametrize(
    ("method", "status", "happened"),
    [
        ("GET", 200, "done"),
        ("POST", 201, "done"),
        ("PATCH", 204, "done"),
        ("GET", 404, "refused"),
        ("GET", 501, "refused"),
        ("GET", 302, "refused"),
        ("GET", 0, "again"),
        ("GET", 408, "again"),
        ("GET", 429, "again"),
        ("GET", 503, "again"),
        ("GET", 509, "again"),
        ("GET", 401, "again"),
        ("POST", 401, "again"),
        ("DELETE", 424, "again"),
        ("POST", 501, "refused"),
        ("POST", 507, "unknown"),
        ("PATCH", 302, "refused"),
        ("POST", 400, "refused"),
        ("DELETE", 403, "refused"),
        ("POST", 409, "unknown"),
        ("GET", 409, "refused"),
        ("PATCH", 429, "unknown"),
        ("POST", 500, "unknown"),
        ("POST", 504, "unknown"),
        ("POST", 0, "unknown"),
        ("DELETE", 408, "unknown"),
    ],
)
def test_what_happened_follows_from_the_answer(method: str, status: int, happened: str) -> None:
    assert what_happened(method, status) == happened


def items(pages: dict[str, dict[str, Any]], request: Request) -> tuple[list[Any], list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(got: httpx.Request) -> httpx.Response:
        seen.append(got)
        return httpx.Response(200, json=pages[got.url.params.get("$skiptoken", "")])

    async def done() -> list[Any]:
        async with graph(handler) as way:
            return [item["n"] async for item in way.pages(request)]

    return asyncio.run(done()), seen


def test_pages_are_followed_through_empty_ones_with_the_header_each_time() -> None:
    link = f"{HERE}/v1.0/users?$skiptoken="
    pages = {
        "": {"value": [{"n": 1}], "@odata.nextLink": link + "a"},
        "a": {"value": [], "@odata.nextLink": link + "b"},
    }
    found, seen = items(pages | {"b": {"value": [{"n": 2}]}}, Request("GET", "/users", advanced=True))
    assert found == [1, 2]
    assert [r.headers["ConsistencyLevel"] for r in seen] == ["eventual"] * 3


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1.0/users?$skiptoken=a",
        "http://graph.test/v1.0/users?$skiptoken=a",
        "https://graph.test:x/v1.0/users",
        "https://graph.test@evil.test/v1.0/users",
        "https://graph.test.evil.test/v1.0/users",
        "https://[",
        "//evil.test/v1.0/users",
    ],
)
def test_the_token_never_follows_a_link_to_another_host(link: str) -> None:
    with pytest.raises(GraphError, match="another host"):
        items({"": {"value": [], "@odata.nextLink": link}}, Request("GET", "/users"))


@pytest.mark.parametrize(
    "content", [b"<html>", b"{}", b'{"value": null}', b'{"value": "none"}', b'{"value": [1]}', b""]
)
def test_a_page_that_is_no_collection_is_never_an_empty_one(content: bytes) -> None:
    with pytest.raises(GraphError, match="no collection"):
        list_all(lambda _: httpx.Response(200, content=content), requests.users())


def list_all(handler: Any, request: Request) -> list[Any]:
    async def done() -> list[Any]:
        async with graph(handler) as way:
            return [item async for item in way.pages(request)]

    return asyncio.run(done())


@pytest.mark.parametrize("again", [HERE.upper().replace("HTTPS", "https"), f"{HERE}:443"])
def test_the_same_host_in_another_spelling_is_the_same(again: str) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        more = {} if "skiptoken" in str(request.url) else {"@odata.nextLink": f"{again}/v1.0/users?$skiptoken=2"}
        return httpx.Response(200, json={"value": [{"n": 1}], **more})

    assert list_all(handler, requests.users()) == [{"n": 1}, {"n": 1}]


def test_an_opaque_link_is_followed_as_it_was_given() -> None:
    link = f"{HERE}/v1.0/users?$skiptoken=A%2Bb/%C3%A9%7C%7Bx%7D~%24==%2D.&x=%25"
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={"value": [], "@odata.nextLink": link if len(seen) == 1 else None})

    list_all(handler, requests.users())
    assert seen[1] == link


@pytest.mark.parametrize(
    "responses",
    [
        None,
        True,
        7,
        "odd",
        {},
        [],
        ["odd"],
        [{"id": "0", "status": None}],
        [{"id": "0", "status": 200}, {"id": "0", "status": 404}],
        [{"id": "7", "status": 204}],
    ],
)
def test_a_write_that_the_batch_does_not_answer_clearly_is_unknown(responses: Any) -> None:
    async def done() -> list[Answer]:
        async with graph(lambda _: httpx.Response(200, json={"responses": responses})) as way:
            return await way.write([KINDS["mobile"].writing("remove", "u1", "")], 0.0)

    (answer,) = asyncio.run(done())
    assert (answer.happened, answer.status) == ("unknown", 0)


def test_every_throttled_request_counts_even_when_they_name_the_same_client_request_id() -> None:
    ids = {"client-request-id": "of the whole batch"}
    body = {"error": {"code": "TooManyRequests", "message": "later", "innerError": ids}}
    waits = iter(["1"] * 19 + ["9"])

    def rule(_part: Inner, time: int) -> tuple[int, dict[str, str], Any]:
        return (429, {"Retry-After": next(waits)}, body) if time == 1 else (200, {}, {"value": []})

    standin = Standin(rule)
    send(standin, reads(20))
    assert standin.now >= 9


def exchange(handler: Any, requests_: list[Request]) -> list[Answer]:
    """The answers to these requests, in their order; nobody waits."""

    async def pause(_: float) -> None:
        return None

    async def done() -> list[Answer]:
        async with graph(handler, sleep=pause) as way:
            found = {a.request: a async for a in way.send(requests_)}
            return [found[r] for r in requests_]

    return asyncio.run(done())


@pytest.mark.parametrize("status", [202, 204, 207])
def test_a_batch_that_was_accepted_without_its_answers_says_nothing_about_a_write(status: int) -> None:
    (answer,) = exchange(lambda _: httpx.Response(status), [KINDS["mobile"].writing("remove", "u1", "")])
    assert (answer.happened, answer.status) == ("unknown", 0)
    assert answer.error
    assert answer.error.client_request_id


@pytest.mark.parametrize(
    "error", [{"innerError": "x"}, {"innerError": ["x"]}, {"message": None, "innererror": 5}, "x", [], None]
)
def test_an_error_of_another_shape_is_still_an_error(error: Any) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        part = {"id": "0", "status": 400, "headers": {"Request-Id": "r1"}, "body": {"error": error}}
        return httpx.Response(200, json={"responses": [part]})

    (answer,) = exchange(handler, [KINDS["mobile"].writing("remove", "u1", "")])
    assert (answer.happened, answer.request_id) == ("refused", "r1")


def test_a_read_whose_token_expired_after_another_failure_is_asked_again() -> None:
    statuses = iter([503, 401, 200])
    (answer,) = exchange(Standin(lambda _part, _time: (next(statuses), {}, {"value": []})), reads(1))
    assert answer.status == 200


def test_a_read_that_stays_unauthenticated_is_asked_twice() -> None:
    standin = Standin(lambda _part, _time: (401, {}, {}))
    assert [a.status for a in exchange(standin, reads(1))] == [401]
    assert len(standin.seen) == 2


@pytest.mark.parametrize("status", [424, 509])
def test_a_read_that_failed_in_passing_is_asked_again(status: int) -> None:
    standin = Standin(lambda _part, time: (status if time == 1 else 200, {}, {"value": []}))
    assert [a.status for a in exchange(standin, reads(3))] == [200] * 3


@pytest.mark.parametrize("host", [HERE, HERE.upper().replace("HTTPS", "https"), f"{HERE}:443"])
def test_a_list_that_goes_on_after_its_batch_is_followed_on_the_same_host_however_it_is_spelled(host: str) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            body = {"value": [{"n": 1}], "@odata.nextLink": f"{host}/v1.0/users/u0/x?$skiptoken=A%2Bb"}
            return httpx.Response(200, json={"responses": [{"id": "0", "status": 200, "body": body}]})
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"value": [{"n": 2}]})

    async def done() -> list[Any]:
        async with graph(handler) as way:
            return [await way.items(a) async for a in way.send(reads(1))]

    assert asyncio.run(done()) == [[{"n": 1}, {"n": 2}]]
    assert seen == ["/v1.0/users/u0/x?$skiptoken=A%2Bb"]


def test_a_list_never_goes_on_at_another_host_than_its_batch() -> None:
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        body = {"value": [], "@odata.nextLink": "https://evil.test/v1.0/users?$skiptoken=2"}
        return httpx.Response(200, json={"responses": [{"id": "0", "status": 200, "body": body}]})

    async def done() -> None:
        async with graph(handler) as way:
            async for answer in way.send(reads(1)):
                await way.items(answer)

    with pytest.raises(GraphError, match="another host"):
        asyncio.run(done())
    assert hosts == ["graph.test"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}"])
def test_an_entity_that_is_none_is_never_an_empty_one(content: bytes) -> None:
    async def done() -> None:
        async with graph(lambda _: httpx.Response(200, content=content)) as way:
            await way.page(requests.methods_policy())

    with pytest.raises(GraphError, match="no entity"):
        asyncio.run(done())


class Entra(Token):
    """Gives one token, then says no, or nothing, as long as `times`."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.asked = error, times, 0

    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        self.asked += 1
        if 1 < self.asked <= 1 + self.times:
            raise self.error
        return "token"


def ask_twice(entra: Entra) -> list[int]:
    standin = Standin(lambda _part, _time: (200, {}, {"value": []}))

    async def done() -> list[int]:
        connection = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
        transport = httpx.MockTransport(standin)
        clock: Any = {"sleep": standin.sleep, "clock": standin.clock}
        async with Graph.connect(connection, transport=transport, tokens=entra, **clock) as way:
            return [a.status for _ in range(2) async for a in way.send(reads(1))]

    return asyncio.run(done())


def test_a_login_that_cannot_be_reached_for_a_moment_is_asked_again() -> None:
    assert ask_twice(Entra(ServiceRequestError("connection refused"), 3)) == [200, 200]


def test_a_token_that_entra_refuses_ends_the_work_with_its_own_words() -> None:
    error = ClientAuthenticationError("AADSTS700027: the certificate is not registered Trace ID: 1")
    with pytest.raises(SignInError) as raised:
        ask_twice(Entra(error, 99))
    assert raised.value.message == "AADSTS700027: the certificate is not registered"
    assert "certificate" in raised.value.remedy


def test_a_limit_far_below_the_documented_one_is_met_by_a_few_not_by_all() -> None:
    tokens, at = 5.0, 0.0

    def rule(_part: Inner, _time: int) -> tuple[int, dict[str, str], Any]:
        nonlocal tokens, at
        tokens, at = min(5.0, tokens + (standin.now - at) / 2), standin.now
        if tokens < 1:
            return 429, {"Retry-After": "2"}, {}
        tokens -= 1
        return 200, {}, {"value": []}

    standin = Standin(rule)
    assert all(a.status == 200 for a in send(standin, reads(200)).values())
    refused = len(standin.seen) - 200
    assert refused < 60
    assert standin.now < 200 / 0.5 * 1.25


def impatient(standin: Standin, wanted: list[Request], patience: float) -> tuple[dict[str, Answer], float, float]:
    """The answers, when the last of them came, and how long the first request is held back after that."""

    async def done() -> tuple[dict[str, Answer], float, float]:
        async with graph(standin, sleep=standin.sleep, clock=standin.clock) as way:
            found = {a.request.path: a async for a in way.send(wanted, patience=patience)}
            return found, standin.now, way.pace.held(wanted[0])

    return asyncio.run(done())


def test_a_throttled_read_drops_out_of_its_group_instead_of_holding_it() -> None:
    def rule(part: Inner, _time: int) -> tuple[int, dict[str, str], Any]:
        return (429, {"Retry-After": "15"}, {}) if part["url"].startswith("/users/u3/") else (200, {}, {"value": []})

    standin = Standin(rule)
    found, ended, held = impatient(standin, reads(20), 3.0)
    assert ended == 0.0
    assert [path for path, a in found.items() if a.status != 200] == [KINDS["mobile"].reading("u3").path]
    assert len(standin.seen) == 20
    assert held == 15.0


def test_what_was_never_asked_in_time_says_how_long_it_is_held_back() -> None:
    standin = Standin(lambda _part, _time: (429, {"Retry-After": "15"}, {}))
    found, ended, _ = impatient(standin, reads(45), 3.0)
    assert ended < 3.0
    assert len(standin.seen) < 45
    assert {(a.status, retry_after(a.headers)) for a in found.values()} == {(429, 15.0)}
    assert all(a.error and a.error.status == 429 for a in found.values())


def test_a_read_that_fails_in_passing_is_given_up_when_its_time_is_over() -> None:
    standin = Standin(lambda _part, _time: (503, {"Retry-After": "2"}, {}))
    found, ended, _ = impatient(standin, reads(3), 3.0)
    assert {a.status for a in found.values()} == {503}
    assert ended <= 3.0


def test_who_stands_in_line_behind_others_goes_when_its_time_is_over() -> None:
    async def done() -> tuple[int, float]:
        pace = Pace(clock=clock)
        rate = pace.rates["reports"]
        rate.take(rate.limit.burst + 5, clock())
        before = asyncio.ensure_future(pace.turn([requests.one_registration()]))
        await asyncio.sleep(0)
        count, at = await pace.turn([requests.one_registration()], 1.0)
        assert (await before)[0] == 1
        assert (await pace.turn([requests.one_registration()]))[0] == 1
        return count, at

    assert run(done()) == (0, 1.0)


def test_who_left_a_place_in_line_has_not_taken_it() -> None:
    async def done() -> list[int]:
        pace = Pace(clock=clock)
        pace.rates["reports"].take(10, clock())
        waiting = [asyncio.ensure_future(pace.turn([requests.one_registration()], until)) for until in (99, 1, 2, 99)]
        return [(await turn)[0] for turn in waiting]

    assert run(done()) == [1, 0, 0, 1]


def thrown(status: int, responses: Any, told: str = "7") -> Callable[[httpx.Request], httpx.Response]:
    """Answers a batch as a whole with `status`, and in its body what `responses` makes of the ids that were asked."""

    def handler(request: httpx.Request) -> httpx.Response:
        ids = [part["id"] for part in json.loads(request.content)["requests"]]
        body = {"error": {"code": "x", "message": "y"}, "responses": responses(ids)}
        return httpx.Response(status, json=body, headers={"Retry-After": told})

    return handler


def answered(ids: list[str]) -> list[Inner]:
    return [{"id": i, "status": 429 if i == "1" else 200, "body": {"value": [{"n": i}]}} for i in ids[::-1]]


@pytest.mark.parametrize("status", [424, 429, 400, 500, 503])
def test_the_answers_inside_a_batch_that_failed_as_a_whole_are_used(status: int) -> None:
    async def done() -> list[Answer]:
        async with graph(thrown(status, answered)) as way:
            return await way.write([deletion(f"u{n}") for n in range(4)], 0.0)

    found = asyncio.run(done())
    assert [a.status for a in found] == [200, 429, 200, 200]
    assert [a.happened for a in found] == ["done", "unknown", "done", "done"]


@pytest.mark.parametrize("status", [404, 424, 429, 500, 503])
@pytest.mark.parametrize("responses", [lambda _: None, lambda _: [], lambda _: [{"id": "9", "status": 204}]])
def test_of_a_batch_that_failed_without_its_answers_no_write_is_known(status: int, responses: Any) -> None:
    async def done() -> list[Answer]:
        async with graph(thrown(status, responses)) as way:
            return await way.write([deletion(f"u{n}") for n in range(4)], 0.0)

    assert {(a.happened, a.error and a.error.status) for a in asyncio.run(done())} == {("unknown", status)}


def test_who_was_throttled_in_a_batch_that_failed_waits_as_long_as_the_inner_answer_says() -> None:
    standin = Standin(lambda part, time: (200, {}, {"value": []}))
    asked: list[tuple[float, int]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        inner = json.loads(request.content)["requests"]
        asked.append((standin.now, len(inner)))
        if len(asked) > 1:
            return standin(request)
        said = [{"id": p["id"], "status": 200, "body": {"value": []}} for p in inner[1:]]
        throttled = {"id": inner[0]["id"], "status": 429, "headers": {"Retry-After": "12"}, "body": {}}
        return httpx.Response(424, json={"responses": [*said, throttled]})

    async def done() -> list[int]:
        async with graph(handler, sleep=standin.sleep, clock=standin.clock) as way:
            return [a.status async for a in way.send(reads(20))]

    assert asyncio.run(done()) == [200] * 20
    assert asked == [(0.0, 20), (12.0, 1)]


@pytest.mark.parametrize(
    "twist",
    [
        lambda parts: [*parts[:1], *parts[:1], *parts[1:]],
        lambda parts: parts[1:],
        lambda parts: [{**p, "id": "0"} for p in parts],
        lambda parts: [*parts, {"id": "77", "status": 200, "body": {"value": [{"n": "77"}]}}],
        lambda parts: [{**p, "id": None} if p["id"] == "2" else p for p in parts],
    ],
)
def test_nobody_is_given_the_answer_of_somebody_else(twist: Any) -> None:
    """Each answer says whose it is; who asked gets that one or none."""

    def handler(request: httpx.Request) -> httpx.Response:
        parts = json.loads(request.content)["requests"]
        said = [{"id": p["id"], "status": 200, "body": {"value": [{"n": p["id"]}]}} for p in parts]
        return httpx.Response(200, json={"responses": twist(said)})

    async def done() -> list[Answer]:
        async with graph(handler) as way:
            return await way._once(reads(4), 0.0)

    for number, answer in enumerate(asyncio.run(done())):
        assert answer.status == 0 or answer.body["value"][0]["n"] == str(number)


class Drip(httpx.AsyncByteStream):
    """An answer of which a piece comes every half minute, and which never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(30)
            yield b" "


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_answer_that_drips_in_for_ever_is_no_answer(method: str) -> None:
    times: list[float] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        times.append(clock())
        return httpx.Response(200, stream=Drip()) if len(times) == 1 else await fine(request)

    async def fine(request: httpx.Request) -> httpx.Response:
        ids = [part["id"] for part in json.loads(request.content)["requests"]]
        return httpx.Response(200, json={"responses": [{"id": i, "status": 200, "body": {"value": []}} for i in ids]})

    async def done() -> list[Answer]:
        async with graph(handler, clock=clock) as way:
            if method == "GET":
                return [a async for a in way.send(reads(1))]
            return await way.write([deletion("u1")], clock())

    (answer,) = run(done())
    assert answer.happened == {"GET": "done", "DELETE": "unknown"}[method]
    assert all(100 <= later - before < 102 for before, later in pairwise(times))


@pytest.mark.parametrize(
    ("next_page", "said"),
    [
        (lambda n: ([{"n": n}], f"{HERE}/v1.0/users?$skiptoken={n % 7}"), "already read"),
        (lambda _: ([{"n": 1}], f"{HERE}/v1.0/users?$skiptoken=same"), "already read"),
        (lambda n: ([], f"{HERE}/v1.0/users?$skiptoken={n}"), "nothing new"),
        (lambda n: ([{"n": 1}, {"n": 2}], f"{HERE}/v1.0/users?$skiptoken={n}"), "nothing new"),
        (lambda n: ([{"n": n % 5}], f"{HERE}/v1.0/users?$skiptoken={n}"), "nothing new"),
        (lambda n: ([{"n": n}] if n < 9 else [], f"{HERE}/v1.0/users?$skiptoken={n}"), "nothing new"),
    ],
)
def test_pages_without_an_end_are_an_error_that_says_so(next_page: Any, said: str) -> None:
    count = itertools.count(1)

    def handler(_: httpx.Request) -> httpx.Response:
        found, link = next_page(next(count))
        return httpx.Response(200, json={"value": found, "@odata.nextLink": link})

    with pytest.raises(GraphPagesError, match=said) as raised:
        list_all(handler, requests.users())
    assert "not everything" in raised.value.remedy
    assert "no answer" not in str(raised.value)
    assert next(count) < 150


def test_more_pages_than_could_be_are_not_followed() -> None:
    course = Course(HERE, "GET /users")
    with pytest.raises(GraphPagesError, match="20,000"):
        for n in itertools.count():
            course.after(f"{HERE}/{n}", [{"n": n}], f"{HERE}/{n + 1}")
    assert n == MOST_PAGES - 1


def test_many_pages_of_which_some_are_empty_or_come_twice_are_read_to_their_end() -> None:
    course = Course(HERE, "GET /users")
    for n in range(5000):
        link = "" if n == 4999 else f"{HERE}/{n + 1}"
        assert course.after(f"{HERE}/{n}", [{"n": n // 60}] if n % 2 else [], link) == link


@pytest.mark.parametrize("link", ["https://evil.test/x", "http://graph.test/x", "https://graph.test:444/x", "//evil/x"])
def test_a_link_to_another_host_is_an_error_of_its_own_and_not_no_answer(link: str) -> None:
    with pytest.raises(GraphPagesError, match="another host") as raised:
        list_all(lambda _: httpx.Response(200, json={"value": [], "@odata.nextLink": link}), requests.users())
    assert "no answer" not in str(raised.value)
    assert "graph_url" in raised.value.remedy
