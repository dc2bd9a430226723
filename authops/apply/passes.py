"""A pass is made and handed over in one breath: its code goes from Graph's answer into the hand-over, and nowhere else.

Whoever sees that a pass is there does not have its code. So an answer that never came, a kill, or a hand-over that
failed means: a pass may exist that nobody has. It is replaced by the next try, or deleted, and said.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from authops.apply.change import Change
from authops.graph.answer import Answer
from authops.graph.client import Graph
from authops.handover import opening
from authops.handover.handover import Code, HandOver, Letter, NotGivenError, Receipt
from authops.methods import temporary_access_pass as passes
from authops.methods.kinds import KINDS
from authops.words import zones
from authops.words.errors import GuardStop, HandOverError, ParameterError
from authops.words.frames import USERS, check

_log = logging.getLogger(__name__)
_CODE: Final = "temporaryAccessPass"
# How often a pass that nobody has is deleted, before that is left to whoever goes on.
_TRIES: Final = 10
_GONE: Final = 404
# Groups that are on their way at once: one makes and hands over, the others read.
_LANES: Final = 3


@dataclass(frozen=True)
class Made:
    """A pass that was made: its change, its value with Graph's id, and the code until it is handed over."""

    change: Change
    value: str
    code: Code


@dataclass(frozen=True)
class Given:
    """What a hand-over did: change id → receipt; whoever has none did not get theirs, or it is not known.

    `declined`: that a person said so; `ended`: why no more passes may be made; empty where none of it is so.
    """

    receipts: Mapping[str, Receipt]
    declined: str = ""
    ended: str = ""


@dataclass
class Handing:
    """Where the codes of an apply go. `people`: USERS, for names and clocks; `time_zone`: as when they were planned."""

    hand_over: HandOver
    people: pd.DataFrame
    language: str = "en"
    time_zone: str = zones.OWN_COUNTRY
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        rows = check(self.people, USERS).to_dict("records")
        self._people: dict[str, Mapping[Any, Any]] = {str(row["user_id"]): row for row in rows}

    @property
    def lanes(self) -> int:
        """How many groups may be on their way: one where each pass waits for a person."""
        return 1 if self.hand_over.at_once == 1 else _LANES

    async def ready(self, changes: Iterable[Change]) -> None:
        """Try the hand-over for real, before the first pass is made. Raises `HandOverError`."""
        wanted = [found.recipient for c in changes if (found := passes.read(c.after))]
        await self.hand_over.ready(wanted)

    def letter(self, made: Made) -> Letter:
        """What is handed over for one pass, in the clock of the person it is for."""
        there, wanted = passes.read(made.value), passes.read(made.change.after)
        if there is None or wanted is None or there.start is None or there.expires is None:
            raise HandOverError("a pass came without its times", remedy="go on with the run, which replaces it")
        person = self._people.get(made.change.user_id, {})
        zone = zones.told_in(str(person.get("country", "")), self.time_zone)
        return Letter(
            made.change.change_id,
            made.change.user_id,
            made.change.user_principal_name,
            str(person.get("display_name", "")),
            wanted.recipient,
            made.code,
            there.start.astimezone(zone),
            there.expires.astimezone(zone),
            there.once,
            self.language,
        )

    async def give(self, made: Sequence[Made]) -> Given:
        """Hand these over, and tell what became of each."""
        receipts: dict[str, Receipt] = {}

        def done(receipt: Receipt) -> None:
            receipts[receipt.change_id] = receipt

        declined = why = ""
        try:
            await self.hand_over.give([self.letter(one) for one in made], done)
        except NotGivenError as error:
            declined = error.message
        except HandOverError as error:
            why = error.message
        except Exception as error:
            # Nothing of it but its name is told: its text may hold what was to be handed over.
            why = f"the hand-over broke ({type(error).__name__})"
        finally:
            for one in made:
                one.code.wipe()
        missing = sum(one.change.change_id not in receipts for one in made)
        if missing and not declined:
            why = why or f"{missing:,} passes came back without a receipt"
        return Given(receipts, declined, f"the hand-over failed: {why}" if why else self.hand_over.ended)


async def begun(
    handing: Handing | None, changes: Sequence[Change], mode: str, go_on: Callable[[], bool]
) -> tuple[int, int] | None:
    """How many passes may be made at once, and in how many groups; None where none is made.

    The hand-over is tried here, before the first pass is made; what waits for a person asks `go_on` meanwhile.
    Raises `GuardStop` for passes without one, or beside other changes, `HandOverError`.
    """
    secret = [change for change in changes if change.secret]
    if not secret or (handing is None and mode != "apply"):
        return None
    if handing is None:
        raise GuardStop(
            "passes are to be made, and no hand-over is named: nobody would ever have their codes",
            remedy="this attempt wrote nothing; name a hand_over",
        )
    if len(secret) < len(changes):
        raise GuardStop("passes stand beside other changes", remedy="this attempt wrote nothing; plan the passes alone")
    handing.hand_over.go_on = go_on
    await handing.ready(secret)
    return handing.hand_over.at_once, handing.lanes


def taken(changes: Sequence[Change], answers: Mapping[str, Answer]) -> list[Made]:
    """The passes that were made, their codes taken out of the answers: those hold none any more."""
    found = []
    for change in changes:
        answer = answers[change.change_id]
        code = answer.body.pop(_CODE, None)
        value = passes.shown(answer.body)
        if answer.happened == "done" and isinstance(code, str) and code and value:
            found.append(Made(change, value, Code(code)))
        elif answer.happened == "done":
            _log.warning("%s: a pass was made and came without its code; it is made again", answer.request)
    return found


async def delete(graph: Graph, there: Mapping[Change, str]) -> set[Change]:
    """Delete passes (change → the value that is there) that nobody has: the changes whose pass is gone."""
    asked = {KINDS[c.method].writing("remove", c.user_id, "", value): c for c, value in there.items()}
    left, gone, tries = list(asked), set[Change](), 0
    while left and tries < _TRIES * len(asked):
        count, sent_at = await graph.pace.turn(left)
        answers = await graph.write(left[:count], sent_at)
        over = {a.request for a in answers if a.happened in ("done", "refused")}
        gone |= {asked[a.request] for a in answers if a.happened == "done" or a.status == _GONE}
        left = [request for request in left[count:] + left[:count] if request not in over]
        tries += count
    return gone


def said(given: Receipt) -> str:
    """A receipt as the journal keeps it: how, where, when. Never a code."""
    return f"handed over: {given.how}, {given.where}, {given.at.isoformat(timespec='seconds')}"


def handing(
    plan: Any,
    approved: pd.DataFrame,
    people: pd.DataFrame,
    hand_over: str,
    folder: str,
    settings: Iterable[str] = (),
    *,
    language: str,
    **how: Any,
) -> Handing | None:
    """Where the codes of the passes among approved changes (CHANGES) go; None where there are none, or none is named.

    `plan`: theirs. `settings` (`NAME VALUE`), `how`: as `handover.open` has them. Raises `HandOverError`,
    `ParameterError`.
    """
    kinds = [name for name, kind in KINDS.items() if kind.secret]
    if not hand_over or not (approved["method"].isin(kinds) & approved["action"].ne("remove")).any():
        return None
    rows = plan.header.get("rules", {}).get("rows", {})
    given = {name: value for name, value in how.items() if value} | _settings(settings)
    opened = opening.open(hand_over, folder=folder, **given)
    return Handing(opened, people, language, str(rows.get("time_zone", zones.OWN_COUNTRY)))


def _settings(said: Iterable[str]) -> dict[str, Any]:
    """What further settings say. Raises `ParameterError` for one that no hand-over has."""
    found = {name: value.strip() for name, _, value in (one.strip().partition(" ") for one in said)}
    known = set(inspect.signature(opening.open).parameters) - {"kind", "folder", "interactive", "now"}
    if strange := sorted(set(found) - known):
        raise ParameterError(
            f"hand_over_settings: {strange[0][:40]!r} is no setting", remedy=f"there is {', '.join(sorted(known))}"
        )
    return found


def let_go(given: Handing | None) -> None:
    """The hand-over lets go of what it holds: a board on the screen, say."""
    if given is not None:
        given.hand_over.close()


def where_codes_go(given: Handing | None) -> dict[str, str]:
    """For people."""
    return {"codes of passes go": f"by {given.hand_over.name}" if given else "nowhere: no pass is made"}
