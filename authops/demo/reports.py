"""The registration report and the authentication methods policy.

Source: authenticationmethodsroot-list-userregistrationdetails, authenticationmethodspolicy-get; both pages' properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo import odata
from authops.demo.calls import Answer, no_such, refuse_options
from authops.demo.tenant import Refusal, new_id

if TYPE_CHECKING:
    from authops.demo.calls import Call
    from authops.demo.tenant import Method, User

_NAMES = {
    "email": "email",
    "microsoftAuthenticator": "microsoftAuthenticatorPush",
    "softwareOath": "softwareOneTimePasscode",
    "fido2": "passKeyDeviceBound",
    "windowsHelloForBusiness": "windowsHelloForBusiness",
    "temporaryAccessPass": "temporaryAccessPass",
}
_PHONES = {"mobile": "mobilePhone", "alternateMobile": "alternateMobilePhone", "office": "officePhone"}
_STRONG = ("passKeyDeviceBound", "windowsHelloForBusiness")
_PREFERENCE = {
    "passKeyDeviceBound": "fido2SecurityKey", "microsoftAuthenticatorPush": "push",
    "softwareOneTimePasscode": "oath", "mobilePhone": "sms",
}  # fmt: skip
_SSPR = frozenset({"mobilePhone", "officePhone", "email", "microsoftAuthenticatorPush", "softwareOneTimePasscode"})
_BOOLEANS = frozenset(
    [
        "isMfaCapable",
        "isMfaRegistered",
        "isPasswordlessCapable",
        "isSsprCapable",
        "isSsprEnabled",
        "isSsprRegistered",
        "isSystemPreferredAuthenticationMethodEnabled",
    ]
)
_TEXTS = frozenset({"userDisplayName", "userPrincipalName"})
_LISTS = frozenset({"methodsRegistered", "systemPreferredAuthenticationMethods"})


def _name(method: Method) -> str | None:
    return _PHONES[method.fields["phoneType"]] if method.kind == "phone" else _NAMES.get(method.kind)


def row(user: User, refreshed: str) -> dict[str, Any]:
    """Return a user's row of the report: what is registered, never a number."""
    names = [n for n in map(_name, user.methods.values()) if n]
    mfa = any(n != "email" for n in names)
    sspr = bool(_SSPR & set(names))
    best = next((value for key, value in _PREFERENCE.items() if key in names), None)
    return {
        "id": user.id,
        "userPrincipalName": user.profile["userPrincipalName"],
        "userDisplayName": user.profile["displayName"],
        "userType": "guest" if user.profile["userType"] == "Guest" else "member",
        "isAdmin": user.admin,
        "isSsprRegistered": sspr,
        "isSsprEnabled": True,
        "isSsprCapable": sspr,
        "isMfaRegistered": mfa,
        "isMfaCapable": mfa,
        "isPasswordlessCapable": any(n in _STRONG for n in names),
        "methodsRegistered": names,
        "isSystemPreferredAuthenticationMethodEnabled": True,
        "systemPreferredAuthenticationMethods": [best] if best else [],
        "userPreferredMethodForSecondaryAuthentication": user.preferred,
        "lastUpdatedDateTime": refreshed,
    }


class Report:
    """The report as it was last refreshed: it may be `lag` seconds old, as Graph's is hours old."""

    def __init__(self) -> None:
        """Begin without one."""
        self._rows: list[dict[str, Any]] = []
        self._made: float | None = None
        self._version = -1

    def rows(self, call: Call, lag: float) -> list[dict[str, Any]]:
        """Return the rows: no disabled users, no soft-deleted ones."""
        tenant, now = call.tenant, call.tenant.now()
        if self._made is None or (now - self._made >= lag and tenant.version != self._version):
            refreshed = tenant.stamp()
            self._rows = [row(u, refreshed) for u in tenant.living() if u.profile["accountEnabled"]]
            self._made, self._version = now, tenant.version
        return self._rows


class Reports:
    """The report's requests."""

    def __init__(self) -> None:
        """Hold the report; `lag` is set by the weather."""
        self.report, self.lag = Report(), 0.0

    def list_all(self, call: Call) -> Answer:
        """List registration details; `$skip` is not supported."""
        if "$skip" in call.options:
            raise Refusal(400, "badRequest", "The query option $skip is not supported.")
        options = refuse_options(call, "$filter", "$top", "$orderby", "$select", "$skiptoken")
        limit = call.tenant.assume["report_max_top"]
        size = odata.page_size(options.get("$top"), int(call.tenant.assume["report_page_size"]), int(limit))
        rows = self._sorted(self._matching(call, options), options)
        start, _ = odata.read_token(options["$skiptoken"]) if "$skiptoken" in options else (0, False)
        body: dict[str, Any] = {"@odata.context": call.context("reports/authenticationMethods/userRegistrationDetails")}
        if start + size < len(rows):
            body["@odata.nextLink"] = call.next_link(odata.page_token(start + size, advanced=False))
        body["value"] = [_select(r, options) for r in rows[start : start + size]]
        return Answer(body=body)

    def get(self, call: Call, user_id: str) -> Answer:
        """Get one user's details."""
        options = refuse_options(call, "$select")
        found = next((r for r in self.report.rows(call, self.lag) if r["id"] == user_id.lower()), None)
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(user_id))
        context = call.context("reports/authenticationMethods/userRegistrationDetails/$entity")
        return Answer(body={"@odata.context": context, **_select(found, options)})

    def _matching(self, call: Call, options: dict[str, str]) -> list[dict[str, Any]]:
        rows = self.report.rows(call, self.lag)
        if "$filter" not in options:
            return rows
        admin = {"isAdmin"} if call.tenant.assume["report_is_admin_filter"] == "works" else set()
        test = odata.parse(options["$filter"], odata.Rules(_BOOLEANS | _TEXTS | admin, _TEXTS, _LISTS))
        return [r for r in rows if test(r)]

    def _sorted(self, rows: list[dict[str, Any]], options: dict[str, str]) -> list[dict[str, Any]]:
        name, _, way = options.get("$orderby", "").partition(" ")
        if not name:
            return rows
        if name not in _TEXTS or way not in ("", "asc", "desc"):
            raise Refusal(400, "badRequest", f"The query option $orderby={name} is not supported.")
        return sorted(rows, key=lambda r: str(r[name]).lower(), reverse=way == "desc")


def _select(shown: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    if "$select" not in options:
        return shown
    wanted = options["$select"].split(",")
    for name in wanted:
        if name not in shown:
            raise Refusal(400, "badRequest", f"Could not find a property named '{name}'.")
    return {name: shown[name] for name in wanted}


def get_policy(call: Call) -> Answer:
    """Tell the authentication methods policy."""
    refuse_options(call)
    campaign = {"snoozeDurationInDays": 1, "state": "default", "excludeTargets": [], "includeTargets": [_CAMPAIGN]}
    configurations = [_configuration(call, *known) for known in _configurations(call.tenant.meta)]
    body = {
        "@odata.context": call.context("authenticationMethodsPolicy"),
        "id": "authenticationMethodsPolicy",
        "displayName": "Authentication Methods Policy",
        "description": "The tenant-wide policy that controls which authentication methods are allowed in the tenant",
        "lastModifiedDateTime": "2026-01-05T10:00:00Z",
        "policyVersion": "1.5",
        "policyMigrationState": "migrationComplete",
        "reconfirmationInDays": None,
        "registrationEnforcement": {"authenticationMethodsRegistrationCampaign": campaign},
        "authenticationMethodConfigurations": configurations,
    }
    return Answer(body=body)


_CAMPAIGN = {"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "microsoftAuthenticator"}
_EVERYONE = {"targetType": "group", "id": "all_users", "isRegistrationRequired": False}


def _configurations(meta: dict[str, Any]) -> list[tuple[str, str, str, list[dict[str, Any]], dict[str, Any]]]:
    frontline = {**_EVERYONE, "id": new_id(str(meta["seed"]), "group/sms-sign-in"), "isUsableForSignIn": True}
    sms = [{**_EVERYONE, "isUsableForSignIn": False}, frontline]
    tap = {"defaultLength": 8, "defaultLifetimeInMinutes": 60, "minimumLifetimeInMinutes": 60}
    tap |= {"maximumLifetimeInMinutes": 480, "isUsableOnce": False}
    fido = {"isAttestationEnforced": True, "isSelfServiceRegistrationAllowed": True}
    return [
        ("Fido2", "fido2", "enabled", [_EVERYONE], fido),
        ("MicrosoftAuthenticator", "microsoftAuthenticator", "enabled", [_EVERYONE], {"isSoftwareOathEnabled": True}),
        ("Sms", "sms", "enabled", sms, {}),
        ("TemporaryAccessPass", "temporaryAccessPass", "enabled", [_EVERYONE], tap),
        ("SoftwareOath", "softwareOath", "enabled", [_EVERYONE], {}),
        ("Voice", "voice", "enabled", [_EVERYONE], {"isOfficePhoneAllowed": True}),
        ("Email", "email", "enabled", [_EVERYONE], {"allowExternalIdToUseEmailOtp": "default"}),
    ]


def _configuration(
    call: Call, name: str, kind: str, state: str, targets: list[dict[str, Any]], extra: dict[str, Any]
) -> dict[str, Any]:
    odata_type = f"#microsoft.graph.{kind}AuthenticationMethodConfiguration"
    context = call.context(f"policies/authenticationMethodsPolicy/authenticationMethodConfigurations('{name}')")
    shown = {"@odata.type": odata_type, "id": name, "state": state, "excludeTargets": [], **extra}
    return {**shown, "includeTargets@odata.context": f"{context}/includeTargets", "includeTargets": targets}
