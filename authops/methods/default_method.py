"""The default method for second factors (Graph, beta: signInPreferences). Unlike the report, it is not hours behind."""

from __future__ import annotations

from typing import Final

from authops.methods.kind import Order
from authops.methods.states import state

_WORDS: Final = ("push", "oath", "voiceMobile", "voiceAlternateMobile", "voiceOffice", "sms")
KIND: Final = state(
    "defaultMethod", "default method", "signInPreferences", "userPreferredMethodForSecondaryAuthentication",
    Order(add=20, update=20, remove=20), nothing=("none",), version="beta", entity=True,
    reads=("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
    writes=("UserAuthenticationMethod.ReadWrite.All",), settable=tuple((word, word) for word in _WORDS),
)  # fmt: skip
