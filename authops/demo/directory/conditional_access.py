"""What Conditional Access demands of whom, and whether security defaults do: read only.

Source: conditionalaccessroot-list-policies, conditionalaccesspolicy-get, identitysecuritydefaultsenforcementpolicy-get;
the refusal as seen in practice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, paged, refuse_options
from authops.demo.world.roles import ROLES
from authops.demo.world.tenant import Refusal, new_id

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call

_CREATED = "2024-05-06T09:00:00Z"
_SIZES = (100, 999)
_FIELDS = (
    "id", "templateId", "displayName", "createdDateTime", "modifiedDateTime", "state", "deletedDateTime",
    "description", "conditions", "grantControls", "sessionControls",
)  # fmt: skip
_RULES = odata.Rules(
    frozenset({"id", "displayName", "state", "createdDateTime", "modifiedDateTime", "templateId"}),
    starts=frozenset({"displayName"}),
    orders=frozenset({"createdDateTime", "modifiedDateTime"}),
    known=frozenset(_FIELDS),
    advanced=None,
)
_ADMINISTRATORS = ("Global Administrator", "Privileged Role Administrator", "User Administrator")
# The built-in strength by Microsoft's own id (authenticationstrengthpolicy).
_RESISTANT = {
    "id": "00000000-0000-0000-0000-000000000004",
    "createdDateTime": "2021-12-01T00:00:00Z",
    "modifiedDateTime": "2021-12-01T00:00:00Z",
    "displayName": "Phishing-resistant MFA",
    "description": "Phishing-resistant, Passwordless methods for the strongest authentication, such as a FIDO2 key",
    "policyType": "builtIn",
    "requirementsSatisfied": "mfa",
    "allowedCombinations": ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"],
}


def _who(**named: Any) -> dict[str, Any]:
    lists = ("includeUsers", "excludeUsers", "includeGroups", "excludeGroups", "includeRoles", "excludeRoles")
    nobody: dict[str, Any] = {name: [] for name in lists}
    return {**nobody, "includeGuestsOrExternalUsers": None, "excludeGuestsOrExternalUsers": None, **named}


def _conditions(users: dict[str, Any], clients: tuple[str, ...]) -> dict[str, Any]:
    applications: dict[str, Any] = {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []}
    applications |= {"includeAuthenticationContextClassReferences": [], "applicationFilter": None}
    levels: dict[str, Any] = {
        "userRiskLevels": [],
        "signInRiskLevels": [],
        "servicePrincipalRiskLevels": [],
        "insiderRiskLevels": None,
    }
    rest = ("platforms", "locations", "devices", "clientApplications", "authenticationFlows")
    none = dict.fromkeys(rest)
    return {**levels, "clientAppTypes": list(clients), **none, "applications": applications, "users": users}


def _grant(*controls: str, strength: dict[str, Any] | None = None) -> dict[str, Any]:
    more: dict[str, Any] = {"customAuthenticationFactors": [], "termsOfUse": [], "authenticationStrength": strength}
    return {"operator": "OR", "builtInControls": list(controls), **more}


def _policies(seed: str) -> list[dict[str, Any]]:
    """Return the policies of a tenant: everybody by multifactor but for the break-glass accounts, and three others."""
    glass = new_id(seed, "group/break-glass")
    guests = {"guestOrExternalUserTypes": "internalGuest,b2bCollaborationGuest", "externalTenants": None}
    whom = (
        ("Require multifactor authentication for all users", "enabled",
         _conditions(_who(includeUsers=["All"], excludeGroups=[glass]), ("all",)), _grant("mfa")),
        ("Require phishing-resistant multifactor authentication for admins", "enabledForReportingButNotEnforced",
         _conditions(_who(includeRoles=[ROLES[name] for name in _ADMINISTRATORS], excludeGroups=[glass]), ("all",)),
         _grant(strength=_RESISTANT)),
        ("Block legacy authentication", "enabled",
         _conditions(_who(includeUsers=["All"], excludeGroups=[glass]), ("exchangeActiveSync", "other")),
         _grant("block")),
        ("Require multifactor authentication for guests", "disabled",
         _conditions(_who(includeGuestsOrExternalUsers=guests), ("all",)), _grant("mfa")),
    )  # fmt: skip
    return [_policy(seed, *each) for each in whom]


def _policy(seed: str, name: str, state: str, conditions: dict[str, Any], grant: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"id": new_id(seed, f"conditional-access/{name}"), "displayName": name, "state": state}
    told |= {"createdDateTime": _CREATED, "conditions": conditions, "grantControls": grant}
    return {field: told.get(field) for field in _FIELDS}


def list_policies(call: Call) -> Answer:
    """List the policies."""
    options = refuse_options(call, "$select", "$filter", "$top", "$skiptoken")
    rows = _policies(str(call.tenant.meta["seed"]))
    if "$filter" in options:
        test = odata.parse(options["$filter"], _RULES)
        rows = [row for row in rows if test(row)]
    wanted = chosen(call, _FIELDS, "conditionalAccessPolicy") or _FIELDS
    what = "identity/conditionalAccess/policies"
    return paged(call, rows, what, lambda row: {name: row[name] for name in wanted}, _SIZES)


def get_policy(call: Call, key: str) -> Answer:
    """Get one policy."""
    refuse_options(call, "$select")
    found = next((row for row in _policies(str(call.tenant.meta["seed"])) if row["id"] == key.lower()), None)
    if found is None:
        raise Refusal(404, "NotFound", f"{key} does not exist in the directory.")
    wanted = chosen(call, _FIELDS, "conditionalAccessPolicy") or _FIELDS
    context = call.context("identity/conditionalAccess/policies/$entity")
    return Answer(body={"@odata.context": context, **{name: found[name] for name in wanted}})


def list_locations(call: Call) -> Answer:
    """List named locations: there are none."""
    refuse_options(call, "$select", "$filter", "$top")
    return Answer(body={"@odata.context": call.context("identity/conditionalAccess/namedLocations"), "value": []})


def get_security_defaults(call: Call) -> Answer:
    """Tell whether security defaults are on: they are off where Conditional Access is used."""
    names = ("id", "displayName", "description", "isEnabled")
    refuse_options(call, "$select")
    about = "Security defaults is a set of basic identity security mechanisms recommended by Microsoft."
    row = dict(zip(names, ("00000000-0000-0000-0000-000000000005", "Security Defaults", about, False), strict=True))
    wanted = chosen(call, names, "identitySecurityDefaultsEnforcementPolicy") or names
    context = call.context("policies/identitySecurityDefaultsEnforcementPolicy/$entity")
    return Answer(body={"@odata.context": context, **{name: row[name] for name in wanted}})
