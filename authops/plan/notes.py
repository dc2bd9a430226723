"""What a person should look at before approving: notes on values that would be written. They never decide.

A number of another country than the user's, a number that a user would hold twice, an address that is of no use for
resetting the password of that very mailbox.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from authops.methods.kinds import KINDS, addresses, numbers
from authops.phone.number import same
from authops.phone.numbering import calling_code

ABROAD: Final = "a number of another country than the user's"
TWICE: Final = "mobile and alternate mobile are the same number"
SIGN_IN: Final = "will be registered for signing in by SMS, too"
SHARED_UNSEEN: Final = "not known whether somebody else signs in by SMS with this number"
# How a note begins that says until when a phone helps.
RETIRES: Final = "SMS and calls end"
OWN: Final = "the user's own address: of no use while the mailbox cannot be opened"
OURS: Final = "an address in one of the tenant's own domains: of no use while its mailboxes cannot be opened"


def noted(changes: pd.DataFrame, current: pd.DataFrame, countries: Any) -> pd.DataFrame:
    """`changes` (CHANGES) with more notes on what would be added or updated.

    `current`: CURRENT. `countries`: each row's usageLocation, "" when not known.
    """
    written = changes["action"].isin(("add", "update"))
    email = changes["method"].isin(addresses())
    phones = changes["method"].isin(numbers())
    add(changes, _abroad(changes["after"], written & phones, countries), ABROAD)
    for pair in ((kind.twin, kind.name) for kind in KINDS.values() if kind.twin):
        add(changes, written & changes["method"].isin(pair) & _twice(changes, current, pair), TWICE)
    own, ours = _within(changes, np.flatnonzero(written & email))
    add(changes, own, OWN)
    add(changes, ours, OURS)
    return changes


def add(changes: pd.DataFrame, rows: Any, more: str) -> None:
    """One more note on some rows (a mask, or positions), in place."""
    mask = np.asarray(rows)
    if mask.dtype == bool:
        mask = np.flatnonzero(mask)
    if len(mask):
        at = changes.index[mask]
        notes = changes.loc[at, "note"]
        changes.loc[at, "note"] = notes.where(notes == "", notes + "; ") + more


def attention(note: str) -> str:
    """What a note asks for: `retiring` when it says nothing but until when a phone helps, else `remark`, or ""."""
    if not note:
        return ""
    return "retiring" if all(part.startswith(RETIRES) for part in note.split("; ") if part) else "remark"


def _abroad(values: pd.Series[str], asked: pd.Series[bool], countries: Any) -> Any:
    """Numbers whose country code is not that of the user's usageLocation; who has none is not judged."""
    found = np.zeros(len(values), dtype=bool)
    codes, names = pd.factorize(pd.Series(countries))
    for number, country in enumerate(names):
        code = calling_code(str(country)) if country else ""
        rows = np.flatnonzero(asked.to_numpy() & (codes == number)) if code else codes[:0]
        if len(rows):
            found[rows] = ~values.iloc[rows].str.startswith(f"+{code} ").to_numpy(dtype=bool)
    return found


def _twice(changes: pd.DataFrame, current: pd.DataFrame, pair: tuple[str, str]) -> Any:
    """Rows of users whose two methods (mobile and alternate mobile) will be one number."""
    one, other = pair
    ends = {method: _ends(changes, current, method) for method in pair}
    both = pd.concat(ends, axis="columns", join="inner")
    pairs = zip(both[one].to_numpy(dtype=object), both[other].to_numpy(dtype=object), strict=True)
    equal = both.index[[bool(a) and same(a, b) for a, b in pairs]]
    return changes["user_id"].isin(equal)


def _ends(changes: pd.DataFrame, current: pd.DataFrame, method: str) -> pd.Series[str]:
    """User id → what a method holds in the end: as changed, else as it is."""
    now = current.loc[current["method"] == method, ["user_id", "value"]]
    then = changes.loc[changes["method"] == method, ["user_id", "after"]].rename(columns={"after": "value"})
    both = pd.concat([now, then]).drop_duplicates("user_id", keep="last")
    return both.set_index("user_id")["value"]


def _within(changes: pd.DataFrame, rows: Any) -> tuple[list[int], list[int]]:
    """Positions of addresses that are the user's own, and of others in a domain that these users sign in with."""
    names = changes["user_principal_name"]
    domains = {_domain(name) for name in names.unique() if "#ext#" not in name.casefold()} if len(rows) else set()
    own, ours = [], []
    for row, address, name in zip(rows, changes["after"].iloc[rows], names.iloc[rows], strict=True):
        if address.casefold() == name.casefold():
            own.append(row)
        elif _domain(address) in domains:
            ours.append(row)
    return own, ours


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
