"""Time zones: what a country's clocks are, and in which zone a person is told a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from authops.words.errors import ParameterError

OWN_COUNTRY: Final = "usageLocation"


@cache
def _by_country() -> dict[str, list[str]]:
    """Country → the names of its time zones (the tz database's zone.tab)."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country].append(zone)
    return dict(found)


def zones(country: str, time_zone: str) -> Sequence[ZoneInfo]:
    """The zones a person's time may be of. `time_zone`: one, or `usageLocation`. Raises `ParameterError`."""
    names = _by_country().get(country.upper(), []) if time_zone == OWN_COUNTRY else [time_zone]
    try:
        return [ZoneInfo(name) for name in names]
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ParameterError(
            f"time_zone {time_zone!r} is no time zone", remedy="write usageLocation, Europe/Amsterdam or UTC, say"
        ) from error


def told_in(country: str, time_zone: str) -> ZoneInfo:
    """The zone in which a time is told, with its name beside it: the country's only one, else UTC."""
    found = zones(country, time_zone)
    return found[0] if len(found) == 1 else ZoneInfo("UTC")
