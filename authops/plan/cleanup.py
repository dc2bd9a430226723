"""What goes by rule, person by person → WANTED with the rule that asks for each, and what nobody may decide about.

Pure. Everything of a person is decided together: what one rule takes is no survivor for another. Who is not wholly
known is left alone, and said to be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from authops.methods import survivors, temporary_access_pass
from authops.methods.kinds import KINDS, default_names, numbers
from authops.methods.reported import meanings
from authops.plan import plan
from authops.plan.plan import Plan
from authops.words import limits
from authops.words.errors import ParameterError
from authops.words.frames import HOLDINGS, PROBLEMS, SUBJECTS, WANTED, check, frame

# Rule → the reason that its rows show.
RULES: Final = {
    "superseded": "phones of people who hold enough that outlives them",
    "sms_sign_in_off": "signing in by SMS",
    "leaver": "everything of accounts that are disabled for long",
    "key_model": "passkeys of named models",
    "key_unattested": "passkeys without attestation",
    "pass_expired": "passes that are used up or expired",
    "default_moved": "defaults off text messages and calls",
    "mfa_covered": "per-user MFA where Conditional Access asks",
}
_PASS: Final = temporary_access_pass.NAME
_OFF: Final = "notEnabled"
# What a default can be moved to, best first: the kind that has to be there → beta's word for it.
_BETTER: Final = {"microsoftAuthenticator": "push", "softwareOath": "oath", "hardwareOath": "oath"}
_UNREAD: Final = "not all methods of this person could be read or are understood, so nothing of them is taken"
_DEFAULT_UNKNOWN: Final = "the default method could not be read, so no phone of this person is taken"
_COVERED_UNKNOWN: Final = "whether a Conditional Access policy asks this person is not known, so per-user MFA stays"
_SEEN_UNKNOWN: Final = "when this person signed in last is not known, so it is not known whether they have left"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is to go; 0, empty and False switch a rule off.

    `phones_with`: phones of who holds so many lasting survivors; `used_within`: days within which each was used.
    `leavers_after`: days since the last sign-in of a disabled account. `models`: AAGUIDs.
    """

    phones_with: int = 0
    used_within: int = 0
    sms_sign_in: bool = False
    leavers_after: int = 0
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
        return asdict(self) | {"models": list(self.models)}

    @property
    def states(self) -> list[str]:
        """The kinds that have to be read by a request of their own."""
        default = self.phones_with or self.defaults or self.leavers_after or self.models or self.unattested
        return [*(["defaultMethod"] if default else []), *(["perUserMfaState"] if self.per_user_mfa else [])]


@dataclass(frozen=True)
class Ask:
    """One thing that is to go, or to become another word."""

    method: str
    method_id: str
    rule: str
    value: str = ""
    condition: str = ""


@dataclass(frozen=True)
class Person:
    """One person, with all that is known."""

    row: Mapping[str, Any]
    held: Sequence[Mapping[str, Any]]
    default: str
    mfa: str

    @property
    def known(self) -> bool:
        """All of it was read and is understood."""
        return all(one["known"] for one in self.held)

    def of(self, kinds: Collection[str]) -> list[Mapping[str, Any]]:
        """What they hold of these kinds."""
        return [one for one in self.held if one["method"] in kinds]


@dataclass
class Asked:
    """What the rules ask for, of everybody. `doubts`: whom a rule could not judge, and why."""

    asks: dict[str, list[Ask]] = field(default_factory=dict)
    doubts: list[tuple[str, str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def _is_id(text: str) -> bool:
    parts = text.strip().split("-")
    return [len(p) for p in parts] == [8, 4, 4, 4, 12] and all(c in "0123456789abcdefABCDEF" for p in parts for c in p)


def people(subjects: pd.DataFrame, held: pd.DataFrame) -> list[Person]:
    """SUBJECTS and HOLDINGS → the people, with their methods; who was not read has one that is not known."""
    by_user: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in check(held, HOLDINGS).to_dict("records"):
        by_user[row["user_id"]].append({str(k): v for k, v in row.items()})
    rows = [{str(k): v for k, v in row.items()} for row in check(subjects, SUBJECTS).to_dict("records")]
    unread = [{"known": False, "method": "", "method_id": ""}]
    return [
        Person(row, [h for h in by_user.get(row["user_id"], unread) if h["method"] or not h["known"]], row["default"],
               row["per_user_mfa"])
        for row in rows
    ]  # fmt: skip


def asked(everybody: Iterable[Person], rules: Rules, now: datetime) -> Asked:
    """What the rules ask for."""
    found = Asked()
    for person in everybody:
        asks = _of_person(person, rules, now, found)
        if asks:
            found.asks[person.row["user_id"]] = asks
            found.counts.update(ask.rule for ask in asks)
    return found


def _of_person(person: Person, rules: Rules, now: datetime, found: Asked) -> list[Ask]:
    who = str(person.row["user_principal_name"])
    if not person.known:
        found.doubts.append((who, "methods_unread", _UNREAD))
        return []
    left = _has_left(person, rules, now)
    if left is None:
        found.doubts.append((who, "last_sign_in_unknown", _SEEN_UNKNOWN))
    if left:
        return _everything(person, "leaver", survivors.DISABLED)
    asks = [*_keys(person, rules), *_passes(person, rules)]
    phones, why = _phones(person, rules, {a.method_id for a in asks}, now)
    asks += phones
    asks += _sms(person, "sms_sign_in_off") if rules.sms_sign_in and not phones else []
    moved, doubt = _default(person, rules, asks)
    mfa, unknown = _mfa(person, rules)
    for said, rule in ((why, "methods_unread"), (doubt, "methods_unread"), (unknown, "coverage_unknown")):
        found.doubts += [(who, rule, said)] if said else []
    return [*moved, *asks, *mfa]


def _has_left(person: Person, rules: Rules, now: datetime) -> bool | None:
    """Whether the account is disabled, and nobody has signed in with it for long; None: that is not known."""
    enabled = person.row["account_enabled"]
    if not rules.leavers_after or enabled is pd.NA or enabled:
        return False
    seen = _moment(person.row["last_sign_in"])
    return None if seen is None else seen <= now - timedelta(days=rules.leavers_after)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _everything(person: Person, rule: str, condition: str) -> list[Ask]:
    """All that somebody holds, signing in by SMS first, so that it can be told apart when it is put back."""
    gone = [
        Ask(one["method"], _slot_id(one), rule, condition=condition) for one in person.held if one["method"] in KINDS
    ]
    alternate = any(a.method == "alternateMobile" for a in gone)
    # The alternate can go neither as the default nor after the mobile, so the mobile becomes the default before.
    stuck = alternate and default_names().get(person.default) == "alternateMobile"
    moved = [Ask("defaultMethod", "", rule, "voiceMobile", condition)] if stuck else []
    return [*moved, *_sms(person, rule, condition), *gone]


def _slot_id(one: Mapping[str, Any]) -> str:
    kind = KINDS.get(one["method"])
    return str(one["method_id"]) if kind and kind.many else ""


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
        found += [Ask("fido2", _slot_id(one), rule, condition=survivors.SURVIVOR)] if rule else []
    return found


def _passes(person: Person, rules: Rules) -> list[Ask]:
    return [Ask(_PASS, "", "pass_expired") for one in person.of([_PASS]) if rules.passes and one["spent"]]


def _lasting(person: Person, going: Collection[str], rules: Rules, now: datetime) -> list[survivors.Held]:
    """What outlives text messages and calls, and stays; where use is asked for, what was used of it."""
    oldest = now - timedelta(days=rules.used_within)
    used = {
        one["method_id"].casefold()
        for one in person.held
        if not rules.used_within or ((at := _moment(one["used_at"])) is not None and at >= oldest)
    }
    stay = [one for one in held_of(person) if one.id not in {g.casefold() for g in going}]
    return [one for one in stay if one.lasts and one.id in used]


def held_of(person: Person) -> list[survivors.Held]:
    """What they hold, as the guard judges it."""
    known = meanings()
    return [survivors.Held(h["method_id"].casefold(), h["name"], known.get(h["name"])) for h in person.held]


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
        one["method"] for one in person.held if one["method"] in KINDS and (one["method"], _slot_id(one)) not in going
    }
    better = next((word for kind, word in _BETTER.items() if kind in stay), "")
    condition = next((ask.condition for ask in asks if ask.method == stands_on), "")
    return ([Ask("defaultMethod", "", "default_moved", better, condition)] if better else []), ""


def _mfa(person: Person, rules: Rules) -> tuple[list[Ask], str]:
    if not rules.per_user_mfa or person.mfa not in ("enabled", "enforced"):
        return [], ""
    if person.row["covered"] == "unknown":
        return [], _COVERED_UNKNOWN
    covered = person.row["covered"] == "yes"
    return ([Ask("perUserMfaState", "", "mfa_covered", "disabled")] if covered else []), ""


def make(
    found: Asked, everybody: Sequence[Person], current: pd.DataFrame, users: pd.DataFrame, header: Mapping[str, Any]
) -> Plan:
    """The plan: judged like any other, then each row under its rule, and held where somebody would be left without.

    `current`: CURRENT of all they hold; `users`: USERS plus `asked`.
    """
    by_user = {str(person.row["user_id"]): person for person in everybody}
    rows = [_wanted(user, ask) for user, asks in found.asks.items() for ask in asks]
    doubts = [{"user": who, "rule": rule, "message": said, "line": 0} for who, rule, said in found.doubts]
    mine = current[current["user_id"].isin(found.asks)]
    made = plan.make(frame(WANTED, rows), _defaults(mine, found, by_user), users, frame(PROBLEMS, doubts), header)
    changes = made.changes.copy()
    keys = list(zip(changes["user_id"], changes["method"], changes["method_id"], strict=True))
    rules = {(user, a.method, a.method_id): a.rule for user, asks in found.asks.items() for a in asks}
    writes = changes["action"].isin(("add", "update", "remove"))
    changes["reason"] = changes["reason"].where(~writes, pd.Series([rules[key] for key in keys], changes.index))
    return Plan(_guarded(changes, by_user), made.problems, made.header)


def _ids(person: Person, asks: Iterable[Ask]) -> set[str]:
    """Graph's ids of what is asked to go."""
    asked_for = {(ask.method, ask.method_id) for ask in asks}
    return {str(one["method_id"]).casefold() for one in person.held if (one["method"], _slot_id(one)) in asked_for}


def _wanted(user: str, ask: Ask) -> dict[str, Any]:
    state = KINDS[ask.method].family == "state"
    what = {"intent": "set" if state else "remove", "value": ask.value, "overwrite": True}
    which = {"line": 0, "user": user, "method": ask.method, "method_id": ask.method_id}
    return which | what | {"condition": ask.condition}


def _defaults(current: pd.DataFrame, found: Asked, by_user: Mapping[str, Person]) -> pd.DataFrame:
    """CURRENT with the default as it will be when removals begin, and how many other factors stay beside phones."""
    after, others = {}, {}
    for user, asks in found.asks.items():
        word = next((a.value for a in asks if a.method == "defaultMethod"), by_user[user].default)
        going = _ids(by_user[user], asks)
        stay = [one for one in held_of(by_user[user]) if one.id not in going]
        after[user] = default_names().get(word, "")
        phones = {KINDS[name].report for name in numbers()}
        others[user] = sum(one.meaning is not None and one.meaning.factor and one.name not in phones for one in stay)
    users, methods = current["user_id"], current["method"]
    return current.assign(
        is_default=[after[u] == m for u, m in zip(users, methods, strict=True)],
        others=[others[u] for u in users],
    )


def _guarded(changes: pd.DataFrame, by_user: Mapping[str, Person]) -> pd.DataFrame:
    """Nobody ends without a method that satisfies MFA who had one, but where the row does not ask for that."""
    removed = changes[changes["action"].eq("remove")]
    going: dict[str, set[str]] = defaultdict(set)
    for user, *which in zip(*(removed[n] for n in ("user_id", "method", "method_id", "before")), strict=True):
        going[user].add(survivors.graph_id(*which))
    rows = zip(removed.index, removed["user_id"], removed["condition"], strict=True)
    why = {at: survivors.refused(held_of(by_user[user]), going[user], said) for at, user, said in rows if said}
    held = [at for at, said in why.items() if said]
    changes.loc[held, "action"], changes.loc[held, "step"] = "blocked", 0
    changes.loc[held, "reason"] = [why[at] for at in held]
    changes.loc[held, "after"] = changes.loc[held, "before"]
    return changes
