"""WANTED × CURRENT × rules → plan: every considered user and method as a row, in the order Graph accepts.

Pure: no clock, no network, no files (those are in `plan_file`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pandas as pd

from authops.frames import CHANGES, CURRENT, METHODS, PROBLEMS, USERS, WANTED, WRITES, check, frame
from authops.phone import fold

HOLDS: Final = {
    "administrator": "holds a directory role, active or eligible; allow_admins lets it pass",
    "protected_group": "member of a group that protect_groups names",
    "protected_user": "named by protect_users",
    "guest": "a guest; allow_guests lets it pass",
    "disabled_account": "the account is disabled; allow_disabled lets it pass",
    "unusable_method": "the policy does not let this user use the method; allow_unusable lets it pass",
}
REASONS: Final = {
    "no_method": "no such method yet",
    "overwrite_allowed": "a different value, and ForcedUpdate is set",
    "overwrite_not_allowed": "a different value, and ForcedUpdate is not set",
    "equal_number": "already there, however it is spelled",
    "blank_removes": "blank, and ForcedRemoval is set",
    "blank_left_alone": "blank, and ForcedRemoval is not set",
    "nothing_to_remove": "blank, and there is nothing to remove",
    "default_method": "Graph refuses to remove the default method while the user keeps others",
    "alternate_needs_mobile": "Graph accepts an alternate mobile only beside a mobile",
    "mobile_held_by_alternate": "Graph refuses to remove the mobile while an alternate mobile stays",
    "current_unknown": "the present value could not be read",
    "not_as_written": "the present value is not what the run wrote that is to be undone",
} | HOLDS
# What judges a plan: counted up whenever the same inputs would be judged otherwise.
RULES_VERSION: Final = 2


@dataclass(frozen=True)
class Plan:
    """Changes, problems and where they come from. `header` is plain data: tenant, source, times, author, rules."""

    changes: pd.DataFrame
    problems: pd.DataFrame
    header: Mapping[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> pd.DataFrame:
        """The rows that change something."""
        return self.changes[self.changes["action"].isin(WRITES)]

    @property
    def held(self) -> pd.DataFrame:
        """The rows that a row guard stopped."""
        return self.changes[self.changes["reason"].isin(HOLDS) & self.changes["action"].eq("blocked")]

    @property
    def left(self) -> pd.DataFrame:
        """The rows that change nothing: kept or blocked."""
        return self.changes[~self.changes["action"].isin(WRITES)]

    @property
    def complete(self) -> bool:
        """Every considered row could be judged: nothing of it was unreadable."""
        unread = self.changes["reason"].eq("current_unknown").any() or self.problems["rule"].eq("user_unreadable").any()
        return not bool(unread)

    @property
    def applicable(self) -> bool:
        """There is something to do."""
        return len(self.writes) > 0

    @property
    def counts(self) -> dict[str, int]:
        """Rows per action (the keys are ACTIONS that occur) and `problems`."""
        found = {str(k): int(v) for k, v in self.changes["action"].value_counts().items()}
        return found | {"problems": len(self.problems)}

    @property
    def rules_broken(self) -> dict[str, int]:
        """Problems per rule, the commonest first."""
        return {str(k): int(v) for k, v in self.problems["rule"].value_counts().items()}


@dataclass
class _Step:
    """One user × method while it is being judged."""

    row: dict[str, Any]
    known: bool
    before: str
    after: str
    action: str
    reason: str
    is_default: bool = False

    def block(self, reason: str) -> None:
        self.action, self.reason, self.after = "blocked", reason, self.before

    @property
    def final(self) -> str:
        """What the method holds in the end."""
        return self.after if self.action in WRITES else self.before


def make(
    wanted: pd.DataFrame,
    current: pd.DataFrame,
    users: pd.DataFrame,
    problems: pd.DataFrame,
    header: Mapping[str, Any] | None = None,
) -> Plan:
    """Judge every wanted row.

    `wanted`: WANTED. `current`: CURRENT, of the users found. `users`: USERS plus `asked`, the name in the source
    (one row per name asked; `user_id` empty and `error` filled when it could not be read).
    """
    for data, shape in ((wanted, WANTED), (current, CURRENT), (users, USERS)):
        check(data, shape)
    asked = {u["asked"].casefold(): u for u in _records(users)}
    wanted_by_user = dict(iter(wanted.groupby("user", sort=False)))
    more = _unresolved(wanted_by_user, asked)
    refused = {str(p["user"]) for p in more}
    now = {(c["user_id"], c["method"]): c for c in _records(current)}
    rows = [
        row
        for user, rows_of_user in wanted_by_user.items()
        if user not in refused
        for row in _judge_user(_records(rows_of_user), asked[str(user).casefold()], now)
    ]
    for number, row in enumerate(rows, 1):
        row["change_id"] = f"c{number:07d}"
    return Plan(
        frame(CHANGES, rows), pd.concat([problems, frame(PROBLEMS, more)], ignore_index=True), dict(header or {})
    )


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))


def _unresolved(wanted: Mapping[Any, pd.DataFrame], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Problems of users whom the tenant does not have, could not show, or who were named twice."""
    problems = []
    named: dict[str, list[str]] = {}
    for user in wanted:
        found = asked.get(str(user).casefold())
        if found is not None and found["user_id"]:
            named.setdefault(found["user_id"], []).append(user)
    for user, rows in wanted.items():
        rule, message = _why_not(asked.get(str(user).casefold()), named)
        if rule:
            line = int(rows["line"].iloc[0])
            problems.append({"line": line, "user": user, "column": "", "value": "", "rule": rule, "message": message})
    return problems


def _why_not(found: Mapping[str, Any] | None, named: Mapping[str, list[str]]) -> tuple[str, str]:
    if found is None:
        return "unknown_user", "the tenant has no such user; correct the name or delete the row"
    if not found["user_id"]:
        return "user_unreadable", f"the user could not be read ({found.get('error', '')}); preview again later"
    others = named[found["user_id"]]
    if len(others) > 1:
        return "duplicate_user", f"{' and '.join(others)} are one person; keep one row"
    return "", ""


def _judge_user(
    wants: list[dict[str, Any]], user: Mapping[str, Any], now: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    states = {m: now.get((user["user_id"], m)) for m in METHODS}
    steps = {w["method"]: _judge(w, states[w["method"]], user) for w in wants}
    final = {m: steps[m].final if m in steps else str((states[m] or {}).get("value", "")) for m in METHODS}
    _hold_default(steps, final, states)
    _hold_pair(steps, final)
    for number, step in enumerate(_in_order(steps.values()), 1):
        step.row["step"] = number
    return [
        s.row | {"action": s.action, "before": s.before, "after": s.after, "reason": s.reason} for s in steps.values()
    ]


def _judge(want: Mapping[str, Any], state: Mapping[str, Any] | None, user: Mapping[str, Any]) -> _Step:
    row = {
        "line": want["line"],
        "user_id": user["user_id"],
        "user_principal_name": user["user_principal_name"],
        "display_name": user["display_name"],
        "method": want["method"],
        "note": want["note"],
        "step": 0,
    }
    known = bool(state and state["known"])
    before = str(state["value"]) if state and known else ""
    if not known:
        return _Step(row, False, "", "", "blocked", "current_unknown")
    action, after, reason = _action(want, before)
    return _Step(row, True, before, after, action, reason, bool(state and state["is_default"]))


def _action(want: Mapping[str, Any], before: str) -> tuple[str, str, str]:
    """(action, after, reason) of one known method, before the rules that look at the whole user."""
    if want["intent"] == "leave":
        return "keep", before, "blank_left_alone"
    if want["intent"] == "remove":
        return ("remove", "", "blank_removes") if before else ("keep", "", "nothing_to_remove")
    if not before:
        return "add", want["value"], "no_method"
    if fold(before) == fold(want["value"]):
        return "keep", before, "equal_number"
    if not want["overwrite"]:
        return "keep", before, "overwrite_not_allowed"
    return "update", want["value"], "overwrite_allowed"


def _hold_default(steps: dict[str, _Step], final: dict[str, str], states: Mapping[str, Any]) -> None:
    """Removing the default is refused while other second factors remain (Graph: delete phoneAuthenticationMethod).

    Others are the further phones the user ends with, and what there is besides phones; not knowing counts as having.
    An alternate mobile always has the mobile beside it, for the mobile may only go after it. E-mail serves password
    reset only.
    """
    for method, step in steps.items():
        if step.action == "remove" and step.is_default:
            phones = any(final[m] for m in METHODS if m not in (method, "email")) or method == "alternateMobile"
            if phones or int((states[method] or {}).get("others", -1)) != 0:
                step.block("default_method")
                final[method] = step.before


def _hold_pair(steps: dict[str, _Step], final: dict[str, str]) -> None:
    """An alternate mobile lives only beside a mobile."""
    mobile, alternate = steps.get("mobile"), steps.get("alternateMobile")
    if mobile and mobile.action == "remove" and final["alternateMobile"]:
        added = alternate is not None and alternate.action == "add"
        if not added:
            mobile.block("mobile_held_by_alternate")
            final["mobile"] = mobile.before
    if alternate and alternate.action in ("add", "update") and not final["mobile"]:
        alternate.block("alternate_needs_mobile")
        final["alternateMobile"] = alternate.before


_ORDER: Final = {
    ("add", "mobile"): 0,
    ("update", "mobile"): 1,
    ("add", "alternateMobile"): 2,
    ("update", "alternateMobile"): 3,
    ("add", "office"): 4,
    ("update", "office"): 5,
    ("add", "email"): 6,
    ("update", "email"): 7,
    ("remove", "alternateMobile"): 8,
    ("remove", "office"): 9,
    ("remove", "email"): 10,
    ("remove", "mobile"): 11,
}


def _in_order(steps: Iterable[_Step]) -> list[_Step]:
    """Adds and updates first, so that nobody is left with less than before; the default method goes last."""
    writes = [s for s in steps if s.action in WRITES]
    return sorted(writes, key=lambda s: (s.action == "remove" and s.is_default, _ORDER[s.action, s.row["method"]]))


def part(plan: Plan, changes: pd.DataFrame) -> Plan:
    """The plan narrowed to some of its changes; its problems stay behind."""
    return Plan(changes, plan.problems.iloc[:0], plan.header)


def ending(plan: Plan, broken: pd.DataFrame, approve: str) -> tuple[str, str]:
    """(status, headline) of a preview."""
    said = ", ".join(f"{plan.counts.get(action, 0):,} {action}" for action in WRITES)
    aside = f"; {len(plan.problems):,} rows with a problem, left alone" if len(plan.problems) else ""
    if len(broken):
        return "stopped", f"a guard stopped it ({', '.join(broken['guard'])}): {said}{aside}"
    if not plan.applicable:
        return "nothing to do", f"nothing to change{aside}"
    return "done", f"planned: {said}; approved: {approve}{aside}"
