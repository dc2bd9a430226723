"""Requests on people at risk. Source: riskyuser-list; riskyUser resource. Refused without P2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, paged, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call

_SIZES = (100, 500)
_FIELDS = (
    "id", "isDeleted", "isProcessing", "riskLastUpdatedDateTime", "riskLevel", "riskState", "riskDetail",
    "userDisplayName", "userPrincipalName",
)  # fmt: skip
_RULES = odata.Rules(frozenset({"riskState", "riskLevel", "id", "userPrincipalName"}), known=frozenset(_FIELDS))


def list_risky(call: Call) -> Answer:
    """List whoever is, or was, at risk."""
    options = refuse_options(call, "$select", "$filter", "$top", "$skiptoken")
    if call.tenant.assume["tenant_licence"] != "premium":
        raise Refusal(403, "Forbidden", "Your tenant is not licensed for this feature.")
    rows = [_row(call, key, state) for key, state in call.tenant.meta.get("risky", {}).items()]
    if "$filter" in options:
        test = odata.parse(options["$filter"], _RULES)
        rows = [row for row in rows if test(row)]
    wanted = chosen(call, _FIELDS, "riskyUser") or _FIELDS
    return paged(call, rows, "identityProtection/riskyUsers", lambda row: {name: row[name] for name in wanted}, _SIZES)


def _row(call: Call, key: str, state: str) -> dict[str, Any]:
    profile = call.tenant.users[key].profile
    return {
        "id": key,
        "isDeleted": False,
        "isProcessing": False,
        "riskLastUpdatedDateTime": call.tenant.stamp(),
        "riskLevel": "none" if state in ("remediated", "dismissed") else "high",
        "riskState": state,
        "riskDetail": "none",
        "userDisplayName": profile["displayName"],
        "userPrincipalName": profile["userPrincipalName"],
    }
