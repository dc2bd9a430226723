"""Who must not be touched, as Graph tells it now: administrators, protected groups and people, guests, policy.

Reads only. What could not be read is said by name (`unread`), never taken for "nobody".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.errors import GraphError
from authops.words.frames import HELD, frame

_log = logging.getLogger(__name__)
_CONFIGURATIONS: Final = {"mobile": ("Sms", "Voice"), "alternateMobile": ("Voice",), "office": ("Voice",)}
_EVERYBODY: Final = "all_users"
# Seconds for which what was judged before an apply holds.
EVERY: Final = 60.0


@dataclass(frozen=True)
class Rules:
    """Which row guards are in force. Each `allow_…` switches one off; `protect_…` add people by name."""

    allow_admins: bool = False
    allow_guests: bool = False
    allow_disabled: bool = False
    allow_unusable: bool = False
    protect_users: list[str] = field(default_factory=list)
    protect_groups: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The rules as a plan keeps them."""
        return asdict(self)


@dataclass(frozen=True)
class Protection:
    """`held`: HELD rows of the people asked about; `unread`: guard → why it could not be judged.

    `sms_sign_in`: whose mobile Graph tries to register for signing in by SMS, too, as far as the policy could be read.
    """

    held: pd.DataFrame
    unread: Mapping[str, str]
    sms_sign_in: frozenset[str] = frozenset()


async def read(graph: Graph, users: pd.DataFrame, rules: Rules) -> Protection:
    """Judge these users (USERS plus `asked`) by the rules.

    Who could not be read just now has no `user_id`; asked for by id, they are still known as administrators or members.
    """
    known = users[users["user_id"] != ""].drop_duplicates("user_id")
    rows: list[dict[str, str]] = []
    unread: dict[str, str] = {}
    rows += _of_account(known, rules)
    rows += _named(known, rules.protect_users)
    admins, groups, (unusable, sms_sign_in) = await asyncio.gather(
        _admins(graph, unread, needed=not rules.allow_admins),
        _members(graph, rules.protect_groups, unread),
        _by_policy(graph, known, needed=not rules.allow_unusable),
    )
    rows += [_row(user, "", "administrator") for user in _of(users, admins)]
    rows += [_row(user, "", "protected_group") for user in _of(users, groups)]
    rows += unusable
    return Protection(frame(HELD, rows), unread, sms_sign_in)


def _of(users: pd.DataFrame, ids: Iterable[str]) -> list[str]:
    """Which of the users these ids mean, in whatever case."""
    wanted = {user.casefold() for user in ids}
    asked = users["asked"] if "asked" in users else users["user_id"]
    here = users["user_id"].where(users["user_id"] != "", asked).drop_duplicates()
    return [str(user) for user in here[here.str.casefold().isin(wanted)]]


def _row(user: str, method: str, reason: str) -> dict[str, str]:
    return {"user_id": user, "method": method, "reason": reason}


def _of_account(users: pd.DataFrame, rules: Rules) -> list[dict[str, str]]:
    guests = users.loc[users["user_type"].str.casefold() == "guest", "user_id"]
    disabled = users.loc[~users["account_enabled"], "user_id"]
    found = [] if rules.allow_guests else [_row(user, "", "guest") for user in guests]
    return found + ([] if rules.allow_disabled else [_row(user, "", "disabled_account") for user in disabled])


def _named(users: pd.DataFrame, names: Iterable[str]) -> list[dict[str, str]]:
    wanted = {name.strip().casefold() for name in names}
    by_name = users["user_id"].str.casefold().isin(wanted) | users["user_principal_name"].str.casefold().isin(wanted)
    return [_row(user, "", "protected_user") for user in users.loc[by_name, "user_id"]]


async def _admins(graph: Graph, unread: dict[str, str], *, needed: bool) -> set[str]:
    """Who holds a directory role, active or eligible, also through a group; else who the report calls an admin."""
    if not needed:
        return set()
    try:
        return await directory.role_holders(graph)
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        _log.warning("roles cannot be read (HTTP %s), so the registration report says who is admin", error.status)
    try:
        report = await directory.registrations(graph)
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        unread["allow_admins"] = f"HTTP {error.status}; ask for RoleManagement.Read.Directory, or allow_admins"
        return set()
    return set(report.loc[report["is_admin"], "user_id"])


async def _members(graph: Graph, names: Iterable[str], unread: dict[str, str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        try:
            found |= await directory.group_users(graph, await directory.group_id(graph, name))
        except GraphError as error:
            if error.status not in directory.NOT_FOR_US:
                raise
            unread["protect_groups"] = f"{name}: HTTP {error.status} {error.message}"
    return found


async def _by_policy(graph: Graph, users: pd.DataFrame, *, needed: bool) -> tuple[list[dict[str, str]], frozenset[str]]:
    """Methods that the policy does not let a user use (where `needed`), and who signs in by SMS, which guests never do.

    A policy that may not be read is a warning, and holds nobody.
    """
    try:
        policy = await directory.methods_policy(graph)
        allowed = await _allowed(graph, policy) if needed else {}
        sms = next((c for name, c in policy.items() if name.casefold() == "sms"), {})
        sign_in = await _sign_in(graph, sms)
    except GraphError as error:
        # 200: an answer that is no policy.
        if error.status not in (200, *directory.NOT_FOR_US):
            raise
        _log.warning("the authentication methods policy is not known (HTTP %s), so it is not looked at", error.status)
        return [], frozenset()
    ids = list(users["user_id"])
    unusable = [_row(u, m, "unusable_method") for m, who in allowed.items() for u in ids if not who.has(u)]
    guests = set(users.loc[users["user_type"].str.casefold() == "guest", "user_id"])
    return unusable, frozenset(user for user in ids if sign_in.has(user) and user not in guests)


async def _sign_in(graph: Graph, sms: Mapping[str, Any]) -> _Allowed:
    """Whose mobile becomes a first factor: targets of the SMS policy that are usable for sign-in."""
    targets = [target for target in sms.get("includeTargets") or [] if target.get("isUsableForSignIn")]
    return await _targets(graph, {**sms, "includeTargets": targets} if sms else {"state": "disabled"})


@dataclass(frozen=True)
class _Allowed:
    """Whom a method is for: everybody but those left out, or just some."""

    everybody: bool
    some: frozenset[str]
    never: frozenset[str]

    def has(self, user: str) -> bool:
        who = user.casefold()
        return who not in self.never and (self.everybody or who in self.some)


async def _allowed(graph: Graph, policy: Mapping[str, Any]) -> dict[str, _Allowed]:
    """Method → whom it is for; a mobile is usable when either SMS or voice is."""
    found = {name.casefold(): configuration for name, configuration in policy.items()}
    by_name = {name: await _targets(graph, found.get(name.casefold(), {})) for name in ("Sms", "Voice", "Email")}
    if not found.get("voice", {}).get("isOfficePhoneAllowed", True):
        office = _Allowed(False, frozenset(), frozenset())
    else:
        office = by_name["Voice"]
    sms, voice = by_name["Sms"], by_name["Voice"]
    mobile = _Allowed(
        sms.everybody or voice.everybody, sms.some | voice.some | _kept(sms, voice), sms.never & voice.never
    )
    return {"mobile": mobile, "alternateMobile": voice, "office": office, "email": by_name["Email"]}


def _kept(one: _Allowed, other: _Allowed) -> frozenset[str]:
    """Who is left out of one and named by the other."""
    return (one.never & other.some) | (other.never & one.some)


async def _targets(graph: Graph, configuration: Mapping[str, Any]) -> _Allowed:
    if configuration and configuration.get("state") != "enabled":
        return _Allowed(False, frozenset(), frozenset())
    include, exclude = configuration.get("includeTargets"), configuration.get("excludeTargets") or []
    everybody = include is None or any(target.get("id") == _EVERYBODY for target in include)
    some = frozenset() if everybody else await _people(graph, include or [])
    return _Allowed(everybody, some, await _people(graph, exclude))


async def _people(graph: Graph, targets: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    found: set[str] = set()
    for target in targets:
        if target.get("targetType") == "user":
            found.add(str(target.get("id")))
        elif target.get("id") != _EVERYBODY:
            found |= await directory.group_users(graph, str(target.get("id")))
    return frozenset(user.casefold() for user in found)


async def tenant_size(graph: Graph) -> int | None:
    """How many users the tenant has; None, with a warning, when Graph does not say: that stops a larger plan."""
    try:
        page = await graph.page(requests.user_count())
        return int(page["@odata.count"])
    except (GraphError, KeyError, ValueError, TypeError) as error:
        _log.warning("how many users there are is not known, so max_share cannot be judged: %s", error)
        return None


@dataclass
class Watch:
    """Judges people again while an apply goes on: asked about a group, from `EVERY` seconds on.

    The first judgement is the one that was made just before. Raises `GraphError` when it cannot be made.
    """

    graph: Graph
    rules: Rules
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.graph.clock()

    async def __call__(self, user_ids: Sequence[str]) -> dict[str, str]:
        """User id → the reason to hold them."""
        if self.graph.clock() - self._begun < EVERY:
            return {}
        users = await directory.find_users(self.graph, user_ids)
        found = await read(self.graph, users, self.rules)
        if found.unread:
            raise GraphError("; ".join(f"{guard}: {why}" for guard, why in found.unread.items()), status=200)
        unread = users.loc[users["user_id"] == "", "asked"]
        held = {str(row["user_id"]): str(row["reason"]) for row in found.held.to_dict("records") if not row["method"]}
        return dict.fromkeys(map(str, unread), "could not be read") | held
