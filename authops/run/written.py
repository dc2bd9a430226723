"""What an earlier run wrote: its journal, and what it noted about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from authops.apply.journal import Journal
from authops.run.folder import of_tour
from authops.words.errors import ParameterError
from authops.words.places import runs_folder


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
        """When it began to write; a journal that does not say is as old as its file."""
        told = self.noted.get("begun_at")
        changed = (self.folder / "journal.sqlite").stat().st_mtime
        return datetime.fromisoformat(told) if told else datetime.fromtimestamp(changed, UTC)

    @property
    def rules(self) -> dict[str, Any]:
        """The protection it was planned under; careful defaults when its plan is gone. What was taken of leavers may be
        given back to disabled accounts.
        """
        path = self.folder / "plan.json"
        header = json.loads(path.read_text("utf-8")) if path.exists() else {}
        told = header.get("rules", {})
        of_leavers = bool(told.get("rows", {}).get("leavers_after"))
        return dict(told.get("protect", {})) | ({"allow_disabled": True} if of_leavers else {})


def earlier(folder: Path) -> Earlier:
    """What a run folder's journal holds. Raises `ParameterError` when there is none."""
    if not (folder / "journal.sqlite").exists():
        raise ParameterError(f"{folder} holds no journal: nothing was written there", remedy="apply first")
    journal = Journal(folder / "journal.sqlite")
    try:
        return Earlier(folder, journal.recorded(), journal.facts())
    finally:
        journal.close()


def folders_that_wrote(beside: Path | None = None) -> list[Path]:
    """Folders with a journal, the latest name first: of all runs, on their own or in a fleet, and those in `beside`."""
    asked = [(runs_folder(), "*"), (runs_folder(), "*/*"), *([(beside, "*")] if beside else [])]
    return sorted({f.parent for root, depth in asked for f in root.glob(f"{depth}/journal.sqlite")}, reverse=True)


def holding(name: str) -> list[Path]:
    """The runs that hold a file of this name, the oldest first, but for tours. Raises `ParameterError` for none."""
    found = sorted(f.parent for f in runs_folder().glob(f"*/{name}") if not of_tour(f.parent))
    if not found:
        raise ParameterError(
            f"no run under {runs_folder()} holds {name}", remedy="run the notebook before this one first"
        )
    return found


def latest_of(tenant: Sequence[str]) -> Earlier:
    """The latest run that wrote to a tenant (its id, or what its connection calls it), on its own or in a fleet.

    Raises `ParameterError` when there is none.
    """
    root = runs_folder()
    wrote = (folder for folder in folders_that_wrote() if not of_tour(folder))
    found = next((r for r in map(earlier, wrote) if r.tenant_id in tenant and not r.recorded.empty), None)
    if found is None:
        raise ParameterError(f"no run under {root} wrote to tenant {tenant[0]}", remedy="name the run's folder")
    return found
