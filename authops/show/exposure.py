"""The retirement of text messages and calls, as a page shows it: countdown, tiles, who, where, what it costs."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.audit import exposure_trend
from authops.audit.retirement import DIMENSIONS, STATUSES, STEPS, administrators, by, phones, tally
from authops.show import charts, moves
from authops.show.pictures import role, roles_of
from authops.show.views import View, box, note, plain_table, table, text, tight, tile, tiles
from authops.words.figures import number
from authops.words.retirement import LATER, Dates

COLOURS: Final = {
    "covered": "best",
    "reset only": "weak",
    "blocked": "bad",
    "nothing": "worst",
    "not known": "dark",
    "disabled": "few",
}
_TILES: Final = {
    "blocked": ("blocked on {everybody}", "bad"),
    "blocked later": ("blocked on {later}", "bad"),
    "reset only": ("only password reset is lost", "weak"),
    "covered": ("covered", "best"),
    "nothing": ("nothing registered", "worst"),
    "disabled": ("disabled", "few"),
    "not known": ("not known", "dark"),
}
_COLUMNS: Final = {
    "status": "status", "user_principal_name": "user", "next_step": "next step", "methods": "holds",
    "department": "department", "admin": "admin", "reset": "reset", "campaign": "campaign",
}  # fmt: skip
_ENDS: Final = {"everybody": "everybody", "later": "Global Administrators and external users"}
_MOVES: Final = {
    "regressed": "remove",
    "new": "update",
    "no longer known": "keep",
    "improved": "info",
    "resolved": "add",
    "now known": "info",
    "left": "keep",
}
_TREND: Final = {"blocked": "bad", "reset only": "weak", "not known": "dark", "covered": "best"}
_MOST: Final = 12
_UNNAMED: Final = "a day not named yet"


def countdown(exposed: pd.DataFrame, when: Dates, today: dt.date) -> View:
    """How long still, how many are hit on which day, and as of when that is known."""
    found, days = tally(exposed), {name: getattr(when, name) for name in _ENDS}
    hit, admins = found["blocked"] + found["blocked later"], administrators(exposed)
    words = f"{number(hit)} people have a phone and nothing that lasts; {_admins(admins)}"
    ends = [
        tile(f"{_left(day, today)} {day or _UNNAMED}", _days(day, today), "info", _ENDS[n]) for n, day in days.items()
    ]
    labels = {
        name: label.format(**{n: day or _UNNAMED for n, day in days.items()}) for name, (label, _) in _TILES.items()
    }
    parts = [tile(labels[name], found[name], kind) for name, (_, kind) in _TILES.items()]
    dated = f"Dates as of {when.as_of}; Microsoft has moved them before (parameter dates)."
    meaning = "; ".join(f"{name}: {why}" for name, why in STATUSES.items())
    colour = "remove" if hit else "keep" if found["not known"] else "add"
    html = tiles(ends) + f'<div style="margin:10px 0">{box(words, colour)}</div>' + tiles(parts)
    said = " · ".join(f"{number(found[name])} {labels[name]}" for name in _TILES)
    left = "; ".join(
        f"{_days(day, today)} {_left(day, today)} {day or _UNNAMED} ({_ENDS[n]})" for n, day in days.items()
    )
    return View(html + note(dated) + note(meaning), f"{left}\n{words}\n{said}\n{dated}")


def _admins(found: Mapping[str, int]) -> str:
    tops = ", ".join(f"{number(found[f'{rank} Global Administrators'])} {rank}" for rank in ("active", "eligible"))
    doubt = f"; of {number(found['not known whether'])} it is not known" if found["not known whether"] else ""
    return f"{number(found['administrators'])} of them are administrators (Global Administrators: {tops}){doubt}"


def _days(day: str, today: dt.date) -> int:
    return abs((dt.date.fromisoformat(day) - today).days) if day else 0


def _left(day: str, today: dt.date) -> str:
    count = "day" if _days(day, today) == 1 else "days"
    return f"{count} past" if day and day < today.isoformat() else f"{count} until"


def by_itself(
    exposed: pd.DataFrame, when: Dates, today: dt.date, opt_out: str = "not known", remarks: Sequence[str] = ()
) -> View:
    """What Microsoft does without anybody asking: when, with whom, how many of these people that is, and the source.

    `opt_out`: whether the tenant opted out of the passkey migration; `remarks`: what the campaign does, for people.
    """
    counts = _concerned(exposed, opt_out)
    heads = ["date", "state", "what", "whom", "here", "source"]
    rows = [{**row, "date": getattr(when, row["name"], row["date"]) or _UNNAMED} for row in when.rows]
    lines = [
        [row["date"], "done" if row["date"] <= today.isoformat() else "to come", row["what"], row["whom"],
         counts.get(row["name"], ""), row["source"]]
        for row in rows
    ]  # fmt: skip
    cells = [("keep" if line[1] == "done" else "info", [tight(c) for c in line]) for line in lines]
    return View(table(heads, cells) + "".join(map(note, remarks)), "\n".join([plain_table(heads, lines), *remarks]))


def _concerned(exposed: pd.DataFrame, opt_out: str) -> dict[str, str]:
    inside = exposed["scope"].isin(("methods policy", "per-user MFA"))
    blocked, late = exposed["status"] == "blocked", exposed["cohort"].isin(LATER)
    asked, gone = exposed["campaign"] == "asked", exposed["reset"] == "profile only"
    return {
        "passkeys": f"{number(int(inside.sum()))} may use SMS or voice; the campaign asks {number(int(asked.sum()))}; "
        f"the tenant's opt-out: {opt_out}",
        "reset": f"{number(int(gone.sum()))} have only what their profile says",
        "everybody": f"{number(int((blocked & ~late).sum()))} are stopped until they register a passkey",
        "later": f"{number(int((blocked & late).sum()))} are stopped until they register a passkey",
    }


def exposure(exposed: pd.DataFrame, label: str = "people") -> View:
    """One line for each status, and how many of them."""
    found = exposed["status"].value_counts()
    counted = {name: int(found.get(name, 0)) for name in COLOURS}
    chart = charts.legend(COLOURS) + charts.stacked([(label, counted)], COLOURS, title="Who is hit")
    return View(chart, " · ".join(f"{number(n)} {name}" for name, n in counted.items()))


def before_and_after(looks: Mapping[str, pd.DataFrame]) -> View:
    """Several looks at the same people, one below the other: who is hit, and who still has a phone."""
    parts = {name: exposed["status"].value_counts() for name, exposed in looks.items()}
    counted = {name: {status: int(found.get(status, 0)) for status in COLOURS} for name, found in parts.items()}
    chart = charts.legend(COLOURS) + charts.stacked(list(counted.items()), COLOURS, title="Who is hit, look by look")
    rows = {status: [counts[status] for counts in counted.values()] for status in COLOURS}
    held = [phones(exposed) for exposed in looks.values()]
    rows |= {name: [counts[name] for counts in held] for name in held[0]}
    lines = [[name, *map(number, counts)] for name, counts in rows.items()]
    heads = ["people", *looks]
    shown = table(heads, [("", [text(c) for c in line]) for line in lines], right=heads[1:])
    return View(chart + shown, plain_table(heads, lines))


def exposure_by(exposed: pd.DataFrame, name: str, other: str = "", *, most: int = _MOST) -> View:
    """People along one of DIMENSIONS, or two: a bar for each value, the hardest hit first, the rest together."""
    counted = by(exposed, name, other)
    name = f"{name} and {other}" if other else name
    rows = [(str(r["value"]), {s: int(r[s]) for s in COLOURS}) for r in _records(counted.head(most))]
    if len(counted) > most:
        rest = counted.iloc[most:][list(COLOURS)].sum()
        rows.append((f"{number(len(counted) - most)} others", {s: int(rest[s]) for s in COLOURS}))
    heads = [name, "people", *COLOURS]
    lines = [[value, number(sum(parts.values())), *map(number, parts.values())] for value, parts in rows]
    chart = charts.legend(COLOURS) + charts.stacked(rows, COLOURS, title=f"Retirement by {name}")
    cells = [("", [text(c) for c in line]) for line in lines]
    folded = f"<details><summary>as a table</summary>{table(heads, cells, right=heads[1:])}</details>"
    return View(chart + folded, plain_table(heads, lines))


def exposure_dimensions(exposed: pd.DataFrame) -> View:
    """The same along every one of DIMENSIONS."""
    views = [(name, exposure_by(exposed, name)) for name in DIMENSIONS]
    html = "".join(f"<h3>By {text(name)}</h3>{view.html}" for name, view in views)
    return View(html, "\n\n".join(f"by {name}\n{view.plain}" for name, view in views))


def exposed_people(exposed: pd.DataFrame, *, limit: int = 60) -> View:
    """People with what hits them and what comes next, in the order given; the first `limit` rows."""
    rows = _records(exposed.head(limit))
    kinds = [COLOURS[row["status"]] for row in rows]
    told = [row | {"admin": role(row), "status": f"{row['status']} {row['blocked_from']}".strip()} for row in rows]
    lines = [[str(row[key]) for key in _COLUMNS] for row in told]
    cells = [(kind, [_status(row), *map(text, line[1:])]) for kind, row, line in zip(kinds, rows, lines, strict=True)]
    said = f"{number(len(rows))} of {number(len(exposed))} shown; who needs something stands in action-list.csv"
    heads = list(_COLUMNS.values())
    return View(table(heads, cells) + note(said), f"{plain_table(heads, lines)}\n{said}")


def _status(row: Mapping[str, Any]) -> str:
    return text(row["status"]) + (f" <br>{text(row['blocked_from'])}" if row["blocked_from"] else "")


def exposed_administrators(exposed: pd.DataFrame, *, limit: int = 60) -> View:
    """Administrators who need something, or of whom it is not known; good news only when all of them are known."""
    admins = exposed[exposed["admin"] != "no"]
    hit = admins[admins["status"].isin(("blocked", "nothing", "reset only", "not known"))]
    if hit.empty:
        said = "Every administrator has what lasts." if len(admins) else "Nobody is known to be an administrator."
        return View(box(said, "add" if len(admins) else "keep"), said)
    below = exposed_people(hit, limit=limit)
    said = f"{number(len(hit))} of {number(len(admins))} who are, or may be, administrators need a look"
    said += roles_of(hit)
    return View(box(said, "remove") + below.html, f"{said}\n{below.plain}")


def to_act_on(exposed: pd.DataFrame, *, limit: int = 60) -> View:
    """How many people need which next step, then who: the most urgent first."""
    found = exposed["next_step"].value_counts()
    lines = [[step, meaning, number(int(found.get(step, 0)))] for step, meaning in STEPS.items()]
    heads = ["next step", "that is", "people"]
    steps = table(heads, [("", [text(c) for c in line]) for line in lines], right=["people"])
    below = exposed_people(exposed[exposed["next_step"] != "nothing"], limit=limit)
    return View(steps + below.html, f"{plain_table(heads, lines)}\n\n{below.plain}")


def exposure_trend_view(moving: pd.DataFrame) -> View:
    """`exposure_trend.over_time` as lines (shares of everybody) and as a table."""
    if len(moving) < 2:
        said = "This is the first look at this tenant; the next one shows what moved."
        return View(note(said), said)
    moments = [str(at)[5:16].replace("T", " ") for at in moving["at"]]
    total = moving["users"].where(moving["users"] > 0, 1)
    hit = moving.assign(blocked=moving["blocked"] + moving["blocked later"])
    shares = {name: list((hit[name] / total).astype(float)) for name in _TREND}
    return moves.over_time(moving, moments, shares, _TREND, "The retirement over time")


def exposure_moves(changed: pd.DataFrame, *, limit: int = 40) -> View:
    """Who stands otherwise than last time (DIFFERENCES): tiles, then person by person."""
    if changed.empty:
        said = "Nobody stands otherwise than last time, or there is no last time."
        return View(note(said), said)
    return moves.people(changed, _MOVES, "retirement-changes.csv", limit=limit, why=exposure_trend.KINDS)


def in_use(exposed: pd.DataFrame, days: int, unread: str) -> View:
    """Whose phone was seen used lately, against what registration says; who was not seen may use it all the same."""
    if not days:
        said = "Sign-ins were not asked for (parameter sign_in_days), so nothing is known of use."
        return View(note(said), said)
    seen = exposed["phone_used"] != ""
    hit, covered = exposed["status"] == "blocked", exposed["survivors"] != ""
    counts = {
        "blocked, and seen using a phone": (int((hit & seen).sum()), "remove"),
        "blocked, and not seen using one": (int((hit & ~seen).sum()), "update"),
        "have what lasts, and still use a phone": (int((covered & ~hit & seen).sum()), "update"),
    }
    said = f"Of the last {number(days)} days. Not seen is not unused." + (
        f" Not all was read: {unread}" if unread else ""
    )
    parts = [tile(name, count, kind) for name, (count, kind) in counts.items()]
    plain = " · ".join(f"{number(count)} {name}" for name, (count, _) in counts.items())
    return View(tiles(parts) + note(said), f"{plain}\n{said}")


def costs(found: pd.DataFrame, messages: int, *, most: int = 30) -> View:
    """What keeping text messages costs (COSTS), by provider and country, for so many messages a person and year."""
    if found.empty:
        said = "No price file was named (parameter prices), or nobody has a phone: no cost is shown."
        return View(note(said), said)
    heads = [
        "provider",
        "country",
        "a message",
        "blocked",
        "a year for them",
        "with a phone",
        "a year for all",
        "as of",
    ]
    lines = [_bill(row) for row in _records(found.head(most))]
    totals = [_total(str(provider), part) for provider, part in found.groupby("provider")]
    cells = [
        ("", [*map(text, line[:-1]), f'<span style="white-space:nowrap">{text(line[-1])}</span>']) for line in lines
    ]
    cells += [("info", [text(c) for c in line]) for line in totals]
    said = (
        f"{number(messages)} messages a person and year (parameter messages), at the prices of the file: a provider's "
        "offer, a licence and calls are other figures. SMS as first factor ends even with a provider."
    )
    right = heads[2:7]
    return View(table(heads, cells, right=right) + note(said), f"{plain_table(heads, [*lines, *totals])}\n{said}")


def _bill(row: Mapping[str, Any]) -> list[str]:
    money = row["currency"]
    each = "no price" if math.isnan(row["per_message"]) else f"{row['per_message']:,.4f} {money}"
    bills = [_money(row[name], money) for name in ("blocked_cost", "cost")]
    where = [row["provider"], row["country"], each]
    return [*where, number(row["blocked"]), bills[0], number(row["people"]), bills[1], row["as_of"]]


def _total(provider: str, part: pd.DataFrame) -> list[str]:
    money, dark = str(part["currency"].iloc[0]), int(part["cost"].isna().sum())
    priced = part[part["cost"].notna()]
    bills = [_money(float(priced[name].sum()), money) for name in ("blocked_cost", "cost")]
    where = f"all{f', without {number(dark)} that have no price' if dark else ''}"
    people = [number(int(priced[name].sum())) for name in ("blocked", "people")]
    return [provider, where, "", people[0], bills[0], people[1], bills[1], ""]


def _money(amount: float, currency: str) -> str:
    return "no price" if math.isnan(amount) else f"{amount:,.2f} {currency}"


def _records(data: pd.DataFrame) -> Sequence[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))
