"""What goes by rule, person by person → what each rule asks for, and what nobody may decide about.

Pure. Everything of a person is decided together: what one rule takes is no survivor for another. Who is not wholly
known is left alone, and said to be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from authops.methods import sign_in_sessions, survivors, temporary_access_pass
from authops.methods.kinds import KINDS, behind, default_names, numbers
from authops.methods.sign_in_sessions import moment
from authops.plan.removals import Ask, Asked, Doubt, Person, held_of, slot_id
from authops.words import limits, retirement
from authops.words.errors import ParameterError

# Rule (the reason that its rows show) → what it takes, for people.
RULES: Final = {
    "listed": "rows of the list",
    "superseded": "phones of who holds enough that outlives them",
    "sms_sign_in_off": "signing in by SMS",
    "register_again": "phones, apps and tokens of people who are to register again",
    "leaver": "everything of accounts that are disabled and unused for long",
    "key_model": "passkeys of named models",
    "key_unattested": "passkeys without attestation",
    "pass_expired": "passes that are used up or expired",
    "default_moved": "defaults off text messages and calls",
    "mfa_covered": "per-user MFA where Conditional Access asks",
}
_PASS: Final = temporary_access_pass.NAME
_OFF: Final = "notEnabled"
# What a default can be moved to, best first.
_BETTER: Final = ("push", "oath")
_SESSIONS_OF: Final = ("leaver", "register_again")
_AGAIN: Final = frozenset([*numbers(), *(name for name, kind in KINDS.items() if kind.preferred)])
_EXTERNAL: Final = "this person signs in through their own organisation, which alone can revoke sessions"
_SESSIONS_UNKNOWN: Final = "since when sessions of this person count is not known, so they are not revoked"
_NOBODY: Final = "nobody in scope has this name; check it, or widen the scope"
_UNREAD: Final = "not all methods of this person could be read or are understood, so nothing of them is taken"
_DEFAULT_UNKNOWN: Final = "the default method could not be read, so no phone of this person is taken"
_COVERED_UNKNOWN: Final = "whether a Conditional Access policy asks this person is not known, so per-user MFA stays"
_SEEN_UNKNOWN: Final = "when this person signed in last is not known, so it is not known whether they have left"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is to go; 0, empty and False switch a rule off.

    `phones_with`: phones of who holds so many lasting survivors; `used_within`: days within which each was used.
    `leavers_after`: days since the last sign-in of a disabled account. `register_again`: UPNs or object ids;
    `revoke_sessions` of both. `allow_last`: who registers again may be left without a method and without a pass.
    `models`: AAGUIDs.
    """

    phones_with: int = 0
    used_within: int = 0
    sms_sign_in: bool = False
    leavers_after: int = 0
    register_again: Sequence[str] = ()
    revoke_sessions: bool = False
    allow_last: bool = False
    models: Sequence[str] = ()
    unattested: bool = False
    passes: bool = False
    defaults: bool = False
    per_user_mfa: bool = False

    def __post_init__(self) -> None:
        limits.checked(phones_with=self.phones_with, used_within=self.used_within, leavers_after=self.leavers_after)
        if wrong := [m for m in self.models if not _is_id(m)]:
            raise ParameterError(f"no AAGUID: {', '.join(wrong[:3])}", remedy="write it as 8-4-4-4-12 hex digits")

    def facts(self) -> dict[str, Any]:
        """The rules as a plan keeps them."""
        return asdict(self) | {"models": list(self.models), "register_again": list(self.register_again)}

    @property
    def source(self) -> dict[str, Any]:
        """Where the plan comes from, as a plan keeps it; the same rules are told again by their digest."""
        digest = hashlib.sha256(json.dumps(self.facts(), sort_keys=True).encode()).hexdigest()
        return {"name": "clean-up rules", "digest": digest, "user column": ""}

    def said(self, listed: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The rules that are on, or how a list was read, for people. Raises `ParameterError` for neither and both."""
        if listed is not None and self.active:
            also = ", ".join(self.active)
            raise ParameterError(
                f"a list and rules ({also}) are asked for", remedy="take one away: rules in their own run"
            )
        if listed is not None:
            return listed
        if not self.active:
            raise ParameterError("no rule is on, so there is nothing to look for", remedy="name one: phones_with, say")
        more = {
            "superseded": f"who holds at least {self.phones_with}"
            + (f", each used in the last {self.used_within} days" if self.used_within else ""),
            "leaver": f"whose last sign-in is {self.leavers_after} days ago or more; since when an account is disabled,"
            " Graph does not tell",
            "key_model": ", ".join(self.models),
            "register_again": ", ".join(self.register_again)
            + (", though nothing else may be left" if self.allow_last else ""),
        }
        more |= {rule: f"{more[rule]}; all sessions revoked" for rule in _SESSIONS_OF if self.revoke_sessions}
        return {RULES[rule]: more.get(rule, "on") for rule in self.active}

    @property
    def active(self) -> list[str]:
        """The rules (RULES) that are on."""
        on = {
            "superseded": self.phones_with, "sms_sign_in_off": self.sms_sign_in,
            "register_again": self.register_again, "leaver": self.leavers_after, "key_model": self.models,
            "key_unattested": self.unattested, "pass_expired": self.passes, "default_moved": self.defaults,
            "mfa_covered": self.per_user_mfa,
        }  # fmt: skip
        return [rule for rule, asked_for in on.items() if asked_for]

    @property
    def states(self) -> list[str]:
        """The kinds that have to be read by a request of their own."""
        whole = self.leavers_after or self.register_again
        default = whole or self.phones_with or self.defaults or self.models or self.unattested
        told = {"defaultMethod": default, "perUserMfaState": self.per_user_mfa,
                sign_in_sessions.NAME: whole and self.revoke_sessions}  # fmt: skip
        return [name for name, needed in told.items() if needed]

    @property
    def last_seen(self) -> bool:
        """Whether it has to be known when people signed in last."""
        return self.leavers_after > 0

    @property
    def named_only(self) -> list[str]:
        """The people whom all rules that are on name; nobody where one of them is about everybody."""
        return list(self.register_again) if self.active == ["register_again"] else []


def _is_id(text: str) -> bool:
    parts = text.strip().split("-")
    return [len(p) for p in parts] == [8, 4, 4, 4, 12] and all(c in "0123456789abcdefABCDEF" for p in parts for c in p)


def asked(everybody: Iterable[Person], rules: Rules, now: datetime) -> Asked:
    """What the rules ask for."""
    found, everybody = Asked(), list(everybody)
    there = {name for person in everybody for name in _names(person)}
    nobody = [name for name in rules.register_again if name.strip().casefold() not in there]
    found.doubts += [Doubt(name, "register_again", "unknown_user", _NOBODY) for name in nobody]
    for person in everybody:
        if asks := _of_person(person, rules, now, found):
            found.asks[person.row["user_id"]] = asks
    return found


def _names(person: Person) -> set[str]:
    """What a list may call them."""
    return {str(person.row[name]).casefold() for name in ("user_id", "user_principal_name")}


def _of_person(person: Person, rules: Rules, now: datetime, found: Asked) -> list[Ask]:
    who = str(person.row["user_principal_name"])
    if not person.known:
        found.doubts.append(Doubt(who, "", "methods_unread", _UNREAD))
        return []
    left = _has_left(person, rules, now)
    if left is None:
        found.doubts.append(Doubt(who, "leaver", "last_sign_in_unknown", _SEEN_UNKNOWN))
    if left:
        return _everything(person, rules, "leaver", survivors.DISABLED, found)
    if _names(person) & {name.strip().casefold() for name in rules.register_again}:
        return _everything(person, rules, "register_again", "" if rules.allow_last else survivors.WAY_IN, found)
    asks = [*_keys(person, rules), *_passes(person, rules)]
    phones, why = _phones(person, rules, {a.method_id for a in asks}, now)
    asks += phones
    asks += _sms(person, "sms_sign_in_off") if rules.sms_sign_in and not phones else []
    moved, doubt = _default(person, rules, asks)
    mfa, unknown = _mfa(person, rules)
    doubts = [
        Doubt(who, "superseded", "methods_unread", why),
        Doubt(who, "default_moved", "methods_unread", doubt),
        Doubt(who, "mfa_covered", "coverage_unknown", unknown),
    ]
    found.doubts += [one for one in doubts if one.message]
    return [*moved, *asks, *mfa]


def _has_left(person: Person, rules: Rules, now: datetime) -> bool | None:
    """Whether the account is disabled, and nobody has signed in with it for long; None: that is not known."""
    enabled = person.row["account_enabled"]
    if not rules.leavers_after or pd.isna(enabled) or enabled:
        return False
    seen = moment(person.row["last_sign_in"])
    return None if seen is None else seen <= now - timedelta(days=rules.leavers_after)


def _everything(person: Person, rules: Rules, rule: str, condition: str, found: Asked) -> list[Ask]:
    """All that somebody holds, or all that has to be registered again; sessions first, then signing in by SMS, so that
    it can be told apart when it is put back.
    """
    kinds = _AGAIN if rule == "register_again" else KINDS
    gone = [Ask(one["method"], slot_id(one), rule, condition=condition) for one in person.of(kinds)]
    # What is the default goes last. The alternate can only go before the mobile, and of several apps nobody tells which
    # one it is: there the mobile becomes the default before.
    mine = person.of(behind(person.default))
    stuck = any(one["method"] == "alternateMobile" for one in mine) or (len(mine) > 1 and person.of(["mobile"]))
    moved = [Ask("defaultMethod", "", rule, "voiceMobile", condition)] if stuck else []
    sessions = _sessions(person, rule, condition, found) if rules.revoke_sessions else []
    return [*sessions, *moved, *_sms(person, rule, condition), *gone]


def _sessions(person: Person, rule: str, condition: str, found: Asked) -> list[Ask]:
    """Of a leaver not again where nobody has signed in since."""
    since, seen = moment(person.row["sessions_from"]), moment(person.row["last_sign_in"])
    who = str(person.row["user_principal_name"])
    if retirement.is_external(who) != "no":
        found.doubts.append(Doubt(who, rule, "sessions_elsewhere", _EXTERNAL))
    elif since is None:
        found.doubts.append(Doubt(who, rule, "sessions_unknown", _SESSIONS_UNKNOWN))
    elif rule != "leaver" or seen is None or seen >= since:
        told = sign_in_sessions.revoked(str(person.row["sessions_from"]))
        return [Ask(sign_in_sessions.NAME, "", rule, told, condition)]
    return []


def _sms(person: Person, rule: str, condition: str = "") -> list[Ask]:
    ready = any(one["sms_sign_in"] == "ready" for one in person.of(["mobile"]))
    return [Ask("smsSignIn", "", rule, _OFF, condition)] if ready else []


def _keys(person: Person, rules: Rules) -> list[Ask]:
    """Passkeys of a model that is named, or without attestation; where Graph does not tell that, they stay."""
    models = {model.strip().casefold() for model in rules.models}
    found = []
    for one in person.of(["fido2"]):
        unattested = rules.unattested and one["attested"] == "no"
        rule = "key_model" if one["aaguid"] in models else "key_unattested" if unattested else ""
        found += [Ask("fido2", slot_id(one), rule, condition=survivors.SURVIVOR)] if rule else []
    return found


def _passes(person: Person, rules: Rules) -> list[Ask]:
    return [Ask(_PASS, "", "pass_expired") for one in person.of([_PASS]) if rules.passes and one["spent"]]


def _lasting(person: Person, going: Collection[str], rules: Rules, now: datetime) -> list[survivors.Held]:
    """What outlives text messages and calls, and stays; where use is asked for, what was used of it."""
    oldest = now - timedelta(days=rules.used_within)
    used = {
        one["method_id"].casefold()
        for one in person.held
        if not rules.used_within or ((at := moment(one["used_at"])) is not None and at >= oldest)
    }
    stay = [one for one in held_of(person) if one.id not in {g.casefold() for g in going}]
    return [one for one in stay if one.lasts and one.id in used]


def _phones(person: Person, rules: Rules, going: Collection[str], now: datetime) -> tuple[list[Ask], str]:
    """(what is asked, why nothing could be): all phones of who holds enough else."""
    phones = person.of(numbers())
    if not rules.phones_with or not phones or len(_lasting(person, going, rules, now)) < rules.phones_with:
        return [], ""
    if person.default == "unknown":
        return [], _DEFAULT_UNKNOWN
    condition = f"{survivors.SURVIVOR} {survivors.SURVIVORS}{rules.phones_with}"
    gone = [Ask(one["method"], "", "superseded", condition=condition) for one in phones]
    return [*_sms(person, "superseded", condition), *gone], ""


def _default(person: Person, rules: Rules, asks: Sequence[Ask]) -> tuple[list[Ask], str]:
    """The default, where it is a phone's and has to go or may not stay, to the best of what stays."""
    stands_on = default_names().get(person.default, "")
    going = {(ask.method, ask.method_id) for ask in asks}
    must = any(ask.method == stands_on for ask in asks)
    if person.default == "unknown":
        return [], _DEFAULT_UNKNOWN if rules.defaults else ""
    if not stands_on or not (must or rules.defaults):
        return [], ""
    stay = {
        one["method"] for one in person.held if one["method"] in KINDS and (one["method"], slot_id(one)) not in going
    }
    words = {KINDS[kind].preferred for kind in stay}
    better = next((word for word in _BETTER if word in words), "")
    condition = next((ask.condition for ask in asks if ask.method == stands_on), "")
    return ([Ask("defaultMethod", "", "default_moved", better, condition)] if better else []), ""


def _mfa(person: Person, rules: Rules) -> tuple[list[Ask], str]:
    if not rules.per_user_mfa or person.mfa not in ("enabled", "enforced"):
        return [], ""
    if person.row["covered"] == "unknown":
        return [], _COVERED_UNKNOWN
    covered = person.row["covered"] == "yes"
    return ([Ask("perUserMfaState", "", "mfa_covered", "disabled", survivors.COVERED)] if covered else []), ""
