"""Frames → coverage figures and findings about numbers. Pure.

The registration report leaves out disabled users and runs hours behind: whoever is not in it is counted as exactly
that, never as somebody without methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import pandas as pd

from authops.frames import CURRENT, REGISTRATIONS, USERS, check
from authops.phone import PhoneProblem, fold, mask, normalise

FIGURES: Final = ("measure", "users", "share", "population", "kind")
FINDINGS: Final = ("finding", "user_id", "user_principal_name", "method", "value", "message")
PHONES: Final = frozenset({"mobilePhone", "alternateMobilePhone", "officePhone"})
RESET_ONLY: Final = frozenset({"email", "securityQuestion"})
_CAPABLE: Final = {
    "MFA-capable": "is_mfa_capable",
    "passwordless-capable": "is_passwordless_capable",
    "SSPR-capable": "is_sspr_capable",
}
NOT_IN_REPORT: Final = "not in the report"


def figures(registrations: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """How many of `users` (USERS) are covered by what, according to `registrations` (REGISTRATIONS).

    Columns FIGURES; `population` is who could be judged (in the report; admins in the report; everybody), and
    `kind` is `capable`, `method`, `gap` or `unread`.
    """
    everybody = check(users, USERS).drop_duplicates("user_id")
    known = _in_report(registrations, everybody)
    missing = everybody[~everybody["user_id"].isin(known["user_id"])]
    rows = [*_capable(known), *_methods(known), *_gaps(known), *_missing(missing, len(everybody))]
    data = pd.DataFrame(rows, columns=["measure", "users", "population", "kind"])
    data = data.astype({"measure": "str", "users": "int64", "population": "int64", "kind": "str"})
    data["share"] = data["users"] / data["population"].where(data["population"] > 0)
    return data[list(FIGURES)]


Row = tuple[str, int, int, str]


def _in_report(registrations: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """The registrations of these users, once each; whoever else is in the report is out of scope."""
    known = check(registrations, REGISTRATIONS).drop_duplicates("user_id")
    return known[known["user_id"].isin(users["user_id"])]


def _capable(known: pd.DataFrame) -> Iterator[Row]:
    for measure, column in _CAPABLE.items():
        yield measure, int(known[column].sum()), len(known), "capable"


def _methods(known: pd.DataFrame) -> Iterator[Row]:
    """Every method that occurs (Graph's list is open), the commonest first."""
    sets = known["methods_registered"].map(lambda said: sorted(set(said.split())))
    for method, count in sets.explode().dropna().value_counts().items():
        yield f"method {method}", int(count), len(known), "method"


def _gaps(known: pd.DataFrame) -> Iterator[Row]:
    only_phones = known["methods_registered"].map(_only_phones).astype(bool)
    admins = known["is_admin"].astype(bool)
    nothing = known["methods_registered"].str.strip() == ""
    yield "second factor by phone only", int(only_phones.sum()), len(known), "gap"
    yield "nothing registered", int(nothing.sum()), len(known), "gap"
    yield "admins with SMS or voice only", int((admins & only_phones).sum()), int(admins.sum()), "gap"


def _only_phones(registered: str) -> bool:
    """A phone is the only second factor: e-mail and questions serve password reset; anything unheard-of is a factor."""
    factors = set(registered.split()) - RESET_ONLY
    return bool(factors) and factors <= PHONES


def _missing(missing: pd.DataFrame, everybody: int) -> Iterator[Row]:
    enabled = int(missing["account_enabled"].astype(bool).sum())
    yield NOT_IN_REPORT, len(missing), everybody, "unread"
    yield f"{NOT_IN_REPORT}, though enabled", enabled, everybody, "unread"


def by_user_type(registrations: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """`figures` for members, guests and whoever has no type, with `user_type` as first column."""
    kinds = check(users, USERS)["user_type"].replace("", "unknown")
    parts = [figures(registrations, part).assign(user_type=kind) for kind, part in users.groupby(kinds)]
    data = pd.concat(parts, ignore_index=True) if parts else figures(registrations, users).assign(user_type="").iloc[:0]
    return data[["user_type", *FIGURES]]


def ending(registrations: pd.DataFrame, users: pd.DataFrame) -> tuple[str, str]:
    """(status, headline) of an audit."""
    if users.empty:
        return "nothing to do", "the tenant shows no users"
    found = figures(registrations, users).set_index("measure")
    capable, missing = found.loc["MFA-capable"], found.loc[NOT_IN_REPORT]
    said = f"{capable['users']:,} of {capable['population']:,} users in the report can use multifactor sign-in"
    return "done", f"{said}; {missing['users']:,} of {missing['population']:,} are not in the report"


def number_findings(current: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Numbers that deserve a look (columns FINDINGS, values masked): not valid, without country code, shared by
    several users, and an alternate mobile without a mobile. What could not be read is no finding.
    """
    names = check(users, USERS).drop_duplicates("user_id").set_index("user_id")["user_principal_name"]
    known = check(current, CURRENT)
    known = known[known["known"].astype(bool) & (known["method"] != "email")]
    held = known[known["value"] != ""]
    rows = [*_bad_numbers(held), *_shared(held), *_lone_alternates(known)]
    data = pd.DataFrame(rows, columns=["finding", "user_id", "method", "value", "message"], dtype="str")
    data["value"] = data["value"].map(mask)
    data["user_principal_name"] = data["user_id"].map(names).fillna("")
    return data[list(FINDINGS)]


Finding = tuple[str, str, str, str, str]


def _bad_numbers(held: pd.DataFrame) -> Iterator[Finding]:
    distinct = held[["value", "method"]].drop_duplicates().itertuples(index=False)
    wrong = {(v, m): why for v, m in distinct if (why := _problem(str(v), str(m)))}
    for row in _records(held):
        why = wrong.get((row["value"], row["method"]))
        if why:
            yield why.rule, row["user_id"], row["method"], row["value"], str(why)


def _problem(value: str, method: str) -> PhoneProblem | None:
    try:
        normalise(value, method=method)
    except PhoneProblem as why:
        return why
    return None


def _shared(held: pd.DataFrame) -> Iterator[Finding]:
    same = held["value"].map(fold)
    owners = held.groupby(same)["user_id"].transform("nunique")
    for row, count in zip(_records(held), owners, strict=True):
        if count > 1:
            yield "shared_number", row["user_id"], row["method"], row["value"], f"the same number at {count:,} users"


def _lone_alternates(known: pd.DataFrame) -> Iterator[Finding]:
    """Only where the mobile was read and is none."""
    without = set(known.loc[(known["method"] == "mobile") & (known["value"] == ""), "user_id"])
    alternates = known[(known["method"] == "alternateMobile") & (known["value"] != "")]
    for row in _records(alternates[alternates["user_id"].isin(without)]):
        yield "lone_alternate", row["user_id"], row["method"], row["value"], "an alternate mobile without a mobile"


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))
