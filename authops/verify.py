"""Is the world what the journal says? Every written user is read again."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd

from authops import directory
from authops.apply import failed
from authops.frames import OUTCOME_ROWS, frame
from authops.graph import Graph
from authops.phone import fold


async def verify(graph: Graph, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Read every written user again: `outcomes` with `found` renewed, and `as_recorded`, whether the world agrees.

    Applied changes should show `after`; rejected, drifted and skipped ones should show what was found then; an
    `unknown` one is settled here: `applied` when Graph shows it now, else it stays.
    """
    if outcomes.empty:
        return outcomes.assign(as_recorded=pd.Series(dtype=bool))
    methods = list(dict.fromkeys(outcomes["method"]))
    seen = await directory.current(graph, outcomes["user_id"], methods=methods)
    now = {(r["user_id"], r["method"]): r for r in cast("list[dict[str, Any]]", seen.to_dict("records"))}
    rows = [
        _verified(r, now[r["user_id"], r["method"]]) for r in cast("list[dict[str, Any]]", outcomes.to_dict("records"))
    ]
    agreed = pd.Series([r.pop("as_recorded") for r in rows], dtype=bool)
    return frame(OUTCOME_ROWS, rows).assign(as_recorded=agreed)


def _verified(row: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    if not state["known"]:
        return row | {"as_recorded": False, "detail": f"could not be read: {state['error']}"}
    found = state["value"]
    shows_after = fold(found) == fold(row["after"])
    if row["outcome"] == "unknown" and shows_after:
        return row | {"outcome": "applied", "found": found, "as_recorded": True}
    expected = shows_after if row["outcome"].startswith("applied") else fold(found) == fold(row["found"])
    return row | {"found": found, "as_recorded": bool(expected) and row["outcome"] != "unknown"}


def verified_ending(verified: pd.DataFrame) -> tuple[str, str]:
    """(status, headline) of a verify."""
    odd = int((~verified["as_recorded"]).sum())
    if odd or len(failed(verified)):
        return (
            "attention",
            f"{odd:,} of {len(verified):,} changes are not as recorded; {len(failed(verified)):,} need a look",
        )
    return ("done" if len(verified) else "nothing to do"), f"all {len(verified):,} changes are as recorded"
