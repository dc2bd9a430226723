"""When a pass begins, by the clock where the person is; what can be read in two ways is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authops.methods import temporary_access_pass as a_pass
from authops.source import starts
from authops.words import zones
from authops.words.errors import ParameterError

NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)  # Friday, 05:00 in Amsterdam
READ = [
    ("NL", "now", None),
    ("NL", "2026-11-30 08:00", "2026-11-30T07:00"),
    ("NL", "2026-11-30T08:00:00+05:00", "2026-11-30T03:00"),
    ("NL", "in 2h", "2026-11-27T06:00"),
    ("NL", "Friday 04:30", "2026-12-04T03:30"),
    ("NL", "fri 05:30", "2026-11-27T04:30"),
    ("NL", "monday 08:00", "2026-11-30T07:00"),
    ("NL", "tomorrow 8:00", "2026-11-28T07:00"),
    ("JP", "today 23:00", "2026-11-27T14:00"),
    ("DE", "2026-11-30 08:00", "2026-11-30T07:00"),
    ("NL", "2027-07-01 08:00", "2027-07-01T06:00"),
]
REFUSED = [
    ("NL", "2026-11-30", "bad_start"),
    ("NL", "noon", "bad_start"),
    ("NL", "someday 08:00", "bad_start"),
    ("NL", "monday 25:00", "bad_start"),
    ("NL", "in a while", "bad_start"),
    ("NL", "2026-11-26 08:00", "start_past"),
    ("NL", "2027-03-28 02:30", "start_gap"),
    ("NL", "2027-10-31 02:30", "start_gap"),
    ("US", "2026-11-30 08:00", "start_zone"),
    ("ES", "monday 08:00", "start_zone"),
    ("", "monday 08:00", "start_zone"),
]


@pytest.mark.parametrize(("country", "said", "meant"), READ)
def test_a_start_is_read_where_the_person_is(country: str, said: str, meant: str | None) -> None:
    found = starts.read(said, NOW, zones.zones(country, zones.OWN_COUNTRY))
    assert found == (datetime.fromisoformat(f"{meant}+00:00") if meant else None)


@pytest.mark.parametrize(("country", "said", "rule"), REFUSED)
def test_what_is_no_start_or_could_be_two_is_refused(country: str, said: str, rule: str) -> None:
    with pytest.raises(starts.StartProblem) as raised:
        starts.read(said, NOW, zones.zones(country, zones.OWN_COUNTRY))
    assert raised.value.rule == rule


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="no time zone"):
        zones.zones("NL", "Europe/Atlantis")
    assert zones.told_in("US", zones.OWN_COUNTRY) == ZoneInfo("UTC")
    assert zones.told_in("NL", zones.OWN_COUNTRY) == ZoneInfo("Europe/Amsterdam")


def test_working_days_pass_over_the_weekend_and_keep_the_hour_where_clocks_change() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    friday = datetime(2027, 3, 26, 7, 0, tzinfo=UTC)
    assert starts.later(friday, 0, amsterdam) == friday
    assert starts.later(friday, 1, amsterdam) == datetime(2027, 3, 29, 6, 0, tzinfo=UTC)
    assert starts.later(friday + timedelta(days=1), 0, amsterdam) == datetime(2027, 3, 29, 6, 0, tzinfo=UTC)


MOMENTS = st.integers(1_767_225_600, 1_893_456_000).map(lambda at: datetime.fromtimestamp(at, UTC))
WORDS = st.text("abcxyz@. -", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(MOMENTS | st.none(), st.integers(10, 43_200), st.booleans(), WORDS)
def test_a_pass_is_the_same_pass_when_its_sentence_is_read_again(
    start: datetime | None, minutes: int, once: bool, word: str
) -> None:
    wanted = a_pass.Pass(start, minutes, once, recipient=word)
    assert a_pass.read(wanted.value) == wanted
    there = a_pass.Pass(start or NOW, minutes, once, state="valid", id="7f-1")
    assert a_pass.read(there.value) == there
    assert a_pass.same(wanted.value, there.value)
    other = a_pass.Pass(start or NOW, minutes, once, state="valid", id="7f-2")
    assert not a_pass.same(there.value, other.value)
