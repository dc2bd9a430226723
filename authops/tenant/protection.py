"""Who must not be touched, as Graph tells it now: administrators, protected groups and people, guests, policy.

Reads only. What could not be read is never taken for "nobody": `unknown` decides whether it holds a person or the plan.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.methods import temporary_access_pass
from authops.methods.kinds import values
from authops.phone.number import fold
from authops.tenant import directory, passes, policy, roles, sign_in
from authops.tenant.sign_in import Taken
from authops.tenant.unknown import Unknown
from authops.words import retirement
from authops.words.errors import GraphError
from authops.words.frames import HELD, frame

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which row guards are in force. Each `allow_…` switches one off; `protect_…` add people by name.

    `admins`: administrators who may be written to, in words; their plan needs a second person. `hold_risky`: hold who
    is at risk.
    """

    allow_admins: bool = False
    allow_guests: bool = False
    allow_disabled: bool = False
    allow_unusable: bool = False
    protect_users: list[str] = field(default_factory=list)
    protect_groups: list[str] = field(default_factory=list)
    admins: list[str] = field(default_factory=list)
    hold_risky: bool = False

    def facts(self) -> dict[str, Any]:
        """The rules as a plan keeps them."""
        few = {name for name in ("admins", "hold_risky") if not getattr(self, name)}
        return {name: value for name, value in asdict(self).items() if name not in few}


@dataclass(frozen=True)
class Protection:
    """`held`: HELD rows of the people asked about; `unread`: guard → why it could not be judged.

    `ranks`: who of them is Global Administrator, active or eligible, no or unknown.
    `sms_sign_in`: whose mobile Graph tries to register for signing in by SMS, too; `may_sign_in`: of whom that is not
    known; `reach`: whom the policy means by it.
    """

    held: pd.DataFrame
    unread: Mapping[str, str]
    sms_sign_in: frozenset[str] = frozenset()
    may_sign_in: frozenset[str] = frozenset()
    reach: policy.Reach = policy.NOBODY
    ranks: Mapping[str, str] = field(default_factory=dict)

    def cohorts(self, users: pd.DataFrame) -> dict[str, str]:
        """User id → one of words.retirement.COHORTS; `users`: USERS."""
        named = zip(users["user_id"], users["user_principal_name"], strict=True)
        rank = {user: self.ranks.get(user, "unknown") for user in users["user_id"]}
        return {u: retirement.cohort(external=retirement.is_external(name), global_admin=rank[u]) for u, name in named}


async def read(
    graph: Graph, users: pd.DataFrame, rules: Rules, *, sealed: bool = False, methods: Iterable[str] = ()
) -> Protection:
    """Judge these users (USERS plus `asked`) by the rules, and which of these methods (else values) they may use.

    Who could not be read just now has no `user_id`, and is held under the name that was asked for. `sealed`: the rules
    are an earlier plan's, for which everybody in `protect_users` was found.
    """
    methods = list(methods) or values()
    known, unknown = users[users["user_id"] != ""].drop_duplicates("user_id"), Unknown()
    found = set(known["user_id"])
    unknown.of([user for user in _names(users) if user not in found], "person")
    named, admins, groups, (unusable, reach) = await asyncio.gather(
        _named(graph, users, rules.protect_users, unknown, sealed=sealed),
        roles.read(graph),
        _members(graph, rules.protect_groups, unknown),
        _by_policy(graph, known, unknown, methods, needed=not rules.allow_unusable),
    )
    rows = _of_account(known, rules, unknown)
    rows += [_row(user, "", "protected_user") for user in named]
    if not rules.allow_admins:
        allowed = set(_who(users, rules.admins))
        rows += [_row(user, "", "administrator") for user in _of(users, admins.holders) if user not in allowed]
        for why in admins.unknown:
            unknown.of_all("allow_admins", why)
    rows += [_row(user, "", "protected_group") for user in _of(users, groups)]
    if temporary_access_pass.NAME in methods:
        rows += passes.external(known)
        rows += await passes.at_risk(graph, known) if rules.hold_risky else []
    # The last row of a person is the reason that is shown: what is known comes after what is not.
    held = frame(HELD, [*unknown.held, *rows, *unusable])
    signing = {user: reach.has(user) for user in known.loc[~_is(known, "guest"), "user_id"]}
    certain = frozenset(user for user, signs_in in signing.items() if signs_in)
    doubtful = frozenset(user for user, signs_in in signing.items() if signs_in is None)
    ranks = {user: admins.rank(user) for user in known["user_id"]}
    return Protection(held, unknown.stops, certain, doubtful, reach, ranks)


async def again(graph: Graph, people: pd.DataFrame, changes: pd.DataFrame, rules: Rules) -> Protection:
    """Judge the people (USERS plus `asked`, as they are now) of changes that were approved earlier (CHANGES).

    Whose number is by now somebody else's who signs in by SMS is held as well. Who is not there any more is nobody's
    to hold: apply says so of each.
    """
    missing = sorted(set(changes["user_id"]) - set(people["asked"]))
    found = await read(graph, people, rules, sealed=True, methods=changes["method"].unique())
    others = await numbers_of_others(graph, changes, found)
    shared = changes[changes["after"].map(fold).isin(others.numbers) & changes["user_id"].isin(_signing(found))]
    shared = shared[shared["method"].isin(sign_in.methods())]
    slots = zip(shared["user_id"], shared["method"], strict=True)
    rows = [_row(user, method, "shared_sign_in") for user, method in slots]
    unknown = Unknown()
    unknown.of(await still_there(graph, missing), "person")
    return replace(found, held=pd.concat([frame(HELD, [*unknown.held, *rows]), found.held], ignore_index=True))


async def still_there(graph: Graph, missing: list[str]) -> list[str]:
    """Who is not found as a user, and has methods all the same: nothing is known of them."""
    if not missing:
        return []
    try:
        seen = await directory.current(graph, missing)
    except GraphError:
        return missing
    return list(seen.loc[seen["known"], "user_id"].unique())


async def numbers_of_others(graph: Graph, changes: pd.DataFrame, protection: Protection) -> Taken:
    """Which numbers are somebody's outside of these changes (CHANGES) who signs in by SMS."""
    return await sign_in.taken(graph, changes, protection.reach, _signing(protection))


def _signing(protection: Protection) -> frozenset[str]:
    return protection.sms_sign_in | protection.may_sign_in


def _names(users: pd.DataFrame) -> pd.Series[str]:
    """Each user's id, or, of who could not be read, what was asked for."""
    asked = users["asked"] if "asked" in users else users["user_id"]
    return users["user_id"].where(users["user_id"] != "", asked).drop_duplicates()


def _of(users: pd.DataFrame, ids: Iterable[str]) -> list[str]:
    """Which of the users these ids mean, in whatever case."""
    here = _names(users)
    return [str(user) for user in here[here.str.casefold().isin({user.casefold() for user in ids})]]


def _row(user: str, method: str, reason: str) -> dict[str, str]:
    return {"user_id": user, "method": method, "reason": reason}


def _who(users: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Ids of those of the users whom these names mean: UPNs or object ids."""
    wanted = {name.strip().casefold() for name in names}
    here = users["user_id"].str.casefold().isin(wanted) | users["user_principal_name"].str.casefold().isin(wanted)
    return [user for user in users.loc[here, "user_id"] if user]


def _is(users: pd.DataFrame, kind: str) -> pd.Series[bool]:
    return users["user_type"].str.casefold() == kind


def _of_account(users: pd.DataFrame, rules: Rules, unknown: Unknown) -> list[dict[str, str]]:
    """Guests and disabled accounts; of whom Graph does not say, it is not known."""
    enabled, guest, ids = users["account_enabled"].astype("boolean"), _is(users, "guest"), users["user_id"]
    rows: list[dict[str, str]] = []
    if not rules.allow_guests:
        unknown.of(ids[~guest & ~_is(users, "member")], "allow_guests")
        rows += [_row(user, "", "guest") for user in ids[guest]]
    if not rules.allow_disabled:
        unknown.of(ids[enabled.isna()], "allow_disabled")
        rows += [_row(user, "", "disabled_account") for user in ids[~enabled.fillna(True)]]
    return rows


async def _named(
    graph: Graph, users: pd.DataFrame, names: Iterable[str], unknown: Unknown, *, sealed: bool
) -> list[str]:
    """Those of the users whom these names mean, ids or UPNs. A name that nobody has protects nobody: it is misspelt."""
    wanted = {name.strip().casefold(): name for name in names}
    asked = users["asked"] if "asked" in users else users["user_id"]
    columns = [users["user_id"].str.casefold(), users["user_principal_name"].str.casefold(), asked.str.casefold()]
    here = pd.concat(columns, axis="columns").isin(set(wanted)).any(axis="columns")
    found = _of(users, users["user_id"].where(users["user_id"] != "", asked)[here])
    left = [name for plain, name in wanted.items() if not any(plain in set(column) for column in columns)]
    return found if sealed else [*found, *_of(users, await _looked_up(graph, left, unknown))]


async def _looked_up(graph: Graph, names: list[str], unknown: Unknown) -> list[str]:
    """Ids of people who are named and not among those asked about, as far as the tenant has them."""
    asked = [name for name in names if name.strip()]
    if len(asked) < len(names):
        unknown.of_all("protect_users", "an empty name")
    found = pd.DataFrame(columns=["asked", "user_id", "error"])
    with unknown.asking("protect_users", ", ".join(asked)):
        found = await directory.find_users(graph, [name.strip() for name in asked])
        for name in asked:
            if name.strip() not in set(found["asked"]):
                unknown.of_all("protect_users", f"the tenant has no user {name!r}")
    for name, why in zip(found["asked"], found["error"], strict=True):
        if why:
            unknown.of_all("protect_users", f"{name}: {why.splitlines()[0]}")
    return list(found["user_id"])


async def _members(graph: Graph, names: Iterable[str], unknown: Unknown) -> set[str]:
    found: set[str] = set()
    for name in names:
        with unknown.asking("protect_groups", repr(name)):
            found |= await directory.group_users(graph, await directory.group_id(graph, name.strip()))
    return found


async def _by_policy(
    graph: Graph, users: pd.DataFrame, unknown: Unknown, methods: Iterable[str], *, needed: bool
) -> tuple[list[dict[str, str]], policy.Reach]:
    """Methods that the policy does not let a user use (where `needed`), and whom it lets sign in by SMS."""
    ids, targets = list(users["user_id"]), policy.Targets(graph)
    try:
        configured = await directory.methods_policy(graph)
    except GraphError as error:
        if needed:
            unknown.of_error("allow_unusable", "the authentication methods policy", error)
        return [], policy.UNKNOWN
    rows: list[dict[str, str]] = []
    for method, reaches in (await targets.usable(configured, methods) if needed else {}).items():
        allowed = {user: policy.any_of(reaches, user) for user in ids}
        unknown.of([user for user, may in allowed.items() if may is None], "allow_unusable", method)
        rows += [_row(user, method, "unusable_method") for user, may in allowed.items() if may is False]
    return rows, await targets.sign_in(configured)


async def tenant_size(graph: Graph) -> int | None:
    """How many users the tenant has; None, with a warning, when Graph does not say: that stops a larger plan."""
    try:
        count = (await graph.page(requests.user_count())).get("@odata.count")
    except GraphError as error:
        count = error
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count
    _log.warning("how many users there are is not known, so max_share cannot be judged: %s", count)
    return None
