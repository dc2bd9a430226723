"""One run, as a notebook holds it while it works: its folder, its connection, what it keeps and how it ends."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.apply import already, ends, resume
from authops.apply.journal import Journal
from authops.apply.lock import TenantLock, begun, claim
from authops.graph import connection as connections
from authops.graph.client import Graph
from authops.plan import plan_file
from authops.plan.plan import Plan
from authops.run import answer, kernel, outcome, permissions, seen
from authops.run.folder import find, new_folder
from authops.run.runbook import refuse_wrong
from authops.run.runlog import log_to
from authops.run.written import Earlier, earlier, folders_that_wrote, holding, latest_of
from authops.show import failing, head
from authops.show.views import View, box, note, passing, show
from authops.source import wanted_file
from authops.tenant import directory
from authops.words import disk
from authops.words.author import author, operator
from authops.words.errors import GuardStop, JournalError, ParameterError, PlanError
from authops.words.places import state_folder

_log = logging.getLogger(__name__)
_AT_THE_HEAD: Final = View(note("How it ended stands at the head of this notebook."), "")
_NEEDS: Final = {"apply": "plan.json", "verify": "journal.sqlite"}


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
        self._again = self._signalled = self._watches = False
        self.claims: dict[str, Any] = {}
        self.tenant_name, self._kind = "", "keep"

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
            self.claims = connections.sign_in(self.connection, passing)
            if who := connections.account(self.claims):
                outcome.add(self.folder, signed_in_as=who)
            self._warn()
            self._graph = await Graph.connect(self.connection).__aenter__()
            self.tenant_name = await directory.tenant_name(self._graph)
        return self._graph

    def _warn(self) -> None:
        """Say what this runbook will not be able to do, before work is lost on it."""
        allowed = permissions.granted(self.claims)
        lacking = [] if allowed is None else permissions.missing(self.runbook, allowed)
        for said in permissions.said(self.runbook, lacking):
            _log.warning("%s", said)
            show(View(box(said, "update"), f"! {said}"))

    def take(self, plan: Plan, mode: str) -> Journal:
        """The journal to apply a plan with: a dry run gets one of its own, which is thrown away.

        To write, the tenant's lock is taken and the plan claimed. Raises `GuardStop` when another run is applying
        there, `PlanError` when the plan was applied already, `JournalError` when the journal cannot be written.
        """
        self._refuse_other_tenant(plan)
        self._again = self._again or self._journal is not None
        self._let_go()
        if not self._watches:
            self._watches = True
            kernel.on_failed_cell(self._let_go)
        self._forget_an_old_stop()
        try:
            return self._taken(plan) if mode == "apply" else self._rehearsed()
        except BaseException:
            self._let_go()
            raise

    def _rehearsed(self) -> Journal:
        for old in self.folder.glob("dry-run.sqlite*"):
            old.unlink()
        self._journal = Journal(self.folder / "dry-run.sqlite")
        return self._journal

    def _taken(self, plan: Plan) -> Journal:
        where = {"by": self.author, "run": str(self.folder.resolve()), "named": self.connection.tenant_id}
        self._lock = TenantLock(state_folder() / "locks", self.tenant_id, **where).acquire()
        already.refuse_copies(str(plan.header["digest"]), self.folder, folders_that_wrote(self.folder.parent))
        path, plans, plan_id = self.folder / "journal.sqlite", state_folder() / "applied", str(plan.header["plan_id"])
        facts = self._open_journal(path, plan) if path.exists() else {}
        if claim(plans, plan_id, self.folder) and "begun_at" not in facts:
            raise JournalError(
                f"{path} is gone or empty, and this plan was begun with it: what it wrote is not known here",
                remedy="put the journal back from a backup; else preview again, which shows what is there now",
            )
        self._journal = self._journal or Journal(path)
        began = facts.get("begun_at", datetime.now(UTC).isoformat(timespec="seconds"))
        about = {"plan": str(plan.header["digest"]), "tenant_id": self.tenant_id, "graph": self._address}
        self._journal.note(**about, begun_at=began, by=self.author)
        begun(plans, plan_id)
        kernel.on_sigterm(self._hear)
        return self._journal

    def _open_journal(self, path: Path, plan: Plan) -> dict[str, str]:
        """What the journal that is there says of its run. Raises `PlanError` when it is of another plan, or over."""
        self._journal = Journal(path)
        facts = self._journal.facts()
        if facts.get("plan", plan.header["digest"]) != plan.header["digest"]:
            raise PlanError(
                f"the journal in {self.folder} is of another plan", remedy="put back the plan that it belongs to"
            )
        if (wrote := facts.get("tenant_id", self.tenant_id)) != self.tenant_id:
            raise PlanError(
                f"the run in {self.folder} wrote to tenant {wrote}, and tenant {self.tenant_id} answers here",
                remedy="use the connection that it was begun with",
            )
        if (host := facts.get("graph", self._address)) != self._address:
            raise PlanError(
                f"the run in {self.folder} wrote through {host}, and this connection is {self._address}",
                remedy="use the connection that it was begun with",
            )
        if finished := facts.get("finished_at"):
            raise resume.applied(finished, self._journal.outcomes())
        return facts

    def _let_go(self) -> None:
        """Close the journal and release the lock, also those of a cell that is run once more."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def refuse_applied(self, plan: Plan) -> None:
        """Before anything else is judged: raises `PlanError`, with what was written, for a plan that was applied."""
        resume.refuse_applied(self.folder, plan.header["digest"])

    def goes_on(self) -> dict[str, str]:
        """What an earlier apply in this folder left to do, for people; empty when there is none."""
        return resume.unfinished(self.folder)

    def wrote(self) -> str:
        """What an earlier apply in this folder wrote, for people; "" when it wrote nothing."""
        return resume.wrote(self.folder)

    def ask_to_stop(self) -> str:
        """Ask this run to stop, as the stop button does; returns what happens now, in words."""
        if self._journal is None:
            return "nothing is being applied"
        self._stop_file.touch()
        return "stopping: what is in flight is settled first; run this notebook again to go on"

    def stop_asked(self) -> bool:
        """Whether somebody asked this run to stop: a signal, the stop button, a file named `stop` in its folder."""
        return self._signalled or self._stop_file.exists()

    def _forget_an_old_stop(self) -> None:
        """What was asked of an earlier go; headless, `execute` has done that before the first signal could come."""
        stop = self._stop_file
        self._signalled = self._signalled and self.headless
        if not self.headless and stop.exists() and (self._again or stop.stat().st_mtime < self.started.timestamp()):
            stop.unlink(missing_ok=True)

    def _hear(self) -> None:
        """Whatever it comes in between of, a full disk as well, it only asks."""
        self._signalled = True
        with suppress(OSError):
            self._stop_file.touch()

    @property
    def _stop_file(self) -> Path:
        return self.folder / "stop"

    @property
    def _address(self) -> str:
        """Where Graph is; the demo tenant moves from port to port."""
        return self.connection.graph_url if self.connection.cloud != "demo" else "demo"

    def refuse_strangers(self, plan: Plan, people: pd.DataFrame) -> None:
        """Raises `GuardStop` where nobody of a plan is in the tenant that answers: it is another, whatever its id."""
        self._refuse_other_tenant(plan)
        if len(plan.writes) and people.empty:
            raise GuardStop(
                f"none of the {plan.writes['user_id'].nunique():,} people of this plan is in the tenant that answers",
                remedy="this attempt wrote nothing; use the connection that the plan was made with",
            )

    def _refuse_other_tenant(self, plan: Plan) -> None:
        """A plan's tenant is the one that its preview's token named, whatever the profile calls it."""
        made = str(plan.header.get("token_tenant_id", ""))
        if made and made.lower() != self.tenant_id.lower():
            raise PlanError(
                f"the plan was made in tenant {made}, and tenant {self.tenant_id} answers here",
                remedy="use the connection that the plan was made with",
            )

    @property
    def tenant_id(self) -> str:
        """The tenant's id as the token tells, else as the profile says."""
        return str(self.claims.get("tid") or self.connection.tenant_id)

    @property
    def application_id(self) -> str:
        """Who writes, as the audit log will name it."""
        return connections.account(self.claims) or str(self.claims.get("appid") or self.connection.client_id)

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
        """An earlier run of this tenant, by path or name, else its latest. Raises `ParameterError`, `PlanError`."""
        mine = (self.tenant_id, self.connection.tenant_id)
        found = earlier(find(name)) if name else latest_of(mine)
        if found.recorded.empty:
            raise ParameterError(f"{found.folder.name} wrote nothing", remedy="name the run to take back: -p run RUN")
        if found.tenant_id not in mine:
            raise PlanError(
                f"{found.folder.name} wrote to tenant {found.tenant_id}, this connection is {self.tenant_id}",
                remedy="use that run's own connection",
            )
        return found

    def keep(self, name: str, data: pd.DataFrame) -> Path:
        """Write a frame as Parquet, readable by its owner only."""
        path = self.folder / f"{name}.parquet"
        new = path.with_suffix(".new")
        with open(disk.fresh(new), "wb") as file:
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
        """Who runs this: the account that signed in, else whom the operating system knows."""
        return connections.account(self.claims) or author()

    def plan_header(self, source_facts: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
        """Where a plan comes from: tenant, source, read time, author, the rules it was made under."""
        read_at = datetime.now(UTC).isoformat(timespec="seconds")
        tenant = {"tenant_id": self.connection.tenant_id, "connection": self.connection.name}
        # A domain in the profile may be another tenant's tomorrow.
        tenant |= {"token_tenant_id": str(self.claims["tid"])} if self.claims.get("tid") else {}
        who = {"author": self.author, "operator": operator()}
        return tenant | {"source": dict(source_facts), "read_at": read_at, "rules": dict(rules)} | who

    def keep_outcomes(self, outcomes: pd.DataFrame, plan: Plan, mode: str) -> dict[str, str]:
        """Keep the outcomes and `failed.csv`, the source rows to look at; returns what was kept, for people."""
        if (
            mode == "apply"
            and self._journal
            and set(outcomes["change_id"]) <= set(self._journal.outcomes()["change_id"])
            and self._journal.open_intents().empty
        ):
            finished = datetime.now(UTC)
            self._journal.note(finished_at=finished.isoformat(timespec="seconds"))
            plan_file.close(self.folder, at=finished)
        kept = {"outcomes": self.keep("outcomes" if mode == "apply" else "dry-run", outcomes).name}
        look, waiting = self._to_look_at(outcomes, mode)
        lines = ends.why(plan.problems, look)
        source_facts = plan.header["source"]
        if not lines:
            left = f"{waiting:,} changes were left open, and go on with --resume" if waiting else "nothing to look at"
            return kept | {"failed.csv": f"not needed: {left}"}
        if "path" not in source_facts:
            return kept | {"failed.csv": "not written: this plan came from no file"}
        if wanted_file.digest(source_facts["path"]) != source_facts["digest"]:
            return kept | {"failed.csv": f"not written: {source_facts['path']} has changed since the preview"}
        path = self.folder / "failed.csv"
        with open(disk.fresh(path), "w", encoding="utf-8-sig") as file:
            file.write(wanted_file.pick(source_facts["path"], lines, source_facts))
        return kept | {"failed.csv": f"{len(lines):,} rows"}

    def _to_look_at(self, outcomes: pd.DataFrame, mode: str) -> tuple[pd.DataFrame, int]:
        """What did not go through, and how many were left open: these go on here, and are no next input."""
        if mode != "apply" or self._journal is None:
            return ends.failed(outcomes), 0
        settled = outcomes["change_id"].isin(self._journal.outcomes()["change_id"])
        return pd.concat([ends.not_made(outcomes[settled]), ends.failed(outcomes[~settled])]), int((~settled).sum())

    async def close(
        self, status: str, headline: str, *, worrying: bool = False, **counts: int | Mapping[str, int]
    ) -> View:
        """Let go of Graph and the journal, record how it ended (one of STATUSES); returns the headline as a picture.

        `worrying`: the run is done, and what it found is no good news: its headline is not green.
        """
        if self._graph is not None:
            await self._graph.__aexit__(None, None, None)
            self._graph = None
        try:  # who follows from elsewhere reads it as soon as the lock is free
            outcome.record(self.folder, self.runbook, status, headline, counts)
            outcome.add(self.folder, tenant_id=self.tenant_id, tenant=self.tenant_name, connection=self.connection.name)
        finally:
            self._let_go()
        if not self.headless:
            outcome.end(self.folder)
        self._kind = "update" if worrying and status == "done" else answer.KINDS[status]
        return self._told(self._answer(status, headline))

    def _answer(self, status: str, headline: str) -> View:
        who = {"tenant": f"{self.tenant_name or self.connection.name} ({self.tenant_id})", "by": self.author}
        return answer.answer(self.runbook, self.folder, self._kind, status, headline, **who)

    def _told(self, said: View) -> View:
        """At the head, where there is one, and on the page that this run leaves."""
        seen.leave(self.runbook, self.folder, said)
        return _AT_THE_HEAD if head.over(said) else said

    def approved(self, how_many: str) -> None:
        """An approval was saved after the end: what is told of this run says so."""
        entry = outcome.read(self.folder)["runbooks"].get(self.runbook)
        if entry and entry["status"] != "unfinished":
            headline = re.sub(r"approved: [^;]*", f"approved: {how_many}", entry["headline"])
            outcome.add(self.folder, self.runbook, headline=headline)
            self._told(self._answer(entry["status"], headline))


def open_run(runbook: str, *, run_dir: str = "", connection: str = "demo") -> Run:
    """The run a notebook belongs to: the folder given, else a new one (audit, preview) or the latest that fits."""
    failing.in_boxes(head.over)
    refuse_wrong(runbook, kernel.names())
    seen.hear()
    profile = connections.load(connection)
    folder = Path(run_dir) if run_dir else (_latest(runbook) if runbook in _NEEDS else new_folder([runbook]))
    if not folder.is_dir():
        raise ParameterError(f"run folder {folder} does not exist", remedy="check parameter `run_dir`")
    disk.ours(folder)
    log_to(folder)
    return Run(runbook, folder, profile)


def _latest(runbook: str) -> Path:
    fitting = holding(_NEEDS[runbook])
    if runbook == "apply" and (others := resume.offered(fitting[:-1])):
        said = f"not ended, and left alone here: {', '.join(others)}; to go on: authops run apply --resume RUN"
        _log.warning("%s", said)
        show(View(box(said, "update"), f"! {said}"))
    return fitting[-1]
