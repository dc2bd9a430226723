"""Snapshots → who stands otherwise, person by person, and figures over time; of whatever is counted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.words.frames import DIFFERENCES, frame

_SEEN: Final = ("user_id", "user_principal_name", "methods", "admin", "department")


def over_time(tallies: Sequence[tuple[str, Mapping[str, int]]], columns: Sequence[str]) -> pd.DataFrame:
    """(when, counts) of each snapshot, oldest first → columns `at` and these; what was not counted then is 0."""
    rows = [{"at": at, **{name: int(said.get(name, 0)) for name in columns}} for at, said in tallies]
    return pd.DataFrame(rows, columns=["at", *columns])


def between(
    before: pd.DataFrame,
    after: pd.DataFrame,
    standing: str,
    kinds: Iterable[str],
    kind_of: Callable[[str, str], str],
    *,
    unknown: str,
    methods_too: bool = False,
) -> pd.DataFrame:
    """Who stands otherwise (DIFFERENCES), in the order of `kinds`, administrators first.

    `standing`: the column that tells, `unknown` its word for "not known". `kind_of`: (before, after), "" for who was
    not there → one of `kinds`, "" for what is no move. `methods_too`: other methods alone are a move.
    """
    seen = [*_SEEN, standing]
    old, new = (data[seen].drop_duplicates("user_id").set_index("user_id") for data in (before, after))
    both = old.merge(new, how="outer", left_index=True, right_index=True, suffixes=("_before", "_after"))
    both = both.astype("object").fillna("")
    other = both[f"{standing}_before"] != both[f"{standing}_after"]
    other |= (both["methods_before"] != both["methods_after"]) & methods_too
    rows = cast("list[dict[str, Any]]", both[other].reset_index().to_dict("records"))
    moves = (_move(row, standing, kind_of, unknown) for row in rows)
    found = frame(DIFFERENCES, (move for move in moves if move["change"]))
    order = {kind: place for place, kind in enumerate(kinds)}
    place = found.assign(first=found["admin"] != "yes", place=found["change"].map(order))
    return place.sort_values(["place", "first", "user_principal_name"], ignore_index=True)[list(DIFFERENCES)]


def _move(row: Mapping[str, Any], standing: str, kind_of: Callable[[str, str], str], unknown: str) -> dict[str, str]:
    before, after = row[f"{standing}_before"], row[f"{standing}_after"]
    had, has = set(row["methods_before"].split()), set(row["methods_after"].split())
    known = unknown not in (before, after)
    now = "after" if after else "before"
    return {
        "user_id": row["user_id"],
        "user_principal_name": row[f"user_principal_name_{now}"],
        "change": kind_of(before, after),
        "gained": " ".join(sorted(has - had)) if known else "",
        "lost": " ".join(sorted(had - has)) if known else "",
        "before": before,
        "after": after,
        "admin": row[f"admin_{now}"],
        "department": row[f"department_{now}"],
    }
