"""The retirement of text messages and calls, as a page shows it: the countdown, the tiles, who, where, until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.audit.retirement import STATUSES, STEPS, tally
from authops.show import charts
from authops.show.views import View, box, note, plain_table, table, text, tile, tiles
from authops.words.figures import number
from authops.words.retirement import Dates

COLOURS: Final = {
    "blocked": "remove",
    "reset only": "update",
    "nothing": "blocked",
    "not known": "keep",
    "disabled": "keep",
    "covered": "add",
}
_TILES: Final = {
    "blocked": ("blocked on {everybody}", "remove"),
    "blocked later": ("blocked on {later}", "remove"),
    "reset only": ("lose password reset", "update"),
    "nothing": ("nothing registered", "blocked"),
    "covered": ("covered", "add"),
    "disabled": ("disabled", "keep"),
    "not known": ("not known", "keep"),
}
_COLUMNS: Final = {
    "status": "status", "user_principal_name": "user", "department": "department", "admin": "admin",
    "phones": "phones", "survivors": "what lasts", "blocked_from": "from", "reset": "reset", "campaign": "campaign",
    "next_step": "next step",
}  # fmt: skip
BY: Final = {"department": "department", "number country": "number_country", "licence": "licences", "admin": "admin"}
_MOST: Final = 12


def countdown(exposed: pd.DataFrame, when: Dates, today: dt.date) -> View:
    """How long still, how many are hit on which day, and as of when that is known."""
    found = tally(exposed)
    days = {name: (dt.date.fromisoformat(day) - today).days for name, day in vars(when).items() if name in _ENDS}
    said = "; ".join(f"{_left(days[name])} until {vars(when)[name]} ({whom})" for name, whom in _ENDS.items())
    hit = found["blocked"] + found["blocked later"]
    first = exposed[(exposed["status"] == "blocked") & (exposed["admin"] == "yes")]
    words = f"{number(hit)} people have a phone and nothing that lasts, {number(len(first))} of them administrators"
    parts = [tile(label.format(**vars(when)), found[name], kind) for name, (label, kind) in _TILES.items()]
    dated = f"{said}. Dates as of {when.as_of}; Microsoft has moved them before."
    meaning = "; ".join(f"{name}: {why}" for name, why in STATUSES.items())
    html = box(words, "remove" if hit else "keep" if found["not known"] else "add") + tiles(parts)
    return View(html + note(dated) + note(meaning), f"{words}\n{dated}")


_ENDS: Final = {"everybody": "everybody", "later": "Global Administrators and external users"}


def _left(days: int) -> str:
    return f"{number(days)} days" if days > 0 else "today" if days == 0 else f"{number(-days)} days past"


def by(exposed: pd.DataFrame, name: str) -> View:
    """People along one of BY: a bar for each value, the hardest hit first."""
    column = BY[name]
    each = exposed.assign(
        value=exposed[column].replace("", "(not set)").str.split(" " if column == "licences" else "\0")
    )
    counted = pd.crosstab(each.explode("value")["value"], each.explode("value")["status"])
    counted = counted.reindex(columns=list(COLOURS), fill_value=0).sort_values("blocked", ascending=False)
    rows: list[tuple[str, Mapping[str, int]]] = [
        (str(value), {status: int(row[status]) for status in COLOURS}) for value, row in counted.head(_MOST).iterrows()
    ]
    heads = [name, "people", *COLOURS]
    lines = [[value, number(sum(parts.values())), *map(number, parts.values())] for value, parts in rows]
    chart = charts.legend(COLOURS) + charts.stacked(rows, COLOURS, title=f"Retirement by {name}")
    cells = [("", [text(c) for c in line]) for line in lines]
    folded = f"<details><summary>as a table</summary>{table(heads, cells, right=heads[1:])}</details>"
    return View(chart + folded, plain_table(heads, lines))


def dimensions(exposed: pd.DataFrame) -> View:
    """The same along every one of BY."""
    views = [(name, by(exposed, name)) for name in BY]
    html = "".join(f"<h3>By {text(name)}</h3>{view.html}" for name, view in views)
    return View(html, "\n\n".join(f"by {name}\n{view.plain}" for name, view in views))


def people(exposed: pd.DataFrame, *, limit: int = 60) -> View:
    """Who is hit, the most urgent first; who is covered without a phone needs no line."""
    hit = exposed[~exposed["next_step"].eq("nothing")]
    rows = cast("list[dict[str, Any]]", hit.head(limit).to_dict("records"))
    lines = [[_shown(row, key) for key in _COLUMNS] for row in rows]
    cells = [(_css(row["status"]), [text(c) for c in line]) for row, line in zip(rows, lines, strict=True)]
    said = f"{number(len(rows))} of {number(len(hit))} shown; all of them in action-list.csv"
    heads = list(_COLUMNS.values())
    return View(table(heads, cells) + note(said), f"{plain_table(heads, lines)}\n{said}")


def _shown(row: Mapping[str, Any], key: str) -> str:
    return STEPS[row[key]] if key == "next_step" else str(row[key])


def _css(status: str) -> str:
    return COLOURS[status]


def steps(exposed: pd.DataFrame) -> View:
    """How many people need which next step."""
    found = exposed["next_step"].value_counts()
    lines = [[step, meaning, number(int(found.get(step, 0)))] for step, meaning in STEPS.items()]
    heads = ["next step", "that is", "people"]
    return View(
        table(heads, [("", [text(c) for c in line]) for line in lines], right=["people"]), plain_table(heads, lines)
    )


def calendar(rows: Sequence[Mapping[str, str]]) -> View:
    """Every date with what ends, for whom, and where that is written."""
    heads = ["date", "what", "whom", "source"]
    lines = [[row[head] for head in heads] for row in rows]
    return View(table(heads, [("", [text(c) for c in line]) for line in lines]), plain_table(heads, lines))
