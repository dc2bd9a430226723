"""When Microsoft stops delivering text messages and calls, and for whom: read from a data file, with its sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authops.words import yaml_file
from authops.words.errors import ParameterError

COHORTS: Final = {
    "everybody": "neither Global Administrator nor external; internal guests are among them",
    "Global Administrator": "holds the role now",
    "eligible Global Administrator": "may activate the role: Microsoft does not say, so the earlier date counts",
    "external user": "has another home; an internal guest is none",
    "not known": "what decides it could not be read, so the earlier date counts",
}
# The cohorts of the later day.
LATER: Final = ("Global Administrator", "external user")
_FILE: Final = Path(__file__).parent / "retirement.yaml"
_NAMES: Final = ("everybody", "later")
_REMEDY: Final = "write everybody 2027-02-01, or later 2027-07-01"


@dataclass(frozen=True)
class Dates:
    """`everybody`: the day (ISO 8601) for all but Global Administrators and external users, whose day is `later`.

    "" for a cloud whose day Microsoft has not named. `rows`: all that changes, with date, what, whom and source.
    """

    everybody: str
    later: str
    as_of: str
    rows: tuple[Mapping[str, str], ...] = ()

    def of(self, cohort: str) -> str:
        """The day of one of COHORTS."""
        return self.later if cohort in LATER else self.everybody


def dates(overrides: Iterable[str] = (), *, cloud: str = "global") -> Dates:
    """The calendar as it was last looked up, changed by `overrides` (`everybody 2027-03-01`).

    Raises `ParameterError` for an override that is none.
    """
    said = yaml_file.read_texts(_FILE, remedy="install authops again")
    rows = tuple(dict(row) for row in said["dates"])
    found = {row["name"]: row["date"] if cloud in said["clouds"] else "" for row in rows if row["name"] in _NAMES}
    for text in overrides:
        name, _, day = text.partition(" ")
        if name not in _NAMES or not _is_day(day):
            raise ParameterError(f"dates: {text!r} is no date of {' or '.join(_NAMES)}", remedy=_REMEDY)
        found[name] = day
    if "" < found["later"] < found["everybody"]:
        raise ParameterError("dates: later is before everybody", remedy=_REMEDY)
    return Dates(found["everybody"], found["later"], said["as_of"], rows)


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def cohort(*, external: str, global_admin: str) -> str:
    """Which of COHORTS a person is in. `external`: yes, no or unknown; `global_admin`: active, eligible, no or unknown.

    Who is neither for sure counts among the earlier.
    """
    if external == "yes":
        return "external user"
    if global_admin == "active":
        return "Global Administrator"
    if "unknown" in (external, global_admin):
        return "not known"
    return "eligible Global Administrator" if global_admin == "eligible" else "everybody"


def is_external(user_principal_name: str) -> str:
    """yes, no or unknown: an external user has another home, which stands in the name (Entra: B2B collaboration)."""
    return "unknown" if not user_principal_name else "yes" if "#ext#" in user_principal_name.casefold() else "no"
