"""Groups and directory roles, as they follow from the people. Source: group-list-members, -list-transitivemembers;
rbacapplication-list-roleassignments, -list-roleeligibilityscheduleinstances; aad-advanced-queries for the casts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authops.demo.directory.users import shown_user
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, no_such, paged, refuse_options
from authops.demo.world import names
from authops.demo.world.tenant import Refusal, Tenant, User, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authops.demo.odata.calls import Call

# Microsoft's own ids of built-in roles (permissions-reference).
ROLES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Authentication Administrator": "c4e39bd9-1100-46d3-8c65-fb160da0071f",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "Reports Reader": "4a5d8f65-41da-4de4-8968-e035b65339cf",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
}
_FIELDS = frozenset({"id", "displayName", "description", "securityEnabled", "isAssignableToRole", "mailEnabled"})
_SIZES = (100, 999)
_NO_PROPERTY = "Parsing OData Select and Expand failed: Could not find a property named"


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
        return {**shown, "mailEnabled": False, "groupTypes": [], "isAssignableToRole": self.assignable or None}


class Groups:
    """The groups and role assignments of one tenant, derived anew when people came or went."""

    def __init__(self) -> None:
        """Begin with none."""
        self._made = -1
        self._groups: dict[str, Group] = {}
        self._active: list[dict[str, Any]] = []
        self._eligible: list[dict[str, Any]] = []

    def of(self, tenant: Tenant) -> dict[str, Group]:
        """Return the groups by id."""
        if self._made != tenant.staff_version:
            self._made, space = tenant.staff_version, str(tenant.meta["seed"])
            living = tenant.living()
            self._groups = _groups(space, living)
            operators = self._groups[new_id(space, "group/role-operators")]
            self._active = list(_assignments(space, living, set(operators.members)))
            self._active.append(_assignment(space, operators.id, "Helpdesk Administrator"))
            self._eligible = [_assignment(space, u.id, "User Administrator") for u in living if u.eligible]
        return self._groups

    def list_groups(self, call: Call) -> Answer:
        """List groups."""
        options = refuse_options(call, "$top", "$select", "$filter", "$count", "$skiptoken")
        rows = [group.row() for group in self.of(call.tenant).values()]
        if "$filter" in options:
            equal = frozenset({"id", "displayName", "securityEnabled", "mailEnabled", "isAssignableToRole"})
            test = odata.parse(options["$filter"], odata.Rules(equal, frozenset({"displayName"})))
            rows = [row for row in rows if test(row)]
        return paged(call, rows, "groups", lambda row: _chosen(row, options), _SIZES)

    def get_group(self, call: Call, key: str) -> Answer:
        """Get one group."""
        options = refuse_options(call, "$select")
        shown = _chosen(self._group(call, key).row(), options)
        return Answer(body={"@odata.context": call.context("groups/$entity"), **shown})

    def members(self, call: Call, key: str) -> Answer:
        """List direct members: users and groups."""
        group = self._group(call, key)
        return self._objects(call, [*group.members, *group.groups], typed=True)

    def member_users(self, call: Call, key: str) -> Answer:
        """List direct members that are users."""
        return self._objects(call, self._group(call, key).members, typed=False)

    def transitive(self, call: Call, key: str) -> Answer:
        """List members at any depth."""
        return self._objects(call, self._deep(call, key), typed=True)

    def transitive_users(self, call: Call, key: str) -> Answer:
        """List users at any depth: a cast, so an advanced query."""
        if not (call.eventual and call.options.get("$count", "").lower() == "true"):
            raise odata.unsupported("The specified filter to the reference property query is currently not supported.")
        users = [key for key in self._deep(call, key) if key not in self._groups]
        return self._objects(call, users, typed=False)

    def assignments(self, call: Call) -> Answer:
        """List active role assignments."""
        self.of(call.tenant)
        return self._roles(call, self._active, "roleManagement/directory/roleAssignments")

    def eligibilities(self, call: Call) -> Answer:
        """List eligible role assignments."""
        self.of(call.tenant)
        return self._roles(call, self._eligible, "roleManagement/directory/roleEligibilityScheduleInstances")

    def _group(self, call: Call, key: str) -> Group:
        found = self.of(call.tenant).get(key.lower())
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return found

    def _deep(self, call: Call, key: str) -> list[str]:
        found: dict[str, None] = {}
        waiting = [self._group(call, key)]
        while waiting:
            group = waiting.pop(0)
            found |= dict.fromkeys([*group.members, *group.groups])
            waiting += [self._groups[inner] for inner in group.groups]
        return list(found)

    def _objects(self, call: Call, ids: list[str], *, typed: bool) -> Answer:
        options = refuse_options(call, "$top", "$select", "$count", "$skiptoken")
        present = [key for key in ids if key in self._groups or call.tenant.find(key)]
        return paged(call, present, "directoryObjects", lambda key: self._object(call, key, typed, options), _SIZES)

    def _object(self, call: Call, key: str, typed: bool, options: dict[str, str]) -> dict[str, Any]:
        if key in self._groups:
            # A property that only users have is left out of a group.
            row = self._groups[key].row()
            wanted = options.get("$select", ",".join(row)).split(",")
            return {"@odata.type": "#microsoft.graph.group", **{k: row[k] for k in wanted if k in row}}
        shown = shown_user(call, call.tenant.users[key], options)
        return {"@odata.type": "#microsoft.graph.user", **shown} if typed else shown

    def _roles(self, call: Call, rows: list[dict[str, Any]], what: str) -> Answer:
        options = refuse_options(call, "$top", "$filter", "$expand", "$select", "$skiptoken")
        if "$filter" in options:
            test = odata.parse(options["$filter"], odata.Rules(frozenset({"roleDefinitionId", "principalId"})))
            rows = [row for row in rows if test(row)]
        wanted = {name.strip() for name in options.get("$expand", "").split(",") if name.strip()}
        if wanted - {"principal", "roleDefinition"} or len(wanted) > 1:
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement $expand={wanted} on {call.path}.")
        named = options.get("$select", ",".join(rows[0] if rows else ())).split(",")
        for name in named:
            if rows and name not in rows[0]:
                raise Refusal(400, "BadRequest", f"{_NO_PROPERTY} '{name}' on type 'microsoft.graph.{what}'.")

        def full(row: dict[str, Any]) -> dict[str, Any]:
            shown = {name: row[name] for name in named}
            if "principal" in wanted:
                shown["principal"] = self._object(call, row["principalId"], True, {})
            if "roleDefinition" in wanted:
                shown["roleDefinition"] = _definition(row["roleDefinitionId"])
            return shown

        return paged(call, rows, what, full, _SIZES)


def list_definitions(call: Call) -> Answer:
    """List the built-in roles that are used here."""
    refuse_options(call)
    rows = [_definition(key) for key in ROLES.values()]
    return paged(call, rows, "roleManagement/directory/roleDefinitions", dict, _SIZES)


def _definition(role: str) -> dict[str, Any]:
    name = next(name for name, key in ROLES.items() if key == role)
    return {"id": role, "displayName": name, "isBuiltIn": True, "isEnabled": True}


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
    roles = tuple(ROLES)
    for number, user in enumerate(living):
        if user.admin and user.id not in by_group:
            yield _assignment(space, user.id, roles[0] if user.story else roles[1 + number % (len(roles) - 1)])


def _assignment(space: str, principal: str, role: str) -> dict[str, Any]:
    row = {"principalId": principal, "roleDefinitionId": ROLES[role], "directoryScopeId": "/"}
    return {"id": new_id(space, f"role/{principal}/{role}"), **row}


def _chosen(row: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    if "$select" not in options:
        return row
    wanted = options["$select"].split(",")
    for name in wanted:
        if name not in _FIELDS:
            raise Refusal(400, "BadRequest", f"{_NO_PROPERTY} '{name}' on type 'microsoft.graph.group'.")
    return {name: row.get(name) for name in wanted}
