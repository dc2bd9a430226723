"""authops for many tenants: every tenants file becomes two DAGs, a nightly audit and a daily sync.

Airflow maps the tenants, retries, keeps history and holds the pool; authops checks the parameters before, and makes one
table after. The notebooks run in authops' own environment (kernel `authops`): Airflow needs nothing but
apache-airflow-providers-papermill. What has to be set up is in docs/schedule/README.md.

One tenants file for one app registration: its pool, `authops_<file>`, is how many of its notebooks run at once.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zlib import crc32

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException
from papermill.exceptions import PapermillExecutionError

AUTHOPS = os.environ.get("AUTHOPS", "/opt/authops/.venv/bin/authops")
TENANTS = Path(os.environ.get("AUTHOPS_TENANTS", "/etc/authops/tenants"))
SYNC = os.environ.get("AUTHOPS_SYNC", "/etc/authops/profile-sync.yaml")
WRITING = ["-f", SYNC, "-p", "approve", "all", "-p", "mode", "apply"]
RUNS = Path(os.environ.get("AUTHOPS_RUNS", "/var/lib/authops/runs"))
AUDIT_AT = os.environ.get("AUTHOPS_AUDIT_AT", "17 1 * * *") or None
SYNC_AT = os.environ.get("AUTHOPS_SYNC_AT", "43 4 * * *") or None

RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=int(os.environ.get("AUTHOPS_RETRY_SECONDS", "300"))),
    "retry_exponential_backoff": True,
}
FINAL = {
    "UsageError",
    "SourceError",
    "ConnectionProfileError",
    "ParameterError",
    "PlanError",
    "GraphNameError",
    "GuardStop",
    "HandOverError",
}


def final(error: str, said: str) -> bool:
    """Whether a repeat cures nothing: not a network, a killed worker or another run's lock, but a wrong key or file."""
    if error == "SignInError":
        return "AADSTS7" in said  # Entra answered, and does not want this certificate or application
    return error in FINAL and not said.startswith("tenant_lock")


class Runbook(PapermillOperator):
    """One notebook for one tenant. A repeated apply goes on from its journal: nothing is written twice."""

    template_fields = ("book",)

    def __init__(self, *, book, **kwargs):
        super().__init__(kernel_name="authops", do_xcom_push=False, **kwargs)
        self.book = book

    def execute(self, context):
        self.input_nb, self.output_nb = self.book["input_nb"], self.book["output_nb"]
        self.parameters = self.book["parameters"]
        if self.task_id.endswith("preview"):
            begin_anew(Path(self.parameters["run_dir"]))
        try:
            super().execute(context)
        except PapermillExecutionError as error:
            if final(error.ename, error.evalue):
                raise AirflowFailException(f"{error.ename}: {error.evalue}") from None
            raise


def begin_anew(run: Path) -> None:
    """Take away the plan that a preview left when it was ended before its end: as long as nothing was applied."""
    if not (run / "journal.sqlite").exists():
        for name in ("plan.json", "plan.parquet", "approval.json"):
            (run / name).unlink(missing_ok=True)


def fleet(tenants: Path, job: str, runbooks: list[str], words: list[str], schedule: str | None):
    """A DAG: check and make folders, then each tenant's runbooks in order, then one table."""

    def folder() -> str:
        """The same for every try of one DAG run, so that a repeat finds its journal; named as authops names its own."""
        run = get_current_context()["dag_run"]
        return str(RUNS / f"{run.run_after:%Y%m%dT%H%M%SZ}-{run.dag_id}-{crc32(run.run_id.encode()):08x}")

    @dag(
        dag_id=f"authops_{job}_{tenants.stem}",
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        default_args=RETRIES,
        tags=["authops"],
    )
    def made():
        @task
        def prepare() -> list[dict]:
            command = [AUTHOPS, "fleet", "tasks", *runbooks, "--tenants", str(tenants), *words, "--folder", folder()]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise AirflowFailException(done.stderr)
            return [
                {name: book | {"tenant": one["tenant"]} for name, book in one["runbooks"].items()}
                for one in json.loads(done.stdout)["tasks"]
            ]

        def tenant(**books):
            before = None
            for name in runbooks:
                step = Runbook(
                    task_id=name,
                    book=books[name],
                    pool=f"authops_{tenants.stem}",
                    execution_timeout=timedelta(hours=6),
                    map_index_template="{{ task.book.tenant }}",
                )
                if before is not None:
                    before >> step
                before = step

        @task(trigger_rule="all_done", retries=0)
        def gather():
            done = subprocess.run([AUTHOPS, "fleet", "gather", folder()], capture_output=True, text=True, check=False)
            print(done.stdout, done.stderr)
            if done.returncode:
                raise AirflowFailException(
                    f"the worst exit code of all tenants is {done.returncode}; see the table above"
                )

        @task_group(group_id="tenant")
        def audit_only(audit):
            tenant(audit=audit)

        @task_group(group_id="tenant")
        def sync(preview, apply, verify):
            tenant(preview=preview, apply=apply, verify=verify)

        each = (audit_only if runbooks == ["audit"] else sync).expand_kwargs(prepare())
        each >> gather()

    return made()


FLEETS = [
    made
    for path in sorted(TENANTS.glob("*.yaml"))
    for made in (
        fleet(path, "nightly_audit", ["audit"], [], AUDIT_AT),
        fleet(path, "daily_sync", ["preview", "apply", "verify"], WRITING, SYNC_AT),
    )
]
