"""The client against limits as Graph might have them: strays, a small one for reads and writes alike. Virtual time."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.methods.kinds import KINDS
from tests.graph.test_client import graph, reads
from tests.virtual_time import clock, run

_WAY: Final = 0.05


@dataclass
class Tenant:
    """One bucket for all that comes in batches; now and then a batch is turned away as a whole, for no reason.

    It remembers how many requests were let through, and which came back before the time they were told was up.
    """

    burst: float
    per_second: float
    strays: float = 0.0
    told: float | None = 1.0
    counts: bool = True
    outer: int = 200
    seed: int = 1
    let_through: int = 0
    refused: int = 0
    early: Counter[str] = field(default_factory=Counter)
    until: dict[tuple[str, str], float] = field(default_factory=dict)
    kind_until: float = 0.0

    def __post_init__(self) -> None:
        self.tokens, self.at, self.dice = self.burst, 0.0, random.Random(self.seed)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(_WAY)
        parts = json.loads(request.content)["requests"]
        for part in parts:
            self.early["same request"] += self.until.get(_key(part), 0.0) > clock()
            self.early["same limit"] += self.kind_until > clock()
        answer = self._turned_away(parts) if self.dice.random() < self.strays else self._answered(parts)
        await asyncio.sleep(_WAY)
        return answer

    def _turned_away(self, parts: list[dict[str, Any]]) -> httpx.Response:
        self.until |= {_key(part): clock() + (self.told or 0.0) for part in parts}
        headers = {} if self.told is None else {"Retry-After": str(self.told)}
        return httpx.Response(429, headers=headers, json={"error": {"code": "TooManyRequests", "message": "later"}})

    def _answered(self, parts: list[dict[str, Any]]) -> httpx.Response:
        answers = [self._one(part) for part in parts]
        status = self.outer if any(a["status"] == 429 for a in answers) else 200
        return httpx.Response(status, json={"responses": answers[::-1]})

    def _one(self, part: dict[str, Any]) -> dict[str, Any]:
        self.tokens = min(self.burst, self.tokens + self.per_second * (clock() - self.at))
        self.at = clock()
        if self.tokens >= 1:
            self.tokens, self.let_through = self.tokens - 1, self.let_through + 1
            return {"id": part["id"], "status": 200, "headers": {}, "body": {"value": []}}
        self.refused += 1
        self.tokens = max(self.tokens - self.counts, -10 * self.per_second)
        seconds = (1 - self.tokens) / self.per_second
        self.until[_key(part)] = clock() + seconds
        self.kind_until = max(self.kind_until, clock() + seconds)
        told = {"Retry-After": str(max(1, round(seconds + 0.499)))}
        return {"id": part["id"], "status": 429, "headers": told, "body": {}}

    def share(self, seconds: float) -> float:
        """Of what the bucket would have let through."""
        return self.let_through / (self.burst + self.per_second * seconds)


def _key(part: dict[str, Any]) -> tuple[str, str]:
    return part["method"], part["url"]


def deletion(user: str) -> Request:
    return Request("DELETE", KINDS["mobile"].reading(user).path + "/3179e48a-750b-4051-897c-87b9720928f7")


def update(number: int) -> Request:
    return Request("PATCH", f"/users/u{number}/authentication/phoneMethods/x", '{"phoneNumber": "+31 612345678"}')


def read(tenant: Tenant, count: int) -> float:
    """Read so many people's phones; the seconds until nine of ten are read: who is turned away last waits alone."""

    async def done() -> float:
        async with graph(tenant, clock=clock) as way:
            answers = [(a.status, clock()) async for a in way.send(reads(count))]
        assert [status for status, _ in answers] == [200] * count
        return answers[int(count * 0.9)][1]

    return run(done())


def change(tenant: Tenant, count: int, groups: int = 4) -> float:
    """Change so many people as apply does: turn, read, write, read back; one group first. The seconds it took."""

    async def some(way: Graph, todo: deque[int]) -> None:
        part = [update(todo.popleft()) for _ in range(20) if todo]
        while part:
            leaving, sent_at = await way.pace.turn(part)
            await shown(way, part[:leaving])
            answers = await way.write(part[:leaving], sent_at)
            await shown(way, part[:leaving])
            part = part[leaving:] + [a.request for a in answers if a.status == 429]

    async def shown(way: Graph, writes: list[Request]) -> None:
        whose = [KINDS["mobile"].reading(w.path.split("/")[2]) for w in writes]
        assert {a.status async for a in way.send(whose)} == {200}

    async def line(way: Graph, todo: deque[int]) -> None:
        while todo:
            await some(way, todo)

    async def done() -> float:
        async with graph(tenant, clock=clock) as way:
            todo = deque(range(count))
            await some(way, todo)
            await asyncio.gather(*(line(way, todo) for _ in range(groups)))
            return clock()

    return run(done())


@pytest.mark.slow
@pytest.mark.parametrize("told", [1.0, 10.0, None])
@pytest.mark.parametrize("strays", [0.02, 0.05])
def test_batches_turned_away_now_and_then_cost_little_and_are_not_sent_again_too_early(
    strays: float, told: float | None
) -> None:
    tenant = Tenant(8000, 800, strays=strays, told=told)
    seconds = read(tenant, 30_000)
    assert tenant.let_through * 0.9 / (8000 + 800 * seconds) >= 0.8
    assert tenant.early["same request"] == 0


@pytest.mark.parametrize(("burst", "per_second"), [(5, 0.5), (10, 0.5)])
def test_reads_and_writes_that_share_a_small_limit_use_it_and_none_comes_back_too_early(
    burst: float, per_second: float
) -> None:
    tenant = Tenant(burst, per_second)
    assert tenant.share(change(tenant, 80)) >= 0.8
    assert tenant.early["same request"] == 0
    assert tenant.early["same limit"] <= 60  # while it is being found out


def test_a_limit_that_only_writes_have_is_not_taken_for_one_of_reads() -> None:
    async def done() -> bool:
        async with graph(Tenant(1e9, 1e9), clock=clock) as way:
            write, look = deletion("u"), KINDS["mobile"].reading("u")
            for _ in range(3):
                way.pace.heard([(write, 429, {"Retry-After": "8"})], clock())
                await asyncio.sleep(1)
                way.pace.heard([(look, 200, {})], clock())
                await asyncio.sleep(9)
            return way.pace.rates["reads"] is way.pace.rates["writes"]

    assert not run(done())


def test_kinds_found_to_share_a_limit_wait_together_and_part_when_they_do_not_any_more() -> None:
    async def done() -> list[float]:
        async with graph(Tenant(1e9, 1e9), clock=clock) as way:
            write, look = deletion("u"), KINDS["mobile"].reading("u")
            pace, seen = way.pace, []
            pace.heard([(write, 429, {"Retry-After": "8"})], clock())
            pace.heard([(look, 429, {"Retry-After": "8"})], clock())
            await asyncio.sleep(100)
            pace.heard([(write, 429, {"Retry-After": "30"})], clock())
            seen.append(round(pace.held(look)))
            await asyncio.sleep(100)
            pace.heard([(write, 429, {"Retry-After": "30"})], clock())
            _, sent_at = await pace.turn([look])
            seen.append(clock() - 200)
            pace.heard([(look, 200, {})], sent_at)
            seen += [round(pace.held(look)), round(pace.held(write))]
            return seen

    assert run(done()) == [30, 0, 0, 30]


@given(
    burst=st.sampled_from([1, 5, 40, 500]),
    per_second=st.sampled_from([0.3, 1, 7, 60]),
    strays=st.sampled_from([0, 0.03, 0.3]),
    told=st.sampled_from([None, 0.5, 4.0, 30.0]),
    counts=st.booleans(),
    outer=st.sampled_from([200, 424]),
    seed=st.integers(0, 99),
)
@example(burst=5, per_second=0.3, strays=0.03, told=4.0, counts=True, outer=424, seed=1)
@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_whatever_the_limit_everybody_is_read_and_nobody_is_asked_for_again_too_early(
    burst: float, per_second: float, strays: float, told: float | None, counts: bool, outer: int, seed: int
) -> None:
    tenant = Tenant(burst, per_second, strays=strays, told=told, counts=counts, outer=outer, seed=seed)
    read(tenant, int(20 + 60 * min(per_second, 5)))
    assert tenant.early["same request"] == 0
