"""Who is blocked, from when, and what comes next: person by person, each with the fact it stands on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authops.audit import retirement
from authops.methods.kinds import reported_phones
from authops.methods.reported import meanings, of_type
from authops.words.frames import HOLDERS, frame
from authops.words.retirement import dates

WHEN = dates()
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
FEB, JULY = "2027-02-01", "2027-07-01"
USUAL: dict[str, Any] = {
    "user_id": "u", "user_principal_name": "anna@contoso.example", "account": "enabled", "user_type": "Member",
    "external": "no", "admin": "no", "global_admin": "no", "in_sms": "yes", "in_voice": "yes", "may_passkey": "yes",
    "may_app": "yes", "may_pass": "yes", "per_user_mfa": "disabled", "known": "yes", "sspr": "yes",
    "profile_value": "no", "campaign": "not included",
}  # fmt: skip
PHONE, BOTH = "mobilePhone", "mobilePhone officePhone"
EXTERNAL = {"external": "yes", "user_type": "Guest"}
INTERNAL_GUEST = {"external": "no", "user_type": "Guest"}
GLOBAL = {"admin": "yes", "global_admin": "active"}
ELIGIBLE = {"admin": "yes", "global_admin": "eligible"}
ADMIN = {"admin": "yes"}
UNREAD_ROLES = {"admin": "unknown", "global_admin": "unknown"}
ASKED = {"campaign": "asked"}
NO_SMS = {"in_sms": "no", "in_voice": "no"}
PROFILE = {"profile_value": "yes"}

# Where it is written.
FAQ = "Microsoft Learn: SMS and voice retirement FAQ, who is affected and when (2026-09-23)"
RETIREMENT = "Microsoft Learn: SMS and voice retirement (2026-06-10)"
PROVIDERS = "Microsoft Learn: telephony providers (2026-09-20)"
CAMPAIGN = "Microsoft Learn: how to run a registration campaign (2026-09-02)"
RESET = "Message centre MC1325414: password reset accepts registered methods only"
METHODS = "Microsoft Learn: authentication methods, what serves for MFA and what for password reset"
OATH = "Microsoft Learn: OATH tokens"
EXTERNAL_MFA = "Microsoft Learn: SMS and voice retirement FAQ, external MFA is not affected"
PASS = "Microsoft Learn: Temporary Access Pass, it expires; no external guest is given one; who may use it is policy"
QR = "Graph: qrCodePinAuthenticationMethod, a single factor"
REPORT = "Graph: userRegistrationDetails, an open list, hours behind, without disabled accounts"
ROLES = "Not stated by Microsoft whether eligible holders are meant: the earlier day counts"
OURS = "authops: an administrator is looked at by a person; not known is never no"
PER_USER = "Microsoft Learn: SMS and voice retirement, enabled by methods policy or by per-user MFA"

# What they hold, what else is true of them → status, from when, next step, and where that is written.
PEOPLE: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    (PHONE, {}, "blocked", FEB, "pass", FAQ),
    (BOTH, {}, "blocked", FEB, "pass", FAQ),
    ("officePhone", {}, "blocked", FEB, "pass", FAQ),
    ("alternateMobilePhone mobilePhone", {}, "blocked", FEB, "pass", FAQ),
    (PHONE, INTERNAL_GUEST, "blocked", FEB, "pass", FAQ),
    (PHONE, EXTERNAL, "blocked", JULY, "ask", PASS),
    (PHONE, {**EXTERNAL, **ASKED}, "blocked", JULY, "register", CAMPAIGN),
    (PHONE, {**EXTERNAL, "may_passkey": "no", "may_app": "no"}, "blocked", JULY, "ask", PASS),
    (f"{PHONE} microsoftAuthenticatorPush", EXTERNAL, "covered", "", "retire phone", FAQ),
    (PHONE, {"external": "unknown"}, "blocked", FEB, "ask", OURS),
    (PHONE, GLOBAL, "blocked", JULY, "look", FAQ),
    (PHONE, {**GLOBAL, **ASKED}, "blocked", JULY, "look", OURS),
    (PHONE, {**GLOBAL, "external": "unknown"}, "blocked", JULY, "look", FAQ),
    (PHONE, ELIGIBLE, "blocked", FEB, "look", ROLES),
    (PHONE, {**ELIGIBLE, **EXTERNAL}, "blocked", JULY, "look", FAQ),
    (PHONE, ADMIN, "blocked", FEB, "look", OURS),
    (PHONE, UNREAD_ROLES, "blocked", FEB, "look", OURS),
    (PHONE, {**UNREAD_ROLES, **EXTERNAL}, "blocked", JULY, "look", OURS),
    (PHONE, {"global_admin": "unknown"}, "blocked", FEB, "pass", ROLES),
    (PHONE, ASKED, "blocked", FEB, "register", CAMPAIGN),
    (PHONE, {"campaign": "excluded"}, "blocked", FEB, "pass", CAMPAIGN),
    (PHONE, {"campaign": "unknown"}, "blocked", FEB, "pass", OURS),
    (PHONE, NO_SMS, "blocked", FEB, "pass", METHODS),
    (PHONE, {**NO_SMS, "per_user_mfa": "enforced"}, "blocked", FEB, "pass", PER_USER),
    (PHONE, {"in_sms": "unknown", "per_user_mfa": "unknown"}, "blocked", FEB, "pass", METHODS),
    (PHONE, {"may_passkey": "no", "may_app": "no"}, "blocked", FEB, "token", OATH),
    (PHONE, {"may_passkey": "no"}, "blocked", FEB, "pass", METHODS),
    (PHONE, {"may_passkey": "unknown", "may_app": "no"}, "blocked", FEB, "pass", OURS),
    (PHONE, {"may_pass": "no"}, "blocked", FEB, "widen", PASS),
    (PHONE, {"may_pass": "unknown"}, "blocked", FEB, "pass", OURS),
    (PHONE, {"may_pass": "no", **ASKED}, "blocked", FEB, "register", CAMPAIGN),
    (f"{PHONE} email", {}, "blocked", FEB, "pass", METHODS),
    (f"{PHONE} securityQuestion", {}, "blocked", FEB, "pass", METHODS),
    (f"{PHONE} temporaryAccessPass", {}, "blocked", FEB, "pass", PASS),
    (f"{PHONE} qrCode", {}, "blocked", FEB, "pass", QR),
    (f"{PHONE} smsSignIn", {}, "blocked", FEB, "pass", PROVIDERS),
    (f"{PHONE} x509CertificateSingleFactor", {}, "blocked", FEB, "pass", METHODS),
    (f"{PHONE} x509CertificateMultiFactor email", {}, "covered", "", "retire phone", METHODS),
    (f"{PHONE} microsoftAuthenticatorPush", {}, "covered", "", "retire phone", RETIREMENT),
    (f"{PHONE} microsoftAuthenticatorPasswordless", {}, "covered", "", "retire phone", RETIREMENT),
    (f"{PHONE} softwareOneTimePasscode", {}, "covered", "", "retire phone", OATH),
    (f"{PHONE} hardwareOneTimePasscode", {}, "covered", "", "retire phone", OATH),
    (f"{PHONE} passKeySynced", {}, "reset only", "", "reset", METHODS),
    (f"{PHONE} passKeySynced", {"sspr": "no"}, "covered", "", "retire phone", METHODS),
    (f"{PHONE} passKeyDeviceBound email", {}, "covered", "", "retire phone", METHODS),
    (f"{PHONE} passKeyDeviceBoundAuthenticator", {}, "reset only", "", "reset", METHODS),
    (f"{PHONE} passKeyDeviceBoundWindowsHello securityQuestion", {}, "covered", "", "retire phone", METHODS),
    (f"{PHONE} windowsHelloForBusiness", {}, "reset only", "", "reset", METHODS),
    (f"{PHONE} macOsSecureEnclaveKey email", {}, "covered", "", "retire phone", METHODS),
    (f"{PHONE} externalAuthMethod", {}, "reset only", "", "reset", EXTERNAL_MFA),
    ("alternateMobilePhone passKeySynced", {}, "covered", "", "retire phone", METHODS),
    ("passKeySynced", PROFILE, "reset only", "", "reset", RESET),
    ("passKeySynced", {**PROFILE, "sspr": "no"}, "covered", "", "nothing", RESET),
    ("windowsHelloForBusiness email", PROFILE, "covered", "", "nothing", RESET),
    ("microsoftAuthenticatorPush", {}, "covered", "", "nothing", RETIREMENT),
    ("passKeySynced", GLOBAL, "covered", "", "nothing", RETIREMENT),
    ("fido2SecurityKey windowsHelloForBusiness", {}, "covered", "", "nothing", RETIREMENT),
    ("", {}, "nothing", "", "set up", FAQ),
    ("", PROFILE, "nothing", "", "reset", RESET),
    ("email", {}, "nothing", "", "set up", METHODS),
    ("temporaryAccessPass", {}, "nothing", "", "set up", PASS),
    ("", ADMIN, "nothing", "", "look", OURS),
    (PHONE, {"account": "disabled"}, "disabled", "", "nothing", REPORT),
    ("", {"account": "disabled", "known": "HTTP 403"}, "disabled", "", "nothing", REPORT),
    (PHONE, {"account": "unknown"}, "not known", "", "look", OURS),
    ("", {"known": "not in the report; HTTP 500"}, "not known", "", "look", REPORT),
    (f"{PHONE} holographicBadge", {}, "not known", "", "look", REPORT),
    (f"{PHONE} holographicBadge passKeySynced", {}, "reset only", "", "reset", REPORT),
    ("holographicBadge", {}, "not known", "", "look", REPORT),
]


def exposed(*people: dict[str, Any], provider: Collection[str] = ()) -> pd.DataFrame:
    return retirement.exposure(frame(HOLDERS, [USUAL | person for person in people]), WHEN, provider)


@pytest.mark.parametrize(("methods", "more", "status", "day", "step", "source"), PEOPLE)
def test_a_person_is_blocked_or_not_from_a_day_and_has_a_next_step(
    methods: str, more: dict[str, Any], status: str, day: str, step: str, source: str
) -> None:
    row = exposed({"methods": methods, **more}).iloc[0]
    assert (row["status"], row["blocked_from"], row["next_step"]) == (status, day, step), source


@pytest.mark.parametrize(
    ("methods", "more", "reset"),
    [
        (PHONE, {}, "lost"),
        ("officePhone", {}, "lost"),
        (f"{PHONE} email", {}, "works"),
        ("email", {}, "works"),
        ("", PROFILE, "profile only"),
        ("passKeySynced", PROFILE, "profile only"),
        ("", {}, "none"),
        ("alternateMobilePhone", {}, "none"),
        ("alternateMobilePhone", PROFILE, "profile only"),
        (PHONE, {"sspr": "no"}, "not enabled"),
        ("", {**PROFILE, "sspr": "unknown"}, "profile only"),
        ("", {"known": "HTTP 500"}, "not known"),
    ],
)
def test_password_reset_is_told_today_and_after(methods: str, more: dict[str, Any], reset: str) -> None:
    found = exposed({"methods": methods, **more})["reset"].iloc[0]
    assert found == reset
    assert found in retirement.RESETS


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ({}, "methods policy"),
        ({"in_sms": "no"}, "methods policy"),
        (NO_SMS, "neither"),
        ({**NO_SMS, "per_user_mfa": "enabled"}, "per-user MFA"),
        ({**NO_SMS, "per_user_mfa": "unknown"}, "not known"),
        ({"in_sms": "unknown", "in_voice": "no"}, "not known"),
        ({"in_sms": "unknown", "in_voice": "yes"}, "methods policy"),
    ],
)
def test_by_what_they_may_use_a_phone_is_a_thing_of_its_own(more: dict[str, Any], scope: str) -> None:
    assert exposed({"methods": "", **more})["scope"].iloc[0] == scope


@pytest.mark.parametrize(
    ("methods", "provider", "status", "step"),
    [
        (PHONE, ["sms"], "covered", "provider"),
        (PHONE, ["voice"], "covered", "provider"),
        ("officePhone", ["sms"], "blocked", "pass"),
        ("officePhone", ["voice"], "covered", "provider"),
        ("alternateMobilePhone", ["sms"], "blocked", "pass"),
        (f"{PHONE} microsoftAuthenticatorPush", ["sms"], "covered", "retire phone"),
        (f"{PHONE} passKeySynced", ["sms"], "covered", "retire phone"),
    ],
)
def test_a_provider_keeps_the_phones_it_delivers_to(methods: str, provider: list[str], status: str, step: str) -> None:
    row = exposed({"methods": methods}, provider=provider).iloc[0]
    assert (row["status"], row["next_step"]) == (status, step)


def test_statuses_and_steps_are_closed_lists() -> None:
    assert {status for _, _, status, *_ in PEOPLE} == set(retirement.STATUSES)
    assert {step for *_, step, _ in PEOPLE} == set(retirement.STEPS) - {"provider"}


def test_a_day_that_nobody_has_named_blocks_nobody_on_another() -> None:
    somewhere = retirement.exposure(frame(HOLDERS, [USUAL | {"methods": PHONE}]), dates(cloud="usgov"))
    assert (somewhere["status"].iloc[0], somewhere["blocked_from"].iloc[0]) == ("blocked", "")
    assert "a day not named yet" in retirement.ending(somewhere, dates(cloud="usgov"))[1]


def test_blocked_administrators_are_counted_by_what_they_hold() -> None:
    found = retirement.administrators(exposed(*({"methods": PHONE, **m} for m in (GLOBAL, ELIGIBLE, ADMIN, {}))))
    assert found["administrators"] == 3
    assert (found["active Global Administrators"], found["eligible Global Administrators"]) == (1, 1)


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
    tiles = retirement.tally(exposed(*people))
    assert sum(tiles.values()) == len(PEOPLE)
    assert tiles["blocked later"] == sum(day == JULY for *_, day, _, _ in PEOPLE)
    assert tiles["blocked"] == sum(day == FEB for *_, day, _, _ in PEOPLE)


def test_no_phone_lasts_and_everything_that_lasts_is_a_factor() -> None:
    known = meanings()
    assert not any(known[name].lasts for name in reported_phones())
    assert all(meaning.factor for meaning in known.values() if meaning.lasts or meaning.resists)


FIDO2 = {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod"}
AUTHENTICATOR = "90a3ccdf-635c-4729-a248-9b709135078f"


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"@odata.type": "#microsoft.graph.passwordAuthenticationMethod"}, ""),
        ({"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "passkeyType": "synced"}, "passKeySynced"),
        ({"@odata.type": "#microsoft.graph.fido2AuthenticationMethod"}, "fido2"),
        ({**FIDO2, "passkeyType": "deviceBound"}, "passKeyDeviceBound"),
        ({**FIDO2, "passkeyType": "deviceBound", "aaGuid": AUTHENTICATOR}, "passKeyDeviceBoundAuthenticator"),
        ({**FIDO2, "aaGuid": AUTHENTICATOR.upper()}, "passKeyDeviceBoundAuthenticator"),
        ({**FIDO2, "aaGuid": "9ddd1817-af5a-4672-a2b9-3e3dd95000a9"}, "passKeyDeviceBoundWindowsHello"),
        ({**FIDO2, "aaGuid": "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"}, "passKeySynced"),
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


WORD = st.sampled_from(["yes", "no", "unknown"])
ANYBODY = st.fixed_dictionaries(
    {
        "methods": st.lists(st.sampled_from([*meanings(), "holographicBadge"]), unique=True, max_size=5).map(" ".join),
        "account": st.sampled_from(["enabled", "disabled", "unknown"]),
        "known": st.sampled_from(["yes", "not in the report; HTTP 500"]),
        "external": WORD,
        "admin": WORD,
        "global_admin": st.sampled_from(["active", "eligible", "no", "unknown"]),
        "in_sms": WORD,
        "may_passkey": WORD,
        "may_app": WORD,
        "may_pass": WORD,
        "sspr": WORD,
        "profile_value": WORD,
        "per_user_mfa": st.sampled_from(["disabled", "enabled", "enforced", "unknown"]),
        "campaign": st.sampled_from(["asked", "not included", "unknown", "excluded"]),
    }
)


@settings(max_examples=40)
@given(st.lists(ANYBODY, min_size=1, max_size=12))
def test_whoever_it_is_nobody_is_told_what_is_not_known(people: list[dict[str, Any]]) -> None:
    numbered = [person | {"user_id": f"u{n}"} for n, person in enumerate(people)]
    found = exposed(*numbered)
    assert sorted(found["user_id"]) == sorted(person["user_id"] for person in numbered)
    assert sum(retirement.tally(found).values()) == len(people)
    for row in found.to_dict("records"):
        sure = row["account"] == "enabled" and row["known"] == "yes"
        assert row["status"] in retirement.STATUSES
        assert row["next_step"] in retirement.STEPS
        assert (row["blocked_from"] != "") == (row["status"] == "blocked")
        if row["status"] == "blocked":
            assert sure
            assert row["phones"]
            assert not row["survivors"]
            assert not row["not_understood"]
        if row["status"] in ("covered", "reset only"):
            assert sure
            assert row["survivors"]
        if row["blocked_from"] == JULY:
            assert row["external"] == "yes" or row["global_admin"] == "active"
        if row["next_step"] == "pass":
            assert row["admin"] == "no"
            assert row["external"] == "no"
            assert row["may_pass"] != "no"
        if row["next_step"] == "retire phone":
            assert row["survivors"]


def test_people_are_judged_alike_alone_and_among_others() -> None:
    rows = [{"user_id": f"u{n:03d}", "methods": m, **more} for n, (m, more, *_) in enumerate(PEOPLE)]
    together = exposed(*rows).set_index("user_id")
    for row in rows[::6]:
        alone = exposed(row).iloc[0]
        assert alone["status"] == together["status"][row["user_id"]]
        assert alone["next_step"] == together["next_step"][row["user_id"]]
