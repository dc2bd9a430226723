"""Whom the authentication methods policy lets use what, as far as it is known: yes, no, or not told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authops.graph.answer import flag, text
from authops.graph.client import Graph
from authops.methods.kind import Kind, Policy
from authops.methods.kinds import KINDS
from authops.tenant import directory
from authops.words.errors import GraphError

EVERYBODY: Final = "all_users"
_SIGN_IN: Final = "isUsableForSignIn"
# Whether a target counts, as far as it tells.
Only = Callable[[Mapping[str, Any]], bool | None]


def _every(_: Mapping[str, Any]) -> bool | None:
    return True


@dataclass(frozen=True)
class Reach:
    """Whom a configuration is for: everybody or some, but never those left out.

    `more`: it may be for others as well, `fewer`: others may be left out as well; neither could be read.
    """

    everybody: bool = False
    some: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    more: bool = False
    fewer: bool = False

    def has(self, user: str) -> bool | None:
        """Whether it is for a user; None when that is not known."""
        who = user.casefold()
        if who in self.never:
            return False
        if self.everybody or who in self.some:
            return None if self.fewer else True
        return None if self.more else False


NOBODY: Final = Reach()
UNKNOWN: Final = Reach(more=True)


def any_of(reaches: Iterable[Reach], user: str) -> bool | None:
    """Whether one of them is for a user; None when none is for sure, and one may be."""
    told = [reach.has(user) for reach in reaches]
    return True if True in told else None if None in told else False


@dataclass
class Targets:
    """Reads whom the targets of configurations mean; each group once."""

    graph: Graph
    _groups: dict[str, frozenset[str] | None] = field(default_factory=dict)

    async def usable(self, policy: Mapping[str, Mapping[str, Any]], methods: Iterable[str]) -> dict[str, list[Reach]]:
        """Of these kinds: the reaches of which one has to be for a user; without one that no configuration rules."""
        found = {name.casefold(): configuration for name, configuration in policy.items()}
        return {name: await self._of_kind(found, KINDS[name]) for name in methods if KINDS[name].policies}

    async def _of_kind(self, policy: Mapping[str, Mapping[str, Any]], kind: Kind) -> list[Reach]:
        return [await self._allowed(policy, one) for one in kind.policies]

    async def allowed(self, policy: Mapping[str, Mapping[str, Any]], one: Policy, only: Only = _every) -> Reach:
        """Whom a configuration of the policy lets use something; a configuration that is missing is not known."""
        found = {name.casefold(): configuration for name, configuration in policy.items()}
        return await self._allowed(found, one, only)

    async def _allowed(self, policy: Mapping[str, Mapping[str, Any]], one: Policy, only: Only = _every) -> Reach:
        configuration = policy.get(one.configuration.casefold(), {})
        allowed = flag(configuration, one.flag) if one.flag else True
        if allowed is None:
            return UNKNOWN
        return await self.of(configuration, only) if allowed else NOBODY

    async def sign_in(self, policy: Mapping[str, Mapping[str, Any]]) -> Reach:
        """Whose mobile becomes a first factor: targets of the SMS policy that are usable for sign-in."""
        sms = next((c for name, c in policy.items() if name.casefold() == "sms"), {})
        return await self.of(sms, lambda target: flag(target, _SIGN_IN))

    async def named(self, targets: Any) -> Reach:
        """Whom a list of targets names, whatever excludes them elsewhere."""
        some, more = await self._people(targets)
        return Reach(EVERYBODY in some, some - {EVERYBODY}, more=more)

    async def of(self, configuration: Mapping[str, Any], only: Only = _every) -> Reach:
        """Whom a configuration is for; `only`: targets of which that holds."""
        state = text(configuration, "state")
        if state != "enabled":
            return NOBODY if state == "disabled" else UNKNOWN
        include, more = await self._people(configuration.get("includeTargets"), only)
        exclude, fewer = await self._people(configuration.get("excludeTargets"))
        if EVERYBODY in exclude or not (include or more):
            return NOBODY
        return Reach(EVERYBODY in include, include - {EVERYBODY}, exclude, more, fewer)

    async def _people(self, targets: Any, only: Only = _every) -> tuple[frozenset[str], bool]:
        """(ids of the users, EVERYBODY among them when all are meant; whether there may be others)."""
        if not isinstance(targets, list):
            return frozenset(), True
        found: set[str] = set()
        unknown = False
        for target in targets:
            who = await self._target(target, only) if isinstance(target, Mapping) else None
            found |= who or frozenset()
            unknown |= who is None
        return frozenset(found), unknown

    async def _target(self, target: Mapping[str, Any], only: Only) -> frozenset[str] | None:
        """Ids of the users of one target; None when it cannot be read."""
        wanted, who = only(target), text(target, "id").casefold()
        if wanted is False:
            return frozenset()
        if wanted is None or not who:
            return None
        if who == EVERYBODY or target.get("targetType") == "user":
            return frozenset({who})
        return await self._group(who) if target.get("targetType") == "group" else None

    async def _group(self, group: str) -> frozenset[str] | None:
        if group not in self._groups:
            try:
                members = await directory.group_users(self.graph, group)
                self._groups[group] = frozenset(user.casefold() for user in members)
            except GraphError:
                self._groups[group] = None
        return self._groups[group]
