"""Whom a registration campaign asks, and why not the others: the rules of September 2026. Pure.

What is asked of a person is true, false, or None: not known. What surely keeps somebody from being asked decides,
whatever else is not known; where nothing does and something is not known, neither is whether they are asked.
Sources: Entra, "Run a registration campaign" (2026-09-02); "SMS and voice retirement FAQ" (2026-09-23).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authops.graph.answer import flag, text
from authops.methods.kinds import reported_phones
from authops.methods.reported import PLATFORM_PASSKEYS, SYSTEMS, meanings

Known = bool | None
Tests = list[tuple[Known, str]]
STATES: Final = ("default", "enabled", "disabled")
PASSKEY, APP = "fido2", "microsoftAuthenticator"
METHODS: Final = (APP, PASSKEY)
REASONS: Final = {
    "asked": "is asked at a sign-in: for a passkey after any second factor, for Authenticator after a text or call",
    "asked elsewhere": "has a passkey or Windows Hello; asked, if at all, on systems and browsers it does not reach",
    "has it": "already has what the campaign asks for",
    "excluded": "is excluded, which beats included",
    "not included": "is not among those to be asked",
    "guest": "guests are never asked for a passkey",
    "not allowed": "the policy does not let them set up what the campaign asks for",
    "profile not eligible": "a Microsoft managed campaign asks for none of the passkeys that their profiles allow",
    "no phone": "Authenticator is asked for after a text message or call only; read here as: has a phone registered",
    "no second factor": "has none, and the question comes after one",
    "disabled account": "cannot sign in",
    "opted out": "the tenant opted out of the passkey migration, and Microsoft does not say whether its campaign asks",
    "unknown": "not known: what decides it could not be read, or Microsoft does not say it",
    "campaign off": "the campaign is switched off",
}
ASKED: Final = ("asked", "asked elsewhere")
# What a Microsoft managed campaign asks for where keys are listed.
_SYNCED: Final = frozenset(key for key, name in PLATFORM_PASSKEYS.items() if name == "passKeySynced")
_BOUND: Final = frozenset(PLATFORM_PASSKEYS) - _SYNCED
_NONE: Final = frozenset[str]()


@dataclass(frozen=True)
class Profile:
    """A passkey profile. `sort`: open, synced, bound, listed, attested, or "": not known.

    `eligible`: a Microsoft managed campaign asks for what it allows.
    """

    sort: str = ""
    eligible: Known = None


@dataclass(frozen=True)
class Person:
    """What decides of one person. `methods`: the report's names, None: not known.

    `included`: what the campaign asks for → whether it means this person. `app`: may use Authenticator for
    notifications. `profiles`: the tenant's passkey profiles, and whether they may use them.
    """

    account: str
    guest: Known
    methods: str | None
    excluded: Known
    included: tuple[tuple[str, Known], ...]
    app: Known
    profiles: tuple[tuple[Profile, Known], ...]

    @property
    def passkeys(self) -> Known:
        """Whether they may set up a passkey of any kind."""
        return either(allowed for _, allowed in self.profiles)

    @property
    def wanted(self) -> Known:
        """Whether the campaign means them at all."""
        return either(whether for _, whether in self.included)


@dataclass(frozen=True)
class Campaign:
    """`state`: one of STATES, else not known. `passkeys`: somebody whom it includes may set up a passkey."""

    state: str
    opted_out: Known = None
    passkeys: Known = None

    @property
    def managed(self) -> bool:
        """Whether Microsoft chooses the method, the days and the limit."""
        return self.state == "default"


def either(told: Iterable[Known]) -> Known:
    """Whether one of them holds; None when none does for sure, and one may."""
    seen = set(told)
    return True if True in seen else None if None in seen else False


def both(one: Known, other: Known) -> Known:
    """Whether both hold; None when neither surely does not, and one may not."""
    return False if False in (one, other) else None if None in (one, other) else True


def _not(known: Known) -> Known:
    return None if known is None else not known


def reason(person: Person, campaign: Campaign) -> str:
    """One of REASONS."""
    if campaign.state == "disabled":
        return "campaign off"
    if campaign.state not in STATES:
        return "unknown"
    found = {_for(method, person, campaign) for method in _methods(person, campaign) or ("",)}
    return found.pop() if len(found) == 1 else "unknown"


def _methods(person: Person, campaign: Campaign) -> Sequence[str]:
    """What a person may be asked for. Managed, it is a passkey for whom the policy allows one, else Authenticator; but
    what becomes of the latter in a tenant where others may use passkeys, Microsoft does not say: one method at a time.
    """
    if not campaign.managed:
        return [method for method, whether in person.included if whether is not False]
    if person.passkeys:
        return [PASSKEY]
    return [APP] if person.passkeys is False and campaign.passkeys is False else [APP, PASSKEY]


def _for(method: str, person: Person, campaign: Campaign) -> str:
    tests, otherwise = _ASKS.get(method, _nobody_knows)(person, campaign)
    told = [*_anybody(person), *tests]
    unsure = any(whether is None for whether, _ in told)
    return next((why for whether, why in told if whether), "unknown" if unsure else otherwise)


def _anybody(person: Person) -> Tests:
    off = {"disabled": True, "enabled": False}.get(person.account)
    return [(off, "disabled account"), (person.excluded, "excluded"), (_not(person.wanted), "not included")]


def _passkey(person: Person, campaign: Campaign) -> tuple[Tests, str]:
    eligible = either(both(profile.eligible, allowed) for profile, allowed in person.profiles)
    reaches = _reaches(person)
    return [
        (person.guest, "guest"),
        (_not(person.passkeys), "not allowed"),
        (campaign.managed and _not(eligible), "profile not eligible"),
        ({"has it": True, "unknown": None}.get(reaches, False), "has it"),
        (_not(_factor(person)), "no second factor"),
        (campaign.managed and bool(campaign.opted_out), "opted out"),
    ], reaches


def _app(person: Person, _: Campaign) -> tuple[Tests, str]:
    held = _held(person)
    push = None if held is None else any(name.startswith(APP) for name in held)
    phone = None if held is None else bool(held & reported_phones())
    return [
        (_not(person.app), "not allowed"),
        (push, "has it"),
        (_not(_factor(person)), "no second factor"),
        (_not(phone), "no phone"),
    ], "asked"


def _nobody_knows(_: Person, __: Campaign) -> tuple[Tests, str]:
    return [(None, "")], "unknown"


_ASKS: Final = {PASSKEY: _passkey, APP: _app}


def _held(person: Person) -> frozenset[str] | None:
    return None if person.methods is None else frozenset(person.methods.split())


def _factor(person: Person) -> Known:
    """Whether they have what satisfies MFA; a pass may have expired, and what nobody knows may be one."""
    held, known = _held(person), meanings()
    if held is None:
        return None
    lasting = {name for name, meaning in known.items() if meaning.factor and meaning.lasts} | reported_phones()
    passing = {name for name, meaning in known.items() if meaning.factor} - lasting
    return True if held & lasting else None if held & passing or held - known.keys() else False


def _reaches(person: Person) -> str:
    """How far the passkeys they have keep them from being asked, under every profile that may be theirs."""
    held = _held(person)
    if held is None:
        return "unknown"
    found = {_under(profile.sort, held) for profile, allowed in person.profiles if allowed is not False}
    return found.pop() if len(found) == 1 else "unknown" if found else "asked"


def _under(sort: str, held: frozenset[str]) -> str:
    """Of one profile: asked, asked elsewhere, has it, or unknown."""
    known = meanings()
    has = [known[name] for name in held if name in known and (known[name].passkey or known[name].local)]
    odd = any(name not in known and name.casefold().startswith("passkey") for name in held)
    if odd or (sort != "open" and None in [meaning.synced for meaning in has]):
        return "unknown"
    if sort == "open":
        own = has
    elif sort in ("synced", "bound"):
        own = [meaning for meaning in has if meaning.synced == (sort == "synced")]
    else:
        # One eligible passkey ends it everywhere. Which is one, the report does not tell.
        keys = [meaning for meaning in has if meaning.passkey or not sort]
        return "unknown" if [m for m in keys if sort != "attested" or not m.synced] else "asked"
    covered = _NONE.union(*(meaning.local for meaning in own))
    return "has it" if covered >= frozenset(SYSTEMS) else "asked elsewhere" if own else "asked"


def profiles(fido2: Mapping[str, Any]) -> dict[str, Profile]:
    """The passkey profiles of a configuration by id. One that has none is a profile itself, called ""."""
    told = fido2.get("passkeyProfiles")
    if not isinstance(told, list) or not told:
        attested = {True: "registrationOnly", False: "disabled"}.get(flag(fido2, "isAttestationEnforced"), "")  # type: ignore[arg-type]
        whole = {"passkeyTypes": "deviceBound,synced", "attestationEnforcement": attested}
        return {"": _profile(whole | {"keyRestrictions": fido2.get("keyRestrictions")})}
    return {text(one, "id").casefold(): _profile(one) for one in told if isinstance(one, Mapping)}


def _profile(told: Mapping[str, Any]) -> Profile:
    types = {part.strip() for part in text(told, "passkeyTypes").split(",")}
    if told.get("attestationEnforcement") == "registrationOnly":
        return Profile("attested", eligible=True)
    keys = told.get("keyRestrictions")
    listed = _listed(keys) if isinstance(keys, Mapping) else None
    if told.get("attestationEnforcement") != "disabled" or listed is None or not types <= {"deviceBound", "synced"}:
        return Profile()
    if listed:
        asked_for = (_SYNCED if "synced" in types else _NONE) | (_BOUND if "deviceBound" in types else _NONE)
        return Profile("listed", eligible=_names_one(keys, asked_for))
    return Profile("open" if len(types) == 2 else "synced" if "synced" in types else "bound", eligible=True)


def _listed(keys: Mapping[str, Any]) -> Known:
    """Whether only listed keys are allowed; lists of what is blocked count for nothing here."""
    enforced, sort = flag(keys, "isEnforced"), text(keys, "enforcementType")
    if enforced is False or sort == "block":
        return False
    return True if enforced and sort == "allow" else None


def _names_one(keys: Mapping[str, Any] | None, asked_for: frozenset[str]) -> Known:
    told = keys.get("aaGuids") if keys else None
    return None if not isinstance(told, list) else any(str(one).casefold() in asked_for for one in told)
