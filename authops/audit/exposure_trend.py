"""Two looks at the retirement and more → who stands worse or better: figures over time, and person by person. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.audit.retirement import administrators, tally
from authops.words.frames import DIFFERENCES, EXPOSURE, check, frame

KINDS: Final = {
    "regressed": "stands worse than before",
    "new": "was not in the tenant, or was disabled",
    "no longer known": "was known, now is not",
    "improved": "stands better than before, and is not there yet",
    "resolved": "is covered now, and was not",
    "now known": "was not known, now is",
    "left": "is no longer in the tenant, or is disabled",
}
COUNTED: Final = ("blocked", "blocked later", "reset only", "nothing", "covered", "disabled", "not known")
_ADMINS: Final = "blocked administrators"
_RANK: Final = {"blocked": 0, "nothing": 1, "reset only": 2, "covered": 3}
_GONE: Final = ("", "disabled")
_SEEN: Final = ["user_id", "user_principal_name", "methods", "status", "admin", "department"]


def counted(exposed: pd.DataFrame) -> dict[str, int]:
    """What a snapshot remembers of EXPOSURE for the trend."""
    return {"users": len(exposed), **tally(exposed), _ADMINS: administrators(exposed)["administrators"]}


def over_time(tallies: Sequence[tuple[str, Mapping[str, int]]]) -> pd.DataFrame:
    """(when, `counted`) of each look, oldest first → columns `at`, `users`, each of COUNTED, blocked administrators."""
    columns = ["users", *COUNTED, _ADMINS]
    rows = [{"at": at, **{name: int(said.get(name, 0)) for name in columns}} for at, said in tallies]
    return pd.DataFrame(rows, columns=["at", *columns])


def differences(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Who stands otherwise than in the earlier snapshot (EXPOSURE), person by person (DIFFERENCES), worst first."""
    old, new = (
        check(data, EXPOSURE)[_SEEN].drop_duplicates("user_id").set_index("user_id") for data in (before, after)
    )
    both = old.merge(new, how="outer", left_index=True, right_index=True, suffixes=("_before", "_after"))
    both = both.astype("object").fillna("")
    moved = both[both["status_before"] != both["status_after"]].reset_index()
    rows = cast("list[dict[str, Any]]", moved.to_dict("records"))
    found = frame(DIFFERENCES, (row for row in map(_difference, rows) if row["change"]))
    order = {kind: place for place, kind in enumerate(KINDS)}
    place = found.assign(first=found["admin"] != "yes", place=found["change"].map(order))
    return place.sort_values(["place", "first", "user_principal_name"], ignore_index=True)[list(DIFFERENCES)]


def _difference(row: Mapping[str, Any]) -> dict[str, str]:
    had, has = set(row["methods_before"].split()), set(row["methods_after"].split())
    known = "not known" not in (row["status_before"], row["status_after"])
    now = "after" if row["status_after"] else "before"
    return {
        "user_id": row["user_id"],
        "user_principal_name": row[f"user_principal_name_{now}"],
        "change": _kind(row["status_before"], row["status_after"]),
        "gained": " ".join(sorted(has - had)) if known else "",
        "lost": " ".join(sorted(had - has)) if known else "",
        "before": row["status_before"],
        "after": row["status_after"],
        "admin": row[f"admin_{now}"],
        "department": row[f"department_{now}"],
    }


def _kind(before: str, after: str) -> str:
    """One of KINDS; "" for who was away before and is away now."""
    if before in _GONE and after in _GONE:
        return ""
    if before in _GONE or after in _GONE:
        return "new" if before in _GONE else "left"
    if "not known" in (before, after):
        return "now known" if before == "not known" else "no longer known"
    if after == "covered":
        return "resolved"
    return "improved" if _RANK[after] > _RANK[before] else "regressed"
