"""WANTED × CURRENT × rules → plan: every considered user and method as a row, in the order Graph accepts.

Pure: no clock, no network, no files (those are in `plan_file`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from authops.methods.kinds import KINDS
from authops.plan.judge import judge
from authops.words.frames import CURRENT, PROBLEMS, USERS, WANTED, WRITES, check, frame
from authops.words.redaction import mask_cell
from authops.words.uncollected import uncollected

HOLDS: Final = {
    "administrator": "holds a directory role, active or eligible; allow_admins lets it pass",
    "protected_group": "member of a group that protect_groups names",
    "protected_user": "named by protect_users",
    "guest": "a guest; allow_guests lets it pass",
    "disabled_account": "the account is disabled; allow_disabled lets it pass",
    "unusable_method": "the policy does not let this user use the method; allow_unusable lets it pass",
    "shared_sign_in": "two people who sign in by SMS would have one number; there it must be nobody else's",
    "external_user": "an external user, to whom Graph gives no pass; their own organisation does",
    "at_risk": "Entra says that the account is at risk, or compromised; allow_risky lets it pass",
    "has_method": "has a method that satisfies MFA and lasts; on_registered: allow lets it pass",
    "methods_unread": "what the person has could not be read, so whether a pass is needed is not known; try again",
    "retiring": "Microsoft stops delivering text messages and calls to it; on_retiring lets it pass",
    "person_unread": "the person could not be read just now, so whether they may be written to is not known; try again",
    "account_unknown": "Graph did not say whether the account is enabled; allow_disabled lets it pass",
    "guest_unknown": "Graph did not say whether this is a guest; allow_guests lets it pass",
    "policy_unknown": "the policy, or a group it names, could not be read, so whether the user may use the method is "
    "not known; ask for GroupMember.Read.All, or allow_unusable lets it pass",
}
REASONS: Final = {
    "no_method": "no such method yet",
    "overwrite_allowed": "a different value, and ForcedUpdate is set",
    "overwrite_not_allowed": "a different value, and ForcedUpdate is not set",
    "equal_number": "already there, however it is spelled",
    "pass_is_over": "the pass that is there is used up or has expired; a new one takes its place",
    "pass_replaced": "a valid pass is there; the new one takes its place, and the old code ends",
    "has_pass": "a valid pass is there already; on_existing: replace lets a new one take its place",
    "blank_removes": "blank, and ForcedRemoval is set",
    "blank_left_alone": "blank, and ForcedRemoval is not set",
    "nothing_to_remove": "blank, and there is nothing to remove",
    "default_method": "Graph refuses to remove the default method while the user keeps others",
    "alternate_needs_mobile": "Graph accepts an alternate mobile only beside a mobile",
    "mobile_held_by_alternate": "Graph refuses to remove the mobile while an alternate mobile stays",
    "current_unknown": "the present value could not be read",
    "superseded": "a phone of somebody who holds enough that outlives it",
    "leaver": "the account is disabled, and nobody has signed in with it for as long as the rule says",
    "key_model": "a passkey of a model that the rule names",
    "key_unattested": "a passkey that was not attested when it was registered",
    "pass_expired": "the pass is used up or has expired",
    "sms_sign_in_off": "signing in by SMS ends for everybody",
    "default_moved": "the default was text messages or calls, and something better is there",
    "mfa_covered": "a Conditional Access policy asks this person for multifactor sign-in",
    "listed": "the list asks for it",
    "register_again": "this person is to register again",
    "last_survivor": "it is the last method that satisfies multifactor sign-in",
    "no_pass": "nothing else would satisfy multifactor sign-in, and no pass is valid: hand one over first (8_passes)",
    "not_covered": "no Conditional Access policy is seen to ask this person everywhere, so per-user MFA stays",
    "too_few_survivors": "fewer methods would be left than the rule asks for",
    "irreversible": "nobody can give it back; the person can register again",
    "not_as_written": "the present value is not what the run wrote that is to be undone",
} | HOLDS
NEVER, YES = "never", "yes"
# What judges a plan: counted up whenever the same inputs would be judged otherwise.
RULES_VERSION: Final = 8


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
    def irreversible(self) -> pd.DataFrame:
        """The writes that take away what nobody can give back."""
        return self.changes[irreversible(self.changes)]

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


@uncollected()
def make(
    wanted: pd.DataFrame,
    current: pd.DataFrame,
    users: pd.DataFrame,
    problems: pd.DataFrame,
    header: Mapping[str, Any] | None = None,
) -> Plan:
    """Judge every wanted row.

    `wanted`: WANTED, one row for a user and method. `current`: CURRENT, of the users found. `users`: USERS plus
    `asked`, the name in the source (one row per name asked; `user_id` empty and `error` filled when it could not be
    read).
    """
    for data, shape in ((wanted, WANTED), (current, CURRENT), (users, USERS)):
        check(data, shape)
    users = users.reset_index(drop=True)
    column = str((header or {}).get("source", {}).get("user column", ""))
    places, more = _resolved(wanted, users, problems, column)
    rows = wanted[places >= 0].reset_index(drop=True)
    judged = judge(rows, current, users, places[places >= 0])
    asked = pd.concat([problems, frame(PROBLEMS, more)], ignore_index=True)
    return Plan(judged, asked, dict(header or {}))


def _resolved(
    wanted: pd.DataFrame, users: pd.DataFrame, problems: pd.DataFrame, column: str
) -> tuple[Any, list[dict[str, Any]]]:
    """Per wanted row the position of its user (-1 for none), and the problems of users whom the tenant does not have,

    could not show, or who were named twice: also where the other row has a problem of its own.
    """
    codes, uniques = pd.factorize(wanted["user"])
    names = list(map(str, uniques.tolist()))
    at = {name.casefold(): position for position, name in enumerate(users["asked"].to_numpy(dtype=object))}
    places = {name: at.get(name.casefold(), -1) for name in [*names, *problems["user"].unique()]}
    found = np.fromiter((places[name] for name in names), np.int64, len(names))
    ids = users["user_id"].to_numpy(dtype=object)
    times = Counter(ids[[position for position in places.values() if position >= 0]])
    named: dict[str, list[str]] = defaultdict(list)
    for name, position in places.items() if times and max(times.values()) > 1 else ():
        named[ids[position] if position >= 0 else ""].append(name)
    lines = wanted["line"].to_numpy()[np.unique(codes, return_index=True)[1]]
    more = []
    for number, position in enumerate(found.tolist()):
        if position < 0 or not ids[position] or times[ids[position]] > 1:
            rule, message = _why_not(users, position, named)
            shown = mask_cell(names[number])
            row = {"line": int(lines[number]), "user": shown, "column": column, "value": shown}
            more.append(row | {"rule": rule, "message": message})
            found[number] = -1
    return found[codes], more


def _why_not(users: pd.DataFrame, position: int, named: Mapping[str, list[str]]) -> tuple[str, str]:
    if position < 0:
        return "unknown_user", "the tenant has no such user; correct the name or delete the row"
    user_id = str(users["user_id"].iat[position])
    if not user_id:
        why = str(users["error"].iat[position]) if "error" in users else ""
        return "user_unreadable", f"the user could not be read ({why}); preview again later"
    return "duplicate_user", f"{' and '.join(named[user_id])} are one person; keep one row"


def irreversible(changes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Per change (CHANGES) whether it takes away what nobody can give back, as its kind says."""
    found = np.zeros(len(changes), bool)
    actions, methods, before = (changes[name].to_numpy(dtype=object) for name in ("action", "method", "before"))
    writes = changes["action"].isin(WRITES).to_numpy()
    for name in [name for name, kind in KINDS.items() if not kind.undone or kind.family == "state"]:
        at = np.flatnonzero(writes & (methods == name))
        found[at] = [KINDS[name].loses(*row) for row in zip(actions[at], before[at], strict=True)]
    return found


def undo(changes: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Per change (CHANGES) whether it can be taken back: NEVER, YES, or nothing where it writes nothing."""
    written = np.where(changes["action"].isin(WRITES), YES, "")
    return np.where(irreversible(changes), NEVER, written).astype(object)


def part(plan: Plan, changes: pd.DataFrame) -> Plan:
    """The plan narrowed to some of its changes; its problems stay behind."""
    return Plan(changes, plan.problems.iloc[:0], plan.header)


def _left_out(source: Mapping[str, Any]) -> dict[str, int]:
    """What the source holds and was never judged: rows that a mapping or a hidden row left out."""
    return {what: count for what, count in source.items() if "rows left out" in what and count}


def ending(plan: Plan, broken: pd.DataFrame, approve: str) -> tuple[str, str]:
    """(status, headline) of a preview."""
    said = ", ".join(f"{plan.counts.get(action, 0):,} {action}" for action in WRITES)
    said += f", {lost:,} of them cannot be taken back" if (lost := len(plan.irreversible)) else ""
    aside = f"; {len(plan.problems):,} rows with a problem, left alone" if len(plan.problems) else ""
    aside += "".join(f"; {count:,} {what}" for what, count in _left_out(plan.header.get("source", {})).items())
    if len(broken):
        return "stopped", f"a guard stopped it ({', '.join(broken['guard'])}): {said}{aside}"
    if not plan.applicable:
        return "nothing to do", f"nothing to change{aside}"
    return "done", f"planned: {said}; approved: {approve}{aside}"
