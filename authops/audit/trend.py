"""Two audits and more → how coverage moves: figures over time, and what changed person by person. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.audit.coverage import STANDINGS
from authops.words.frames import COVERAGE, DIFFERENCES, check, frame

KINDS: Final = {
    "became phone only": "text message or call is now the only second factor",
    "weaker": "less than before",
    "stronger": "more than before",
    "methods changed": "other methods, the same standing",
    "new user": "was not in the tenant",
    "left": "is no longer in the tenant",
    "no longer in the report": "was known, now is not: disabled, or left out",
    "now in the report": "was not known, now is",
}
_RANK: Final = {"nothing": 0, "no lasting factor": 1, "phone only": 2, "app or key": 3, "passwordless": 4}
_SEEN: Final = ["user_id", "user_principal_name", "methods", "standing", "admin", "department"]


def tally(coverage: pd.DataFrame) -> dict[str, int]:
    """What a snapshot remembers of COVERAGE for the trend: people, each standing, and administrators by phone only."""
    found = check(coverage, COVERAGE)["standing"].value_counts()
    phone = (coverage["standing"] == "phone only") & (coverage["admin"] == "yes")
    standings = {name: int(found.get(name, 0)) for name in STANDINGS}
    return {"users": len(coverage), **standings, "admins by phone only": int(phone.sum())}


def over_time(tallies: Sequence[tuple[str, Mapping[str, int]]]) -> pd.DataFrame:
    """(when, `tally`) of each audit, oldest first → columns `at`, `users`, each standing, `admins by phone only`."""
    columns = ["users", *STANDINGS, "admins by phone only"]
    rows = [{"at": at, **{name: int(said.get(name, 0)) for name in columns}} for at, said in tallies]
    return pd.DataFrame(rows, columns=["at", *columns])


def differences(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What changed between two snapshots (COVERAGE), person by person (DIFFERENCES), the worrying first."""
    old, new = (data[_SEEN].drop_duplicates("user_id").set_index("user_id") for data in (before, after))
    both = old.merge(new, how="outer", left_index=True, right_index=True, suffixes=("_before", "_after"))
    both = both.fillna("") if both.empty else both.astype("object").fillna("")
    same = (both["methods_before"] == both["methods_after"]) & (both["standing_before"] == both["standing_after"])
    rows = cast("list[dict[str, Any]]", both[~same].reset_index().to_dict("records"))
    found = frame(DIFFERENCES, map(_difference, rows))
    order = {kind: place for place, kind in enumerate(KINDS)}
    place = found.assign(first=found["admin"] != "yes", place=found["change"].map(order))
    return place.sort_values(["place", "first", "user_principal_name"], ignore_index=True)[list(DIFFERENCES)]


def _difference(row: Mapping[str, Any]) -> dict[str, str]:
    had, has = set(row["methods_before"].split()), set(row["methods_after"].split())
    known = "unknown" not in (row["standing_before"], row["standing_after"])
    now = "after" if row["standing_after"] else "before"
    return {
        "user_id": row["user_id"],
        "user_principal_name": row[f"user_principal_name_{now}"],
        "change": _kind(row["standing_before"], row["standing_after"]),
        "gained": " ".join(sorted(has - had)) if known else "",
        "lost": " ".join(sorted(had - has)) if known else "",
        "before": row["standing_before"],
        "after": row["standing_after"],
        "admin": row[f"admin_{now}"],
        "department": row[f"department_{now}"],
    }


def _kind(before: str, after: str) -> str:
    if not before or not after:
        return "left" if before else "new user"
    if "unknown" in (before, after):
        return "now in the report" if before == "unknown" else "no longer in the report"
    if before == after:
        return "methods changed"
    if after == "phone only":
        return "became phone only"
    return "stronger" if _RANK[after] > _RANK[before] else "weaker"
