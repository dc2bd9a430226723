"""What anybody may do in the tenant without a role. Source: authorizationpolicy-get (in beta it is a collection)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.odata.calls import Answer, chosen, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call

_POLICY: dict[str, Any] = {
    "id": "authorizationPolicy",
    "deletedDateTime": None,
    "displayName": "Authorization Policy",
    "description": "Used to manage authorization related settings across the company.",
    "allowInvitesFrom": "everyone",
    "allowedToSignUpEmailBasedSubscriptions": True,
    # Whether administrators may reset their own password.
    "allowedToUseSSPR": True,
    "allowEmailVerifiedUsersToJoinOrganization": False,
    "allowUserConsentForRiskyApps": None,
    "blockMsolPowerShell": False,
    # Guests see little of the directory (Microsoft's own id of that role).
    "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    "defaultUserRolePermissions": {
        "allowedToCreateApps": True,
        "allowedToCreateSecurityGroups": True,
        "allowedToCreateTenants": True,
        "allowedToReadBitlockerKeysForOwnedDevice": True,
        "allowedToReadOtherUsers": True,
        "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
    },
}


def get_policy(call: Call) -> Answer:
    """Tell the policy."""
    refuse_options(call, "$select")
    if call.version == "beta":
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {call.method} /beta{call.path}.")
    wanted = chosen(call, _POLICY, "authorizationPolicy") or _POLICY
    context = call.context("policies/authorizationPolicy/$entity")
    return Answer(body={"@odata.context": context, **{name: _POLICY[name] for name in wanted}})
