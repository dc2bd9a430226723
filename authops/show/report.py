"""Frames → pictures: what an operator reads before, during and after a run.

Every function returns a `View`: HTML in a notebook, plain text in a log. Numbers are masked unless `reveal=True`;
every text is escaped; nothing runs script or loads anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import pandas as pd

from authops.plan import guards
from authops.plan.plan import NEVER, irreversible, undo
from authops.show.views import (
    Progress,
    View,
    bars,
    box,
    facts_of,
    note,
    plain_table,
    progress,
    table,
    text,
    tile,
    tiles,
)
from authops.words.figures import number, percent
from authops.words.frames import ACTIONS, CHANGES, OUTCOME_ROWS, OUTCOMES, PROBLEMS, REHEARSED, WRITES, check
from authops.words.redaction import mask_numbers, mask_pair, mask_value

__all__ = [
    "SIGNS", "Progress", "View", "breaches", "change_cells", "changes", "counts", "coverage_chart",
    "facts", "findings", "holds", "mask_numbers", "outcomes", "problems", "progress", "reason_words", "reasons",
    "witness",
]  # fmt: skip
SIGNS: Final = {"add": "+", "update": "~", "remove": "\u2212", "keep": "=", "blocked": "!"}
_FITS: Final = 30  # letters of a value that stay on one line: any number or word, not what tells a device
_OUTCOME_KINDS: Final = {
    "applied": "add",
    "applied_with_note": "update",
    "rejected": "remove",
    "drifted": "blocked",
    "skipped": "keep",
    "unknown": "remove",
    "would_be_written": "info",
}
_COVERAGE_COLOURS: Final = {"gap": "update", "unread": "keep"}


def counts(changes: pd.DataFrame, problems: pd.DataFrame | None = None, more: str = "") -> View:
    """Big tiles: changes per action, rows with a problem, users who would be written to; `more`: a sentence beneath."""
    found = check(changes, CHANGES)["action"].value_counts()
    numbers = {action: int(found.get(action, 0)) for action in ACTIONS}
    parts = [tile(f"{SIGNS[a]} {a}", n, a) for a, n in numbers.items()]
    if problems is not None:
        numbers["problems"] = len(problems)
        parts.append(tile("problems", len(problems), "remove"))
    if lost := int(irreversible(changes).sum()):
        numbers["that cannot be taken back"] = lost
        parts.append(tile("cannot be taken back", lost, "remove"))
    users = changes.loc[changes["action"].isin(WRITES), "user_id"].nunique()
    considered = changes["user_id"].nunique()
    parts.append(tile("users concerned", users, "info", f"of {number(considered)} considered"))
    said = " · ".join(f"{number(n)} {name}" for name, n in numbers.items())
    plain = f"{said} · {number(users)} of {number(considered)} users concerned"
    return View(tiles(parts) + (note(more) if more else ""), f"{plain}\n{more}".rstrip())


def changes(
    changes: pd.DataFrame,
    *,
    reveal: bool = False,
    limit: int = 200,
    actions: Iterable[str] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> View:
    """Before → after, one coloured row per change, in the source's order; the first `limit` rows."""
    chosen = check(changes, CHANGES)
    if actions is not None:
        chosen = chosen[chosen["action"].isin(set(actions))]
    if chosen.empty:
        return _nothing("No changes.")
    rows, back = _records(chosen.head(limit)), undo(chosen).tolist()
    heads = ["action", "line", "user", "method", "before → after", "reason"]
    said = _how_many(len(rows), len(chosen), "plan.parquet")
    cells = [(r["action"], change_cells(r, reveal=reveal, reasons=reasons)) for r in rows]
    lines = [_change_words(r, reveal, reasons) for r in rows]
    if lost := back.count(NEVER):
        heads.insert(4, "undo")
        for said_of, (_, cell), words in zip(back, cells, lines, strict=False):
            cell.insert(4, f'<b class="tight">{said_of}</b>' if said_of == NEVER else said_of)
            words.insert(4, said_of)
        said += f"; {number(lost)} cannot be taken back"
    return View(table(heads, cells, right=["line"]) + note(said), f"{plain_table(heads, lines)}\n{said}")


def _change_words(row: Mapping[str, Any], reveal: bool, reasons: Mapping[str, str] | None) -> list[str]:
    return [
        f"{SIGNS[row['action']]} {row['action']}",
        _line(row),
        row["user_principal_name"],
        row["method"],
        " → ".join(_pair(row, reveal)),
        reason_words(row["reason"], reasons),
    ]


def change_cells(
    row: Mapping[str, Any], *, reveal: bool = False, reasons: Mapping[str, str] | None = None
) -> list[str]:
    """One change as escaped cells: action, line, user, method, before → after, reason."""
    return [
        _action(row["action"]),
        _line(row),
        _person(row),
        text(row["method"]),
        _before_after(row, reveal),
        text(reason_words(row["reason"], reasons))
        + (f" · <b>{text(row['note'])}</b>" if row["note"] else "")
        + _ticket(row),
    ]


def _ticket(row: Mapping[str, Any]) -> str:
    return f' <span class="dim tight">{text(mask_numbers(row["ticket"]))}</span>' if row["ticket"] else ""


def reason_words(code: str, reasons: Mapping[str, str] | None = None) -> str:
    """The sentence for a reason's code; without one, the code with blanks."""
    return (reasons or {}).get(code, code.replace("_", " "))


def problems(problems: pd.DataFrame, *, limit: int = 200) -> View:
    """Rows of the source that are left alone, and what to do about each."""
    chosen = check(problems, PROBLEMS)
    if chosen.empty:
        return View(box("No row has a problem.", "add"), "No row has a problem.")
    heads = ["line", "user", "column", "value", "rule", "message"]
    rows = [[mask_numbers(str(r[h])) for h in heads] for r in _records(chosen.head(limit))]
    said = _how_many(len(rows), len(chosen), "problems.parquet")
    cells = [("remove", [text(c) for c in row]) for row in rows]
    return View(table(heads, cells, right=["line"]) + note(said), f"{plain_table(heads, rows)}\n{said}")


def reasons(changes: pd.DataFrame, *, reasons: Mapping[str, str] | None = None) -> View:
    """How many changes per action and reason."""
    if check(changes, CHANGES).empty:
        return _nothing("No changes.")
    grouped = Counter((str(a), str(r)) for a, r in zip(changes["action"], changes["reason"], strict=True))
    found = sorted(grouped.items(), key=lambda item: (ACTIONS.index(item[0][0]), -item[1]))
    heads = ["action", "reason", "changes"]
    lines = [(f"{SIGNS[a]} {a}", reason_words(r, reasons), number(n)) for (a, r), n in found]
    cells = [(key[0], [text(c) for c in line]) for (key, _), line in zip(found, lines, strict=True)]
    return View(table(heads, cells, right=["changes"]), plain_table(heads, lines))


def breaches(breaches: pd.DataFrame) -> View:
    """The guards that stop this plan: limit, what was selected, out of how many."""
    if breaches.empty:
        return View(box("Within every limit.", "add"), "Within every limit.")
    heads = ["guard", "limit", "selected", "population", "message"]
    rows = [[_fact(r[h]) for h in heads] for r in _records(breaches)]
    said = f"Stopped: {len(rows)} {'guard says' if len(rows) == 1 else 'guards say'} no. Nothing was written."
    cells = [("remove", [text(c) for c in row]) for row in rows]
    more = guards.remedy(breaches).capitalize()
    html = box(said, "remove") + table(heads, cells, right=["limit", "selected", "population"]) + box(more, "info")
    return View(html, f"{said}\n{plain_table(heads, rows)}\n{more}")


def holds(counts: Mapping[str, int], *, reasons: Mapping[str, str]) -> View:
    """Each row guard with how many changes it stopped; those that stopped none are folded."""
    heads = ["guard", "stopped", "meaning"]
    lines = [(name.replace("_", " "), number(n), reasons[name]) for name, n in counts.items()]
    stopped = [("blocked", [text(c) for c in line]) for line in lines if line[1] != "0"]
    others = [("keep", [text(c) for c in line]) for line in lines if line[1] == "0"]
    many = "guard" if len(others) == 1 else "guards"
    said = f"{number(len(others))} {many} stopped nothing" if stopped else "No guard stopped anything"
    html = table(heads, stopped, right=["stopped"]) if stopped else ""
    if others:
        html += f"<details><summary>{said}</summary>{table(heads, others, right=['stopped'])}</details>"
    return View(html, plain_table(heads, lines))


def witness(changes: pd.DataFrame, others: pd.DataFrame, why: str, *, reveal: bool = False, limit: int = 200) -> View:
    """How many applied changes the audit log knows, and what somebody else did to the same people (AUDITS)."""
    if why:
        return View(box(why, "update"), why)
    applied = changes[changes["outcome"].str.startswith("applied")]
    known = int((applied["audit_id"] != "").sum())
    numbers = {"in the audit log": known, "not there (yet)": len(applied) - known, "by somebody else": len(others)}
    kinds = ("add", "keep", "blocked")
    parts = [tile(name, n, kind) for (name, n), kind in zip(numbers.items(), kinds, strict=True)]
    plain = " · ".join(f"{number(n)} {name}" for name, n in numbers.items())
    if others.empty:
        return View(tiles(parts), plain)
    names = dict(zip(changes["user_id"], changes["user_principal_name"], strict=True))
    rows = [_other(r, names, reveal) for r in _records(others.head(limit))]
    heads = ["at", "user", "method", "activity", "by", "before", "after"]
    said = f"{number(len(rows))} of {number(len(others))} shown"
    cells = [("blocked", [text(c) for c in row]) for row in rows]
    return View(tiles(parts) + table(heads, cells) + note(said), f"{plain}\n{plain_table(heads, rows)}")


def _other(row: Mapping[str, Any], names: Mapping[str, str], reveal: bool) -> list[str]:
    who = names.get(row["user_id"], row["user_id"])
    values = [_shown(row["before"], reveal), _shown(row["after"], reveal)]
    return [row["at"], who, row["method"], row["activity"], row["by"], *values]


def outcomes(outcomes: pd.DataFrame, *, reveal: bool = False, limit: int = 200) -> View:
    """Tiles per outcome, and every row that is not simply `applied` (or, once verified, not as recorded)."""
    chosen = check(outcomes, OUTCOME_ROWS)
    chosen = chosen.assign(outcome=chosen["outcome"].mask(chosen["detail"].eq(REHEARSED), "would_be_written"))
    found = chosen["outcome"].value_counts()
    rehearsed = ("would_be_written",) if "would_be_written" in found else ()
    numbers = {name: int(found.get(name, 0)) for name in (*rehearsed, *OUTCOMES)}
    parts = [tile(_outcome(name), n, _OUTCOME_KINDS[name]) for name, n in numbers.items()]
    odd = chosen["outcome"] != "applied"
    if chosen.empty and "as_recorded" in chosen:
        return View(box("Everything is as recorded.", "add"), "Everything is as recorded.")
    if "as_recorded" in chosen:
        parts.append(tile("not as recorded", int((~chosen["as_recorded"]).sum()), "blocked"))
        odd |= ~chosen["as_recorded"].astype(bool)
    plain = " · ".join(f"{number(n)} {_outcome(name)}" for name, n in numbers.items() if n) or "no changes"
    more = _odd_outcomes(chosen[odd], reveal, limit)
    return View(tiles(parts) + more.html, f"{plain}\n{more.plain}".rstrip())


def _odd_outcomes(chosen: pd.DataFrame, reveal: bool, limit: int) -> View:
    if chosen.empty:
        return View("", "")
    rows = _records(chosen.head(limit))
    said = _how_many(len(rows), len(chosen), "outcomes.parquet")
    heads = ["outcome", "line", "user", "method", "action", "before → after", "found", "detail"]
    cells = [(_OUTCOME_KINDS[r["outcome"]], _outcome_cells(r, reveal)) for r in rows]
    lines = [[_outcome(r["outcome"]), _line(r), r["user_principal_name"], _detail(r, reveal)] for r in rows]
    plain = plain_table(["outcome", "line", "user", "detail"], lines)
    return View(table(heads, cells, right=["line"]) + note(said), f"{plain}\n{said}")


def _outcome_cells(row: Mapping[str, Any], reveal: bool) -> list[str]:
    return [
        f"<b>{text(_outcome(row['outcome']))}</b>",
        _line(row),
        _person(row),
        text(row["method"]),
        _action(row["action"]),
        _before_after(row, reveal),
        _found(row, reveal),
        text(_detail(row, reveal)) + _ticket(row) + _request(row),
    ]


def _found(row: Mapping[str, Any], reveal: bool) -> str:
    for name, words in (("after", "as planned"), ("before", "as before")):
        if row["found"] == row[name]:
            return f'<span class="dim">{words}</span>'
    return _value(row["found"], reveal)


def _request(row: Mapping[str, Any]) -> str:
    """Graph's id of the write, where its words do not name it already."""
    told = row["request_id"] in row["detail"]
    return "" if told else f' <span class="dim">request id {text(row["request_id"])}</span>'


def _detail(row: Mapping[str, Any], reveal: bool) -> str:
    """Graph's own words; it sometimes repeats the number."""
    said = str(row["detail"])
    if reveal:
        return said
    for value in filter(None, (row["before"], row["after"], row["found"])):
        said = said.replace(value, mask_value(value))
    return mask_numbers(said)


def facts(mapping: Mapping[str, Any]) -> View:
    """A small key/value table: plan header, connection, run."""
    shown = {str(k).replace("_", " "): _fact(v) for k, v in mapping.items()}
    return facts_of(shown)


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_fact(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_fact(v) for v in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None or value == "" else mask_numbers(str(value))


def coverage_chart(coverage: pd.DataFrame, *, title: str = "Coverage") -> View:
    """Horizontal bars: share of its population, with the numbers beside it. Gaps are amber, the unread grey."""
    rows = _records(coverage)
    drawn = [(r["measure"], r["share"], _of(r), _COVERAGE_COLOURS.get(str(r.get("kind", "")), "bar")) for r in rows]
    heads = ["measure", "users", "of", "share"]
    lines = [(r["measure"], number(r["users"]), number(r["population"]), percent(r["share"])) for r in rows]
    return View(bars(drawn, title=title), plain_table(heads, lines))


def findings(findings: pd.DataFrame, *, limit: int = 200) -> View:
    """Numbers that deserve a look, from `quality.findings`."""
    if findings.empty:
        return View(box("No number stands out.", "add"), "No number stands out.")
    heads = ["finding", "user_principal_name", "method", "value", "message"]
    rows = [[mask_numbers(str(r[h])) for h in heads] for r in _records(findings.head(limit))]
    rows = [[row[0].replace("_", " "), *row[1:]] for row in rows]
    heads[1] = "user"
    said = f"{number(len(rows))} of {number(len(findings))} shown"
    cells = [("update", [text(c) for c in row]) for row in rows]
    return View(table(heads, cells) + note(said), f"{plain_table(heads, rows)}\n{said}")


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))


def _nothing(sentence: str) -> View:
    return View(note(sentence), sentence)


def _how_many(shown: int, total: int, where: str) -> str:
    return f"{number(shown)} of {number(total)} shown; all in {where}" if shown < total else f"{number(total)} shown"


def _of(row: Mapping[str, Any]) -> str:
    return f"{number(row['users'])} of {number(row['population'])} · {percent(row['share'])}"


def _action(name: str) -> str:
    return f'<span class="tight"><span class="sign">{SIGNS[name]}</span>{text(name)}</span>'


def _line(row: Mapping[str, Any]) -> str:
    """Its line of the source; what a rule asked for has none."""
    return number(row["line"]) if row["line"] else ""


def _outcome(name: str) -> str:
    return name.replace("_", " ")


def _person(row: Mapping[str, Any]) -> str:
    name = row.get("display_name", "")
    return text(row["user_principal_name"]) + (f' <br><span class="dim">{text(name)}</span>' if name else "")


def _shown(value: str, reveal: bool) -> str:
    return (value if reveal else mask_value(value)) or "none"


def _pair(row: Mapping[str, Any], reveal: bool) -> tuple[str, str]:
    """Before and after, of which one sees that they differ."""
    before, after = str(row["before"]), str(row["after"])
    before, after = (before, after) if reveal else mask_pair(before, after)
    return before or "none", after or "none"


def _value(value: str, reveal: bool) -> str:
    return _marked(_shown(value, reveal), value)


def _marked(shown: str, value: str, css: str = "") -> str:
    css += " wraps" if len(shown) > _FITS else ""
    return f'<span class="{f"v {css}" if value else "none"}">{text(shown)}</span>'


def _before_after(row: Mapping[str, Any], reveal: bool) -> str:
    """`before → after`; one value when nothing changes."""
    if row["before"] == row["after"]:
        return _value(row["before"], reveal)
    was = "was gone" if row["action"] == "remove" else "was"
    before, after = _pair(row, reveal)
    fits = "tight" if max(len(before), len(after)) <= _FITS else ""
    return f'<span class="{fits}">{_marked(before, row["before"], was)} → {_marked(after, row["after"])}</span>'
