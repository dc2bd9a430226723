"""What was decided about a plan's changes, line by line in its run folder, as it is decided.

`decisions.jsonl`: a first line that says about which changes, then a line for each decision or for taking one back.
It is the operator's memory, never an approval: only what is saved into `approval.json` counts.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from authops.plan.plan import Plan
from authops.plan.selection import ACTS, Decision, Positions, Selection
from authops.words import disk
from authops.words.frames import CHANGES, check

NAME: Final = "decisions.jsonl"
_ARROW: Final = {"text": pa.large_string(), "count": pa.int64()}
_BACK: Final = "take back"


def subject(changes: pd.DataFrame) -> str:
    """SHA-256 over the declared columns of changes: decisions hold for exactly these rows, in whichever run.

    Over Arrow's bytes, a hundred times as fast as over JSON. Another pyarrow may spell them otherwise; then nothing is
    recalled, which is why plans are not sealed by it.
    """
    texts = pa.schema([(name, _ARROW[kind]) for name, (kind, _) in CHANGES.items()])
    table = pa.Table.from_pandas(check(changes, CHANGES)[list(CHANGES)], texts, preserve_index=False).combine_chunks()
    sink = _Hashed()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), texts) as stream:
        stream.write_table(table.replace_schema_metadata(None))
    return sink.sha.hexdigest()


class _Hashed(io.RawIOBase):
    """A file that keeps nothing of what is written but its SHA-256."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha.update(data)
        return len(data)


class DecisionFile:
    """The decisions about some changes in a run folder. Raises `OSError` when it cannot be written."""

    def __init__(self, folder: Path, about: str) -> None:
        self.path, self.about = folder / NAME, about

    def begin(self, history: Sequence[Decision]) -> None:
        """Start with what was decided elsewhere about the same changes, in place of what stands there."""
        new = self.path.with_suffix(".new")
        with open(disk.fresh(new), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in self._lines(history))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def _lines(self, history: Sequence[Decision]) -> Iterator[dict[str, Any]]:
        yield {"about": self.about}
        for decision in history:
            yield _said(decision)

    def add(self, decision: Decision) -> None:
        """Write one decision down; returns once it is on the disk."""
        self._append(_said(decision))

    def take_back(self, *, by: str, at: str) -> None:
        """Write down that the last decision was taken back."""
        self._append({"act": _BACK, "by": by, "at": at})

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read(path: Path, about: str) -> list[Decision] | None:
    """The decisions in a file that stand, oldest first; None when it is about other changes or is not there."""
    try:
        first, *lines = path.read_text("utf-8").splitlines()
        if json.loads(first).get("about") != about:
            return None
    except (OSError, ValueError):
        return None
    history: list[Decision] = []
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            break  # the machine died while it wrote this
        if said["act"] == _BACK:
            history = history[:-1]
        elif said["act"] in ACTS:
            history.append(_decision(said))
    return history


@dataclass(frozen=True)
class Latest:
    """What is decided in a run folder: which changes are approved, and who decided last, when."""

    approved: Sequence[str]
    by: str
    at: str


def latest(folder: Path, plan: Plan) -> Latest | None:
    """What the decisions in a run folder come to; None when nobody decided anything there."""
    path = folder / NAME
    if not path.exists() or not (said := _last(path)):
        return None
    history = read(path, subject(plan.changes))
    if history is None:
        return None
    selection = Selection(plan.changes, plan.problems)
    for decision in history:
        selection.decide(decision)
    return Latest(selection.approved, said["by"], said["at"])


def _last(path: Path) -> dict[str, Any]:
    """The last line that somebody decided, also when it took another back."""
    for line in reversed(path.read_text("utf-8").splitlines()[1:]):
        with suppress(ValueError):
            return dict(json.loads(line))
    return {}


def recall(folder: Path, about: str, *, by: str) -> tuple[list[Decision], str]:
    """Decisions about the same changes, from this run folder or else the latest beside it, and that folder's name.

    From another run only a person's own decisions are taken up: nobody approves what somebody else ticked.
    """
    mine = read(folder / NAME, about)
    if mine is not None:
        return mine, folder.name
    for path in sorted(folder.parent.glob(f"*/{NAME}"), reverse=True):
        found = read(path, about)
        if found and all(decision.by == by for decision in found):
            return found, path.parent.name
    return [], ""


def _said(decision: Decision) -> dict[str, Any]:
    return {
        "act": decision.act,
        "rows": _ranges(decision.rows),
        "note": decision.note,
        "by": decision.by,
        "at": decision.at,
    }


def _decision(said: dict[str, Any]) -> Decision:
    parts = [np.arange(a, b, dtype=np.intp) for a, b in said["rows"]]
    rows = np.concatenate(parts) if parts else np.empty(0, np.intp)
    return Decision(said["act"], rows, said["note"], said["by"], said["at"])


def _ranges(rows: Positions) -> list[list[int]]:
    """`[3, 4, 5, 9]` → `[[3, 6], [9, 10]]`."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1)
    starts = rows[np.concatenate(([0], breaks + 1))]
    ends = rows[np.concatenate((breaks, [len(rows) - 1]))] + 1
    return [[int(a), int(b)] for a, b in zip(starts, ends, strict=True)]
