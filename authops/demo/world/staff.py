"""What happens to people while time goes by: they join, leave, move, register; somebody else changes their phone."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from authops.demo.world import passes, people
from authops.demo.world.actor import Actor
from authops.demo.world.roles import ROLES
from authops.demo.world.tenant import PHONE_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authops.demo.world.actor import Witness
    from authops.demo.world.tenant import Tenant, User

_SERVES = "EnabledByPolicy"
_VERBS = ("hire", "leave", "change", "phone", "appoint", "risk", "register", "pass")


class Staff:
    """The life of one tenant's people. Raises ValueError for what makes no sense."""

    def __init__(self, tenant: Tenant, audits: Witness) -> None:
        """Let `tenant` change, and `audits` know who did it."""
        self.tenant, self.audits = tenant, audits

    def turn(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let happen what `body` lists.

        `hire`: profiles with at least a displayName; `leave`: UPNs; `change`: UPN → profile properties;
        `appoint`: UPN → names of directory roles; `risk`: UPN → riskState;
        `phone`: {user, phoneType, phoneNumber or null, by} as another administrator would change it;
        `register`: {user, kind, properties that differ} as the person would register it;
        `pass`: the same, of people who sign in with the pass they were given, and register it then.
        """
        unknown = set(body) - set(_VERBS)
        if unknown:
            raise ValueError(f"unknown {sorted(unknown)}; there is {', '.join(_VERBS)}")
        hired = [self._hire(profile) for profile in body.get("hire", [])]
        for upn in body.get("leave", []):
            self.tenant.leave(self._user(upn))
        for upn, profile in body.get("change", {}).items():
            self.tenant.change_profile(self._user(upn), _known(profile))
        for upn, roles in body.get("appoint", {}).items():
            self.tenant.appoint(self._user(upn), _roles(roles))
        for upn, state in body.get("risk", {}).items():
            self.tenant.meta.setdefault("risky", {})[self._user(upn).id] = state
        for change in body.get("phone", []):
            self._phone(**change)
        for method in body.get("register", []):
            self._register(**method)
        for method in body.get("pass", []):
            if (why := self.enter(self._user(method["user"]))) != _SERVES:
                raise ValueError(f"the pass of {method['user']} does not serve: {why}")
            self._register(**method)
        return {"hired": [{"id": u.id, "userPrincipalName": u.profile["userPrincipalName"]} for u in hired]}

    def _user(self, key: str) -> User:
        found = self.tenant.find(key)
        if found is None:
            raise ValueError(f"there is no user {key!r}")
        return found

    def _hire(self, profile: dict[str, Any]) -> User:
        user = people.newcomer(_known(profile), str(self.tenant.meta["seed"]))
        if self.tenant.find(user.profile["userPrincipalName"]):
            raise ValueError(f"{user.profile['userPrincipalName']} is here already")
        self.tenant.join(user)
        return user

    def enter(self, user: User) -> str:
        """Let somebody sign in with their pass: `EnabledByPolicy`, or why it does not serve."""
        held = next((m for m in user.methods.values() if m.kind == passes.NAME), None)
        if held is None:
            return "WrongCode"
        seen = passes.usability(held.fields, self.tenant.stamp(), allowed=self.tenant.passes_allowed(user))
        if seen["isUsable"] and held.fields["isUsableOnce"]:
            self.tenant.use_up(user, held)
        return str(seen["methodUsabilityReason"])

    def _register(self, user: str, kind: str, **fields: Any) -> None:
        whose = self._user(user)
        with self._as(whose.profile["userPrincipalName"]):
            people.register(self.tenant, whose, kind, fields)

    @contextmanager
    def _as(self, person: str) -> Iterator[None]:
        """Who does it, for the audit log."""
        earlier, self.audits.actor = self.audits.actor, Actor(str(uuid.uuid4()), person=person)
        try:
            yield
        finally:
            self.audits.actor = earlier

    def _phone(self, user: str, phoneType: str, phoneNumber: str | None, by: str = "admin@contoso.example") -> None:  # noqa: N803
        whose, method_id = self._user(user), PHONE_IDS[phoneType]
        with self._as(by):
            if phoneNumber is None:
                self.tenant.delete_phone(whose, method_id)
            elif method_id in whose.methods:
                self.tenant.change_phone(whose, method_id, None, phoneNumber)
            else:
                self.tenant.add_phone(whose, phoneType, phoneNumber)


def _roles(names: list[str]) -> list[str]:
    unknown = set(names) - set(ROLES)
    if unknown:
        raise ValueError(f"no role {sorted(unknown)}; there is {', '.join(ROLES)}")
    return names


def _known(profile: dict[str, Any]) -> dict[str, Any]:
    unknown = set(profile) - people.PROPERTIES
    if unknown:
        raise ValueError(f"no property {sorted(unknown)}; there is {', '.join(sorted(people.PROPERTIES))}")
    return profile
