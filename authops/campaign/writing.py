"""Changing the campaign's settings, and the opt-out beside them: once, after reading again, and recorded so that it can
be taken back.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.campaign import registration, rules
from authops.campaign.registration import NAME, Settings, plain
from authops.campaign.remarks import OPT_OUT
from authops.graph import requests
from authops.graph.answer import Answer, Request
from authops.graph.client import Graph
from authops.words import disk
from authops.words.errors import GraphError, GuardStop, ParameterError
from authops.words.frames import NUDGES

Sleep = Callable[[float], Awaitable[object]]
_WHEN: Final = {"now": "before", "then": "after"}
_CHANGES: Final = ("newly asked", "no longer asked", "not known")
_NOT_DONE: Final = ("refused", "again")
_PAUSES: Final = (0.0, 1.0, 2.0, 5.0, 10.0)
_SHOWS_NOT: Final = "Graph accepted it and does not show it (yet); read again later"
_DRIFTED: Final = "somebody changed it since it was read, or it can no longer be read; that was not written"


@dataclass(frozen=True)
class Outcome:
    """What became of a change: an outcome as apply uses it (or `dry run`, `nothing to do`, `partly applied`: one of two
    requests), and Graph's words.
    """

    outcome: str
    found: Settings
    detail: str = ""
    request_id: str = ""

    @property
    def applied(self) -> bool:
        """Whether it is as it was wanted."""
        return self.outcome.startswith("applied")


@dataclass(frozen=True)
class _Step:
    """One request, the settings it stands on, and those that it makes."""

    what: str
    request: Request
    before: Settings
    after: Settings

    @property
    def opts(self) -> bool:
        """Whether it is the opt-out that it changes."""
        return self.before.get(OPT_OUT) != self.after.get(OPT_OUT)

    def shown(self, found: Settings) -> bool:
        """Whether what was read is what it makes."""
        return registration.alike(found, self.after) and (OPT_OUT in found or not self.opts)


def _steps(before: Settings, after: Settings) -> list[_Step]:
    """The opt-out first: only beta has it, so it is the one more likely to be refused, and then nothing is written.

    Only what changes is not enough for the campaign: a list of targets is replaced whole, so all of it is sent.
    """
    between = {**before, OPT_OUT: after[OPT_OUT]} if OPT_OUT in after else dict(before)
    opting = _Step("the opt-out", requests.change_opt_out(bool(after.get(OPT_OUT))), before, between)
    campaign = {name: value for name, value in after.items() if name != OPT_OUT}
    changing = _Step("the campaign", requests.change_campaign(campaign), between, after)
    return [step for step in (opting, changing) if plain(step.before) != plain(step.after)]


async def apply(
    graph: Graph, before: Settings, after: Settings, *, intend: Callable[[], object], sleep: Sleep = asyncio.sleep
) -> Outcome:
    """Read again, refuse drift, call `intend`, PATCH once, read back until Graph shows it; so the opt-out, then the
    campaign, of those that change. Raises `GraphError` only while nothing was written yet.
    """
    done: list[tuple[str, Outcome]] = []
    for step in _steps(before, after):
        result = await _carefully(graph, step, intend, sleep, begun=bool(done))
        if not result.applied:
            return _partly(done, step, result) if done else result
        done.append((step.what, result))
    last = done[-1][1]
    details = "; ".join(result.detail for _, result in done if result.detail)
    return Outcome("applied_with_note" if details else "applied", last.found, details, last.request_id)


def _partly(done: list[tuple[str, Outcome]], step: _Step, result: Outcome) -> Outcome:
    """Nobody may take it for unwritten: what was written can be taken back."""
    told = f"{done[0][0]} is changed; {step.what}: {result.outcome}, {result.detail}"
    return Outcome("partly applied", result.found or done[-1][1].found, told, result.request_id)


async def _carefully(graph: Graph, step: _Step, intend: Callable[[], object], sleep: Sleep, *, begun: bool) -> Outcome:
    try:
        return await _one(graph, step, intend, sleep)
    except GraphError as error:
        if not begun:
            raise
        return Outcome("skipped", {}, f"it could not be read again, so it was not written: {error}")


async def _one(graph: Graph, step: _Step, intend: Callable[[], object], sleep: Sleep) -> Outcome:
    # The turn first, however long it takes; what is read then is fresh.
    _, sent_at = await graph.pace.turn([step.request])
    now = (await registration.read(graph)).settings
    if not registration.alike(now, step.before) or (step.opts and OPT_OUT not in now):
        graph.pace.give_back("writes", 1)
        return Outcome("drifted", now, _DRIFTED)
    intend()
    (answer,) = await graph.write([step.request], sent_at)
    return await _what_became(graph, step, answer, sleep)


async def _what_became(graph: Graph, step: _Step, answer: Answer, sleep: Sleep) -> Outcome:
    detail, rejected = str(answer.error or ""), answer.happened in _NOT_DONE
    try:
        found = await _read_back(graph, step, None if rejected else sleep)
    except GraphError as error:
        return Outcome("unknown", {}, f"{detail} and it could not be read back: {error}".strip(), answer.request_id)
    if step.shown(found):
        return Outcome("applied_with_note" if detail else "applied", found, detail, answer.request_id)
    return Outcome("rejected" if rejected else "unknown", found, detail or _SHOWS_NOT, answer.request_id)


async def _read_back(graph: Graph, step: _Step, sleep: Sleep | None) -> Settings:
    """The settings as Graph shows them: once, or, where they may still come, until they are there or half a minute is
    over.
    """
    found: Settings = {}
    for pause in _PAUSES if sleep else (0.0,):
        if sleep and pause:
            await sleep(pause)
        found = (await registration.read(graph)).settings
        if step.shown(found):
            break
    return found


@dataclass(frozen=True)
class Kept:
    """The record of a change (NAME in the run folder), from which it can be taken back."""

    folder: Path
    facts: Mapping[str, Any]

    def note(self, **more: Any) -> Path:
        """Write the facts and what is known by now, for its owner only, and surely on the disk."""
        path = self.folder / NAME
        new = path.with_suffix(".new")
        with open(disk.fresh(new), "w", encoding="utf-8") as file:
            json.dump({**self.facts, **more}, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        return path


async def carry_out(
    graph: Graph, before: Settings, after: Settings, mode: str, kept: Kept, *, sleep: Sleep = asyncio.sleep
) -> Outcome:
    """What mode says: nothing for equal settings, nothing in a dry run, else `apply`; `kept` records it."""
    if not _steps(before, after):
        return Outcome("nothing to do", before)
    if mode != "apply":
        kept.note(outcome="dry run")
        return Outcome("dry run", before)
    result = await apply(graph, before, after, intend=lambda: kept.note(outcome="unknown"), sleep=sleep)
    kept.note(outcome=result.outcome, detail=result.detail, request_id=result.request_id, found=dict(result.found))
    return result


def compare(coverage: pd.DataFrame, before: pd.Series[str], after: pd.Series[str]) -> pd.DataFrame:
    """Each person with the reason before and after, and what that changes (NUDGES)."""
    was, will, unsure = before.isin(rules.ASKED), after.isin(rules.ASKED), after == "unknown"
    change = pd.Series("", index=coverage.index, dtype="str")
    change = change.mask(was & will, "still asked").mask(~was & will, "newly asked")
    change = change.mask(was & ~will, "no longer asked").mask(unsure, "not known")
    data = coverage.assign(before=before, after=after, change=change)
    return data[list(NUDGES)].astype("str").reset_index(drop=True)


def guard(nudges: pd.DataFrame, sealed: str, approved: str, max_newly: int | None) -> None:
    """May it be written? Raises `ParameterError` when another change was approved, `GuardStop` beyond the limit.

    Of whom it is not known whether they would be asked counts as asked.
    """
    if approved != sealed:
        raise ParameterError(
            f"this change is {sealed}, and parameter seal says {approved or 'nothing'}",
            remedy=f"look at the dry run; when it is what you want: -p seal {sealed}",
        )
    newly, unsure = (int((nudges["change"] == kind).sum()) for kind in ("newly asked", "not known"))
    if max_newly is not None and newly + unsure > max_newly:
        doubt = f", and of {unsure:,} it is not known" if unsure else ""
        raise GuardStop(
            f"max_newly is {max_newly:,}, and {newly:,} people would be asked anew{doubt}",
            remedy="nothing was written; include fewer, or raise max_newly",
        )


def tally(nudges: pd.DataFrame) -> dict[str, Any]:
    """Counts for the record: asked now and then, and what changes."""
    found = nudges["change"].value_counts()
    asked = {f"asked_{when}": int(nudges[column].isin(rules.ASKED).sum()) for when, column in _WHEN.items()}
    return asked | {name.replace(" ", "_"): int(found.get(name, 0)) for name in _CHANGES}


def ending(result: Outcome, nudges: pd.DataFrame, sealed: str) -> tuple[str, str]:
    """(status, headline)."""
    newly, gone, unsure = (int((nudges["change"] == kind).sum()) for kind in _CHANGES)
    who = f"{newly:,} people newly asked, {gone:,} no longer" + (f", of {unsure:,} not known" if unsure else "")
    if result.outcome == "nothing to do":
        return "nothing to do", f"the campaign stays as it is: {tally(nudges)['asked_then']:,} are asked"
    if result.outcome == "dry run":
        return "done", f"dry run, nothing was written: {who}; to write it: seal {sealed}"
    if result.applied:
        return "done", f"the campaign is changed: {who}"
    return "attention", f"{result.outcome}: {result.detail}"
