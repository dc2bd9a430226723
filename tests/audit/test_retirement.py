"""Who is blocked, from when, and what comes next: person by person, each with the fact it stands on."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from authops.audit import retirement
from authops.methods.kinds import reported_phones
from authops.methods.reported import meanings, of_type
from authops.words.frames import HOLDERS, frame
from authops.words.retirement import dates

WHEN = dates()
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
FEB, JULY = "2027-02-01", "2027-07-01"
USUAL: dict[str, Any] = {
    "user_id": "u", "user_principal_name": "anna@contoso.example", "account": "enabled", "external": "no",
    "admin": "no", "global_admin": "no", "in_sms": "yes", "in_voice": "yes", "may_passkey": "yes", "may_app": "yes",
    "per_user_mfa": "disabled", "known": "yes", "profile_value": "no", "campaign": "not included",
}  # fmt: skip
PHONE, BOTH = "mobilePhone", "mobilePhone officePhone"
EXTERNAL = {"external": "yes"}
GLOBAL = {"admin": "yes", "global_admin": "active"}
ELIGIBLE = {"admin": "yes", "global_admin": "eligible"}
ADMIN = {"admin": "yes"}
ASKED = {"campaign": "asked"}

# What they hold, what else is true of them → status, from when, next step. The comment names the section of the facts.
PEOPLE: list[tuple[str, dict[str, Any], str, str, str]] = [
    (PHONE, {}, "blocked", FEB, "pass"),  # 0.1: only a phone
    (BOTH, {}, "blocked", FEB, "pass"),
    ("officePhone", {}, "blocked", FEB, "pass"),  # voice ends as well
    ("alternateMobilePhone mobilePhone", {}, "blocked", FEB, "pass"),
    (PHONE, ASKED, "blocked", FEB, "register"),  # 0.4: the campaign reaches them
    (PHONE, {"campaign": "excluded"}, "blocked", FEB, "pass"),
    (PHONE, EXTERNAL, "blocked", JULY, "pass"),  # 0.1: external users later
    (PHONE, {"external": "unknown"}, "blocked", FEB, "pass"),  # not known counts as the earlier
    (PHONE, GLOBAL, "blocked", JULY, "look"),  # 0.1: Global Administrators later
    (PHONE, ELIGIBLE, "blocked", FEB, "look"),  # 0.2 [U]: eligible are not named
    (PHONE, ADMIN, "blocked", FEB, "look"),  # another role: with everybody
    (PHONE, {"admin": "unknown", "global_admin": "unknown"}, "blocked", FEB, "look"),
    (PHONE, {**GLOBAL, **ASKED}, "blocked", JULY, "look"),
    (PHONE, {"in_sms": "no", "in_voice": "no"}, "blocked", FEB, "pass"),  # trap 2: registered is not policy
    (PHONE, {"in_sms": "no", "in_voice": "no", "per_user_mfa": "enforced"}, "blocked", FEB, "pass"),  # 2.8
    (PHONE, {"in_sms": "unknown"}, "blocked", FEB, "pass"),
    (PHONE, {"may_passkey": "no", "may_app": "no"}, "blocked", FEB, "token"),
    (PHONE, {"may_passkey": "no"}, "blocked", FEB, "pass"),
    (PHONE, {"may_passkey": "unknown", "may_app": "no"}, "blocked", FEB, "pass"),
    (f"{PHONE} email", {}, "blocked", FEB, "pass"),  # 0.2: e-mail is no second factor
    (f"{PHONE} securityQuestion", {}, "blocked", FEB, "pass"),
    (f"{PHONE} temporaryAccessPass", {}, "blocked", FEB, "pass"),  # 0.2: a pass expires
    (f"{PHONE} qrCode", {}, "blocked", FEB, "pass"),  # 2.5: a single factor
    (f"{PHONE} smsSignIn", {}, "blocked", FEB, "pass"),  # 2.9
    (f"{PHONE} microsoftAuthenticatorPush", {}, "covered", "", "retire phone"),
    (f"{PHONE} softwareOneTimePasscode", {}, "covered", "", "retire phone"),
    (f"{PHONE} hardwareOneTimePasscode", {}, "covered", "", "retire phone"),  # 2.3
    (f"{PHONE} passKeySynced", {}, "reset only", "", "reset"),  # reset accepts no passkey
    (f"{PHONE} passKeyDeviceBound email", {}, "covered", "", "retire phone"),
    (f"{PHONE} passKeyDeviceBoundAuthenticator", {}, "reset only", "", "reset"),
    (f"{PHONE} windowsHelloForBusiness", {}, "reset only", "", "reset"),
    (f"{PHONE} macOsSecureEnclaveKey email", {}, "covered", "", "retire phone"),
    (f"{PHONE} externalAuthMethod", {}, "reset only", "", "reset"),  # 2.6: not touched by the retirement
    ("alternateMobilePhone passKeySynced", {}, "covered", "", "retire phone"),  # served no reset before either
    ("microsoftAuthenticatorPush", {}, "covered", "", "nothing"),
    ("passKeySynced", GLOBAL, "covered", "", "nothing"),
    ("fido2SecurityKey windowsHelloForBusiness", {}, "covered", "", "nothing"),
    ("", {}, "nothing", "", "pass"),
    ("email", {}, "nothing", "", "pass"),
    ("temporaryAccessPass", {}, "nothing", "", "pass"),
    ("", ADMIN, "nothing", "", "look"),
    ("", {"may_passkey": "no", "may_app": "no"}, "nothing", "", "token"),
    (PHONE, {"account": "disabled"}, "disabled", "", "nothing"),  # 2.18
    ("", {"account": "disabled", "known": "HTTP 403"}, "disabled", "", "nothing"),
    (PHONE, {"account": "unknown"}, "not known", "", "look"),
    ("", {"known": "not in the report, HTTP 500"}, "not known", "", "look"),
    (f"{PHONE} holographicBadge", {}, "not known", "", "look"),  # an open list: a new name is not "no"
    (f"{PHONE} holographicBadge passKeySynced", {}, "reset only", "", "reset"),
    ("holographicBadge", {}, "not known", "", "look"),
]


def exposed(*people: dict[str, Any]) -> pd.DataFrame:
    return retirement.exposure(frame(HOLDERS, [USUAL | person for person in people]), WHEN)


@pytest.mark.parametrize(("methods", "more", "status", "day", "step"), PEOPLE)
def test_a_person_is_blocked_or_not_from_a_day_and_has_a_next_step(
    methods: str, more: dict[str, Any], status: str, day: str, step: str
) -> None:
    row = exposed({"methods": methods, **more}).iloc[0]
    assert (row["status"], row["blocked_from"], row["next_step"]) == (status, day, step)


@pytest.mark.parametrize(
    ("methods", "profile", "reset"),
    [
        (PHONE, "no", "lost"),
        (f"{PHONE} email", "no", "works"),
        ("email", "no", "works"),
        ("", "yes", "profile only"),  # 0.1: no longer counted since November 2026
        ("passKeySynced", "yes", "profile only"),
        ("", "no", "none"),
        ("alternateMobilePhone", "no", "none"),
    ],
)
def test_password_reset_is_told_today_and_after(methods: str, profile: str, reset: str) -> None:
    assert exposed({"methods": methods, "profile_value": profile})["reset"].iloc[0] == reset


def test_the_most_urgent_come_first_and_administrators_before_others() -> None:
    people = [
        {"user_principal_name": "d", "methods": "passKeySynced"},
        {"user_principal_name": "b", "methods": PHONE},
        {"user_principal_name": "c", "methods": PHONE, **EXTERNAL},
        {"user_principal_name": "z", "methods": PHONE, **ADMIN},
    ]
    assert list(exposed(*people)["user_principal_name"]) == ["z", "b", "c", "d"]


def test_everybody_is_in_one_tile() -> None:
    people = [{"user_id": f"u{n}", "methods": m, **more} for n, (m, more, *_) in enumerate(PEOPLE)]
    tiles = retirement.tally(exposed(*people), WHEN)
    assert sum(tiles.values()) == len(PEOPLE)
    assert tiles["blocked later"] == sum(day == JULY for *_, day, _ in PEOPLE)
    assert tiles["blocked"] == sum(day == FEB for *_, day, _ in PEOPLE)


def test_no_phone_lasts_and_everything_that_lasts_is_a_factor() -> None:
    known = meanings()
    assert not any(known[name].lasts for name in reported_phones())
    assert all(meaning.factor for meaning in known.values() if meaning.lasts or meaning.resists)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"@odata.type": "#microsoft.graph.passwordAuthenticationMethod"}, ""),
        ({"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "passkeyType": "synced"}, "passKeySynced"),
        ({"@odata.type": "#microsoft.graph.fido2AuthenticationMethod"}, "passKeyDeviceBound"),
        ({"@odata.type": "#microsoft.graph.externalAuthenticationMethod"}, "externalAuthMethod"),
        ({"@odata.type": "#microsoft.graph.holographicBadgeAuthenticationMethod"}, "holographicBadge"),
        (
            {"id": "3179e48a-750b-4051-897c-87b9720928f7", "@odata.type": "#microsoft.graph.phoneAuthenticationMethod"},
            PHONE,
        ),
        ({}, "unknown"),
    ],
)
def test_a_typed_method_is_said_in_the_reports_words(item: dict[str, object], name: str) -> None:
    assert of_type(item) == name
