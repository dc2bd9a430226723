"""outcome.json: how a run ended, or that it has not. Until the end is written down, a run counts as broken.

Exit codes: 0 done, or nothing to do · 1 a runbook broke · 2 wrong use · 3 changes to look at · 4 a guard stopped it.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from authops.words import disk
from authops.words.author import author
from authops.words.errors import ParameterError
from authops.words.redaction import Scanner

STATUSES: Final = {
    "done": 0,
    "nothing to do": 0,
    "broke": 1,
    "unfinished": 1,
    "wrong use": 2,
    "attention": 3,
    "stopped": 4,
}
EXIT_CODES: Final = {
    0: "done, or nothing to do",
    1: "the runbook broke",
    2: "wrong use: parameters or files",
    3: "finished, but some changes were rejected, drifted or are unknown",
    4: "a guard stopped it before any write",
}
_RANK: Final = ("nothing to do", "done", "attention", "stopped", "wrong use", "broke", "unfinished")
_GIVEN: Final = "parameters.json"
_PACKAGES: Final = ("authops", "msgraph-sdk", "azure-identity", "pandas", "papermill", "phonenumberslite")


def read(folder: Path) -> dict[str, Any]:
    """What outcome.json says; nothing yet in a new folder, and `unfinished` for one that cannot be read."""
    try:
        return _shaped(json.loads((folder / "outcome.json").read_text("utf-8")))
    except FileNotFoundError:
        return {"runbooks": {}}
    except (OSError, ValueError, RecursionError):
        return {"runbooks": {}, "status": "unfinished", "exit_code": 1}


def _shaped(whole: Any) -> dict[str, Any]:
    """What somebody edited into another shape counts as not readable."""
    entries = whole.get("runbooks") if isinstance(whole, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) and _told(e) for e in entries.values()):
        raise ValueError("no outcome")
    times = [whole.get("ended_at"), *(entry.get("finished_at") for entry in entries.values())]
    if any(datetime.fromisoformat(str(at)).tzinfo is None for at in times if at):
        raise ValueError("no time of ours")
    return dict(whole)


def _told(entry: Mapping[str, Any]) -> bool:
    return entry.get("status") in STATUSES and isinstance(entry.get("headline"), str)


def begin(folder: Path, runbooks: Sequence[str]) -> None:
    """Say that these runbooks were asked for and that nothing has ended yet."""
    _write(
        folder, read(folder) | {"asked": list(runbooks), "began_at": _now(), "ended_at": None} | {"signed_in_as": ""}
    )


def start(folder: Path, runbook: str) -> None:
    """Say that a runbook has begun; what an earlier attempt recorded is kept in `earlier`, and counts no more."""
    whole = read(folder)
    if before := whole["runbooks"].get(runbook):
        whole["earlier"] = [*whole.get("earlier", []), {"runbook": runbook, **before}]
    headline = "it is running, or was killed: its end was never written down"
    whole["runbooks"][runbook] = {"status": "unfinished", "headline": headline, "counts": {}, "began_at": _now()}
    _write(folder, whole)


def keep_given(folder: Path, runbook: str, parameters: Mapping[str, Any]) -> None:
    """Keep what a runbook was given, for a resume that goes on with it."""
    told = _given(folder) | {runbook: dict(parameters)}
    disk.write(folder / _GIVEN, json.dumps(told, indent=2, ensure_ascii=False))


def _given(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads((folder / _GIVEN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in told.items() if isinstance(v, dict)} if isinstance(told, dict) else {}


def given(folder: Path, runbooks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Runbook → the parameters it was given in this run; one that has not run yet gets the connection of the others.

    Raises `ParameterError` where it cannot be told: its limits would be others.
    """
    told = _given(folder)
    if not told and (folder / _GIVEN).exists():
        raise ParameterError(
            f"{folder / _GIVEN} cannot be read: what this run was given is not known; nothing was run",
            remedy="put it back from a backup, or preview again, which shows what is there now",
        )
    common = next(({"connection": p["connection"]} for p in told.values() if "connection" in p), {})
    return {runbook: dict(told.get(runbook, common)) for runbook in runbooks}


def record(folder: Path, runbook: str, status: str, headline: str, counts: Mapping[str, Any] | None = None) -> None:
    """Write down how one runbook ended (one of STATUSES); the run's status is that of its worst runbook."""
    whole = read(folder)
    entry = whole["runbooks"].get(runbook, {})
    if entry.get("finished_at") and (whole.get("ended_at") or "began_at" not in entry):
        # In JupyterLab nobody says that a runbook begins once more.
        whole["earlier"], entry = [*whole.get("earlier", []), {"runbook": runbook, **entry}], {}
    # A kernel that died after it had told its counts did count.
    told = dict(counts or entry.get("counts", {}))
    ended = {"status": status, "headline": Scanner().text(headline), "counts": told, "finished_at": _now()}
    whole["runbooks"][runbook] = entry | ended
    _write(folder, whole)


def add(folder: Path, runbook: str = "", **facts: Any) -> None:
    """Write down more about a runbook, or about the run."""
    whole = read(folder)
    (whole["runbooks"].setdefault(runbook, {}) if runbook else whole).update(facts)
    _write(folder, whole)


def end(folder: Path) -> int:
    """Say that nothing more is coming; returns the exit code."""
    return int(_write(folder, read(folder) | {"ended_at": _now()})["exit_code"])


def _write(folder: Path, whole: dict[str, Any]) -> dict[str, Any]:
    ended = "ended_at" not in whole or whole["ended_at"]
    status = worst([str(entry["status"]) for entry in whole["runbooks"].values()]) if ended else "unfinished"
    head = {"run": folder.name, "status": status, "exit_code": STATUSES[status]}
    whole = (
        head
        | whole
        | head
        | {"by": whole.get("signed_in_as") or author(), "host": platform.node(), "versions": versions()}
    )
    disk.write(folder / "outcome.json", json.dumps(whole, indent=2, ensure_ascii=False))
    return whole


def worst(statuses: Sequence[str]) -> str:
    """The status that tells most about what went wrong; a run without any has not ended."""
    return max(statuses, key=_RANK.index, default="unfinished")


def rank(status: str) -> int:
    """How bad a status is, for sorting."""
    return _RANK.index(status)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str]:
    """Versions of what decides about a result."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
