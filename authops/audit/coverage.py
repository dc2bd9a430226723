"""Frames → who is covered by what. Pure.

The registration report leaves out disabled users and runs hours behind: whoever is not in it is unknown, which is a
value of its own, never somebody without methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from authops.methods.kinds import reported_phones
from authops.tenant import roles as directory_roles
from authops.words.figures import percent
from authops.words.frames import COVERAGE, PEOPLE, REGISTRATIONS, USERS, check

FIGURES: Final = ("measure", "users", "share", "population", "kind")
NOT_LASTING: Final = frozenset({"email", "securityQuestion", "temporaryAccessPass"})
STANDINGS: Final = {
    "passwordless": "can sign in without a password: passkey, Windows Hello, phone sign-in …",
    "app or key": "a second factor besides phones: an app, a token, a certificate",
    "phone only": "text message or call is the only second factor",
    "no lasting factor": "only e-mail, questions or a temporary pass",
    "nothing": "in the report, with nothing registered",
    "unknown": "not in the report: disabled, new, or left out; nothing is known",
}
WEAK: Final = ("phone only", "no lasting factor", "nothing")
DIMENSIONS: Final = {
    "user type": "user_type",
    "account": "account",
    "admin": "admin",
    "role": "roles",
    "department": "department",
    "country": "country",
    "licence": "licences",
}
# Columns in which a person may have several values, and what parts them.
_SEVERAL: Final = {"licences": " ", "number_country": " ", "roles": "; "}
NOT_IN_REPORT: Final = "not in the report"
NOT_SET: Final = "(not set)"
AND: Final = " \u00b7 "
_CAPABLE: Final = {
    "MFA-capable": "is_mfa_capable",
    "passwordless-capable": "is_passwordless_capable",
    "SSPR-capable": "is_sspr_capable",
}


def join(
    registrations: pd.DataFrame,
    people: pd.DataFrame,
    roles: set[str] | None,
    called: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """One row a person (COVERAGE) from the report (REGISTRATIONS), the directory (PEOPLE) and who holds a role.

    `roles` None: they could not be read, so the report's own isAdmin is all that is known. `called`: holder → what
    the roles are called, as far as it could be read.
    """
    everybody = check(people, PEOPLE).drop_duplicates("user_id")
    report = check(registrations, REGISTRATIONS).drop_duplicates("user_id").set_index("user_id")
    known = everybody["user_id"].isin(report.index)
    said = report.reindex(everybody["user_id"]).set_index(everybody.index)
    data = everybody.assign(
        user_type=everybody["user_type"].replace("", "unknown"),
        account=_accounts(everybody["account_enabled"]),
        admin=_admin(said["is_admin"], everybody["user_id"], roles),
        methods=said["methods_registered"].fillna(""),
        default_method=said["default_method"].fillna(""),
        **{column.removeprefix("is_"): _words(said[column]) for column in _CAPABLE.values()},
    )
    data["roles"] = directory_roles.told(data["user_id"], data["admin"], called or {})
    best = standings(data["methods"]).where(data["passwordless_capable"] != "yes", "passwordless")
    data["standing"] = best.where(known, "unknown")
    return data[list(COVERAGE)].astype("str").reset_index(drop=True)


def _accounts(enabled: pd.Series[Any]) -> pd.Series[str]:
    return enabled.astype("object").map({True: "enabled", False: "disabled"}).fillna("unknown")


def _words(flags: pd.Series[Any]) -> pd.Series[str]:
    return flags.map({True: "yes", False: "no"}).astype("object").fillna("unknown")


def _admin(reported: pd.Series[Any], ids: pd.Series[str], roles: set[str] | None) -> pd.Series[str]:
    words = _words(reported)
    if roles is None:
        return words
    return words.where(words == "yes", "no").where(~ids.isin(roles), "yes")


def standings(methods: pd.Series[str]) -> pd.Series[str]:
    """By what is registered; the combinations are few, people are many."""
    return methods.map({said: _standing(said) for said in methods.unique()})


def _standing(registered: str) -> str:
    methods = set(registered.split())
    factors = methods - NOT_LASTING
    if not methods:
        return "nothing"
    if not factors:
        return "no lasting factor"
    return "phone only" if factors <= reported_phones() else "app or key"


def by(coverage: pd.DataFrame, dimension: str, other: str = "") -> pd.DataFrame:
    """COVERAGE counted along one of DIMENSIONS, or two: `value`, `users`, and a column for each standing; the largest
    first.

    A person with two licences, or roles, counts under each, so they add up to more than there are people.
    """
    columns = [DIMENSIONS[name] for name in (dimension, other) if name]
    values = each(check(coverage, COVERAGE), *columns)
    standing = coverage["standing"].loc[values.index]
    counted = pd.crosstab(values.to_numpy(), standing.to_numpy()).reindex(columns=list(STANDINGS), fill_value=0)
    counted.insert(0, "users", counted.sum(axis=1))
    counted = counted.rename_axis(columns=None).rename_axis("value").reset_index()
    return counted.sort_values(["users", "value"], ascending=[False, True], ignore_index=True)


def each(people: pd.DataFrame, column: str, other: str = "") -> pd.Series[str]:
    """A person's value, or values, with the person's row as index; of two columns every pair of them."""
    values, apart = people[column], _SEVERAL.get(column)
    found = (values.str.split(apart).explode().astype("str") if apart else values).replace("", NOT_SET)
    if not other:
        return found
    pairs = found.rename("first").to_frame().join(each(people, other).rename("second"))
    return pairs["first"] + AND + pairs["second"]


def members(coverage: pd.DataFrame, dimension: str, value: str) -> pd.DataFrame:
    """The people (COVERAGE) who have that value in that dimension."""
    values = each(coverage, DIMENSIONS[dimension])
    return coverage.loc[values.index[values == value].unique()]


def gaps(coverage: pd.DataFrame) -> pd.DataFrame:
    """Enabled people to look at (COVERAGE): administrators first, then nothing, no lasting factor, phone only."""
    order = {standing: place for place, standing in enumerate(reversed(WEAK))}
    weak = coverage[coverage["standing"].isin(WEAK) & (coverage["account"] == "enabled")]
    rank = weak.assign(first=weak["admin"] != "yes", place=weak["standing"].map(order))
    return rank.sort_values(["first", "place", "user_principal_name"], ignore_index=True)[list(COVERAGE)]


def left_out(coverage: pd.DataFrame) -> dict[str, int]:
    """Why people are unknown, as far as the directory tells."""
    unknown = coverage[coverage["standing"] == "unknown"]
    disabled = int((unknown["account"] == "disabled").sum())
    return {"disabled": disabled, "enabled, yet not in the report": len(unknown) - disabled}


def figures(registrations: pd.DataFrame, users: pd.DataFrame, roles: set[str] | None = None) -> pd.DataFrame:
    """How many of `users` (USERS) are covered by what, according to `registrations` (REGISTRATIONS).

    `roles`: who holds a role, as for `join`; without it, administrators are whom the report calls so.

    Columns FIGURES; `population` is who could be judged (in the report; admins in the report; everybody), and
    `kind` is `capable`, `method`, `gap` or `unread`.
    """
    everybody = check(users, USERS).drop_duplicates("user_id")
    known = _in_report(registrations, everybody)
    missing = everybody[~everybody["user_id"].isin(known["user_id"])]
    rows = [*_capable(known), *_methods(known), *_gaps(known, roles or set()), *_missing(missing, len(everybody))]
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
    counted: dict[str, int] = {}
    for said, people in known["methods_registered"].value_counts(sort=False).items():
        for method in set(str(said).split()):
            counted[method] = counted.get(method, 0) + int(people)
    for method, count in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        yield f"method {method}", count, len(known), "method"


def _gaps(known: pd.DataFrame, roles: set[str]) -> Iterator[Row]:
    standing = known["methods_registered"].map({said: _standing(said) for said in known["methods_registered"].unique()})
    only_phones, admins = standing == "phone only", known["is_admin"].astype(bool) | known["user_id"].isin(roles)
    yield "second factor by phone only", int(only_phones.sum()), len(known), "gap"
    yield "nothing registered", int((standing == "nothing").sum()), len(known), "gap"
    yield "admins with SMS or voice only", int((admins & only_phones).sum()), int(admins.sum()), "gap"


def _missing(missing: pd.DataFrame, everybody: int) -> Iterator[Row]:
    enabled = int(missing["account_enabled"].astype("boolean").sum())
    yield NOT_IN_REPORT, len(missing), everybody, "unread"
    yield f"{NOT_IN_REPORT}, though enabled", enabled, everybody, "unread"


def ending(registrations: pd.DataFrame, users: pd.DataFrame, coverage: pd.DataFrame) -> tuple[str, str]:
    """(status, headline) of an audit: the share, who has nothing, and the administrators."""
    if users.empty:
        return "nothing to do", "the tenant shows no users"
    found = figures(registrations, users).set_index("measure")
    capable, missing = found.loc["MFA-capable"], found.loc[NOT_IN_REPORT]
    share = f" ({percent(float(found['share']['MFA-capable']))})" if capable["population"] else ""
    said = f"{capable['users']:,} of {capable['population']:,} users in the report{share} can use multifactor sign-in"
    said += f"; {missing['users']:,} of {missing['population']:,} are not in the report"
    nothing, (weak, admins) = _with_nothing(coverage), _weak_admins(coverage)
    said += f"; {nothing:,} have nothing" if nothing else ""
    return "done", said + (f"; {weak:,} of {admins:,} administrators rely on phones, or on less" if weak else "")


def worrying(coverage: pd.DataFrame) -> bool:
    """Whether somebody has nothing, or an administrator too little: no good news, though the audit is done."""
    return bool(_with_nothing(coverage) or _weak_admins(coverage)[0])


def _with_nothing(coverage: pd.DataFrame) -> int:
    return int(((coverage["standing"] == "nothing") & (coverage["account"] == "enabled")).sum())


def _weak_admins(coverage: pd.DataFrame) -> tuple[int, int]:
    admins = coverage.loc[coverage["admin"] == "yes", "standing"]
    return int(admins.isin(WEAK).sum()), len(admins)
