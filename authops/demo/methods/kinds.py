"""Every kind of method that is listed and deleted: one module each."""

from __future__ import annotations

from authops.demo.methods import (
    external,
    fido2,
    hardware_oath,
    microsoft_authenticator,
    password,
    platform_credential,
    qr_code_pin,
    software_oath,
    windows_hello_for_business,
)
from authops.demo.methods.kind import Kind

# How a pass is given stands in temporary_access_pass.
_PASS = Kind("temporaryAccessPass", "temporaryAccessPassMethods", "TAP")
KINDS: tuple[Kind, ...] = (
    fido2.KIND, microsoft_authenticator.KIND, software_oath.KIND, hardware_oath.KIND, _PASS,
    windows_hello_for_business.KIND, password.KIND, platform_credential.KIND, external.KIND, qr_code_pin.KIND,
)  # fmt: skip
_BY_NAME = {kind.name: kind for kind in KINDS}


def hidden(name: str, version: str) -> tuple[str, ...]:
    """Return the properties of a kind that a collection does not show in that version."""
    kind = _BY_NAME.get(name)
    if kind is None:
        return ()
    return kind.nested if version == "beta" else (*kind.nested, *kind.beta)


def known(name: str, version: str) -> bool:
    """Return whether that version knows a kind."""
    return version == "beta" or name not in _BY_NAME or _BY_NAME[name].since == "v1.0"


def elsewhere(segment: str, verb: str) -> bool:
    """Return whether Graph has that verb for a kind of method, which this tenant does not serve."""
    return any(kind.segment == segment and verb in kind.elsewhere for kind in KINDS)
