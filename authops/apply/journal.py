"""The append-only record of intents and outcomes, in SQLite (WAL, full sync): no write leaves without its intent."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.words import disk
from authops.words.errors import JournalError
from authops.words.frames import OUTCOME_ROWS, frame

VERSION: Final = 4
_SCHEMA: Final = """
create table intents (
    id integer primary key, change_id text not null, attempt integer not null, line integer not null,
    user_id text not null, user_principal_name text not null, method text not null, action text not null,
    before text not null, after text not null, at text not null, unique (change_id, attempt));
create table outcomes (
    change_id text primary key, line integer not null, user_id text not null, user_principal_name text not null,
    method text not null, action text not null, before text not null, after text not null,
    outcome text not null, found text not null, detail text not null, request_id text not null, at text not null);
"""
_FACTS: Final = "create table facts (name text primary key, value text not null);"
_TICKETS: Final = """
alter table intents add column ticket text not null default '';
alter table outcomes add column ticket text not null default '';
"""
_IDS: Final = """
alter table intents add column method_id text not null default '';
alter table outcomes add column method_id text not null default '';
"""
# What each format lacks of the next one.
_STEPS: Final = (_SCHEMA, _FACTS, _TICKETS, _IDS)
_NO_ROOM: Final = "free the disk or the folder, then run verify"
_DAMAGED: Final = "it is damaged: put it back from a backup, or preview again, which shows what is there now"
_INTENT: Final = (
    "change_id",
    "attempt",
    "line",
    "user_id",
    "user_principal_name",
    "method",
    "method_id",
    "action",
    "before",
    "after",
    "at",
    "ticket",
)


class Journal:
    """One run's journal. Raises `JournalError` when it cannot be opened or written (full disk, newer version)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._faults("opened"):
            os.close(disk.lasting(path, os.O_RDWR))
            self._file = _identity(path)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._ready()

    def _ready(self) -> None:
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer authops (format {version})",
                remedy="this attempt wrote nothing; update authops",
            )
        if version:
            self._whole()
        if version < VERSION:
            missing = "".join(_STEPS[version:])
            self._db.executescript(f"begin immediate; {missing} pragma user_version = {VERSION}; commit;")

    def _whole(self) -> None:
        """A damaged page may hide an intent, and a damaged index one that is there."""
        said = self._db.execute("pragma integrity_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)

    def intend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Record what is about to be written (CHANGES fields, `attempt`, `at`); returns once it is on the disk."""
        marks = ", ".join(f":{name}" for name in _INTENT)
        self._write(f"insert into intents ({', '.join(_INTENT)}) values ({marks})", rows)

    def settle(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Record what became of changes (OUTCOME_ROWS fields). One outcome per change."""
        marks = ", ".join(f":{name}" for name in OUTCOME_ROWS)
        self._write(f"insert into outcomes ({', '.join(OUTCOME_ROWS)}) values ({marks})", rows)

    def outcomes(self) -> pd.DataFrame:
        """All outcomes so far (OUTCOME_ROWS), in the order they were recorded."""
        with self._faults("read"):
            found = self._db.execute(f"select {', '.join(OUTCOME_ROWS)} from outcomes order by rowid").fetchall()
        return frame(OUTCOME_ROWS, [dict(zip(OUTCOME_ROWS, row, strict=True)) for row in found])

    def recorded(self) -> pd.DataFrame:
        """Everything that may have been written (OUTCOME_ROWS): outcomes, and open intents as `unknown`."""
        settled = self.outcomes()
        waiting = self.open_intents().drop_duplicates("change_id", keep="last")
        unsettled = {"outcome": "unknown", "found": "", "request_id": "", "detail": "the run ended before its answer"}
        rows = [dict(row) | unsettled for row in waiting.to_dict("records")]
        named = [{name: row[name] for name in OUTCOME_ROWS} for row in rows]
        return pd.concat([settled, frame(OUTCOME_ROWS, named)], ignore_index=True) if named else settled

    def note(self, **facts: str) -> None:
        """Write down facts about the run itself; a later one replaces an earlier of the same name."""
        rows = [{"name": name, "value": value} for name, value in facts.items()]
        self._write("insert or replace into facts (name, value) values (:name, :value)", rows)

    def facts(self) -> dict[str, str]:
        """What was noted."""
        with self._faults("read"):
            return dict(self._db.execute("select name, value from facts"))

    def open_intents(self) -> pd.DataFrame:
        """Intents without an outcome: writes of which nobody knows what they did."""
        sql = f"select {', '.join(_INTENT)} from intents where change_id not in (select change_id from outcomes)"
        with self._faults("read"):
            return pd.DataFrame(self._db.execute(sql).fetchall(), columns=list(_INTENT))

    def left(self, change_ids: Iterable[str]) -> int:
        """How many changes an apply of these has still to settle: also what was sent and is no more approved."""
        to_do = {*change_ids, *self.open_intents()["change_id"]}
        return len(to_do - set(self.outcomes()["change_id"]))

    def attempts(self) -> dict[str, int]:
        """How often each change was meant to be written so far; a change that never was is not in it."""
        with self._faults("read"):
            return dict(self._db.execute("select change_id, max(attempt) from intents group by change_id"))

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        self._db.close()

    def _write(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        with self._faults("written"):
            if not self.path.exists() or _identity(self.path) != self._file:
                raise FileNotFoundError("it was moved or removed while it was in use, and nobody would find it again")
            self._db.execute("begin immediate")
            try:
                self._db.executemany(sql, [dict(row) for row in rows])
                self._db.execute("commit")
            except BaseException:
                # A full disk has rolled it back already.
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            damaged = type(error) is sqlite3.DatabaseError
            raise JournalError(
                f"the journal {self.path} cannot be {what}: {error}",
                remedy=f"nothing more was written to Graph; {_DAMAGED if damaged else _NO_ROOM}",
            ) from error


def far(path: Path) -> dict[str, int]:
    """How far the apply is that writes this journal, read beside it: outcome → changes; nothing while none can tell."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return dict(db.execute("select outcome, count(*) from outcomes group by outcome order by min(rowid)"))
    except sqlite3.Error:
        return {}


def _identity(path: Path) -> tuple[int, int]:
    """Which file it is, whatever it is called."""
    found = path.stat()
    return found.st_dev, found.st_ino
