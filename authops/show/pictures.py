"""Frames of the audit → what an analyst looks at: tiles, charts, lists. Numbers masked, texts escaped, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pandas as pd

from authops.audit.coverage import DIMENSIONS, STANDINGS, WEAK, by, each, gaps, left_out
from authops.audit.quality import RULES, counts
from authops.show import charts, moves
from authops.show.report import findings as table_of_findings
from authops.show.views import View, box, note, plain_table, table, text, tight, tile, tiles
from authops.words.figures import number, percent
from authops.words.frames import ROLE_NOT_KNOWN
from authops.words.redaction import mask

COLOURS: Final = {
    "passwordless": "best",
    "app or key": "good",
    "phone only": "weak",
    "no lasting factor": "bad",
    "nothing": "worst",
    "unknown": "dark",
}
_CHANGE_CSS: Final = {
    "became phone only": "weak",
    "weaker": "remove",
    "stronger": "add",
    "methods changed": "info",
    "new user": "info",
    "left": "keep",
    "no longer in the report": "keep",
    "now in the report": "info",
}
_OPT_OUT: Final = "passkeyDynamicMigration"
_SETTINGS: Final = {
    "state": "state",
    "snoozeDurationInDays": "days a person may put it off",
    "includeTargets": "asked",
    "excludeTargets": "not asked",
    "enforceRegistrationAfterAllowedSnoozes": "after three times it is forced",
    _OPT_OUT: "opted out of the passkey migration (beta)",
}
_ASKED: Final = {"newly asked": "add", "no longer asked": "remove", "still asked": "info", "not known": "keep"}
# Whom the campaign asks, and why not; neighbours differ in lightness.
REASON_COLOURS: Final = {
    "asked": "bar", "asked elsewhere": "also", "has it": "few", "excluded": "many", "not included": "some",
    "guest": "many", "not allowed": "some", "profile not eligible": "few", "no phone": "many",
    "no second factor": "some", "disabled account": "few", "opted out": "many", "unknown": "dark",
    "campaign off": "some",
}  # fmt: skip
_MOST: Final = 12


def standings(coverage: pd.DataFrame, label: str = "everybody") -> View:
    """Big tiles: how many people stand where, what each word means, and the administrators to look at first."""
    found = coverage["standing"].value_counts()
    parts = [tile(name, int(found.get(name, 0)), COLOURS[name], percent(_share(found, name))) for name in STANDINGS]
    said, kind = _administrators(coverage)
    whole = charts.stacked([(label, _counts(found))], COLOURS, title="Where people stand")
    words = note("; ".join(f"{name}: {meaning}" for name, meaning in STANDINGS.items()))
    html = tiles(parts) + whole + box(said, kind) + words
    plain = " · ".join(f"{number(n)} {name}" for name, n in _counts(found).items())
    return View(html, f"{plain}\n{said}")


def _administrators(coverage: pd.DataFrame) -> tuple[str, str]:
    """How many administrators stand badly, with the colour for it; good news only when all of them are known."""
    admins = coverage.loc[coverage["admin"] == "yes", "standing"]
    if admins.empty:
        return "Nobody is known to be an administrator", "keep"
    weak, dark = int(admins.isin(WEAK).sum()), int((admins == "unknown").sum())
    said = f"{number(weak)} of {number(len(admins))} administrators rely on phones, or on less"
    said += roles_of(coverage[(coverage["admin"] == "yes") & coverage["standing"].isin(WEAK)]) if weak else ""
    return said + (f"; {number(dark)} are unknown" if dark else ""), "remove" if weak else "keep" if dark else "add"


def roles_of(people: pd.DataFrame, *, most: int = 5) -> str:
    """` (3 Helpdesk Administrator, 1 Global Administrator)`: the roles that these people hold, the commonest first."""
    found = each(people, "roles").value_counts()
    told = [f"{number(int(n))} {role}" for role, n in found.head(most).items()]
    told += [f"{number(len(found) - most)} other roles"] if len(found) > most else []
    return f" ({', '.join(told)})" if set(found.index) - {ROLE_NOT_KNOWN} else "; which roles is not known"


def role(row: Mapping[str, Any]) -> str:
    """What an administrator's roles are called; `no` for nobody's."""
    return "no" if row["admin"] == "no" else str(row["roles"] or row["admin"])


def _counts(found: Mapping[str, int] | pd.Series[int]) -> dict[str, int]:
    return {name: int(found.get(name, 0)) for name in STANDINGS}


def _share(found: pd.Series[int], name: str) -> float:
    return float(found.get(name, 0)) / float(found.sum()) if len(found) else float("nan")


def worst_first(coverage: pd.DataFrame, name: str, other: str = "") -> View:
    """The same as `dimension`, by the share of people who have a phone only, or less."""
    return dimension(coverage, name, other, worst=True)


def dimension(coverage: pd.DataFrame, name: str, other: str = "", *, most: int = _MOST, worst: bool = False) -> View:
    """COVERAGE along one of DIMENSIONS, or two: a bar for each value, the largest (or `worst`) first, the rest
    together.
    """
    counted = by(coverage, name, other)
    name = f"{name} and {other}" if other else name
    if worst:
        share = counted[list(WEAK)].sum(axis=1) / counted["users"]
        counted = counted.loc[share.sort_values(ascending=False, kind="stable").index]
    rows = [(str(r["value"]), _counts(r)) for r in _records(counted.head(most))]
    if len(counted) > most:
        rest = counted.iloc[most:][list(STANDINGS)].sum()
        rows.append((f"{number(len(counted) - most)} others", _counts(rest)))
    heads = [name, "people", *STANDINGS]
    lines = [[value, number(sum(parts.values())), *map(number, parts.values())] for value, parts in rows]
    chart = charts.legend(COLOURS) + charts.stacked(rows, COLOURS, title=f"Coverage by {name}")
    cells = [("", [text(c) for c in line]) for line in lines]
    folded = f"<details><summary>as a table</summary>{table(heads, cells, right=heads[1:])}</details>"
    return View(chart + folded, plain_table(heads, lines))


def dimensions(coverage: pd.DataFrame, names: Sequence[str] = tuple(DIMENSIONS)) -> View:
    """The same for several dimensions, one below the other."""
    views = [(name, dimension(coverage, name)) for name in names]
    html = "".join(f"<h3>By {text(name)}</h3>{view.html}" for name, view in views)
    return View(html, "\n\n".join(f"by {name}\n{view.plain}" for name, view in views))


def to_look_at(coverage: pd.DataFrame, *, limit: int = 40) -> View:
    """Enabled people with a gap, administrators first."""
    weak = gaps(coverage)
    if weak.empty and (coverage["standing"] == "unknown").all():
        said = "Nobody can be judged: the report knows none of these people."
        return View(box(said, "update"), said)
    if weak.empty:
        return View(box("Everybody in the report has more than a phone.", "add"), "Nobody stands out.")
    return people(weak, limit=limit)


def people(coverage: pd.DataFrame, *, limit: int = 100) -> View:
    """People with what is known of them; the first `limit` rows."""
    heads = ["standing", "user", "department", "country", "admin", "methods"]
    keys = ["standing", "user_principal_name", "department", "country", "admin", "methods"]
    rows = [row | {"admin": role(row)} for row in _records(coverage.head(limit))]
    lines = [[str(r[k]) for k in keys] for r in rows]
    kinds = [COLOURS[r["standing"]] for r in rows]
    cells = [(kind, [text(c) for c in line]) for kind, line in zip(kinds, lines, strict=True)]
    said = f"{number(len(rows))} of {number(len(coverage))} shown; all of them in the exported files"
    return View(table(heads, cells) + note(said), f"{plain_table(heads, lines)}\n{said}")


def unknown(coverage: pd.DataFrame) -> View:
    """Whom the report leaves out, and why as far as the directory tells."""
    found = left_out(coverage)
    parts = [tile(why, count, "keep") for why, count in found.items()]
    said = "Nothing is known of these people: they count neither as covered nor as without methods."
    return View(tiles(parts) + note(said), " · ".join(f"{number(n)} {why}" for why, n in found.items()))


def trend(moving: pd.DataFrame) -> View:
    """`trend.over_time` as lines (shares of everybody) and as a table."""
    if len(moving) < 2:
        said = "This is the first snapshot of this tenant; the next audit shows what moved."
        return View(note(said), said)
    days = [str(at)[:10] for at in moving["at"]]
    moments = days if len(set(days)) == len(days) else [str(at)[5:16].replace("T", " ") for at in moving["at"]]
    total = moving["users"].where(moving["users"] > 0, 1)
    shares = {name: list((moving[name] / total).astype(float)) for name in STANDINGS}
    return moves.over_time(moving, moments, shares, COLOURS, "Coverage over time")


def differences(changed: pd.DataFrame, *, limit: int = 40) -> View:
    """What moved since the last snapshot (DIFFERENCES): tiles, then person by person."""
    if changed.empty:
        said = "Nobody changed since the last snapshot, or there is none."
        return View(note(said), said)
    return moves.people(changed, _CHANGE_CSS, "the exported files", limit=limit)


def quality(findings: pd.DataFrame, details: pd.DataFrame, *, limit: int = 100) -> View:
    """What the numbers of the scope look like: a tile for each finding that occurs, then the numbers, masked."""
    if details.empty:
        said = "No scope was asked for, so nobody's numbers were read (parameters scope, scope_file)."
        return View(note(said), said)
    unread = details.loc[~details["known"], "user_id"].nunique()
    found = counts(findings)
    parts = [tile(RULES.get(rule, rule), n, "update") for rule, n in found.items()]
    parts += [tile("people read", details["user_id"].nunique() - unread, "info")]
    parts += [tile("could not be read", unread, "keep")]
    below = table_of_findings(findings, limit=limit)
    return View(tiles(parts) + below.html, f"{number(len(findings))} findings, {number(unread)} unread\n{below.plain}")


def details(details: pd.DataFrame, *, limit: int = 100) -> View:
    """Every method of the people in scope (DETAILS with `changed_at`, `changed_by`), masked; SMS sign-in counted."""
    if details.empty:
        return View(note("Nobody is in scope."), "Nobody is in scope.")
    states = details.loc[details["sms_sign_in"] != "", "sms_sign_in"].value_counts()
    parts = [
        tile(f"SMS sign-in: {state}", int(n), "add" if state == "ready" else "keep") for state, n in states.items()
    ]
    heads = ["user", "method", "value", "default", "SMS sign-in", "last change", "by"]
    lines = [_detail(r) for r in _records(details.head(limit))]
    cells = [
        ("", [text(c) if head in ("user", "by") else tight(c) for head, c in zip(heads, line, strict=True)])
        for line in lines
    ]
    said = f"{number(len(lines))} of {number(len(details))} shown; all of them, masked, in the exported files"
    plain = " · ".join(f"{number(int(n))} {state}" for state, n in states.items())
    return View(tiles(parts) + table(heads, cells) + note(said), f"{plain}\n{plain_table(heads, lines)}\n{said}")


def _detail(row: Mapping[str, Any]) -> list[str]:
    what = row["method"] or ("none but a password" if row["known"] else f"not known: {row['error']}")
    default = "yes" if row["is_default"] else ""
    moment = str(row["changed_at"])[:16].replace("T", " ")
    return [
        row["user_principal_name"],
        what,
        mask(row["value"]),
        default,
        row["sms_sign_in"],
        moment,
        row["changed_by"],
    ]


def settings(
    before: Mapping[str, Any], after: Mapping[str, Any], known: Mapping[str, str], remarks: Sequence[str] = ()
) -> View:
    """Two campaigns side by side; what would change is coloured. `known`: names of users and groups by id; `remarks`:
    what the settings to come mean.
    """
    names = [name for name in _SETTINGS if name in before or name in after or name == _OPT_OUT]
    names += sorted((set(before) | set(after)) - set(names))
    heads = ["setting", "now", "then"]
    lines = [[_SETTINGS.get(n, n), _setting(n, before, known), _setting(n, after, known)] for n in names]
    cells = [("" if line[1] == line[2] else "update", [text(c) for c in line]) for line in lines]
    return View(table(heads, cells) + "".join(map(note, remarks)), "\n".join([plain_table(heads, lines), *remarks]))


def _setting(name: str, settings: Mapping[str, Any], known: Mapping[str, str]) -> str:
    value = settings.get(name)
    if isinstance(value, list):
        return "; ".join(f"{t.get('targetType')} {known.get(t['id'], t['id'])}{_towards(t)}" for t in value) or "nobody"
    if value is None:
        return "not known" if name == _OPT_OUT else "not set"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _towards(target: Mapping[str, Any]) -> str:
    method = target.get("targetedAuthenticationMethod")
    return f" → {method}" if method else ""


def nudges(nudges: pd.DataFrame, reasons: Mapping[str, str], *, limit: int = 50) -> View:
    """Who is asked (NUDGES): now and then as bars, tiles of what changes, then the people it changes for."""
    found = nudges["change"].value_counts()
    parts = [tile(kind, int(found.get(kind, 0)), css) for kind, css in _ASKED.items()]
    before, after = (nudges[when].value_counts() for when in ("before", "after"))
    used = [r for r in reasons if int(before.get(r, 0)) or int(after.get(r, 0))]
    colours = {r: REASON_COLOURS.get(r, "some") for r in used}
    rows = [(when, {r: int(said.get(r, 0)) for r in used}) for when, said in (("now", before), ("then", after))]
    chart = charts.legend(colours) + charts.stacked(rows, colours, title="Who is asked, now and then")
    words = note("; ".join(f"{r}: {reasons[r]}" for r in used))
    moved = nudges[nudges["change"].isin(("newly asked", "no longer asked"))]
    heads = ["change", "user", "department", "admin", "standing", "before → after"]
    lines = [_nudge(r) for r in _records(moved.head(limit))]
    cells = [(_ASKED[line[0]], [text(c) for c in line]) for line in lines]
    shown = f"{number(len(lines))} of {number(len(moved))} shown" if lines else "This changes for nobody"
    said = f"{shown}; all people in nudges.parquet"
    below = (table(heads, cells) if lines else "") + note(said)
    plain = " · ".join(f"{number(int(found.get(kind, 0)))} {kind}" for kind in _ASKED)
    return View(tiles(parts) + chart + words + below, f"{plain}\n{plain_table(heads, lines)}\n{said}")


def _nudge(row: Mapping[str, Any]) -> list[str]:
    keys = ("change", "user_principal_name", "department", "admin", "standing")
    return [*(str(row[k]) for k in keys), f"{row['before']} → {row['after']}"]


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))
