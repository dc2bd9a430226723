"""Signing in by SMS, as a first factor: a property of the mobile (Graph: enableSmsSignIn, disableSmsSignIn)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authops.graph.answer import Request
from authops.methods import mobile, phones
from authops.methods.kind import Order
from authops.methods.states import State, state

_ON: Final = "ready"
OFF: Final = "notEnabled"


@dataclass(frozen=True)
class SmsSignIn(State):
    """On is one word of Graph's; off are all others, and having no mobile at all."""

    def writing(self, action: str, user_id: str, value: str, _before: str = "") -> Request:
        """A POST either way; in a batch it needs a body."""
        if action == "remove":
            raise ValueError("signing in by SMS is switched off, not removed")
        verb = "enableSmsSignIn" if value == _ON else "disableSmsSignIn"
        return Request("POST", f"{self.reading(user_id).path}/{self.method_id}/{verb}", "{}")


def _alike(one: str, other: str) -> bool:
    return (one == _ON) == (other == _ON)


KIND: Final = state(
    "smsSignIn", "signing in by SMS", "phoneMethods", "smsSignInState", Order(add=30, update=30, remove=30),
    make=SmsSignIn, within="mobile", method_id=mobile.KIND.method_id, sort="phones", equal=_alike,
    reads=phones.READS, writes=phones.WRITES, settable=(("off", OFF), (OFF, OFF)),
)  # fmt: skip
