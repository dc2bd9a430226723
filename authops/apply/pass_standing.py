"""What became of passes: usable, used, expired, gone; what was registered since; who needs another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from authops.graph.client import Graph
from authops.methods import temporary_access_pass as a_pass
from authops.tenant import passes
from authops.words import disk
from authops.words.frames import PASSES, check, frame

GONE: Final = "gone"
LOST: Final = "nobody has it"
_ENDED: Final = ("used", "expired", GONE, LOST, "off by policy")
_AGAIN: Final = "passes-again.csv"


async def standing(graph: Graph, verified: pd.DataFrame) -> pd.DataFrame:
    """Of verified changes (OUTCOME_ROWS) those that made passes, with what became of each (PASSES)."""
    made = verified[verified["method"].eq(a_pass.NAME) & verified["action"].ne("remove")]
    made = made[made["outcome"].isin(("applied", "applied_with_note", "unknown"))]
    registered = await passes.registered(graph, made["user_id"]) if len(made) else {}
    rows = cast("list[dict[str, Any]]", made.to_dict("records"))
    return frame(PASSES, [_row(row, registered.get(row["user_id"])) for row in rows])


def _row(row: dict[str, Any], registered: list[str] | None) -> dict[str, Any]:
    there = a_pass.read(row["found"])
    state = there.state if there and there.id else GONE
    state = LOST if there and (row["outcome"] == "unknown" or not row["as_recorded"]) else state
    ends = there.expires if there else None
    return {
        "user_id": row["user_id"],
        "user_principal_name": row["user_principal_name"],
        "state": state,
        "until": ends.isoformat(timespec="seconds") if ends else "",
        "registered": "unknown" if registered is None else " ".join(registered),
        "next": "nothing" if registered else "another pass" if state in _ENDED else "wait",
    }


def keep_standing(standing: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Counts, for people; who needs another pass is written into the run folder, as the next input of 8_passes."""
    if check(standing, PASSES).empty:
        return {"passes": "none were made by this run"}
    said = {state: f"{count:,}" for state, count in standing["state"].value_counts().items()}
    has = (standing["registered"] != "") & (standing["registered"] != "unknown")
    said |= {"registered what lasts": f"{int(has.sum()):,}"}
    names = list(standing.loc[standing["next"] == "another pass", "user_principal_name"])
    if not names:
        return {str(name): count for name, count in said.items()} | {"need another": "nobody"}
    with open(disk.fresh(folder / _AGAIN), "w", encoding="utf-8-sig") as file:
        file.write("UPN,Start,LifetimeMinutes,Once,Recipient\n" + "".join(f"{name},,,TRUE,\n" for name in names))
    return {str(name): count for name, count in said.items()} | {"need another": f"{len(names):,}, in {_AGAIN}"}
