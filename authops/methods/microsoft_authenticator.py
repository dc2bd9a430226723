"""Microsoft Authenticator on a phone (Graph: microsoftAuthenticatorAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "microsoftAuthenticator", "Authenticator app", "microsoftAuthenticatorMethods", "MicrosoftAuthApp", factor=True,
    preferred="push", shown=("displayName", "deviceTag", "phoneAppVersion"),
)  # fmt: skip
