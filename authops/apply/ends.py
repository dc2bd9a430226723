"""How an apply ended: what became of the changes, counted and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import pandas as pd

from authops.words.frames import OUTCOMES, REHEARSED
from authops.words.redaction import mask_numbers

# How far an apply is: how many are settled, and as what.
Report = Callable[[int, Counter[str]], None]


def silent(_done: int, _counts: Counter[str]) -> None:
    """Tell nobody."""


_MAY_BE_LEFT: Final = ("skipped", "unknown")


def tally(outcomes: pd.DataFrame) -> dict[str, int]:
    """Rows per outcome, in the order of OUTCOMES."""
    found = outcomes["outcome"].value_counts()
    return {name: int(found[name]) for name in OUTCOMES if name in found}


def ending(outcomes: pd.DataFrame, mode: str, stopped: str = "") -> tuple[str, str]:
    """(status, headline) of an apply; `stopped` says why it ended early, if it did."""
    ready = outcomes["outcome"].eq("skipped") & outcomes["detail"].eq(REHEARSED)
    counts = tally(outcomes[~ready])
    parts = [f"{int(ready.sum()):,} would be written"] if ready.any() else []
    parts += [f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items()]
    said = ", ".join(parts) or "nothing to do"
    if outcomes.empty:
        return "nothing to do", said
    # Who asks only when all is settled stops nothing: the plan is closed, and there is nothing to go on with.
    stopped = stopped if outcomes["outcome"].isin(_MAY_BE_LEFT).any() else ""
    said = f"stopped ({stopped}): {said}; go on with: authops run apply --resume RUN" if stopped else said
    status = "attention" if stopped or len(failed(outcomes)) or (mode == "apply" and _left(outcomes)) else "done"
    if mode == "apply":
        return status, said
    return status, f"dry run, nothing was written: {said}" + ("; to write: mode = apply" if ready.any() else "")


def _left(outcomes: pd.DataFrame) -> bool:
    return bool(outcomes["outcome"].eq("skipped").any())


def why(problems: pd.DataFrame, outcomes: pd.DataFrame) -> dict[int, str]:
    """Line of the source → why somebody has to look at it: its problems, and what did not go through."""
    told: dict[int, list[str]] = {}
    rows = [(r["line"], f"{r['rule'].replace('_', ' ')}: {r['message']}") for r in problems.to_dict("records")]
    rows += [(r["line"], f"{r['method']} {r['outcome']}: {r['detail']}") for r in outcomes.to_dict("records")]
    for line, words in rows:
        told.setdefault(int(line), []).append(mask_numbers(words))
    return {line: "; ".join(dict.fromkeys(words)) for line, words in told.items()}


def not_made(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Of outcomes that are settled, those that somebody has to look at: what failed, and what was skipped."""
    return outcomes[outcomes["outcome"].eq("skipped") | outcomes.index.isin(failed(outcomes).index)]


def failed(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows somebody has to look at: rejected, drifted or unknown."""
    assert set(outcomes["outcome"]) <= set(OUTCOMES)
    return outcomes[outcomes["outcome"].isin(("rejected", "drifted", "unknown"))]
