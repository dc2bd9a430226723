"""Groups and role assignments, as they follow from the people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authops.demo.world import names
from authops.demo.world.roles import HELD, NAMES, ROLES
from authops.demo.world.tenant import Refusal, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authops.demo.world.tenant import Tenant, User


_T_UNLICENSED = "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license."
_CREATED = "2024-02-01T09:00:00Z"


@dataclass(slots=True)
class Group:
    """A group: members by user id, and groups within it."""

    id: str
    name: str
    about: str
    members: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    assignable: bool = False

    def row(self) -> dict[str, Any]:
        """Return the group as Graph shows it."""
        shown = {"id": self.id, "displayName": self.name, "description": self.about, "securityEnabled": True}
        more = {"createdDateTime": _CREATED, "mailNickname": self.name.replace(" ", ""), "renewedDateTime": _CREATED}
        shown |= {"mailEnabled": False, "groupTypes": [], "isAssignableToRole": self.assignable or None, **more}
        return {**shown, "proxyAddresses": []}


class Memberships:
    """The groups and role assignments of one tenant, derived anew when people came, went, or were appointed."""

    def __init__(self, tenant: Tenant) -> None:
        """Look at `tenant`."""
        self.tenant, self._made = tenant, -1
        self._groups: dict[str, Group] = {}
        self._active: list[dict[str, Any]] = []
        self._eligible: list[dict[str, Any]] = []
        self._roles: dict[str, list[str]] = {}
        self._deep: dict[str, list[str]] = {}

    def _derive(self) -> None:
        tenant = self.tenant
        if self._made == tenant.staff_version:
            return
        self._made, space, living = tenant.staff_version, str(tenant.meta["seed"]), tenant.living()
        self._groups, self._deep = _groups(space, living), {}
        operators = self._groups[new_id(space, "group/role-operators")]
        self._active = list(_assignments(space, living, set(operators.members)))
        self._active.append(_assignment(space, operators.id, "Helpdesk Administrator"))
        self._eligible = [_assignment(space, u.id, _eligible_for(u)) for u in living if u.eligible]
        self._roles = {}
        for row in self._active:
            holders = self.deep(row["principalId"]) if row["principalId"] in self._groups else [row["principalId"]]
            for key in holders:
                self._roles.setdefault(key, []).append(NAMES[row["roleDefinitionId"]])

    @property
    def groups(self) -> dict[str, Group]:
        """The groups by id."""
        self._derive()
        return self._groups

    @property
    def active(self) -> list[dict[str, Any]]:
        """The active role assignments."""
        self._derive()
        return self._active

    @property
    def eligible(self) -> list[dict[str, Any]]:
        """The eligible role assignments; there are none without Entra ID P2."""
        if self.tenant.assume["tenant_licence"] != "premium":
            raise Refusal(400, "AadPremiumLicenseRequired", _T_UNLICENSED)
        self._derive()
        return self._eligible

    def roles(self, user_id: str) -> tuple[str, ...]:
        """Return the names of the roles somebody holds, directly or through a group."""
        self._derive()
        return tuple(self._roles.get(user_id, ()))

    def deep(self, group_id: str) -> list[str]:
        """Return the ids of a group's members at any depth, found once."""
        self._derive()
        if group_id in self._deep:
            return self._deep[group_id]
        found: dict[str, None] = {}
        waiting = [self._groups[group_id]]
        while waiting:
            group = waiting.pop(0)
            found |= dict.fromkeys([*group.members, *group.groups])
            waiting += [self._groups[inner] for inner in group.groups]
        return self._deep.setdefault(group_id, list(found))

    def of(self, member_id: str, *, deep: bool = False) -> list[Group]:
        """Return the groups that a user or group is in; `deep`: also those that these are in."""
        direct = [g for g in self.groups.values() if member_id in g.members or member_id in g.groups]
        above = [outer for g in direct for outer in self.of(g.id, deep=True)] if deep else []
        return list({g.id: g for g in (*direct, *above)}.values())

    def protected(self, user_id: str) -> bool:
        """Whether somebody is in a group that can hold roles."""
        return any(group.assignable for group in self.of(user_id, deep=True))


def _groups(space: str, living: list[User]) -> dict[str, Group]:
    named = {name: Group(new_id(space, f"group/{name}"), name, f"Everybody in {name}") for name in names.DEPARTMENTS}
    everybody = Group(new_id(space, "group/all-staff"), "All staff", "Every department")
    everybody.groups = [group.id for group in named.values()]
    glass = Group(new_id(space, "group/break-glass"), "Break glass", "Accounts that must always be able to sign in")
    sms = Group(new_id(space, "group/sms-sign-in"), "Frontline SMS sign-in", "Sign in with a text message")
    operators = Group(new_id(space, "group/role-operators"), "Helpdesk operators", "Holds a directory role")
    operators.assignable = True
    for number, user in enumerate(living):
        department = named.get(str(user.profile.get("department")))
        if department and user.profile.get("userType") != "Guest":
            department.members.append(user.id)
        glass.members += [user.id] if user.profile["displayName"] == "Svc Backup" else []
        sms.members += [user.id] if user.sms_policy else []
        operators.members += [user.id] if user.admin and not user.story and number % 5 == 0 else []
    return {group.id: group for group in (*named.values(), everybody, glass, sms, operators)}


def _assignments(space: str, living: list[User], by_group: set[str]) -> Iterator[dict[str, Any]]:
    roles = tuple(HELD)
    for number, user in enumerate(living):
        for role in user.appointed:
            yield _assignment(space, user.id, role)
        if user.admin and user.id not in by_group and not user.appointed:
            yield _assignment(space, user.id, roles[0] if user.story else roles[1 + number % (len(roles) - 1)])


def _eligible_for(user: User) -> str:
    """Who holds a lesser role may activate the highest."""
    return "Global Administrator" if user.admin else "User Administrator"


def _assignment(space: str, principal: str, role: str) -> dict[str, Any]:
    row = {"principalId": principal, "roleDefinitionId": ROLES[role], "directoryScopeId": "/"}
    return {"id": new_id(space, f"role/{principal}/{role}"), **row}
