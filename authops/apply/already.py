"""Were these very changes made since their plan was made, and taken back? Whoever applies a copy of a run folder on
another machine, after an undo, finds every value as the plan saw it. Entra's own record tells, and journals beside.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.apply import resume
from authops.apply.journal import Journal
from authops.graph.client import Graph
from authops.tenant import audit_log
from authops.words.errors import GraphError, PlanError

_log = logging.getLogger(__name__)
_LAG: Final = "the record is some minutes late, and kept for 7 days, or 30"


@dataclass(frozen=True)
class Already:
    """Change id → how it was made since the plan was, of those that were; `unknown`: why that cannot be told."""

    asked: int = 0
    made: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """For the page."""
        if self.unknown:
            return {"made since the plan was": f"not known: {self.unknown}"}
        held = "; they are held, and to make them all the same: preview again" if self.made else ""
        return {"made since the plan was": f"{len(self.made):,} of {self.asked:,}{held} ({_LAG})"}


async def made_already(graph: Graph, plan: Any, approved: pd.DataFrame, folder: Path) -> Already:
    """Ask the audit log about approved changes (CHANGES) of a plan; AuditLog.Read.All.

    What the journal in `folder`, where the plan is applied, knows of is this run's own doing. Where the audit log
    cannot be read that is said, and holds nobody: a tenant without that permission could write nothing.
    """
    approved = approved[~approved["change_id"].isin(resume.tried(folder))]
    since = datetime.fromisoformat(plan.header["made_at"])
    try:
        found = await audit_log.records(graph, since, approved["user_id"].unique())
    except GraphError as error:
        unknown = f"the audit log could not be read ({f'HTTP {error.status}' if error.status else 'no answer'})"
        _log.warning("whether these changes were made since the plan was is not known: %s", unknown)
        return Already(len(approved), unknown=unknown)
    later = found[pd.to_datetime(found["at"], utc=True, format="ISO8601") > since]
    records: dict[str, list[dict[Any, Any]]] = defaultdict(list)
    for record in later.to_dict("records"):
        records[str(record["user_id"])].append(record)
    made = {
        str(change["change_id"]): f"it was made since the plan was, {record['at']} by {record['by'] or 'somebody'}"
        for change in approved.to_dict("records")
        for record in records[str(change["user_id"])]
        if audit_log.tells_of(record, change)
    }
    if made:
        _log.warning("%s of these changes were made since the plan was; they are held", f"{len(made):,}")
    return Already(len(approved), made)


def refuse_copies(digest: str, folder: Path, beside: Iterable[Path]) -> None:
    """Raises `PlanError` where a folder beside this one holds the same plan, and wrote."""
    for other in beside:
        if other.resolve() != folder.resolve() and _digest(other) == digest and _wrote(other):
            raise PlanError(
                f"this plan was already applied, in {other}",
                remedy="a plan is applied once; go on there (--resume), or preview again",
            )


def _digest(folder: Path) -> str:
    try:
        return str(json.loads((folder / "plan.json").read_text("utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _wrote(folder: Path) -> bool:
    journal = Journal(folder / "journal.sqlite")
    try:
        return not journal.recorded().empty
    finally:
        journal.close()
