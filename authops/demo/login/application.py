"""Entra login for one application: client credentials proved by a certificate, checked for real.

Source: certificate-credentials (claims and headers of the assertion), AADSTS error reference. Access tokens are
signed, and Graph's side verifies them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LIFETIME = 3599
_LEEWAY = 300
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class LoginError(Exception):
    """A refusal with its AADSTS number."""

    def __init__(self, error: str, number: int, text: str, status: int = 400) -> None:
        """Keep OAuth's error name, Entra's number and text."""
        super().__init__(text)
        self.error, self.number, self.text, self.status = error, number, text, status


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a bearer is refused; `claims` is the challenge of a revoked token (continuous access evaluation)."""

    text: str
    claims: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """The app registration: who may sign in, by which certificates, with which application permissions."""

    tenant_id: str
    client_id: str
    certificates: tuple[x509.Certificate, ...]
    permissions: tuple[str, ...]
    domains: tuple[str, ...] = ()


def certificates(pems: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """Return the first certificate of each PEM."""
    return tuple(x509.load_pem_x509_certificates(pem)[0] for pem in pems)


def _thumb(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Login:
    """Token endpoint, metadata, and the check of access tokens."""

    def __init__(
        self, registration: Registration, signing_key: RSAPrivateKey, roots: tuple[str, ...], now: Callable[[], float]
    ) -> None:
        """Serve `registration`; `roots` are the addresses this server is known by, `now` is wall-clock seconds."""
        self.registration, self._key, self.roots, self._now = registration, signing_key, roots, now
        public = signing_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._kid = _thumb(hashlib.sha256(public).digest())
        self._good: dict[str, tuple[float, frozenset[str]]] = {}
        self.lifetime, self._revoked = float(_LIFETIME), 0
        self._by_thumb: dict[str, x509.Certificate] = {}
        for certificate in registration.certificates:
            der = certificate.public_bytes(serialization.Encoding.DER)
            self._by_thumb[_thumb(hashlib.sha256(der).digest())] = certificate
            self._by_thumb[_thumb(hashlib.sha1(der).digest())] = certificate  # noqa: S324 - x5t is SHA-1 by definition

    def check_tenant(self, tenant: str) -> None:
        """Refuse another tenant's address."""
        if tenant.lower() not in (self.registration.tenant_id, *self.registration.domains):
            text = f"Tenant '{tenant}' not found. Check the tenant ID and that this is the correct cloud."
            raise LoginError("invalid_tenant", 90002, text)

    def metadata(self, tenant: str, root: str) -> dict[str, Any]:
        """Return the OpenID metadata of the tenant."""
        self.check_tenant(tenant)
        here = f"{root}/{self.registration.tenant_id}"
        return {
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": f"{here}/v2.0",
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
        }

    def keys(self) -> dict[str, Any]:
        """Return the public key that access tokens are signed with."""
        shown = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**shown, "use": "sig", "kid": self._kid, "alg": "RS256"}]}

    def token(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """Answer a token request."""
        self.check_tenant(tenant)
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                raise LoginError("invalid_request", 900144, text)
        if form["grant_type"] != "client_credentials":
            text = f"The app requested an unsupported grant type '{form['grant_type']}'."
            raise LoginError("unsupported_grant_type", 70003, text)
        if form["client_id"].lower() != self.registration.client_id:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory '{tenant}'."
            raise LoginError("unauthorized_client", 700016, text)
        audience = self._audience(form["scope"])
        self._check_assertion(form)
        capable = _capable(form.get("claims", ""))
        token = self.issue_token(audience, lifetime=self.lifetime, capable=capable)
        seconds = int(self.lifetime)
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}

    def revoke(self) -> None:
        """Make every token issued so far worthless."""
        self._revoked += 1
        self._good.clear()

    def grant(self, permissions: Iterable[str]) -> None:
        """Consent to these application permissions; tokens issued before keep theirs."""
        self.registration = replace(self.registration, permissions=tuple(permissions))

    def _audience(self, scope: str) -> str:
        if not scope.endswith("/.default") or " " in scope:
            text = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            raise LoginError("invalid_scope", 70011, text)
        resource = scope.removesuffix("/.default").rstrip("/")
        if resource not in self.roots:
            text = f"The resource principal named {resource} was not found in the tenant."
            raise LoginError("invalid_resource", 500011, text)
        return resource

    def _check_assertion(self, form: dict[str, str]) -> None:
        if form.get("client_assertion_type") != _ASSERTION or not form.get("client_assertion"):
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise LoginError("invalid_client", 7000218, text, 401)
        try:
            header = jwt.get_unverified_header(form["client_assertion"])
        except jwt.InvalidTokenError as error:
            raise LoginError("invalid_client", 50027, "JWT token is invalid or malformed.", 401) from error
        certificate = self._certificate(header)
        claims = self._claims(form["client_assertion"], certificate)
        self._check_claims(claims, form["client_id"])

    def _certificate(self, header: dict[str, Any]) -> x509.Certificate:
        found = self._by_thumb.get(str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("="))
        if found is None:
            raise _bad_assertion(
                "The certificate with identifier used to sign the client assertion is not registered on application."
            )
        if not found.not_valid_before_utc.timestamp() <= self._now() <= found.not_valid_after_utc.timestamp():
            raise _bad_assertion(
                "The certificate used to sign the client assertion is not within its valid time range."
            )
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
            raise _bad_assertion("Client assertion failed signature validation.") from error

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
        return {f"{root}/{tenant}/{end}" for root in self.roots for tenant in tenants for end in ends}

    def issue_token(
        self,
        audience: str | None = None,
        *,
        permissions: Iterable[str] | None = None,
        lifetime: float = _LIFETIME,
        capable: bool = False,
    ) -> str:
        """Mint an access token, as the token endpoint does; tests may choose permissions and lifetime."""
        now, r = int(self._now()), self.registration
        roles = list(r.permissions if permissions is None else permissions)
        who = {
            "appid": r.client_id,
            "azp": r.client_id,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, r.client_id)),
            "tid": r.tenant_id,
        }
        times = {"iat": now, "nbf": now, "exp": now + int(lifetime)}
        cae = {"xms_cc": ["cp1"]} if capable else {}
        claims = {
            "aud": audience or self.roots[0],
            "iss": f"https://sts.windows.net/{r.tenant_id}/",
            "ver": "1.0",
            "idtyp": "app",
        }
        return jwt.encode(
            {**claims, **who, **times, "roles": roles, "uti": uuid.uuid4().hex, "rev": self._revoked, **cae},
            self._key,
            "RS256",
            {"kid": self._kid},
        )

    def permissions(self, authorization: str | None) -> frozenset[str] | Denied:
        """Return what the bearer may do, or why it may not."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Denied("Access token is empty.")
        known = self._good.get(token)
        if known and known[0] > self._now():
            return known[1]
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return Denied("IDX14100: JWT is not well formed or its signature is invalid.")
        return self._accept(token, claims)

    def _challenge(self) -> str:
        wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self._now()))}}}
        return base64.b64encode(json.dumps(wanted).encode()).decode()

    def _accept(self, token: str, claims: dict[str, Any]) -> frozenset[str] | Denied:
        if claims["aud"] not in self.roots:
            return Denied("Access token validation failure. Invalid audience.")
        if claims["exp"] <= self._now():
            return Denied("Lifetime validation failed, the token is expired.")
        if claims.get("rev", 0) != self._revoked:
            text = "Continuous access evaluation resulted in challenge with result: InteractionRequired"
            return Denied(text, self._challenge() if claims.get("xms_cc") else "")
        self._good[token] = (claims["exp"], frozenset(claims["roles"]))
        return self._good[token][1]


def _capable(claims: str) -> bool:
    """Whether the client says it understands claims challenges (capability cp1)."""
    try:
        values = json.loads(claims or "{}")["access_token"]["xms_cc"]["values"]
        return "cp1" in [str(value).lower() for value in values]
    except (ValueError, KeyError, TypeError):
        return False


def _bad_assertion(text: str) -> LoginError:
    return LoginError("invalid_client", 700027, f"{text} Client assertion is invalid.", 401)
