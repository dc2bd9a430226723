"""Counts and shares as people read them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """`5123` → `5,123`."""
    return f"{int(value):,}"


def percent(share: float) -> str:
    """`0.824` → `82.4 %`; a share of nobody is a dash."""
    return "\u2013" if math.isnan(share) else f"{share:.1%}".replace("%", " %")
