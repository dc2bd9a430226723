"""Requests on users and the organization. Source: user-list, user-get, aad-advanced-queries, organization-list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.login.permissions import BASIC, USERS_FULL
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, counted, no_such, paged, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import User

DEFAULT_PROPERTIES = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
    "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
_LISTS = frozenset(
    [
        "otherMails", "businessPhones", "assignedLicenses", "imAddresses", "proxyAddresses", "identities",
        "assignedPlans", "licenseAssignmentStates", "onPremisesProvisioningErrors", "provisionedPlans",
        "serviceProvisioningErrors",
    ]
)  # fmt: skip
# Structural properties of microsoft.graph.user that the population leaves empty.
_EMPTY = frozenset(
    [
        "ageGroup",
        "authorizationInfo",
        "consentProvidedForMinor",
        "creationType",
        "customSecurityAttributes",
        "deletedDateTime",
        "employeeHireDate",
        "employeeLeaveDateTime",
        "employeeOrgData",
        "employeeType",
        "externalUserState",
        "externalUserStateChangeDateTime",
        "faxNumber",
        "identities",
        "identityParentId",
        "imAddresses",
        "assignedPlans",
        "isManagementRestricted",
        "isResourceAccount",
        "lastPasswordChangeDateTime",
        "legalAgeGroupClassification",
        "licenseAssignmentStates",
        "onPremisesDistinguishedName",
        "onPremisesDomainName",
        "onPremisesExtensionAttributes",
        "onPremisesImmutableId",
        "onPremisesLastSyncDateTime",
        "onPremisesProvisioningErrors",
        "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier",
        "onPremisesUserPrincipalName",
        "passwordPolicies",
        "passwordProfile",
        "postalCode",
        "preferredDataLocation",
        "provisionedPlans",
        "proxyAddresses",
        "securityIdentifier",
        "serviceProvisioningErrors",
        "showInAddressList",
        "signInSessionsValidFromDateTime",
        "state",
        "streetAddress",
    ]
)
_FILLED = frozenset(
    [
        "accountEnabled",
        "assignedLicenses",
        "city",
        "companyName",
        "country",
        "createdDateTime",
        "department",
        "employeeId",
        "mailNickname",
        "onPremisesSyncEnabled",
        "otherMails",
        "usageLocation",
        "userType",
    ]
) | frozenset(DEFAULT_PROPERTIES)
# Only for one user at a time (user-list: such a $select on the collection answers 501).
_SINGLE = frozenset(
    [
        "aboutMe",
        "deviceEnrollmentLimit",
        "birthday",
        "hireDate",
        "interests",
        "mySite",
        "pastProjects",
        "preferredName",
        "responsibilities",
        "schools",
        "skills",
        "mailboxSettings",
    ]
)
_EQUAL = frozenset(
    [
        "createdDateTime",
        "id",
        "userPrincipalName",
        "mail",
        "displayName",
        "givenName",
        "surname",
        "accountEnabled",
        "userType",
        "department",
        "usageLocation",
        "country",
        "city",
        "jobTitle",
        "employeeId",
        "companyName",
        "onPremisesSyncEnabled",
        "mailNickname",
    ]
)
_ANY = frozenset(["assignedLicenses", "otherMails", "businessPhones"])
_TIMES = frozenset(["createdDateTime"])
_STARTS = frozenset(["displayName", "userPrincipalName", "mail", "givenName", "surname", "mailNickname"])
_SORTS = ("displayName", "userPrincipalName")
_PAGE, _LIMIT = 100, 999


def _row(user: User) -> dict[str, Any]:
    return {"id": user.id, **user.profile}


def chosen_properties(call: Call, options: dict[str, str]) -> tuple[str, ...]:
    """Return the properties that `$select` names, or the default ones."""
    if "$select" not in options:
        return DEFAULT_PROPERTIES
    wanted = tuple(dict.fromkeys(name.strip() for name in options["$select"].split(",")))
    for name in wanted:
        if name in _SINGLE or name == "signInActivity":
            raise Refusal(501, "NotImplemented", f"The demo tenant does not implement $select={name} on {call.path}.")
        if name not in _FILLED | _EMPTY:
            text = "Parsing OData Select and Expand failed: Could not find a property named"
            raise Refusal(400, "BadRequest", f"{text} '{name}' on type 'microsoft.graph.user'.")
    return wanted


def _render(call: Call, row: dict[str, Any], chosen: tuple[str, ...]) -> dict[str, Any]:
    shown = {name: row.get(name, [] if name in _LISTS else None) for name in chosen}
    if not call.permissions & USERS_FULL:
        # User.ReadBasic.All: what it does not cover comes back empty.
        shown = {k: v if k in BASIC else ([] if k in _LISTS else None) for k, v in shown.items()}
    return shown


def shown_user(call: Call, user: User, options: dict[str, str]) -> dict[str, Any]:
    """Return a user as `$select` and the permissions show it."""
    return _render(call, _row(user), chosen_properties(call, options))


def _needs_header(call: Call, options: dict[str, str]) -> bool:
    """Return whether this is an advanced query, refusing one whose header is missing."""
    counting = counted(call)
    if "$search" in options and not call.eventual:
        text = "Request with $search query parameter only works through MSGraph with a special request header"
        raise odata.unsupported(f"{text}: 'ConsistencyLevel: eventual'")
    sorted_filter = "$orderby" in options and "$filter" in options
    if sorted_filter and not counting:
        raise odata.unsupported("Sorting is not supported for the current query.")
    return counting


def _matching(call: Call, options: dict[str, str], *, advanced: bool) -> list[dict[str, Any]]:
    rows = [_row(u) for u in call.tenant.living()]
    if "$filter" in options:
        test = odata.parse(options["$filter"], odata.Rules(_EQUAL, _STARTS, _ANY, _TIMES, advanced=advanced))
        rows = [row for row in rows if test(row)]
    if "$search" in options:
        found = odata.search(options["$search"], _STARTS)
        rows = [row for row in rows if found(row)]
    return _sorted(rows, options["$orderby"]) if "$orderby" in options else rows


def _sorted(rows: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    name, _, way = text.partition(" ")
    if name not in _SORTS or way not in ("", "asc", "desc"):
        raise odata.unsupported("Sorting is not supported for the current query.")
    key: Callable[[dict[str, Any]], Any] = lambda row: str(row[name]).lower()  # noqa: E731
    return sorted(rows, key=key, reverse=way == "desc")


def list_users(call: Call) -> Answer:
    """List users, page by page."""
    if "$skip" in call.options:
        raise Refusal(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    options = refuse_options(call, "$top", "$select", "$count", "$filter", "$orderby", "$search", "$skiptoken")
    advanced = _needs_header(call, options)
    chosen = chosen_properties(call, options)
    plain = not {"$filter", "$orderby", "$search"} & set(options)
    rows: Sequence[Any] = call.tenant.living() if plain else _matching(call, options, advanced=advanced)
    shown: Callable[[Any], Any] = lambda row: _render(call, _row(row) if plain else row, chosen)  # noqa: E731
    return paged(call, rows, users_context(options), shown, (_PAGE, _LIMIT))


def users_context(options: dict[str, str]) -> str:
    """Return what the context of users says."""
    return f"users({options['$select']})" if "$select" in options else "users"


def count_users(call: Call) -> Answer:
    """Count users as plain text; an advanced query by nature."""
    options = refuse_options(call, "$filter")
    if not call.eventual:
        raise Refusal(400, "Request_BadRequest", "$count is not currently supported.")
    return Answer(body=str(len(_matching(call, options, advanced=True))), headers={"Content-Type": "text/plain"})


def get_user(call: Call, key: str) -> Answer:
    """Get one user by id or UPN."""
    options = refuse_options(call, "$select")
    user = call.tenant.find(key)
    if user is None:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    shown = _render(call, _row(user), chosen_properties(call, options))
    return Answer(body={"@odata.context": call.context(users_context(options) + "/$entity"), **shown})


_SKUS = {
    "05e9a617-0261-4cee-bb44-138d3ef5d965": ("SPE_E3", ("AAD_PREMIUM", "41781fb2-bc02-4b7c-bd55-b576c07bb09d")),
    "84a661c4-e949-4bd2-a560-ed7766fcaf2b": (
        "AAD_PREMIUM_P2",
        ("AAD_PREMIUM_P2", "eec0eb4f-6444-4f95-aba0-50c24d67f998"),
    ),
}
_SUBSCRIBED = {"none": (), "P1": tuple(_SKUS)[:1], "P2": tuple(_SKUS)}


def licence_details(call: Call, key: str) -> Answer:
    """List a user's licences."""
    refuse_options(call)
    user = call.tenant.find(key)
    if user is None:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    rows = [_sku(licence["skuId"]) for licence in user.profile["assignedLicenses"]]
    context = call.context(f"users('{user.id}')/licenseDetails")
    return Answer(body={"@odata.context": context, "value": rows})


def list_skus(call: Call) -> Answer:
    """List what the tenant has subscribed to; the weather says which Entra ID licence that is."""
    refuse_options(call, "$select")
    used = sum(bool(user.profile["assignedLicenses"]) for user in call.tenant.living())
    units = {"enabled": used + 25, "suspended": 0, "warning": 0, "lockedOut": 0}
    state = {"capabilityStatus": "Enabled", "appliesTo": "User", "consumedUnits": used, "prepaidUnits": units}
    rows = [{**_sku(sku), **state} for sku in _SUBSCRIBED[call.licence]]
    return Answer(body={"@odata.context": call.context("subscribedSkus"), "value": rows})


def _sku(sku: str) -> dict[str, Any]:
    name, (plan, plan_id) = _SKUS[sku]
    service = {"servicePlanId": plan_id, "servicePlanName": plan, "provisioningStatus": "Success", "appliesTo": "User"}
    return {"id": sku, "skuId": sku, "skuPartNumber": name, "servicePlans": [service]}


def get_organization(call: Call) -> Answer:
    """Tell which tenant this is."""
    options = refuse_options(call, "$select")
    meta = call.tenant.meta
    domains = [_domain(name, n == 0) for n, name in enumerate(meta["domains"])]
    row: dict[str, Any] = {"id": meta["tenant_id"], "displayName": meta["name"], "verifiedDomains": domains}
    row |= {"countryLetterCode": "NL", "tenantType": "AAD", "createdDateTime": "2019-05-01T08:00:00Z"}
    if "$select" in options:
        row = {name: row.get(name) for name in options["$select"].split(",")}
    return Answer(body={"@odata.context": call.context("organization"), "value": [row]})


def _domain(name: str, first: bool) -> dict[str, Any]:
    capabilities = "Email, OfficeCommunicationsOnline"
    return {"capabilities": capabilities, "isDefault": first, "isInitial": first, "name": name, "type": "Managed"}
