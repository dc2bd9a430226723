"""A clean-up that is killed and gone on with, in a storm, ends as planned: judged by the tenant as it happens.

Real processes and two thousand changes: `python -m bench.cleanup`. Here a life ends in between of a request's ways.
"""

from __future__ import annotations

import gc
import random
import re
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.demo.world.tenant import Method, User, revive
from authops.methods import survivors
from bench.cleanup import expected, stood
from tests.apply import cleaned
from tests.apply.conftest import Stage, user_id
from tests.apply.test_cleanup import PEOPLE, RULES
from tests.worlds.times import Times

FAULTS = ["inner-effect-then-500", "inner-503", "inner-429", "reset"]
WRITES = re.compile(rb'"(DELETE|PATCH|POST)"')
ALIKE = 3
_NO_WAY_IN = ("password", "email", "qrCodePin", "temporaryAccessPass")


class Killed(SystemExit):
    """The process is no more: the loop ends at once, and nobody catches it."""


@dataclass
class Mortal(httpx.AsyncBaseTransport):
    """Dies at the `due`-th request that writes: before it arrives, or once it has had its effect."""

    inner: httpx.AsyncBaseTransport
    journal: Path
    due: int = 0
    after: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        writes = bool(WRITES.search(request.content))
        self.due -= writes
        dies = writes and self.due == 0
        if dies and not self.after:
            self.die()
        try:
            answer = await self.inner.handle_async_request(request)
        except ConnectionResetError as error:
            if dies:
                self.die()
            raise httpx.ReadError(str(error)) from None  # as a socket would tell it
        if dies:
            self.die()
        return answer

    def die(self) -> None:
        """What is on the disk now is what is left, whatever Python still does with the rest."""
        (self.journal.parent / "left").mkdir()
        for file in self.journal.parent.glob(f"{self.journal.name}*"):
            shutil.copy(file, self.journal.parent / "left")
        raise Killed(9)

    def bury(self) -> None:
        """Nothing of a killed process is left but its files."""
        gc.collect()
        for file in self.journal.parent.glob(f"{self.journal.name}*"):
            file.unlink()
        for file in (self.journal.parent / "left").iterdir():
            file.rename(self.journal.parent / file.name)
        (self.journal.parent / "left").rmdir()


def life(stage: Stage, changes: pd.DataFrame, journal: Path) -> pd.DataFrame:
    """One process that applies, as long as it lives."""

    async def done() -> pd.DataFrame:
        kept = Journal(journal)
        async with stage.graph() as graph:
            outcomes = await Applier(graph, kept, lambda: datetime.now(UTC), mode="apply", sleep=stage.pause).apply(
                changes
            )
        kept.close()
        return outcomes

    times = Times()
    try:
        return pd.DataFrame(times.run(done()))
    finally:
        stage.time += times.steady()


@dataclass
class Witness:
    """Looks at the journal and the person whenever the tenant takes a method away; everything here should be empty."""

    journal: Path
    plan: pd.DataFrame
    defaults: dict[str, str | None]
    unintended: list[str] = field(default_factory=list)
    unmoved: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    seen: int = 0

    def __post_init__(self) -> None:
        self.moves = set(self.plan.loc[self.plan["method"] == "defaultMethod", "user_id"])
        self.leavers = set(self.plan.loc[self.plan["reason"] == "leaver", "user_id"])

    def __call__(self, user: User, old: dict[str, Method], new: dict[str, Method]) -> None:
        for gone in old.keys() - new.keys():
            self.seen += 1
            self.unintended += [] if gone.casefold() in self.intents(user) else [gone]
            early = user.id in self.moves and gone == self.defaults[user.id] and user.default in (None, gone)
            self.unmoved += [user.id] if early else []
        had, has = ([m for m in held.values() if m.kind not in _NO_WAY_IN] for held in (old, new))
        self.stranded += [user.id] if had and not has and user.id not in self.leavers else []

    def intents(self, user: User) -> set[str]:
        """What the journal on the disk says by now that was going to be taken from this person."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
            asked = "select method, method_id, before from intents where user_id = ? and action = 'remove'"
            return {survivors.graph_id(*row).casefold() for row in db.execute(asked, (user.id,))}


def people() -> list[User]:
    return [
        cleaned.person(f"{name}{n}", has, default, **more)
        for n in range(ALIKE)
        for name, (has, default, more) in PEOPLE.items()
    ]


@pytest.mark.parametrize("seed", range(3))
def test_killed_in_a_storm_and_gone_on_with_it_ends_as_planned(stage: Stage, seed: int) -> None:
    tenant, dice = stage.world.tenant, random.Random(seed)
    tenant.populate(people())
    before = {user.id: revive(user.document()) for user in tenant.users.values()}
    changes = cleaned.planned(stage, RULES["all"]).writes
    assert len(changes) > 60
    journal = stage.folder / "journal.sqlite"
    witness = Witness(journal, changes, {user.id: user.default for user in before.values()})
    tenant.observe = witness
    stage.transport = mortal = Mortal(httpx.ASGITransport(stage.world.app), journal)
    stage.weather(fault_rate=0.1, faults=FAULTS, seed=seed)
    killed: Counter[bool] = Counter()
    for number in range(8):
        mortal.due, mortal.after = dice.randrange(1, 3), number % 2 == 0
        try:
            life(stage, changes, journal)
        except Killed:
            mortal.bury()
            killed[mortal.after] += 1
    mortal.due = 0
    outcomes = life(stage, changes, journal)
    assert min(killed[True], killed[False]) >= 2, killed
    assert set(outcomes["outcome"]) <= {"applied", "applied_with_note"}
    assert (witness.unintended, witness.unmoved, witness.stranded) == ([], [], [])
    assert witness.seen >= changes["action"].eq("remove").sum()
    each: dict[Any, pd.DataFrame] = dict(list(changes.groupby("user_id")))
    assert set(each) < set(before), "some are left alone"
    now = {user.id: stood(user) for user in tenant.users.values()}
    assert now == {user: expected(was, each.get(user, changes[:0])) for user, was in before.items()}


def test_this_witness_sees_what_must_not_be(stage: Stage) -> None:
    """Without a journal, with the default still where it was, and with nothing left."""
    stage.world.tenant.populate([cleaned.person("app0", *PEOPLE["app"][:2])])
    user = stage.world.tenant.users[user_id("app0")]
    plan = cleaned.planned(stage, RULES["all"]).writes
    cleaned.applied(stage, plan, mode="dry-run")
    witness = Witness(stage.folder / "journal.sqlite", plan, {user.id: user.default})
    witness(user, user.methods, {})
    assert (len(witness.unintended), witness.unmoved, witness.stranded) == (2 + 1, [user.id], [user.id])
