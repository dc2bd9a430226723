"""Who was excluded when the same file was planned before: excluded again, with the note of then.

Only this direction: an exclusion writes nothing, whoever made it; an approval is never taken over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from authops.plan.plan import Plan
from authops.plan.selection import Decision
from authops.words.frames import WRITES

_SLOT: Final = ["user_id", "method", "method_id", "after"]


def recall(plan: Plan, folder: Path) -> tuple[list[Decision], str]:
    """Decisions that exclude again what the latest run of the same file and tenant left out, and that run's name."""
    for path in sorted(folder.parent.glob("*/approval.json"), reverse=True):
        if path.parent != folder and _same(plan.header, _read(path.with_name("plan.json"))):
            return _again(plan, path.parent), path.parent.name
    return [], ""


def _same(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two plans are of one file, by its place or by what it holds, in one tenant."""
    one, two = mine.get("source", {}), other.get("source", {})
    alike = any(one.get(key) and one.get(key) == two.get(key) for key in ("path", "digest"))
    return alike and mine.get("tenant_id") == other.get("tenant_id")


def _again(plan: Plan, folder: Path) -> list[Decision]:
    try:
        then = pd.read_parquet(folder / "plan.parquet", columns=["change_id", *_SLOT])
    except (OSError, ValueError):
        return []  # pruned, and with it what was excluded
    now = plan.changes.assign(position=np.arange(len(plan.changes)))
    now = now.loc[now["action"].isin(WRITES), [*_SLOT, "position"]]
    found = []
    for entry in _read(folder / "approval.json").get("excluded", []):
        mine = then[then["change_id"].isin(entry["change_ids"])].merge(now, on=_SLOT)["position"]
        if len(mine):
            rows = np.unique(mine.to_numpy(np.intp))
            found.append(Decision("exclude", rows, str(entry["note"]), str(entry["by"]), str(entry["at"])))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
