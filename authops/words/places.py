"""Where things stand on this machine: the notebooks, the parameters, the run folders, the locks."""

from __future__ import annotations

import os
from pathlib import Path

from authops.words.errors import UsageError


def project() -> Path:
    """Where `notebooks/` and `parameters/` stand: the checkout, or their copies inside an installed package."""
    package = Path(__file__).resolve().parents[1]
    return package.parent if (package.parent / "notebooks").is_dir() else package / "_project"


def state_folder() -> Path:
    """What runs must know of each other (locks, applied plans): `AUTHOPS_STATE`, else the user's state folder.

    Raises `UsageError` when there is neither.
    """
    told = os.environ.get("AUTHOPS_STATE")
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.local/state"
    try:
        return Path(told).resolve() if told else Path(base).expanduser() / "authops"
    except RuntimeError:
        raise UsageError(
            "this account has no home folder to remember in who applies what", remedy="name a folder in AUTHOPS_STATE"
        ) from None


def runs_folder() -> Path:
    """Where run folders go: `AUTHOPS_RUNS`, else `runs/` in the checkout or, for an installed package, here."""
    told = os.environ.get("AUTHOPS_RUNS")
    home = project()
    return Path(told).resolve() if told else (home if home.name != "_project" else Path.cwd()) / "runs"
