"""What has to hold right before a write besides its value: that its person keeps a way in, is still a leaver, or is
still asked by Conditional Access.

Asked of Graph itself, just before: what was true when the plan was made says nothing about now.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from authops.apply.change import Change
from authops.apply.freshness import Clocks, Moment
from authops.apply.settled import Row
from authops.graph import requests
from authops.graph.answer import Request, about, flag, text
from authops.graph.client import Graph
from authops.methods import survivors
from authops.tenant import conditional_access, directory
from authops.tenant.policy import Reach
from authops.words.errors import GraphError

SAID: Final = {
    survivors.LAST: "it is the last method that satisfies multifactor sign-in",
    survivors.FEW: "fewer methods are left than the rule asks for",
    survivors.UNREAD: "not all methods of this person are understood",
    survivors.NO_WAY_IN: "nothing else satisfies multifactor sign-in, and no pass is valid to register again with",
    survivors.DISABLED: "the account is not disabled any more",
    survivors.COVERED: "no Conditional Access policy is seen to ask this person for multifactor sign-in everywhere",
}
# Seconds for which it holds whom Conditional Access means: policies and groups are read for everybody.
_EVERY: Final = 60.0


def _whose(changes: Iterable[Change], code: str) -> set[str]:
    return {change.user_id for change in changes if code in change.condition}


class Conditions:
    """Judges changes by what their person has at this moment.

    `planned`: all changes that are approved. `never`: change id → why it must not be written at all.
    """

    def __init__(self, graph: Graph, planned: Iterable[Change], clocks: Clocks, never: Mapping[str, str]) -> None:
        self._graph, self._clocks, self._never = graph, clocks, never
        self._reaches: tuple[Moment, list[Reach]] | None = None
        self._going: dict[str, set[str]] = defaultdict(set)
        for change in planned:
            if change.action == "remove":
                self._going[change.user_id].add(survivors.graph_id(change.method, change.method_id, change.before))

    async def __call__(self, changes: Sequence[Change], patience: float = math.inf) -> Mapping[str, str | None]:
        """Change id → why it must not be written, None where that could not be told; those that may are left out."""
        asked = [change for change in changes if change.condition]
        held = await self._methods(_whose(asked, survivors.SURVIVOR), patience)
        accounts = await self._accounts(_whose(asked, survivors.DISABLED) | _whose(asked, survivors.COVERED), patience)
        covered = await self._covered(_whose(asked, survivors.COVERED), accounts)
        # Only beta knows hardware tokens: asked where v1.0 alone would hold somebody. While it does not answer nobody
        # can tell; where it may not be asked v1.0's word stands.
        doubtful = {
            c.user_id for c in asked if held.get(c.user_id) is not None and self._judged(c, held, accounts, covered)
        }
        held |= await self._methods(doubtful, patience, beta=True)
        found = {c.change_id: self._judged(c, held, accounts, covered) for c in asked}
        return {change_id: why for change_id, why in found.items() if why != ""}

    async def met(self, changes: Sequence[Change], patience: float) -> tuple[list[Change], list[Row], list[Change]]:
        """Which may be written, how those end that may not, and of whom nobody can tell yet."""
        held = {**await self(changes, patience), **self._never}
        told = [(c, held[c.change_id]) for c in changes if c.change_id in held]
        rows: list[Row] = [(c, "skipped", f"{why}; nothing was written", "", None) for c, why in told if why]
        return [c for c in changes if c.change_id not in held], rows, [c for c, why in told if why is None]

    def _judged(
        self,
        change: Change,
        held: Mapping[str, list[survivors.Held] | None],
        accounts: Mapping[str, Mapping[str, Any] | None],
        covered: Mapping[str, str | None],
    ) -> str | None:
        """Nothing when it may be written."""
        user, asked = change.user_id, change.condition.split()
        if survivors.DISABLED in asked and (enabled := flag(accounts[user] or {}, "accountEnabled")) is not False:
            return None if enabled is None else SAID[survivors.DISABLED]
        if survivors.COVERED in asked and covered[user] != "yes":
            return SAID[survivors.COVERED] if covered[user] else None
        if user not in held:
            return ""
        there = held[user]
        if there is None:
            return None
        why = survivors.refused(there, self._going[user], change.condition)
        return SAID[why] if why else ""

    async def _methods(
        self, users: Iterable[str], patience: float, *, beta: bool = False
    ) -> dict[str, list[survivors.Held] | None]:
        asked = {replace(requests.authentication_methods(user), beta=beta): user for user in sorted(users)}
        found: dict[str, list[survivors.Held] | None] = dict.fromkeys(asked.values())
        async for answer in self._graph.send(asked, patience=patience):
            user = asked[answer.request]
            try:
                items = await self._graph.items(answer)
            except GraphError as error:
                if beta and error.status in directory.NOT_FOR_US:
                    del found[user]
                continue
            if about(answer.body, user):
                found[user] = survivors.read(items)
        return found

    async def _accounts(self, users: Iterable[str], patience: float) -> dict[str, Mapping[str, Any] | None]:
        """What the directory says of them; None where it cannot be read."""
        asked: dict[Request, str] = {requests.user(user): user for user in sorted(users)}
        found: dict[str, Mapping[str, Any] | None] = dict.fromkeys(asked.values())
        async for answer in self._graph.send(asked, patience=patience):
            body: dict[str, Any] = answer.body if answer.status == 200 else {}
            if text(body, "id").casefold() == asked[answer.request].casefold():
                found[asked[answer.request]] = body
        return found

    async def _covered(
        self, users: Iterable[str], accounts: Mapping[str, Mapping[str, Any] | None]
    ) -> dict[str, str | None]:
        """Whether Conditional Access asks each: yes, no or unknown; None where it cannot be read just now."""
        users = sorted(users)
        if not users:
            return {}
        try:
            reaches = await self._read_reaches()
        except GraphError as error:
            return dict.fromkeys(users, "unknown" if error.status in directory.NOT_FOR_US else None)
        told = {user: row for user in users if (row := accounts[user]) is not None}
        member = {user: text(row, "userType").casefold() == "member" for user, row in told.items()}
        asks = {user: conditional_access.covered(reaches, user, member=member[user]) for user in told}
        return {user: asks.get(user) for user in users}

    async def _read_reaches(self) -> list[Reach]:
        if self._reaches is None or self._clocks.age(self._reaches[0]) >= _EVERY:
            began = self._clocks.now()
            self._reaches = began, list((await conditional_access.read(self._graph)).values())
        return self._reaches[1]
