"""A kind of method that nobody knows yet goes the whole road, and no file but its own is needed for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.apply.verification import verify
from authops.graph.client import Graph
from authops.methods.kind import Kind, Order, Policy
from authops.methods.kinds import KINDS
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem
from authops.plan import plan, plan_file, undo
from authops.source import wanted_file
from authops.tenant import directory, protection
from tests.apply.conftest import Stage, Token, user_id

ID = "aaaaaaaa-0000-4000-8000-00000000badc"


def parse(texts: Sequence[str], _regions: Sequence[str], _joined: bool) -> Iterator[Number | PhoneProblem]:
    for text in texts:
        yield Number(f"B-{text}") if text.isdigit() else PhoneProblem("not_a_number", "a badge has digits only")


def whole(value: str) -> bool:
    return value.startswith("B-")


def body(value: str) -> Mapping[str, Any]:
    return {"badge": value}


def shown(item: Mapping[str, Any]) -> str:
    return str(item.get("badge") or "")


BADGE = Kind(
    "badge", "badge", "badges", "#microsoft.graph.badgeAuthenticationMethod", ID, "badgeMethods", parse, body, shown,
    whole, ("badge", "badgenumber"), Order(add=20, update=21, remove=22), (Policy("Badge"),), ("Badge.Read.All",),
    ("Badge.ReadWrite.All",), address=True,
)  # fmt: skip


class WithBadges(httpx.AsyncBaseTransport):
    """The demo tenant, and beside its methods the badges of its people, alone and in a `$batch`."""

    def __init__(self, stage: Stage) -> None:
        self.inner = httpx.ASGITransport(stage.world.app)
        self.badges: dict[str, str] = {}
        self.writes: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/$batch"):
            return await self.inner.handle_async_request(request)
        asked = json.loads(await request.aread())["requests"]
        ours = [one for one in asked if "/badgeMethods" in one["url"]]
        theirs = [one for one in asked if one not in ours]
        answers = [self.answer(one) for one in ours]
        if theirs:
            headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
            content = json.dumps({"requests": theirs})
            passed = httpx.Request("POST", request.url, headers=headers, content=content)
            response = await self.inner.handle_async_request(passed)
            answers += json.loads(await response.aread())["responses"]
        return httpx.Response(200, json={"responses": answers})

    def answer(self, one: Mapping[str, Any]) -> dict[str, Any]:
        user = one["url"].split("/")[2]
        if one["method"] == "GET":
            held = [{"id": ID, "badge": self.badges[user]}] if user in self.badges else []
            return {"id": one["id"], "status": 200, "body": {"value": held}}
        self.writes.append((one["method"], user))
        if one["method"] == "DELETE":
            self.badges.pop(user)
            return {"id": one["id"], "status": 204}
        self.badges[user] = one["body"]["badge"]
        return {"id": one["id"], "status": 201 if one["method"] == "POST" else 204}


@pytest.fixture
def badges(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> WithBadges:
    monkeypatch.setitem(KINDS, "badge", BADGE)
    stage.people(anna={}, bert={}, cleo={}, dora={})
    tenant = WithBadges(stage)
    tenant.badges = {user_id("bert"): "B-20", user_id("cleo"): "B-30"}
    return tenant


def graph(stage: Stage, tenant: WithBadges) -> Graph:
    token = Token(stage.world.login.issue_token())
    how = {"sleep": stage.pause, "clock": stage.clock, "dice": lambda: 1.0}
    return Graph.connect(stage.connection, transport=tenant, tokens=token, **how)


async def planned(way: Graph, wanted: wanted_file.Source) -> plan.Plan:
    users = await directory.find_users(way, wanted.people)
    current = await directory.current(way, users["user_id"], methods=wanted.methods)
    return plan.make(wanted.wanted, current, users, wanted.problems, {"tenant_id": "t"})


async def applied(stage: Stage, way: Graph, made: plan.Plan, name: str) -> pd.DataFrame:
    """Sealed, approved, applied."""
    folder = stage.folder / name
    folder.mkdir()
    now = datetime.now(UTC)
    sealed = plan_file.save(made, folder, now=now)
    plan_file.approve(sealed, folder, list(sealed.writes["change_id"]), by="anna", now=now, note="")
    rows = plan_file.approved(plan_file.load(folder), folder, tenant_id="t", now=now)
    journal = Journal(folder / "journal.sqlite")
    try:
        return await Applier(way, journal, lambda: datetime.now(UTC), mode="apply", sleep=stage.pause).apply(rows)
    finally:
        journal.close()


def test_a_new_kind_goes_from_a_source_to_undo(stage: Stage, badges: WithBadges, tmp_path: Path) -> None:
    rows = "anna@contoso.example,10,\nbert@contoso.example,21,TRUE\ncleo@contoso.example,30,\ndora@contoso.example,x,\n"
    (tmp_path / "wanted.csv").write_text("UPN,Badge,ForcedUpdate\n" + rows)
    wanted = wanted_file.read(tmp_path / "wanted.csv")
    assert (wanted.methods, list(wanted.problems["rule"])) == (["badge"], ["not_a_number"])
    before = dict(badges.badges)

    async def road() -> None:
        async with graph(stage, badges) as way:
            made = await planned(way, wanted)
            done = await applied(stage, way, made, "there")
            assert dict(zip(done["user_principal_name"].str[:4], done["outcome"], strict=True)) == {
                "anna": "applied", "bert": "applied"
            }  # fmt: skip
            assert badges.badges == before | {user_id("anna"): "B-10", user_id("bert"): "B-21"}
            assert (await verify(way, done))["as_recorded"].all()
            written = undo.written(done)
            users = await directory.find_users(way, list(written["user_id"]))
            now = await directory.current(way, users["user_id"], methods=undo.beside(["badge"]))
            back = await applied(stage, way, undo.make(written, now, users, {"tenant_id": "t"}), "back")
            assert set(back["outcome"]) == {"applied"}

    asyncio.run(road())
    assert badges.badges == before
    assert sorted(verb for verb, _ in badges.writes) == ["DELETE", "PATCH", "PATCH", "POST"]


def held(stage: Stage, badges: WithBadges) -> pd.DataFrame:
    async def read() -> pd.DataFrame:
        async with graph(stage, badges) as way:
            users = await directory.find_users(way, ["anna@contoso.example"])
            return (await protection.read(way, users, protection.Rules())).held

    return asyncio.run(read())


def test_a_kind_whose_configuration_the_policy_leaves_out_is_held(stage: Stage, badges: WithBadges) -> None:
    rows = held(stage, badges)
    assert list(rows.loc[rows["method"] == "badge", "reason"]) == ["policy_unknown"]


def test_a_kind_that_no_configuration_rules_is_not_held(
    stage: Stage, badges: WithBadges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "badge", replace(BADGE, policies=()))
    assert held(stage, badges).empty
