"""Sign-ins of the last thirty days, in beta, with the method that was used. Source: signin-list, signIn,
authenticationDetail, mfaDetail (beta).

They follow from who is there and what is their default; nobody here signs in. v1.0 has sign-ins without the method.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, paged, refuse_options
from authops.demo.reports.registration import NOT_PREMIUM
from authops.demo.world.passes import moment
from authops.demo.world.tenant import PHONE_TYPES, Refusal, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import User

DAYS = 30
_SIZES = (1000, 1000)
# Properties of a sign-in (beta), also those that are not made up here.
_KNOWN = """
appDisplayName appId authenticationDetails authenticationMethodsUsed authenticationProtocol
authenticationRequirement autonomousSystemNumber clientAppUsed conditionalAccessStatus correlationId createdDateTime
crossTenantAccessType deviceDetail flaggedForReview homeTenantId homeTenantName id incomingTokenType ipAddress
isInteractive isTenantRestricted location mfaDetail originalRequestId originalTransferMethod
processingTimeInMilliseconds resourceDisplayName resourceId resourceTenantId riskDetail riskEventTypes_v2
riskLevelAggregated riskLevelDuringSignIn riskState servicePrincipalId servicePrincipalName signInEventTypes
signInIdentifier signInIdentifierType signInTokenProtectionStatus status tokenIssuerName tokenIssuerType
uniqueTokenIdentifier userAgent userDisplayName userId userPrincipalName userType
"""
_RULES = odata.Rules(
    frozenset({"createdDateTime", "userId", "userPrincipalName", "id"}),
    starts=frozenset({"userPrincipalName"}),
    orders=frozenset({"createdDateTime"}),
    known=frozenset(_KNOWN.split()),
    advanced=None,
)
_WORDS = {
    "microsoftAuthenticator": "Mobile app notification", "softwareOath": "OATH verification code",
    "hardwareOath": "OATH verification code", "fido2": "Passkey (device-bound)",
    "windowsHelloForBusiness": "Windows Hello for Business",
}  # fmt: skip


def list_all(call: Call) -> Answer:
    """List interactive sign-ins, the latest first."""
    options = refuse_options(call, "$filter", "$top", "$orderby", "$skiptoken")
    if call.tenant.assume["tenant_licence"] == "free":
        raise Refusal(403, *NOT_PREMIUM)
    if options.get("$orderby", "createdDateTime desc").strip().lower() != "createddatetime desc":
        raise Refusal(400, "BadRequest", f"The query option $orderby={options['$orderby']} is not supported.")
    test = odata.parse(options["$filter"], _RULES) if "$filter" in options else None
    now = moment(call.tenant.stamp())
    rows = [row for user in call.tenant.living() for row in _of(user, now) if test is None or test(row)]
    rows.sort(key=lambda row: (row["createdDateTime"], row["id"]), reverse=True)
    return paged(call, rows, "auditLogs/signIns", dict, _SIZES)


def _of(user: User, now: dt.datetime) -> Iterator[dict[str, Any]]:
    if not user.profile["accountEnabled"] or user.default not in user.methods:
        return
    dice = random.Random(f"{user.id}/sign-ins")
    for number in range(dice.randrange(4)):
        at = now.replace(hour=0, minute=0, second=0) - dt.timedelta(
            days=dice.randrange(1, DAYS), seconds=-dice.randrange(86_400)
        )
        yield _row(user, number, at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _row(user: User, number: int, at: str) -> dict[str, Any]:
    method = user.methods[str(user.default)]
    phone = PHONE_TYPES.get(method.id)
    word = ("Text message" if phone == "mobile" else "Phone call approval (Office phone)") if phone else ""
    word = word or _WORDS.get(method.kind, "Other")
    steps = [("Password", "Primary authentication"), (word, "Multifactor authentication")]
    return {
        "id": new_id(user.id, f"sign-in/{number}"),
        "createdDateTime": at,
        "userId": user.id,
        "userPrincipalName": user.profile["userPrincipalName"],
        "userDisplayName": user.profile["displayName"],
        "isInteractive": True,
        "signInEventTypes": ["interactiveUser"],
        "authenticationRequirement": "multiFactorAuthentication",
        "status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": None},
        "mfaDetail": {"authMethod": word, "authDetail": "+XX XXXXXXX11" if phone else None},
        "authenticationDetails": [
            {
                "authenticationStepDateTime": at, "authenticationMethod": name, "authenticationMethodDetail": None,
                "succeeded": True, "authenticationStepResultDetail": "MFA requirement satisfied",
                "authenticationStepRequirement": requirement,
            }
            for name, requirement in steps
        ],
    }  # fmt: skip
