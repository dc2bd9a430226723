"""Keys in the secure enclave of a Mac (Graph: platformCredentialAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "platformCredential", "platform credential", "platformCredentialMethods", "PlatformCred", factor=True,
    resists=True, shown=("displayName", "platform", "keyStrength"),
)  # fmt: skip
