"""Tokens: minted, signed, checked. Source: access-token-claims-reference, id-token-claims-reference, app-resilience-
continuous-access-evaluation, claims-challenge.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization

from authops.demo.login.assertion import thumb
from authops.demo.login.clients import GRAPH
from authops.demo.login.refusal import LoginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from authops.demo.login.assertion import Registration
    from authops.demo.login.person import People, Person

LIFETIME = 3599
_REFRESH = 90 * 24 * 3600
_UNCHECKED = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
_CHALLENGED = "Continuous access evaluation resulted in challenge with result: InteractionRequired"


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a bearer is refused; `claims` is the challenge of a revoked token (continuous access evaluation)."""

    text: str
    claims: str = ""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks: an application with permissions, or a person through an application with what was consented to."""

    permissions: frozenset[str]
    client_id: str = ""
    person: str = ""


class Mint:
    """Makes and checks the tokens of one tenant."""

    def __init__(self, key: RSAPrivateKey, roots: tuple[str, ...], people: People, now: Callable[[], float]) -> None:
        """Sign with `key`; `roots` are the addresses this server is known by, `now` is wall-clock seconds."""
        self._key, self.roots, self._people, self._now = key, roots, people, now
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._kid = thumb(hashlib.sha256(key.public_key().public_bytes(*form)).digest())
        self._good: dict[str, tuple[float, Bearer]] = {}
        self._revoked = 0

    def keys(self) -> dict[str, Any]:
        """Return the public key that tokens are signed with."""
        shown = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**shown, "use": "sig", "kid": self._kid, "alg": "RS256"}]}

    def revoke(self) -> None:
        """Make every access token issued so far worthless."""
        self._revoked += 1
        self._good.clear()

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, "RS256", {"kid": self._kid})

    def _times(self, lifetime: float) -> dict[str, Any]:
        now = int(self._now())
        return {"iat": now, "nbf": now, "exp": now + int(lifetime), "uti": uuid.uuid4().hex}

    def of_application(
        self, who: Registration, audience: str, permissions: Iterable[str], lifetime: float, *, capable: bool
    ) -> str:
        """Mint an application's access token."""
        principal = str(uuid.uuid5(uuid.NAMESPACE_URL, who.client_id))
        said = {"appid": who.client_id, "azp": who.client_id, "app_displayname": who.name, "appidacr": "2"}
        said |= {"oid": principal, "sub": principal, "tid": who.tenant_id, "idtyp": "app"}
        return self._access(said, audience, lifetime, capable=capable, roles=list(permissions))

    def of_person(
        self, person: Person, client: tuple[str, str], tenant_id: str, audience: str, scopes: Iterable[str],
        lifetime: float, *, capable: bool,
    ) -> str:  # fmt: skip
        """Mint a person's access token; `client` is the application's id and name."""
        said = {"appid": client[0], "azp": client[0], "app_displayname": client[1], "appidacr": "0"}
        said |= {"oid": person.id, "sub": person.id, "tid": tenant_id, "idtyp": "user", "name": person.name}
        said |= {"upn": person.upn, "unique_name": person.upn}
        more = {
            "wids": list(person.role_ids),
            "amr": ["pwd", "mfa"],
            "scp": " ".join(scopes),
            "session": person.session,
        }
        return self._access(said, audience, lifetime, capable=capable, **more)

    def _access(self, who: dict[str, str], audience: str, lifetime: float, *, capable: bool, **more: Any) -> str:
        claims = {"aud": audience, "iss": f"https://sts.windows.net/{who['tid']}/", "ver": "1.0", **who, **more}
        cae = {"xms_cc": ["cp1"]} if capable else {}
        return self._signed({**claims, **self._times(lifetime), "rev": self._revoked, **cae})

    def identity(self, person: Person, client_id: str, issuer: str, tenant_id: str, nonce: str) -> str:
        """Mint an id token."""
        claims = {"aud": client_id, "iss": issuer, "ver": "2.0", "tid": tenant_id, "oid": person.id, "sub": person.id}
        claims |= {"name": person.name, "preferred_username": person.upn} | ({"nonce": nonce} if nonce else {})
        return self._signed({**claims, **self._times(LIFETIME)})

    def refresh(self, person: Person, client_id: str, scope: str) -> str:
        """Mint a refresh token; nobody but this login can read what it means."""
        claims = {"aud": "refresh", "oid": person.id, "appid": client_id, "scope": scope, "session": person.session}
        return self._signed({**claims, **self._times(_REFRESH)})

    def refreshed(self, token: str, client_id: str) -> dict[str, Any]:
        """Return what a refresh token stands for, or refuse it."""
        claims = self._read(token)
        if isinstance(claims, Denied):
            raise LoginError("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
        if claims.get("aud") != "refresh" or claims["exp"] <= self._now():
            raise LoginError("invalid_grant", 700082, "The refresh token has expired due to inactivity.")
        if claims["appid"] != client_id:
            raise LoginError("invalid_grant", 700005, "Provided grant was issued to another application.")
        return claims

    def bearer(self, authorization: str | None) -> Bearer | Denied:
        """Return who the bearer is, or why it may not pass."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Denied("Access token is empty.")
        known = self._good.get(token)
        if known and known[0] > self._now() and not known[1].person:
            return known[1]
        claims = self._read(token)
        return claims if isinstance(claims, Denied) else self._accept(token, claims)

    def _challenge(self) -> str:
        wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self._now()))}}}
        return base64.b64encode(json.dumps(wanted).encode()).decode()

    def _accept(self, token: str, claims: dict[str, Any]) -> Bearer | Denied:
        if denied := self._denied(claims, (*self.roots, *GRAPH)):
            return denied
        person = claims["oid"] if claims.get("idtyp") == "user" else ""
        allowed = frozenset(claims["scp"].split() if person else claims["roles"])
        self._good[token] = (claims["exp"], Bearer(allowed, claims["appid"], person))
        return self._good[token][1]

    def _denied(self, claims: dict[str, Any], audiences: Sequence[str]) -> Denied | None:
        if claims.get("aud") not in audiences:
            return Denied("Access token validation failure. Invalid audience.")
        if claims["exp"] <= self._now():
            return Denied("Lifetime validation failed, the token is expired.")
        if claims.get("rev", 0) != self._revoked or not self._still(claims):
            return Denied(_CHALLENGED, self._challenge() if claims.get("xms_cc") else "")
        return None

    def refuse(self, authorization: str | None, audiences: Sequence[str]) -> Denied | None:
        """Return why the bearer may not pass at another service, or None."""
        claims = self._read((authorization or "").partition(" ")[2])
        return claims if isinstance(claims, Denied) else self._denied(claims, audiences)

    def _read(self, token: str) -> dict[str, Any] | Denied:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key.public_key(), ["RS256"], options=_UNCHECKED)  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            return Denied("IDX14100: JWT is not well formed or its signature is invalid.")
        return claims

    def _still(self, claims: dict[str, Any]) -> bool:
        """Whether the person is still there, enabled, and has not signed out everywhere since."""
        if claims.get("idtyp") != "user":
            return True
        person = self._people.find(claims["oid"])
        return person is not None and person.enabled and claims["session"] == person.session
