"""Who of an apply must not be touched any more: judged again while it goes on, not once before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from authops.apply.change import Change
from authops.apply.freshness import Clocks, Moment
from authops.graph.client import Graph
from authops.methods.survivors import excused
from authops.tenant import directory, protection
from authops.words.errors import GraphError

# Seconds for which a judgement holds.
EVERY: Final = 60.0
# Judged together: roles, groups and policy are read once for all whose turn comes within that time.
_AHEAD: Final = 1_500


@dataclass
class Watch:
    """Made before the people of an apply are judged first (`users`, in the order they are written), then asked about
    each group. What was judged longer ago than `EVERY`, by either clock, is judged again.

    Raises `GraphError` when that cannot be done, and for a while to everybody who asks.
    """

    graph: Graph
    rules: protection.Rules
    users: Iterable[str]
    now: Callable[[], datetime]
    _methods: set[str] = field(default_factory=set)
    _held: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _failed: tuple[Moment, GraphError] | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._clocks = Clocks(self.graph.clock, self.now)
        self._order = list(dict.fromkeys(self.users))
        self._place = {user: place for place, user in enumerate(self._order)}
        self._at: dict[str, Moment] = dict.fromkeys(self._order, self._clocks.now())

    async def __call__(self, changes: Sequence[Change]) -> dict[str, str]:
        """User id → the reason to hold them, of those whose change must not be written now."""
        user_ids = [change.user_id for change in changes]
        async with self._one_at_a_time:
            self._methods |= {change.method for change in changes}
            if not all(self._lately(user) for user in user_ids):
                await self._judged(self._with_those_ahead(user_ids))
        return {change.user_id: why for change in changes if (why := self._why(change))}

    def _why(self, change: Change) -> str:
        """A person's own reason, or that of the method, which never holds its removal."""
        wholly, partly = self._held.get((change.user_id, ""), []), self._held.get(change.slot[:2], [])
        reasons = [*([] if change.action == "remove" else partly), *wholly]
        return next((why for why in reversed(reasons) if not excused(change.condition, why)), "")

    def _lately(self, user: str) -> bool:
        return user in self._at and self._clocks.age(self._at[user]) < EVERY

    def _with_those_ahead(self, user_ids: Sequence[str]) -> list[str]:
        first = min((self._place[user] for user in user_ids if user in self._place), default=len(self._order))
        return list(dict.fromkeys([*user_ids, *self._order[first : first + _AHEAD]]))

    async def _judged(self, user_ids: Sequence[str]) -> None:
        if self._failed and self._clocks.age(self._failed[0]) < EVERY:
            raise self._failed[1]
        try:
            await self._judge(user_ids)
        except GraphError as error:
            self._failed = self._clocks.now(), error
            raise

    async def _judge(self, user_ids: Sequence[str]) -> None:
        began = self._clocks.now()
        people = await directory.find_users(self.graph, user_ids)
        found = await protection.read(self.graph, people, self.rules, sealed=True, methods=sorted(self._methods))
        if found.unread:
            raise GraphError("; ".join(f"{guard}: {why}" for guard, why in found.unread.items()), status=200)
        hidden = await protection.still_there(self.graph, sorted(set(user_ids) - set(people["asked"])))
        again = set(user_ids)
        self._held = {slot: why for slot, why in self._held.items() if slot[0] not in again}
        self._held |= {(user, ""): ["person_unread"] for user in hidden}
        rows = zip(*(map(str, found.held[name]) for name in ("user_id", "method", "reason")), strict=True)
        for user, method, reason in rows:
            self._held.setdefault((user, method), []).append(reason)
        self._at |= dict.fromkeys(user_ids, began)
