"""Every request authops makes of Graph, with the path that msgraph-sdk's own builders give it.

A builder is asked once per kind, with a stand-in for the user; building thousands is then a matter of text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from authops.graph.answer import Request

_USER_FIELDS: Final = [
    "id",
    "userPrincipalName",
    "displayName",
    "accountEnabled",
    "userType",
    "department",
    "usageLocation",
]
_PROFILE_FIELDS: Final = [
    "mobilePhone",
    "businessPhones",
    "mail",
    "otherMails",
    "createdDateTime",
    "assignedLicenses",
]
_HOLDER_FIELDS: Final = ["mobilePhone", "businessPhones", "otherMails", "assignedLicenses"]
_STAND_IN: Final = "stand-in-for-the-user"
_BASE: Final = "https://graph"


def users() -> Request:
    """All users, 999 to a page (Graph: list users)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    query = Builder.UsersRequestBuilderGetQueryParameters(select=_USER_FIELDS, top=999)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def people() -> Request:
    """All users with their licences, 999 to a page (Graph: list users)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    query = Builder.UsersRequestBuilderGetQueryParameters(select=[*_USER_FIELDS, "assignedLicenses"], top=999)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def holders(more: Sequence[str] = (), top: int = 999) -> Request:
    """All users with what the retirement asks of them, and `more` properties (Graph: list users)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    asked = [*_USER_FIELDS, *_HOLDER_FIELDS, *more]
    query = Builder.UsersRequestBuilderGetQueryParameters(select=asked, top=top)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def one_with(property: str) -> Request:
    """A single user with one property, to see whether it may be read at all."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    query = Builder.UsersRequestBuilderGetQueryParameters(select=["id", property], top=1)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def profile_phones(user_id: str) -> Request:
    """The phones in a user's directory profile, which are not methods (Graph: get user)."""
    return Request("GET", _for_user(_profile_phones_path(), user_id))


def profiles(filter: str = "") -> Request:
    """All users, or those of an OData filter, with what their profiles say (Graph: list users, advanced queries)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    asked: dict[str, Any] = {"filter": filter, "count": True} if filter else {}
    query = Builder.UsersRequestBuilderGetQueryParameters(select=_USER_FIELDS + _PROFILE_FIELDS, top=999, **asked)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))), advanced=bool(filter))


def addresses() -> Request:
    """All users with every address they have, 999 to a page (Graph: list users)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    chosen = [*_USER_FIELDS, "mail", "otherMails", "proxyAddresses"]
    query = Builder.UsersRequestBuilderGetQueryParameters(select=chosen, top=999)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def by_mail(address: str) -> Request:
    """Who has this as mail (Graph: list users; `mail` is filtered by eq without advanced queries)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    escaped = address.replace("'", "''")
    query = Builder.UsersRequestBuilderGetQueryParameters(filter=f"mail eq '{escaped}'", select=["id"])
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))))


def subscribed_skus() -> Request:
    """The licences a tenant has (Graph: list subscribedSkus); Organization.Read.All."""
    return Request("GET", _path(_api().subscribed_skus.to_get_request_information()))


def user(name: str) -> Request:
    """One user by object id or UPN; a guest's `#` is encoded (Graph: get user)."""
    return Request("GET", _for_user(_user_path(), name))


def sessions(user_id: str) -> Request:
    """Since when a user's sessions count (Graph: get user; only where it is selected)."""
    return Request("GET", _for_user(_sessions_path(), user_id))


def revoking(user_id: str) -> str:
    """The path that ends all sessions of a user (Graph: user, revokeSignInSessions)."""
    return _for_user(_revoking_path(), user_id)


def manager(user_id: str) -> Request:
    """A user's manager (Graph: list manager)."""
    return Request("GET", _for_user(_manager_path(), user_id))


@cache
def risky_users() -> Request:
    """Who is at risk, or confirmed compromised (Graph: list riskyUsers); IdentityRiskyUser.Read.All, P2."""
    from msgraph.generated.identity_protection.risky_users.risky_users_request_builder import (
        RiskyUsersRequestBuilder as Builder,
    )

    said = "riskState eq 'atRisk' or riskState eq 'confirmedCompromised'"
    query = Builder.RiskyUsersRequestBuilderGetQueryParameters(filter=said, select=["id"], top=500)
    return Request("GET", _path(_api().identity_protection.risky_users.to_get_request_information(_with(query))))


def registrations(top: int | None = 999) -> Request:
    """The registration report (Graph: list userRegistrationDetails); 999 to a page is practice, not documented.

    `top` None: as many as Graph itself likes.
    """
    builder = _api().reports.authentication_methods.user_registration_details
    from msgraph.generated.reports.authentication_methods.user_registration_details import (
        user_registration_details_request_builder as module,
    )

    query = module.UserRegistrationDetailsRequestBuilder.UserRegistrationDetailsRequestBuilderGetQueryParameters(
        top=top
    )
    return Request("GET", _path(builder.to_get_request_information(_with(query))))


@cache
def user_count() -> Request:
    """How many users there are, beside one of them (Graph: advanced queries)."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder as Builder

    query = Builder.UsersRequestBuilderGetQueryParameters(select=["id"], top=1, count=True)
    return Request("GET", _path(_api().users.to_get_request_information(_with(query))), advanced=True)


@cache
def role_assignments() -> Request:
    """Active directory roles with who holds them (Graph: list unifiedRoleAssignments)."""
    from msgraph.generated.role_management.directory.role_assignments import (
        role_assignments_request_builder as module,
    )

    query = module.RoleAssignmentsRequestBuilder.RoleAssignmentsRequestBuilderGetQueryParameters(expand=["principal"])
    builder = _api().role_management.directory.role_assignments
    return Request("GET", _path(builder.to_get_request_information(_with(query))))


@cache
def role_eligibilities() -> Request:
    """Roles that somebody may activate (Graph: list roleEligibilityScheduleInstances)."""
    from msgraph.generated.role_management.directory.role_eligibility_schedule_instances import (
        role_eligibility_schedule_instances_request_builder as module,
    )

    kind = module.RoleEligibilityScheduleInstancesRequestBuilder
    query = kind.RoleEligibilityScheduleInstancesRequestBuilderGetQueryParameters(expand=["principal"])
    builder = _api().role_management.directory.role_eligibility_schedule_instances
    return Request("GET", _path(builder.to_get_request_information(_with(query))))


def role_definitions() -> Request:
    """What the directory roles are called (Graph: list roleDefinitions)."""
    from msgraph.generated.role_management.directory.role_definitions import (
        role_definitions_request_builder as module,
    )

    kind = module.RoleDefinitionsRequestBuilder.RoleDefinitionsRequestBuilderGetQueryParameters
    builder = _api().role_management.directory.role_definitions
    return Request("GET", _path(builder.to_get_request_information(_with(kind(select=["id", "displayName"])))))


@cache
def group_named(name: str) -> Request:
    """The groups of that name (Graph: list groups)."""
    from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder as Builder

    escaped = name.replace("'", "''")
    query = Builder.GroupsRequestBuilderGetQueryParameters(
        filter=f"displayName eq '{escaped}'", select=["id", "displayName"]
    )
    return Request("GET", _path(_api().groups.to_get_request_information(_with(query))))


@cache
def group(group_id: str) -> Request:
    """A group's name (Graph: get group)."""
    from msgraph.generated.groups.item.group_item_request_builder import GroupItemRequestBuilder as Builder

    query = Builder.GroupItemRequestBuilderGetQueryParameters(select=["id", "displayName"])
    return Request("GET", _path(_api().groups.by_group_id(group_id).to_get_request_information(_with(query))))


@cache
def group_members(group_id: str) -> Request:
    """Members of a group at any depth, of any kind (Graph: list transitiveMembers)."""
    from msgraph.generated.groups.item.transitive_members import transitive_members_request_builder as module

    kind = module.TransitiveMembersRequestBuilder.TransitiveMembersRequestBuilderGetQueryParameters
    builder = _api().groups.by_group_id(group_id).transitive_members
    return Request("GET", _path(builder.to_get_request_information(_with(kind(select=["id"], top=999)))))


def organization() -> Request:
    """Which tenant this is (Graph: list organization)."""
    return Request("GET", _path(_api().organization.to_get_request_information()))


def one_registration() -> Request:
    """A single row of the registration report, to see whether it answers at all."""
    return Request("GET", registrations().path.replace("999", "1"))


@cache
def methods_policy() -> Request:
    """What the tenant allows whom (Graph: get authenticationMethodsPolicy)."""
    return Request("GET", _path(_api().policies.authentication_methods_policy.to_get_request_information()))


def conditional_access() -> Request:
    """What is asked of whom at a sign-in (Graph: list conditionalAccessPolicies); Policy.Read.All."""
    return Request("GET", _path(_api().identity.conditional_access.policies.to_get_request_information()))


def opt_out(*, selected: bool = True) -> Request:
    """Whether the tenant opted out of the passkey migration: of beta, and in no metadata (Entra: SMS and voice
    retirement FAQ). `selected`: asked for by name, else with the whole policy.
    """
    query = "?%24select=optOutSettings" if selected else ""
    return Request("GET", methods_policy().path + query, beta=True)


def change_opt_out(opted_out: bool) -> Request:
    """PATCH of the opt-out alone (Entra: SMS and voice retirement FAQ)."""
    body = {"optOutSettings": {"passkeyDynamicMigration": opted_out}}
    return Request("PATCH", methods_policy().path, json.dumps(body), beta=True)


def change_campaign(campaign: Mapping[str, Any]) -> Request:
    """PATCH of the registration campaign, and of nothing else in the policy (Graph: update
    authenticationMethodsPolicy). Only beta is sure to take one for passkeys.
    """
    asks = {target.get("targetedAuthenticationMethod") for target in campaign.get("includeTargets") or []}
    body = {"registrationEnforcement": {"authenticationMethodsRegistrationCampaign": dict(campaign)}}
    return Request("PATCH", methods_policy().path, json.dumps(body), beta="fido2" in asks)


def audits(since: str, top: int | None = 999) -> Request:
    """Changes of methods since a moment (UTC, ISO 8601), as the service that made them tells (Graph: list
    directoryAudits); the directory's own record of the same change is left out.

    Five requests in ten seconds are allowed, so pages are large; 999 is practice, not documented. `top` None: as many
    as Graph itself likes.
    """
    from msgraph.generated.audit_logs.directory_audits import directory_audits_request_builder as module

    clause = f"activityDateTime ge {since} and loggedByService eq 'Authentication Methods'"
    kind = module.DirectoryAuditsRequestBuilder.DirectoryAuditsRequestBuilderGetQueryParameters
    builder = _api().audit_logs.directory_audits
    return Request("GET", _path(builder.to_get_request_information(_with(kind(filter=clause, top=top)))))


SIGN_INS_PAGE: Final = 999


def sign_ins(since: str, until: str, top: int | None = SIGN_INS_PAGE) -> Request:
    """Interactive sign-ins of a window (UTC, ISO 8601; Graph, beta: list signIns).

    Five requests in ten seconds are allowed, so pages are large. `top` None: as many as Graph itself likes.
    """
    from msgraph.generated.audit_logs.sign_ins.sign_ins_request_builder import SignInsRequestBuilder as Builder

    clause = f"createdDateTime ge {since} and createdDateTime le {until}"
    query = Builder.SignInsRequestBuilderGetQueryParameters(filter=clause, top=top)
    return Request("GET", _path(_api().audit_logs.sign_ins.to_get_request_information(_with(query))), beta=True)


def authentication_methods(user_id: str) -> Request:
    """All methods of a user, of every kind."""
    return Request("GET", authentication(user_id, "methods"))


def authentication(user_id: str, collection: str) -> str:
    """The path of one collection of a user's methods, such as `phoneMethods`."""
    return f"{_for_user(_authentication_path(), user_id)}/{collection}"


def _for_user(path: str, name: str) -> str:
    return path.replace(_STAND_IN, quote(name, safe="@"))


@cache
def _user_path() -> str:
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder as Builder

    query = Builder.UserItemRequestBuilderGetQueryParameters(select=_USER_FIELDS)
    return _path(_api().users.by_user_id(_STAND_IN).to_get_request_information(_with(query)))


@cache
def _sessions_path() -> str:
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder as Builder

    query = Builder.UserItemRequestBuilderGetQueryParameters(select=["id", "signInSessionsValidFromDateTime"])
    return _path(_api().users.by_user_id(_STAND_IN).to_get_request_information(_with(query)))


@cache
def _revoking_path() -> str:
    return _path(_api().users.by_user_id(_STAND_IN).revoke_sign_in_sessions.to_post_request_information())


@cache
def _manager_path() -> str:
    return _path(_api().users.by_user_id(_STAND_IN).manager.to_get_request_information())


@cache
def _profile_phones_path() -> str:
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder as Builder

    query = Builder.UserItemRequestBuilderGetQueryParameters(select=["id", "mobilePhone", "businessPhones"])
    return _path(_api().users.by_user_id(_STAND_IN).to_get_request_information(_with(query)))


@cache
def _authentication_path() -> str:
    return _path(_api().users.by_user_id(_STAND_IN).authentication.to_get_request_information()).partition("?")[0]


def _with(query: Any) -> Any:
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    return RequestConfiguration(query_parameters=query)


@cache
def _api() -> Any:
    """The SDK's builders, over an adapter that cannot send."""
    from kiota_abstractions.authentication.anonymous_authentication_provider import AnonymousAuthenticationProvider
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient

    client = GraphServiceClient(request_adapter=GraphRequestAdapter(AnonymousAuthenticationProvider()))
    client.request_adapter.base_url = _BASE
    client.path_parameters["baseurl"] = _BASE
    return client


def _path(information: Any) -> str:
    information.path_parameters["baseurl"] = _BASE
    return str(information.url).removeprefix(_BASE)
