"""Our client and the SDK on a server whose connections break, hang, and whose tokens are revoked or expire."""

import asyncio
import ssl
from dataclasses import replace

import httpx
import pytest

from authops.demo.wire.server import Threaded
from authops.graph import connection
from authops.graph.client import Graph
from authops.methods.kinds import KINDS
from authops.tenant import directory
from tests.homes import furnished


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Threaded(furnished(tmp_path_factory.mktemp("unpleasant")), users=60) as running:
        yield running


@pytest.fixture
def knob(server):
    context = ssl.create_default_context(cafile=str(server.home / "ca.pem"))
    with httpx.Client(base_url=f"{server.url}/_demo", verify=context, trust_env=False) as client:

        def turn(name: str, method: str = "PUT", **body: object) -> dict:
            answer = client.request(method, f"/{name}", json=body or None)
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield turn
        turn("weather", fault_rate=0, faults=[], latency=0)
        turn("sign-in", lifetime=3599)


def profile(server) -> connection.Connection:
    return connection.load(str(server.home / "connection.yaml"))


async def quickly(_seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["reset", "reset-before"])
def test_reads_survive_connections_that_break(server, knob, kind: str) -> None:
    async def done() -> int:
        async with Graph.connect(profile(server), sleep=quickly) as graph:
            users = await directory.all_users(graph)
            knob("weather", fault_rate=0.4, faults=[kind])
            current = await directory.current(graph, users["user_id"])
            assert current["known"].all()
            return len(users)

    assert asyncio.run(done()) == 60


def test_a_hanging_answer_is_given_up_and_asked_for_again(server, knob) -> None:
    async def done() -> bool:
        async with Graph.connect(profile(server), sleep=quickly) as graph:
            graph.client.timeout = httpx.Timeout(2)
            users = await directory.all_users(graph)
            knob("weather", fault_rate=1.0, faults=["hang"], most=1)
            return bool((await directory.current(graph, users["user_id"][:5]))["known"].all())

    assert asyncio.run(done())
    knob("weather", most=None)


def test_a_token_revoked_between_reads_is_replaced_without_an_error(server, knob) -> None:
    async def done() -> None:
        async with Graph.connect(profile(server)) as graph:
            users = await directory.all_users(graph)
            knob("log", "DELETE")
            knob("revoke", "POST")
            assert (await directory.current(graph, users["user_id"]))["known"].all()

    asyncio.run(done())
    assert 401 in {row["status"] for row in knob("log", "GET")["requests"]}


def test_the_typed_sdk_survives_revocation_as_well(server, knob) -> None:
    from msgraph.graph_service_client import GraphServiceClient

    async def done() -> int:
        async with Graph.connect(profile(server)) as graph:
            client = GraphServiceClient(request_adapter=graph.adapter)
            client.path_parameters["baseurl"] = graph.root
            assert await client.users.get()
            knob("revoke", "POST")
            page = await client.users.get()
            return len(page.value)

    assert asyncio.run(done()) == 60


def test_tokens_that_live_a_second_are_renewed_in_time(server, knob) -> None:
    knob("sign-in", lifetime=1)

    async def done() -> bool:
        async with Graph.connect(profile(server)) as graph:
            users = await directory.all_users(graph)
            known = []
            for start in range(0, 60, 20):
                known.append((await directory.current(graph, users["user_id"][start : start + 20]))["known"].all())
            return all(known)

    assert asyncio.run(done())


def test_a_permission_that_was_taken_away_is_named(server, knob) -> None:
    from authops.words.errors import GraphError

    granted = knob("sign-in", "GET")["granted"]
    knob("sign-in", granted=["User.Read.All"])
    knob("revoke", "POST")

    async def done() -> None:
        async with Graph.connect(profile(server)) as graph:
            users = await directory.all_users(graph)
            await directory.current(graph, users["user_id"][:3])

    try:
        with pytest.raises(GraphError, match="accessDenied"):
            asyncio.run(done())
    finally:
        knob("sign-in", granted=granted)
        knob("revoke", "POST")


def test_spans_of_the_sdk_are_left_working(server) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(spans))

    async def done() -> None:
        async with Graph.connect(profile(server)) as graph:
            async for _ in graph.send([KINDS["mobile"].reading("00000000-0000-0000-0000-000000000000")]):
                pass

    asyncio.run(done())
    assert any("send_primitive_async" in span.name for span in spans.get_finished_spans())


def test_another_host_never_gets_the_token(server) -> None:
    async def done() -> str | None:
        tokens = connection.access_tokens(profile(server))
        return await tokens.get_authorization_token("https://elsewhere.example/v1.0/users")

    assert not asyncio.run(done())
    assert replace(profile(server), name="x").graph_url == server.url
