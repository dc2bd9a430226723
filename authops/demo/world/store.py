"""Where the world survives a restart: one SQLite file, written through on every change."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TABLES = """
create table if not exists users (id text primary key, position integer, body text not null);
create table if not exists meta (key text primary key, value text not null);
create table if not exists audits (number integer primary key, id text not null, body text not null);
"""


class Store:
    """Users as JSON documents by id, and a few facts about the tenant."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or a world that ends with the process when there is none."""
        self._db = sqlite3.connect(str(path or ":memory:"), check_same_thread=False, isolation_level=None)
        # WAL in the page cache outlives a killed process; only a power cut could lose the last writes.
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(_TABLES)
        self._audits: int = self._db.execute("select count(*) from audits").fetchone()[0]

    def meta(self) -> dict[str, Any]:
        """Return the facts about the tenant."""
        return {key: json.loads(value) for key, value in self._db.execute("select key, value from meta")}

    def users(self) -> Iterable[dict[str, Any]]:
        """Yield every user document in the order of creation."""
        for (body,) in self._db.execute("select body from users order by position"):
            yield json.loads(body)

    def replace(self, meta: dict[str, Any], users: Iterable[tuple[str, str]]) -> None:
        """Begin anew with these facts and users (id, JSON)."""
        rows = [(user, n, body) for n, (user, body) in enumerate(users)]
        self._db.execute("begin immediate")
        self._db.execute("delete from users")
        self._db.execute("delete from meta")
        self._db.execute("delete from audits")
        self._audits = 0
        self._db.executemany("insert into users values (?, ?, ?)", rows)
        self._db.executemany("insert into meta values (?, ?)", [(k, json.dumps(v)) for k, v in meta.items()])
        self._db.execute("commit")

    def save(self, user: dict[str, Any]) -> None:
        """Write one changed user."""
        self._db.execute("update users set body = ? where id = ?", (json.dumps(user), user["id"]))

    def add(self, user: dict[str, Any]) -> None:
        """Write one new user, after all others."""
        sql = "insert into users select ?, coalesce(max(position), 0) + 1, ? from users"
        self._db.execute(sql, (user["id"], json.dumps(user)))

    def set(self, key: str, value: Any) -> None:
        """Write one fact about the tenant."""
        self._db.execute("insert or replace into meta values (?, ?)", (key, json.dumps(value)))

    def add_audit(self, audit_id: str, body: str) -> None:
        """Append one record of the audit log."""
        self._db.execute("insert into audits (id, body) values (?, ?)", (audit_id, body))
        self._audits += 1

    def count_audits(self) -> int:
        """Return how many records there are."""
        return self._audits

    def audits(self) -> Iterable[tuple[str, str]]:
        """Yield id and record, the oldest first."""
        yield from self._db.execute("select id, body from audits order by number")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
