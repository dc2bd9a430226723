"""What moved between snapshots, of whatever is counted: lines over time, and person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from authops.show import charts
from authops.show.views import View, note, plain_table, table, text, tile, tiles
from authops.words.figures import number


def over_time(
    moving: pd.DataFrame,
    moments: Sequence[str],
    shares: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    title: str,
) -> View:
    """Shares as lines, and the figures (`at`, `users`, then what is counted) as a table, the latest first."""
    heads = ["at", "people", *moving.columns[2:]]
    rows = cast("list[dict[str, Any]]", moving.to_dict("records"))
    lines = [[str(r["at"])[:16].replace("T", " "), *(number(r[c]) for c in moving.columns[1:])] for r in rows]
    chart = charts.legend(colours) + charts.lines(moments, shares, colours, title=title)
    cells = [("", [text(c) for c in line]) for line in reversed(lines)]
    return View(chart + table(heads, cells, right=heads[1:]), plain_table(heads, lines))


def people(
    changed: pd.DataFrame, colours: Mapping[str, str], file: str, *, limit: int, why: Mapping[str, str] | None = None
) -> View:
    """Who stands otherwise (DIFFERENCES): a tile for each kind of `colours`, then the first `limit` people.

    `file`: where all of them stand; `why`: what a kind means.
    """
    found = changed["change"].value_counts()
    parts = [tile(kind, int(found.get(kind, 0)), css, (why or {}).get(kind, "")) for kind, css in colours.items()]
    heads = ["change", "user", "admin", "gained", "lost", "before → after"]
    rows = cast("list[dict[str, Any]]", changed.head(limit).to_dict("records"))
    lines = [_moved(row) for row in rows]
    cells = [(colours[r["change"]], [text(c) for c in line]) for r, line in zip(rows, lines, strict=True)]
    said = f"{number(len(rows))} of {number(len(changed))} shown; all of them in {file}"
    plain = " · ".join(f"{number(int(n))} {kind}" for kind, n in found.items())
    return View(tiles(parts) + table(heads, cells) + note(said), f"{plain}\n{plain_table(heads, lines)}\n{said}")


def _moved(row: Mapping[str, Any]) -> list[str]:
    arrow = f"{row['before'] or 'not there'} → {row['after'] or 'not there'}"
    return [row["change"], row["user_principal_name"], row["admin"], row["gained"], row["lost"], arrow]
