"""Whether a temporary access pass can be used now. Source: temporaryAccessPassAuthenticationMethod resource."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "temporaryAccessPass"
# Its configuration in the authentication methods policy.
POLICY = "TemporaryAccessPass"


def moment(text: str) -> dt.datetime:
    """Return a time; without an offset it is UTC. Raises ValueError for what is none."""
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def usability(fields: Mapping[str, Any], now: str, *, allowed: bool) -> dict[str, Any]:
    """Return `isUsable` and why: a pass begins, is used up by its one use, and ends by itself."""
    begins, minutes = moment(fields["startDateTime"]), dt.timedelta(minutes=fields["lifetimeInMinutes"])
    reason = "EnabledByPolicy"
    if fields["methodUsabilityReason"] == "OneTimeUsed":
        reason = "OneTimeUsed"
    elif moment(now) >= begins + minutes:
        reason = "Expired"
    elif not allowed:
        reason = "DisabledByPolicy"
    elif moment(now) < begins:
        reason = "NotYetValid"
    return {"isUsable": reason == "EnabledByPolicy", "methodUsabilityReason": reason}
