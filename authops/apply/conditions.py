"""What has to hold right before a write besides its value: that its person keeps a way in, or is still a leaver.

Asked of Graph itself, just before: what was true when the plan was made says nothing about now.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from authops.apply.change import Change
from authops.apply.settled import Row
from authops.graph import requests
from authops.graph.answer import Request, about, flag, text
from authops.graph.client import Graph
from authops.methods import survivors
from authops.words.errors import GraphError

SAID: Final = {
    survivors.LAST: "it is the last method that satisfies multifactor sign-in",
    survivors.FEW: "fewer methods are left than the rule asks for",
    survivors.UNREAD: "not all methods of this person are understood",
    survivors.DISABLED: "the account is not disabled any more",
}


def _whose(changes: Iterable[Change], code: str) -> set[str]:
    return {change.user_id for change in changes if code in change.condition}


class Conditions:
    """Judges changes by what their person has at this moment. `planned`: all changes that are approved; `never`: change

    id → why it must not be written at all.
    """

    def __init__(self, graph: Graph, planned: Iterable[Change], never: Mapping[str, str]) -> None:
        self._graph, self._never = graph, never
        self._going: dict[str, set[str]] = defaultdict(set)
        for change in planned:
            if change.action == "remove":
                self._going[change.user_id].add(survivors.graph_id(change.method, change.method_id, change.before))

    async def __call__(self, changes: Sequence[Change], patience: float = math.inf) -> Mapping[str, str | None]:
        """Change id → why it must not be written, None where that could not be told; those that may are left out."""
        asked = [change for change in changes if change.condition]
        held = await self._methods(_whose(asked, survivors.SURVIVOR), patience)
        accounts = await self._accounts(_whose(asked, survivors.DISABLED), patience)
        # Only beta knows hardware tokens: asked where v1.0 alone would hold somebody.
        doubtful = {c.user_id for c in asked if held.get(c.user_id) is not None and self._judged(c, held, accounts)}
        more = await self._methods(doubtful, patience, beta=True)
        held |= {user: methods for user, methods in more.items() if methods is not None}
        found = {c.change_id: self._judged(c, held, accounts) for c in asked}
        return {change_id: why for change_id, why in found.items() if why != ""}

    async def met(self, changes: Sequence[Change], patience: float) -> tuple[list[Change], list[Row], list[Change]]:
        """Which may be written, how those end that may not, and of whom nobody can tell yet."""
        held = {**await self(changes, patience), **self._never}
        told = [(c, held[c.change_id]) for c in changes if c.change_id in held]
        rows: list[Row] = [(c, "skipped", f"{why}; nothing was written", "", None) for c, why in told if why]
        return [c for c in changes if c.change_id not in held], rows, [c for c, why in told if why is None]

    def _judged(
        self, change: Change, held: Mapping[str, list[survivors.Held] | None], accounts: Mapping[str, bool | None]
    ) -> str | None:
        """Nothing when it may be written."""
        user = change.user_id
        if user in accounts and accounts[user] is not False:
            return None if accounts[user] is None else SAID[survivors.DISABLED]
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
            except GraphError:
                continue
            if about(answer.body, user):
                found[user] = survivors.read(items)
        return found

    async def _accounts(self, users: Iterable[str], patience: float) -> dict[str, bool | None]:
        """Whether the account is enabled."""
        asked: dict[Request, str] = {requests.user(user): user for user in sorted(users)}
        found: dict[str, bool | None] = dict.fromkeys(asked.values())
        async for answer in self._graph.send(asked, patience=patience):
            body: dict[str, Any] = answer.body if answer.status == 200 else {}
            if text(body, "id").casefold() == asked[answer.request].casefold():
                found[asked[answer.request]] = flag(body, "accountEnabled")
        return found
