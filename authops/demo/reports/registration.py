"""The registration report. Source: authenticationmethodsroot-list-userregistrationdetails, -usersregisteredbymethod,
-usersregisteredbyfeature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.login.permissions import REPORT_REFUSAL
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, no_such, paged, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import Method, User

_NAMES = {
    "email": "email",
    "microsoftAuthenticator": "microsoftAuthenticatorPush",
    "softwareOath": "softwareOneTimePasscode",
    "fido2": "passKeyDeviceBound",
    "windowsHelloForBusiness": "windowsHelloForBusiness",
    "temporaryAccessPass": "temporaryAccessPass",
    "platformCredential": "macOsSecureEnclaveKey",
    "external": "externalAuthMethod",
    "hardwareOath": "hardwareOneTimePasscode",
    "qrCodePin": "qrCode",
}
# As the sign-in reports answer; what this report says is not confirmed.
NOT_PREMIUM = (
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    "Neither tenant is B2C or tenant doesn't have premium license",
)
_PHONES = {"mobile": "mobilePhone", "alternateMobile": "alternateMobilePhone", "office": "officePhone"}
# One factor and no more, or for password reset only.
_ALONE = ("email", "qrCode")
_STRONG = ("passKeySynced", "passKeyDeviceBound", "windowsHelloForBusiness")
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


_WORDS = frozenset({"id", "userType", "userPreferredMethodForSecondaryAuthentication"})
_KNOWN = frozenset({"isAdmin", "lastUpdatedDateTime", "defaultMfaMethod"})


def _name(method: Method) -> str | None:
    if method.kind == "phone":
        return _PHONES[method.fields["phoneType"]]
    if method.fields.get("passkeyType") == "synced":
        return "passKeySynced"
    return _NAMES.get(method.kind)


def row(user: User, refreshed: str, *, eligible: bool = False) -> dict[str, Any]:
    """Return a user's row of the report: what is registered, never a number."""
    names = [n for n in map(_name, user.methods.values()) if n]
    mfa = any(n not in _ALONE for n in names)
    sspr = bool(_SSPR & set(names))
    best = next((value for key, value in _PREFERENCE.items() if key in names), None)
    return {
        "id": user.id,
        "userPrincipalName": user.profile["userPrincipalName"],
        "userDisplayName": user.profile["displayName"],
        "userType": "guest" if user.profile["userType"] == "Guest" else "member",
        "isAdmin": user.admin or (eligible and user.eligible),
        "isSsprRegistered": sspr,
        "isSsprEnabled": True,
        "isSsprCapable": sspr,
        "isMfaRegistered": mfa,
        "isMfaCapable": mfa,
        "isPasswordlessCapable": any(n in _STRONG for n in names),
        "methodsRegistered": names,
        "isSystemPreferredAuthenticationMethodEnabled": user.system_preferred,
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
        if tenant.assume["tenant_licence"] == "free":
            raise Refusal(403, *NOT_PREMIUM)
        if self._made is None or (now - self._made >= lag and tenant.version != self._version):
            refreshed = tenant.stamp()
            both = tenant.assume["report_admin"] == "active-or-eligible"
            self._rows = [row(u, refreshed, eligible=both) for u in tenant.living() if u.profile["accountEnabled"]]
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
        sizes = int(call.tenant.assume["report_page_size"]), int(limit)
        rows = self._sorted(self._matching(call, options), options)
        what = "reports/authenticationMethods/userRegistrationDetails"
        return paged(call, rows, what, lambda r: _shown(call, r), sizes)

    def get(self, call: Call, user_id: str) -> Answer:
        """Get one user's details."""
        refuse_options(call, "$select")
        found = next((r for r in self.report.rows(call, self.lag) if r["id"] == user_id.lower()), None)
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(user_id))
        context = call.context("reports/authenticationMethods/userRegistrationDetails/$entity")
        return Answer(body={"@odata.context": context, **_shown(call, found)})

    def _matching(self, call: Call, options: dict[str, str]) -> list[dict[str, Any]]:
        rows = self.report.rows(call, self.lag)
        if "$filter" not in options:
            return rows
        refused = call.tenant.assume["report_is_admin_filter"] == "refused"
        if refused and "isadmin" in options["$filter"].lower():
            raise odata.unsupported("Unsupported or invalid query filter clause specified for property 'isAdmin'.")
        admin = {"isAdmin"} if call.tenant.assume["report_is_admin_filter"] == "works" else set()
        test = odata.parse(
            options["$filter"],
            odata.Rules(_BOOLEANS | _TEXTS | _WORDS | admin, _TEXTS, _LISTS, known=_KNOWN, advanced=None),
        )
        return [r for r in rows if test(r)]

    def _sorted(self, rows: list[dict[str, Any]], options: dict[str, str]) -> list[dict[str, Any]]:
        asked, _, way = options.get("$orderby", "").strip().partition(" ")
        if not asked:
            return rows
        name = odata.canonical(asked, _TEXTS)
        if name is None and odata.canonical(asked, _BOOLEANS | _WORDS | _LISTS | _KNOWN):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement $orderby={asked} of the report.")
        if name is None or way.lower() not in ("", "asc", "desc"):
            raise Refusal(400, "badRequest", f"The query option $orderby={asked} is not supported.")
        return sorted(rows, key=lambda r: str(r[name]).lower(), reverse=way.lower() == "desc")


_DEFAULTS = {
    "push": "microsoftAuthenticatorPush", "oath": "softwareOneTimePasscode", "sms": "mobilePhone",
    "voiceMobile": "mobilePhone", "voiceAlternateMobile": "alternateMobilePhone", "voiceOffice": "officePhone",
}  # fmt: skip


def _shown(call: Call, found: dict[str, Any]) -> dict[str, Any]:
    """Return a row as `$select` shows it; in beta with the default method as well."""
    row = dict(found)
    if call.version == "beta":
        row["defaultMfaMethod"] = _DEFAULTS.get(row["userPreferredMethodForSecondaryAuthentication"], "none")
    wanted = chosen(call, row, "userRegistrationDetails")
    return row if wanted is None else {name: row[name] for name in wanted}


def by_method(reports: Reports, call: Call, users: str = "all", roles: str = "all") -> Answer:
    """Count users by registered method (usersRegisteredByMethod)."""
    rows = _included(reports.report.rows(call, reports.lag), users, roles)
    counts: dict[str, int] = {}
    for shown in rows:
        for name in shown["methodsRegistered"]:
            counts[name] = counts.get(name, 0) + 1
    found = [{"authenticationMethod": name, "userCount": count} for name, count in sorted(counts.items())]
    return _summary(call, "Method", rows, users, roles, found)


def by_feature(reports: Reports, call: Call, users: str = "all", roles: str = "all") -> Answer:
    """Count users by what they are capable of (usersRegisteredByFeature)."""
    rows = _included(reports.report.rows(call, reports.lag), users, roles)
    found = [{"feature": f, "userCount": sum(row[_FEATURES[f]] for row in rows)} for f in _FEATURES]
    return _summary(call, "Feature", rows, users, roles, found)


_FEATURES = {
    "ssprRegistered": "isSsprRegistered",
    "ssprEnabled": "isSsprEnabled",
    "ssprCapable": "isSsprCapable",
    "passwordlessCapable": "isPasswordlessCapable",
    "mfaCapable": "isMfaCapable",
}


def _included(rows: list[dict[str, Any]], users: str, roles: str) -> list[dict[str, Any]]:
    if users not in ("all", "member", "guest") or roles not in ("all", "privilegedAdmin", "admin", "user"):
        raise Refusal(400, "badRequest", "Invalid value for includedUserTypes or includedUserRoles.")
    kept = [row for row in rows if users in ("all", row["userType"])]
    return [row for row in kept if roles == "all" or row["isAdmin"] is (roles != "user")]


def _summary(call: Call, what: str, rows: list[Any], users: str, roles: str, found: list[dict[str, Any]]) -> Answer:
    refuse_options(call)
    if call.tenant.assume["registered_by_application"] == "refused":
        raise Refusal(403, *REPORT_REFUSAL)
    body = {
        "@odata.context": call.context(f"microsoft.graph.userRegistration{what}Summary"),
        "totalUserCount": len(rows),
        "userTypes": users,
        "userRoles": roles,
        f"userRegistration{what}Counts": found,
    }
    return Answer(body=body)
