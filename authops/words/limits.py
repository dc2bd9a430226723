"""A limit is a number that can be reached: never below nothing, never infinite, never "not a number"."""

from __future__ import annotations

import math
from typing import Any

from authops.words.errors import ParameterError


def wrong(name: str, value: Any) -> str:
    """Why a number may not be the limit `name`; "" when it may, or when it is none (`None` means no limit)."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else f"{name} is no number"
    if not math.isfinite(value) or value < 0:
        return f"{name} is {value}, which limits nothing"
    if name.endswith("_share") and value > 1:
        return f"{name} is {value}, and a share is at most 1"
    return ""


def checked(**limits: Any) -> None:
    """Raise `ParameterError` for what may not be a limit; a comparison with it would always pass."""
    if said := [why for name, value in limits.items() if (why := wrong(name, value))]:
        raise ParameterError("; ".join(said), remedy="0 allows none, 0.5 is half of them, only null means no limit")
