"""How a person signs in: device code and authorization code, until they are redeemed.

Source: v2-oauth2-device-code, v2-oauth2-auth-code-flow (PKCE), RFC 8628, RFC 7636.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authops.demo.login.refusal import LoginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.login.person import Person

DEVICE_LIFETIME = 900
_CODE_LIFETIME = 600
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(slots=True)
class Device:
    """A device that waits for somebody to enter its code."""

    client_id: str
    scope: str
    user_code: str
    until: float
    person: Person | None = None
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that was not redeemed yet."""

    client_id: str
    scope: str
    redirect_uri: str
    challenge: str
    method: str
    nonce: str
    person: Person
    until: float


@dataclass(slots=True)
class Grants:
    """What was begun and not yet redeemed."""

    now: Callable[[], float]
    devices: dict[str, Device] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def begin(self, client_id: str, scope: str) -> tuple[str, Device]:
        """Let a device wait; return its secret and itself."""
        secret = secrets.token_urlsafe(48)
        code = "".join(secrets.choice(_SIGNS) for _ in range(9))
        self.devices[secret] = Device(client_id, scope, code, self.now() + DEVICE_LIFETIME)
        return secret, self.devices[secret]

    def waiting(self, user_code: str) -> Device:
        """Return the device whose code somebody entered."""
        wanted = user_code.strip().replace("-", "").upper()
        found = next((d for d in self.devices.values() if d.user_code == wanted and not d.person), None)
        if found is None or found.until <= self.now():
            raise LoginError("invalid_grant", 70018, "Invalid verification code due to user entering wrong user code.")
        return found

    def redeem_device(self, secret: str, client_id: str) -> Device:
        """Return the device that somebody signed in for; it is redeemed once."""
        found = self.devices.get(secret)
        if found is None or found.client_id != client_id:
            raise LoginError("bad_verification_code", 70018, "The device_code is not recognized.")
        if found.declined:
            raise LoginError("authorization_declined", 70000, "The end user denied the authorization request.")
        if found.until <= self.now():
            raise LoginError("expired_token", 70020, "The provided value for the 'device_code' is expired.")
        if found.person is None:
            text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
            raise LoginError("authorization_pending", 70016, text)
        del self.devices[secret]
        return found

    def authorize(self, asked: dict[str, str], person: Person) -> str:
        """Return a code for what was asked in an authorization request."""
        code = secrets.token_urlsafe(48)
        self.codes[code] = Code(
            asked["client_id"].lower(), asked["scope"], asked["redirect_uri"], asked.get("code_challenge", ""),
            asked.get("code_challenge_method", "plain"), asked.get("nonce", ""), person, self.now() + _CODE_LIFETIME,
        )  # fmt: skip
        return code

    def redeem_code(self, form: dict[str, str]) -> Code:
        """Return what a code stands for; it is redeemed once, and only by whoever asked for it."""
        found = self.codes.pop(form["code"], None)
        if found is None or found.client_id != form["client_id"].lower():
            text = "The provided authorization code is invalid, was redeemed already, or belongs to another client."
            raise LoginError("invalid_grant", 54005 if found is None else 700005, text)
        if found.until <= self.now():
            text = "The provided authorization code or refresh token has expired due to inactivity."
            raise LoginError("invalid_grant", 70008, text)
        if found.redirect_uri != form.get("redirect_uri"):
            text = "The reply address does not match the reply address provided when requesting the code."
            raise LoginError("invalid_client", 500112, text)
        if found.challenge and not _proves(form.get("code_verifier", ""), found):
            raise LoginError("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied.")
        return found


def _proves(verifier: str, code: Code) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest if code.method == "S256" else verifier, code.challenge)
