"""A journal → the plan that takes its writes back. Pure; what is there now was read like for any other plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import pandas as pd

from authops.methods.kinds import KINDS, values
from authops.plan import plan
from authops.plan.plan import Plan
from authops.words.errors import ParameterError
from authops.words.frames import CURRENT, OUTCOME_ROWS, PROBLEMS, WANTED, check, empty, frame

_WRITTEN: Final = ("applied", "applied_with_note", "unknown")
REASONS: Final = plan.REASONS | {
    "no_method": "the run took it away; the value from before is put back",
    "overwrite_allowed": "the run replaced it; the value from before is put back",
    "blank_removes": "the run added it; nothing was there before",
    "equal_number": "it is already as it was before the run",
    "nothing_to_remove": "what the run added is gone already",
}


def written(recorded: pd.DataFrame, *, users: Iterable[str] = (), until: str = "") -> pd.DataFrame:
    """The rows (OUTCOME_ROWS) of a run that may have changed something, of some users or up to a moment.

    `users`: UPNs or object ids, none means all. `until`: ISO 8601, UTC unless it says otherwise.
    Raises `ParameterError` for a user the run did not write, or a moment that is none.
    """
    rows = check(recorded, OUTCOME_ROWS)
    rows = rows[rows["outcome"].isin(_WRITTEN)]
    names = {name.strip().casefold() for name in users}
    by_id, by_name = rows["user_id"].str.casefold(), rows["user_principal_name"].str.casefold()
    unknown = names - set(by_id) - set(by_name)
    if unknown:
        raise ParameterError(f"the run wrote nothing of {', '.join(sorted(unknown))}", remedy="check `users`")
    rows = rows[by_id.isin(names) | by_name.isin(names)] if names else rows
    return rows[pd.to_datetime(rows["at"], utc=True) <= _moment(until)] if until else rows


def beside(methods: Iterable[str]) -> tuple[str, ...]:
    """What has to be read to judge these methods: second factors depend on each other, the rest on nothing."""
    wanted = set(methods)
    factors = any(kind.factor for name, kind in KINDS.items() if name in wanted)
    others = {name for name in values() if KINDS[name].factor and factors}
    return tuple(name for name in KINDS if name in wanted | others)


def _moment(text: str) -> pd.Timestamp:
    try:
        found = pd.Timestamp(datetime.fromisoformat(text))
    except ValueError as error:
        raise ParameterError(f"until is {text!r}", remedy="write it as 2026-11-24T14:30") from error
    return found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")


def make(rows: pd.DataFrame, current: pd.DataFrame, users: pd.DataFrame, header: Mapping[str, Any]) -> Plan:
    """The plan with the values from before (rows: OUTCOME_ROWS that were written; CURRENT; USERS plus `asked`).

    Where the present value is neither what that run wrote nor what was there before, somebody else was at it since:
    that is left alone, `blocked` as not_as_written. What nobody can give back stands in it as irreversible.
    """
    slots_of = _by_slot(rows)
    now = {(c["user_id"], c["method"], c["method_id"]): c for c in check(current, CURRENT).to_dict("records")}
    foreign = {slot for slot, row in slots_of.items() if _foreign(row, now.get(slot))}
    foreign |= {slot for slot in slots_of if (within := KINDS[slot[1]].within) and (slot[0], within, "") in foreign}
    wanted = frame(WANTED, [_wanted(row, slot in foreign) for slot, row in slots_of.items()])
    made = plan.make(wanted, current, users, empty(PROBLEMS), header)
    changes = made.changes.copy()
    whole = zip(changes["user_id"], changes["method"], changes["method_id"], strict=True)
    slots = pd.Series(list(whole), index=changes.index)
    left = slots.isin(foreign) & (changes["reason"] != "current_unknown")
    changes.loc[left, ["action", "reason"]] = ["blocked", "not_as_written"]
    lost = slots.isin([slot for slot, row in slots_of.items() if not can_be_undone(row)])
    changes.loc[lost, ["action", "reason"]] = ["blocked", "irreversible"]
    changes.loc[lost, "before"] = changes.loc[lost, "after"] = slots[lost].map(lambda slot: slots_of[slot]["before"])
    return Plan(changes, made.problems, made.header)


def ending(made: Plan, broken: pd.DataFrame, approve: str) -> tuple[str, str]:
    """(status, headline) of an undo: what is taken back, and what cannot be."""
    status, said = plan.ending(made, broken, approve)
    stays = made.changes.loc[made.changes["action"].eq("blocked"), "reason"].value_counts()
    why = ", ".join(f"{count:,}: {REASONS.get(str(code), str(code))}" for code, count in stays.items())
    return status, said.replace("planned:", "to take back:", 1) + (
        f"; {int(stays.sum()):,} cannot be taken back ({why})" if len(stays) else ""
    )


def can_be_undone(row: Mapping[str, Any]) -> bool:
    """Whether what a row (OUTCOME_ROWS) wrote can be taken back; of a pass that replaced another, the new one can."""
    kind = KINDS[row["method"]]
    if row["action"] == "remove":
        return kind.undone
    return kind.secret or not kind.loses(row["action"], row["before"])


def _by_slot(rows: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = check(rows, OUTCOME_ROWS).to_dict("records")
    return {(r["user_id"], r["method"], r["method_id"]): {str(k): v for k, v in r.items()} for r in found}


def _foreign(row: Mapping[str, Any], state: Mapping[Any, Any] | None) -> bool:
    if state is None or not state["known"]:
        return False
    kind, found = KINDS[row["method"]], str(state["value"])
    if kind.secret:  # only the very one that run made is its own
        return bool(found) and not kind.same(found, row["found"] or row["after"])
    return not (kind.same(found, row["after"]) or kind.same(found, row["before"]))


def _wanted(row: Mapping[str, Any], foreign: bool) -> dict[str, Any]:
    gone = KINDS[row["method"]].secret  # what was replaced cannot be put back
    stays = foreign or not can_be_undone(row)
    intent = "leave" if stays else "set" if row["before"] and not gone else "remove"
    who = {"line": row["line"], "user": row["user_id"], "method": row["method"], "method_id": row["method_id"]}
    value = row["before"] if intent == "set" else ""
    return who | {"intent": intent, "value": value, "overwrite": True, "note": "", "ticket": row["ticket"]}
