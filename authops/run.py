"""One run: its folder, its log, its outcome.json and its exit code; used inside notebooks and by `authops run`.

Exit codes: 0 done, or nothing to do · 1 a runbook broke · 2 wrong use · 3 changes to look at · 4 a guard stopped it.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import logging
import os
import platform
import secrets
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops import apply, resume, source
from authops import connection as connections
from authops.errors import ParameterError, PlanError
from authops.graph import Graph
from authops.journal import Journal
from authops.lock import TenantLock, claim
from authops.places import runs_folder, state_folder
from authops.plan import Plan
from authops.views import View, box

STATUSES: Final = {"done": 0, "nothing to do": 0, "broke": 1, "wrong use": 2, "attention": 3, "stopped": 4}
EXIT_CODES: Final = {
    0: "done, or nothing to do",
    1: "the runbook broke",
    2: "wrong use: parameters or files",
    3: "finished, but some changes were rejected, drifted or are unknown",
    4: "a guard stopped it before any write",
}
_KINDS: Final = {"done": "add", "nothing to do": "keep", "attention": "update"} | dict.fromkeys(
    ("broke", "wrong use", "stopped"), "remove"
)
_NEEDS: Final = {"apply": "plan.json", "verify": "journal.sqlite"}
_PACKAGES: Final = ("authops", "msgraph-sdk", "azure-identity", "pandas", "papermill", "phonenumberslite")


class Run:
    """What a notebook holds while it works: the run folder, the connection, the way to Graph."""

    def __init__(self, runbook: str, folder: Path, profile: connections.Connection) -> None:
        self.runbook = runbook
        self.folder = folder
        self.connection = profile
        self.headless = bool(os.environ.get("AUTHOPS_HEADLESS"))
        self.started = datetime.now(UTC)
        self._graph: Graph | None = None
        self._journal: Journal | None = None
        self._lock: TenantLock | None = None
        self.claims: dict[str, Any] = {}

    @property
    def facts(self) -> dict[str, str]:
        """For the page's head: which tenant, as whom, where the files are."""
        c = self.connection
        return {
            "tenant": c.tenant_id,
            "cloud": c.cloud,
            "as application": c.client_id,
            "credential": c.credential,
            "run folder": str(self.folder),
        }

    async def connect(self) -> Graph:
        """Sign in and open the way to Graph. Raises `SignInError`, `ConnectionProfileError`."""
        if self._graph is None:
            self.claims = connections.sign_in(self.connection)
            self._graph = await Graph.connect(self.connection).__aenter__()
        return self._graph

    def take(self, plan: Plan, mode: str) -> Journal:
        """The journal to apply a plan with: a dry run gets one of its own, which is thrown away.

        To write, the tenant's lock is taken and the plan claimed. Raises `GuardStop` when another run is applying
        there, `PlanError` when the plan was applied already, `JournalError` when the journal cannot be written.
        """
        if not self.headless:
            self._stop_file.unlink(missing_ok=True)
        if mode != "apply":
            for old in self.folder.glob("dry-run.sqlite*"):
                old.unlink()
            self._journal = Journal(self.folder / "dry-run.sqlite")
            return self._journal
        self._lock = TenantLock(
            state_folder() / "locks", self.tenant_id, by=author(), run=str(self.folder.resolve())
        ).acquire()
        self._journal = Journal(self.folder / "journal.sqlite")
        finished = self._journal.facts().get("finished_at")
        if finished:
            raise PlanError(
                f"this plan was already applied, finished {finished}",
                remedy="a plan is applied once; run verify on it, or preview again",
            )
        claim(state_folder() / "applied", str(plan.header["plan_id"]), self.folder)
        begun = self._journal.facts().get("begun_at", datetime.now(UTC).isoformat(timespec="seconds"))
        self._journal.note(plan=str(plan.header["digest"]), tenant_id=self.tenant_id, begun_at=begun, by=author())
        self._stop_file.unlink(missing_ok=True)
        self._listen()
        return self._journal

    def goes_on(self) -> dict[str, str]:
        """What an earlier apply in this folder left to do, for people; empty when there is none."""
        return resume.unfinished(self.folder)

    def ask_to_stop(self) -> str:
        """Ask this run to stop, as the stop button does; returns what happens now, in words."""
        if self._journal is None:
            return "nothing is being applied"
        self._stop_file.touch()
        return "stopping: what is in flight is settled first; run this notebook again to go on"

    def stop_asked(self) -> bool:
        """Whether somebody asked this run to stop: a signal, the stop button, a file named `stop` in its folder."""
        return self._stop_file.exists()

    def _listen(self) -> None:
        """A service manager's SIGTERM reaches the kernel as well: it stops the apply cleanly."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self._stop_file.touch())

    @property
    def _stop_file(self) -> Path:
        return self.folder / "stop"

    @property
    def tenant_id(self) -> str:
        """The tenant's id as the token tells, else as the profile says."""
        return str(self.claims.get("tid") or self.connection.tenant_id)

    @property
    def application_id(self) -> str:
        """Who writes, as the audit log will name it."""
        return str(self.claims.get("appid") or self.connection.client_id)

    @property
    def certificate_days(self) -> float | None:
        """Days until the connection's certificate expires; None when it signs in otherwise."""
        return connections.certificate_days(self.connection)

    def recorded(self) -> pd.DataFrame:
        """What this run's journal holds (OUTCOME_ROWS), open intents as `unknown`."""
        return earlier(self.folder).recorded

    def began(self) -> datetime:
        """When this run began to write."""
        return earlier(self.folder).began

    def earlier(self, name: str) -> Earlier:
        """An earlier run of this tenant, by path or name, else the latest. Raises `ParameterError`, `PlanError`."""
        found = earlier(find(name))
        if found.tenant_id not in (self.tenant_id, self.connection.tenant_id):
            raise PlanError(
                f"{found.folder.name} wrote to tenant {found.tenant_id}, this connection is {self.tenant_id}",
                remedy="use that run's own connection",
            )
        return found

    def keep(self, name: str, data: pd.DataFrame) -> Path:
        """Write a frame as Parquet, readable by its owner only."""
        path = self.folder / f"{name}.parquet"
        new = path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            data.to_parquet(file, compression="zstd", index=False)
        new.replace(path)
        return path

    def kept(self, name: str) -> pd.DataFrame:
        """Read a frame that an earlier runbook of this run kept."""
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise ParameterError(f"{self.folder} holds no {name}", remedy="run the runbook before this one first")
        return pd.read_parquet(path)

    @property
    def author(self) -> str:
        """Who runs this."""
        return author()

    def plan_header(self, source_facts: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
        """Where a plan comes from: tenant, source, read time, author, the rules it was made under."""
        read_at = datetime.now(UTC).isoformat(timespec="seconds")
        tenant = {"tenant_id": self.connection.tenant_id, "connection": self.connection.name}
        return tenant | {"source": dict(source_facts), "read_at": read_at, "author": author(), "rules": dict(rules)}

    def keep_outcomes(self, outcomes: pd.DataFrame, plan: Plan, mode: str) -> dict[str, str]:
        """Keep the outcomes and `failed.csv`, the source rows to look at; returns what was kept, for people."""
        if (
            mode == "apply"
            and self._journal
            and set(outcomes["change_id"]) <= set(self._journal.outcomes()["change_id"])
        ):
            self._journal.note(finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
        kept = {"outcomes": self.keep("outcomes" if mode == "apply" else "dry-run", outcomes).name}
        lines = {int(n) for n in [*plan.problems["line"], *apply.failed(outcomes)["line"]]}
        source_facts = plan.header["source"]
        if not lines:
            return kept | {"failed.csv": "not needed: nothing to look at"}
        if "path" not in source_facts:
            return kept | {"failed.csv": "not written: this plan came from no file"}
        if source.digest(source_facts["path"]) != source_facts["digest"]:
            return kept | {"failed.csv": f"not written: {source_facts['path']} has changed since the preview"}
        path = self.folder / "failed.csv"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8-sig") as file:
            file.write(source.pick(source_facts["path"], lines, source_facts))
        return kept | {"failed.csv": f"{len(lines):,} rows"}

    async def close(self, status: str, headline: str, **counts: int | Mapping[str, int]) -> View:
        """Let go of Graph and the journal, record how it ended (one of STATUSES); returns the headline as a picture."""
        if self._graph is not None:
            await self._graph.__aexit__(None, None, None)
            self._graph = None
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        record(self.folder, self.runbook, status, headline, counts)
        return View(box(headline, _KINDS[status]), headline)


def open_run(runbook: str, *, run_dir: str = "", connection: str = "demo") -> Run:
    """The run a notebook belongs to: the folder given, else a new one (audit, preview) or the latest that fits."""
    profile = connections.load(connection)
    folder = Path(run_dir) if run_dir else (_latest(runbook) if runbook in _NEEDS else new_folder([runbook]))
    if not folder.is_dir():
        raise ParameterError(f"run folder {folder} does not exist", remedy="check parameter `run_dir`")
    _log_to(folder)
    return Run(runbook, folder, profile)


def new_folder(runbooks: Sequence[str], root: Path | None = None, now: datetime | None = None) -> Path:
    """A fresh run folder, `<UTC time>-<runbooks>-<id>`, for its owner only."""
    root = root or runs_folder()
    root.mkdir(parents=True, exist_ok=True)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    folder = root / f"{stamp}-{'-'.join(runbooks)}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700)
    return folder


def find(name: str = "") -> Path:
    """The folder of an earlier run that wrote: by path, by name, or the latest. Raises `ParameterError`."""
    if not name:
        return _latest("verify")
    folder = next((f for f in (Path(name), runs_folder() / name) if (f / "journal.sqlite").exists()), None)
    if folder is None:
        raise ParameterError(f"no run {name!r} with a journal", remedy=f"name a folder of {runs_folder()}")
    return folder.resolve()


@dataclass(frozen=True)
class Earlier:
    """A run that wrote: what its journal holds (OUTCOME_ROWS, open intents as `unknown`) and notes beside it."""

    folder: Path
    recorded: pd.DataFrame
    noted: Mapping[str, str]

    @property
    def facts(self) -> dict[str, str]:
        """For the page: which run, by whom, when."""
        return {"run": self.folder.name, "by": self.noted.get("by", ""), "began": self.noted.get("begun_at", "")}

    @property
    def tenant_id(self) -> str:
        """Which tenant it wrote to."""
        return self.noted.get("tenant_id", "")

    @property
    def began(self) -> datetime:
        """When it began to write."""
        return datetime.fromisoformat(self.noted["begun_at"])

    @property
    def rules(self) -> dict[str, Any]:
        """The protection it was planned under; careful defaults when its plan is gone."""
        path = self.folder / "plan.json"
        header = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return dict(header.get("rules", {}).get("protect", {}))


def earlier(folder: Path) -> Earlier:
    """What a run folder's journal holds. Raises `ParameterError` when there is none."""
    if not (folder / "journal.sqlite").exists():
        raise ParameterError(f"{folder} holds no journal: nothing was written there", remedy="apply first")
    journal = Journal(folder / "journal.sqlite")
    try:
        return Earlier(folder, journal.recorded(), journal.facts())
    finally:
        journal.close()


def _latest(runbook: str) -> Path:
    root, needed = runs_folder(), _NEEDS[runbook]
    fitting = sorted(f.parent for f in root.glob(f"*/{needed}"))
    if not fitting:
        raise ParameterError(f"no run under {root} holds {needed}", remedy="run the notebook before this one first")
    return resume.to_apply(fitting) if runbook == "apply" else fitting[-1]


def record(folder: Path, runbook: str, status: str, headline: str, counts: Mapping[str, Any] | None = None) -> None:
    """Add how one runbook ended to outcome.json; the run's status and exit code are those of its worst runbook."""
    path = folder / "outcome.json"
    whole = json.loads(path.read_text("utf-8")) if path.exists() else {"runbooks": {}}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    whole["runbooks"][runbook] = {
        "status": status,
        "headline": headline,
        "counts": dict(counts or {}),
        "finished_at": at,
    }
    worst = _worst([str(r["status"]) for r in whole["runbooks"].values()])
    whole |= {"run": folder.name, "status": worst, "exit_code": STATUSES[worst], "by": author(), "versions": versions()}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(whole, indent=2, ensure_ascii=False), "utf-8")
    new.replace(path)


def _worst(statuses: Sequence[str]) -> str:
    rank = ["nothing to do", "done", "attention", "stopped", "wrong use", "broke"]
    return max(statuses, key=rank.index)


def author() -> str:
    """Who runs this, as the operating system knows them; `AUTHOPS_AUTHOR` overrides (a pipeline's requester)."""
    try:
        return os.environ.get("AUTHOPS_AUTHOR") or f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{platform.node()}"


def versions() -> dict[str, str]:
    """Versions of what decides about a result."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        return json.dumps(line, ensure_ascii=False)


def _log_to(folder: Path) -> None:
    """Everything `authops` logs goes to log.jsonl of the latest run opened."""
    log = logging.getLogger("authops")
    for old in [h for h in log.handlers if isinstance(h, logging.FileHandler)]:
        log.removeHandler(old)
        old.close()
    handler = logging.FileHandler(folder / "log.jsonl", encoding="utf-8")
    handler.setFormatter(_JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
