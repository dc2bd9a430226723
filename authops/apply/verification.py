"""Is the world what the journal says? Every written user is read again, and Entra's audit log is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import pandas as pd

from authops.apply.ends import not_made
from authops.apply.reading import gone
from authops.apply.settled import NOT_HERE
from authops.graph.client import Graph
from authops.methods.kinds import KINDS
from authops.tenant import audit_log, directory
from authops.words.errors import GraphError
from authops.words.frames import AUDITS, OUTCOME_ROWS, empty, frame


async def verify(graph: Graph, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Read every written user again: `outcomes` with `found` renewed, and `as_recorded`, whether the world agrees.

    Applied changes should show `after`, rejected and drifted ones what was found then, skipped ones `before`; an
    `unknown` one is settled here: `applied` when Graph shows it now, else it stays.
    """
    if outcomes.empty:
        return outcomes.assign(as_recorded=pd.Series(dtype=bool))
    methods = list(dict.fromkeys(outcomes["method"]))
    seen = await directory.current(graph, outcomes["user_id"], methods=methods)
    now = {(r["user_id"], r["method"]): r for r in cast("list[dict[str, Any]]", seen.to_dict("records"))}
    unread = seen.loc[~seen["known"].astype(bool), "user_id"]
    left = await gone(graph, unread) if len(unread) else set()
    rows = [
        _of_somebody_gone(r) if r["user_id"] in left else _verified(r, now[r["user_id"], r["method"]])
        for r in cast("list[dict[str, Any]]", outcomes.to_dict("records"))
    ]
    agreed = pd.Series([r.pop("as_recorded") for r in rows], dtype=bool)
    return frame(OUTCOME_ROWS, rows).assign(as_recorded=agreed)


def _of_somebody_gone(row: dict[str, Any]) -> dict[str, Any]:
    """What was skipped is as recorded: nothing was written, and nothing is there."""
    skipped = row["outcome"] == "skipped"
    return row | {"as_recorded": skipped} | ({} if skipped else {"detail": NOT_HERE})


def _verified(row: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    if not state["known"]:
        return row | {"as_recorded": False, "detail": f"could not be read: {state['error']}"}
    found, same = state["value"], KINDS[row["method"]].same
    # What is told once is there when it is the very one that was handed over, not one like it.
    secret = KINDS[row["method"]].secret and row["action"] != "remove"
    shows_after = same(found, row["found"] if secret and row["found"] else row["after"])
    if row["outcome"] == "unknown" and shows_after and not secret:
        return row | {"outcome": "applied", "found": found, "as_recorded": True}
    # What was skipped was not looked at then: it stands as the plan saw it.
    then = row["before"] if row["outcome"] == "skipped" else row["found"]
    expected = shows_after if row["outcome"].startswith("applied") else same(found, then)
    return row | {"found": found, "as_recorded": bool(expected) and row["outcome"] != "unknown"}


@dataclass(frozen=True)
class Witness:
    """What the audit log says. `changes`: OUTCOME_ROWS plus `as_recorded` and `audit_id`; `others`: AUDITS of changes

    to the same people that this run did not make; `why`: why it could not be asked, or empty.
    """

    changes: pd.DataFrame
    others: pd.DataFrame
    why: str = ""


async def witnessed(graph: Graph, verified: pd.DataFrame, since: datetime, ours: str) -> Witness:
    """Tie each applied change to its record in the audit log. `ours`: the application id that wrote.

    An audit log that cannot be read (AuditLog.Read.All, or no answer in spite of patience) is said, and is no reason to
    fail: what was written was verified by reading it.
    """
    nothing = Witness(verified.assign(audit_id=""), empty(AUDITS))
    if verified.empty:
        return nothing
    try:
        found = await audit_log.records(graph, since, verified["user_id"])
    except GraphError as error:
        status = f"HTTP {error.status}" if error.status else "no answer"
        return replace(nothing, why=f"the audit log could not be read: {status} {error.message}")
    audit_ids, others = audit_log.tie(verified, found, ours)
    # What happened before the run began is no news: each value was read again just before its write.
    meanwhile = pd.to_datetime(others["at"], utc=True, format="ISO8601") >= since
    return Witness(verified.assign(audit_id=audit_ids), others[meanwhile])


def verified_ending(verified: pd.DataFrame, witness: Witness | None = None) -> tuple[str, str]:
    """(status, headline) of a verify; a change by somebody else deserves a look, a missing record may still come."""
    odd, look = int((~verified["as_recorded"]).sum()), len(not_made(verified))
    others = 0 if witness is None else len(witness.others)
    few = f"{odd:,} of {len(verified):,} changes are not as recorded"
    said = few if odd else f"all {len(verified):,} changes are as recorded"
    if odd or look or others:
        said += f"; {look:,} need a look" if look else ""
        return "attention", said + (f"; {others:,} changes by somebody else" if others else "")
    if witness is not None and len(verified):
        said += f"; {witness.why}" if witness.why else f"; {_tied(witness):,} have their audit record"
    return ("done" if len(verified) else "nothing to do"), said


def _tied(witness: Witness) -> int:
    return int((witness.changes["audit_id"] != "").sum())
