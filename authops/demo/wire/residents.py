"""The people of the world, as the login knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authops.demo.login.person import Person
from authops.demo.world.roles import ROLES

if TYPE_CHECKING:
    from authops.demo.world.groups import Memberships
    from authops.demo.world.tenant import Tenant, User

_SHOWN = 60


class Residents:
    """Looks people up for the login."""

    def __init__(self, tenant: Tenant, memberships: Memberships) -> None:
        """Look in `tenant`; `memberships` say who holds which role."""
        self.tenant, self.memberships = tenant, memberships

    def find(self, key: str) -> Person | None:
        """Return whoever has this id or user principal name."""
        user = self.tenant.find(key)
        return self._person(user) if user else None

    def some(self) -> list[Person]:
        """Return people to choose from: administrators first, then those with a story, then a few others."""
        first = sorted(self.tenant.living(), key=lambda u: (not u.admin, not u.story, u.profile["displayName"]))
        return [self._person(user) for user in first[:_SHOWN]]

    def _person(self, user: User) -> Person:
        roles = self.memberships.roles(user.id)
        upn, name = user.profile["userPrincipalName"], user.profile["displayName"]
        enabled, guest = bool(user.profile["accountEnabled"]), user.profile.get("userType") == "Guest"
        return Person(user.id, upn, name, enabled, guest, roles, tuple(ROLES[r] for r in roles), user.sessions)
