"""The declared shape of every frame, and the check at the door.

A shape is a mapping column → (dtype, meaning). `check` adds nothing and guesses nothing: it refuses a frame that
lacks a column, and returns the declared columns first, in order. Text columns use "" for "nothing", never NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from authops.words.errors import FrameError

type_of: Final = {"text": "str", "flag": "bool", "maybe": "boolean", "count": "int64", "time": "str"}
Shape = Mapping[str, tuple[str, str]]
_PACK: Final = 20_000
_types: Final[dict[str, Any]] = {k: pd.api.types.pandas_dtype(n) for k, n in type_of.items() if n != "str"}
# From so many rows on pandas is the faster one.
_FEW: Final = 200


def _shape(**columns: tuple[str, str]) -> Shape:
    return MappingProxyType(columns)


ACTIONS: Final = ("add", "update", "remove", "keep", "blocked")
WRITES: Final = ("add", "update", "remove")
OUTCOMES: Final = ("applied", "applied_with_note", "rejected", "drifted", "skipped", "unknown")
# What a dry run says of a change that would be written.
REHEARSED: Final = "dry run: nothing was written"

WANTED: Final = _shape(
    line=("count", "line of the source file, 1 = header"),
    user=("text", "what the source calls the user: UPN or object id"),
    method=("text", "a kind of methods.kinds"),
    method_id=("text", "Graph's id of it where a person may have many of the kind, else empty"),
    intent=("text", "set, remove or leave"),
    value=("text", "the wanted value as Graph spells it; only with set"),
    overwrite=("flag", "may replace a different value (ForcedUpdate)"),
    note=("text", "something about the value that a person should look at; never decides"),
    ticket=("text", "the ticket or change that asks for it"),
    condition=("text", "what has to hold right before the write as well: codes of methods.survivors, joined by space"),
)
PROBLEMS: Final = _shape(
    line=("count", "line of the source file, 0 when the problem is not of one row"),
    user=("text", "what the source calls the user"),
    column=("text", "column of the source, may be empty"),
    value=("text", "the offending value, masked"),
    rule=("text", "code of the broken rule"),
    message=("text", "what is wrong and what to do"),
)
USERS: Final = _shape(
    user_id=("text", "object id: the key"),
    user_principal_name=("text", "the label"),
    display_name=("text", ""),
    account_enabled=("maybe", "NA when Graph did not say: neither enabled nor disabled"),
    user_type=("text", "Member or Guest, empty when Graph did not say"),
    department=("text", ""),
    country=("text", "usageLocation, ISO 3166 two letters"),
)
CURRENT: Final = _shape(
    user_id=("text", "object id"),
    method=("text", "a kind of methods.kinds"),
    method_id=("text", "as in WANTED; of many, the row without one says whether all of the kind are known"),
    known=("flag", "False when this could not be read: unread is never none"),
    value=("text", "as Graph spells it, empty = no such method"),
    is_default=("flag", "this method is the user's default for second factor, as far as the report knows"),
    others=("count", "further methods that can serve as second factor, besides the phones"),
    error=("text", "why it is not known"),
)
CHANGES: Final = _shape(
    change_id=("text", "position in the plan, stable within it"),
    line=("count", "line of the source file"),
    user_id=("text", "object id, empty when the user was not found"),
    user_principal_name=("text", "label"),
    display_name=("text", ""),
    method=("text", "a kind of methods.kinds"),
    method_id=("text", "Graph's id of it where a person may have many of the kind, else empty"),
    action=("text", "one of ACTIONS"),
    before=("text", "value now, empty = none"),
    after=("text", "value after the change, empty = none"),
    reason=("text", "code from REASONS: explains, never decides"),
    note=("text", "something about the new value that a person should look at; never decides"),
    step=("count", "order of writes within one user, from 1; 0 = no write"),
    ticket=("text", "the ticket or change that asks for it"),
    condition=("text", "as in WANTED"),
)
OUTCOME_ROWS: Final = _shape(
    change_id=("text", ""),
    line=("count", "line of the source file"),
    user_id=("text", ""),
    user_principal_name=("text", ""),
    method=("text", ""),
    method_id=("text", "as in CHANGES"),
    action=("text", "add, update or remove"),
    before=("text", "value the plan saw"),
    after=("text", "value the plan wants"),
    outcome=("text", "one of OUTCOMES"),
    found=("text", "value Graph showed at the end"),
    detail=("text", "Graph's own code and message, or why it was not written"),
    request_id=("text", "Graph's request id of the write"),
    at=("time", "UTC, ISO 8601"),
    ticket=("text", "the ticket or change that asked for it"),
)
PASSES: Final = _shape(
    user_id=("text", "object id"),
    user_principal_name=("text", "the label"),
    state=("text", "valid, not yet valid, used, expired, off by policy, gone, or that nobody has it"),
    until=("time", "when it ends by itself, UTC, ISO 8601; empty = not known"),
    registered=("text", "what satisfies MFA and lasts, in the report's names, joined by space"),
    next=("text", "nothing, wait, or another pass"),
)
HELD: Final = _shape(
    user_id=("text", "object id"),
    method=("text", "a kind of methods.kinds, empty = all of them"),
    reason=("text", "one of plan.HOLDS: why nothing may be written"),
)
AUDITS: Final = _shape(
    at=("time", "UTC, ISO 8601"),
    user_id=("text", "whose method was changed"),
    method=("text", "a kind of methods.kinds, empty = another kind or not told"),
    method_id=("text", "Graph's id of it, as far as told"),
    activity=("text", "Graph's activityDisplayName"),
    before=("text", "old value, as far as told"),
    after=("text", "new value, as far as told"),
    by=("text", "application (client) id, or user principal name"),
    correlation_id=("text", ""),
    audit_id=("text", ""),
)
REGISTRATIONS: Final = _shape(
    user_id=("text", "object id"),
    user_principal_name=("text", ""),
    user_type=("text", "member or guest"),
    is_admin=("flag", ""),
    is_mfa_capable=("flag", ""),
    is_passwordless_capable=("flag", ""),
    is_sspr_capable=("flag", ""),
    sspr_enabled=("text", "yes, no or unknown: password reset is enabled for them"),
    methods_registered=("text", "Graph's open list, joined by space"),
    default_method=("text", "userPreferredMethodForSecondaryAuthentication"),
)
FLEET: Final = _shape(
    tenant=("text", "name in the tenants file, and of its run folder"),
    status=("text", "one of outcome.STATUSES"),
    exit_code=("count", "the one that belongs to the status"),
    headline=("text", "how its worst runbook ended"),
    connection=("text", "profile: name or path"),
    application=("text", "as whom: client id, else what the profile signs in with"),
    ended_at=("time", "UTC, ISO 8601, empty when no runbook ended"),
    folder=("text", "its run folder"),
)

PEOPLE: Final = _shape(
    **USERS,
    licences=("text", "assigned licences: part numbers, or SKU ids where names may not be read; joined by space"),
)
# What stands for the roles of who holds none, and of whom it could not be told.
NO_ROLE: Final = "no role"
ROLE_NOT_KNOWN: Final = "not known"
COVERAGE: Final = _shape(
    user_id=("text", "object id: the key"),
    user_principal_name=("text", "the label"),
    display_name=("text", ""),
    user_type=("text", "Member, Guest or unknown"),
    account=("text", "enabled or disabled"),
    department=("text", "empty = not set"),
    country=("text", "usageLocation, empty = not set"),
    licences=("text", "as in PEOPLE"),
    admin=("text", "yes, no or unknown: holds a directory role"),
    roles=("text", "what the roles are called, joined by `; `; `no role`, or `not known`"),
    mfa_capable=("text", "yes, no or unknown"),
    passwordless_capable=("text", "yes, no or unknown"),
    sspr_capable=("text", "yes, no or unknown"),
    methods=("text", "Graph's open list, joined by space; empty = none, or unknown"),
    default_method=("text", "as in REGISTRATIONS"),
    standing=("text", "one of coverage.STANDINGS; unknown = not in the report"),
)
DETAILS: Final = _shape(
    user_id=("text", "object id"),
    user_principal_name=("text", "the label"),
    method=(
        "text",
        "a kind of methods.kinds, else Graph's name of it; empty = none besides a password, or not known",
    ),
    known=("flag", "False when this person could not be read: unread is never none"),
    value=("text", "number or address as Graph spells it"),
    is_default=("flag", "the person's default for second factor, as far as the report knows"),
    sms_sign_in=("text", "Graph's smsSignInState, of a mobile"),
    created_at=("time", "when it was registered, as far as Graph tells"),
    error=("text", "why it is not known"),
)
PROFILES: Final = _shape(
    user_id=("text", "object id"),
    mobile_phone=("text", "the directory profile's mobilePhone, as somebody typed it"),
    business_phones=("text", "the profile's businessPhones, one to a line"),
)
NUDGES: Final = _shape(
    user_id=("text", "object id"),
    user_principal_name=("text", "the label"),
    department=("text", ""),
    admin=("text", "yes, no or unknown"),
    standing=("text", "as in COVERAGE"),
    before=("text", "one of campaign.REASONS under the present settings"),
    after=("text", "the same under the settings to come"),
    change=("text", "newly asked, no longer asked, still asked, not known, or empty"),
)
DIFFERENCES: Final = _shape(
    user_id=("text", "object id"),
    user_principal_name=("text", "the label"),
    change=("text", "one of trend.KINDS"),
    gained=("text", "methods, joined by space"),
    lost=("text", "methods, joined by space"),
    before=("text", "standing in the earlier snapshot, empty = not there"),
    after=("text", "standing now, empty = not there"),
    admin=("text", "yes, no or unknown"),
    department=("text", ""),
)


HOLDERS: Final = _shape(
    user_id=("text", "object id: the key"),
    user_principal_name=("text", "the label"),
    display_name=("text", ""),
    department=("text", "empty = not set"),
    country=("text", "usageLocation, empty = not set"),
    licences=("text", "as in PEOPLE"),
    account=("text", "enabled, disabled or unknown"),
    user_type=("text", "Member, Guest, or empty when Graph did not say"),
    external=("text", "yes, no or unknown: an external user; internal guests are not"),
    admin=("text", "yes, no or unknown: holds a directory role, active or eligible"),
    roles=("text", "as in COVERAGE"),
    global_admin=("text", "active, eligible, no or unknown"),
    in_sms=("text", "yes, no or unknown: the methods policy lets them use SMS"),
    in_voice=("text", "the same of voice"),
    may_passkey=("text", "the same of passkeys, with self-service"),
    may_app=("text", "the same of Authenticator"),
    may_pass=("text", "the same of a Temporary Access Pass"),
    per_user_mfa=("text", "disabled, enabled, enforced or unknown"),
    known=("text", "yes, or why the methods are not known"),
    methods=("text", "the report's names of what is registered, joined by space"),
    default_method=("text", "as in REGISTRATIONS"),
    sspr=("text", "yes, no or unknown: password reset is enabled for them"),
    profile_value=("text", "yes, no or unknown: the profile has a number or an address"),
    number_country=("text", "countries of the registered numbers, two letters, joined by space"),
    campaign=("text", "one of campaign.REASONS, or unknown"),
    last_sign_in=("text", "ISO 8601, empty = never or not known"),
    phone_used=("text", "day on which a text message or call was last seen used, empty = not seen, or not read"),
)
HOLDINGS: Final = _shape(
    user_id=("text", "object id"),
    method=("text", "a kind of methods.kinds, else Graph's own type; empty = none, or not read"),
    method_id=("text", "Graph's id of it"),
    known=("flag", "False when it is not understood, or nothing of the person could be read"),
    value=("text", "as Graph spells it, or what tells it from others"),
    name=("text", "the registration report's name of it"),
    created_at=("time", "as far as Graph tells"),
    used_at=("time", "when it was last used, as far as beta tells; empty is not known, never unused"),
    aaguid=("text", "which model of passkey"),
    attested=("text", "yes, no or unknown: the passkey was attested when it was registered"),
    synced=("text", "yes, no or unknown: the passkey is a synced one"),
    sms_sign_in=("text", "Graph's smsSignInState, of a mobile"),
    spent=("flag", "a pass that is used up or has expired"),
    error=("text", "why it is not known"),
)
SUBJECTS: Final = _shape(
    **USERS,
    last_sign_in=("time", "the latest of all sign-ins that Graph tells of, empty = never or not known"),
    per_user_mfa=("text", "disabled, enabled, enforced or unknown"),
    covered=("text", "yes, no or unknown: a Conditional Access policy asks them for multifactor sign-in"),
    default=("text", "the default method as beta tells it, empty = none, `unknown` = not told"),
    sessions_from=("text", "since when sessions count, as Graph spells it, `unknown` = not told"),
)
USED: Final = _shape(
    user_id=("text", "object id"),
    method=("text", "Graph's words for what served as second factor"),
    last_at=("time", "when it was last seen, UTC, ISO 8601"),
    phone=("flag", "a text message or a call"),
)
CONTACTS: Final = _shape(
    user_id=("text", "object id"),
    mobile=("text", "the profile's mobilePhone, as somebody typed it"),
    office=("text", "the first of its businessPhones"),
    email=("text", "the first of its otherMails"),
)
EXPOSURE: Final = _shape(
    **HOLDERS,
    scope=("text", "by what they may use SMS or voice: methods policy, per-user MFA, neither or not known"),
    phones=("text", "registered phones, in the report's names"),
    survivors=("text", "what satisfies multifactor sign-in and lasts"),
    not_understood=("text", "methods whose meaning is not known here"),
    status=("text", "one of retirement.STATUSES"),
    cohort=("text", "one of words.retirement.COHORTS"),
    blocked_from=("text", "the day, ISO 8601; empty = not blocked"),
    reset_today=("text", "what password reset accepts of what is registered"),
    reset_after=("text", "what of that lasts"),
    reset=("text", "one of retirement.RESETS"),
    next_step=("text", "one of retirement.STEPS"),
)


def empty(shape: Shape) -> pd.DataFrame:
    """A frame without rows in that shape."""
    return frame(shape, [])


def frame(shape: Shape, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows (mappings) → a checked frame with the shape's dtypes; a text that a row does not have is ""."""
    rows = list(rows)
    if len(rows) < _FEW:
        return _of_few(shape, rows)
    data = pd.DataFrame(rows, columns=list(shape))
    data = data.astype({name: type_of[kind] for name, (kind, _) in shape.items()})
    texts = [name for name, (kind, _) in shape.items() if type_of[kind] == "str" and data[name].hasnans]
    return data.assign(**{name: data[name].fillna("") for name in texts})


def _of_few(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The same in a tenth of the time: pandas takes milliseconds for types that it has to find out of a few rows."""
    # How pandas keeps texts is an option, so it is asked each time.
    text = pd.api.types.pandas_dtype("str")
    if not rows:
        return _of_none(tuple(shape.items()), text).copy(deep=False)
    types = _types | {"text": text, "time": text}
    made: dict[str, Any] = {}
    for name, (kind, _) in shape.items():
        if type_of[kind] == "str":
            values = ["" if (value := row.get(name)) is None else value for row in rows]
            made[name] = pd.array(values, dtype=types[kind])
            made[name] = made[name].fillna("") if made[name].isna().any() else made[name]
        else:
            made[name] = pd.array([row.get(name) for row in rows], dtype=types[kind])
    return pd.DataFrame(made, copy=False)


@cache
def _of_none(shape: tuple[tuple[str, tuple[str, str]], ...], text: Any) -> pd.DataFrame:
    types = _types | {"text": text, "time": text}
    return pd.DataFrame({name: pd.array([], dtype=types[kind]) for name, (kind, _) in shape}, copy=False)


def columns(shape: Shape, **arrays: Any) -> pd.DataFrame:
    """Arrays by column name → a checked frame with the shape's dtypes; for frames too large to go row by row.

    A text that is not given is "" in every row.
    """
    blank = pd.Series([""] * len(next(iter(arrays.values()))), dtype="str")
    given = {name: arrays.get(name, blank) if kind == "text" else arrays[name] for name, (kind, _) in shape.items()}
    return pd.DataFrame({name: pd.Series(given[name], dtype=type_of[kind]) for name, (kind, _) in shape.items()})


class Gathered:
    """Rows on their way into a frame, packed every few thousand: a million never stand there as Python objects."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._rows: list[Mapping[str, Any]] = []
        self._packed: list[pd.DataFrame] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        self._count += 1
        if len(self._rows) >= _PACK:
            self._packed.append(frame(self.shape, self._rows))
            self._rows = []

    def frame(self) -> pd.DataFrame:
        """All of them, in the order they came."""
        packed = [*self._packed, frame(self.shape, self._rows)]
        return pd.concat(packed, ignore_index=True) if len(packed) > 1 else packed[0]


def check(data: pd.DataFrame, shape: Shape) -> pd.DataFrame:
    """The same frame, declared columns first; `FrameError` when one is missing."""
    missing = [name for name in shape if name not in data.columns]
    if missing:
        raise FrameError(f"frame lacks columns {missing}; it has {list(data.columns)}")
    found = list(data.columns)
    ordered = [*shape, *(name for name in found if name not in shape)]
    return data.copy(deep=False) if found == ordered else data[ordered]
