"""Whom a campaign asks: what they hold × state × what is asked for × policy × scope, each with its rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authops.campaign import rules
from authops.campaign.rules import APP, PASSKEY, Campaign, Known, Person, Profile, reason

LEARN = "facts of 2026 §0.4: run a registration campaign (2026-09-02)"
STATE = f"{LEARN}, choose a campaign state"
MANAGED = f"{LEARN}, Microsoft managed state"
PROFILES = f"{LEARN}, passkey profile eligibility"
PLATFORM = f"{LEARN}, nudge evaluation by platform"
EVALUATION = f"{LEARN}, how the passkey profile affects the nudge evaluation"
FAQ = f"{LEARN}, FAQ"
MODE = f"{LEARN}, prerequisites"
OPTED = "facts of 2026 §0.3: the temporary opt-out"
OURS = "§9 of the design: not known means held"

OPEN, SYNCED, BOUND = (Profile(sort, eligible=True) for sort in ("open", "synced", "bound"))
ATTESTED, LISTED, OTHERS = (
    Profile("attested", eligible=True),
    Profile("listed", eligible=True),
    Profile("listed", eligible=False),
)
PHONE, APPS, TOKEN = "mobilePhone", "microsoftAuthenticatorPush", "softwareOneTimePasscode"
KEY, ICLOUD, IN_APP = "passKeyDeviceBound", "passKeySynced", "passKeyDeviceBoundAuthenticator"
HELLO, MAC, WINDOWS = "windowsHelloForBusiness", "macOsSecureEnclaveKey", "passKeyDeviceBoundWindowsHello"
ON, OFF, AUTO = Campaign("enabled"), Campaign("disabled"), Campaign("default", opted_out=False, passkeys=True)
NO_KEYS = Campaign("default", opted_out=False, passkeys=False)
OUT = Campaign("default", opted_out=True, passkeys=True)


def person(methods: str | None = PHONE, asks: str = PASSKEY, /, **has: Any) -> Person:
    """A member whom the campaign includes and the policy allows everything, but for what is said."""
    usual: dict[str, Any] = {"account": "enabled", "guest": False, "excluded": False, "app": True}
    profiles = {"profiles": tuple((one, True) for one in has.pop("may", (OPEN,)))}
    included = {"included": ((asks, has.pop("meant", True)),)}
    return Person(methods=methods, **(usual | profiles | included | has))


NOT_ALLOWED: dict[str, Any] = {"profiles": ((OPEN, False),)}
UNSURE: dict[str, Any] = {"profiles": ((OPEN, None),)}

TABLE: list[tuple[Person, Campaign, str, str]] = [
    # Whom nobody asks, whatever they hold.
    (person(), OFF, "campaign off", STATE),
    (person(account="disabled"), ON, "disabled account", OURS),
    (person(excluded=True), ON, "excluded", LEARN),
    (person(excluded=True, account="unknown"), ON, "excluded", OURS),
    (person(meant=False), ON, "not included", LEARN),
    (person(meant=False), AUTO, "not included", MANAGED),
    (person(account="unknown"), ON, "unknown", OURS),
    (person(excluded=None), ON, "unknown", OURS),
    (person(meant=None), AUTO, "unknown", OURS),
    (person(), Campaign(""), "unknown", OURS),
    (person(), Campaign("unknownFutureValue"), "unknown", OURS),
    (person(PHONE, "qrCodePin"), ON, "unknown", OURS),
    (person(PHONE, ""), ON, "unknown", OURS),
    # A passkey, for whoever is enabled: after any second factor.
    (person(PHONE), ON, "asked", LEARN),
    (person(APPS), ON, "asked", LEARN),
    (person(TOKEN), ON, "asked", FAQ),
    (person("hardwareOneTimePasscode"), ON, "asked", LEARN),
    (person("externalAuthMethod"), ON, "asked", LEARN),
    (person(""), ON, "no second factor", LEARN),
    (person("email securityQuestion"), ON, "no second factor", LEARN),
    (person("temporaryAccessPass"), ON, "unknown", OURS),
    (person("newThing"), ON, "unknown", OURS),
    (person(f"{PHONE} newThing"), ON, "asked", LEARN),
    (person(f"{PHONE} passKeyNew"), ON, "unknown", OURS),
    (person(None), ON, "unknown", OURS),
    (person(guest=True), ON, "guest", FAQ),
    (person(None, guest=True), AUTO, "guest", FAQ),
    (person(guest=None), ON, "unknown", OURS),
    (person(**NOT_ALLOWED), ON, "not allowed", MODE),
    (person(**UNSURE), ON, "unknown", OURS),
    (person(may=()), ON, "not allowed", MODE),
    # Which passkey keeps whom from being asked.
    (person(f"{PHONE} {KEY}"), ON, "has it", PLATFORM),
    (person("fido2SecurityKey"), ON, "has it", PLATFORM),
    (person("fido2"), ON, "asked elsewhere", f"{OURS}: of whatever type"),
    (person("fido2", may=(SYNCED,)), ON, "unknown", f"{OURS}: of whatever type"),
    (person(f"{PHONE} {ICLOUD}"), ON, "asked elsewhere", PLATFORM),
    (person(f"{PHONE} {HELLO}"), ON, "asked elsewhere", PLATFORM),
    (person(f"{PHONE} {WINDOWS}"), AUTO, "asked elsewhere", PLATFORM),
    (person(f"{PHONE} {MAC}"), ON, "asked elsewhere", PLATFORM),
    (person(f"{PHONE} {IN_APP}"), ON, "asked elsewhere", PLATFORM),
    (person(f"{HELLO} {MAC} {IN_APP}"), ON, "has it", PLATFORM),
    (person(f"{PHONE} {KEY}", may=(SYNCED,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {ICLOUD}", may=(SYNCED,)), ON, "asked elsewhere", EVALUATION),
    (person(f"{PHONE} {HELLO}", may=(SYNCED,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {ICLOUD}", may=(BOUND,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {KEY}", may=(BOUND,)), AUTO, "has it", EVALUATION),
    (person(f"{PHONE} {HELLO}", may=(ATTESTED,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {ICLOUD}", may=(ATTESTED,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {KEY}", may=(ATTESTED,)), ON, "unknown", EVALUATION),
    (person(f"{PHONE} {KEY}", may=(LISTED,)), ON, "unknown", EVALUATION),
    (person(PHONE, may=(LISTED,)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {ICLOUD}", may=(SYNCED, BOUND)), ON, "unknown", OURS),
    (person(PHONE, may=(SYNCED, BOUND)), ON, "asked", EVALUATION),
    (person(f"{PHONE} {KEY}", may=(Profile(),)), ON, "unknown", OURS),
    # Microsoft managed looks at profiles, enabled does not.
    (person(PHONE, may=(OTHERS,)), AUTO, "profile not eligible", PROFILES),
    (person(PHONE, may=(OTHERS,)), ON, "asked", PROFILES),
    (person(PHONE, may=(OTHERS, OPEN)), AUTO, "asked", PROFILES),
    (person(PHONE, may=(ATTESTED,)), AUTO, "asked", PROFILES),
    (person(PHONE, may=(Profile(),)), AUTO, "unknown", OURS),
    (person(PHONE, profiles=((OTHERS, True), (OPEN, None))), AUTO, "unknown", OURS),
    # Authenticator: after a text message or a call only, whoever the state is for.
    (person(PHONE, APP), ON, "asked", LEARN),
    (person(f"{PHONE} {TOKEN}", APP), ON, "asked", FAQ),
    (person("officePhone", APP), ON, "asked", LEARN),
    (person(PHONE, APP, guest=True), ON, "asked", FAQ),
    (person(PHONE, APP, **NOT_ALLOWED), ON, "asked", MODE),
    (person(TOKEN, APP), ON, "no phone", FAQ),
    (person(KEY, APP), ON, "no phone", LEARN),
    (person(f"{PHONE} {APPS}", APP), ON, "has it", MODE),
    (person(f"{PHONE} microsoftAuthenticatorPasswordless", APP), ON, "has it", MODE),
    (person(PHONE, APP, app=False), ON, "not allowed", MODE),
    (person(PHONE, APP, app=None), ON, "unknown", OURS),
    (person("", APP), ON, "no second factor", LEARN),
    (person(None, APP), ON, "unknown", OURS),
    (person(None, APP, app=False), ON, "not allowed", OURS),
    # Managed, the method is Microsoft's: whatever the setting says.
    (person(PHONE, APP), AUTO, "asked", MANAGED),
    (person(APPS, APP), AUTO, "asked", MANAGED),
    (person(f"{PHONE} {KEY}", APP), AUTO, "has it", MANAGED),
    (person(APPS, PASSKEY, **NOT_ALLOWED), NO_KEYS, "has it", MANAGED),
    (person(PHONE, PASSKEY, **NOT_ALLOWED), NO_KEYS, "asked", MANAGED),
    (person(PHONE, PASSKEY, guest=True, **NOT_ALLOWED), NO_KEYS, "asked", FAQ),
    (person(PHONE, PASSKEY, app=False, **NOT_ALLOWED), NO_KEYS, "not allowed", MANAGED),
    (person(PHONE, PASSKEY, **NOT_ALLOWED), AUTO, "unknown", f"{MANAGED}: one method at a time, and not which"),
    (person(PHONE, PASSKEY, app=False, **NOT_ALLOWED), AUTO, "not allowed", MANAGED),
    (person("", PASSKEY, **NOT_ALLOWED), Campaign("default", passkeys=None), "unknown", OURS),
    (person(PHONE, PASSKEY, **UNSURE), AUTO, "unknown", OURS),
    # The opt-out is about passkeys that Microsoft asks for by itself.
    (person(PHONE), OUT, "opted out", OPTED),
    (person(f"{PHONE} {HELLO}"), OUT, "opted out", OPTED),
    (person(f"{PHONE} {KEY}"), OUT, "has it", OPTED),
    (person(PHONE), Campaign("enabled", opted_out=True), "asked", OPTED),
    (person(PHONE, **NOT_ALLOWED), Campaign("default", opted_out=True, passkeys=False), "asked", OPTED),
    (person(PHONE), Campaign("default", opted_out=None, passkeys=True), "asked", f"{OPTED}; the page says it"),
]


@pytest.mark.parametrize(("who", "campaign", "expected", "source"), TABLE)
def test_whom_it_asks(who: Person, campaign: Campaign, expected: str, source: str) -> None:
    assert reason(who, campaign) == expected, source


def test_every_reason_is_in_the_table() -> None:
    assert {expected for _, _, expected, _ in TABLE} == set(rules.REASONS)


KNOWN = st.sampled_from([True, False, None])
HELD = st.none() | st.lists(st.sampled_from([PHONE, APPS, KEY, ICLOUD, HELLO, TOKEN, "newThing"])).map(" ".join)
PROFILE = st.builds(Profile, st.sampled_from(["open", "synced", "bound", "listed", "attested", ""]), KNOWN)
PERSONS = st.builds(
    Person,
    st.sampled_from(["enabled", "disabled", "unknown"]),
    KNOWN,
    HELD,
    KNOWN,
    st.lists(st.tuples(st.sampled_from([APP, PASSKEY, ""]), KNOWN), max_size=2).map(tuple),
    KNOWN,
    st.lists(st.tuples(PROFILE, KNOWN), max_size=2).map(tuple),
)
CAMPAIGNS = st.builds(Campaign, st.sampled_from([*rules.STATES, ""]), KNOWN, KNOWN)


def _told(who: Person, campaign: Campaign, known: bool) -> tuple[Person, Campaign]:
    """The same with every flag that is not known made known."""

    def sure(flag: Known) -> bool:
        return known if flag is None else flag

    return Person(
        who.account if who.account != "unknown" else "enabled" if known else "disabled",
        sure(who.guest),
        who.methods,
        sure(who.excluded),
        tuple((method, sure(flag)) for method, flag in who.included),
        sure(who.app),
        tuple((Profile(p.sort, sure(p.eligible)), sure(flag)) for p, flag in who.profiles),
    ), Campaign(campaign.state, campaign.opted_out, sure(campaign.passkeys))


@given(PERSONS, CAMPAIGNS, st.booleans())
def test_what_is_not_known_never_makes_somebody_asked(who: Person, campaign: Campaign, known: bool) -> None:
    """Whoever is called asked is so, however the unknown turns out."""
    said = reason(who, campaign)
    if said in rules.ASKED:
        assert reason(*_told(who, campaign, known)) == said
