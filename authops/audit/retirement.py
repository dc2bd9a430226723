"""Who is hit when Microsoft stops delivering text messages and calls: from which date, and what each needs next. Pure.

Three things that are easily mixed up are kept apart: whom the policy lets use SMS or voice, who has a phone registered,
and who still has something afterwards. Blocked is who has a phone registered and nothing that lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

import pandas as pd

from authops.audit.coverage import each, standings
from authops.methods.kinds import default_names, reported_phones
from authops.methods.reported import Meaning, delivered, meanings
from authops.words.errors import ParameterError
from authops.words.frames import COVERAGE, EXPOSURE, HOLDERS, check, frame
from authops.words.retirement import LATER, Dates, cohort

STATUSES: Final = {
    "blocked": "a phone is registered, and nothing that lasts: stopped at sign-in until a passkey is registered",
    "reset only": "can sign in afterwards, and loses password reset, or has lost it already",
    "covered": "has something that satisfies multifactor sign-in and lasts",
    "nothing": "nothing is registered that satisfies multifactor sign-in: no phone to lose",
    "disabled": "the account is disabled: nobody signs in; what stands there counts when it is enabled",
    "not known": "could not be read, or holds a method that nobody here knows",
}
STEPS: Final = {
    "look": "an administrator, or somebody of whom something is not known: look",
    "register": "the registration campaign reaches them: let it",
    "pass": "needs a Temporary Access Pass to register something better with",
    "widen": "needs a pass, and the methods policy does not let them use one: widen it first",
    "token": "may use neither passkeys nor Authenticator: needs a hardware token, or a wider policy",
    "ask": "an external user, who can be given no pass: ask them to set up Authenticator, or a passkey when guests may",
    "retire phone": "has what lasts: move the default off the phone if it is there, then remove the phone",
    "reset": "register an e-mail address or an app, so that password reset works",
    "set up": "has nothing registered: not the retirement's doing, and still nothing to sign in with",
    "provider": "keeps the phone, which a telephony provider delivers to; something better would resist phishing",
    "nothing": "nothing to do",
}
RESETS: Final = {
    "works": "something is registered that password reset accepts, and lasts",
    "lost": "works today, and ends with the phone",
    "profile only": "only the profile has a number or address, and that counts no longer",
    "none": "nothing that password reset accepts",
    "not enabled": "password reset is not enabled for them",
    "not known": "could not be read",
}

DIMENSIONS: Final = {
    "department": "department",
    "country": "country",
    "country of the number": "number_country",
    "licence": "licences",
    "admin": "admin",
    "role": "roles",
    "user type": "user_type",
    "cohort": "cohort",
    "next step": "next_step",
}

_JUDGED_BY: Final = (
    "account", "external", "admin", "global_admin", "in_sms", "in_voice", "may_passkey", "may_app", "may_pass",
    "per_user_mfa", "known", "methods", "sspr", "profile_value", "campaign",
)  # fmt: skip
_DERIVED: Final = {name: meaning for name, meaning in EXPOSURE.items() if name not in HOLDERS}
CHANNELS: Final = ("sms", "voice")


def channels(named: Collection[str]) -> tuple[str, ...]:
    """What a telephony provider delivers, of CHANNELS. Raises `ParameterError` for another word."""
    said = tuple(word.strip().casefold() for word in named)
    if wrong := [word for word in said if word not in CHANNELS]:
        raise ParameterError(f"provider: {', '.join(wrong)} is no channel", remedy=f"write {' or '.join(CHANNELS)}")
    return said


def exposure(standing: pd.DataFrame, when: Dates, provider: Collection[str] = ()) -> pd.DataFrame:
    """One row a person (EXPOSURE) from what was read of everybody (HOLDERS), the most urgent first.

    `provider`: the channels (sms, voice) that a telephony provider of the tenant's own goes on delivering.
    """
    people = check(standing, HOLDERS)
    derived = _distinct(people, when, frozenset(delivered(provider)))
    data = check(people.join(derived), EXPOSURE).astype(dict.fromkeys(EXPOSURE, "str"))
    order = {status: place for place, status in enumerate(STATUSES)}
    urgent = data.assign(
        place=data["status"].map(order), day=data["blocked_from"].replace("", "9999"), first=data["admin"] != "yes"
    )
    return urgent.sort_values(["place", "first", "day", "user_principal_name"], ignore_index=True)[list(EXPOSURE)]


def _distinct(people: pd.DataFrame, when: Dates, kept: Collection[str]) -> pd.DataFrame:
    """What is judged, with the people's index. Who is alike is judged once: people are many, kinds of them few."""
    known = meanings()
    alike = people[list(_JUDGED_BY)].assign(known=people["known"].where(people["known"] == "yes", "no"))
    kind = alike.groupby(list(_JUDGED_BY), sort=False).ngroup()
    rows = cast("list[dict[str, Any]]", alike[~kind.duplicated()].to_dict("records"))
    judged = frame(_DERIVED, (_exposed(row, when, known, kept) for row in rows))
    return judged.iloc[kind.to_numpy()].set_index(people.index)


def _exposed(
    row: Mapping[str, Any], when: Dates, known: Mapping[str, Meaning], kept: Collection[str]
) -> dict[str, Any]:
    held, phones = row["methods"].split(), reported_phones()
    lasting = [name for name in held if name in kept or (name in known and known[name].lasts)]
    today = [name for name in held if name in known and known[name].resets]
    after = [name for name in today if name in kept or name not in phones]
    found = dict(row) | {
        "scope": _scope(row),
        "phones": " ".join(name for name in held if name in phones),
        "survivors": " ".join(lasting),
        "not_understood": " ".join(name for name in held if name not in known),
        "cohort": cohort(external=row["external"], global_admin=row["global_admin"]),
        "reset_today": " ".join(today),
        "reset_after": " ".join(after),
        "reset": _reset(row, today, after),
    }
    found["status"] = _status(found)
    found["blocked_from"] = when.of(found["cohort"]) if found["status"] == "blocked" else ""
    return found | {"next_step": _step(found, kept)}


def _scope(row: Mapping[str, Any]) -> str:
    """By what a person may use text messages or calls; whoever may at all is in Microsoft's scope."""
    policy, legacy = (row["in_sms"], row["in_voice"]), row["per_user_mfa"]
    if "yes" in policy:
        return "methods policy"
    if legacy in ("enabled", "enforced"):
        return "per-user MFA"
    return "not known" if "unknown" in (*policy, legacy) else "neither"


def _status(row: Mapping[str, Any]) -> str:
    if row["account"] == "disabled":
        return "disabled"
    if row["known"] != "yes" or row["account"] != "enabled":
        return "not known"
    if not row["survivors"] and row["not_understood"]:
        return "not known"
    if row["survivors"]:
        return "reset only" if row["reset"] in ("lost", "profile only") else "covered"
    return "blocked" if row["phones"] else "nothing"


def _reset(row: Mapping[str, Any], today: list[str], after: list[str]) -> str:
    """One of RESETS."""
    if row["known"] != "yes":
        return "not known"
    if row["sspr"] == "no":
        return "not enabled"
    if today:
        return "works" if after else "lost"
    return "profile only" if row["profile_value"] == "yes" else "none"


def _step(row: Mapping[str, Any], kept: Collection[str]) -> str:
    """One of STEPS."""
    status = row["status"]
    if status == "disabled" or (status == "covered" and not row["phones"]):
        return "nothing"
    if status == "not known" or (status in ("blocked", "nothing") and row["admin"] != "no"):
        return "look"
    if status == "reset only":
        return "reset"
    if status == "covered":
        return "provider" if set(row["survivors"].split()) <= set(kept) else "retire phone"
    if status == "nothing":
        return "reset" if row["reset"] == "profile only" else "set up"
    return "register" if row["campaign"] == "asked" else _register(row)


def _register(row: Mapping[str, Any]) -> str:
    """What lets somebody register whom no campaign reaches. An external user can be given no pass (Graph refuses)."""
    if row["external"] != "no":
        return "ask"
    if row["may_passkey"] == row["may_app"] == "no":
        return "token"
    return "widen" if row["may_pass"] == "no" else "pass"  # noqa: S105 - no password


def tally(exposed: pd.DataFrame) -> dict[str, int]:
    """The tiles: people by what happens to them, those whom it hits on the later day apart; each person once."""
    found = check(exposed, EXPOSURE)["status"].value_counts()
    late = int(((exposed["status"] == "blocked") & exposed["cohort"].isin(LATER)).sum())
    counted = {name: int(found.get(name, 0)) for name in STATUSES}
    return {"blocked": counted.pop("blocked") - late, "blocked later": late, **counted}


def phones(exposed: pd.DataFrame) -> dict[str, int]:
    """Who has a phone still, and who signs in with it by default."""
    has, default = check(exposed, EXPOSURE)["phones"] != "", exposed["default_method"].isin(list(default_names()))
    return {"have a phone registered": int(has.sum()), "have a phone as their default": int(default.sum())}


def administrators(exposed: pd.DataFrame) -> dict[str, int]:
    """Of those who are blocked: who holds any role, and Global Administrators, active and eligible apart."""
    hit = check(exposed, EXPOSURE)[exposed["status"] == "blocked"]
    ranks = {f"{rank} Global Administrators": hit["global_admin"] == rank for rank in ("active", "eligible")}
    groups = {"administrators": hit["admin"] == "yes", **ranks, "not known whether": hit["admin"] == "unknown"}
    return {name: int(chosen.sum()) for name, chosen in groups.items()}


def ending(exposed: pd.DataFrame, when: Dates) -> tuple[str, str]:
    """(status, headline). That somebody is blocked is what was asked, so it is no failure of the run."""
    if exposed.empty:
        return "nothing to do", "the tenant shows no users"
    found = tally(exposed)
    hit = found["blocked"] + found["blocked later"]
    days = f"{found['blocked']:,} from {when.everybody or 'a day not named yet'}, {found['blocked later']:,} from"
    said = (
        f"{hit:,} of {len(exposed):,} are blocked ({days} {when.later or 'a later one'})"
        if hit
        else "nobody is blocked"
    )
    said += f"; {found['reset only']:,} more lose password reset" if found["reset only"] else ""
    return "done", said + (f"; {found['not known']:,} are not known" if found["not known"] else "")


def by(exposed: pd.DataFrame, dimension: str, other: str = "") -> pd.DataFrame:
    """EXPOSURE counted along one of DIMENSIONS, or two: `value`, `users`, a column for each status; the hardest hit
    first.

    A person with two licences or roles, or numbers of two countries, counts under each.
    """
    columns = [DIMENSIONS[name] for name in (dimension, other) if name]
    values = each(check(exposed, EXPOSURE), *columns)
    status = exposed["status"].loc[values.index]
    counted = pd.crosstab(values.to_numpy(), status.to_numpy()).reindex(columns=list(STATUSES), fill_value=0)
    counted.insert(0, "users", counted.sum(axis=1))
    counted = counted.rename_axis(columns=None).rename_axis("value").reset_index()
    return counted.sort_values(["blocked", "users", "value"], ascending=[False, False, True], ignore_index=True)


def members(exposed: pd.DataFrame, dimension: str, value: str) -> pd.DataFrame:
    """The people (EXPOSURE) who have that value in that dimension."""
    values = each(exposed, DIMENSIONS[dimension])
    return exposed.loc[values.index[values == value].unique()]


def as_coverage(standing: pd.DataFrame) -> pd.DataFrame:
    """HOLDERS as the campaign looks at people (COVERAGE)."""
    people = check(standing, HOLDERS)
    return people.assign(
        user_type=people["user_type"].replace("", "unknown"),
        standing=standings(people["methods"]).where(people["known"] == "yes", "unknown"),
        **dict.fromkeys(("mfa_capable", "passwordless_capable", "sspr_capable"), "unknown"),
    )[list(COVERAGE)]
