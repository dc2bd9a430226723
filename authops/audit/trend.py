"""Two audits and more → how coverage moves: figures over time, and what changed person by person. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from authops.audit import moves
from authops.audit.coverage import STANDINGS
from authops.words.frames import COVERAGE, check

KINDS: Final = {
    "became phone only": "had more; text message or call is now the only second factor",
    "weaker": "less than before",
    "stronger": "more than before",
    "methods changed": "other methods, the same standing",
    "new user": "was not in the tenant",
    "left": "is no longer in the tenant",
    "no longer in the report": "was known, now is not: disabled, or left out",
    "now in the report": "was not known, now is",
}
_RANK: Final = {"nothing": 0, "no lasting factor": 1, "phone only": 2, "app or key": 3, "passwordless": 4}


def tally(coverage: pd.DataFrame) -> dict[str, int]:
    """What a snapshot remembers of COVERAGE for the trend: people, each standing, and administrators by phone only."""
    found = check(coverage, COVERAGE)["standing"].value_counts()
    phone = (coverage["standing"] == "phone only") & (coverage["admin"] == "yes")
    standings = {name: int(found.get(name, 0)) for name in STANDINGS}
    return {"users": len(coverage), **standings, "admins by phone only": int(phone.sum())}


def over_time(tallies: Sequence[tuple[str, Mapping[str, int]]]) -> pd.DataFrame:
    """(when, `tally`) of each audit, oldest first → columns `at`, `users`, each standing, `admins by phone only`."""
    columns = ["users", *STANDINGS, "admins by phone only"]
    return moves.over_time(tallies, columns)


def differences(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What changed between two snapshots (COVERAGE), person by person (DIFFERENCES), the worrying first."""
    return moves.between(before, after, "standing", KINDS, _kind, unknown="unknown", methods_too=True)


def _kind(before: str, after: str) -> str:
    if not before or not after:
        return "left" if before else "new user"
    if "unknown" in (before, after):
        return "now in the report" if before == "unknown" else "no longer in the report"
    if before == after:
        return "methods changed"
    if after == "phone only" and _RANK[before] > _RANK[after]:
        return "became phone only"
    return "stronger" if _RANK[after] > _RANK[before] else "weaker"
