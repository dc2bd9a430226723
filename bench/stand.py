"""What every benchmark stands on: a demo tenant of its own over HTTPS, its knobs, and changes to make there."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from authops.demo import ensure, stop
from authops.graph import connection
from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.frames import CHANGES, frame


@dataclass
class Stand:
    """A running demo tenant: `profile` leads a client to it, `knob` turns it."""

    profile: connection.Connection
    folder: Path

    def knob(self, name: str, body: Any = None, method: str = "") -> Any:
        verify = ssl.create_default_context(cafile=self.profile.ca_bundle)
        with httpx.Client(base_url=self.profile.graph_url, verify=verify, timeout=300) as client:
            verb = method or ("PUT" if body is not None else "GET")
            return client.request(verb, f"/_demo/{name}", json=body).raise_for_status().json()

    def log(self) -> list[dict[str, Any]]:
        """The tenant's own record of requests: of Graph's, not of `$batch`."""
        return [row for row in self.knob("log")["requests"] if "$batch" not in row["path"]]

    def phones(self) -> dict[str, dict[str, str]]:
        """User id → phone type → number, as it truly is."""
        return {
            user["id"]: {m["phoneType"]: m["phoneNumber"] for m in user["methods"] if m["kind"] == "phone"}
            for user in self.knob("state")["users"]
        }

    async def users(self) -> list[str]:
        """The ids of all users."""
        async with Graph.connect(self.profile) as graph:
            return list((await directory.all_users(graph))["user_id"])

    def changes(self, count: int) -> pd.DataFrame:
        """So many changes (CHANGES), one a user: another mobile for who has one, a first one for who has none."""
        rows = []
        people = self.phones()
        for number, user_id in enumerate(asyncio.run(self.users())[:count]):
            before = people[user_id].get("mobile", "")
            rows.append(
                {
                    "change_id": f"c{number:06d}",
                    "line": number + 2,
                    "user_id": user_id,
                    "user_principal_name": f"user{number}@contoso.example",
                    "display_name": "",
                    "method": "mobile",
                    "action": "update" if before else "add",
                    "before": before,
                    "after": f"+31 61{number:07d}",
                    "reason": "",
                    "note": "",
                    "step": 1,
                    "ticket": "",
                }
            )
        return frame(CHANGES, rows)


@contextmanager
def tenant(users: int, furnish: Callable[[Path], None] = lambda _: None, **options: Any) -> Iterator[Stand]:
    """A demo tenant for the time of a `with`; `options` go to it (weather, assume …). `furnish` is handed its home
    before it begins.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        furnish(home)
        try:
            yield Stand(connection.load(str(ensure(home, users=users, **options))), Path(folder))
        finally:
            stop(home)


class Line:
    """A line on the screen every ten seconds, so that nobody wonders whether it still runs."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total = name, total
        self.begun = self.said = time.perf_counter()

    def counted(self, done: int, counts: Counter[str]) -> None:
        now = time.perf_counter()
        if now - self.said >= 10:
            self.said = now
            print(
                f"  … {self.name}: {done:,} of {self.total:,} after {now - self.begun:,.0f} s {dict(counts)}",
                flush=True,
            )


def sins(log: list[dict[str, Any]]) -> dict[str, int]:
    """What must never be in a request record: two writes of one user in a batch; a write after an unknown, unread."""
    together: Counter[tuple[str, str]] = Counter()
    unread: dict[str, bool] = defaultdict(bool)
    blind = 0
    for row in log:
        if not row["user"] or "/authentication/" not in row["path"]:
            continue
        if row["method"] == "GET":
            unread[row["user"]] = unread[row["user"]] and row["status"] != 200
            continue
        blind += unread[row["user"]]
        unread[row["user"]] = not 200 <= row["status"] < 300
        if row["batch"]:
            together[row["batch"], row["user"]] += 1
    return {"two writes of a user in one batch": sum(n > 1 for n in together.values()), "written unread": blind}
