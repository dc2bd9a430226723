"""The sky over a world: the demo tenant in this process, its people, what really happened to them, and when."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from authops.demo.login import permissions
from authops.demo.methods.temporary_access_pass import code
from authops.demo.wire.app import Front
from authops.demo.wire.build import build
from authops.demo.world.actor import Actor
from authops.demo.world.assumptions import Assumptions
from authops.demo.world.people import _blank, _give_phone, _profile
from authops.demo.world.tenant import ALTERNATE, EMAIL, MOBILE, OFFICE, Method, Refusal, User
from tests.homes import furnished
from tests.worlds import times
from tests.worlds.times import NOW

ROOT = "https://demo.localhost"
SLOTS = {"mobile": MOBILE, "alternateMobile": ALTERNATE, "office": OFFICE, "email": EMAIL}
PASS = "temporaryAccessPass"
SLOT_OF = {method_id: slot for slot, method_id in SLOTS.items()}
GUARDED_DEPARTMENT, OTHER_DEPARTMENT = "Legal", "Sales"
KEY_MODEL, OLD_KEY_MODEL = "2fc0579f-8113-47ea-b116-bb5a8db9202a", "cb69481e-8ff7-4039-93ec-0a2729a154a8"
# What satisfies a second factor and does not end by itself; our own list.
_STANDS = {"phone", "microsoftAuthenticator", "softwareOath", "fido2", "windowsHelloForBusiness"}
_A_PASS = {"temporaryAccessPass": None, "lifetimeInMinutes": 60, "isUsableOnce": True, "isUsable": True,
           "methodUsabilityReason": "EnabledByPolicy"}  # fmt: skip
_APPS = {
    "microsoftAuthenticator": {"displayName": "Phone"},
    "softwareOath": {"secretKey": None},
    "fido2": {"displayName": "Key", "aaGuid": KEY_MODEL, "model": "Key", "attestationLevel": "attested"},
    "fido2.2": {"displayName": "Old key", "aaGuid": OLD_KEY_MODEL, "model": "Old", "attestationLevel": "notAttested"},
    "windowsHelloForBusiness": {"displayName": "Laptop", "keyStrength": "normal"},
}


@dataclass(frozen=True)
class Person:
    """Somebody of a world, as the tenant knows them before anything happens."""

    number: int
    has: dict[str, str] = field(default_factory=dict)
    apps: tuple[str, ...] = ()
    default: str = ""
    admin: bool = False
    eligible: bool = False
    guest: bool = False
    disabled: bool = False
    protected: bool = False
    signs_in: bool = False

    @property
    def upn(self) -> str:
        return upn(self.number)

    @property
    def id(self) -> str:
        return user_id(self.upn)


def upn(number: int) -> str:
    return f"p{number:02d}@contoso.example"


@cache
def user_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


@dataclass
class Effect:
    """Something changed in the tenant: whose, which slot, from what to what, and through whom; of a pass its id.

    `strands`: the person had a second factor that stays, and has none any more.
    """

    at: float
    user: str
    slot: str
    before: str
    after: str
    by: str
    strands: bool = False


class _Memory:
    """A store that forgets people and keeps the audit log, both for one world."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []

    def save(self, user: dict[str, Any]) -> None: ...

    add = save

    def set(self, key: str, value: Any) -> None: ...

    def add_audit(self, audit_id: str, body: str) -> None:
        self.log.append((audit_id, body))

    def count_audits(self) -> int:
        return len(self.log)

    def audits(self) -> Iterator[tuple[str, str]]:
        yield from self.log


class Sky:
    """One demo tenant of this process; each world begins it anew."""

    def __init__(self, home: Path) -> None:
        self.world = build(furnished(home), (ROOT,), users=1)
        self.tenant, self.wire, self.login = self.world.tenant, self.world.app.state.wire, self.world.login
        self.front = Front(self.wire, self.login)
        self.tenant.now, self.tenant.stamp = NOW.true, self._stamp
        self.login.mint._now = lambda: times.true().timestamp()
        self._noted, self._preferring = self.tenant.observe, self.tenant.prefer
        self.tenant.observe, self.tenant.prefer = self._observe, self._prefer
        self._policy = dict(self.tenant.meta.get("policy", {}))
        self.fair()
        self.tenant.lag = self._lag

    def fair(self) -> None:
        """Good weather: nothing lags, and what was taken away is given back."""
        self.login.grant(permissions.DEFAULT)
        self.lag, self.lags_until, self.flaps, self.sees_now = 0.0, 0.0, False, False

    def late(self, seconds: float, *, flaps: bool) -> None:
        """From now on, for a while, reads lag behind writes; or every other one does."""
        self.lag, self.lags_until, self.flaps = seconds, NOW.true() + 60, flaps

    def _lag(self) -> float:
        return 0.0 if NOW.true() > self.lags_until or (self.flaps and self.sees_now) else self.lag

    @staticmethod
    def _stamp() -> str:
        return times.true().strftime("%Y-%m-%dT%H:%M:%SZ")

    def begin(self, people: list[Person], assume: dict[str, str], about: str = "numbers") -> None:
        """Hold just these people, in good weather, with nothing in any record."""
        self.about = about
        self.by, self.effects, self.guarded = "nobody", [], []
        self.effects: list[Effect]
        # (when, who, why): from when on somebody must not be touched.
        self.guarded: list[tuple[float, str, str]]
        # (when, who) was enabled again.
        self.enabled: list[tuple[float, str]] = []
        self.fair()
        self.tenant.store = _Memory()  # type: ignore[assignment]
        self.tenant.assume.change(Assumptions()._values | assume)
        self.tenant.populate([_user(person) for person in people])
        self.wire.log.clear()
        self.wire.dice = random.Random(1)
        audits = self.wire.audits
        audits._hidden.clear()
        audits._asked, audits._found = (), []
        self.wire.audits.actor = Actor("", self.tenant.meta["client_id"])
        self.wire.reports.__init__()  # type: ignore[misc]
        self.wire.memberships._made = -1
        self.login.mint._revoked = 0
        self.login.mint._good.clear()

    def _observe(self, user: User, before: dict[str, Method], after: dict[str, Method]) -> None:
        strands = _stands(before) and not _stands(after)
        for key in sorted({*before, *after}):
            old, new = _value(before.get(key)), _value(after.get(key))
            if old != new:
                slot = _slot(key, before.get(key) or after.get(key))
                self.effects.append(Effect(NOW.true(), user.id, slot, old, new, self.by, strands))
        if MOBILE in before and MOBILE in after:
            was, now = (str(methods[MOBILE].fields.get("smsSignInState")) for methods in (before, after))
            if was != now:
                self.effects.append(Effect(NOW.true(), user.id, "smsSignIn", was, now, self.by))
        self._noted(user, before, after)

    def _prefer(self, user: User, method_id: str, *, voice: bool) -> None:
        before = user.preferred
        self._preferring(user, method_id, voice=voice)
        self.effects.append(Effect(NOW.true(), user.id, "defaultMethod", before, user.preferred, self.by))

    def a_pass(self, user: str) -> tuple[str, str]:
        """(id, code) of the pass somebody truly has; ("", "") for none."""
        found = self.tenant.users.get(user)
        held = [m for m in found.methods.values() if m.kind == PASS] if found else []
        return (held[0].id, self.code(held[0].id)) if held else ("", "")

    def code(self, method_id: str) -> str:
        """What a person types for a pass."""
        length = self.wire.policies.current["configurations"]["TemporaryAccessPass"]["defaultLength"]
        return code(Method(method_id, PASS, {}), length)

    def values(self, user: str) -> dict[str, str]:
        """What somebody truly has."""
        found = self.tenant.users.get(user)
        return {} if found is None else {SLOT_OF[k]: _value(m) for k, m in found.methods.items() if k in SLOT_OF}

    @contextmanager
    def hands_of(self, who: str) -> Iterator[None]:
        earlier, self.by = self.by, who
        actor, self.wire.audits.actor = self.wire.audits.actor, Actor(str(uuid.uuid4()), person="admin@contoso.example")
        try:
            yield
        except Refusal:
            pass
        finally:
            self.by, self.wire.audits.actor = earlier, actor

    def turn(self, kind: str, number: int, fresh: Callable[[], str]) -> None:
        """Somebody else does something to a person."""
        user = self.tenant.find(upn(number))
        if user is None:
            return
        with self.hands_of("another"):
            getattr(self, f"_{kind.replace(' ', '_')}")(user, fresh)

    def _another_sets(self, user: User, fresh: Callable[[], str]) -> None:
        if self.about == "passes":
            self.tenant.put_pass(user, str(uuid.uuid4()), dict(_A_PASS) | {"startDateTime": self._stamp()})
        elif MOBILE in user.methods:
            self.tenant.change_phone(user, MOBILE, None, fresh())
        else:
            self.tenant.add_phone(user, "mobile", fresh())

    def _another_removes(self, user: User, _: Callable[[], str]) -> None:
        mine = {"passes": (PASS,), "cleanup": ("fido2", "softwareOath", "microsoftAuthenticator")}
        for method in [m for m in user.methods.values() if m.kind in mine.get(self.about, ())][:1]:
            self.tenant.delete_other(user, method.id, method.kind)
            return
        for method_id in (ALTERNATE, MOBILE, OFFICE):
            if method_id in user.methods:
                self.tenant.delete_phone(user, method_id)
                return

    def _person_registers(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.put_other(
            user, user_id(f"another of {user.id}"), "microsoftAuthenticator", dict(_APPS["microsoftAuthenticator"])
        )

    def _gets_a_role(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.appoint(user, ["Helpdesk Administrator"])
        self.guarded.append((NOW.true(), user.id, "admin"))

    def _gets_protected(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.change_profile(user, {"department": GUARDED_DEPARTMENT})
        self.guarded.append((NOW.true(), user.id, "group"))

    def _is_disabled(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.change_profile(user, {"accountEnabled": False})
        self.guarded.append((NOW.true(), user.id, "disabled"))

    def _is_enabled(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.change_profile(user, {"accountEnabled": True})
        self.enabled.append((NOW.true(), user.id))

    def _is_deleted(self, user: User, _: Callable[[], str]) -> None:
        self.tenant.leave(user)
        self.effects.append(Effect(NOW.true(), user.id, "", "", "", self.by))

    def _is_rehired(self, user: User, fresh: Callable[[], str]) -> None:
        self._is_deleted(user, fresh)
        name = user.profile["userPrincipalName"]
        again = _blank(
            user_id(f"again {name}"), _profile(f"Again {name[:3]}", name, "NL", OTHER_DEPARTMENT, "Clerk"), name
        )
        self.tenant.join(again)

    def _number_taken(self, user: User, _: Callable[[], str]) -> None:
        """Somebody else registers this person's planned number for signing in by SMS: the tenant will say 409."""
        self.tenant.settle(user, sms_policy=True)


def _slot(key: str, method: Method | None) -> str:
    """What a method is called in a plan: its kind, and which of many."""
    if method is None or key in SLOT_OF:
        return SLOT_OF.get(key, key)
    return PASS if method.kind == PASS else f"{method.kind}#{key}"


def _stands(methods: dict[str, Method]) -> bool:
    return any(method.kind in _STANDS for method in methods.values())


def _value(method: Method | None) -> str:
    if method is None:
        return ""
    if method.kind == PASS:
        return method.id
    return str(method.fields.get("phoneNumber") or method.fields.get("emailAddress") or "there")


def _user(person: Person) -> User:
    department = GUARDED_DEPARTMENT if person.protected else OTHER_DEPARTMENT
    profile = _profile(f"Person {person.number:02d}", person.upn, "NL", department, "Clerk")
    profile |= {"userType": "Guest" if person.guest else "Member", "accountEnabled": not person.disabled}
    user = _blank(person.id, profile, person.upn)
    for slot, value in person.has.items():
        if slot == "email":
            user.methods[EMAIL] = Method(EMAIL, "email", {"emailAddress": value}, "2026-01-12T08:30:00Z")
        else:
            _give_phone(user, SLOTS[slot], value, "ready" if slot == "mobile" and person.signs_in else "")
    for app in person.apps:
        key = user_id(f"{app} of {person.upn}")
        user.methods[key] = Method(key, app.partition(".")[0], dict(_APPS[app]), "2026-01-12T08:30:00Z")
    default = SLOTS.get(person.default) or user_id(f"{person.default} of {person.upn}")
    user.default = default if default in user.methods else None
    user.admin, user.eligible, user.sms_policy = person.admin, person.eligible, person.signs_in
    return user
