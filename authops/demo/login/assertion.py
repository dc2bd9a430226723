"""Who a client is: the app registration, and the assertion it proves itself by. Source: certificate-credentials."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from authops.demo.login.clients import LOGIN
from authops.demo.login.refusal import LoginError, bad_assertion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authops.demo.login.federation import Federation

_LEEWAY = 300
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Registration:
    """The app registration: who may sign in, by which certificates, with which application permissions."""

    tenant_id: str
    client_id: str
    certificates: tuple[x509.Certificate, ...]
    permissions: tuple[str, ...]
    domains: tuple[str, ...] = ()
    name: str = "authops demo"
    federation: Federation | None = None


def certificates(pems: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """Return the first certificate of each PEM."""
    return tuple(x509.load_pem_x509_certificates(pem)[0] for pem in pems)


def thumb(data: bytes) -> str:
    """Return bytes as JOSE writes them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Assertions:
    """Checks what a client signs to prove itself."""

    def __init__(self, registration: Registration, roots: tuple[str, ...], now: Callable[[], float]) -> None:
        """Know the registered certificates by their two thumbprints."""
        self.registration, self.roots, self._now = registration, roots, now
        self._by_thumb: dict[str, x509.Certificate] = {}
        for certificate in registration.certificates:
            der = certificate.public_bytes(serialization.Encoding.DER)
            self._by_thumb[thumb(hashlib.sha256(der).digest())] = certificate
            self._by_thumb[thumb(hashlib.sha1(der).digest())] = certificate  # noqa: S324 - x5t is SHA-1 by definition

    def check(self, form: dict[str, str]) -> None:
        """Refuse what does not prove that the client is who it says."""
        if form.get("client_assertion_type") != _ASSERTION or not form.get("client_assertion"):
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise LoginError("invalid_client", 7000218, text, 401)
        try:
            header = jwt.get_unverified_header(form["client_assertion"])
        except jwt.InvalidTokenError as error:
            raise LoginError("invalid_client", 50027, "JWT token is invalid or malformed.", 401) from error
        if self._federated(form["client_assertion"], header):
            return
        certificate = self._certificate(header)
        claims = self._claims(form["client_assertion"], certificate)
        self._check_claims(claims, form["client_id"])

    def _federated(self, assertion: str, header: dict[str, Any]) -> bool:
        """Whether another issuer's token was sent, which no certificate signed; refuse one that proves nothing."""
        trusted = self.registration.federation
        if trusted is None or {"x5t", "x5t#S256"} & set(header):
            return False
        if jwt.decode(assertion, options={"verify_signature": False}).get("iss") == self.registration.client_id:
            return False
        trusted.check(assertion, self._now())
        return True

    def _certificate(self, header: dict[str, Any]) -> x509.Certificate:
        found = self._by_thumb.get(str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("="))
        if found is None:
            raise bad_assertion(
                "The certificate with identifier used to sign the client assertion is not registered on application."
            )
        if not found.not_valid_before_utc.timestamp() <= self._now() <= found.not_valid_after_utc.timestamp():
            raise bad_assertion("The certificate used to sign the client assertion is not within its valid time range.")
        return found

    # nbf is documented but MSAL leaves it out and is let in, so it is not required here either.
    def _claims(self, assertion: str, certificate: x509.Certificate) -> dict[str, Any]:
        key = certificate.public_key()
        required = ["aud", "iss", "sub", "exp", "jti"]
        checks = {
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": False,
            "require": required,
        }
        try:
            if not isinstance(key, RSAPublicKey):
                raise jwt.InvalidKeyError("not an RSA key")
            return jwt.decode(assertion, key, algorithms=["PS256", "RS256"], options=checks)  # type: ignore[arg-type]
        except jwt.MissingRequiredClaimError as error:
            raise LoginError("invalid_client", 50027, f"JWT token is invalid or malformed: {error}.", 401) from error
        except jwt.InvalidTokenError as error:
            raise bad_assertion("Client assertion failed signature validation.") from error

    def _check_claims(self, claims: dict[str, Any], client_id: str) -> None:
        if claims["iss"] != client_id or claims["sub"] != client_id:
            text = "Client assertion contains an invalid issuer or subject: both must be the client id."
            raise LoginError("invalid_client", 700021 if claims["iss"] != client_id else 700025, text, 401)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not set(audiences) & self._token_addresses():
            raise LoginError(
                "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer.", 401
            )
        now = self._now()
        if not (max(claims.get("nbf", now), claims.get("iat", now)) - _LEEWAY <= now < claims["exp"] + _LEEWAY):
            text = "Client assertion is not within its valid time range."
            raise LoginError("invalid_client", 700024, text, 401)

    def _token_addresses(self) -> set[str]:
        tenants = (self.registration.tenant_id, *self.registration.domains)
        ends = ("oauth2/v2.0/token", "v2.0")
        return {f"{root}/{tenant}/{end}" for root in (*self.roots, LOGIN) for tenant in tenants for end in ends}
