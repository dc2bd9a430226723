"""The table of supported requests: verb, template, handler, the permissions that open it, how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from authops.demo.directory import delta, groups, users
from authops.demo.login import permissions as p
from authops.demo.methods import base, email, phone, preferences
from authops.demo.methods.collections import COLLECTIONS, deleter, getter, lister
from authops.demo.methods.temporary_access_pass import adder
from authops.demo.reports import registration

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.directory.groups import Groups
    from authops.demo.methods.policy import Policies
    from authops.demo.odata.calls import Answer
    from authops.demo.reports.audits import Audits
    from authops.demo.reports.registration import Reports


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
    """Return every request that is served."""
    report, teams, policies, audits = served.reports, served.groups, served.policies, served.audits
    user, auth = "/users/{}", "/users/{}/authentication"
    phones, emails = f"{auth}/phoneMethods", f"{auth}/emailMethods"
    details = "/reports/authenticationMethods/userRegistrationDetails"
    policy = "/policies/authenticationMethodsPolicy"
    configuration = f"{policy}/authenticationMethodConfigurations/{{}}"
    counts = "/reports/authenticationMethods/usersRegisteredBy{}(includedUserTypes='{{}}',includedUserRoles='{{}}')"
    directory_roles = "/roleManagement/directory"
    user_cast = "microsoft.graph.user"
    rows: list[tuple[str, str, Callable[..., Answer], frozenset[str], tuple[str, str]]] = [
        ("GET", "/users", users.list_users, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/users/$count", users.count_users, p.USERS_FULL, p.DIRECTORY_REFUSAL),
        ("GET", user, users.get_user, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/organization", users.get_organization, p.ORGANIZATION, p.DIRECTORY_REFUSAL),
        ("GET", f"{auth}/methods", base.list_methods, p.METHODS, p.AUTHENTICATION_REFUSAL),
        ("GET", phones, phone.list_phones, p.PHONE_READ, p.AUTHENTICATION_REFUSAL),
        ("POST", phones, phone.add_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{phones}/{{}}", phone.get_phone, p.PHONE_READ, p.AUTHENTICATION_REFUSAL),
        ("PATCH", f"{phones}/{{}}", phone.change_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", f"{phones}/{{}}", phone.delete_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("POST", f"{phones}/{{}}/enableSmsSignIn", phone.enable_sms, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("POST", f"{phones}/{{}}/disableSmsSignIn", phone.disable_sms, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", emails, email.list_emails, p.EMAIL_READ, p.AUTHENTICATION_REFUSAL),
        ("POST", emails, email.add_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{emails}/{{}}", email.get_email, p.EMAIL_READ, p.AUTHENTICATION_REFUSAL),
        ("PATCH", f"{emails}/{{}}", email.change_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", f"{emails}/{{}}", email.delete_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", details, report.list_all, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", f"{details}/{{}}", report.get, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", counts.format("Method"), partial(registration.by_method, report), p.REPORTS, p.REPORT_REFUSAL),
        ("GET", counts.format("Feature"), partial(registration.by_feature, report), p.REPORTS, p.REPORT_REFUSAL),
        ("GET", "/auditLogs/directoryAudits", audits.list_all, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", policy, policies.get, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("PATCH", policy, policies.change, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", configuration, policies.get_configuration, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("PATCH", configuration, policies.change_configuration, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", configuration, policies.reset_configuration, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", "/users/delta", delta.delta, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", f"{user}/licenseDetails", users.licence_details, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/subscribedSkus", users.list_skus, p.LICENCES, p.DIRECTORY_REFUSAL),
        ("GET", "/groups", teams.list_groups, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}", teams.get_group, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}/members", teams.members, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"/groups/{{}}/members/{user_cast}", teams.member_users, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}/transitiveMembers", teams.transitive, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"/groups/{{}}/transitiveMembers/{user_cast}", teams.transitive_users, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"{directory_roles}/roleAssignments", teams.assignments, p.ROLES, p.DIRECTORY_REFUSAL),
        ("GET", f"{directory_roles}/roleDefinitions", groups.list_definitions, p.ROLES, p.DIRECTORY_REFUSAL),
        (
            "GET", f"{directory_roles}/roleEligibilityScheduleInstances", teams.eligibilities, p.ELIGIBILITY,
            p.DIRECTORY_REFUSAL,
        ),
        (
            "POST", f"{auth}/temporaryAccessPassMethods", adder(policies),
            p.of_collection("temporaryAccessPassMethods")[1], p.AUTHENTICATION_REFUSAL,
        ),
        ("GET", f"{auth}/methods/{{}}", base.get_method, p.METHODS, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{configuration.rpartition('/')[0]}", policies.list_all, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("GET", "/auditLogs/directoryAudits/{}", audits.get, p.REPORTS, p.REPORT_REFUSAL),
    ]  # fmt: skip
    for what, count in (("Method", registration.by_method), ("Feature", registration.by_feature)):
        whole = counts.format(what).partition("(")[0]
        rows.append(("GET", whole, partial(count, report), p.REPORTS, p.REPORT_REFUSAL))
    for segment in ("methods", "passwordMethods"):
        reset = f"{auth}/{segment}/{{}}/resetPassword"
        rows.append(("POST", reset, base.not_writable, p.NOBODY, p.AUTHENTICATION_REFUSAL))
    for verb in ("PATCH", "PUT", "DELETE"):
        one = f"{auth}/methods/{{}}"
        rows.append((verb, one, base.not_writable, p.METHODS_WRITE, p.AUTHENTICATION_REFUSAL))
    for segment in COLLECTIONS:
        where, key = f"{auth}/{segment}", f"{auth}/{segment}/{{}}"
        read, write = p.of_collection(segment)
        rows.append(("GET", where, lister(segment), read, p.AUTHENTICATION_REFUSAL))
        rows.append(("GET", key, getter(segment), read, p.AUTHENTICATION_REFUSAL))
        if segment != "passwordMethods":
            rows.append(("DELETE", key, deleter(segment), write, p.AUTHENTICATION_REFUSAL))
    default, requirements = f"{auth}/signInPreferences", f"{auth}/requirements"
    beta: list[tuple[str, str, Callable[..., Answer], frozenset[str], tuple[str, str], str]] = [
        ("GET", default, preferences.get_preferences, p.METHODS, p.AUTHENTICATION_REFUSAL, "beta"),
        (
            "PATCH",
            default,
            partial(preferences.change_preferences, audits),
            p.METHODS_WRITE,
            p.AUTHENTICATION_REFUSAL,
            "beta",
        ),
        ("GET", requirements, preferences.get_requirements, p.MFA_STATE_READ, p.AUTHENTICATION_REFUSAL, "beta"),
        ("PATCH", requirements, preferences.change_requirements, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL, "beta"),
    ]
    return [*(Route(*row) for row in rows), *(Route(*row) for row in beta)]
