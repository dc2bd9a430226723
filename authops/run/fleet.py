"""The same runbooks for many tenants: one folder and one process each, none stopped by another, one table at the end.

A workflow engine that starts the notebooks itself uses the two ends of this: `tasks` before, `gather` after.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import yaml

from authops.apply.lock import is_running
from authops.run import outcome, publish, runbook
from authops.run.tenants import Tenant, Tenants
from authops.show.views import plain_table
from authops.words import disk
from authops.words.author import author
from authops.words.errors import ParameterError, exit_code_of
from authops.words.frames import FLEET, frame

Say = Callable[[str], None]
_FILE: Final = "fleet.json"
_ENDED_BADLY: Final = ("broke", "wrong use", "stopped")
_OF_CODE: Final = {2: "wrong use", 4: "stopped"}


def prepare(tenants: Tenants, runbooks: Sequence[str], folder: Path) -> None:
    """A run folder for each tenant under `folder`, its own parameters in it, and fleet.json saying who is expected.

    A tenant whose parameters hold what may be kept nowhere has ended with that.
    """
    for tenant in tenants.all:
        own = folder / tenant.name
        own.mkdir(mode=0o700, exist_ok=True)
        outcome.begin(own, runbooks)
        wrong = [said for name, value in tenant.parameters.items() if (said := runbook.forbidden(name, value))]
        if wrong:
            _refuse(own, runbooks, f"{'; '.join(wrong)} (of the tenant)")
        else:
            disk.write(own / "parameters.yaml", yaml.safe_dump(dict(tenant.parameters), allow_unicode=True))
    expected = [{"tenant": t.name, "connection": t.connection, "application": t.application} for t in tenants.all]
    began = {"fleet": folder.name, "runbooks": list(runbooks), "began_at": _now(), "by": author()}
    disk.write(folder / _FILE, json.dumps(began | {"tenants": expected}, indent=2, ensure_ascii=False))


def tasks(
    tenants: Tenants, runbooks: Sequence[str], files: Sequence[Path], pairs: Sequence[tuple[str, str]], folder: Path
) -> list[dict[str, Any]]:
    """For an engine: per tenant its `tenant`, `folder`, and per runbook what papermill needs.

    A tenant whose parameters are refused is left out, and recorded so.
    """
    found = []
    for tenant in tenants.all:
        own = folder / tenant.name
        if _has_ended(own):
            continue
        try:
            words = [*pairs, ("connection", tenant.connection)]
            given = runbook.effective(runbooks, [*files, own / "parameters.yaml"], words)
        except ParameterError as error:
            _refuse(own, runbooks, str(error))
            continue
        books = {rb: _papermill(rb, dict(parameters), own) for rb, parameters in given.items()}
        found.append({"tenant": tenant.name, "folder": str(own), "runbooks": books})
    return found


def _refuse(folder: Path, runbooks: Sequence[str], why: str) -> None:
    outcome.record(folder, runbooks[0], "wrong use", why)
    outcome.end(folder)


def _has_ended(folder: Path) -> bool:
    return bool(outcome.read(folder).get("ended_at"))


def _papermill(name: str, parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    book = runbook.notebook(name)
    parameters |= {"run_dir": str(folder)}
    return {"input_nb": str(book), "output_nb": str(folder / book.name), "parameters": parameters}


def run_all(tenants: Tenants, runbooks: Sequence[str], words: Sequence[str], folder: Path, say: Say) -> None:
    """Run them for every tenant, each by its own `authops run` with these `words`; returns when all have ended.

    SIGINT and SIGTERM are handed on to all that run, and nobody else is begun.
    """
    crew = _Crew(runbooks, words, folder, say)
    with crew.signals():
        asyncio.run(in_turns(tenants, crew.run))


async def in_turns(tenants: Tenants, work: Callable[[Tenant], Awaitable[None]]) -> None:
    """`work` for each tenant: so many at once in all, so many as one application."""
    everyone = asyncio.Semaphore(tenants.at_once)
    places = {t.application: asyncio.Semaphore(tenants.at_once_per_application) for t in tenants.all}

    async def in_turn(tenant: Tenant) -> None:
        async with places[tenant.application], everyone:
            await work(tenant)

    await asyncio.gather(*(in_turn(tenant) for tenant in tenants.all))


class _Crew:
    """The processes at work."""

    def __init__(self, runbooks: Sequence[str], words: Sequence[str], folder: Path, say: Say) -> None:
        self.runbooks, self.words, self.folder, self.say = runbooks, words, folder, say
        self._working: set[asyncio.subprocess.Process] = set()
        self._stopping = False

    async def run(self, tenant: Tenant) -> None:
        """One tenant, to its end; nothing is begun once a stop was asked for."""
        if self._stopping:
            return
        own = self.folder / tenant.name
        if not _has_ended(own):
            _settle(own, self.runbooks, await self._process(tenant, own))
        whole = outcome.read(own)
        said = _headline(whole).partition("\n")[0]
        self.say(f"  {tenant.name}: {whole['status']} (exit code {whole['exit_code']}) · {said}")

    async def _process(self, tenant: Tenant, own: Path) -> int:
        command = [sys.executable, "-m", "authops", "run", *self.runbooks, *self.words]
        command += ["-f", str(own / "parameters.yaml"), "--connection", tenant.connection, "--run-dir", str(own)]
        with open(disk.lasting(own / "console.log", os.O_WRONLY | os.O_APPEND), "wb") as log:
            streams: dict[str, Any] = {"stdin": asyncio.subprocess.DEVNULL, "stdout": log, "stderr": log}
            # A session of its own: a Ctrl-C at the terminal reaches it once, through us.
            process = await asyncio.create_subprocess_exec(*command, **streams, start_new_session=os.name == "posix")
            self._working.add(process)
            try:
                return await process.wait()
            finally:
                self._working.discard(process)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """While they work, a signal to us is one to each of them."""

        def asked(_number: int, _frame: object) -> None:
            self._stopping = True
            self.say(f"  stopping: {len(self._working)} tenants are told, no other is begun")
            if os.name == "posix":
                for process in self._working:
                    process.send_signal(signal.SIGINT)

        # A terminal that is closed asks as well: each tenant has a session of its own, and would not hear of it.
        usual = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else [])]
        wanted = [number for number in usual if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, asked) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _settle(folder: Path, runbooks: Sequence[str], code: int) -> None:
    """When a process ended without writing down how, that is recorded in its place."""
    whole = outcome.read(folder)
    if whole.get("status", "unfinished") != "unfinished":
        return
    lines = (folder / "console.log").read_text("utf-8", errors="replace").strip().splitlines()
    said = next((line.strip() for line in reversed(lines) if not line.lstrip().startswith("→")), "it said nothing")
    status = _OF_CODE.get(code, "broke")
    ended = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    headline = f"{ended} before it said how; its last words: {said}" if status == "broke" else said
    outcome.record(folder, next(_open(whole, runbooks), runbooks[-1]), status, headline)
    outcome.end(folder)


def _open(whole: Mapping[str, Any], runbooks: Sequence[str]) -> Iterator[str]:
    """Those whose end nobody wrote down."""
    for name in runbooks:
        if whole["runbooks"].get(name, {}).get("status", "unfinished") == "unfinished":
            yield name


def gather(folder: Path) -> tuple[pd.DataFrame, int]:
    """What became of every tenant (FLEET, worst first, then a column for each count), and the worst exit code.

    Kept as fleet.json and fleet.csv. A runbook that left no outcome broke, and why is asked of its notebook; who is
    still at work is left alone. Raises `ParameterError` when `folder` holds no fleet.
    """
    began = _began(folder)
    rows, counts = [], []
    for expected in began["tenants"]:
        own = folder / str(expected["tenant"])
        whole = outcome.read(own) if is_running(own) else _accounted(own, began["runbooks"])
        rows.append(expected | _row(own, whole))
        counts.append(_counts(whole))
    table = frame(FLEET, rows).join(pd.DataFrame(counts).astype("Int64"))
    table = table.sort_values("status", key=lambda s: -s.map(outcome.rank), kind="stable", ignore_index=True)
    worst = outcome.worst(list(table["status"]))
    facts = {"status": worst, "exit_code": outcome.STATUSES[worst], "counts": dict(Counter(table["status"]))}
    told = began | facts | {"gathered_at": _now(), "tenants": json.loads(table.to_json(orient="records"))}
    disk.write(folder / _FILE, json.dumps(told, indent=2, ensure_ascii=False))
    disk.write(folder / "fleet.csv", "\ufeff" + table.to_csv(index=False))
    return table, outcome.STATUSES[worst]


def shown(whole: pd.DataFrame, limit: int = 40) -> str:
    """The table for a console: the worst first, then how many ended how."""
    rows = [
        (r.tenant, r.status, r.exit_code, str(r.headline).partition("\n")[0]) for r in whole.head(limit).itertuples()
    ]
    said = plain_table(("tenant", "status", "exit", "how it ended"), rows)
    more = [f"… and {len(whole) - limit:,} more, in fleet.csv"] if len(whole) > limit else []
    counted = " · ".join(f"{count:,} {status}" for status, count in whole["status"].value_counts(sort=False).items())
    return "\n".join([said, *more, "", f"{len(whole):,} tenants: {counted}"])


def _accounted(folder: Path, runbooks: Sequence[str]) -> dict[str, Any]:
    """The outcome, with what nobody recorded and the pages that nobody made: an engine runs notebooks only."""
    for name in runbooks:
        book = folder / runbook.notebook(name).name
        if book.exists() and not book.with_suffix(".html").exists():
            scanner = publish.Known(folder).scanner()
            publish.again(book, scanner)
            publish.page(book, scanner)
    whole = outcome.read(folder)
    if whole.get("ended_at"):
        publish.index(folder)
        return whole
    for name in _open(whole, runbooks):
        if not any(entry["status"] in _ENDED_BADLY for entry in outcome.read(folder)["runbooks"].values()):
            outcome.record(folder, name, *_said(folder / runbook.notebook(name).name))
    outcome.end(folder)
    publish.index(folder)
    return outcome.read(folder)


def _said(book: Path) -> tuple[str, str]:
    """(status, headline) of a runbook that recorded nothing: what its notebook's failed cell says."""
    if not book.exists():
        return "broke", f"{book.name} was never begun"
    cells = json.loads(book.read_text("utf-8"))["cells"]
    failed = [o for c in cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    if not failed:
        return "broke", f"{book.name} ended, or was ended, without saying how"
    return _OF_CODE.get(exit_code_of(failed[0]["ename"]), "broke"), f"{failed[0]['ename']}: {failed[0]['evalue']}"


def _row(folder: Path, whole: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"status": whole["status"], "exit_code": whole["exit_code"], "headline": _headline(whole)}
    return facts | {"ended_at": whole.get("ended_at") or "", "folder": str(folder)}


def _headline(whole: Mapping[str, Any]) -> str:
    """How its worst runbook ended; the last of them when they ended alike."""
    entries = reversed(whole["runbooks"].values())
    return next((str(e["headline"]) for e in entries if e["status"] == whole["status"]), "")


def _counts(whole: Mapping[str, Any]) -> dict[str, int]:
    return {
        f"{name}_{what.replace(' ', '_')}": number
        for name, entry in whole["runbooks"].items()
        for what, number in entry["counts"].items()
        if isinstance(number, int)
    }


def _began(folder: Path) -> dict[str, Any]:
    path = folder / _FILE
    if not path.exists():
        raise ParameterError(f"{folder} holds no {_FILE}", remedy="name the folder that `run --tenants` printed")
    return dict(json.loads(path.read_text("utf-8")))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
