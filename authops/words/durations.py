"""Lengths of time as people write them: `90 s`, `45m`, `2h`, `90d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from authops.words.errors import UsageError

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_SPELLED: Final = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})?")
_AGE: Final = re.compile(r"(\d+)\s*(d|w|y)")
_LONGEST: Final = 100 * 365


def parse(text: str) -> float:
    """Seconds; a bare number is seconds. Raises `UsageError`."""
    found = _SPELLED.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no length of time", remedy="write 90s, 45m, 2h, 90d, 13w or 2y")
    return float(found[1]) * _UNITS[found[2] or "s"]


def age(text: str) -> timedelta:
    """How old something may get: whole days, weeks or years, never without the unit. Raises `UsageError`."""
    found = _AGE.fullmatch(text.strip().lower())
    days = int(found[1]) * _UNITS[found[2]] // 86400 if found else _LONGEST + 1
    if days > _LONGEST:
        raise UsageError(f"{text!r} is no age in days, weeks or years", remedy="write 90d, 13w or 2y")
    return timedelta(days=days)


def say(seconds: float) -> str:
    """Seconds in the largest unit that fits them evenly: `90 s`, `45 min`, `2 h`, `90 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit.rstrip('s') if seconds == size and unit == 'days' else unit}"
    return f"{seconds:g} s"
