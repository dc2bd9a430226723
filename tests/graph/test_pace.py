"""The pace of requests, against limits as Graph documents them and as it might have them; the clock is virtual."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from authops.graph.answer import Request
from authops.graph.pace import DOCUMENTED, LONGEST_PAUSE, Pace, charge, retry_after
from authops.graph.rate import Limit, Rate
from tests.virtual_time import clock, run

PHONES = "/users/u/authentication/phoneMethods"
READ, WRITE = Request("GET", PHONES), Request("POST", PHONES, "{}")
REPORT = Request("GET", "/reports/authenticationMethods/userRegistrationDetails")


@dataclass
class Server:
    """A limit as a token bucket (or a window), which may refuse at random as well."""

    burst: float
    per_second: float
    window: float = 0.0
    tells: bool = True
    retry_after: bool = True
    noise: float = 0.0
    times: list[tuple[float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens, self.at, self.dice = self.burst, 0.0, random.Random(5)

    def ask(self) -> tuple[int, dict[str, str]]:
        now = clock()
        if self.window:
            self.tokens = self.burst if int(now // self.window) > int(self.at // self.window) else self.tokens
        else:
            self.tokens = min(self.burst, self.tokens + self.per_second * (now - self.at))
        self.at = now
        allowed = self.tokens >= 1 and self.dice.random() >= self.noise
        self.times.append((now, allowed))
        if not allowed:
            seconds = self.window - now % self.window if self.window else 2
            return 429, {"Retry-After": f"{seconds:.3f}"} if self.retry_after else {}
        self.tokens -= 1
        used = 1 - self.tokens / self.burst
        return 200, {"x-ms-throttle-limit-percentage": f"{used:.2f}"} if self.tells and used >= 0.8 else {}

    def share(self, since: float = 0.0) -> float:
        """How much of what it allowed was used."""
        end = self.times[-1][0]
        allowed = self.per_second * (end - since) + (self.burst if not since else 0)
        return sum(ok for at, ok in self.times if at > since) / allowed

    def refused(self, since: float = 0.0) -> float:
        answers = [ok for at, ok in self.times if at > since]
        return 1 - sum(answers) / len(answers)


def use(server: Server, request: Request, count: int, *, together: int = 16, size: int = 20) -> float:
    """Send until all are accepted, refused ones again; returns the seconds it took."""

    async def worker(pace: Pace, todo: deque[Request]) -> None:
        while todo:
            part = [todo.popleft() for _ in range(min(size, len(todo)))]
            while part:
                leaving, sent_at = await pace.turn(part)
                await asyncio.sleep(0.1)
                answers = [(r, *server.ask()) for r in part[:leaving]]
                await asyncio.sleep(0.1)
                pace.heard(answers, sent_at)
                part = part[leaving:] + [r for r, status, _ in answers if status == 429]

    async def everybody() -> float:
        pace, todo = Pace(clock=clock), deque([request] * count)
        await asyncio.gather(*(worker(pace, todo) for _ in range(together)))
        return clock()

    return run(everybody())


@pytest.mark.parametrize("tells", [True, False])
def test_twenty_thousand_writes_use_the_quota_and_are_hardly_ever_refused(tells: bool) -> None:
    server = Server(3000, 20, tells=tells)
    use(server, WRITE, 20_000)
    assert server.share() >= 0.97
    assert server.refused() < 0.01


def test_the_burst_is_used() -> None:
    assert use(Server(3000, 20), WRITE, 3000) < 10


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(("burst", "per_second"), [(8000, 800), (3500, 350)])
def test_reads_find_the_limit_of_a_large_and_of_a_small_tenant(burst: int, per_second: int, tells: bool) -> None:
    server = Server(burst, per_second, tells=tells)
    use(server, READ, 60_000)
    assert server.share() >= 0.95
    assert server.refused() < 0.01


def test_reports_are_never_asked_for_faster_than_documented() -> None:
    server = Server(5, 0.5, tells=False)
    use(server, REPORT, 200, together=1, size=1)
    assert server.share() >= 0.95
    assert server.refused(since=60) == 0


def test_methods_that_count_as_reports_are_read_slowly_and_without_a_storm() -> None:
    server = Server(5, 0.5, tells=False)
    use(server, READ, 300)
    assert server.share() >= 0.9
    assert server.refused(since=60) < 0.1


def test_half_the_quota_is_left_to_another_application_that_uses_it() -> None:
    server = Server(1500, 10, tells=False)
    use(server, WRITE, 9000)
    assert server.share() >= 0.95
    assert server.refused() < 0.03


@dataclass
class Shared(Server):
    """A limit of which another application takes a part for a while."""

    others: tuple[float, float, float] = (0, 0, 0)

    def ask(self) -> tuple[int, dict[str, str]]:
        begin, end, left = self.others
        whole, self.per_second = self.per_second, left if begin <= clock() < end else self.per_second
        try:
            return super().ask()
        finally:
            self.per_second = whole


def test_reports_give_way_to_another_application_without_asking_in_vain() -> None:
    server = Shared(5, 0.5, tells=False, others=(60, 300, 0.2))
    use(server, REPORT, 200, together=1, size=1)
    assert server.refused() < 0.15
    assert server.times[-1][0] < 200 / 0.5 + 300


def test_writes_give_way_and_come_back() -> None:
    server = Shared(3000, 20, tells=False, others=(200, 600, 4))
    use(server, WRITE, 16_000)
    assert server.refused() < 0.01
    allowed = 3000 + 200 * 20 + 400 * 4 + (server.times[-1][0] - 600) * 20
    assert 16_000 / allowed > 0.9


def test_a_limit_far_lower_than_documented_is_kept_though_nothing_says_how_long_to_wait() -> None:
    server = Server(1, 0.1, tells=False, retry_after=False)
    use(server, REPORT, 30, together=1, size=1)
    assert server.refused() < 0.25
    assert server.times[-1][0] < 30 / 0.1 * 1.5


def test_a_window_instead_of_a_bucket_is_coped_with() -> None:
    server = Server(8000, 800, window=10, tells=False)
    use(server, READ, 80_000)
    assert server.share() >= 0.7
    assert server.refused() < 0.05


def test_without_retry_after_it_backs_off_all_the_same() -> None:
    server = Server(100, 20, tells=False, retry_after=False)
    use(server, WRITE, 3000)
    assert server.share() >= 0.85
    assert server.refused() < 0.1


def test_refusals_that_have_nothing_to_do_with_the_pace_do_not_slow_it_down_for_long() -> None:
    assert use(Server(1e9, 1e9, noise=0.1, tells=False), WRITE, 10_000) < 300


def test_where_there_is_no_limit_none_is_kept() -> None:
    assert use(Server(1e9, 1e9, tells=False), READ, 100_000) < 75


def test_after_a_refusal_nothing_of_that_kind_leaves_until_the_time_is_up() -> None:
    rate = Rate(Limit(100, 10))
    rate.answered(0.0, 1.0, accepted=0, refused=5, after=7.5)
    assert rate.wait(1, 1.0) == 7.5
    assert rate.wait(1, 4.0) == 4.5


def test_what_left_before_the_refusal_was_known_is_not_held_against_the_pace() -> None:
    rate = Rate(Limit(100, 10))
    rate.answered(0.0, 1.0, accepted=0, refused=20, after=1)
    found = rate.per_second
    rate.answered(0.5, 1.2, accepted=0, refused=20, after=1)
    assert rate.per_second == found


def test_a_share_that_was_not_used_is_given_back() -> None:
    rate = Rate(Limit(10, 1))
    rate.take(10, 0.0)
    assert rate.wait(5, 0.0) > 0
    rate.give_back(5)
    assert rate.wait(5, 0.0) == 0


@pytest.mark.parametrize(
    ("method", "path", "charged"),
    [
        ("GET", PHONES, ("reads", 1)),
        ("GET", "/users?$top=999", ("reads", 2)),
        ("GET", "/users?%24select=id&%24top=999", ("reads", 1)),
        ("GET", "/groups/g/transitiveMembers", ("reads", 5)),
        ("GET", "/groups/g/members", ("reads", 3)),
        ("GET", "/users/u/licenseDetails", ("reads", 2)),
        ("GET", "/subscribedSkus", ("reads", 3)),
        ("GET", "/reports/authenticationMethods/userRegistrationDetails?$top=999", ("reports", 1)),
        ("GET", "/auditLogs/directoryAudits", ("reports", 1)),
        ("PATCH", PHONES, ("writes", 1)),
        ("DELETE", PHONES, ("writes", 1)),
    ],
)
def test_what_a_request_costs(method: str, path: str, charged: tuple[str, int]) -> None:
    assert charge(method, path) == charged
    assert charged[0] in DOCUMENTED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "10"}, 10.0),
        ({"retry-after": "2.128"}, 2.128),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "150"}, 150.0),
        ({"Retry-After": "99999"}, 600.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "9" * 400}, 600.0),
        ({"Retry-After": "1_0"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "7 s"}, None),
        ({"Retry-After": "Thu, 26 Nov 2026 10:00:30 GMT", "Date": "Thu, 26 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Thu, 26 Nov 2026 10:00:30", "date": "Thu, 26 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Thu, 26 Nov 2099 10:00:30 GMT"}, 600.0),
    ],
)
def test_retry_after_is_whole_fractional_a_date_or_missing(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("told", ["0", "-3", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"])
def test_no_time_at_all_is_waited_for_all_the_same(told: str) -> None:
    async def done() -> list[float]:
        pace, seen = Pace(clock=clock), []
        for _ in range(3):
            _, sent_at = await pace.turn([READ])
            pace.heard([(READ, 429, {"Retry-After": told})], sent_at)
            seen.append(pace.held(READ))
        return seen

    assert run(done()) == [1.0, 2.0, 4.0]


def test_a_long_wait_is_said_once_and_cut_at_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    async def done() -> float:
        pace = Pace(clock=clock)
        for seconds in ("5", "3600", "3600"):
            pace.heard([(READ, 429, {"Retry-After": seconds})], clock())
        return pace.held(READ)

    assert run(done()) == LONGEST_PAUSE
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "Graph asks to wait 3,600 s before further reads; asked again after 600 s"
