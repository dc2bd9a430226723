"""Every name that Graph's metadata has for a type is known: served, or named as missing; never "no such property"."""

from dataclasses import replace
from importlib import import_module

import pytest

# Collection → the typed SDK's model of what stands in it.
COLLECTIONS = {
    "/users": "user.User",
    "/groups": "group.Group",
    "/directoryRoles": "directory_role.DirectoryRole",
    "/roleManagement/directory/roleDefinitions": "unified_role_definition.UnifiedRoleDefinition",
    "/roleManagement/directory/roleAssignments": "unified_role_assignment.UnifiedRoleAssignment",
    "/roleManagement/directory/roleEligibilityScheduleInstances":
        "unified_role_eligibility_schedule_instance.UnifiedRoleEligibilityScheduleInstance",
    "/roleManagement/directory/roleAssignmentScheduleInstances":
        "unified_role_assignment_schedule_instance.UnifiedRoleAssignmentScheduleInstance",
    "/organization": "organization.Organization",
    "/domains": "domain.Domain",
    "/subscribedSkus": "subscribed_sku.SubscribedSku",
    "/auditLogs/directoryAudits": "directory_audit.DirectoryAudit",
    "/reports/authenticationMethods/userRegistrationDetails": "user_registration_details.UserRegistrationDetails",
    "/policies/authenticationMethodsPolicy": "authentication_methods_policy.AuthenticationMethodsPolicy",
    "/policies/authorizationPolicy": "authorization_policy.AuthorizationPolicy",
    "/directoryRoleTemplates": "directory_role_template.DirectoryRoleTemplate",
    "/identity/conditionalAccess/policies": "conditional_access_policy.ConditionalAccessPolicy",
}  # fmt: skip
PERMISSIONS = [
    "User.Read.All", "Group.Read.All", "Directory.Read.All", "RoleManagement.Read.Directory", "Domain.Read.All",
    "AuditLog.Read.All", "Policy.Read.All", "Organization.Read.All", "LicenseAssignment.Read.All",
]  # fmt: skip
# What says that the value, not the property, is wrong.
VALUE = ("is not a literal", "is not a date and time")


def names(model: str) -> list[str]:
    module, _, kind = model.partition(".")
    found = getattr(import_module(f"msgraph.generated.models.{module}"), kind)().get_field_deserializers()
    return [name for name in found if "@" not in name]


@pytest.fixture
def door(inside_door):
    return replace(inside_door, token=inside_door.world.login.issue_token(permissions=PERMISSIONS))


@pytest.mark.parametrize("where", COLLECTIONS)
def test_every_name_of_a_type_is_served_or_named(door, where) -> None:
    wrong = []
    for name in names(COLLECTIONS[where]):
        queries = {"$select": name}, {"$expand": name}, {"$filter": f"{name} eq 'x'"}, {"$orderby": name}
        for query in queries:
            answer = door.call("GET", where, params=query)
            said = "" if answer.status_code == 200 else answer.json()["error"]["message"]
            served = answer.status_code in (200, 501) or any(word in said for word in VALUE)
            if not served:
                wrong.append((query, answer.status_code, said))
    assert wrong == []


@pytest.mark.parametrize("where", COLLECTIONS)
def test_a_name_of_no_type_is_refused(door, where) -> None:
    asked = door.call("GET", where, params={"$select": "mood"})
    assert (asked.status_code, "'mood'" in asked.json()["error"]["message"]) == (400, True)
    for query in ({"$filter": "mood eq 'good'"}, {"$orderby": "mood"}):
        answer = door.call("GET", where, params=query)
        named = f"does not implement {next(iter(query))} " in answer.json()["error"]["message"]
        assert answer.status_code == 400 or named
