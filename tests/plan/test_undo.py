"""A journal's rows and what is there now → what is taken back, left alone, or said to be lost: a table, no tenant."""

from __future__ import annotations

from typing import Any

import pytest

from authops.plan import undo
from authops.words.frames import CURRENT, OUTCOME_ROWS, USERS, frame

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"
PASS, FIDO2, SMS = "temporaryAccessPass", "fido2", "smsSignIn"
WANTED = "pass from now, 60 min, once, to desk"
OURS, OTHERS = (f"pass from 2026-11-30T07:00:00Z, 60 min, once, valid #{one}" for one in ("p1", "p2"))
BLOCKED = "blocked"


def wrote(method: str, action: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    who = {"change_id": f"a-{method}", "line": 2, "user_id": "a", "user_principal_name": "a@x", "method": method}
    told = {"action": action, "before": before, "after": after, "outcome": "applied", "at": "2026-11-27T10:00:00+00:00"}
    return who | told | more


def now(method: str, value: str, *, known: bool = True, method_id: str = "") -> dict[str, Any]:
    rest = {"is_default": False, "others": 0, "error": ""}
    return {"user_id": "a", "method": method, "method_id": method_id, "known": known, "value": value} | rest


KEY = {"method_id": "k1"}
# What a run wrote, what is there now → of each: action, reason, before, after.
ROWS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, str, str, str]]]] = {
    "added": ([wrote("mobile", "add", "", A)], [now("mobile", A)], [("remove", "blank_removes", A, "")]),
    "replaced": ([wrote("mobile", "update", A, B)], [now("mobile", B)], [("update", "overwrite_allowed", B, A)]),
    "removed": ([wrote("mobile", "remove", A, "")], [now("mobile", "")], [("add", "no_method", "", A)]),
    "changed since": ([wrote("mobile", "update", A, B)], [now("mobile", C)], [(BLOCKED, "not_as_written", C, C)]),
    "as it was": ([wrote("mobile", "update", A, B)], [now("mobile", A)], [("keep", "equal_number", A, A)]),
    "gone already": ([wrote("mobile", "add", "", A)], [now("mobile", "")], [("keep", "nothing_to_remove", "", "")]),
    "not read": (
        [wrote("mobile", "update", A, B)],
        [now("mobile", B, known=False)],
        [(BLOCKED, "current_unknown", "", "")],
    ),
    "not asked": ([wrote("mobile", "update", A, B)], [], [(BLOCKED, "current_unknown", "", "")]),
    "a passkey": (
        [wrote(FIDO2, "remove", "Key #k1", "", **KEY)],
        [now(FIDO2, "")],
        [(BLOCKED, "irreversible", "Key #k1", "Key #k1")],
    ),
    "sessions": (
        [wrote("signInSessions", "update", "revoked 2026-01-01T00:00:00Z", "revoked 2026-11-27T10:00:00Z")],
        [now("signInSessions", "revoked 2026-11-27T10:00:00Z")],
        [(BLOCKED, "irreversible", "revoked 2026-01-01T00:00:00Z", "revoked 2026-01-01T00:00:00Z")],
    ),
    "a pass": (
        [wrote(PASS, "add", "", WANTED, found=OURS)],
        [now(PASS, OURS)],
        [("remove", "blank_removes", OURS, "")],
    ),
    "a pass for another": (
        [wrote(PASS, "update", OTHERS, WANTED, found=OURS)],
        [now(PASS, OURS)],
        [("remove", "blank_removes", OURS, "")],
    ),
    "a pass of somebody else": (
        [wrote(PASS, "add", "", WANTED, found=OURS)],
        [now(PASS, OTHERS)],
        [(BLOCKED, "not_as_written", OTHERS, OTHERS)],
    ),
    "a pass that is gone": (
        [wrote(PASS, "add", "", WANTED, found=OURS)],
        [now(PASS, "")],
        [("keep", "nothing_to_remove", "", "")],
    ),
    "a pass whose answer never came": (
        [wrote(PASS, "add", "", WANTED, outcome="unknown")],
        [now(PASS, OURS)],
        [("remove", "blank_removes", OURS, "")],
    ),
    "another pass than that": (
        [wrote(PASS, "add", "", WANTED, outcome="unknown")],
        [now(PASS, OURS.replace("60 min", "90 min"))],
        [(BLOCKED, "not_as_written", *[OURS.replace("60 min", "90 min")] * 2)],
    ),
    "a pass taken away": ([wrote(PASS, "remove", OURS, "")], [now(PASS, "")], [(BLOCKED, "irreversible", OURS, OURS)]),
    "signing in by SMS": (
        [wrote(SMS, "update", "ready", "notEnabled")],
        [now(SMS, "notEnabled")],
        [("update", "overwrite_allowed", "notEnabled", "ready")],
    ),
    "a number changed since, and signing in with it": (
        [wrote(SMS, "update", "ready", "notEnabled"), wrote("mobile", "update", A, B)],
        [now(SMS, "notEnabled"), now("mobile", C)],
        [(BLOCKED, "not_as_written", "notEnabled", "notEnabled"), (BLOCKED, "not_as_written", C, C)],
    ),
    "a number changed since, and signing in not read": (
        [wrote(SMS, "update", "ready", "notEnabled"), wrote("mobile", "update", A, B)],
        [now(SMS, "", known=False), now("mobile", C)],
        [(BLOCKED, "current_unknown", "", ""), (BLOCKED, "not_as_written", C, C)],
    ),
    "a number not read, and signing in with it": (
        [wrote(SMS, "update", "ready", "notEnabled"), wrote("mobile", "update", A, B)],
        [now(SMS, "notEnabled"), now("mobile", B, known=False)],
        [("update", "overwrite_allowed", "notEnabled", "ready"), (BLOCKED, "current_unknown", "", "")],
    ),
    "signing in changed since, and not its number": (
        [wrote("perUserMfaState", "update", "enforced", "disabled"), wrote("mobile", "update", A, B)],
        [now("perUserMfaState", "enabled"), now("mobile", B)],
        [(BLOCKED, "not_as_written", "enabled", "enabled"), ("update", "overwrite_allowed", B, A)],
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_what_a_run_wrote_is_taken_back_left_alone_or_lost(what: str) -> None:
    rows, there, expected = ROWS[what]
    users = frame(USERS, [{"user_id": "a", "user_principal_name": "a@x"}]).assign(asked="a", error="")
    made = undo.make(frame(OUTCOME_ROWS, rows), frame(CURRENT, there), users, {}).changes
    told = zip(*(made[name] for name in ("action", "reason", "before", "after")), strict=True)
    assert list(told) == expected


def test_a_moment_is_one_whatever_clock_it_was_written_by() -> None:
    at = ["2026-11-27T12:00:00+02:00", "2026-11-27T10:30:00+00:00", "2026-11-27T08:00:00-03:00"]
    rows = frame(OUTCOME_ROWS, [wrote("mobile", "add", "", A, change_id=f"{n}", at=one) for n, one in enumerate(at)])
    found = {until: list(undo.written(rows, until=until)["change_id"]) for until in ("2026-11-27T10:00", at[1], at[2])}
    assert found == {"2026-11-27T10:00": ["0"], at[1]: ["0", "1"], at[2]: ["0", "1", "2"]}
