"""Passes on the stage: rows to a plan, a hand-over that a test can look into, and what the tenant has to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.apply.passes import Handing
from authops.handover.handover import HandOver, Letter, Receipt
from authops.plan import guards, plan
from authops.source import passes as source
from authops.source.people import find_people
from authops.tenant import directory, passes, protection
from authops.words.errors import HandOverError
from tests.apply.conftest import ROOT, Stage

HEADER = "UPN,Start,LifetimeMinutes,Once,Recipient\n"
KIND = "temporaryAccessPass"


class Kept(HandOver):
    """Codes by change, as a recipient would have them; goes wrong when a test says so."""

    name = "kept"

    def __init__(self, at_once: int = 20) -> None:
        self.at_once = at_once
        self.codes: dict[str, str] = {}
        self.letters: list[Letter] = []
        self.tried: list[str] = []
        self.made_before_given: list[int] = []
        self.fails: Callable[[Sequence[Letter]], Exception | None] = lambda _: None
        self.loses: Callable[[Letter], Exception | None] = lambda _: None
        self.down = False
        self.forgets = False

    async def ready(self, recipients: Sequence[str]) -> None:
        self.tried = list(recipients)
        if self.down:
            raise HandOverError("the hand-over is down", remedy="start it")

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        self.made_before_given.append(len(letters))
        if error := self.fails(letters):
            raise error
        for letter in letters:
            if error := self.loses(letter):
                raise error
            self.letters.append(letter)
            self.codes[letter.user_principal_name] = letter.code.reveal()
            if not (self.forgets and letter is letters[0]):
                done(Receipt(letter.change_id, "kept", letter.recipient, datetime(2026, 11, 27, tzinfo=UTC)))


def planned(
    stage: Stage, rows: str, *, rules: source.Rules | None = None, protect: Any = None, **more: Any
) -> plan.Plan:
    """The plan of a file of passes, as 8_passes makes it."""
    path = stage.folder / "passes.csv"
    path.write_text(HEADER + rows)
    protect = protect or protection.Rules()

    async def made() -> plan.Plan:
        async with stage.graph() as graph:
            limits = await passes.policy(graph)
            asked = source.read(path)
            asked, users = await find_people(graph, asked, tick=lambda _: None)
            now = more.get("now", datetime.now(UTC))
            known = rules or source.Rules(recipient="desk")
            wanted = source.timed(asked, users, limits, known, now=now)
            ids = users.loc[users["user_id"] != "", "user_id"]
            current = await directory.current(graph, ids, methods=[KIND])
            held = await protection.read(graph, users, protect, methods=[KIND])
            registered = await passes.registered(graph, ids)
            served = passes.served(users, registered, more.get("on_registered", "hold"))
            header = {"tenant_id": "t", "rules": {"protect": protect.facts()}}
            found = plan.make(wanted.wanted, current, users, wanted.problems, header)
            return guards.hold(guards.hold(found, held.held), served)

    return asyncio.run(made())


def give(stage: Stage, changes: pd.DataFrame, hand: HandOver | None, **more: Any) -> tuple[pd.DataFrame, Applier]:
    """Apply them with this hand-over; the outcomes, and the applier."""

    async def done() -> tuple[pd.DataFrame, Applier]:
        journal = Journal(stage.folder / "passes.sqlite")
        async with stage.graph() as graph:
            people = await directory.find_users(graph, list(changes["user_id"]))
            handing = Handing(hand, people) if hand else None
            how = {"mode": "apply", "sleep": stage.pause, "handing": handing} | more
            applier = Applier(graph, journal, lambda: datetime.now(UTC), **how)
            try:
                return await applier.apply(changes), applier
            finally:
                journal.close()

    return stage.run(done())


def held(stage: Stage) -> dict[str, dict[str, Any]]:
    """UPN → the pass that is there, as it truly is."""
    return {
        user.profile["userPrincipalName"]: {"id": m.id, **m.fields}
        for user in stage.world.tenant.users.values()
        for m in user.methods.values()
        if m.kind == KIND
    }


def works(stage: Stage, user: str, code: str) -> tuple[bool, str]:
    """Whether the tenant lets somebody in with a code."""

    async def asked() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(stage.world.app), base_url=ROOT) as client:
            return (await client.post("/_demo/pass", json={"user": user, "code": code})).raise_for_status().json()

    told = asyncio.run(asked())
    return told["accepted"], told["reason"]


def leaves(folder: Path, code: str) -> list[str]:
    """Files under a folder that hold a code."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and code.encode() in path.read_bytes()]
