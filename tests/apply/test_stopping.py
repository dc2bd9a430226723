"""An apply that ends early ends well: everything written is settled, everything else is left for the next go."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.breaker import Breaker
from authops.apply.ends import ending
from authops.apply.journal import VERSION, Journal
from authops.graph.client import Graph
from authops.plan import plan_file
from authops.words.errors import JournalError
from tests.apply.conftest import Stage, Token, user_id

NAMES = [f"user{n:03d}" for n in range(120)]


@pytest.fixture
def crowd(stage: Stage) -> pd.DataFrame:
    """A hundred and twenty first phones, planned."""
    return stage.first_phones(NAMES)


def applier(stage: Stage, journal: Journal, graph: Any, **more: Any) -> Applier:
    return Applier(graph, journal, lambda: datetime.now(UTC), mode="apply", sleep=stage.pause, **more)


def go(stage: Stage, changes: pd.DataFrame, **more: Any) -> tuple[Applier, pd.DataFrame]:
    """One apply into the stage's journal; returns how it ended."""

    async def done() -> tuple[Applier, pd.DataFrame]:
        journal = Journal(stage.folder / "journal.sqlite")
        async with stage.graph() as graph:
            it = applier(stage, journal, graph, **more)
            try:
                return it, await it.apply(changes)
            finally:
                journal.close()

    return stage.run(done())


def written(stage: Stage) -> set[str]:
    return {user for user, phones in stage.phones().items() if phones}


def taken_back(folder: Path) -> None:
    (folder / "approval.json").unlink()


def given_anew(folder: Path) -> None:
    (folder / "approval.json").write_text('{"change_ids": ["c0000001"]}')


def decided(folder: Path) -> None:
    (folder / "decisions.jsonl").write_text("{}")


@pytest.mark.parametrize("happens", [taken_back, given_anew, decided])
def test_an_approval_that_becomes_another_ends_the_apply_before_the_next_write(
    stage: Stage, crowd: pd.DataFrame, happens: Callable[[Path], None]
) -> None:
    (stage.folder / "approval.json").write_text("{}")

    def report(done: int, _counts: Any) -> None:
        if done == len(written(stage)) == 20:
            happens(stage.folder)

    stop = plan_file.while_approved(stage.folder, lambda: False)
    it, outcomes = go(stage, crowd, stop=stop, report=report)
    assert it.stopped == "what was approved was changed or taken back meanwhile"
    assert outcomes["outcome"].value_counts().to_dict() == {"skipped": 100, "applied": 20}
    assert len(stage.writes()) == 20


def test_a_stop_leaves_the_rest_open_and_the_next_go_finishes_it(stage: Stage, crowd: pd.DataFrame) -> None:
    it, outcomes = go(stage, crowd, stop=lambda: len(written(stage)) >= 40)
    assert it.stopped == "asked to stop"
    some = written(stage)
    assert 40 <= len(some) < 120
    assert set(outcomes.loc[outcomes["outcome"] == "applied", "user_id"]) == some
    assert set(outcomes.loc[outcomes["outcome"] == "skipped", "user_id"]) == {user_id(n) for n in NAMES} - some
    assert ending(outcomes, "apply", it.stopped)[0] == "attention"
    it, outcomes = go(stage, crowd)
    assert it.stopped == ""
    assert set(outcomes["outcome"]) == {"applied"}
    assert {user: len(writes) for user, writes in stage.writes().items()} == {user_id(n): 1 for n in NAMES}


def test_an_interrupt_of_the_cell_settles_what_is_in_flight(stage: Stage, crowd: pd.DataFrame) -> None:
    async def interrupted() -> tuple[Applier, pd.DataFrame]:
        journal = Journal(stage.folder / "journal.sqlite")
        async with stage.graph() as graph:
            it = applier(stage, journal, graph)
            task = asyncio.ensure_future(it.apply(crowd))
            while not written(stage):
                await asyncio.sleep(0)
            task.cancel()
            outcomes = await task
            assert journal.open_intents().empty
            journal.close()
            return it, outcomes

    it, outcomes = asyncio.run(interrupted())
    assert it.stopped == "interrupted"
    assert set(outcomes.loc[outcomes["outcome"] == "applied", "user_id"]) == written(stage)


class Throttled(httpx.AsyncBaseTransport):
    """What `refuses` names is turned away in its batch, and asked to wait five minutes."""

    def __init__(self, stage: Stage, refuses: Callable[[str, bool], bool]) -> None:
        self.inner, self.refuses, self.wrote = httpx.ASGITransport(stage.world.app), refuses, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/$batch"):
            return await self.inner.handle_async_request(request)
        asked = json.loads(await request.aread())["requests"]
        refused = [one for one in asked if self.refuses(one["method"], self.wrote)]
        said = [{"id": one["id"], "status": 429, "headers": {"Retry-After": "300"}, "body": {}} for one in refused]
        if left := [one for one in asked if one not in refused]:
            headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
            inner = httpx.Request("POST", request.url, headers=headers, json={"requests": left})
            said += json.loads(await (await self.inner.handle_async_request(inner)).aread())["responses"]
            self.wrote |= any(one["method"] != "GET" for one in left)
        return httpx.Response(200, json={"responses": said})


WAITS: dict[str, tuple[Callable[[str, bool], bool], str, float]] = {
    "every reading before it writes": (lambda method, _: method == "GET", "skipped", 2),
    "every write": (lambda method, _: method != "GET", "unknown", 22),
    "reading back what it wrote": (lambda method, wrote: wrote and method == "GET", "unknown", 22),
}


@pytest.mark.parametrize("refused", WAITS)
@pytest.mark.parametrize("mode", ["apply", "dry-run"])
def test_a_stop_is_heard_while_it_waits_as_long_as_graph_asks(
    stage: Stage, crowd: pd.DataFrame, refused: str, mode: str
) -> None:
    """It was heard only when the wait was over, after five minutes; what was sent is open, and the next go reads it."""
    refuses, outcome, within = WAITS[refused]
    if mode == "dry-run" and outcome == "unknown":
        pytest.skip("a dry run writes nothing")
    asked = 10.0

    async def done(transport: httpx.AsyncBaseTransport, until: float) -> tuple[Applier, pd.DataFrame, float]:
        journal = Journal(stage.folder / "journal.sqlite")
        how: dict[str, Any] = {"sleep": stage.pause, "clock": stage.clock, "dice": lambda: 1.0}
        tokens = Token(stage.world.login.issue_token())
        async with Graph.connect(stage.connection, transport=transport, tokens=tokens, **how) as graph:
            words = {"mode": mode, "sleep": stage.pause, "stop": lambda: stage.clock() - began > until}
            it = Applier(graph, journal, lambda: datetime.now(UTC), **words)
            try:
                return it, await it.apply(crowd[:20]), stage.clock() - began
            finally:
                journal.close()

    began = stage.clock()
    it, outcomes, took = stage.run(done(Throttled(stage, refuses), asked))
    assert (it.stopped, set(outcomes["outcome"])) == ("asked to stop", {outcome})
    assert asked < took < asked + within
    it, outcomes, _ = stage.run(done(httpx.ASGITransport(stage.world.app), math.inf))
    assert set(outcomes["outcome"]) <= ({"applied", "applied_with_note"} if mode == "apply" else {"skipped"})
    assert all(len(writes) == 1 for writes in stage.writes().values())


@pytest.mark.parametrize(
    ("breaker", "said"),
    [(Breaker(consecutive=5, share=None), "in a row failed"), (Breaker(consecutive=None, share=0.1), "writes failed")],
)
def test_the_breaker_stops_what_goes_wrong(stage: Stage, crowd: pd.DataFrame, breaker: Breaker, said: str) -> None:
    # Numbers that Graph will not take: every write is refused.
    it, outcomes = go(stage, crowd.assign(after="+31 1"), breaker=breaker)
    assert said in it.stopped
    assert written(stage) == set()
    assert len(stage.writes()) < 120
    assert set(outcomes["outcome"]) == {"rejected", "skipped"}


def test_no_breaker_goes_on_to_the_end(stage: Stage, crowd: pd.DataFrame) -> None:
    it, outcomes = go(stage, crowd.assign(after="+31 1"), breaker=Breaker(consecutive=None, share=None))
    assert it.stopped == ""
    assert set(outcomes["outcome"]) == {"rejected"}


def test_drift_is_no_failure(stage: Stage, crowd: pd.DataFrame) -> None:
    it, outcomes = go(stage, crowd.assign(before="+31 600000000", action="update"))
    assert it.stopped == ""
    assert set(outcomes["outcome"]) == {"drifted"}
    assert stage.writes() == {}


def intents(stage: Stage) -> set[str]:
    with sqlite3.connect(stage.folder / "journal.sqlite") as db:
        return {row[0] for row in db.execute("select user_id from intents")}


def test_a_full_disk_stops_before_the_write_that_could_not_be_journalled(stage: Stage, crowd: pd.DataFrame) -> None:
    async def full() -> None:
        journal = Journal(stage.folder / "journal.sqlite")
        # SQLite's own "database or disk is full", a few pages from now.
        pages = journal._db.execute("pragma page_count").fetchone()[0]
        journal._db.execute(f"pragma max_page_count = {pages + 2}")
        async with stage.graph() as graph:
            try:
                await applier(stage, journal, graph).apply(crowd)
            finally:
                journal.close()

    with pytest.raises(JournalError, match=r"cannot be written: .*full"):
        asyncio.run(full())
    assert set(stage.writes()) <= intents(stage)
    assert len(stage.writes()) < 120
    it, outcomes = go(stage, crowd)
    assert it.stopped == ""
    assert outcomes["outcome"].str.startswith("applied").all()
    assert {user: len(writes) for user, writes in stage.writes().items()} == {user_id(n): 1 for n in NAMES}


def test_a_folder_that_cannot_be_written_is_said_before_anything() -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(Path("/proc/journal.sqlite"))


def test_a_journal_of_a_newer_version_is_left_alone(stage: Stage, crowd: pd.DataFrame) -> None:
    path = stage.folder / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"pragma user_version = {VERSION + 1}")
    with pytest.raises(JournalError, match="newer authops") as raised:
        go(stage, crowd)
    assert "this attempt wrote nothing" in raised.value.remedy
    assert stage.writes() == {}


@pytest.mark.parametrize("fill", [b"\0", b"\xa5"])
def test_a_damaged_journal_is_refused_wherever_it_is_damaged(
    stage: Stage, crowd: pd.DataFrame, tmp_path: Path, fill: bytes
) -> None:
    go(stage, crowd, stop=lambda: len(written(stage)) >= 40)
    path = stage.folder / "journal.sqlite"
    whole = path.read_bytes()
    stage.clear_log()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + fill * 4096 + whole[start + 4096 :])
        with pytest.raises(JournalError, match="cannot be opened") as raised:
            go(stage, crowd)
        assert "damaged: put it back from a backup" in raised.value.remedy
        path.write_bytes(whole[: start + 2048])
        with pytest.raises(JournalError, match="cannot be opened"):
            go(stage, crowd)
    assert stage.writes() == {}
    path.write_bytes(whole)
    assert set(go(stage, crowd)[1]["outcome"]) == {"applied"}


def test_a_journal_of_the_first_version_is_read_on(tmp_path: Path, stage: Stage, crowd: pd.DataFrame) -> None:
    go(stage, crowd, stop=lambda: len(written(stage)) >= 20)
    path = stage.folder / "journal.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("drop table facts")
        for table in ("intents", "outcomes"):
            db.execute(f"alter table {table} drop column ticket")
            db.execute(f"alter table {table} drop column method_id")
        db.execute("pragma user_version = 1")
    journal = Journal(path)
    journal.note(begun_at="2026-01-01T00:00:00+00:00")
    assert journal.facts() == {"begun_at": "2026-01-01T00:00:00+00:00"}
    assert len(journal.outcomes()) >= 20
    journal.close()


def test_open_intents_are_recorded_as_unknown(stage: Stage, crowd: pd.DataFrame) -> None:
    journal = Journal(stage.folder / "journal.sqlite")
    first = crowd.iloc[0].to_dict()
    journal.intend([first | {"attempt": n, "at": f"2026-01-01T00:00:0{n}+00:00"} for n in (1, 2)])
    (row,) = journal.recorded().to_dict("records")
    assert (row["outcome"], row["user_id"]) == ("unknown", first["user_id"])
    journal.close()
