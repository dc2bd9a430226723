"""What must not be written, however well it was planned: guards that hold a row, and guards that stop the plan.

Pure: who is an administrator, a guest or outside a policy was read by `protection`. 0 means none allowed; only a
written null means no limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, cast

import pandas as pd

from authops.methods import temporary_access_pass
from authops.methods.kinds import KINDS
from authops.methods.survivors import excused
from authops.phone.number import fold
from authops.plan.notes import SHARED_UNSEEN, SIGN_IN
from authops.plan.notes import add as add_note
from authops.plan.plan import HOLDS, Plan
from authops.words import limits as bounds
from authops.words.errors import GuardStop
from authops.words.frames import HELD, WRITES, check, frame

GUARDS: Final = {
    "max_changes": "writes in the whole plan",
    "max_removals": "removals in the whole plan",
    "max_irreversible": "writes that cannot be taken back, and are approved by a parameter",
    "max_lifetime": "passes that last longer than so many minutes",
    "max_share": "of all users would be changed (plans of fewer than 50 users are not looked at, unless it is 0)",
    "on_problem": "rows with a problem, when `stop` is asked for",
    "allow_admins": "who holds a directory role is not known",
    "allow_unusable": "what the policy lets whom use is not known",
    "protect_users": "people who are protected were not found",
    "protect_groups": "members of groups that are protected are not known",
    "min_certificate_days": "days until the certificate expires",
    "protected": "approved changes that became protected since the preview",
    "tenant_lock": "another run is applying to this tenant",
}
BREACHES: Final = ("guard", "limit", "selected", "population", "message")
_FEW: Final = 50
_NAMED: Final = 5


class Protected(Protocol):
    """What `protection` read of the people of a plan."""

    @property
    def held(self) -> pd.DataFrame:
        """HELD rows."""

    @property
    def unread(self) -> Mapping[str, str]:
        """Guard → why what it needs could not be read."""

    @property
    def sms_sign_in(self) -> frozenset[str]:
        """Who signs in by SMS."""

    @property
    def may_sign_in(self) -> frozenset[str]:
        """Of whom that is not known."""


class Taken(Protocol):
    """Which numbers are somebody's outside of a plan who signs in by SMS."""

    @property
    def numbers(self) -> frozenset[str]:
        """Folded."""

    @property
    def unknown(self) -> str:
        """Why there may be others."""


def protect(plan: Plan, protection: Protected, others: Taken) -> Plan:
    """The plan with every row guard applied."""
    done = hold(plan, protection.held)
    unseen = bool(others.unknown)
    return sign_in(done, protection.sms_sign_in, protection.may_sign_in, taken=others.numbers, unseen=unseen)


def hold(plan: Plan, held: pd.DataFrame) -> Plan:
    """The plan with every write that `held` (HELD) names blocked, and the reason why; nothing else is touched."""
    reasons = _reasons(plan.changes, check(held, HELD))
    changes = plan.changes.copy()
    rows = changes["action"].isin(WRITES) & (reasons != "")
    changes.loc[rows, "after"] = changes.loc[rows, "before"]
    changes.loc[rows, "reason"] = reasons[rows]
    changes.loc[rows, "action"] = "blocked"
    changes.loc[rows, "step"] = 0
    return Plan(_with_mobiles(changes, rows), plan.problems, plan.header)


def _with_mobiles(changes: pd.DataFrame, held: pd.Series[bool]) -> pd.DataFrame:
    """Where the mobile that an alternate mobile was planned beside is held, the alternate is blocked as well."""
    rows = pd.Series(data=False, index=changes.index)
    for kind in (kind for kind in KINDS.values() if kind.beside):
        gone = changes.loc[held & (changes["method"] == kind.beside) & (changes["after"] == ""), "user_id"]
        alone = changes["action"].isin(("add", "update")) & (changes["method"] == kind.name)
        rows |= alone & changes["user_id"].isin(gone)
    changes.loc[rows, "after"] = changes.loc[rows, "before"]
    changes.loc[rows, ["action", "reason"]] = ["blocked", "alternate_needs_mobile"]
    changes.loc[rows, "step"] = 0
    return changes


def _reasons(changes: pd.DataFrame, held: pd.DataFrame) -> pd.Series[str]:
    """Per change the reason that holds it, or "". A method's own reason never holds its removal."""
    by_slot: dict[tuple[str, str], list[str]] = defaultdict(list)
    for user, method, reason in zip(held["user_id"], held["method"], held["reason"], strict=True):
        by_slot[user, method].append(reason)
    rows = zip(changes["user_id"], changes["method"], changes["action"], changes["condition"], strict=True)
    found = [
        _last(by_slot.get((user, ""), ()), condition)
        or ("" if action == "remove" else _last(by_slot.get((user, method), ()), condition))
        for user, method, action, condition in rows
    ]
    return pd.Series(found, index=changes.index, dtype="str")


def _last(reasons: Sequence[str], condition: str) -> str:
    return next((reason for reason in reversed(reasons) if not excused(condition, reason)), "")


def sign_in(
    plan: Plan,
    sms_sign_in: frozenset[str],
    may_sign_in: frozenset[str] = frozenset(),
    *,
    taken: frozenset[str] = frozenset(),
    unseen: bool = False,
) -> Plan:
    """The plan with what signing in by SMS means for it.

    Whoever is in the SMS sign-in policy gets the mobile registered for it, which is noted; such a number has to be
    nobody else's there (Graph: SMS sign-in), so one number for two of these people is blocked for both, and so is one
    that is `taken` (folded) by somebody outside of the plan. Of whom it is not known, both hold as well. `unseen`: not
    everybody outside could be looked at, which is noted.
    """
    kinds = plan.changes["method"].isin([name for name, kind in KINDS.items() if kind.signs_in])
    mobiles = plan.changes[kinds & plan.changes["user_id"].isin(sms_sign_in | may_sign_in)]
    numbers = mobiles.loc[mobiles["after"] != "", "after"].map(fold)
    twice = numbers.index[numbers.duplicated(keep=False) | numbers.isin(taken)]
    rows = plan.changes.loc[twice]
    held = [
        {"user_id": user, "method": method, "reason": "shared_sign_in"}
        for user, method in zip(rows["user_id"], rows["method"], strict=True)
    ]
    done = hold(plan, frame(HELD, held))
    written = mobiles[done.changes.loc[mobiles.index, "action"].isin(("add", "update"))]
    at = done.changes.index.get_indexer
    add_note(done.changes, at(written.index[written["user_id"].isin(sms_sign_in)]), SIGN_IN)
    add_note(done.changes, at(written.index) if unseen else [], SHARED_UNSEEN)
    return done


def held_counts(plan: Plan) -> dict[str, int]:
    """How many changes each row guard stopped, also those that stopped none (HOLDS)."""
    found = plan.changes.loc[plan.changes["action"] == "blocked", "reason"].value_counts()
    return {reason: int(found.get(reason, 0)) for reason in HOLDS}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a plan may do at most, as the parameters say; None means no limit."""

    max_changes: int | None
    max_removals: int | None
    max_share: float | None
    min_certificate_days: int | None
    max_lifetime: int | None = None
    max_irreversible: int | None = 0

    def facts(self) -> dict[str, Any]:
        """Those that a plan keeps."""
        names = ("max_changes", "max_removals", "max_share", "max_irreversible")
        return {name: getattr(self, name) for name in names}

    def broken(
        self, plan: Plan, protection: Protected, tenant_size: int | None, certificate_days: float | None, **more: Any
    ) -> pd.DataFrame:
        """`breaches` of a plan of people whom `protection` looked at; a limit that was another one at its preview is
        told with that.
        """
        seen: dict[str, Any] = {"held": protection.held, "unread": protection.unread, "tenant_size": tenant_size}
        found = breaches(plan, certificate_days=certificate_days, **asdict(self), **seen, **more)
        rules = plan.header.get("rules", {})
        rows = zip(found["guard"], found["message"], strict=True)
        found["message"] = [f"{said}{self._before(guard, rules)}" for guard, said in rows]
        return found

    def _before(self, guard: str, rules: Mapping[str, Any]) -> str:
        if guard not in rules or guard not in self.facts() or rules[guard] == self.facts()[guard]:
            return ""
        return f"; the preview allowed {'any number' if rules[guard] is None else rules[guard]}"


def breaches(
    plan: Plan,
    *,
    max_changes: int | None = None,
    max_removals: int | None = None,
    max_share: float | None = None,
    max_lifetime: int | None = None,
    max_irreversible: int | None = None,
    approve: str = "none",
    on_problem: str = "report",
    tenant_size: int | None = None,
    unread: Mapping[str, str] | None = None,
    min_certificate_days: int | None = None,
    certificate_days: float | None = None,
    held: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every guard that the plan violates (columns BREACHES).

    `max_irreversible` binds who approves by a parameter (`approve`: all); a person types the number instead.
    `unread`: guard → why what it needs could not be read. `tenant_size`: users, None when unknown (then `max_share` is
    broken where it would be looked at). `held`: HELD as it is now, for a plan that was approved earlier: any write it
    names breaks `protected`. Raises `ParameterError` for what limits nothing.
    """
    bounds.checked(
        max_changes=max_changes,
        max_removals=max_removals,
        max_share=max_share,
        min_certificate_days=min_certificate_days,
        max_lifetime=max_lifetime,
        max_irreversible=max_irreversible,
    )
    writes = plan.writes
    removals = int(writes["action"].eq("remove").sum())
    lost = len(plan.irreversible) if approve == "all" else 0
    now_held = _now_held(writes, held)
    limits = [
        ("max_changes", max_changes, len(writes), len(plan.changes)),
        ("max_removals", max_removals, removals, len(plan.changes)),
        ("max_irreversible", max_irreversible, lost, len(plan.changes)),
        ("on_problem", 0 if on_problem == "stop" else None, len(plan.problems), len(plan.changes)),
        ("protected", 0, len(now_held), len(writes)),
    ]
    by_number = f"; raise it in words (-p max_irreversible {lost}), or approve them in the grid by their number"
    aside = {"max_irreversible": by_number, "protected": f"; approve the plan again without them: {_some(now_held)}"}
    rows = [
        (guard, limit, selected, population, f"{selected:,} {GUARDS[guard]}, {limit:,} allowed{aside.get(guard, '')}")
        for guard, limit, selected, population in limits
        if limit is not None and selected > limit
    ]
    rows += _lasting(writes, max_lifetime)
    rows += _share(writes["user_id"].nunique(), tenant_size, max_share)
    rows += [(guard, 0, 0, 0, f"{GUARDS[guard]}: {why}") for guard, why in (unread or {}).items()]
    rows += _certificate(certificate_days, min_certificate_days)
    return pd.DataFrame(rows, columns=list(BREACHES))


def _now_held(writes: pd.DataFrame, held: pd.DataFrame | None) -> list[str]:
    """Each write that is held by now, for people."""
    if held is None:
        return []
    rows = zip(writes["line"], writes["user_principal_name"], _reasons(writes, check(held, HELD)), strict=True)
    return [f"line {line}, {name} ({reason})" for line, name, reason in rows if reason]


def _some(said: list[str]) -> str:
    more = f" and {len(said) - _NAMED:,} more" if len(said) > _NAMED else ""
    return "; ".join(said[:_NAMED]) + more


def _lasting(writes: pd.DataFrame, most: int | None) -> list[tuple[Any, ...]]:
    minutes = [found.minutes for found in map(temporary_access_pass.read, writes["after"]) if found]
    long = sum(most is not None and each > most for each in minutes)
    said = f"{long:,} passes last longer than {most} minutes, up to {max(minutes, default=0):,}"
    return [("max_lifetime", most, long, len(minutes), said)] if long else []


def _share(users: int, tenant_size: int | None, most: float | None) -> list[tuple[Any, ...]]:
    if most is not None and not most and users:
        return [("max_share", 0, users, tenant_size or 0, f"{users:,} users would be changed, none allowed")]
    if most is None or users < _FEW or (tenant_size and users <= most * tenant_size):
        return []
    if not tenant_size:
        said = f"the tenant's size could not be read, so which share {users:,} users are is not known; "
        said += "try again, or set max_share to null"
        return [("max_share", most, users, 0, said)]
    said = f"{users:,} of {tenant_size:,} users ({users / tenant_size:.0%}) would be changed, {most:.0%} allowed"
    return [("max_share", most, users, tenant_size, said)]


def _certificate(days: float | None, least: int | None) -> list[tuple[Any, ...]]:
    if days is None or least is None or days >= least:
        return []
    left = max(int(days), 0)
    said = f"{left} {GUARDS['min_certificate_days']}, at least {least} wanted; renew it first"
    return [("min_certificate_days", least, left, 0, said)]


def enforce(broken: pd.DataFrame, *, before: str = "") -> None:
    """Raise `GuardStop` when any guard is broken. `before`: what an earlier attempt at the plan wrote, if any."""
    if len(broken):
        rows = cast("list[dict[str, Any]]", broken.to_dict("records"))
        said = "; ".join(f"{b['guard']}: {b['message']}" for b in rows)
        wrote = "nothing more was written" if before else "nothing was written"
        raise GuardStop(f"{before}; {said}" if before else said, remedy=f"{wrote}; {remedy(broken)}")


def remedy(broken: pd.DataFrame) -> str:
    """What lets a right plan pass (BREACHES), in one sentence."""
    rows = zip(broken["guard"], broken["selected"], strict=True)
    more = ", ".join(f"-p {guard} {selected}" for guard, selected in rows if guard in ("max_changes", "max_removals"))
    return "if the plan is right, raise the limit in words" + (f": {more}" if more else "")
