"""The world: users, their methods, and the rules Graph keeps. No HTTP here, and no clock but the one given."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authops.demo.world import numbers
from authops.demo.world.assumptions import Assumptions
from authops.demo.world.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Fixed ids: phoneAuthenticationMethod, emailAuthenticationMethod, passwordAuthenticationMethod resources.
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
ALTERNATE = "b6332ec1-7057-4abe-9331-3d72feddfe41"
OFFICE = "e37fc753-ff3b-4958-9484-eaa9425c82bc"
EMAIL = "3ddfcfc8-9383-446f-83cc-3ab9be4be18f"
PASSWORD = "28c10230-6103-485e-b985-444c60001490"  # noqa: S105 - an id Microsoft publishes
PHONE_IDS = {"mobile": MOBILE, "alternateMobile": ALTERNATE, "office": OFFICE}
PHONE_TYPES = {value: key for key, value in PHONE_IDS.items()}
# userPreferredMethodForSecondaryAuthentication, by the method that serves it.
PREFERRED = {MOBILE: "sms", ALTERNATE: "voiceAlternateMobile", OFFICE: "voiceOffice"}
KIND_PREFERRED = {"microsoftAuthenticator": "push", "softwareOath": "oath", "hardwareOath": "oath"}
_NOT_MFA = ("password", "email", "qrCodePin")
# Stands among the properties of somebody who moved, for having left.
LEFT = "@removed"

_T_DEFAULT_PHONE = (
    "The requested authentication method id of [{}] matches the user's current default authentication method,"
    " and cannot be deleted until the default authentication method is changed"
)
_T_DEFAULT = "Cannot delete default method with other methods configured. Please change default method before deletion."
_T_SMS_POLICY = "Cannot enable SMS sign-in on phone auth method as the credential policy is not enabled on user"


class Refusal(Exception):
    """Graph says no: an HTTP status, an error code and a text. The world may have changed all the same."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the three parts apart for the wire."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True)
class Method:
    """One registered method: kind is Graph's type name without `AuthenticationMethod`."""

    id: str
    kind: str
    fields: dict[str, Any]
    created: str | None = None


@dataclass(slots=True)
class User:
    """A directory user with methods; `past` holds superseded methods while reads may lag behind writes."""

    id: str
    profile: dict[str, Any]
    methods: dict[str, Method]
    default: str | None = None
    deleted: bool = False
    admin: bool = False
    eligible: bool = False
    sms_policy: bool = False
    voice: bool = False
    system_preferred: bool = True
    per_user_mfa: str = "disabled"
    story: str = ""
    # Directory roles given by name, and how often all sessions were revoked.
    appointed: list[str] = field(default_factory=list)
    sessions: int = 0
    past: list[tuple[float, dict[str, Method]]] = field(default_factory=list)

    @property
    def preferred(self) -> str:
        """The default as the registration report names it."""
        if self.default is None or self.default not in self.methods:
            return "none"
        if self.voice and self.default == MOBILE:
            return "voiceMobile"
        return PREFERRED.get(self.default) or KIND_PREFERRED.get(self.methods[self.default].kind, "none")

    def mfa(self) -> list[Method]:
        """Return the methods that count for multifactor authentication (email is SSPR only)."""
        return [m for m in self.methods.values() if m.kind not in _NOT_MFA]

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        methods = [[m.id, m.kind, m.fields, m.created] for m in self.methods.values()]
        names = ("id", "profile", "default", "deleted", "admin", "eligible", "sms_policy", "voice", "story",
                 "system_preferred", "per_user_mfa", "appointed", "sessions")  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "methods": methods}


def revive(document: dict[str, Any]) -> User:
    """Return the user a stored document describes."""
    methods = {m[0]: Method(*m) for m in document["methods"]}
    return User(**{**document, "methods": methods})


class Tenant:
    """One tenant: a population, who holds which SMS sign-in number, and the operations on methods."""

    def __init__(
        self,
        meta: dict[str, Any],
        users: list[User],
        *,
        now: Callable[[], float],
        stamp: Callable[[], str],
        assume: Assumptions | None = None,
        store: Store | None = None,
        lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Hold `users`; `now` and `stamp` tell seconds and the ISO time; `lag` is how late reads may be."""
        self.meta, self.now, self.stamp, self.lag = meta, now, stamp, lag
        self.assume, self.store = assume or Assumptions(), store or Store()
        # Whether the policy lets a user sign in by SMS.
        self.sms_sign_in_for: Callable[[User], bool] = lambda u: u.sms_policy and u.profile.get("userType") != "Guest"
        # Whether the policy lets a user use a temporary access pass.
        self.passes_allowed: Callable[[User], bool] = lambda _: True
        # Told of every change of a user's methods: the audit log.
        self.observe: Callable[[User, dict[str, Method], dict[str, Method]], None] = lambda *_: None
        # The ids of all passes that were ever given, also of those that are gone.
        self.passes_given: list[str] = []
        # Counts changes of anything, so that what was derived from the world can be kept until the next.
        self.version = 0
        # Counts changes of who is there and of their profiles.
        self.staff_version = 0
        self.populate(users)

    def populate(self, users: list[User]) -> None:
        """Hold these users and index them."""
        self.users = {u.id: u for u in users}
        self._living: list[User] | None = None
        self.version += 1
        self.staff_version += 1
        # When which properties of whom last changed, for delta, since the tenant was populated; all of a newcomer's.
        self.begun, self.moved = self.staff_version, dict[str, dict[str, int]]()
        self.leads: tuple[int, dict[str, User]] = (-1, {})
        self._by_upn = {u.profile["userPrincipalName"].lower(): u for u in users if not u.deleted}
        self._sms: dict[str, str] = {}
        for user in users:
            mobile = user.methods.get(MOBILE)
            if mobile and mobile.fields["smsSignInState"] == "ready":
                self._sms[numbers.fold(mobile.fields["phoneNumber"])] = user.id

    def living(self) -> list[User]:
        """Return users that are not soft-deleted, ordered by id."""
        if self._living is None:
            self._living = sorted((u for u in self.users.values() if not u.deleted), key=lambda u: u.id)
        return self._living

    def join(self, user: User) -> None:
        """Take somebody in."""
        self.store.add(user.document())
        self.users[user.id] = user
        self._moved(user, {"id", *user.profile})

    def leave(self, user: User) -> None:
        """Soft-delete somebody: nobody sees them, though they keep what they had."""
        user.deleted = True
        self._by_upn.pop(user.profile["userPrincipalName"].lower(), None)
        self.store.save(user.document())
        self._moved(user, {LEFT})

    def change_profile(self, user: User, profile: dict[str, Any]) -> None:
        """Change properties of the directory profile."""
        self._by_upn.pop(user.profile["userPrincipalName"].lower(), None)
        user.profile = {**user.profile, **profile}
        self.store.save(user.document())
        self._moved(user, profile)

    def _moved(self, user: User, names: Iterable[str]) -> None:
        if not user.deleted:
            self._by_upn[user.profile["userPrincipalName"].lower()] = user
        self._living = None
        self.version += 1
        self.staff_version += 1
        self.moved.setdefault(user.id, {}).update(dict.fromkeys(names, self.staff_version))

    def find(self, key: str) -> User | None:
        """Return a living user by object id or UPN; neither is case-sensitive."""
        user = self.users.get(key.lower()) or self._by_upn.get(key.lower())
        return None if user is None or user.deleted else user

    def view(self, user: User) -> dict[str, Method]:
        """Return the methods as a read sees them now, perhaps a little late."""
        if user.past:
            horizon = self.now() - self.lag()
            return next((methods for until, methods in user.past if until > horizon), user.methods)
        return user.methods

    def method(self, user: User, method_id: str, kind: str) -> Method:
        """Return one method as a read sees it."""
        found = self.view(user).get(method_id.lower())
        return found if found and found.kind == kind else self.unknown_method(method_id)

    def add_phone(self, user: User, phone_type: str, text: str) -> Method:
        """Add a phone (phoneMethods POST): not an existing type, and no alternate without mobile."""
        number = self._number(text, phone_type)
        if PHONE_IDS[phone_type] in user.methods:
            self._refuse("post_existing_type", f"The user already has a phone method of type {phone_type}.")
        if phone_type == "alternateMobile" and MOBILE not in user.methods:
            self._refuse("alternate_without_mobile", "An alternate mobile phone requires a mobile phone.")
        return self._put_phone(user, phone_type, number)

    def change_phone(self, user: User, method_id: str, phone_type: str | None, text: str | None) -> None:
        """Change a number (phoneMethods PATCH): the type is fixed, what is left out is kept."""
        current = self._mine(user, method_id, "phone")
        kind = current.fields["phoneType"]
        if phone_type not in (None, kind):
            raise Refusal(400, "badRequest", "The type of a phone cannot be changed.")
        self._put_phone(user, kind, current.fields["phoneNumber"] if text is None else self._number(text, kind))

    def delete_phone(self, user: User, method_id: str) -> None:
        """Delete a phone: alternate before mobile, and not the default while others exist."""
        current = self._mine(user, method_id, "phone")
        if current.id == MOBILE and ALTERNATE in user.methods:
            self._refuse(
                "mobile_before_alternate", "Cannot delete mobile without first deleting alternate mobile number."
            )
        self._guard_default(user, current)
        if current.id == MOBILE:
            self._release(user)
        self._drop(user, current)

    def sms_sign_in(self, user: User, method_id: str, *, enable: bool) -> None:
        """Enable or disable SMS sign-in (phoneAuthenticationMethod-enablesmssignin, -disablesmssignin)."""
        current = self._mine(user, method_id, "phone")
        if current.id != MOBILE:
            self._refuse("sms_wrong_type", "SMS sign-in is supported for the mobile phone only.")
        if not enable:
            self._release(user)
            self._write(user, self._with_state(current, "notEnabled"))
            return
        if not self.sms_sign_in_for(user):
            self._refuse("sms_outside_policy", _T_SMS_POLICY)
        if self._taken(user, current.fields["phoneNumber"]):
            raise Refusal(409, "phoneNumberNotUnique", self.assume["sms_taken_text"])
        self._sms[numbers.fold(current.fields["phoneNumber"])] = user.id
        self._write(user, self._with_state(current, "ready"))

    def put_email(self, user: User, address: str, *, create: bool) -> Method:
        """Add or change the one email method (self-service password reset only)."""
        if "@" not in address.strip("@") or " " in address:
            self._refuse("malformed_email", "The e-mail address is not valid.")
        if create and EMAIL in user.methods:
            self._refuse("second_email", "The user already has an email method.")
        created = self.stamp() if create else self._mine(user, EMAIL, "email").created
        return self._write(user, Method(EMAIL, "email", {"emailAddress": address}, created))

    def delete_email(self, user: User, method_id: str) -> None:
        """Delete the email method."""
        self._drop(user, self._mine(user, method_id, "email"))

    def delete_other(self, user: User, method_id: str, kind: str) -> None:
        """Delete a method that is neither phone nor e-mail: not the default while others exist."""
        current = self._mine(user, method_id, kind)
        self._guard_default(user, current)
        self._drop(user, current)

    def put_pass(self, user: User, method_id: str, fields: dict[str, Any]) -> Method:
        """Give a temporary access pass in place of any earlier one."""
        method = Method(method_id, "temporaryAccessPass", fields, self.stamp())
        self.passes_given.append(method_id)
        self._replace(user, {k: m for k, m in user.methods.items() if m.kind != method.kind} | {method_id: method})
        return method

    def use_up(self, user: User, held: Method) -> None:
        """Use up a pass that serves once. Entra writes it down as a sign-in, not as a change."""
        held.fields["methodUsabilityReason"] = "OneTimeUsed"
        self.settle(user)

    def put_other(self, user: User, method_id: str, kind: str, fields: dict[str, Any]) -> Method:
        """Register a method of a kind that has no rules of its own."""
        return self._write(user, Method(method_id, kind, fields, self.stamp()))

    def prefer(self, user: User, method_id: str, *, voice: bool) -> None:
        """Make a registered method the default; `voice`: by call rather than text."""
        self.settle(user, default=method_id, voice=voice)

    def settle(self, user: User, **preferences: Any) -> None:
        """Keep what a user is set to, such as sign-in preferences or requirements."""
        for name, value in preferences.items():
            setattr(user, name, value)
        self.version += 1
        self.store.save(user.document())

    def appoint(self, user: User, roles: list[str]) -> None:
        """Give somebody these directory roles and no others."""
        self.staff_version += 1
        self.settle(user, appointed=list(roles), admin=bool(roles))

    def sign_out(self, user: User) -> None:
        """Revoke all of somebody's sessions."""
        user.sessions += 1
        self.change_profile(user, {"signInSessionsValidFromDateTime": self.stamp()})

    def _mine(self, user: User, method_id: str, kind: str) -> Method:
        found = user.methods.get(method_id.lower())
        return found if found and found.kind == kind else self.unknown_method(method_id)

    def any_method(self, user: User, method_id: str) -> Method:
        """Return a method of whatever kind, as a read sees it."""
        return self.view(user).get(method_id.lower()) or self.unknown_method(method_id)

    def unknown_method(self, method_id: str) -> Method:
        """Refuse an id that no method of the user's has."""
        status, code = self.assume.refusal("method_not_found")
        raise Refusal(status, code, f"The authentication method {method_id} was not found for the user.")

    def _refuse(self, name: str, message: str) -> None:
        raise Refusal(*self.assume.refusal(name), message)

    def _number(self, text: str, phone_type: str) -> str:
        tight = self.assume["spaceless_number"] == "accepted"
        zero = self.assume["leading_zero"] == "accepted"
        number = numbers.parse(text, tight=tight, zero=zero, extension=phone_type == "office")
        if number is None:
            self._refuse("malformed_number", "The phone number is not in a valid format.")
        return str(number)

    def _put_phone(self, user: User, phone_type: str, number: str) -> Method:
        method_id = PHONE_IDS[phone_type]
        held = user.methods.get(method_id)
        state = self._sms_state(user, phone_type, number)
        fields = {"phoneNumber": number, "phoneType": phone_type, "smsSignInState": state}
        method = Method(method_id, "phone", fields, held.created if held else self.stamp())
        if state == "phoneNumberNotUnique" and self.assume["sms_taken_stores"] == "no":
            raise Refusal(409, "phoneNumberNotUnique", self.assume["sms_taken_text"])
        if phone_type == "mobile":
            self._hold(user, number, state)
        if user.default is None and self.assume["first_phone_becomes_default"] == "yes":
            user.default = method_id
        self._write(user, method)
        if state == "phoneNumberNotUnique":
            raise Refusal(409, "phoneNumberNotUnique", self.assume["sms_taken_text"])
        return method

    def _sms_state(self, user: User, phone_type: str, number: str) -> str:
        if phone_type != "mobile":
            return "notSupported"
        if not self.sms_sign_in_for(user):
            return "notAllowedByPolicy"
        return "phoneNumberNotUnique" if self._taken(user, number) else "ready"

    def _taken(self, user: User, number: str) -> bool:
        # Soft-deleted users keep their number, though nobody can see them in /users.
        return self._sms.get(numbers.fold(number), user.id) != user.id

    def _hold(self, user: User, number: str, state: str) -> None:
        self._release(user)
        if state == "ready":
            self._sms[numbers.fold(number)] = user.id

    def _release(self, user: User) -> None:
        mobile = user.methods.get(MOBILE)
        folded = numbers.fold(mobile.fields["phoneNumber"]) if mobile else ""
        if self._sms.get(folded) == user.id:
            del self._sms[folded]

    def _with_state(self, method: Method, state: str) -> Method:
        return Method(method.id, method.kind, {**method.fields, "smsSignInState": state}, method.created)

    def _guard_default(self, user: User, method: Method) -> None:
        anything = [m for m in user.methods.values() if m.kind != "password"]
        others = user.mfa() if self.assume["others_than_default"] == "mfa" else anything
        if user.default != method.id or not any(m.id != method.id for m in others):
            return
        phone = method.kind == "phone" and self.assume["default_refusal_text"] == "phone"
        raise Refusal(400, "badRequest", _T_DEFAULT_PHONE.format(method.id) if phone else _T_DEFAULT)

    def _write(self, user: User, method: Method) -> Method:
        self._replace(user, {**user.methods, method.id: method})
        return method

    def _drop(self, user: User, method: Method) -> None:
        remaining = {key: value for key, value in user.methods.items() if key != method.id}
        if user.default == method.id:
            # It was the last that could be one.
            user.default = None
        self._replace(user, remaining)

    def _replace(self, user: User, methods: dict[str, Method]) -> None:
        now, lag = self.now(), self.lag()
        user.past = [p for p in user.past if p[0] > now - lag] + ([(now, user.methods)] if lag else [])
        before, user.methods = user.methods, methods
        self.observe(user, before, methods)
        self.settle(user)


def new_id(space: str, name: str) -> str:
    """Return the id that this name always has, so that a tenant is repeatable to the byte."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"authops-demo/{space}/{name}"))
