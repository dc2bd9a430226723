"""Run notebooks headlessly: papermill in this process, one after another, into one run folder, each with its report.

papermill's own metadata is not trusted: how a runbook ended is what it recorded in outcome.json, or else that it broke.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authops import errors, report, run
from authops.errors import AuthopsError
from authops.runbook import notebook

Say = Callable[[str], None]


def execute(runbooks: Sequence[str], parameters: Mapping[str, Mapping[str, Any]], folder: Path, say: Say) -> int:
    """Run them in order; stops after the first that did not end well. Returns the exit code, also in outcome.json.

    SIGINT or SIGTERM stops an apply cleanly (what is in flight is settled and journalled, and a report written) and
    interrupts any other runbook; a second one ends the kernel at once. No further runbook is begun then.
    """
    stop = folder / "stop"
    stop.unlink(missing_ok=True)
    for runbook in runbooks:
        status = _one(runbook, parameters[runbook], folder, say)
        if status not in ("done", "nothing to do", "attention") or stop.exists():
            break
    stop.unlink(missing_ok=True)
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    say("")
    for name, entry in outcome["runbooks"].items():
        for line in _counted(name, entry["counts"]):
            say(line)
    say(f"{outcome['status']} (exit code {outcome['exit_code']})")
    say(f"  folder  {folder}")
    for page in sorted(folder.glob("*.html")):
        say(f"  report  {page}")
    return int(outcome["exit_code"])


def _counted(name: str, counts: Mapping[str, Any]) -> list[str]:
    """A runbook's counts on one line, and each nested table of counts on a line of its own."""
    plain = {k: v for k, v in counts.items() if not isinstance(v, dict)}
    tables = {name: plain} | {k.replace("_", " "): v for k, v in counts.items() if isinstance(v, dict)}
    lines = {k: " · ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in v.items()) for k, v in tables.items() if v}
    return [f"  {k:<16}{line}" for k, line in lines.items()]


def _one(runbook: str, parameters: Mapping[str, Any], folder: Path, say: Say) -> str:
    source = notebook(runbook)
    out = folder / source.name
    say(f"▸ {source.stem}")
    begun = time.monotonic()
    problem = _papermill(source, out, dict(parameters) | {"run_dir": str(folder)}, folder, say)
    entry = _recorded(folder).get(runbook)
    if problem or entry is None:
        status, headline = problem or ("broke", f"{source.name} ended without saying how")
        run.record(folder, runbook, status, headline)
    else:
        status, headline = entry["status"], entry["headline"]
    _publish(out, folder, say)
    say(f"  {headline}  [{time.monotonic() - begun:.1f} s]")
    return str(status)


def _recorded(folder: Path) -> dict[str, Any]:
    path = folder / "outcome.json"
    return dict(json.loads(path.read_text("utf-8"))["runbooks"]) if path.exists() else {}


def _papermill(source: Path, out: Path, parameters: dict[str, Any], folder: Path, say: Say) -> tuple[str, str] | None:
    """(status, headline) when the notebook did not reach its end, else None."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        with _headless(), _log_shown(folder / "log.jsonl", say), _kernel() as kernel, _signals(kernel, out, say):
            papermill.execute_notebook(
                str(source),
                str(out),
                parameters=parameters,
                kernel_name="python3",
                progress_bar=False,
                cwd=str(folder),
                store_widget_state=False,
                **kernel,
            )
    except PapermillExecutionError as error:
        return _status_of(error.ename), f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        return "broke", "the kernel died"
    finally:
        if out.exists():
            out.chmod(0o600)
    return None


@contextmanager
def _kernel() -> Iterator[dict[str, Any]]:
    """A kernel that talks over sockets in a private folder, not over TCP ports that others on the machine can read."""
    if os.name != "posix":
        yield {}
        return
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    with tempfile.TemporaryDirectory(prefix="authops-") as private:
        manager = AsyncKernelManager(transport="ipc", ip=str(Path(private) / "kernel"))
        try:
            yield {"km": manager}
        finally:
            # nbclient leaves a kernel that it was given running.
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)


@contextmanager
def _signals(kernel: Mapping[str, Any], out: Path, say: Say) -> Iterator[None]:
    """Turn the first signal into a request to stop, the second into an end; the notebook's name tells which runbook."""
    stop, applying = out.parent / "stop", out.name == notebook("apply").name

    def asked(_number: int, _frame: object) -> None:
        pid = getattr(getattr(kernel.get("km"), "provisioner", None), "pid", None)
        again = stop.exists()
        stop.touch()
        if again and pid:
            say("  ending at once; the journal knows what was written")
            os.kill(pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        elif applying:
            say("  stopping once the writes in flight are settled; ask again to end at once")
        elif pid:
            os.kill(pid, signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _status_of(class_name: str) -> str:
    """The status that belongs to an exception class of ours; anything else broke."""
    kind = getattr(errors, class_name, AuthopsError)
    code = kind.exit_code if isinstance(kind, type) and issubclass(kind, AuthopsError) else 1
    return next(status for status, exit_code in run.STATUSES.items() if exit_code == code)


@contextmanager
def _headless() -> Iterator[None]:
    before = os.environ.get("AUTHOPS_HEADLESS")
    os.environ["AUTHOPS_HEADLESS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["AUTHOPS_HEADLESS"]
        else:
            os.environ["AUTHOPS_HEADLESS"] = before


@contextmanager
def _log_shown(path: Path, say: Say) -> Iterator[None]:
    """Show progress lines of the kernel's log while it works."""
    over = threading.Event()
    shown = threading.Thread(target=_follow, args=(path, say, over), daemon=True)
    shown.start()
    try:
        yield
    finally:
        over.set()
        shown.join()


def _follow(path: Path, say: Say, over: threading.Event) -> None:
    position = path.stat().st_size if path.exists() else 0
    last = False
    while not last:
        last = over.wait(0.5)
        if path.exists():
            with path.open(encoding="utf-8") as log:
                log.seek(position)
                lines = log.readlines()
                position = log.tell()
            for line in lines:
                _show(line, say)


def _show(line: str, say: Say) -> None:
    try:
        entry = json.loads(line)
    except ValueError:
        return
    if entry["logger"] == "authops.progress" or entry["level"] in ("WARNING", "ERROR"):
        say(f"    {entry['message']}")


def _publish(out: Path, folder: Path, say: Say) -> None:
    """The page beside the notebook; a page that cannot be made never changes how the run ended."""
    try:
        if out.exists():
            report.to_html(out, folder / f"{out.stem}.html", title=out.stem.partition("_")[2].capitalize())
    except Exception as error:
        say(f"  no report page for {out.name}: {type(error).__name__}: {error}")
