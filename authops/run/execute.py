"""Run notebooks headlessly: papermill in this process, one after another, into one run folder, each with its report.

papermill's own metadata is not trusted: how a runbook ended is what it recorded in outcome.json, or else that it broke.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authops.apply.lock import running
from authops.graph import connection as connections
from authops.graph.person import Desk
from authops.run import outcome, publish, runlog, saved
from authops.run.runbook import notebook
from authops.run.runlog import Say
from authops.run.stopping import Stopper
from authops.words import console, disk, errors, redaction, sockets
from authops.words.errors import AuthopsError

_GOES_ON: Final = ("done", "nothing to do", "attention")


def execute(
    runbooks: Sequence[str],
    parameters: Mapping[str, Mapping[str, Any]],
    folder: Path,
    say: Say,
    *,
    time_limit: float | None = None,
    grace: float = 120.0,
    secrets: Collection[str] = (),
) -> int:
    """Run them in order; stops after the first that did not end well. Returns the exit code, also in outcome.json.

    SIGINT, SIGTERM or `time_limit` (seconds) stops an apply cleanly (what is in flight is settled and journalled, and a
    report written) and interrupts any other runbook; a second signal, or `grace` seconds more, ends the kernel at once.
    No further runbook is begun then. Raises `UsageError` when another process works in the folder.
    """
    with ExitStack() as stack:
        for held in (disk.private(), running(folder), disk.reserve(folder)):
            stack.enter_context(held)
        known = publish.Known(folder, {*redaction.secrets_of(os.environ), *secrets})
        say = runlog.said(folder / "log.jsonl", say, lambda words: known.scanner().text(words))
        stopper = stack.enter_context(Stopper(folder, say, limit=time_limit, grace=grace))
        if any(connections.asks_person(str(given.get("connection", ""))) for given in parameters.values()):
            # Past the log: a code to sign in with is for whoever sits here, and for nobody later.
            stack.enter_context(Desk(connections.ForKernels(console.ask), lambda: stopper.why).open())
        job = _Job(parameters, folder, say, stopper, known)
        try:
            outcome.begin(folder, runbooks)
            job.run(runbooks)
            code = outcome.end(folder)
            _index(folder, say)
        except OSError as error:
            # outcome.json says `unfinished` since the start, and goes on saying it.
            say(f"  it cannot go on, nor write down how it ended: {error}")
            code = 1
        _tell(folder, code, say)
    return code


def _index(folder: Path, say: Say) -> None:
    try:
        publish.index(folder)
    except Exception as error:  # how the run ended is told already
        say(f"  no index of the pages: {type(error).__name__}: {error}")


def _tell(folder: Path, code: int, say: Say) -> None:
    whole = outcome.read(folder)
    say("")
    for name, entry in whole["runbooks"].items():
        for line in _counted(name, entry.get("counts", {})):
            say(line)
    say(f"{whole.get('status', 'unfinished')} (exit code {code})")
    say(f"  folder  {folder}")
    for page in sorted(folder.glob("*.html")):
        say(f"  report  {page}")


def _counted(name: str, counts: Mapping[str, Any]) -> list[str]:
    """A runbook's counts on one line, and each nested table of counts on a line of its own."""
    plain = {k: v for k, v in counts.items() if not isinstance(v, dict)}
    tables = {name: plain} | {k.replace("_", " "): v for k, v in counts.items() if isinstance(v, dict)}
    lines = {k: " · ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in v.items()) for k, v in tables.items() if v}
    return [f"  {k:<16}{line}" for k, line in lines.items()]


@dataclass
class _Job:
    """What was asked for, and how it goes."""

    parameters: Mapping[str, Mapping[str, Any]]
    folder: Path
    say: Say
    stopper: Stopper
    known: publish.Known
    masked: Counter[str] = field(default_factory=Counter)

    def run(self, runbooks: Sequence[str]) -> None:
        """One after another, while each ends well and nobody asks to stop."""
        status = "done"
        for runbook in runbooks:
            if self.stopper.why:
                # What was asked for and never begun must not look like a success.
                if outcome.STATUSES[status] == 0:
                    outcome.record(self.folder, runbook, "broke", f"not begun: stopped by {self.stopper.why}")
                return
            status = self._one(runbook)
            if status not in _GOES_ON:
                return

    def _one(self, runbook: str) -> str:
        source = notebook(runbook)
        self.say(f"▸ {source.stem}")
        begun, log = time.monotonic(), self.folder / "log.jsonl"
        position = log.stat().st_size if log.exists() else 0
        outcome.start(self.folder, runbook)
        outcome.keep_given(self.folder, runbook, self.parameters[runbook])
        _put_aside(self.folder, source.stem)
        problem = self._papermill(source, runbook)
        status, headline = self._ended(runbook, source, problem)
        self._publish(runbook, self.folder / source.name, position)
        self.say(f"  {headline}  [{time.monotonic() - begun:.1f} s]")
        return status

    def _ended(self, runbook: str, source: Path, problem: tuple[str, str] | None) -> tuple[str, str]:
        """(status, headline): what the notebook recorded, unless it did not get to its end."""
        entry = outcome.read(self.folder)["runbooks"].get(runbook, {"status": "unfinished"})
        if not problem and entry["status"] == "unfinished":
            problem = "broke", f"{source.name} ended without saying how; does a cell call exit?"
        if problem:
            status, headline = problem
            why = f"stopped by {self.stopper.why}: " if self.stopper.why else ""
            headline = self._scanner(runbook).text(why + headline)
            outcome.record(self.folder, runbook, status, headline)
        else:
            status, headline = entry["status"], self._scanner(runbook).text(entry["headline"])
            if headline != entry["headline"]:
                outcome.add(self.folder, runbook, headline=headline)
        if self.stopper.why:
            outcome.add(self.folder, runbook, stopped_by=self.stopper.why)
        return status, headline

    def _papermill(self, source: Path, runbook: str) -> tuple[str, str] | None:
        """(status, headline) when the notebook did not reach its end, or could not be kept, else None."""
        given = {**self.parameters[runbook], "run_dir": str(self.folder)}
        out, log = self.folder / source.name, self.folder / "log.jsonl"
        shelf = saved.Saved(out, self._scanner(runbook))
        with (
            saved.saving(shelf),
            _headless(),
            runlog.shown(log, self.say),
            _kernel() as kernel,
            self.stopper.watching(kernel, applying=runbook == "apply"),
        ):
            problem = _executed(source, shelf.name, given, self.folder, kernel)
        shelf.keep()
        self.masked = +shelf.found
        if shelf.failure is not None and problem is None:
            problem = "broke", f"{out.name} could not be kept: {shelf.failure}"
        return problem

    def _scanner(self, runbook: str) -> redaction.Scanner:
        reveal = bool(self.parameters[runbook].get("reveal_numbers"))
        return self.known.scanner(reveal=reveal)

    def _publish(self, runbook: str, out: Path, position: int) -> None:
        """Scan what was left, and make the page; a page that cannot be made never changes how the run ended."""
        found, scanner = self.masked, self._scanner(runbook)
        try:
            if out.exists():
                found = found + publish.again(out, scanner) + publish.page(out, scanner)
            found += publish.log(self.folder / "log.jsonl", self.known.scanner(), position)
        except Exception as error:
            self.say(f"  no report page for {out.name}: {type(error).__name__}: {error}")
        if +found:
            outcome.add(self.folder, runbook, masked=dict(+found))
            self.say(f"  ! masked before publishing: {redaction.said(found)}; no cell should show them, see {out.name}")


def _put_aside(folder: Path, stem: str) -> None:
    """An earlier attempt's notebook and page stay, under a number of their own."""
    number = next(n for n in range(1, 10_000) if not any(folder.glob(f"{stem}-{n}.*")))
    for path in (folder / f"{stem}.ipynb", folder / f"{stem}.html"):
        if path.exists():
            path.rename(folder / f"{stem}-{number}{path.suffix}")


def _executed(
    source: Path, out: str, parameters: Mapping[str, Any], folder: Path, kernel: Mapping[str, Any]
) -> tuple[str, str] | None:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            str(source).replace("{", "{{").replace("}", "}}"),
            out,
            parameters=dict(parameters),
            kernel_name="python3",
            engine_name=saved.ENGINE,
            progress_bar=False,
            cwd=str(folder),
            store_widget_state=False,
            **kernel,
        )
    except PapermillExecutionError as error:
        return _status_of(error.ename), f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        return "broke", "the kernel died"
    except Exception as error:
        # A kernel that does not start, a message that is lost: whatever it was, the runbook did not reach its end.
        return "broke", "the kernel died" if "Kernel died" in str(error) else f"{type(error).__name__}: {error}"
    return None


@contextmanager
def _kernel() -> Iterator[dict[str, Any]]:
    """A kernel that talks over sockets in a private folder, not over TCP ports that others on the machine can read."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    with sockets.folder() as private:
        private_sockets = {"transport": "ipc", "ip": str(private / "kernel")} if os.name == "posix" else {}
        manager = AsyncKernelManager(**private_sockets)
        try:
            yield {"km": manager}
        finally:
            # nbclient leaves a kernel that it was given running.
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)


def _status_of(class_name: str) -> str:
    """The status that belongs to an exception class of ours; anything else broke."""
    kind = getattr(errors, class_name, AuthopsError)
    code = kind.exit_code if isinstance(kind, type) and issubclass(kind, AuthopsError) else 1
    return next(status for status, exit_code in outcome.STATUSES.items() if exit_code == code)


@contextmanager
def _headless() -> Iterator[None]:
    before = dict(os.environ)
    os.environ["AUTHOPS_HEADLESS"] = "1"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that only numpy's algebra needs, a tenth of a second
    try:
        yield
    finally:
        for name in ("AUTHOPS_HEADLESS", "OPENBLAS_NUM_THREADS"):
            os.environ.pop(name)
            os.environ.update({name: before[name]} if name in before else {})
