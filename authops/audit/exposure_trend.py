"""Two looks at the retirement and more → who stands worse or better: figures over time, and person by person. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from authops.audit import moves
from authops.audit.retirement import administrators, tally
from authops.words.frames import EXPOSURE, check

KINDS: Final = {
    "regressed": "stands worse than before",
    "new": "was not in the tenant, or was disabled",
    "no longer known": "was known, now is not",
    "improved": "stands better than before, and is not there yet",
    "resolved": "is covered now, and was not",
    "now known": "was not known, now is",
    "left": "is no longer in the tenant, or is disabled",
}
COUNTED: Final = ("blocked", "blocked later", "reset only", "nothing", "covered", "disabled", "not known")
_ADMINS: Final = "blocked administrators"
_RANK: Final = {"blocked": 0, "nothing": 1, "reset only": 2, "covered": 3}
_GONE: Final = ("", "disabled")


def counted(exposed: pd.DataFrame) -> dict[str, int]:
    """What a snapshot remembers of EXPOSURE for the trend."""
    return {"users": len(exposed), **tally(exposed), _ADMINS: administrators(exposed)["administrators"]}


def over_time(tallies: Sequence[tuple[str, Mapping[str, int]]]) -> pd.DataFrame:
    """(when, `counted`) of each look, oldest first → columns `at`, `users`, each of COUNTED, blocked administrators."""
    columns = ["users", *COUNTED, _ADMINS]
    return moves.over_time(tallies, columns)


def differences(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Who stands otherwise than in the earlier snapshot (EXPOSURE), person by person (DIFFERENCES), worst first."""
    old, new = (check(data, EXPOSURE) for data in (before, after))
    return moves.between(old, new, "status", KINDS, _kind, unknown="not known")


def _kind(before: str, after: str) -> str:
    """One of KINDS; "" for who was away before and is away now."""
    if before in _GONE and after in _GONE:
        return ""
    if before in _GONE or after in _GONE:
        return "new" if before in _GONE else "left"
    if "not known" in (before, after):
        return "now known" if before == "not known" else "no longer known"
    if after == "covered":
        return "resolved"
    return "improved" if _RANK[after] > _RANK[before] else "regressed"
