"""What moved between snapshots, of whatever is counted: lines over time, and person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import pandas as pd

from authops.show import charts
from authops.show.views import View, box, note, plain_table, table, text, tile, tiles
from authops.words.figures import number

_MINUS = "\u2212"


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
    times = [datetime.fromisoformat(str(row["at"])).timestamp() for row in rows]
    chart = charts.legend(colours) + charts.lines(moments, shares, colours, title=title, times=times)
    cells = [("", [text(c) for c in line]) for line in reversed(lines)]
    said = _delta(rows)
    return View(
        box(said, "info") + chart + table(heads, cells, right=heads[1:]), f"{said}\n{plain_table(heads, lines)}"
    )


def _delta(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is more and what is less than at the last look."""
    before, now = rows[-2:]
    since = datetime.fromisoformat(str(before["at"]))
    moved = {name: int(now[name]) - int(before[name]) for name in now if name not in ("at", "users")}
    told = [f"{'+' if more > 0 else _MINUS}{number(abs(more))} {name}" for name, more in moved.items() if more]
    return f"Since {since:%A, %d %B %Y, %H:%M}: {', '.join(told) or 'nobody counts otherwise'}."


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
    moved = _ways(changed)
    below = (note(moved) if moved else "") + table(heads, cells) + note(said)
    return View(tiles(parts) + below, f"{plain}\n{moved}\n{plain_table(heads, lines)}\n{said}")


def _ways(changed: pd.DataFrame, most: int = 4) -> str:
    """How many went from where to where: the commonest ways."""
    ways = changed[changed["before"].ne("") & changed["after"].ne("") & changed["before"].ne(changed["after"])]
    found = ways.groupby(["before", "after"]).size().sort_values(ascending=False, kind="stable").head(most)
    return "; ".join(
        f"{number(int(n))} from {' to '.join(map(str, cast('tuple[str, str]', way)))}" for way, n in found.items()
    )


def _moved(row: Mapping[str, Any]) -> list[str]:
    arrow = f"{row['before'] or 'not there'} → {row['after'] or 'not there'}"
    return [row["change"], row["user_principal_name"], row["admin"], row["gained"], row["lost"], arrow]
