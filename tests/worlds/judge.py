"""The judge: from outside, by the tenant's own history and the files left. Nothing of authops is asked here."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.worlds.line import Exchange, Part
from tests.worlds.road import Ended, Play
from tests.worlds.sky import GUARDED_DEPARTMENT, PASS, Effect
from tests.worlds.times import BEGAN

# Seconds: what was read longer ago may not be written over; how long a judgement of who must not be touched holds.
BOUND, HOLDS = 5.0, 75.0
_VERBS = {"add": "POST", "update": "PATCH", "remove": "DELETE"}
_APPLIED = ("applied", "applied_with_note")
STATES = ("defaultMethod", "smsSignIn")
_WANTED = re.compile(r"pass from \S+, (\d+ )min, (once|many times)")
_WORDS = ("push", "oath", "sms", "voiceMobile", "voiceAlternateMobile", "voiceOffice", "none", "ready", "notEnabled")
_NOTHING = re.compile(r"(?<!far )nothing was written")


@dataclass(frozen=True)
class Violation:
    rule: str
    said: str
    at: float = 0.0

    def __str__(self) -> str:
        return f"{self.rule}: {self.said}"


@dataclass
class Write:
    """One request that would change something, as it left."""

    part: Part
    exchange: Exchange
    # When its life asked last what else the person has.
    asked: float = 0.0

    @property
    def folder(self) -> Path:
        return self.exchange.life.folder

    @property
    def slot(self) -> tuple[str, str]:
        return self.part.user, self.part.slot


@dataclass
class Run:
    """What one run folder holds at the end."""

    folder: Path
    writes: list[Write] = field(default_factory=list)

    @cached_property
    def plan(self) -> list[dict[str, Any]]:
        path = self.folder / "plan.parquet"
        return list(pq.read_table(path).to_pylist()) if (self.folder / "plan.json").exists() else []

    @cached_property
    def problems(self) -> set[str]:
        """Who was left alone, as it is said of them."""
        path = self.folder / "problems.parquet"
        return {row["user"] for row in pq.read_table(path).to_pylist()} if path.exists() else set()

    @cached_property
    def header(self) -> dict[str, Any]:
        return _read(self.folder / "plan.json")

    @cached_property
    def approved(self) -> dict[tuple[str, str], dict[str, Any]]:
        ids = set(_read(self.folder / "approval.json").get("change_ids", ()))
        return {slot_of(row): row for row in self.plan if row["change_id"] in ids}

    @cached_property
    def outcomes(self) -> dict[str, dict[str, Any]]:
        return {row["change_id"]: row for row in self._rows("outcomes")}

    @cached_property
    def intents(self) -> list[dict[str, Any]]:
        return self._rows("intents")

    def _rows(self, table: str) -> list[dict[str, Any]]:
        path = self.folder / "journal.sqlite"
        if not path.exists():
            return []
        with sqlite3.connect(path) as db:
            db.row_factory = sqlite3.Row
            try:
                found = [dict(row) for row in db.execute(f"select * from {table}")]
            except sqlite3.OperationalError:
                found = []
        db.close()
        return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def slot_of(row: dict[str, Any]) -> tuple[str, str]:
    """Whose, and which of their methods."""
    which = f"#{row['method_id'].lower()}" if row.get("method_id") else ""
    return row["user_id"], row["method"] + which


def fold(value: str) -> str:
    """A number's digits and extension, an address in lower case: our own way, not the package's."""
    if "@" in value or value in _WORDS:
        return value.casefold()
    if found := _WANTED.match(value):  # a pass that is wanted: how long, and how often
        return "".join(found.groups())
    if value.endswith((" once", " many times")):
        return value
    number, _, extension = value.partition("x")
    return "".join(c for c in number if c.isdigit()) + (f"x{extension}" if extension else "")


def _asks_for(row: dict[str, Any], part: Part) -> bool:
    """Whether an approved row is what this request does."""
    if part.slot == PASS:
        verb, wanted = (
            ("DELETE", row["before"].rpartition("#")[2]) if row["action"] == "remove" else ("POST", row["after"])
        )
        return verb == part.method and fold(wanted) == fold(part.value)
    if part.slot in STATES:
        return part.method in ("PATCH", "POST") and row["after"] == part.value
    return _VERBS.get(row["action"]) == part.method and fold(row["after"]) == fold(part.value)


def _is_as(shown: str, before: str, slot: str) -> bool:
    """Whether what was shown is what the plan saw."""
    if "#" in slot:  # of many, one that is there
        return bool(shown) == bool(before)
    if slot in STATES:
        return shown == before
    return shown == before.rpartition("#")[2] if slot == PASS else fold(shown) == fold(before)


def judge(play: Play) -> list[Violation]:
    return list(Judge(play).found())


class Judge:
    def __init__(self, play: Play) -> None:
        self.play, self.world = play, play.world
        folders = {life.folder for life in play.lives} | {ended.folder for ended in play.ended}
        self.runs = {folder: Run(folder) for folder in sorted(folders)}
        for exchange in play.exchanges:
            for part in exchange.parts:
                if part.step == "write":
                    self.runs[exchange.life.folder].writes.append(Write(part, exchange, part.asked))
        self.ours: dict[str, Path] = {life.name: life.folder for life in play.lives}
        self.foreign = {e.user for e in play.sky.effects if e.by == "another"} | {u for _, u, _ in play.sky.guarded}

    def found(self) -> Iterator[Violation]:
        for run in self.runs.values():
            for write in run.writes:
                yield from self._write(run, write)
            yield from self._outcomes(run)
            yield from self._planned(run)
        for ended in self.play.ended:
            yield from self._ended(ended)
        yield from self._done()
        yield from self._undone()
        yield from self._left_without()
        yield from self._secrets()
        yield from self._codes()

    # Every write, as it left.

    def _write(self, run: Run, write: Write) -> Iterator[Violation]:
        part, who = write.part, self.play.who(write.part.user)
        at = part.left[0]
        what = f"{part.method} {part.slot} of {who} by {write.exchange.life.name}"
        if write.part.runbook != "apply":
            yield Violation("only apply writes", what, at)
        row = run.approved.get(write.slot)
        if part.slot == PASS and part.method == "DELETE" and part.value in self._made(run, part.user):
            return  # one of its own, that nobody has
        if row is None or not _asks_for(row, part):
            yield Violation("nothing unapproved", f"{what} is not in the approved plan", at)
            return
        yield from self._stood_on(write, row, what)
        known = [
            i
            for i in self.play.intents.get(str(run.folder), [])
            if i[0] == row["change_id"] and i[2] <= write.exchange.number
        ]
        sent = [
            w
            for w in run.writes
            if w.slot == write.slot and w.part.method == part.method and w.exchange.number <= write.exchange.number
        ]
        if len(sent) > len(known):
            yield Violation("intent before write", f"{what}: {len(sent)} sent, {len(known)} intents on the disk", at)
        if "survivor" in row.get("condition", "") and at - write.asked > BOUND + 0.001:
            yield Violation("a way in is looked for", f"{what}: asked {at - write.asked:.1f} s before", at)
        if why := self._enabled(row, at):
            yield Violation("leavers only", f"{what}: {why}", at)
        if why := self._guarded(run, write, row):
            yield Violation("nobody guarded", f"{what}: {why}", at)
        until = str(_read(run.folder / "approval.json").get("until", ""))
        if until and part.left[2] > (datetime.fromisoformat(until) - BEGAN).total_seconds() + 1:
            yield Violation("within the approval", what, at)
        if len({p.user for p in write.exchange.parts}) < len(write.exchange.parts):
            yield Violation("one write a person", what, at)

    def _planned(self, run: Run) -> Iterator[Violation]:
        """What was approved: nobody who was guarded all along, and, to be undone, nothing that somebody else wrote."""
        wrote = {slot_of(row): row["after"] for row in self._undoes(run)}
        for slot, row in run.approved.items():
            what = f"{row['action']} {row['method']} of {self.play.who(slot[0])}"
            if why := self._always(run, slot[0], row):
                yield Violation("nobody guarded is planned", f"{what}: {why}")
            if "*" in row["before"]:
                yield Violation("nothing planned on a mask", what)
            mine = row["before"].rpartition("#")[2] in self._made(self.runs[self._undone_run(run)], slot[0])
            # Signing in by SMS went with the mobile that the same run removed after it.
            went = slot[1] == "smsSignIn" and not row["before"] and wrote.get((slot[0], "mobile")) == ""
            as_written = mine if slot[1] == PASS else went or fold(row["before"]) == fold(wrote.get(slot, ""))
            if slot in wrote and not as_written:
                yield Violation("undo leaves others alone", f"{what}: {row['before']} is not what was written")

    def _undoes(self, run: Run) -> list[dict[str, Any]]:
        """The plan that this one takes back."""
        folder = self._undone_run(run)
        return list(self.runs[folder].approved.values()) if folder != run.folder else []

    def _undone_run(self, run: Run) -> Path:
        """The run that this one undoes; itself where it undoes none."""
        name = str(run.header.get("source", {}).get("undo of", ""))
        return next((folder for folder in self.runs if folder.name == name), run.folder)

    def _stood_on(self, write: Write, row: dict[str, Any], what: str) -> Iterator[Violation]:
        part, seen = write.part, write.part.stood_on
        at = part.left[0]
        if seen is None or seen.said is None:
            yield Violation("nothing blind", f"{what}: it was not read before", at)
            return
        shown = seen.said.get(part.slot, "")
        ours = part.slot == PASS and shown in self._made(self.runs[write.folder], part.user)
        if "*" in shown:
            yield Violation("nothing blind", f"{what}: the last read showed a mask", at)
        elif not ours and not _is_as(shown, row["before"], part.slot):
            yield Violation("nothing blind", f"{what}: the last read showed something else than the plan saw", at)
        age = part.left[0] - seen.left[0]
        if age > BOUND + 0.001:
            yield Violation("fresh", f"{what}: the last read was {age:.1f} s old", at)

    def _always(self, run: Run, user: str, row: dict[str, Any]) -> str:
        """Why somebody must not be touched who was guarded from the beginning; "" for who may."""
        rules = run.header.get("rules", {}).get("protect", {})
        person = next((p for p in self.world.people if p.id == user), None)
        if person is None:
            return "" if any(e.user != user and e.slot == "" for e in self.play.sky.effects) else "nobody of that name"
        groups = GUARDED_DEPARTMENT in rules.get("protect_groups", ())
        leaver = "disabled" in row.get("condition", "")
        always = {
            "admin": (person.admin or person.eligible) and not rules.get("allow_admins"),
            "guest": person.guest and not rules.get("allow_guests"),
            "disabled": person.disabled and not rules.get("allow_disabled") and not leaver,
            "group": person.protected and groups and not person.guest,
            "named": person.upn in rules.get("protect_users", ()),
        }
        return " and ".join(name for name, held in always.items() if held)

    def _enabled(self, row: dict[str, Any], at: float) -> str:
        if "disabled" not in row.get("condition", ""):
            return ""
        since = [when for when, user in self.play.sky.enabled if user == row["user_id"] and at - when > BOUND]
        return f"enabled again for {at - since[0]:.0f} s" if since else ""

    def _guarded(self, run: Run, write: Write, row: dict[str, Any]) -> str:
        if always := self._always(run, write.part.user, row):
            return always
        rules = run.header.get("rules", {}).get("protect", {})
        groups = GUARDED_DEPARTMENT in rules.get("protect_groups", ())
        disabled = not rules.get("allow_disabled") and "disabled" not in row.get("condition", "")
        since = {"admin": not rules.get("allow_admins"), "disabled": disabled, "group": groups}
        late = [
            f"{why} for {write.part.left[0] - at:.0f} s"
            for at, user, why in self.play.sky.guarded
            if user == write.part.user and since[why] and write.part.left[0] - at > HOLDS
            if why != "disabled" or not self._enabled_since(user, at, write.part.left[0])
        ]
        return late[0] if late else ""

    def _enabled_since(self, user: str, begin: float, end: float) -> bool:
        return any(who == user and begin <= at <= end for at, who in self.play.sky.enabled)

    # What was said of it.

    def _effects(self, run: Run, slot: tuple[str, str]) -> list[Effect]:
        mine = {name for name, folder in self.ours.items() if folder == run.folder}
        return [e for e in self.play.sky.effects if (e.user, e.slot) == slot and e.by.split("#")[0] in mine]

    def _made(self, run: Run, user: str) -> list[str]:
        """Ids of the passes that a run made for somebody, in their order."""
        return [effect.after for effect in self._effects(run, (user, PASS)) if effect.after]

    def _outcomes(self, run: Run) -> Iterator[Violation]:
        for row in run.outcomes.values():
            if row["method"] == PASS and row["action"] != "remove":
                yield from self._passed(run, row)
                continue
            slot, said = slot_of(row), row["outcome"]
            what = f"{said}: {row['action']} {row['method']} of {self.play.who(row['user_id'])}"
            done = [e for e in self._effects(run, slot) if fold(e.after) == fold(row["after"])]
            sent = [w for w in run.writes if w.slot == slot]
            anybody = [
                e for e in self.play.sky.effects if (e.user, e.slot) == slot and fold(e.after) == fold(row["after"])
            ]
            # Two machines that write the same at once: the second changes nothing, and both are right.
            if said == "applied" and not done and not (anybody and any(w.part.reached for w in sent)):
                yield Violation("outcomes are true", f"{what}, and it never was")
            if said == "applied_with_note" and not anybody:
                yield Violation("outcomes are true", f"{what}, and it never was")
            if said in ("drifted", "skipped", "rejected") and done:
                yield Violation("outcomes are true", f"{what}, and it was done ({row['detail'][:120]})")
            if said == "drifted" and not self._touched(run, slot):
                yield Violation("outcomes are true", f"{what}, and nobody else changed it ({row['detail'][:120]})")
            if said == "unknown" and not sent and not [i for i in run.intents if i["change_id"] == row["change_id"]]:
                yield Violation("outcomes are true", f"{what}, and it was never sent")
            if said != "applied" and not row["detail"]:
                yield Violation("explained", f"{what}, without a reason")
        if run.outcomes and not {r["change_id"] for r in run.approved.values()} >= set(run.outcomes):
            yield Violation("outcomes are true", "outcomes of changes that nobody approved")

    def _touched(self, run: Run, slot: tuple[str, str]) -> bool:
        """Whether anybody else than this run changed it, or its person."""
        mine = {name for name, folder in self.ours.items() if folder == run.folder}
        about = (e for e in self.play.sky.effects if e.user == slot[0] and e.slot in (slot[1], ""))
        return any(e.by.split("#")[0] not in mine for e in about)

    def _passed(self, run: Run, row: dict[str, Any]) -> Iterator[Violation]:
        """A pass that is there has an owner who has its code, or it is gone."""
        user, said = row["user_id"], row["outcome"]
        what = f"{said}: a pass for {self.play.who(user)}"
        made = self._made(run, user)
        has = [
            letter.code for letter in self.play.letters if self.ours[letter.life] == run.folder and letter.user == user
        ]
        if said in _APPLIED and (not made or has[-1:] != [self.play.sky.code(made[-1])]):
            yield Violation("a pass is handed over", f"{what}, and nobody has the code of the last one that was made")
        left = [one for one in made if not any(e.before == one for e in self.play.sky.effects)]
        if said not in _APPLIED and left:
            yield Violation("no pass that nobody has", f"{what}, and it is there ({row['detail'][:160]})")
        if said != "applied" and not row["detail"]:
            yield Violation("explained", f"{what}, without a reason")

    def _ended(self, ended: Ended) -> Iterator[Violation]:
        run = self.runs[ended.folder]
        before = [w for w in run.writes if w.exchange.number < ended.exchanges]
        told = "\n".join([ended.said, *ended.headlines.values()])
        if _NOTHING.search(told) and before:
            yield Violation(
                "headlines are true",
                f"{ended.life.name}: 'nothing was written' after {len(before)} writes: {told[:300]}",
            )
        if ended.code is None or "apply" not in ended.counts:
            return
        counts, rows = ended.counts["apply"], ended.rows
        if rows is None:
            return
        tally = {name: sum(r == name for r in rows) for name in sorted(set(rows))}
        if tally != {k: v for k, v in counts.items() if v}:
            yield Violation("counts are true", f"{ended.life.name}: counts {counts}, outcomes {tally}")
        of_run = [e for e in self.play.ended if e.folder == ended.folder]
        # The code is the run's, whose preview may have broken, or been killed, after its plan stood.
        broke = ended.code == 1 and any(e.code in (1, None) and "apply" not in e.runbooks for e in of_run)
        if not broke and (ended.code == 0) != all(name in _APPLIED for name in rows):
            yield Violation("exit codes are true", f"{ended.life.name}: {ended.code} for {tally}")
        for name, number in tally.items():
            said = f"{number:,} {name.replace('_', ' ')}"
            if said not in ended.headlines.get("apply", ""):
                yield Violation(
                    "headlines are true", f"{ended.life.name}: {ended.headlines.get('apply')!r} lacks {said!r}"
                )

    # How it ended.

    def _done(self) -> Iterator[Violation]:
        for run in self.runs.values():
            last = [e for e in self.play.ended if e.folder == run.folder and "apply" in e.runbooks]
            if not last or not last[-1].good or not run.approved or (run.folder / "closed").exists():
                continue
            end = last[-1]
            explained = end.code in (2, 4) or "breaker" in end.headlines.get("apply", "")
            if not explained:
                said = end.said or end.headlines.get("apply", "")
                yield Violation(
                    "it comes to an end", f"{end.life.name} ended with {end.code}, not closed: {said[:300]}"
                )

    def _undone(self) -> Iterator[Violation]:
        undone = [e.folder for e in self.play.ended if "undo" in e.runbooks and (e.folder / "closed").exists()]
        if not undone or self.world.undo_early or any(life.machine != "here" for life in self.play.lives):
            return
        run = self.runs[undone[-1]]
        if self.world.about == "passes":
            return
        planned = {slot_of(row): row for row in run.plan}
        for person in self.world.people:
            if person.id in self.foreign | run.problems:
                continue
            now = self.play.sky.values(person.id)
            for slot in ("mobile", "alternateMobile", "office", "email"):
                row = planned.get((person.id, slot))
                explained = row is not None and (
                    row["action"] == "blocked"
                    or run.outcomes.get(row["change_id"], {}).get("outcome") not in (*_APPLIED, None)
                )
                if fold(now.get(slot, "")) != fold(person.has.get(slot, "")) and not explained:
                    yield Violation("undo is exact", f"{slot} of person {person.number} is not what it was")

    def _left_without(self) -> Iterator[Violation]:
        """Nobody loses their last way in by a row that asks for a survivor, unless somebody else took one just then."""
        for effect in (e for e in self.play.sky.effects if e.strands and e.by.split("#")[0] in self.ours):
            run = self.runs[self.ours[effect.by.split("#")[0]]]
            asks = [row for (user, _), row in run.approved.items() if user == effect.user]
            others = (e for e in self.play.sky.effects if e.user == effect.user and e.by.split("#")[0] not in self.ours)
            just_then = any(0 <= effect.at - e.at <= BOUND for e in others)
            if any("survivor" in row.get("condition", "") for row in asks) and not just_then:
                who = self.play.who(effect.user)
                yield Violation("nobody is left without", f"{who} has no second factor any more", effect.at)

    def _codes(self) -> Iterator[Violation]:
        """The code of a pass stands nowhere but with the desk."""
        made = {e.after for e in self.play.sky.effects if e.slot == PASS and e.after}
        codes = [self.play.sky.code(one).encode() for one in sorted(made)]
        files = [path for path in (self.play.home / "disk").rglob("*") if path.is_file()] if codes else []
        for path in files:
            held = path.read_bytes()
            if any(code in held for code in codes):
                yield Violation("no code", f"{path.name} holds the code of a pass")
        told = "\n".join(self._told()).encode()
        if any(code in told for code in codes):
            yield Violation("no code", "the code of a pass was said")

    def _told(self) -> list[str]:
        return [*self.play.log, *(line for e in self.play.ended for line in (e.said, *e.headlines.values()))]

    def _secrets(self) -> Iterator[Violation]:
        text = "\n".join(self._told())
        if "eyJ" in text:
            yield Violation("no secret", "a token was said")
        plain = re.sub(r"[ ()./-]", "", text)
        runs = set(re.findall(r"\d{7,}", plain))
        for number in self.play.numbers():
            if any(number in run for run in runs):
                yield Violation("no number", f"a full number was said: …{number[-3:]}")


__all__ = ["BOUND", "Judge", "Violation", "judge"]
