"""Whom a configuration of the methods policy is for: its targets, groups at any depth, include minus exclude."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.errors import GraphError

EVERYBODY: Final = "all_users"


@dataclass(frozen=True)
class Named:
    """Whom a list of targets names; `whole` is False when a group among them could not be read."""

    everybody: bool = False
    some: frozenset[str] = frozenset()
    whole: bool = True


@dataclass(frozen=True)
class Reach:
    """Include minus exclude. What could not be read makes it unknown for whom it could matter, never a yes or a no."""

    include: Named
    exclude: Named
    known: bool = True

    def has(self, user: str) -> str:
        """yes, no or unknown."""
        who = user.casefold()
        if not self.known:
            return "unknown"
        if self.exclude.everybody or who in self.exclude.some:
            return "no"
        named = self.include.everybody or who in self.include.some
        if not named and self.include.whole:
            return "no"
        return "yes" if named and self.exclude.whole else "unknown"


NOBODY: Final = Reach(Named(), Named())
UNKNOWN: Final = Reach(Named(), Named(), known=False)


async def of(graph: Graph, configuration: Mapping[str, Any] | None) -> Reach:
    """Whom a configuration is for; one that is missing, or says neither enabled nor disabled, is not known."""
    if not configuration or configuration.get("state") not in ("enabled", "disabled"):
        return UNKNOWN
    if configuration["state"] == "disabled":
        return NOBODY
    include, exclude = configuration.get("includeTargets"), configuration.get("excludeTargets")
    if not isinstance(include, list):
        return UNKNOWN
    return Reach(await named(graph, include), await named(graph, exclude or []))


async def named(graph: Graph, targets: Iterable[Mapping[str, Any]]) -> Named:
    """Whom targets name, in lower case."""
    some: set[str] = set()
    everybody, whole = False, True
    for target in targets:
        who = str(target.get("id") or "")
        if who == EVERYBODY:
            everybody = True
        elif target.get("targetType") == "user":
            some.add(who)
        else:
            try:
                some |= await directory.group_users(graph, who)
            except GraphError:
                whole = False
    return Named(everybody, frozenset(user.casefold() for user in some), whole)
