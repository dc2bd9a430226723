"""The table of supported requests: verb, template, handler, the permissions that open it, how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from authops.demo.directory import (
    authorization_policy,
    conditional_access,
    delta,
    organization,
    risk,
    roles,
    schedules,
    users,
)
from authops.demo.directory.roles import Roles
from authops.demo.login import permissions as p
from authops.demo.methods import base, email, phone, preferences, temporary_access_pass
from authops.demo.methods.collections import adder, deleter, getter, lister
from authops.demo.methods.kinds import KINDS
from authops.demo.odata.calls import Answer
from authops.demo.reports import registration, sign_ins

if TYPE_CHECKING:
    from authops.demo.directory.groups import Groups
    from authops.demo.methods.policy import Policies
    from authops.demo.reports.audits import Audits
    from authops.demo.reports.registration import Reports

Row = tuple[str, str, Callable[..., Answer], frozenset[str]]
USER, AUTH = "/users/{}", "/users/{}/authentication"
_POLICY = "/policies/authenticationMethodsPolicy"
_ROLES = "/roleManagement/directory"


@dataclass(frozen=True, slots=True)
class Route:
    """One supported request: `{}` in the template stands for a key."""

    method: str
    template: str
    handler: Callable[..., Answer]
    permissions: frozenset[str]
    refusal: tuple[str, str]
    version: str = "v1.0"


@dataclass(frozen=True, slots=True)
class Served:
    """What holds a state of its own and answers for it."""

    reports: Reports
    groups: Groups
    policies: Policies
    audits: Audits


def table(served: Served) -> list[Route]:
    """Return every request that is served; what is served in v1.0 is served in beta too."""
    methods = [*_methods(served), *_generic(), *_collections("v1.0"), *_policies(served.policies)]
    directory = [*_directory(), *_groups(served.groups), *_directory_roles(Roles(served.groups))]
    return [
        *(Route(*row, p.AUTHENTICATION_REFUSAL) for row in methods),
        *(Route(*row, p.DIRECTORY_REFUSAL) for row in directory),
        *(Route(*row, p.REPORT_REFUSAL) for row in _reports(served)),
        *(Route(*row, p.CONDITIONAL_ACCESS_REFUSAL) for row in _conditional_access()),
        *(Route(*row, p.AUTHENTICATION_REFUSAL, "beta") for row in (*_beta(served), *_collections("beta"))),
        Route("GET", "/auditLogs/signIns", sign_ins.list_all, p.REPORTS, p.REPORT_REFUSAL, "beta"),
    ]


def _methods(served: Served) -> list[Row]:
    phones, emails = f"{AUTH}/phoneMethods", f"{AUTH}/emailMethods"
    passes = f"{AUTH}/temporaryAccessPassMethods"
    return [
        ("GET", AUTH, base.get_authentication, p.METHODS),
        ("GET", f"{AUTH}/methods", base.list_methods, p.METHODS),
        ("GET", f"{AUTH}/methods/{{}}", base.get_method, p.METHODS),
        ("GET", phones, phone.list_phones, p.PHONE_READ),
        ("POST", phones, phone.add_phone, p.PHONE_WRITE),
        ("GET", f"{phones}/{{}}", phone.get_phone, p.PHONE_READ),
        ("PATCH", f"{phones}/{{}}", phone.change_phone, p.PHONE_WRITE),
        ("DELETE", f"{phones}/{{}}", phone.delete_phone, p.PHONE_WRITE),
        ("POST", f"{phones}/{{}}/enableSmsSignIn", phone.enable_sms, p.PHONE_WRITE),
        ("POST", f"{phones}/{{}}/disableSmsSignIn", phone.disable_sms, p.PHONE_WRITE),
        ("GET", emails, email.list_emails, p.EMAIL_READ),
        ("POST", emails, email.add_email, p.EMAIL_WRITE),
        ("GET", f"{emails}/{{}}", email.get_email, p.EMAIL_READ),
        ("PATCH", f"{emails}/{{}}", email.change_email, p.EMAIL_WRITE),
        ("DELETE", f"{emails}/{{}}", email.delete_email, p.EMAIL_WRITE),
        ("POST", passes, temporary_access_pass.adder(served.policies), p.of_family("TAP")[1]),
    ]


def _generic() -> list[Row]:
    rows: list[Row] = []
    for segment in ("methods", "passwordMethods"):
        rows.append(("POST", f"{AUTH}/{segment}/{{}}/resetPassword", base.not_writable, p.NOBODY))
    for verb in ("PATCH", "PUT", "DELETE"):
        rows.append((verb, f"{AUTH}/methods/{{}}", base.not_writable, p.METHODS_WRITE))
    return rows


def _collections(since: str) -> list[Row]:
    """Return the requests on kinds that are listed and deleted, of those that `since` is the first version to know."""
    rows: list[Row] = []
    for kind in (kind for kind in KINDS if kind.since == since):
        where, (read, write) = f"{AUTH}/{kind.segment}", p.of_family(kind.family)
        one = where if kind.single else f"{where}/{{}}"
        rows.append(("GET", one, getter(kind), read))
        rows += [] if kind.single else [("GET", where, lister(kind), read)]
        rows += [("POST", where, adder(kind), write)] if kind.needed else []
        rows += [("DELETE", one, deleter(kind), write)] if kind.deletable else []
    return rows


def _policies(policies: Policies) -> list[Row]:
    configurations = f"{_POLICY}/authenticationMethodConfigurations"
    return [
        ("GET", _POLICY, policies.get, p.POLICY),
        ("PATCH", _POLICY, policies.change, p.POLICY_WRITE),
        ("GET", configurations, policies.list_all, p.POLICY),
        ("GET", f"{configurations}/{{}}", policies.get_configuration, p.POLICY),
        ("PATCH", f"{configurations}/{{}}", policies.change_configuration, p.POLICY_WRITE),
        ("DELETE", f"{configurations}/{{}}", policies.reset_configuration, p.POLICY_WRITE),
    ]


def _conditional_access() -> list[Row]:
    where = "/identity/conditionalAccess/policies"
    defaults = "/policies/identitySecurityDefaultsEnforcementPolicy"
    return [
        ("GET", where, conditional_access.list_policies, p.CONDITIONAL_ACCESS),
        ("GET", f"{where}/{{}}", conditional_access.get_policy, p.CONDITIONAL_ACCESS),
        ("GET", "/identity/conditionalAccess/namedLocations", conditional_access.list_locations, p.CONDITIONAL_ACCESS),
        ("GET", "/policies/authorizationPolicy", authorization_policy.get_policy, p.AUTHORIZATION),
        ("GET", defaults, conditional_access.get_security_defaults, p.SECURITY_DEFAULTS),
    ]


def _directory() -> list[Row]:
    return [
        ("GET", "/users", users.list_users, p.USERS),
        ("GET", "/users/$count", users.count_users, p.USERS_FULL),
        ("GET", "/users/delta", delta.delta, p.USERS),
        ("GET", USER, users.get_user, p.USERS),
        ("PATCH", USER, users.change_user, p.USERS_CHANGE),
        ("POST", f"{USER}/revokeSignInSessions", users.revoke_sessions, p.SESSIONS),
        ("GET", f"{USER}/manager", users.get_manager, p.USERS_FULL),
        ("GET", f"{USER}/directReports", users.list_reports, p.USERS_FULL),
        ("GET", f"{USER}/licenseDetails", organization.licence_details, p.USERS),
        ("GET", "/subscribedSkus", organization.list_skus, p.LICENCES),
        ("GET", "/organization", organization.list_organizations, p.ORGANIZATION),
        ("GET", "/organization/{}", organization.get_organization, p.ORGANIZATION),
        ("GET", "/domains", organization.list_domains, p.DOMAINS),
        ("GET", "/domains/{}", organization.get_domain, p.DOMAINS),
    ]


def _groups(groups: Groups) -> list[Row]:
    group = "/groups/{}"
    seen = p.GROUPS | p.USERS_FULL
    rows: list[Row] = [
        ("GET", "/groups", groups.list_groups, p.GROUPS),
        ("GET", group, groups.get_group, p.GROUPS),
        ("GET", f"{group}/owners", groups.owners, p.GROUPS),
        ("POST", f"{USER}/getMemberGroups", groups.get_member_groups, seen),
        ("POST", f"{USER}/getMemberObjects", groups.get_member_objects, seen),
        ("POST", f"{USER}/checkMemberGroups", groups.check_member_groups, seen),
        ("POST", f"{USER}/checkMemberObjects", groups.check_member_objects, seen),
        ("GET", "/directoryObjects/{}", groups.objects.get_object, p.DIRECTORY),
        ("POST", "/directoryObjects/getByIds", groups.objects.get_by_ids, p.DIRECTORY),
    ]
    rows += _cast(f"{group}/members", groups.members, p.GROUPS)
    rows += _cast(f"{group}/transitiveMembers", groups.transitive, p.GROUPS)
    rows += _cast(f"{group}/memberOf", groups.group_member_of, p.GROUPS)
    rows += _cast(f"{group}/transitiveMemberOf", groups.group_transitive_member_of, p.GROUPS)
    rows += _cast(f"{USER}/memberOf", groups.member_of, seen)
    return rows + _cast(f"{USER}/transitiveMemberOf", groups.transitive_member_of, seen)


def _cast(where: str, handler: Callable[..., Answer], permissions: frozenset[str]) -> list[Row]:
    """Return a collection of directory objects, whole and of one type only."""
    return [("GET", where, handler, permissions), ("GET", f"{where}/microsoft.graph.{{}}", handler, permissions)]


def _directory_roles(held: Roles) -> list[Row]:
    role, template = "/directoryRoles/{}", "/directoryRoles(roleTemplateId='{}')"
    return [
        ("GET", "/directoryRoles", held.list_roles, p.ROLES),
        ("GET", role, held.get_role, p.ROLES),
        ("GET", template, held.get_role, p.ROLES),
        *_cast(f"{role}/members", held.members, p.ROLES),
        *_cast(f"{template}/members", held.members, p.ROLES),
        ("GET", "/directoryRoleTemplates", roles.list_templates, p.ROLES),
        ("GET", "/directoryRoleTemplates/{}", roles.get_template, p.ROLES),
        ("GET", f"{_ROLES}/roleAssignments", held.assignments, p.ROLES),
        ("GET", f"{_ROLES}/roleAssignments/{{}}", held.get_assignment, p.ROLES),
        ("GET", f"{_ROLES}/roleDefinitions", roles.list_definitions, p.ROLES),
        ("GET", f"{_ROLES}/roleDefinitions/{{}}", roles.get_definition, p.ROLES),
        *_schedules(held),
        ("GET", "/identityProtection/riskyUsers", risk.list_risky, p.RISK),
    ]


def _schedules(held: Roles) -> list[Row]:
    forms = {
        "roleAssignmentSchedules": (schedules.ASSIGNMENT_SCHEDULE, p.ASSIGNMENT_SCHEDULES),
        "roleAssignmentScheduleInstances": (schedules.ASSIGNMENT_INSTANCE, p.ASSIGNMENT_SCHEDULES),
        "roleEligibilitySchedules": (schedules.ELIGIBILITY_SCHEDULE, p.ELIGIBILITY),
        "roleEligibilityScheduleInstances": (schedules.ELIGIBILITY_INSTANCE, p.ELIGIBILITY),
    }
    return [("GET", f"{_ROLES}/{name}", partial(held.schedule, form), opens) for name, (form, opens) in forms.items()]


def _reports(served: Served) -> list[Row]:
    report, audits = served.reports, served.audits
    details, audit = "/reports/authenticationMethods/userRegistrationDetails", "/auditLogs/directoryAudits"
    rows: list[Row] = [
        ("GET", details, report.list_all, p.REPORTS),
        ("GET", f"{details}/{{}}", report.get, p.REPORTS),
        ("GET", audit, audits.list_all, p.REPORTS),
        ("GET", f"{audit}/{{}}", audits.get, p.REPORTS),
    ]
    for what, count in (("Method", registration.by_method), ("Feature", registration.by_feature)):
        whole = f"/reports/authenticationMethods/usersRegisteredBy{what}"
        named = f"{whole}(includedUserTypes='{{}}',includedUserRoles='{{}}')"
        rows += [("GET", each, partial(count, report), p.REPORTS) for each in (whole, named)]
    return rows


def _beta(served: Served) -> list[Row]:
    default, requirements = f"{AUTH}/signInPreferences", f"{AUTH}/requirements"
    return [
        ("GET", default, preferences.get_preferences, p.METHODS),
        ("PATCH", default, partial(preferences.change_preferences, served.audits), p.METHODS_WRITE),
        ("GET", requirements, preferences.get_requirements, p.MFA_STATE_READ),
        ("PATCH", requirements, preferences.change_requirements, p.POLICY_WRITE),
    ]
