"""Passkeys: security keys, synced ones, and those in Authenticator (Graph: fido2AuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "fido2", "passkey", "fido2Methods", "Passkey", factor=True, resists=True,
    shown=("displayName", "model", "passkeyType", "attestationLevel", "aaGuid"),
)  # fmt: skip
