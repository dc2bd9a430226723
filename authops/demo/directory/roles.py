"""Requests on directory roles: activated ones with members, definitions, assignments, eligibility.

Source: directoryrole-list, -list-members; rbacapplication-list-roleassignments, -list-roledefinitions,
-list-roleeligibilityscheduleinstances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.directory import schedules
from authops.demo.directory.objects import role_row
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, no_such, paged, refuse_options
from authops.demo.odata.elsewhere import ELSEWHERE
from authops.demo.world.roles import NAMES, ROLES
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.directory.groups import Groups
    from authops.demo.odata.calls import Call

_SIZES = (100, 999)
_ROLE_FIELDS = ("id", "deletedDateTime", "displayName", "description", "roleTemplateId")
_DEFINITION_FIELDS = (
    "id", "displayName", "isBuiltIn", "isEnabled", "description", "templateId", "version", "resourceScopes",
    "rolePermissions", "inheritsPermissionsFrom",
)  # fmt: skip
_ASKED = frozenset({"roleDefinitionId", "principalId", "directoryScopeId", "id"})


class Roles:
    """Requests on the directory roles of one tenant."""

    def __init__(self, groups: Groups) -> None:
        """Show members as `groups` shows them."""
        self.objects, self.memberships = groups.objects, groups.memberships

    def list_roles(self, call: Call) -> Answer:
        """List the roles that are activated: those that somebody holds."""
        options = refuse_options(call, "$select", "$filter", "$count", "$expand")
        held = dict.fromkeys(row["roleDefinitionId"] for row in self.memberships.active)
        rows = [role_row(role) for role in held]
        if "$filter" in options:
            test = odata.parse(
                options["$filter"],
                odata.Rules(
                    frozenset({"roleTemplateId", "displayName"}),
                    known=frozenset(_ROLE_FIELDS) | ELSEWHERE["directoryRole"],
                ),
            )
            rows = [row for row in rows if test(row)]
        wanted = chosen(call, _ROLE_FIELDS, "directoryRole") or _ROLE_FIELDS
        expand = self.objects.expanded(call, {"members": self._holders})

        def shown(row: dict[str, Any]) -> dict[str, Any]:
            return {**{name: row[name] for name in wanted}, **expand(row["id"])}

        return paged(call, rows, "directoryRoles", shown, _SIZES)

    def _holders(self, role: str) -> list[str]:
        return [row["principalId"] for row in self.memberships.active if row["roleDefinitionId"] == role]

    def get_role(self, call: Call, key: str) -> Answer:
        """Get an activated role by its id or its template's."""
        refuse_options(call, "$select", "$expand")
        row = role_row(self._role(key))
        wanted = chosen(call, _ROLE_FIELDS, "directoryRole") or _ROLE_FIELDS
        shown = {name: row[name] for name in wanted}
        more = self.objects.expanded(call, {"members": self._holders})(row["id"])
        return Answer(body={"@odata.context": call.context("directoryRoles/$entity"), **shown, **more})

    def members(self, call: Call, key: str, cast: str = "") -> Answer:
        """List who holds a role."""
        return self.objects.listed(call, self._holders(self._role(key)), cast)

    def _role(self, key: str) -> str:
        if not any(row["roleDefinitionId"] == key.lower() for row in self.memberships.active):
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return key.lower()

    def assignments(self, call: Call) -> Answer:
        """List active role assignments."""
        return self._listed(call, self.memberships.active, schedules.ASSIGNMENT)

    def schedule(self, form: schedules.Form, call: Call) -> Answer:
        """List what is active, or eligible, as its schedules or their instances."""
        eligible = "Eligibility" in form.kind
        return self._listed(call, self.memberships.eligible if eligible else self.memberships.active, form)

    def get_assignment(self, call: Call, key: str) -> Answer:
        """Get one active role assignment."""
        refuse_options(call, "$select")
        found = next((row for row in self.memberships.active if row["id"] == key.lower()), None)
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        wanted = chosen(call, schedules.ASSIGNMENT.fields, schedules.ASSIGNMENT.kind) or schedules.ASSIGNMENT.fields
        context = call.context("roleManagement/directory/roleAssignments/$entity")
        row = schedules.ASSIGNMENT.row(found)
        return Answer(body={"@odata.context": context, **{name: row[name] for name in wanted}})

    def _listed(self, call: Call, held: list[dict[str, Any]], form: schedules.Form) -> Answer:
        options = refuse_options(call, "$top", "$filter", "$expand", "$select", "$skiptoken")
        rows = [form.row(row) for row in held]
        if "$filter" in options:
            known = frozenset(form.fields) | ELSEWHERE.get(form.kind, frozenset())
            test = odata.parse(options["$filter"], odata.Rules(_ASKED, known=known, advanced=None))
            rows = [row for row in rows if test(row)]
        expand = _expansion(call, options)
        wanted = chosen(call, form.fields, form.kind) or form.fields

        def full(row: dict[str, Any]) -> dict[str, Any]:
            shown = {name: row[name] for name in wanted}
            if expand == "principal":
                shown["principal"] = self.objects.one(call, row["principalId"], whole=True)
            if expand == "roleDefinition":
                shown["roleDefinition"] = _definition(row["roleDefinitionId"])
            return shown

        return paged(call, rows, call.path.lstrip("/"), full, _SIZES)


def _expansion(call: Call, options: dict[str, str]) -> str | None:
    """Return what is expanded: one of two, never both (rbacapplication-list-roleassignments)."""
    if "$expand" not in options:
        return None
    found = odata.canonical(options["$expand"].strip(), ("principal", "roleDefinition"))
    if found is None:
        what = f"$expand={options['$expand']} on {call.path}"
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")
    return found


def list_definitions(call: Call) -> Answer:
    """List the built-in roles that are used here."""
    options = refuse_options(call, "$select", "$filter", "$top", "$skiptoken", "$orderby")
    rows = [_definition(key) for key in ROLES.values()]
    if "$filter" in options:
        equal = frozenset({"id", "displayName", "isBuiltIn", "isEnabled", "templateId"})
        rules = odata.Rules(
            equal,
            frozenset({"displayName"}),
            known=frozenset(_DEFINITION_FIELDS) | ELSEWHERE["unifiedRoleDefinition"],
            advanced=None,
        )
        test = odata.parse(options["$filter"], rules)
        rows = [row for row in rows if test(row)]
    if "$orderby" in options:
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement $orderby on {call.path}.")
    wanted = chosen(call, _DEFINITION_FIELDS, "unifiedRoleDefinition")
    shown = rows if wanted is None else [{name: row.get(name) for name in wanted} for row in rows]
    return paged(call, shown, "roleManagement/directory/roleDefinitions", dict, _SIZES)


def get_definition(call: Call, key: str) -> Answer:
    """Get one built-in role."""
    refuse_options(call, "$select")
    if key.lower() not in NAMES:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    row, wanted = _definition(key.lower()), chosen(call, _DEFINITION_FIELDS, "unifiedRoleDefinition")
    shown = row if wanted is None else {name: row.get(name) for name in wanted}
    return Answer(body={"@odata.context": call.context("roleManagement/directory/roleDefinitions/$entity"), **shown})


def _definition(role: str) -> dict[str, Any]:
    known = {"id": role, "displayName": NAMES[role], "isBuiltIn": True, "isEnabled": True}
    return {**known, "templateId": role, "resourceScopes": ["/"], "version": "1"}


_TEMPLATE_FIELDS = ("id", "deletedDateTime", "displayName", "description")


def list_templates(call: Call) -> Answer:
    """List what roles could be activated, whether somebody holds them or not."""
    refuse_options(call, "$select")
    rows = [_template(call, role) for role in ROLES.values()]
    return Answer(body={"@odata.context": call.context("directoryRoleTemplates"), "value": rows})


def get_template(call: Call, key: str) -> Answer:
    """Get one template of a role."""
    refuse_options(call, "$select")
    if key.lower() not in NAMES:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    context = call.context("directoryRoleTemplates/$entity")
    return Answer(body={"@odata.context": context, **_template(call, key.lower())})


def _template(call: Call, role: str) -> dict[str, Any]:
    wanted = chosen(call, _TEMPLATE_FIELDS, "directoryRoleTemplate") or _TEMPLATE_FIELDS
    return {name: role_row(role)[name] for name in wanted}
