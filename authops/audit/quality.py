"""Numbers that people really have → findings about them. Pure; values leave it masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import pandas as pd
import phonenumbers

from authops.methods.kinds import KINDS, numbers
from authops.phone.number import fold, normalise, read
from authops.phone.spelling import PhoneProblem
from authops.words.frames import AUDITS, DETAILS, PEOPLE, PROFILES, check
from authops.words.redaction import mask

FINDINGS: Final = ("finding", "user_id", "user_principal_name", "method", "value", "message")
RULES: Final = {
    "shared_number": "the same number at several people",
    "landline_as_mobile": "a mobile that its country gives out as a landline",
    "differs_from_profile": "another number than in the directory profile",
    "lone_alternate": "an alternate mobile without a mobile",
    "doubtful_number": "unusual for a person's phone: unknown to its country, or a company's",
    "premium_number": "a premium-rate number",
    "short_number": "a short number, as services have",
    "no_country_code": "no country code",
    "impossible_number": "too few or too many digits for its country",
    "not_a_number": "cannot be read as a number",
    "extension_not_allowed": "an extension where only an office phone may have one",
    "plus_lost": "begins with a country code, but without +",
    "two_readings": "can be read as two numbers",
    "number_mangled": "a spreadsheet turned it into 1.23E+10",
    "number_masked": "masked",
    "invalid_number": "not a number that the country gives out",
}
_COLUMNS: Final = {"mobilePhone": "mobile_phone", "businessPhones": "business_phones"}
_LANDLINE: Final = phonenumbers.PhoneNumberType.FIXED_LINE
Finding = tuple[str, str, str, str, str, str]


def findings(details: pd.DataFrame, people: pd.DataFrame, profiles: pd.DataFrame) -> pd.DataFrame:
    """Numbers that deserve a look (columns FINDINGS, values masked), by RULES; what could not be read is no finding.

    `people` (PEOPLE) tell the country in which a profile's number without a country code is read.
    """
    known = check(details, DETAILS)
    held = known[known["known"] & known["method"].isin(numbers()) & (known["value"] != "")]
    rows = [*_wrong(held), *_shared(held), *_lone(held), *_other_than_profile(held, people, profiles)]
    columns = ["finding", "user_id", "user_principal_name", "method", "value", "message"]
    data = pd.DataFrame(rows, columns=columns, dtype="str")
    data["value"] = data["value"].map(mask)
    order = {rule: place for place, rule in enumerate(RULES)}
    return data.sort_values("finding", key=lambda f: f.map(order), kind="stable", ignore_index=True)[list(FINDINGS)]


def counts(findings: pd.DataFrame) -> dict[str, int]:
    """How many of each finding, those that occur."""
    return {str(rule): int(n) for rule, n in findings["finding"].value_counts(sort=False).items()}


def _wrong(held: pd.DataFrame) -> Iterator[Finding]:
    """Each distinct number is judged once."""
    distinct = held[["value", "method"]].drop_duplicates().itertuples(index=False)
    wrong = {(str(v), str(m)): why for v, m in distinct if (why := _judged(str(v), str(m)))}
    for row in _records(held):
        if why := wrong.get((row["value"], row["method"])):
            yield _found(why[0], row, why[1])


def _judged(value: str, method: str) -> tuple[str, str] | None:
    try:
        number = read(value, method=method)
    except PhoneProblem as why:
        return why.rule, str(why)
    if not number.note:
        return None
    landline = not KINDS[method].landline and phonenumbers.number_type(phonenumbers.parse(number.value)) == _LANDLINE
    return ("landline_as_mobile" if landline else "doubtful_number"), number.note


def _shared(held: pd.DataFrame) -> Iterator[Finding]:
    same = held["value"].map(fold)
    owners = held.groupby(same)["user_id"].transform("nunique")
    for row, count in zip(_records(held), owners, strict=True):
        if count > 1:
            yield _found("shared_number", row, f"the same number at {count:,} people")


def _lone(held: pd.DataFrame) -> Iterator[Finding]:
    for kind in (kind for kind in KINDS.values() if kind.beside):
        with_other = set(held.loc[held["method"] == kind.beside, "user_id"])
        for row in _records(held[held["method"] == kind.name]):
            if row["user_id"] not in with_other:
                yield _found("lone_alternate", row, RULES["lone_alternate"])


def _other_than_profile(held: pd.DataFrame, people: pd.DataFrame, profiles: pd.DataFrame) -> Iterator[Finding]:
    """Only where the profile has a number that can be read; which of the two is right, nobody here knows."""
    countries = dict(zip(check(people, PEOPLE)["user_id"], people["country"], strict=True))
    typed = {row["user_id"]: row for row in _records(check(profiles, PROFILES))}
    for row in _records(held[held["method"].map(lambda method: bool(KINDS[method].usual))]):
        profile = typed.get(row["user_id"], {})
        said = _in_profile(profile, row["method"], countries.get(row["user_id"], ""))
        if said and fold(row["value"]) not in {fold(number) for number in said}:
            yield _found("differs_from_profile", row, f"the profile says {', '.join(map(mask, said))}")


def _in_profile(profile: Mapping[str, str], method: str, country: str) -> list[str]:
    """The profile's numbers as Graph would spell them; what cannot be read is left out."""
    typed = profile.get(_COLUMNS[KINDS[method].usual], "").split("\n")
    found = []
    for number in filter(None, typed):
        try:
            found.append(normalise(number, region=country, method=method))
        except PhoneProblem:
            continue
    return found


def _found(rule: str, row: Mapping[str, Any], message: str) -> Finding:
    return rule, row["user_id"], row["user_principal_name"], row["method"], row["value"], message


def last_changed(details: pd.DataFrame, audits: pd.DataFrame) -> pd.DataFrame:
    """DETAILS with `changed_at` and `changed_by`: the audit log's latest word (AUDITS), else when it was registered."""
    latest = {(r["user_id"], r["method"]): r for r in _records(check(audits, AUDITS).sort_values("at"))}
    told = [latest.get((r["user_id"], r["method"]), {}) for r in _records(check(details, DETAILS))]
    at = [max(str(t.get("at", "")), str(c)) for t, c in zip(told, details["created_at"], strict=True)]
    by = [str(t.get("by", "")) for t in told]
    return details.assign(
        changed_at=pd.Series(at, details.index, "str"), changed_by=pd.Series(by, details.index, "str")
    )


def masked(details: pd.DataFrame) -> pd.DataFrame:
    """DETAILS fit for a file that others open: numbers and addresses masked."""
    return details.assign(value=details["value"].map(mask).astype("str"))


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))
