"""Who is hit when Microsoft stops delivering text messages and calls: from which date, and what each needs next. Pure.

Three things that are easily mixed up are kept apart: whom the policy lets use SMS or voice, who has a phone registered,
and who still has something afterwards. Blocked is who has a phone registered and nothing that lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import pandas as pd

from authops.methods.kinds import reported_phones
from authops.methods.reported import meanings, unknown
from authops.words.frames import EXPOSURE, HOLDERS, check, frame
from authops.words.retirement import Dates, cohort

STATUSES: Final = {
    "blocked": "a phone is registered, and nothing that lasts: stopped at sign-in until a passkey is registered",
    "reset only": "can sign in afterwards, and loses password reset",
    "covered": "has something that satisfies multifactor sign-in and lasts",
    "nothing": "nothing is registered that satisfies multifactor sign-in: no phone to lose",
    "disabled": "the account is disabled: nobody signs in; what stands there counts when it is enabled",
    "not known": "could not be read, or holds a method that nobody here knows",
}
STEPS: Final = {
    "nothing": "nothing to do",
    "register": "the registration campaign reaches them: let it",
    "pass": "needs a Temporary Access Pass to register a passkey with",
    "token": "may use neither passkeys nor the app: needs a hardware token, or a wider policy",
    "retire phone": "has what lasts: move the default off the phone if it is there, then remove the phone",
    "reset": "register an e-mail address or an app for password reset",
    "look": "an administrator, or somebody of whom something is not known: look",
}


def exposure(standing: pd.DataFrame, when: Dates) -> pd.DataFrame:
    """One row a person (EXPOSURE) from what was read of everybody (HOLDERS), the most urgent first."""
    rows = cast("list[dict[str, Any]]", check(standing, HOLDERS).to_dict("records"))
    data = frame(EXPOSURE, [_exposed(row, when) for row in rows])
    order = {status: place for place, status in enumerate(STATUSES)}
    urgent = data.assign(
        place=data["status"].map(order), first=data["admin"] != "yes", day=data["blocked_from"].replace("", "9999")
    )
    return urgent.sort_values(["place", "day", "first", "user_principal_name"], ignore_index=True)[list(EXPOSURE)]


def _exposed(row: Mapping[str, Any], when: Dates) -> dict[str, Any]:
    held = row["methods"].split()
    known = meanings()
    phones = [name for name in held if name in reported_phones()]
    lasting = [name for name in held if name in known and known[name].lasts]
    today = [name for name in held if name in known and known[name].resets]
    after = [name for name in today if name not in phones]
    status = _status(row, phones, lasting, today, after)
    who = cohort(external=row["external"], global_admin=row["global_admin"])
    found = {name: row[name] for name in EXPOSURE if name in row}
    found |= {
        "phones": " ".join(phones),
        "survivors": " ".join(lasting),
        "not_understood": " ".join(unknown(held)),
        "status": status,
        "cohort": who,
        "blocked_from": when.of(who) if status == "blocked" else "",
        "reset_today": " ".join(today),
        "reset_after": " ".join(after),
        "reset": _reset(row, today, after),
    }
    return found | {"next_step": _step(row, status, phones)}


def _status(row: Mapping[str, Any], phones: list[str], lasting: list[str], today: list[str], after: list[str]) -> str:
    if row["account"] == "disabled":
        return "disabled"
    if row["known"] != "yes" or row["account"] != "enabled":
        return "not known"
    if not lasting and unknown(row["methods"].split()):
        return "not known"
    if lasting:
        return "reset only" if phones and today and not after else "covered"
    return "blocked" if phones else "nothing"


def _reset(row: Mapping[str, Any], today: list[str], after: list[str]) -> str:
    """works, lost (with the phone), profile only (no longer counts), none, or not known."""
    if row["known"] != "yes":
        return "not known"
    if today:
        return "works" if after else "lost"
    return "profile only" if row["profile_value"] == "yes" else "none"


def _step(row: Mapping[str, Any], status: str, phones: list[str]) -> str:
    if status == "disabled" or (status == "covered" and not phones):
        return "nothing"
    if status == "not known" or (status in ("blocked", "nothing") and row["admin"] != "no"):
        return "look"
    if status == "covered":
        return "retire phone"
    if status == "reset only":
        return "reset"
    if status == "blocked" and row["campaign"] == "asked":
        return "register"
    return "token" if row["may_passkey"] == "no" and row["may_app"] == "no" else "pass"


def tally(exposed: pd.DataFrame, when: Dates) -> dict[str, int]:
    """The tiles: people by what happens to them and when."""
    status, day = check(exposed, EXPOSURE)["status"], exposed["blocked_from"]
    early = (status == "blocked") & (day == when.everybody)
    late = (status == "blocked") & (day != when.everybody)
    found = {"blocked": int(early.sum()), "blocked later": int(late.sum())}
    return found | {name: int((status == name).sum()) for name in STATUSES if name != "blocked"}
