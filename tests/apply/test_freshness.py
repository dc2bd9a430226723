"""What is written over was read just before, whatever the delays; what somebody else set meanwhile is left alone."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authops.apply.applier import _READINGS, Applier
from authops.apply.freshness import BOUND, Clocks, Moment
from authops.apply.journal import Journal
from authops.demo.world.tenant import MOBILE
from authops.graph.client import Graph
from authops.words.errors import JournalError
from tests.apply.conftest import Stage, Token, user_id
from tests.virtual_time import clock
from tests.virtual_time import run as in_virtual_time

OLD, NEW, HERS = "+31 611111111", "+31 612345678", "+31 687654321"
BEGAN = datetime(2026, 11, 26, 8, tzinfo=UTC)
NAMES = [f"user{n}" for n in range(4)]


@dataclass
class Weather(httpx.AsyncBaseTransport):
    """The demo tenant behind a slow line, with a record of what was read and written when.

    `delays`: seconds that each request takes to arrive, in turn. `throttled`: user → how often a read is answered 429.
    """

    stage: Stage
    delays: list[float] = field(default_factory=list)
    throttled: Counter[str] = field(default_factory=Counter)
    retry_after: str = "15"
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    read: dict[str, tuple[float, str]] = field(default_factory=dict)
    ages: list[float] = field(default_factory=list)
    overwritten: list[tuple[str, str, float]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.inner = httpx.ASGITransport(self.stage.world.app)

    def phone(self, user: str) -> str:
        methods = self.stage.world.tenant.users[user].methods
        return str(methods[MOBILE].fields["phoneNumber"]) if MOBILE in methods else ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(await request.aread())["requests"] if request.url.path.endswith("/$batch") else []
        for one in asked:
            self.note_leaving(one)
        await asyncio.sleep(self.delays[self.sent % len(self.delays)] if self.delays else 0.0)
        self.sent += 1
        self.happen()
        answer = await self.inner.handle_async_request(request)
        return self.throttle(asked, json.loads(await answer.aread())) if asked else answer

    def happen(self) -> None:
        """What other people do, as their time comes."""
        due = [one for one in self.at if one[0] <= clock()]
        self.at = [one for one in self.at if one not in due]
        for _, act in due:
            act()

    def note_leaving(self, one: dict[str, Any]) -> None:
        user = one["url"].split("/")[2]
        if one["method"] == "GET" and one["url"].endswith("phoneMethods"):
            self.read[user] = clock(), self.phone(user)
        elif one["method"] != "GET":
            when, _ = self.read[user]
            self.ages.append(clock() - when)
            self.overwritten.append((user, self.phone(user), clock()))

    def throttle(self, asked: list[dict[str, Any]], said: dict[str, Any]) -> httpx.Response:
        whose = {one["id"]: one["url"].split("/")[2] for one in asked if one["method"] == "GET"}
        for part in said["responses"]:
            user = whose.get(part["id"], "")
            if self.throttled[user] > 0:
                self.throttled[user] -= 1
                part |= {"status": 429, "headers": {"Retry-After": self.retry_after}, "body": {}}
        return httpx.Response(200, json=said)


def wall() -> datetime:
    return BEGAN + timedelta(seconds=clock())


def applied(stage: Stage, weather: Weather, changes: pd.DataFrame, **more: Any) -> pd.DataFrame:
    async def done() -> pd.DataFrame:
        journal = Journal(stage.folder / "journal.sqlite")
        tokens = Token(stage.world.login.issue_token())
        how = {"sleep": asyncio.sleep, "clock": clock, "dice": lambda: 1.0}
        async with Graph.connect(stage.connection, transport=weather, tokens=tokens, **how) as graph:
            try:
                return await Applier(graph, journal, more.pop("now", wall), mode="apply", **more).apply(changes)
            finally:
                journal.close()

    return in_virtual_time(done())


def planned(stage: Stage, names: list[str]) -> pd.DataFrame:
    stage.people(**{name: {"mobile": OLD} for name in names})
    return stage.plan("".join(f"{name}@contoso.example,{NEW},,,TRUE,\n" for name in names)).writes


def sets_her_own(stage: Stage, name: str, number: str = HERS) -> Callable[[], None]:
    tenant = stage.world.tenant
    return lambda: tenant.change_phone(tenant.users[user_id(name)], MOBILE, None, number)


def test_a_throttled_person_holds_nobody_and_what_another_sets_meanwhile_stays(stage: Stage) -> None:
    changes = planned(stage, ["anna", "bert"])
    weather = Weather(stage, throttled=Counter({user_id("anna"): 3}))
    weather.at = [(20.0, sets_her_own(stage, "bert"))]
    outcomes = applied(stage, weather, changes).set_index("user_principal_name")
    assert outcomes.loc["anna@contoso.example", "outcome"] == "applied"
    # Bert was written before he set his own number, or not at all.
    assert weather.phone(user_id("bert")) == HERS
    assert max(weather.ages) <= BOUND


def test_a_number_set_while_a_reading_was_under_way_for_long_is_not_written_over(stage: Stage) -> None:
    changes = planned(stage, ["anna"])
    weather = Weather(stage, delays=[0.0, 40.0])
    weather.at = [(30.0, sets_her_own(stage, "anna"))]
    applied(stage, weather, changes)
    assert weather.phone(user_id("anna")) == HERS or all(before != HERS for _, before, _ in weather.overwritten)
    assert all(age <= BOUND for age in weather.ages)


def test_where_every_reading_comes_too_late_nothing_is_written_and_it_stays_open(stage: Stage) -> None:
    changes = planned(stage, ["anna"])
    weather = Weather(stage, delays=[BOUND + 1])
    outcomes = applied(stage, weather, changes)
    assert list(outcomes["outcome"]) == ["skipped"]
    assert "older than" in outcomes["detail"].iloc[0]
    assert weather.ages == []
    assert weather.sent == _READINGS == 20


@pytest.mark.parametrize("clocks", ["both", "wall only", "steady only"])
def test_a_process_that_slept_between_reading_and_writing_reads_again(stage: Stage, clocks: str) -> None:
    changes = planned(stage, ["anna"])
    weather = Weather(stage)
    slept = {"steady": 0.0, "wall": 0.0}

    class Sleepy(Journal):
        """The machine sleeps once, just as the intent was written."""

        def intend(self, rows: Any) -> None:
            super().intend(rows)
            if not any(slept.values()):
                slept.update({name: 600.0 for name in slept if clocks in ("both", f"{name} only")})
                sets_her_own(stage, "anna")()

    async def done() -> pd.DataFrame:
        tokens = Token(stage.world.login.issue_token())
        how = {"sleep": asyncio.sleep, "clock": lambda: clock() + slept["steady"], "dice": lambda: 1.0}
        async with Graph.connect(stage.connection, transport=weather, tokens=tokens, **how) as graph:
            journal = Sleepy(stage.folder / "journal.sqlite")
            now = lambda: wall() + timedelta(seconds=slept["wall"])  # noqa: E731
            return await Applier(graph, journal, now, mode="apply").apply(changes)

    outcomes = in_virtual_time(done())
    assert list(outcomes["outcome"]) == ["drifted"]
    assert weather.phone(user_id("anna")) == HERS
    assert stage.writes() == {}


def test_a_token_that_takes_a_minute_makes_the_reading_too_old(stage: Stage) -> None:
    changes = planned(stage, ["anna"])
    weather = Weather(stage)

    class Slow(Token):
        asked = 0

        async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
            self.asked += 1
            if self.asked == 2:  # the reading has one already
                await asyncio.sleep(60)
                sets_her_own(stage, "anna")()
            return await super().get_authorization_token(uri, additional_authentication_context)

    async def done() -> pd.DataFrame:
        how = {"sleep": asyncio.sleep, "clock": clock, "dice": lambda: 1.0}
        tokens = Slow(stage.world.login.issue_token())
        async with Graph.connect(stage.connection, transport=weather, tokens=tokens, **how) as graph:
            return await Applier(graph, Journal(stage.folder / "j.sqlite"), wall, mode="apply").apply(changes)

    outcomes = in_virtual_time(done())
    assert list(outcomes["outcome"]) == ["drifted"]
    assert stage.writes() == {}
    assert weather.phone(user_id("anna")) == HERS


delays = st.sampled_from([0.0, 0.1, 0.7, 2.5, 4.9, 6.0, 30.0])
act = st.tuples(st.floats(0, 120), st.sampled_from(NAMES))
throttles = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(delays, min_size=1, max_size=12), st.lists(act, max_size=6), throttles, st.sampled_from(["1", "15", "40"])
)
def test_no_write_leaves_on_an_old_reading_and_no_number_of_others_is_lost(
    wide_stage: Stage, slow: list[float], acts: list[tuple[float, str]], often: dict[str, int], after: str
) -> None:
    stage = wide_stage
    stage.folder.joinpath("journal.sqlite").unlink(missing_ok=True)
    changes = planned(stage, NAMES)
    stage.clear_log()
    weather = Weather(stage, slow, Counter({user_id(n): count for n, count in often.items()}), after)
    weather.at = [(when, sets_her_own(stage, name, f"+31 6870000{n:02d}")) for n, (when, name) in enumerate(acts)]
    outcomes = applied(stage, weather, changes)
    assert all(age <= BOUND for age in weather.ages)
    set_at = {f"+31 6870000{n:02d}": when for n, (when, _) in enumerate(acts)}
    lost = [(before, when) for _, before, when in weather.overwritten if before in set_at]
    # Only what was set in the seconds between the last reading and the write can be written over.
    assert all(when - set_at[before] <= BOUND for before, when in lost)
    assert len(outcomes) == len(NAMES)


def test_the_older_age_of_two_clocks_counts() -> None:
    state = {"steady": 100.0, "wall": BEGAN}
    both = Clocks(lambda: float(state["steady"]), lambda: state["wall"])  # type: ignore[arg-type, return-value]
    then = both.now()
    assert both.fresh(then)
    state["wall"] = BEGAN + timedelta(seconds=BOUND)
    assert both.fresh(then)
    state["wall"] = BEGAN + timedelta(seconds=BOUND + 1)
    assert not both.fresh(then)
    state.update(wall=BEGAN - timedelta(hours=1), steady=100.0 + BOUND + 1)
    assert not both.fresh(then)
    state.update(steady=101.0)
    assert both.fresh(then)
    assert not both.fresh(None)
    assert both.age(Moment(100.0, BEGAN.timestamp())) == 1.0


async def holding(users: dict[str, str]) -> dict[str, str]:
    return users


def test_who_became_untouchable_during_the_apply_is_not_written(stage: Stage) -> None:
    changes = planned(stage, ["anna", "bert"])
    watch: Callable[[Any], Awaitable[Any]] = lambda _: holding({user_id("anna"): "administrator"})  # noqa: E731
    outcomes = applied(stage, Weather(stage), changes, watch=watch).set_index("user_principal_name")
    assert list(outcomes.loc[["anna@contoso.example", "bert@contoso.example"], "outcome"]) == ["skipped", "applied"]
    assert "administrator" in outcomes.loc["anna@contoso.example", "detail"]
    assert set(stage.writes()) == {user_id("bert")}


def test_an_approval_that_ends_during_the_apply_stops_the_rest(stage: Stage, tmp_path: Path) -> None:
    changes = planned(stage, NAMES)
    weather = Weather(stage, delays=[1.0])
    outcomes = applied(stage, weather, changes, until=BEGAN + timedelta(seconds=0.5))
    assert set(outcomes["outcome"]) == {"skipped"}
    assert stage.writes() == {}
    assert "expired" in outcomes["detail"].iloc[0]


@dataclass
class Conflicting(Weather):
    """Says 409 to every write; where it `stores`, the number shows some seconds later all the same."""

    stores: bool = True
    lag: float = 3.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.happen()
        asked = json.loads(await request.aread())["requests"] if request.url.path.endswith("/$batch") else []
        writes = [one for one in asked if one["method"] != "GET"]
        if not writes:
            return await super().handle_async_request(request)
        for one in writes:
            self.sent += 1
            user, number = one["url"].split("/")[2], one["body"]["phoneNumber"]
            if self.stores:
                self.at.append((clock() + self.lag, partial(self.shows, user, number)))
        error = {"error": {"code": "phoneNumberNotUnique", "message": "taken"}}
        return httpx.Response(200, json={"responses": [{"id": o["id"], "status": 409, "body": error} for o in writes]})

    def shows(self, user: str, number: str) -> None:
        self.stage.world.tenant.change_phone(self.stage.world.tenant.users[user], MOBILE, None, number)


@pytest.mark.parametrize(("stores", "expected"), [(True, "applied_with_note"), (False, "rejected")])
def test_after_a_conflict_it_waits_for_what_may_still_come_to_show(stage: Stage, stores: bool, expected: str) -> None:
    changes = planned(stage, ["anna"])
    outcomes = applied(stage, Conflicting(stage, stores=stores), changes)
    assert list(outcomes["outcome"]) == [expected]
    assert "phoneNumberNotUnique" in outcomes["detail"].iloc[0]


def test_a_clock_that_is_set_back_does_not_prolong_an_approval(stage: Stage) -> None:
    changes = planned(stage, [f"user{n}" for n in range(80)])
    back = [0.0]
    weather = Weather(stage, delays=[2.0], at=[(5.0, lambda: back.append(3600.0))])

    def set_back() -> datetime:
        return BEGAN + timedelta(seconds=clock() - back[-1])

    outcomes = applied(stage, weather, changes, until=BEGAN + timedelta(seconds=8), now=set_back)
    left = outcomes[outcomes["outcome"] == "skipped"]
    assert 0 < len(left) < len(changes)
    assert left["detail"].str.contains("the approval has expired").all()


def test_a_journal_that_is_moved_away_meanwhile_ends_the_writes(stage: Stage) -> None:
    changes = planned(stage, [f"user{n}" for n in range(60)])
    stage.clear_log()
    journal = stage.folder / "journal.sqlite"

    def moves() -> None:
        journal.rename(stage.folder / "moved.sqlite")

    weather = Weather(stage, delays=[0.5], at=[(2.0, moves)])
    with pytest.raises(JournalError, match="moved or removed while it was in use"):
        applied(stage, weather, changes)
    (stage.folder / "moved.sqlite").rename(journal)
    back = Journal(journal)
    known = set(back.recorded()["user_id"])
    back.close()
    assert 0 < len(stage.writes()) < len(changes)
    assert set(stage.writes()) <= known
