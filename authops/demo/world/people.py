"""The population: seeded and believable, with a few named characters whose stories every rule can be met through."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authops.demo.world import names
from authops.demo.world.tenant import ALTERNATE, EMAIL, MOBILE, OFFICE, PASSWORD, PHONE_TYPES, Method, User, new_id

if TYPE_CHECKING:
    from authops.demo.world.tenant import Tenant

SEED = 20260101
_HIRED = "2025-03-14T09:00:00Z"
_REGISTERED = "2026-01-12T08:30:00Z"
_SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"


@dataclass(frozen=True, slots=True)
class Story:
    """A named character: profile extras, phones by method id, and what is special."""

    name: str
    about: str
    phones: dict[str, str]
    default: str | None = None
    others: tuple[str, ...] = ()
    profile: tuple[tuple[str, Any], ...] = ()
    sms: str = ""
    deleted: bool = False
    admin: bool = False
    eligible: bool = False
    guest: bool = False


STORIES = (
    Story("Ada Empty", "no method but the password", {}),
    Story("Ben Mobile", "mobile is the default and the only MFA method", {MOBILE: "+31 612340001"}, MOBILE),
    Story("Cleo Both", "mobile and alternate, nothing else",
          {MOBILE: "+31 612340002", ALTERNATE: "+31 612340003"}, MOBILE),
    Story("Dirk Default", "mobile is the default while Authenticator exists", {MOBILE: "+31 612340004"}, MOBILE,
          ("microsoftAuthenticator",)),
    Story("Eva Office", "an office phone with an extension", {OFFICE: "+31 207940005x12"}, OFFICE),
    Story("Finn Full", "every phone, and Authenticator as default",
          {MOBILE: "+31 612340006", ALTERNATE: "+31 612340007", OFFICE: "+31 207940006"}, "microsoftAuthenticator",
          ("microsoftAuthenticator", "fido2", "email")),
    Story("Gina Guest", "a B2B guest with a mobile", {MOBILE: "+49 15123000800"}, MOBILE, guest=True),
    Story("Hugo Admin", "a global administrator", {MOBILE: "+31 612340009"}, "microsoftAuthenticator",
          ("microsoftAuthenticator", "fido2", "platformCredential", "external"), admin=True),
    Story("Ivy Disabled", "a disabled account that still has a phone", {MOBILE: "+31 612340010"}, MOBILE,
          profile=(("accountEnabled", False),)),
    Story("Jack Shared", "shares a mobile with Kim", {MOBILE: "+31 612340011"}, MOBILE),
    Story("Kim Shared", "shares a mobile with Jack", {MOBILE: "+31 612340011"}, MOBILE),
    Story("Lara Signin", "signs in by SMS", {MOBILE: "+31 612340012"}, MOBILE, sms="ready"),
    Story("Milo Wants", "in the SMS policy, still without a phone", {}, sms="policy"),
    Story("Nora Gone", "soft-deleted, still holds her SMS number", {MOBILE: "+31 612340013"}, MOBILE, sms="ready",
          deleted=True),
    Story("Otto Synced", "synchronised from on-premises", {MOBILE: "+31 612340014"}, MOBILE,
          profile=(("onPremisesSyncEnabled", True),)),
    Story("Elin Eligible", "eligible for a directory role, which is not active", {MOBILE: "+31 612340016"}, MOBILE,
          eligible=True),
    Story("Svc Backup", "a service-like account", {}, profile=(("jobTitle", None), ("department", "Services"))),
)  # fmt: skip


def generate(users: int = 500, seed: int = SEED) -> tuple[dict[str, Any], list[User]]:
    """Return the tenant's facts and `users` visible users (plus the soft-deleted), the same for the same seed."""
    space = str(seed)
    told = [_told(story, space) for story in STORIES]
    visible = [u for u in told if not u.deleted][: max(0, users)]
    hidden = [u for u in told if u.deleted]
    dice = random.Random(seed)
    crowd = [_someone(n, space, dice) for n in range(users - len(visible))]
    return facts(users, seed), [*visible, *crowd, *hidden]


def facts(users: int, seed: int) -> dict[str, Any]:
    """Return what identifies the tenant."""
    space = str(seed)
    ids = {"tenant_id": new_id(space, "tenant"), "client_id": new_id(space, "client")}
    return {**ids, "name": "Contoso (demo)", "domains": list(names.DOMAINS), "users": users, "seed": seed}


def address(name: str) -> str:
    """Return the mail-safe spelling of a name."""
    plain = name.replace("Ł", "L").replace("ł", "l").replace("ß", "ss").replace("ø", "o")
    folded = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "".join(c for c in folded.lower().replace(" ", ".") if c.isalnum() or c == ".")


def _told(story: Story, space: str) -> User:
    upn = f"{address(story.name)}@{names.DOMAINS[0]}"
    if story.guest:
        upn = f"{address(story.name)}_{names.PARTNERS[0]}#EXT#@{names.DOMAINS[0]}"
    profile = _profile(story.name, upn, "NL", "Engineering", "Specialist")
    profile |= {"userType": "Guest" if story.guest else "Member", **dict(story.profile)}
    profile["mobilePhone"] = story.phones.get(MOBILE)
    user = _blank(new_id(space, upn), profile, upn)
    for method_id, number in story.phones.items():
        _give_phone(user, method_id, number, "ready" if story.sms == "ready" else "")
    for kind in story.others:
        _give(user, kind, space)
    user.default = next((m.id for m in user.methods.values() if story.default in (m.id, m.kind)), None)
    user.deleted, user.admin, user.sms_policy, user.story = story.deleted, story.admin, bool(story.sms), story.about
    user.eligible = story.eligible
    return user


def _profile(name: str, upn: str, country: str, department: str, title: str) -> dict[str, Any]:
    _, _, _, _, language, city, _, _ = names.COUNTRIES[country]
    given, _, surname = name.partition(" ")
    person = {
        "displayName": name,
        "givenName": given,
        "surname": surname,
        "userPrincipalName": upn,
        "userType": "Member",
    }
    place = {"country": country, "usageLocation": country, "city": city, "officeLocation": city}
    work = {"department": department, "jobTitle": title, "companyName": "Contoso", "preferredLanguage": language}
    phones: dict[str, Any] = {
        "mobilePhone": None,
        "businessPhones": [],
        "otherMails": [],
        "mail": upn if "#" not in upn else None,
    }
    state = {"accountEnabled": True, "onPremisesSyncEnabled": None, "createdDateTime": _HIRED, "employeeId": None}
    licences = {"assignedLicenses": [{"skuId": _SKU, "disabledPlans": []}]}
    return {**person, **place, **work, **phones, **state, **licences}


def _blank(user_id: str, profile: dict[str, Any], upn: str) -> User:
    profile["mailNickname"] = upn.split("@", maxsplit=1)[0].replace("#", "")
    password = Method(PASSWORD, "password", {"password": None}, _HIRED)
    return User(user_id, profile, {PASSWORD: password})


def _give_phone(user: User, method_id: str, number: str, state: str = "") -> None:
    kind = PHONE_TYPES[method_id]
    state = state or ("notAllowedByPolicy" if kind == "mobile" else "notSupported")
    fields = {"phoneNumber": number, "phoneType": kind, "smsSignInState": state}
    user.methods[method_id] = Method(method_id, "phone", fields, _REGISTERED)


_OTHER: dict[str, dict[str, Any]] = {
    "microsoftAuthenticator": {
        "displayName": "iPhone", "deviceTag": "SoftwareTokenActivated", "phoneAppVersion": "6.8.21",
        "clientAppName": "microsoftAuthenticator",
    },
    "hardwareOath": {
        "device": {
            "id": "9a6f1c0e-5d0b-4b52-8d0f-0b8a3c1f7e21", "displayName": None, "serialNumber": "TOTP123456",
            "manufacturer": "Contoso", "model": "HardwareKey", "secretKey": None, "timeIntervalInSeconds": 30,
            "status": "activated", "lastUsedDateTime": None, "hashFunction": "hmacsha1",
        },
    },
    "qrCodePin": {
        "standardQRCode": {
            "id": "0c1f6a2e-6a58-4a0e-9d4e-3f0f6f2f5a11", "startDateTime": _REGISTERED,
            "expireDateTime": "2027-01-12T08:30:00Z", "createdDateTime": _REGISTERED, "lastUsedDateTime": None,
            "image": None,
        },
        "temporaryQRCode": None,
        "pin": {
            "id": "5f0d9c0b-2a0d-4f0e-8f0a-4c1d2b3a4e12", "code": None, "forceChangePinNextSignIn": True,
            "createdDateTime": _REGISTERED, "updatedDateTime": None,
        },
    },
    "softwareOath": {"secretKey": None},
    "platformCredential": {"displayName": "MacBook", "keyStrength": "normal", "platform": "macOS"},
    "external": {"displayName": "Contoso MFA", "configurationId": "fc5b7a20-5b3f-4d29-9a4c-6f2b1f7e9d10"},
    "windowsHelloForBusiness": {"displayName": "Laptop", "keyStrength": "normal"},
    "fido2": {
        "displayName": "Security key", "aaGuid": "2fc0579f-8113-47ea-b116-bb5a8db9202a", "model": "YubiKey 5",
        "attestationCertificates": [], "attestationLevel": "attested", "passkeyType": "deviceBound",
    },
    "temporaryAccessPass": {
        "temporaryAccessPass": None, "startDateTime": _REGISTERED, "lifetimeInMinutes": 60, "isUsableOnce": True,
        "isUsable": False, "methodUsabilityReason": "Expired",
    },
}  # fmt: skip


def _give(user: User, kind: str, space: str) -> None:
    if kind == "email":
        fields = {"emailAddress": f"{address(user.profile['displayName'])}@mail.example"}
        user.methods[EMAIL] = Method(EMAIL, "email", fields, _REGISTERED)
        return
    method_id = new_id(space, f"{user.id}/{kind}")
    user.methods[method_id] = Method(method_id, kind, dict(_OTHER[kind]), _REGISTERED)


def register(tenant: Tenant, user: User, kind: str, fields: dict[str, Any]) -> Method:
    """Register a method of the person's own: of a known kind, with these properties instead of the usual."""
    if kind not in _OTHER or set(fields) - set(_OTHER[kind]):
        raise ValueError(f"no kind {kind!r} with {sorted(fields)}; there is {', '.join(_OTHER)}")
    method_id = new_id(user.id, f"{kind}/{tenant.version}")
    return tenant.put_other(user, method_id, kind, {**_OTHER[kind], **fields})


# What a profile may say when somebody joins or moves.
PROPERTIES = frozenset(
    [
        "displayName", "userPrincipalName", "department", "jobTitle", "country", "usageLocation", "city", "mail",
        "mobilePhone", "businessPhones", "otherMails", "accountEnabled", "userType", "employeeId", "createdDateTime",
        "assignedLicenses", "onPremisesSyncEnabled", "companyName", "officeLocation", "preferredLanguage",
    ]
)  # fmt: skip


def newcomer(profile: dict[str, Any], space: str) -> User:
    """Return somebody new with that profile and nothing registered; displayName is needed, the rest follows from it."""
    name, country = str(profile.get("displayName") or ""), str(profile.get("usageLocation") or "NL")
    if not name or country not in names.COUNTRIES:
        raise ValueError(f"a newcomer needs a displayName, and a usageLocation of {', '.join(names.COUNTRIES)}")
    upn = str(profile.get("userPrincipalName") or f"{address(name)}@{names.DOMAINS[0]}")
    filled = _profile(name, upn, country, "Engineering", "Specialist") | profile
    return _blank(new_id(space, upn), filled | {"userPrincipalName": upn}, upn)


def _someone(n: int, space: str, dice: random.Random) -> User:
    country = dice.choices(tuple(names.COUNTRIES), names.WEIGHTS)[0]
    given, surname = (dice.choice(words.split()).replace("_", " ") for words in names.COUNTRIES[country][6:8])
    guest, domain = dice.random() < 0.06, dice.choices(names.DOMAINS, (8, 2))[0]
    local = f"{address(f'{given} {surname}'.replace(' ', '.', 1))}{n:03d}"
    upn = f"{local}_{dice.choice(names.PARTNERS)}#EXT#@{names.DOMAINS[0]}" if guest else f"{local}@{domain}"
    profile = _profile(f"{given} {surname}", upn, country, dice.choice(names.DEPARTMENTS), dice.choice(names.TITLES))
    _vary(profile, country, guest, n, dice)
    user = _blank(new_id(space, upn), profile, upn)
    user.admin = not guest and dice.random() < 0.02
    _register(user, country, n, space, dice)
    return user


def _vary(profile: dict[str, Any], country: str, guest: bool, n: int, dice: random.Random) -> None:
    profile["userType"] = "Guest" if guest else "Member"
    profile["accountEnabled"] = dice.random() > 0.05
    profile["onPremisesSyncEnabled"] = True if not guest and dice.random() < 0.4 else None
    profile["employeeId"] = None if guest else f"E{n:06d}"
    if guest or dice.random() < 0.05:
        profile["assignedLicenses"] = []
    if dice.random() < 0.7:
        profile["mobilePhone"] = spelled(number(country, dice), country, dice)
    if dice.random() < 0.5:
        profile["businessPhones"] = [spelled(number(country, dice, office=True), country, dice)]
    if dice.random() < 0.2:
        profile["otherMails"] = [f"{profile['givenName'].lower()}{n}@mail.example"]


def number(country: str, dice: random.Random, *, office: bool = False) -> str:
    """Return a number of that country as Graph spells it."""
    code, _, mobile, desk = names.COUNTRIES[country][:4]
    digits = "".join(str(dice.randrange(10)) if c == "#" else c for c in (desk if office else mobile))
    return f"+{code} {digits}"


def spelled(text: str, country: str, dice: random.Random) -> str:
    """Return the number in one of the ways people write it into a profile."""
    code, trunk = names.COUNTRIES[country][:2]
    digits = text.split(" ")[1]
    grouped = f"{digits[:2]} {digits[2:5]} {digits[5:]}"
    away, bracket = "011" if code == "1" else "00", f"({trunk})" if trunk else ""
    ways = (
        text,
        f"+{code}{digits}",
        f"+{code} {grouped}",
        f"{away}{code}{digits}",
        f"{trunk}{digits}",
        f"+{code} {bracket}{digits}",
    )
    return dice.choice(ways)


def _register(user: User, country: str, n: int, space: str, dice: random.Random) -> None:
    if dice.random() < 0.22:
        return
    if dice.random() < 0.72:
        shared = dice.random() < 0.02
        _give_phone(user, MOBILE, "+31 612340011" if shared else number(country, dice))
        if dice.random() < 0.12:
            _give_phone(user, ALTERNATE, number(country, dice))
    if dice.random() < 0.1:
        _give_phone(user, OFFICE, number(country, dice, office=True) + ("x" + str(n % 90 + 10) if n % 4 == 0 else ""))
    odds = {"microsoftAuthenticator": 0.5, "fido2": 0.07, "windowsHelloForBusiness": 0.25, "email": 0.2,
            "softwareOath": 0.06, "temporaryAccessPass": 0.02}  # fmt: skip
    for kind, odd in odds.items():
        if dice.random() < odd:
            _give(user, kind, space)
    _settle(user, dice)


def _settle(user: User, dice: random.Random) -> None:
    able = [m.id for m in user.methods.values() if m.kind in ("microsoftAuthenticator", "softwareOath", "phone")]
    apps = [i for i in able if i not in PHONE_TYPES]
    user.default = (apps[0] if apps and dice.random() < 0.75 else able[0]) if able else None
