"""Which year's people: those of 2025 as they are generated, or the same a year on, as the retirement of SMS finds them.

A year on there are passkeys, synced, on a key and in Authenticator; tokens, expired passes, per-user MFA, guests of
one's own, Global Administrators active and eligible. Names and profiles stay what they were.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from authops.demo.world import people
from authops.demo.world.tenant import ALTERNATE, MOBILE, OFFICE, Method, new_id

if TYPE_CHECKING:
    from authops.demo.world.tenant import User

YEARS = ("2025", "2026")
_SINCE = "2026-09-14T10:15:00Z"
_GLOBAL = "Global Administrator"
# AAGUIDs of Microsoft Authenticator (iOS), iCloud Keychain and a security key, as their makers publish them.
_PASSKEYS: dict[str, dict[str, Any]] = {
    "synced": {"displayName": "iCloud Keychain", "aaGuid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
               "model": "iCloud Keychain", "attestationCertificates": [],
               "attestationLevel": "notAttested", "passkeyType": "synced"},
    "authenticator": {"displayName": "Authenticator", "aaGuid": "90a3ccdf-635c-4729-a248-9b709135078f",
                      "model": "Microsoft Authenticator", "attestationCertificates": [],
                      "attestationLevel": "attested", "passkeyType": "deviceBound"},
    "key": {"displayName": "Security key", "aaGuid": "2fc0579f-8113-47ea-b116-bb5a8db9202a", "model": "YubiKey 5",
            "attestationCertificates": [], "attestationLevel": "attested", "passkeyType": "deviceBound"},
}  # fmt: skip
_TOKEN: dict[str, Any] = {
    "device": {
        "id": "9a6f1c0e-5d0b-4b52-8d0f-0b8a3c1f7e21", "displayName": None, "serialNumber": "TOTP123456",
        "manufacturer": "Contoso", "model": "HardwareKey", "secretKey": None, "timeIntervalInSeconds": 30,
        "status": "activated", "lastUsedDateTime": None, "hashFunction": "hmacsha1",
    },
}  # fmt: skip
_MEMBERS = {
    "microsoftAuthenticator": 0.38, "windowsHelloForBusiness": 0.24, "platformCredential": 0.04, "softwareOath": 0.05,
    "external": 0.02, "email": 0.25, "temporaryAccessPass": 0.03, "synced": 0.13, "authenticator": 0.07, "key": 0.06,
    "hardwareOath": 0.03,
}  # fmt: skip
_GUESTS = {"microsoftAuthenticator": 0.4, "email": 0.1}


def of(year: str, users: list[User], seed: int) -> list[User]:
    """Return these people in that year; the same for the same seed."""
    if year not in YEARS:
        raise ValueError(f"no population {year!r}; there is {', '.join(YEARS)}")
    if year == "2026":
        dice = random.Random(f"{seed}/2026")
        for user in users:
            if not user.story:
                _move_on(user, str(seed), dice)
    return users


def _move_on(user: User, space: str, dice: random.Random) -> None:
    guest = user.profile["userType"] == "Guest"
    user.methods = {key: m for key, m in user.methods.items() if m.kind == "password"}
    if not guest and dice.random() < 0.01:
        # A guest of one's own: somebody from outside with an account of this tenant.
        user.profile["userType"] = "Guest"
    user.per_user_mfa = dice.choices(("disabled", "enabled", "enforced"), (91, 3, 6))[0]
    user.appointed = [_GLOBAL] if user.admin and dice.random() < 0.3 else []
    # Who holds a lesser role may activate the highest (see groups).
    user.eligible = user.admin and not user.appointed and dice.random() < 0.4
    if dice.random() < 0.1:
        user.default = None
        return
    _phones(user, guest, dice)
    for kind, odds in (_GUESTS if guest else _MEMBERS).items():
        if dice.random() < odds:
            _give(user, kind, space)
    people._settle(user, dice)


def _phones(user: User, guest: bool, dice: random.Random) -> None:
    country = user.profile["country"]
    if dice.random() < (0.5 if guest else 0.66):
        people._give_phone(user, MOBILE, people.number(country, dice))
        if not guest and dice.random() < 0.1:
            people._give_phone(user, ALTERNATE, people.number(country, dice))
    if not guest and dice.random() < 0.07:
        people._give_phone(user, OFFICE, people.number(country, dice, office=True))


def _give(user: User, kind: str, space: str) -> None:
    if kind in _PASSKEYS or kind == "hardwareOath":
        key = new_id(space, f"{user.id}/2026/{kind}")
        fields = _PASSKEYS.get(kind, _TOKEN)
        user.methods[key] = Method(key, "fido2" if kind in _PASSKEYS else kind, dict(fields), _SINCE)
    else:
        people._give(user, kind, space)


def policy(year: str, usual: dict[str, Any], space: str) -> dict[str, Any] | None:
    """Return the methods policy of that year, where it is not the usual one.

    SMS is left to some departments, calls are off, and the campaign, managed by Microsoft, asks for passkeys whom a
    group holds that still knows of groups within groups. Passkeys have profiles: any for everybody, and for one
    department those of listed makers.
    """
    if year != "2026":
        return None
    department = {
        name: new_id(space, f"group/{name}") for name in ("Sales", "Operations", "Legal", "Research", "Finance")
    }
    staff = new_id(space, "group/all-staff")
    every: dict[str, Any] = {"targetType": "group", "isRegistrationRequired": False}
    sms = [{**every, "id": department[name], "isUsableForSignIn": False} for name in ("Sales", "Operations")]
    sms.append({**every, "id": new_id(space, "group/sms-sign-in"), "isUsableForSignIn": True})
    configurations = dict(usual["configurations"])
    configurations |= {
        "Sms": {**configurations["Sms"], "includeTargets": sms},
        "Voice": {**configurations["Voice"], "state": "disabled"},
        "Fido2": {**configurations["Fido2"], "isAttestationEnforced": False,
                  **_passkey_profiles(every, space, department["Finance"]),
                  "excludeTargets": [{"targetType": "group", "id": department["Research"]}]},
    }  # fmt: skip
    include = [{"id": staff, "targetType": "group", "targetedAuthenticationMethod": "fido2"}]
    exclude = [{"id": department["Legal"], "targetType": "group"}]
    campaign = {**usual["campaign"], "state": "default", "includeTargets": include, "excludeTargets": exclude}
    return {**usual, "campaign": campaign, "configurations": configurations, "changed": "2026-09-01T06:00:00Z"}


def _passkey_profiles(every: dict[str, Any], space: str, careful: str) -> dict[str, Any]:
    """Return what a configuration with passkey profiles has (passkeyProfile, passkeyAuthenticationMethodTarget)."""
    anything, keys = (new_id(space, f"passkey-profile/{name}") for name in ("any", "keys"))
    free = {"isEnforced": False, "enforcementType": "allow", "aaGuids": []}
    makers = {**free, "isEnforced": True, "aaGuids": [_PASSKEYS["key"]["aaGuid"]]}
    usual = {"attestationEnforcement": "disabled"}
    return {
        "defaultPasskeyProfile": anything,
        "passkeyProfiles": [
            {"id": anything, "name": "Any", "passkeyTypes": "deviceBound,synced", **usual, "keyRestrictions": free},
            {"id": keys, "name": "Keys", "passkeyTypes": "deviceBound", **usual, "keyRestrictions": makers},
        ],
        "includeTargets": [
            {**every, "id": "all_users", "allowedPasskeyProfiles": [anything]},
            {**every, "id": careful, "allowedPasskeyProfiles": [keys]},
        ],
    }
