"""Another issuer's word for who a workload is: the trusted issuer, and the check of its tokens.

Source: workload-identity-federation, federatedIdentityCredential resource; reference-error-codes. The issuer here
stands for a cluster or a pipeline: `token` says what it would write into AZURE_FEDERATED_TOKEN_FILE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from authops.demo.login.refusal import LoginError, bad_assertion

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

AUDIENCE = "api://AzureADTokenExchange"
_ISSUER, _SUBJECT = "https://issuer.contoso.example/demo", "system:serviceaccount:authops:authops"
_LEEWAY = 300
# The rest is checked by itself, in Entra's words.
_SIGNATURE = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False)
_NONE = "No matching federated identity record found for presented assertion"


@dataclass(frozen=True, slots=True)
class Federation:
    """A federated identity credential of the app registration, and the key its issuer signs with."""

    key: RSAPrivateKey
    issuer: str = _ISSUER
    subject: str = _SUBJECT
    audience: str = AUDIENCE

    def token(self, now: float, lifetime: float = 3600, **changed: Any) -> str:
        """Return what the issuer's platform gives this workload."""
        claims = {"iss": self.issuer, "sub": self.subject, "aud": [self.audience]}
        times = {"iat": int(now), "nbf": int(now), "exp": int(now + lifetime)}
        return jwt.encode({**claims, **times, **changed}, self.key, algorithm="RS256", headers={"kid": "demo"})

    def check(self, assertion: str, now: float) -> None:
        """Refuse what this issuer did not sign for this workload, here and now."""
        claims = jwt.decode(assertion, options={"verify_signature": False})
        audiences = claims["aud"] if isinstance(claims.get("aud"), list) else [claims.get("aud")]
        for number, name, said, fits in (
            (700211, "issuer", claims.get("iss"), claims.get("iss") == self.issuer),
            (700213, "subject", claims.get("sub"), claims.get("sub") == self.subject),
            (700212, "audience", audiences[0] if audiences else "", self.audience in audiences),
        ):
            if not fits:
                raise LoginError("invalid_client", number, f"{_NONE} {name} '{said}'.", 401)
        try:
            jwt.decode(assertion, self.key.public_key(), algorithms=["RS256"], options=_SIGNATURE)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            raise bad_assertion("Client assertion failed signature validation.") from error
        if not claims.get("nbf", now) - _LEEWAY <= now < claims.get("exp", 0) + _LEEWAY:
            text = "Client assertion is not within its valid time range."
            raise LoginError("invalid_client", 700024, text, 401)
