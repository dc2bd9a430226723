"""All sessions of a person, ended at once and for good (Graph: revokeSignInSessions, signInSessionsValidFromDateTime).

No method, but what somebody keeps when their methods are gone. As a value it is since when sessions count; what is
wanted is that this lies later than before. Graph says that tokens may take some minutes to follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from authops.graph import requests
from authops.graph.answer import Request
from authops.methods.kind import Order
from authops.methods.states import State, state

NAME: Final = "signInSessions"
# What Graph says by null: nobody ever revoked them.
ALWAYS: Final = "always"
_FIELD: Final = "signInSessionsValidFromDateTime"
_AFTER: Final = "revoked after "


@dataclass(frozen=True)
class Sessions(State):
    """Told by the user itself, and moved by one request that takes no value."""

    def reading(self, user_id: str) -> Request:
        """GET of the one property."""
        return requests.sessions(user_id)

    def writing(self, action: str, user_id: str, _value: str, _before: str = "") -> Request:
        """The POST; in a batch it needs a body."""
        if action == "remove":
            raise ValueError("sessions are revoked, not removed")
        return Request("POST", requests.revoking(user_id), "{}")

    def tells(self, item: Mapping[str, Any]) -> bool:
        """Left out is not known, null is."""
        return _FIELD in item and bool(_value(item))


def revoked(since: str) -> str:
    """The value that is wanted where sessions count since then."""
    return f"{_AFTER}{since}"


def moment(text: str) -> datetime | None:
    """A moment with its zone, the first of all for `always`; None for what is none."""
    if text == ALWAYS:
        return datetime.min.replace(tzinfo=UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _value(item: Mapping[str, Any]) -> str:
    told = item.get(_FIELD, "")
    return ALWAYS if told is None else told if isinstance(told, str) else ""


def _alike(one: str, other: str) -> bool:
    """The same moment; or a moment that is later than the one that is wanted."""
    if one == other:
        return True
    wanted = one if one.startswith(_AFTER) else other
    found = other if wanted == one else one
    bound, at = moment(wanted.removeprefix(_AFTER)), moment(found)
    if bound is None or at is None:
        return False
    return at > bound if wanted.startswith(_AFTER) else at == bound


_STATE: Final = state(
    NAME, "sign-in sessions", "", _FIELD, Order(add=1, update=1, remove=1), make=Sessions, entity=True, equal=_alike,
    undone=False, reads=("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    writes=("User.RevokeSessions.All",),
)  # fmt: skip
KIND: Final = replace(_STATE, value=_value)
