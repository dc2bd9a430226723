"""ForcedRemoval of a second factor: who would be left without one keeps it, unless that is allowed."""

from __future__ import annotations

import pandas as pd
import pytest

from authops.plan import plan, removals
from authops.words.frames import CURRENT, HOLDINGS, PROBLEMS, USERS, WANTED, empty, frame

NAMES = {"mobile": "mobilePhone", "office": "officePhone", "fido2": "passKeyDeviceBound", "email": "email",
         "temporaryAccessPass": "temporaryAccessPass", "palmReader": "palmReader"}  # fmt: skip
MOBILE, OFFICE = "3179e48a-750b-4051-897c-87b9720928f7", "e37fc753-ff3b-4958-9484-eaa9425c82bc"
IDS = {"mobile": MOBILE, "office": OFFICE}
# What somebody holds, what the file removes, what it adds → what becomes of each removal.
ROWS = [
    (["mobile"], ["mobile"], [], "last_survivor"),
    (["mobile", "office"], ["mobile", "office"], [], "last_survivor"),
    (["mobile", "office"], ["mobile"], [], "blank_removes"),
    (["mobile", "fido2"], ["mobile"], [], "blank_removes"),
    (["mobile"], ["mobile"], ["office"], "blank_removes"),
    (["mobile", "email"], ["mobile"], [], "last_survivor"),
    (["mobile", "temporaryAccessPass"], ["mobile"], [], "last_survivor"),
    (["mobile", "fido2", "palmReader"], ["mobile"], [], "methods_unread"),
    (["mobile", "email"], ["email"], [], "blank_removes"),
]


def made(has: list[str], goes: list[str], comes: list[str]) -> plan.Plan:
    who = {"user_id": "u", "user_principal_name": "u@x.example", "asked": "u@x.example", "error": ""}
    users = frame(USERS, [who]).assign(asked="u@x.example", error="")
    rows = [{"user": "u@x.example", "method": m, "intent": "remove", "overwrite": True} for m in goes]
    rows += [{"user": "u@x.example", "method": m, "intent": "set", "value": "+31 201234567"} for m in comes]
    slots = [{"user_id": "u", "method": m, "known": True, "value": f"v {m}" if m in has else "", "others": 0}
             for m in ("mobile", "office", "alternateMobile", "email")]  # fmt: skip
    wanted = frame(WANTED, [{"line": 2, "overwrite": False} | row for row in rows])
    return plan.make(wanted, frame(CURRENT, [{"is_default": False} | s for s in slots]), users, empty(PROBLEMS))


def holding(has: list[str]) -> pd.DataFrame:
    rows = [{"user_id": "u", "method": m, "method_id": IDS.get(m, m), "known": True, "name": NAMES[m], "spent": False}
            for m in has]  # fmt: skip
    return frame(HOLDINGS, rows)


@pytest.mark.parametrize(("has", "goes", "comes", "reason"), ROWS)
def test_nobody_loses_the_last_second_factor_by_a_file(
    has: list[str], goes: list[str], comes: list[str], reason: str
) -> None:
    judged = made(has, goes, comes)
    kept = removals.kept(judged, holding(has))
    gone = kept.changes[kept.changes["method"].isin(goes)]
    assert set(gone["reason"]) == {reason}
    factors = gone[gone["method"] != "email"]
    assert set(factors["condition"]) <= {"survivor"}
    assert len(removals.kept(judged, holding(has), allow_last=True).writes) == len(goes) + len(comes)


def test_who_could_not_be_read_keeps_everything() -> None:
    kept = removals.kept(made(["mobile"], ["mobile"], []), empty(HOLDINGS))
    assert list(kept.changes["reason"]) == ["methods_unread"]
