"""When a pass begins, as people write it: `2026-11-30 08:00`, `Monday 08:00`, `tomorrow 08:00`, `in 2h`, `now`.

In the time zone where the person is: what a country's clocks agree on, or the zone that is named. Pure: the moment it
is now is handed in. A time that a country's zones read in several ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from authops.words import durations
from authops.words.errors import UsageError

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK: Final = re.compile(r"(?P<day>[A-Za-z]+) (?P<hour>\d{1,2}):(?P<minute>\d{2})")
_WORKING: Final = 5
_EARLY: Final = timedelta(minutes=1)


class StartProblem(Exception):
    """A start that cannot be used: `rule`, and what is wrong with it and what to do."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def read(text: str, now: datetime, where: Sequence[ZoneInfo]) -> datetime | None:
    """The moment (UTC) a start means; None for `now`. Raises `StartProblem`."""
    said = " ".join(text.split())
    if said.casefold() in ("", "now"):
        return None
    found = _duration(said, now) or _absolute(said)
    if found is None:
        found = _agreed([_local(said, now, zone) for zone in where])
    if found < now - _EARLY:
        raise StartProblem("start_past", f"{said} is over; write a time that is to come, or now")
    return found


def _duration(said: str, now: datetime) -> datetime | None:
    if not said.casefold().startswith("in "):
        return None
    try:
        return now.astimezone(UTC) + timedelta(seconds=durations.parse(said[3:]))
    except UsageError as error:
        raise _unread(said) from error


def _absolute(said: str) -> datetime | None:
    """A time with its offset."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _agreed(found: Sequence[datetime]) -> datetime:
    if not found:
        raise StartProblem("start_zone", "the person's country has no known time zone; set time_zone, or add an offset")
    if len(set(found)) > 1:
        raise StartProblem("start_zone", "the person's country has several time zones; set time_zone, or add an offset")
    return found[0]


def _local(said: str, now: datetime, zone: ZoneInfo) -> datetime:
    day, clock = _date(said, now, zone)
    moment = datetime.combine(day, clock, zone)
    there = moment.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise StartProblem("start_gap", f"{said} does not exist where the clocks go forward; write another hour")
    if moment.replace(fold=1).astimezone(UTC) != there:
        raise StartProblem("start_gap", f"{said} is there twice where the clocks go back; write another hour")
    return there


def _date(said: str, now: datetime, zone: ZoneInfo) -> tuple[date, time]:
    if named := _CLOCK.fullmatch(said):
        return _named(said, named, now.astimezone(zone))
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise _unread(said) from error
    if len(said) <= len("2026-11-30"):
        raise StartProblem("bad_start", f"{said} says no hour; write {said} 08:00")
    return found.date(), found.time()


def _named(said: str, named: re.Match[str], here: datetime) -> tuple[date, time]:
    """The next such day from now on; today, as long as the hour is to come."""
    day = named["day"].casefold()
    try:
        clock = time(int(named["hour"]), int(named["minute"]))
    except ValueError as error:
        raise _unread(said) from error
    if day in ("today", "tomorrow"):
        return here.date() + timedelta(days=day == "tomorrow"), clock
    places = [n for n, name in enumerate(_DAYS) if day in (name, name[:3])]
    if not places:
        raise _unread(said)
    ahead = (places[0] - here.weekday()) % len(_DAYS)
    if not ahead and clock <= here.time():
        ahead = len(_DAYS)
    return here.date() + timedelta(days=ahead), clock


def _unread(said: str) -> StartProblem:
    return StartProblem("bad_start", f"{said[:40]!r} is no start; write 2026-11-30 08:00, Monday 08:00 or now")


def later(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """So many working days later, at the same hour there."""
    here = start.astimezone(zone)
    day = here.date()
    while day.weekday() >= _WORKING or days:
        day += timedelta(days=1)
        days -= days > 0 and day.weekday() < _WORKING
    return datetime.combine(day, here.time(), zone).astimezone(UTC)
