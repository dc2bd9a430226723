"""What the registration report's names of methods mean: the ones that are kinds of ours, and all the others.

Sources: Graph, userRegistrationDetails (an open list); Entra, "Authentication methods" (what serves for multifactor
sign-in, what for password reset) and "SMS and voice retirement".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from authops.methods.kinds import KINDS, numbers


@dataclass(frozen=True)
class Meaning:
    """`factor`: satisfies MFA. `lasts`: goes on doing so after the retirement, and does not expire. `resists`:
    phishing. `resets`: serves self-service password reset. `passkey`: what a passkey campaign asks for.

    `synced`: such a passkey, of which is not told where it works; None: that is not told. `local`: of SYSTEMS, where
    a passkey campaign leaves its owner alone (Entra: run a registration campaign, nudge evaluation by platform).
    """

    factor: bool = False
    lasts: bool = False
    resists: bool = False
    resets: bool = False
    passkey: bool = False
    synced: bool | None = False
    local: frozenset[str] = frozenset()


SYSTEMS: Final = ("Windows, Chrome", "Windows", "macOS, Chrome", "macOS", "iOS", "Android")
_WINDOWS, _MAC, _MOBILE = (frozenset(SYSTEMS[n : n + 2]) for n in (0, 2, 4))
_BOUND: Final = Meaning(factor=True, lasts=True, resists=True)
_PASSKEY: Final = replace(_BOUND, passkey=True)
# A security key, or another provider that works everywhere.
_KEY: Final = replace(_PASSKEY, local=frozenset(SYSTEMS))
_APP: Final = Meaning(factor=True, lasts=True, resets=True)
_OTHERS: Final = {
    # A passkey of whatever type: where it works is not told.
    "fido2": replace(_PASSKEY, synced=None),
    "fido2SecurityKey": _KEY,
    "passKeyDeviceBound": _KEY,
    "passKeyDeviceBoundAuthenticator": replace(_PASSKEY, local=_MOBILE),
    "passKeyDeviceBoundWindowsHello": replace(_PASSKEY, local=_WINDOWS),
    "passKeySynced": replace(_PASSKEY, synced=True),
    "windowsHelloForBusiness": replace(_BOUND, local=_WINDOWS),
    "macOsSecureEnclaveKey": replace(_BOUND, local=_MAC),
    "microsoftAuthenticatorPush": _APP,
    "microsoftAuthenticatorPasswordless": _APP,
    "softwareOneTimePasscode": _APP,
    "hardwareOneTimePasscode": _APP,
    "x509CertificateMultiFactor": _BOUND,
    "x509CertificateSingleFactor": Meaning(),
    "externalAuthMethod": Meaning(factor=True, lasts=True),
    "temporaryAccessPass": Meaning(factor=True),
    "securityQuestion": Meaning(resets=True),
    "qrCode": Meaning(),
    "smsSignIn": Meaning(),
}
# Who made a passkey, by AAGUID, where that decides on which systems it works: Microsoft Authenticator (iOS, Android),
# the Entra passkey on Windows, iCloud Keychain (also managed), Google Password Manager.
PLATFORM_PASSKEYS: Final = {
    "90a3ccdf-635c-4729-a248-9b709135078f": "passKeyDeviceBoundAuthenticator",
    "de1e552d-db1d-4423-a619-566b625cdc84": "passKeyDeviceBoundAuthenticator",
    "08987058-cadc-4b81-b6e1-30de50dcbe96": "passKeyDeviceBoundWindowsHello",
    "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "passKeyDeviceBoundWindowsHello",
    "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "passKeyDeviceBoundWindowsHello",
    "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "passKeySynced",
    "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "passKeySynced",
    "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "passKeySynced",
}
_BY_TYPE: Final = {"synced": "passKeySynced", "deviceBound": "passKeyDeviceBound"}
# Graph's types of methods, where the typed answer has to be said in the report's words.
_TYPES: Final = {
    "microsoftAuthenticator": "microsoftAuthenticatorPush",
    "softwareOath": "softwareOneTimePasscode",
    "hardwareOath": "hardwareOneTimePasscode",
    "windowsHelloForBusiness": "windowsHelloForBusiness",
    "platformCredential": "macOsSecureEnclaveKey",
    "external": "externalAuthMethod",
    "qrCodePin": "qrCode",
    "temporaryAccessPass": "temporaryAccessPass",
}

# What `/authentication/methods` of v1.0 shows; hardware tokens are beta's, questions and certificates are in neither.
_SHOWN: Final = frozenset(
    [
        *(name for name, meaning in _OTHERS.items() if meaning.passkey),
        "microsoftAuthenticatorPush",
        "microsoftAuthenticatorPasswordless",
        "softwareOneTimePasscode",
        "windowsHelloForBusiness",
        "macOsSecureEnclaveKey",
        "externalAuthMethod",
        "temporaryAccessPass",
    ]
)


def beside(names: Iterable[str]) -> list[str]:
    """Those of the report's names that a person's own list of methods cannot show, so the report alone tells."""
    ours = {kind.report for kind in KINDS.values()}
    return [name for name in names if name not in _SHOWN and name not in ours]


def meanings() -> dict[str, Meaning]:
    """The report's name → what it means. A name that is not in it is not known, which is not "no"."""
    ours = {k.report: Meaning(k.factor, k.factor and not k.retires, resets=not k.beside) for k in KINDS.values()}
    return ours | _OTHERS


def delivered(channels: Collection[str]) -> frozenset[str]:
    """The report's names of the phones that are reached through one of these channels (sms, voice)."""
    wanted = {channel.casefold() for channel in channels}
    reached = (KINDS[n] for n in numbers() if any(p.configuration.casefold() in wanted for p in KINDS[n].policies))
    return frozenset(kind.report for kind in reached)


def of_type(item: Mapping[str, Any]) -> str:
    """A method of `/authentication/methods` in the report's words; "" for a password; its own type when not known."""
    kind = str(item.get("@odata.type") or "").rpartition(".")[2].removesuffix("AuthenticationMethod")
    if kind == "password":
        return ""
    if ours := next((k.report for k in KINDS.values() if k.is_in(item)), ""):
        return ours
    if kind == "fido2":
        made = PLATFORM_PASSKEYS.get(str(item.get("aaGuid")).casefold())
        return made or _BY_TYPE.get(str(item.get("passkeyType")), "fido2")
    return _TYPES.get(kind, kind or "unknown")
