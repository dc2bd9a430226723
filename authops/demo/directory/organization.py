"""Requests on the organization: itself, its domains, its licences.

Source: organization-list, organization-get, domain-list, domain-get, subscribedsku-list, user-list-licensedetails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.odata.calls import Answer, chosen, no_such, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call


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
    names = ("id", "skuId", "skuPartNumber", "servicePlans", *state)
    wanted = chosen(call, names, "subscribedSku") or names
    rows = [{name: row[name] for name in wanted} for row in rows]
    return Answer(body={"@odata.context": call.context("subscribedSkus"), "value": rows})


def _sku(sku: str) -> dict[str, Any]:
    name, (plan, plan_id) = _SKUS[sku]
    service = {"servicePlanId": plan_id, "servicePlanName": plan, "provisioningStatus": "Success", "appliesTo": "User"}
    return {"id": sku, "skuId": sku, "skuPartNumber": name, "servicePlans": [service]}


_ORGANIZATION = (
    "id", "displayName", "verifiedDomains", "countryLetterCode", "tenantType", "createdDateTime", "assignedPlans",
    "provisionedPlans", "businessPhones", "city", "country", "defaultUsageLocation", "deletedDateTime",
    "marketingNotificationEmails", "mobileDeviceManagementAuthority", "onPremisesLastSyncDateTime",
    "onPremisesSyncEnabled", "partnerTenantType", "postalCode", "preferredLanguage", "privacyProfile",
    "securityComplianceNotificationMails", "securityComplianceNotificationPhones", "state", "street",
    "technicalNotificationMails",
)  # fmt: skip


def _organization(call: Call) -> dict[str, Any]:
    meta = call.tenant.meta
    domains = [_verified(name, n == 0) for n, name in enumerate(meta["domains"])]
    row: dict[str, Any] = {"id": meta["tenant_id"], "displayName": meta["name"], "verifiedDomains": domains}
    row |= {"countryLetterCode": "NL", "tenantType": "AAD", "createdDateTime": "2019-05-01T08:00:00Z"}
    wanted = chosen(call, _ORGANIZATION, "organization")
    return row if wanted is None else {name: row.get(name) for name in wanted}


def list_organizations(call: Call) -> Answer:
    """Tell which tenant this is."""
    refuse_options(call, "$select")
    return Answer(body={"@odata.context": call.context("organization"), "value": [_organization(call)]})


def get_organization(call: Call, key: str) -> Answer:
    """Tell of this tenant by its id."""
    refuse_options(call, "$select")
    if key.lower() != call.tenant.meta["tenant_id"]:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    return Answer(body={"@odata.context": call.context("organization/$entity"), **_organization(call)})


def _verified(name: str, first: bool) -> dict[str, Any]:
    capabilities = "Email, OfficeCommunicationsOnline"
    return {"capabilities": capabilities, "isDefault": first, "isInitial": first, "name": name, "type": "Managed"}


def _domain(name: str, first: bool) -> dict[str, Any]:
    state = {"isAdminManaged": True, "isDefault": first, "isInitial": first, "isRoot": True, "isVerified": True}
    services = {"supportedServices": ["Email", "OfficeCommunicationsOnline"], "availabilityStatus": None}
    password = {"passwordNotificationWindowInDays": 14, "passwordValidityPeriodInDays": 2147483647}
    return {"id": name, "authenticationType": "Managed", **state, **services, **password, "state": None}


def _domains(call: Call) -> list[dict[str, Any]]:
    rows = [_domain(name, n == 0) for n, name in enumerate(call.tenant.meta["domains"])]
    wanted = chosen(call, (*rows[0], "manufacturer", "model", "state"), "domain")
    return rows if wanted is None else [{name: row.get(name) for name in wanted} for row in rows]


def list_domains(call: Call) -> Answer:
    """List the domains of the tenant."""
    refuse_options(call, "$select")
    return Answer(body={"@odata.context": call.context("domains"), "value": _domains(call)})


def get_domain(call: Call, key: str) -> Answer:
    """Get one domain by its name."""
    refuse_options(call, "$select")
    known = [name.lower() for name in call.tenant.meta["domains"]]
    if key.lower() not in known:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    shown = _domains(call)[known.index(key.lower())]
    return Answer(body={"@odata.context": call.context("domains/$entity"), **shown})
