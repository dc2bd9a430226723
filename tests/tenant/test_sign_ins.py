"""Which second factor was really used: a window at a time, of beta only, and "not seen" is never "unused"."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pandas as pd
import pytest

from authops.demo.wire.build import build
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.tenant import sign_ins
from authops.words.errors import GraphError, ParameterError
from tests.apply.conftest import ROOT, Token, no_pause
from tests.tenant.test_directory import HERE
from tests.tenant.test_directory import Token as AnyToken

NOW = dt.datetime(2026, 11, 26, 9, 30, tzinfo=dt.UTC)
ANNA, BERT = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def record(user: str, at: str, *methods: str, succeeded: bool = True, **more: Any) -> dict[str, Any]:
    steps = [{"authenticationMethod": m, "succeeded": succeeded} for m in methods]
    return {"id": f"{user}{at}", "userId": user, "createdDateTime": at, "authenticationDetails": steps, **more}


class Beta:
    """Answers beta's sign-ins out of a list, by the window that is asked for."""

    def __init__(self, *records: dict[str, Any], most: int = 999, status: int = 200) -> None:
        self.records, self.most, self.status = records, most, status
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        url = urlsplit(unquote(str(request.url)))
        self.asked.append(url.path)
        query = parse_qs(url.query)
        if self.status != 200 or int(query.get("$top", ["0"])[0]) > self.most:
            status = self.status if self.status != 200 else 400
            return httpx.Response(status, json={"error": {"code": "no", "message": "not for you"}})
        since, until = re.findall(r"(?:ge|le) (\S+)", query["$filter"][0])
        return httpx.Response(200, json={"value": [r for r in self.records if since <= r["createdDateTime"] <= until]})


def used(beta: Beta, days: int = 30) -> sign_ins.Used:
    async def done() -> sign_ins.Used:
        connection = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
        transport = httpx.MockTransport(beta)
        clock = itertools.count(step=3600)
        way = Graph.connect(
            connection, transport=transport, tokens=AnyToken(), sleep=no_pause, clock=lambda: float(next(clock))
        )
        async with way as graph:
            return await sign_ins.used(graph, days=days, now=NOW)

    return asyncio.run(done())


def told(found: sign_ins.Used) -> dict[tuple[str, str], str]:
    rows = found.seen.to_dict("records")
    return {(row["user_id"], row["method"]): row["last_at"][:10] for row in rows}


def test_of_each_method_the_last_day_is_kept_and_passwords_are_no_second_factor() -> None:
    beta = Beta(
        record(ANNA, "2026-11-20T08:00:00Z", "Password", "Text message"),
        record(ANNA, "2026-11-25T08:00:00Z", "Password", "Text message"),
        record(ANNA, "2026-11-24T08:00:00Z", "Password", "Mobile app notification"),
        record(BERT, "2026-11-23T08:00:00Z", "Password", "Previously satisfied"),
        record(BERT, "2026-11-22T08:00:00Z", "Phone call approval (Office phone)", succeeded=False),
        record(BERT, "2026-10-01T08:00:00Z", "Text message"),
    )
    found = used(beta)
    assert told(found) == {(ANNA, "Text message"): "2026-11-25", (ANNA, "Mobile app notification"): "2026-11-24"}
    assert found.unread == ""
    assert set(beta.asked) == {"/beta/auditLogs/signIns"}
    assert len(beta.asked) == 30


def test_where_steps_are_left_out_the_detail_tells() -> None:
    bare = record(ANNA, "2026-11-25T08:00:00Z") | {"authenticationDetails": None}
    assert told(used(Beta(bare | {"mfaDetail": {"authMethod": "Text message"}}))) == {
        (ANNA, "Text message"): "2026-11-25"
    }
    assert told(used(Beta(bare))) == {}
    assert told(used(Beta(bare | {"mfaDetail": None, "authenticationDetails": ["odd"]}))) == {}


def test_nothing_is_asked_for_no_days_and_never_more_than_are_kept() -> None:
    beta = Beta()
    assert used(beta, 0).seen.empty
    assert beta.asked == []
    used(beta, sign_ins.MOST_DAYS)
    assert len(beta.asked) == sign_ins.MOST_DAYS
    for days in (sign_ins.MOST_DAYS + 1, 400, -1):
        with pytest.raises(ParameterError, match=f"sign_in_days is {days}"):
            used(beta, days)
    assert len(beta.asked) == sign_ins.MOST_DAYS


def test_a_page_that_is_too_large_is_asked_for_as_large_as_graph_likes() -> None:
    beta = Beta(record(ANNA, "2026-11-26T08:00:00Z", "Text message"), most=100)
    assert told(used(beta, 1)) == {(ANNA, "Text message"): "2026-11-26"}
    assert len(beta.asked) == 2


@pytest.mark.parametrize("status", [403, 404, 501])
def test_what_is_refused_is_not_known_and_is_said(status: int) -> None:
    found = used(Beta(status=status))
    assert found.seen.empty
    assert f"HTTP {status}" in found.unread


def test_another_failure_is_one() -> None:
    with pytest.raises(GraphError):
        used(Beta(status=409))


@pytest.mark.parametrize(
    ("words", "phone"),
    [
        ("Text message", True),
        ("SMS", True),
        ("Phone call approval (Authentication phone)", True),
        ("Mobile app notification", False),
        ("Passkey (device-bound)", False),
        ("OATH verification code", False),
    ],
)
def test_graphs_words_for_a_phone(words: str, phone: bool) -> None:
    assert sign_ins.is_phone(words) == phone


def test_a_person_who_was_not_seen_has_no_day() -> None:
    found = used(Beta(record(ANNA, "2026-11-25T08:00:00Z", "Text message")))
    assert list(sign_ins.phone_used(found.seen, pd.Series([BERT, ANNA], dtype="str"))) == ["", "2026-11-25"]
    assert list(sign_ins.phone_used(used(Beta()).seen, pd.Series([BERT], dtype="str"))) == [""]


def test_a_demo_tenants_sign_ins_are_those_of_their_defaults(tmp_path: Path) -> None:
    world = build(tmp_path / "home", (ROOT,), users=120, population="2026")
    now = dt.datetime.now(dt.UTC)

    async def done() -> sign_ins.Used:
        connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
        tokens = Token(world.login.issue_token())
        transport, hours = httpx.ASGITransport(world.app), itertools.count(step=3600)
        way = Graph.connect(
            connection, transport=transport, tokens=tokens, sleep=no_pause, clock=lambda: float(next(hours))
        )
        async with way as graph:
            return await sign_ins.used(graph, days=30, now=now)

    found = asyncio.run(done())
    assert found.unread == ""
    phones = set(found.seen.loc[found.seen["phone"], "user_id"])
    assert len(phones) > 10
    for user in world.tenant.living():
        default = user.methods.get(str(user.default))
        if user.id in phones:
            assert default
            assert default.kind == "phone"
