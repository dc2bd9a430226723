"""Whether a planned phone still helps its owner, and until when: Microsoft stops delivering text messages and calls.

Pure: who is whom was read by `protection`, the days stand in `words.retirement`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

import pandas as pd

from authops.methods.kinds import KINDS
from authops.plan.guards import hold
from authops.plan.notes import RETIRES
from authops.plan.notes import add as add_note
from authops.plan.plan import Plan
from authops.words.errors import ParameterError
from authops.words.frames import HELD, frame
from authops.words.retirement import Dates

_log = logging.getLogger(__name__)
ON_RETIRING: Final = ("note", "hold", "allow")
_DOUBTFUL: Final = ("not known", "eligible Global Administrator")


def mark_retiring(plan: Plan, cohorts: Mapping[str, str], dates: Dates, on_retiring: str, *, today: dt.date) -> Plan:
    """The plan in which each phone that would be added or changed says until when it helps; `header` has the counts.

    `cohorts`: user id → one of words.retirement.COHORTS. `on_retiring`: note says so, hold blocks the phone instead
    (reason `retiring`), allow says nothing. Raises `ParameterError` for another word.
    """
    if on_retiring not in ON_RETIRING:
        raise ParameterError(f"on_retiring is {on_retiring!r}", remedy=f"write one of {', '.join(ON_RETIRING)}")
    if on_retiring == "allow":
        return plan
    changes = plan.changes.copy()
    kinds = [name for name, kind in KINDS.items() if kind.retires]
    phones = changes["action"].isin(("add", "update")) & changes["method"].isin(kinds)
    who = changes.loc[phones, "user_id"].map(lambda user: cohorts.get(user, "not known"))
    said = who.map({cohort: _said(cohort, dates, today) for cohort in who.unique()})
    for sentence in said.unique():
        add_note(changes, phones & said.reindex(changes.index).eq(sentence), sentence)
    header = {**plan.header, "retiring": _counted(who, dates) | {"as of": dates.as_of} if len(who) else {}}
    done = Plan(changes, plan.problems, header)
    if len(who):
        _log.warning("%s", sentence_of(header["retiring"]))
    if on_retiring == "note" or not dates.everybody:
        return done
    slots = changes[phones].drop_duplicates(["user_id", "method"])
    pairs = zip(slots["user_id"], slots["method"], strict=True)
    return hold(done, frame(HELD, [{"user_id": u, "method": m, "reason": "retiring"} for u, m in pairs]))


def _said(cohort: str, dates: Dates, today: dt.date) -> str:
    day = dates.of(cohort)
    if not day:
        return f"{RETIRES} in this cloud later; Microsoft has not said when"
    if cohort in _DOUBTFUL and day != dates.later:
        return f"{RETIRES} on {day}, or {dates.later}: {_WHY[cohort]}"
    if day <= today.isoformat():
        return f"{RETIRES} already, since {day}: it helps only with a provider of your own"
    return f"{RETIRES} on {day}"


_WHY: Final = {
    "not known": "whether this is a Global Administrator could not be read",
    "eligible Global Administrator": "of eligible Global Administrators Microsoft does not say",
}


def _counted(who: pd.Series[str], dates: Dates) -> dict[str, int]:
    """Day, or that it is not known → how many phones help until then."""
    named = Counter("not known" if c in _DOUBTFUL or not dates.of(c) else dates.of(c) for c in who)
    return dict(sorted(named.items()))


def sentence_of(counts: Mapping[str, object]) -> str:
    """The counts of a plan's header in one sentence; "" when no phone is planned."""
    days = [(day, n) for day, n in counts.items() if day != "as of"]
    if not days:
        return ""
    parts = [f"{n:,} of which the day is not known" if d == "not known" else f"{n:,} until {d}" for d, n in days]
    return f"text messages and calls end; the planned phones help: {', '.join(parts)} (as of {counts['as of']})"
