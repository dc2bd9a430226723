"""What people have now, and how long ago that was read: the only thing that a write may stand on."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from authops.apply.change import Change
from authops.apply.freshness import Clocks, Moment
from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.errors import GraphError

_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_UNTIL_LAG_IS_KNOWN: Final = 8.0
_ENOUGH_SHOWN: Final = 10

# (user, method) → value now, "" for none, None when it could not be read.
Now = dict[tuple[str, str], str | None]


@dataclass
class Reader:
    """Reads the values of changes, remembers when, and learns how far reads lag behind writes."""

    graph: Graph
    clocks: Clocks
    sleep: Callable[[float], Awaitable[None]]
    why: dict[tuple[str, str], str] = field(default_factory=dict)
    _at: dict[tuple[str, str], Moment] = field(default_factory=dict)
    _lag: float = 0.0
    _shown: int = 0

    async def now(self, changes: Sequence[Change], patience: float = math.inf) -> Now:
        """The values of these changes. Who could not be read within `patience` seconds is None; `why` tells."""
        methods = list(dict.fromkeys(c.method for c in changes))
        users = [c.user_id for c in changes]
        left: dict[str, Moment] = {}

        def leaving(requests: Sequence[Request]) -> None:
            left.update(dict.fromkeys((request.path for request in requests), self.clocks.now()))

        seen = await directory.current(self.graph, users, methods=methods, patience=patience, leaving=leaving)
        slots = list(zip(seen["user_id"], seen["method"], strict=True))
        self.why |= {slot: why for slot, why in zip(slots, seen["error"], strict=True) if why}
        rows = zip(slots, seen["known"], seen["value"], strict=True)
        found: Now = {slot: value if known else None for slot, known, value in rows}
        asked = {c.slot: left.get(c.reading.path) for c in changes}
        self._at |= {slot: at for slot, at in asked.items() if at is not None and found.get(slot) is not None}
        return found

    def fresh(self, changes: Iterable[Change]) -> bool:
        """Whether each of these was read just now; the moment of a reading is when it left."""
        return all(self.clocks.fresh(self._at.get(c.slot)) for c in changes)

    def early(self, waited: float) -> bool:
        """Whether a write of which nothing is known may still come to show: twice the lag seen so far."""
        return waited < (max(1.0, 2 * self._lag) if self._shown >= _ENOUGH_SHOWN else _UNTIL_LAG_IS_KNOWN)

    async def until_shown(
        self, changes: Sequence[Change], now: Now, hidden: Callable[[Change, str, float], bool]
    ) -> Now:
        """Read again, with growing pauses, what may still come to show; learns how far reads lag."""
        now, waited = dict(now), 0.0
        open_ = list(changes)
        for pause in (*_PAUSES, 0.0):
            found = {c.slot: now[c.slot] for c in open_}
            seen = [c for c in open_ if (value := found[c.slot]) is not None and c.done_by(value)]
            self._shown += len(seen)
            self._lag = max(self._lag, waited) if seen else self._lag
            open_ = [c for c in open_ if (v := found[c.slot]) is None or hidden(c, v, waited)]
            if not open_ or not pause:
                break
            await self.sleep(pause)
            waited += pause
            now |= await self.now(open_)
        return now


async def gone(graph: Graph, unread: Iterable[str]) -> set[str]:
    """Whom of those that could not be read the tenant does not have any more; nobody, when that is not told."""
    ids = list(dict.fromkeys(unread))
    try:
        found = await directory.find_users(graph, ids)
    except GraphError:
        return set()
    return set(ids) - set(found["asked"])
