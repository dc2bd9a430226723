"""The road of one world: the runbooks' own cells, on real files, in virtual time, once or as often as it takes."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import json
import logging
import os
import random
import shutil
import sqlite3
import sys
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import httpx
import pyarrow.parquet as pq
from azure.core.exceptions import ClientAuthenticationError
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

import authops as ao
from authops.apply import journal as journals
from authops.apply.lock import running
from authops.apply.passes import Handing
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.plan import plan_file
from authops.run import kernel, outcome
from authops.run import run as runs
from authops.words import disk, errors
from tests.running import ROOT as PROJECT
from tests.worlds import swift, times
from tests.worlds.desk import Delivered, Desk
from tests.worlds.line import Exchange, Line
from tests.worlds.luck import AT_HAND_OVER, AT_JOURNAL, Luck, Script
from tests.worlds.sky import PASS, ROOT, Sky
from tests.worlds.times import NOW
from tests.worlds.world import World

_BOOKS = {"preview": "2_preview", "apply": "3_apply", "verify": "4_verify", "undo": "5_undo", "passes": "8_passes",
          "cleanup": "9_cleanup"}  # fmt: skip
_TRIES = 3
AT_DISK = frozenset((*AT_JOURNAL, *AT_HAND_OVER))
_GOOD = 4
LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
PERMISSIONS = ("User.Read.All", "AuditLog.Read.All", "Policy.Read.AuthenticationMethod", "GroupMember.Read.All",
               "RoleManagement.Read.Directory", "UserAuthenticationMethod.ReadWrite.All",
               "IdentityRiskyUser.Read.All")  # fmt: skip


class Killed(SystemExit):
    """The process is no more; whatever it had in memory is gone."""


@dataclass
class Ended:
    """How one job ended: its exit code, or None when it was killed."""

    folder: Path
    runbooks: tuple[str, ...]
    code: int | None
    life: Life
    said: str = ""
    good: bool = False
    exchanges: int = 0
    headlines: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    rows: list[str] | None = None


class Play:
    """One world as it goes: what was asked, what came of it, and what was said."""

    def __init__(self, world: World, sky: Sky, home: Path) -> None:
        self.world, self.sky, self.home = world, sky, home
        self.script = Script(world.luck)
        self.exchanges: list[Exchange] = []
        self.lives: list[Life] = []
        self.ended: list[Ended] = []
        self.story: list[tuple[float, str]] = []
        self.log: list[str] = []
        # (change, attempt, how many requests had left) of every intent that was on the disk, by run folder.
        self.intents: dict[str, list[tuple[str, int, int]]] = {}
        # What was handed over, and the rests of lists that were answered short.
        self.letters: list[Delivered] = []
        self.rests: dict[str, dict[str, Any]] = {}
        self.slept = self.set_back = False
        self._numbers = itertools.count(1)
        self._others: list[asyncio.Task[Any]] = []
        self.files = 0

    def say(self, what: str, _: Any = None) -> None:
        life = LIFE.get()
        self.story.append((NOW.true(), f"{life.name + ': ' if life else ''}{what}"))

    def who(self, user: str) -> str:
        return next((f"person {p.number}" for p in self.world.people if p.id == user), user[:8])

    def numbers(self) -> list[str]:
        """The national digits of every number there is."""
        texts = [v for p in self.world.people for v in p.has.values()] + [
            c for row in self.world.rows for c in row[1:4]
        ]
        plain = ("".join(c for c in text.partition("x")[0] if c.isdigit())[-9:] for text in texts if "@" not in text)
        return sorted({digits for digits in plain if len(digits) == 9})

    def fresh_number(self) -> str:
        return f"+31 69{next(self._numbers):07d}"

    # What can happen to a process.

    def kill(self, why: str) -> None:
        """SIGKILL: what is on the disk stays, whatever runs ends."""
        life = LIFE.get()
        assert life
        self.say(f"KILLED, {why}")
        shutil.copytree(self.home / "disk", self.home / "left")
        for one in self.lives:
            one.dead = True
        raise Killed(9)

    def bury(self) -> None:
        """Nothing of a killed process is left but its files."""
        for life in self.lives:
            life.over()
        shutil.rmtree(self.home / "disk")
        (self.home / "left").rename(self.home / "disk")

    def point(self, step: str, when: str, within: Callable[[], None] | None = None) -> None:
        """A moment at the disk: before, within, after something is written."""
        life = LIFE.get()
        if life is None or life.dead:
            return
        if when == "before":
            life.here = [luck for luck in self.script.at(life.runbook, step) if luck.kind in AT_DISK]
        for luck in life.here:
            if luck.kind == f"killed {when}":
                self.kill(str(luck))
            if luck.kind == "disk full" and when == "before":
                self.say(f"the disk is full at {step}")
                raise Full
            if when == "after" and luck.kind in ("suspended", "machine sleeps"):
                self.stand_still(luck)

    def stand_still(self, luck: Luck) -> None:
        if luck.kind == "suspended":
            NOW.suspend(float(luck.what))
            self.say(f"the process is stopped for {luck.what} s")
        elif not self.set_back:
            NOW.sleep(float(luck.what))
            self.slept = True
            self.say(f"the machine sleeps for {luck.what} s")

    def take_permission(self) -> None:
        gone = PERMISSIONS[len(self.exchanges) % len(PERMISSIONS)]
        login = self.sky.login
        login.grant([name for name in login.registration.permissions if name != gone])
        login.revoke()
        self.say(f"{gone} is taken away")

    def second(self, kind: str) -> None:
        """Another apply begins beside this one: of the same run, or on a machine that knows nothing of it."""
        life = LIFE.get()
        assert life
        if self._others:
            return
        if kind == "second apply":
            work = self.job(("apply",), life.folder, "again")
        else:
            folder = self.folder("other", machine="elsewhere")
            work = self.job((self.world.book, "apply"), folder, "elsewhere", machine="elsewhere")
        self._others.append(asyncio.ensure_future(work))

    # The road.

    def folder(self, name: str, machine: str = "here") -> Path:
        made = self.home / "disk" / machine / "runs" / f"{len(self.ended):02d}-{name}"
        made.mkdir(parents=True, mode=0o700)
        return made

    def go(self) -> None:
        world = self.world
        self.sky.begin(list(world.people), dict(world.assume), world.about)
        (self.home / "disk" / "here").mkdir(parents=True)
        world.write_source(self.home / "wanted.csv")
        first = self.planned(world.book, "first")
        if first is None:
            return
        self.live(("apply",), first, "applied")
        if world.undo_early and (early := self.planned("undo", "undone early", of=first)):
            self.live(("apply",), early, "applied early")
        self.to_the_end(first, world.resumes)
        self.verified(first)
        if world.undo and (undone := self.planned("undo", "undone", of=first)):
            self.live(("apply",), undone, "applied back")
            self.to_the_end(undone, world.resumes)
            self.verified(undone)

    def planned(self, runbook: str, name: str, of: Path | None = None) -> Path | None:
        """A folder with an approved plan; None where there is nothing to approve."""
        if runbook == self.world.book and not any(luck.runbook == runbook for luck in self.world.luck):
            return self.as_once_before(name)
        for number in range(_TRIES):
            if number == _TRIES - 1:
                self.good_weather()
            folder = self.folder(name)
            ended = self.live((runbook,), folder, name, of=of)
            if (folder / "approval.json").exists():
                return folder
            if ended.good:
                return None
        return None

    def as_once_before(self, name: str) -> Path | None:
        """What a preview in good weather leaves, taken from the world before that had the same people and rows."""
        kept, marks = self.home.parent / "template", self.world.begins_as
        if _TEMPLATE.get("of") != marks:
            with seeded(self.world.group):
                folder = self.folder(name)
                ended = self.live((self.world.book,), folder, name)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.home / "disk", kept)
            approved = (folder / "approval.json").exists()
            _TEMPLATE.update(of=marks, ended=ended, log=list(self.log), passed=NOW.true(), approved=approved)
            self.exchanges.clear()
            self.lives.clear()
            self.story.clear()
            self.script.reached.clear()
            self.sky.begin(list(self.world.people), dict(self.world.assume), self.world.about)
        else:
            shutil.rmtree(self.home / "disk")
            shutil.copytree(kept, self.home / "disk")
            NOW.wait(_TEMPLATE["passed"])
            self.log += _TEMPLATE["log"]
            self.ended.append(_TEMPLATE["ended"])
        folder = self.home / "disk" / "here" / "runs" / f"00-{name}"
        return folder if _TEMPLATE["approved"] else None

    def to_the_end(self, folder: Path, bad: int) -> None:
        """Resume until it is done: a few times in whatever weather, then in good."""
        for number in range(bad + _GOOD):
            if (folder / "closed").exists():
                return
            if number >= bad:
                self.good_weather()
            self.live(("apply",), folder, "resumed")

    def verified(self, folder: Path) -> None:
        hurt = any(luck.runbook == "verify" for luck in self.world.luck)
        if (self.world.verify or hurt) and (folder / "journal.sqlite").exists():
            for _ in range(2):
                if self.live(("verify",), folder, "verified").code is not None:
                    return
                self.good_weather()

    def good_weather(self) -> None:
        self.script.good = True
        self.sky.fair()

    def live(self, runbooks: tuple[str, ...], folder: Path, name: str, of: Path | None = None) -> Ended:
        """One life of a process, and what is left of it."""
        NOW.wait(self.world.pause if self.ended else 30.0)
        self._others.clear()
        try:
            NOW.run(self._with_others(runbooks, folder, name, of))
        except Killed:
            self.bury()
            self.ended.append(Ended(folder, runbooks, None, self.lives[-1], "", self.script.good, len(self.exchanges)))
        return self.ended[-1]

    async def _with_others(self, runbooks: tuple[str, ...], folder: Path, name: str, of: Path | None) -> None:
        await self.job(runbooks, folder, name, of=of)
        mine = self.ended.pop()
        for other in self._others:
            await other
        self.ended.append(mine)

    async def job(
        self, runbooks: tuple[str, ...], folder: Path, name: str, of: Path | None = None, machine: str = "here"
    ) -> None:
        """`authops run …` in this folder, as the scheduler would; how it ended is kept."""
        life = Life(self, f"{name} {len(self.lives)}", folder, machine)
        self.lives.append(life)
        LIFE.set(life)
        code, said, good = 1, "", self.script.good
        try:
            with running(folder):
                (folder / "stop").unlink(missing_ok=True)  # as the runner does
                outcome.begin(folder, runbooks)
                for runbook in runbooks:
                    said = await life.one(runbook, of)
                    if said:
                        break
                code = outcome.end(folder)
        except errors.AuthopsError as error:
            code, said = error.exit_code, str(error)
        except OSError as error:
            said = f"it cannot go on: {error}"
        finally:
            life.over()
        self.say(f"ended with {code}{': ' + said.splitlines()[0] if said else ''}")
        ended = Ended(folder, runbooks, code, life, said, good, len(self.exchanges))
        told = outcome.read(folder)["runbooks"]
        for runbook in (name for name in runbooks if name in told):
            ended.headlines[runbook], ended.counts[runbook] = told[runbook]["headline"], told[runbook]["counts"]
        if "apply" in runbooks and life.runbook == "apply" and not said and (folder / "outcomes.parquet").exists():
            ended.rows = pq.read_table(folder / "outcomes.parquet", columns=["outcome"])["outcome"].to_pylist()
        self.ended.append(ended)


class Life:
    """One process, from its start to its end."""

    def __init__(self, play: Play, name: str, folder: Path, machine: str) -> None:
        self.play, self.name, self.folder, self.machine = play, name, folder, machine
        self.runbook = ""
        self.dead = False
        self.wrote: set[tuple[str, str]] = set()
        # What it was shown last of somebody's methods, by user and collection.
        self.shown: dict[tuple[str, str], Any] = {}
        # When it asked last what else somebody has.
        self.asked: dict[str, float] = {}
        self.here: list[Any] = []
        self.tokens = Tokens(play.sky)
        self.run: WorldRun | None = None

    @property
    def state(self) -> Path:
        return self.play.home / "disk" / self.machine / "state"

    async def one(self, runbook: str, of: Path | None) -> str:
        """Run a notebook's cells; why it did not come to its end, or ''."""
        self.runbook, folder = runbook, self.folder
        outcome.start(folder, runbook)
        given = self.play.world.given(runbook, self.play.home / "wanted.csv", of)
        outcome.keep_given(folder, runbook, {k: v for k, v in given.items() if k != "run_dir"})
        self.play.say(f"{runbook} begins")
        try:
            await _run_cells(runbook, {**given, "run_dir": str(folder)})
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, errors.AuthopsError):
                self.play.say(f"{runbook} broke: {type(error).__name__}")
            said = f"{type(error).__name__}: {error}"
            code = errors.exit_code_of(type(error).__name__)
            status = next(s for s, c in outcome.STATUSES.items() if c == code)
            outcome.record(folder, runbook, status, said)
            return said
        status = outcome.read(folder)["runbooks"][runbook]["status"]
        return "" if status in ("done", "nothing to do", "attention") else status

    def ask_to_stop(self) -> None:
        self.play.say("somebody asks it to stop")
        if self.run is not None:
            self.run._hear()

    def over(self) -> None:
        if self.run is not None:
            self.run._let_go()
            self.run = None


class Tokens(AccessTokenProvider):
    """Tokens of the demo tenant's own login, kept as a credential keeps them."""

    def __init__(self, sky: Sky) -> None:
        self.sky, self._token, self._until, self.refused = sky, "", 0.0, 0

    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        if self.refused:
            self.refused -= 1
            self._token = ""
            raise ClientAuthenticationError("AADSTS7000222: The provided client secret keys are expired.")
        if not self._token or NOW.wall() > self._until or self._worthless():
            self._token, self._until = _token(self.sky), NOW.wall() + 3000
        return self._token

    def _worthless(self) -> bool:
        """As a credential finds out by the challenge that came with a 401."""
        return not self.sky.login.mint._good.get(self._token) and bool(self.sky.login.mint._revoked)

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["demo.localhost"])


_TOKENS: dict[Any, str] = {}
_TEMPLATE: dict[str, Any] = {}


def _token(sky: Sky) -> str:
    """Minted once for each hour, grant and revocation: the same in every world."""
    login = sky.login
    hour = int(NOW.true() // 3000)
    key = (hour, login.registration.permissions, login.mint._revoked)
    if key not in _TOKENS:
        login.mint._now = lambda: times.BEGAN.timestamp() + hour * 3000
        try:
            with seeded(0):
                _TOKENS[key] = login.issue_token(lifetime=7200)
        finally:
            login.mint._now = lambda: times.true().timestamp()
    return _TOKENS[key]


class _Adapter:
    """What msgraph-sdk's adapter does on our path (a token, the headers, one more try at a challenge), without its
    twelve layers: they are most of what a request costs. A whole world has all of it.
    """

    def __init__(self, client: Any, tokens: Tokens) -> None:
        self.client, self.tokens = client, tokens

    async def send_primitive_async(self, info: Any, _type: str, _errors: Any) -> Any:
        headers = {name: ", ".join(values) for name, values in info.headers.get_all().items()}
        answer = await self._sent(info, headers, None)
        challenge = answer.headers.get("www-authenticate", "")
        return await self._sent(info, headers, {"claims": challenge}) if "claims=" in challenge else answer

    async def _sent(self, info: Any, headers: dict[str, str], more: Any) -> Any:
        token = await self.tokens.get_authorization_token(info.url, more)
        request = httpx.Request(
            info.http_method.value,
            info.url,
            headers={**headers, "Authorization": f"Bearer {token}"},
            content=info.content,
        )
        return await self.client.send(request)


class WorldRun(runs.Run):
    """A run whose Graph is the world's; everything else is the package's own."""

    async def connect(self) -> Graph:
        if self._graph is None:
            life = LIFE.get()
            assert life
            life.run = self
            meta = life.play.sky.tenant.meta
            self.claims = {"tid": meta["tenant_id"], "appid": meta["client_id"]}
            how: dict[str, Any] = {"sleep": asyncio.sleep, "clock": NOW.steady, "dice": lambda: 1.0}
            line = Line(life)
            if swift.is_whole(life.play.world.seed):
                self._graph = Graph.connect(self.connection, transport=line, tokens=life.tokens, **how)
            else:
                client = swift.Client(line)
                self._graph = Graph(_Adapter(client, life.tokens), client, f"{ROOT}/v1.0", **how)
        return self._graph

    @property
    def certificate_days(self) -> float | None:
        return 100.0


def _open(sky: Sky) -> Callable[..., WorldRun]:
    meta = sky.tenant.meta
    profile = Connection("world", "custom", meta["tenant_id"], meta["client_id"], "certificate", ROOT, ROOT)

    def opened(runbook: str, *, run_dir: str, connection: str = "") -> WorldRun:
        disk.ours(Path(run_dir))
        return WorldRun(runbook, Path(run_dir), profile)

    return opened


class _Silent:
    """Shows nothing: pictures are judged elsewhere, and take their time."""

    def __getattr__(self, _: str) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


class _Room:
    """A room of the package with something in its place."""

    def __init__(self, room: ModuleType, **mine: Any) -> None:
        self._room = room
        self.__dict__.update(mine)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._room, name)
        self.__dict__[name] = found
        return found


@cache
def _cells(runbook: str) -> tuple[CodeType, ...]:
    """Parameters first, then the others; the import is the world's."""
    book = json.loads((PROJECT / "notebooks" / f"{_BOOKS[runbook]}.ipynb").read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return tuple(
        compile("".join(cell["source"]), f"<{runbook} {n}>", "exec", flags) for n, cell in enumerate(code) if n
    )


async def _run_cells(runbook: str, given: dict[str, Any]) -> None:
    names: dict[str, Any] = {"ao": _PACKAGE}
    for number, code in enumerate(_cells(runbook)):
        done = eval(code, names)
        if code.co_flags & inspect.CO_COROUTINE:
            await done
        if not number:
            names.update(given)


_PACKAGE: Any = None


def _handing(_plan: Any, approved: Any, people: Any, *_: Any, language: str, **__: Any) -> Handing | None:
    """Where the codes of passes go in a world."""
    life = LIFE.get()
    assert life
    wanted = approved[(approved["method"] == PASS) & (approved["action"] != "remove")]
    return Handing(Desk(life), people, language) if len(wanted) else None


class Full(OSError):
    """No space left on the device."""

    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


class _Points(sqlite3.Connection):
    """A journal's connection with the moments before, within and after each write."""

    step = ""
    rows: Any = ()

    def executemany(self, sql: str, rows: Any) -> Any:
        self.step = "intend" if "into intents" in sql else "settle" if "into outcomes" in sql else "note"
        self.rows = rows
        self._point("before")
        done = super().executemany(sql, rows)
        self._point("within")
        return done

    def execute(self, sql: str, *more: Any) -> Any:
        done = super().execute(sql, *more)
        if sql == "commit" and self.step:
            life = LIFE.get()
            if life and self.step == "intend" and not life.dead:
                known, left = life.play.intents.setdefault(str(life.folder), []), len(life.play.exchanges)
                known += [(row["change_id"], row["attempt"], left) for row in self.rows]
            self._point("after")
            self.step = ""
        return done

    def _point(self, when: str) -> None:
        life = LIFE.get()
        if life is None:
            return
        try:
            life.play.point(self.step, when)
        except Full:
            raise sqlite3.OperationalError("database or disk is full") from None


def _pointed(write: Callable[..., Any], *, whole: bool) -> Callable[..., Any]:
    """A function that begins a file, or writes the whole of it, with the moments around it."""

    def written(path: Path, *more: Any, **options: Any) -> Any:
        life, step = LIFE.get(), _named(path)
        if life is None or life.dead:
            return write(path, *more, **options)
        life.play.point(step, "before")
        done = write(path, *more, **options)
        life.play.point(step, "within")
        if whole or path.suffix not in (".new", f".{os.getpid()}"):
            life.play.point(step, "after")
        return done

    return written


def _placed(path: Path, target: Path) -> Path:
    """A file that was written under another name takes its place: there it is whole."""
    done = _replace(path, target)
    if (life := LIFE.get()) and not life.dead:
        life.play.point(_named(target), "after")
    return done


_replace = Path.replace
_FULL_NAMES = {"plan": "plan.json", "approval": "approval.json", "outcomes": "outcomes.parquet",
               "verified": "verified.parquet"}  # fmt: skip


def _named(path: Path) -> str:
    name = path.name.split(".new")[0].removesuffix(f".{os.getpid()}")
    return "claim" if path.parent.name == "applied" else _FULL_NAMES.get(name, name)


class _Ears(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if life := LIFE.get():
            life.play.log.append(record.getMessage())


def settle_in(sky: Sky) -> None:
    """Once in a process: give the rooms the world's time, disk and line."""
    global _PACKAGE  # noqa: PLW0603
    times.hand_in()
    swift.settle_in()
    os.environ |= {"AUTHOPS_HEADLESS": "1", "AUTHOPS_AUTHOR": "worlds"}
    shim = ModuleType("sqlite3")
    shim.__dict__.update({k: v for k, v in vars(sqlite3).items() if not k.startswith("__")})
    shim.connect = lambda path, **how: sqlite3.connect(path, factory=_Points, **how)  # type: ignore[attr-defined]
    journals.sqlite3 = shim  # type: ignore[attr-defined]
    disk.fresh = _pointed(disk.fresh, whole=False)
    plan_file._private = _pointed(plan_file._private, whole=True)
    Path.replace = _placed  # type: ignore[method-assign,assignment]
    runs.state_folder = _state  # type: ignore[attr-defined]
    kernel.on_sigterm = lambda *_: None
    log = logging.getLogger("authops")
    log.addHandler(_Ears())
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = lambda *_: None
    # A process that is killed leaves work that it had not begun.
    warnings.filterwarnings("ignore", "coroutine '.*' was never awaited", RuntimeWarning)
    outcome.versions()
    mine: dict[str, Any] = {
        "apply": _Room(ao.apply, handing=_handing),
        "show": _Silent(),
        "run": _Room(ao.run, open_run=_open(sky)),
        "plan": _Room(ao.plan),
    }
    rooms = {name: mine.get(name) or _Room(getattr(ao, name)) for name in ("source", "tenant", "words", *mine)}
    _PACKAGE = _Room(ao, **rooms)


def _state() -> Path:
    life = LIFE.get()
    assert life
    return life.state


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Ids that anybody makes up are the world's."""
    dice = random.Random(f"ids of {seed}")
    before, uuid.uuid4 = uuid.uuid4, lambda: uuid.UUID(int=dice.getrandbits(128), version=4)
    try:
        yield
    finally:
        uuid.uuid4 = before


def played(world: World, sky: Sky, home: Path) -> Play:
    """Let a world happen."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    times.begin()
    play = Play(world, sky, home)
    with seeded(world.seed):
        play.go()
    return play


__all__ = ["Counter", "Ended", "Play", "field", "played", "settle_in"]
