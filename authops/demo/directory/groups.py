"""Groups and directory roles, as they follow from the people. Source: group-list-members, -list-transitivemembers;
rbacapplication-list-roleassignments, -list-roleeligibilityscheduleinstances; aad-advanced-queries for the casts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.directory.users import shown_user
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, no_such, paged, refuse_options
from authops.demo.world.roles import NAMES, ROLES
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.world.groups import Group, Memberships
    from authops.demo.world.tenant import Tenant

_FIELDS = frozenset({"id", "displayName", "description", "securityEnabled", "isAssignableToRole", "mailEnabled"})
_SIZES = (100, 999)
_NO_PROPERTY = "Parsing OData Select and Expand failed: Could not find a property named"


class Groups:
    """Requests on the groups and role assignments of one tenant."""

    def __init__(self, memberships: Memberships) -> None:
        """Answer from `memberships`."""
        self.memberships = memberships

    def of(self, _tenant: Tenant | None = None) -> dict[str, Group]:
        """Return the groups by id."""
        return self.memberships.groups

    def list_groups(self, call: Call) -> Answer:
        """List groups."""
        options = refuse_options(call, "$top", "$select", "$filter", "$count", "$skiptoken")
        rows = [group.row() for group in self.memberships.groups.values()]
        if "$filter" in options:
            equal = frozenset({"id", "displayName", "securityEnabled", "mailEnabled", "isAssignableToRole"})
            test = odata.parse(options["$filter"], odata.Rules(equal, frozenset({"displayName"})))
            rows = [row for row in rows if test(row)]
        return paged(call, rows, "groups", lambda row: _chosen(row, options), _SIZES)

    def get_group(self, call: Call, key: str) -> Answer:
        """Get one group."""
        options = refuse_options(call, "$select")
        shown = _chosen(self._group(key).row(), options)
        return Answer(body={"@odata.context": call.context("groups/$entity"), **shown})

    def members(self, call: Call, key: str) -> Answer:
        """List direct members: users and groups."""
        group = self._group(key)
        return self._objects(call, [*group.members, *group.groups], typed=True)

    def member_users(self, call: Call, key: str) -> Answer:
        """List direct members that are users."""
        return self._objects(call, self._group(key).members, typed=False)

    def transitive(self, call: Call, key: str) -> Answer:
        """List members at any depth."""
        return self._objects(call, self._deep(key), typed=True)

    def transitive_users(self, call: Call, key: str) -> Answer:
        """List users at any depth: a cast, so an advanced query."""
        if not (call.eventual and call.options.get("$count", "").lower() == "true"):
            raise odata.unsupported("The specified filter to the reference property query is currently not supported.")
        users = [key for key in self._deep(key) if key not in self.memberships.groups]
        return self._objects(call, users, typed=False)

    def assignments(self, call: Call) -> Answer:
        """List active role assignments."""
        return self._roles(call, self.memberships.active, "roleManagement/directory/roleAssignments")

    def eligibilities(self, call: Call) -> Answer:
        """List eligible role assignments."""
        return self._roles(call, self.memberships.eligible, "roleManagement/directory/roleEligibilityScheduleInstances")

    def _group(self, key: str) -> Group:
        found = self.memberships.groups.get(key.lower())
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return found

    def _deep(self, key: str) -> list[str]:
        return self.memberships.deep(self._group(key).id)

    def _objects(self, call: Call, ids: list[str], *, typed: bool) -> Answer:
        options = refuse_options(call, "$top", "$select", "$count", "$skiptoken")
        present = [key for key in ids if key in self.memberships.groups or call.tenant.find(key)]
        return paged(call, present, "directoryObjects", lambda key: self._object(call, key, typed, options), _SIZES)

    def _object(self, call: Call, key: str, typed: bool, options: dict[str, str]) -> dict[str, Any]:
        if key in self.memberships.groups:
            # A property that only users have is left out of a group.
            row = self.memberships.groups[key].row()
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
    return {"id": role, "displayName": NAMES[role], "isBuiltIn": True, "isEnabled": True}


def _chosen(row: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    if "$select" not in options:
        return row
    wanted = options["$select"].split(",")
    for name in wanted:
        if name not in _FIELDS:
            raise Refusal(400, "BadRequest", f"{_NO_PROPERTY} '{name}' on type 'microsoft.graph.group'.")
    return {name: row.get(name) for name in wanted}
