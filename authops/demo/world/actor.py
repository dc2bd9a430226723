"""Who does something in the world, as the audit log will name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from authops.demo.world.tenant import new_id

if TYPE_CHECKING:
    from authops.demo.world.tenant import User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an application, or a person by UPN; and under which correlation id."""

    correlation_id: str
    app_id: str = ""
    person: str = ""

    def is_(self, user: User) -> bool:
        """Return whether it is that person."""
        return self.person.casefold() == str(user.profile["userPrincipalName"]).casefold()

    def initiated_by(self, space: str) -> dict[str, Any]:
        """Return the record's `initiatedBy`."""
        if self.person:
            who = {"id": new_id(space, self.person), "displayName": None, "userPrincipalName": self.person}
            return {"user": {**who, "ipAddress": None}, "app": None}
        app = {"appId": self.app_id, "displayName": "authops demo", "servicePrincipalName": None}
        return {"user": None, "app": {**app, "servicePrincipalId": new_id(space, f"principal/{self.app_id}")}}


class Witness(Protocol):
    """Whoever writes down what happens, and asks who did it."""

    actor: Actor
