"""Entra login of one tenant: what its endpoints answer. Source: v2-oauth2-client-creds-grant-flow, -auth-code-flow,
-device-code, v2-protocols-oidc.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authops.demo.login import clients
from authops.demo.login.assertion import Assertions, Registration
from authops.demo.login.grants import DEVICE_LIFETIME, Grants
from authops.demo.login.person import Nobody
from authops.demo.login.refusal import LoginError, NotHere, missing
from authops.demo.login.tokens import LIFETIME, Bearer, Denied, Mint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from authops.demo.login.person import People, Person

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_ANYWHERE = ("common", "organizations")
# Grants that Entra knows and this login does not.
_ELSEWHERE = (
    "password",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
)
_WRONG = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"


class Login:
    """Token endpoint, device code, authorization, metadata, and the check of access tokens."""

    def __init__(
        self,
        registration: Registration,
        signing_key: RSAPrivateKey,
        roots: tuple[str, ...],
        now: Callable[[], float],
        people: People | None = None,
    ) -> None:
        """Serve `registration`; `roots` are the addresses this server is known by, `now` is wall-clock seconds."""
        self.roots, self.people = roots, people or Nobody()
        self.mint = Mint(signing_key, roots, self.people, now)
        self.grants, self._assertions = Grants(now), Assertions(registration, roots, now)
        self.lifetime, self.interval = float(LIFETIME), 5
        # Graph's names, in the order in which an address is preferred.
        self.graph = (*roots, *clients.GRAPH)

    @property
    def registration(self) -> Registration:
        """The app registration."""
        return self._assertions.registration

    def check_tenant(self, tenant: str, *, anywhere: bool = True) -> None:
        """Refuse another tenant's address; `/common` and `/organizations` lead here, as for whoever lives here."""
        known = (self.registration.tenant_id, *self.registration.domains)
        if tenant.lower() in known or (anywhere and tenant.lower() in _ANYWHERE):
            return
        if tenant.lower() in _ANYWHERE:
            text = (
                "No tenant-identifying information found in either the request or implied by any provided credentials."
            )
            raise LoginError("invalid_request", 50059, text)
        text = f"Tenant '{tenant}' not found. Check the tenant ID and that this is the correct cloud."
        raise LoginError("invalid_tenant", 90002, text)

    def metadata(self, tenant: str, root: str) -> dict[str, Any]:
        """Return the OpenID metadata of the tenant."""
        self.check_tenant(tenant)
        common = tenant.lower() in _ANYWHERE
        here = f"{root}/{tenant.lower() if common else self.registration.tenant_id}"
        issuer = f"{root}/{{tenantid}}/v2.0" if common else f"{here}/v2.0"
        return {
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": list(clients.OPENID),
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
            ],
            "issuer": issuer,
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{here}/oauth2/v2.0/logout",
            "userinfo_endpoint": f"{root}/oidc/userinfo",
            "http_logout_supported": False,
            "request_uri_parameter_supported": False,
            "tenant_region_scope": None if common else "EU",
            "msgraph_host": root.partition("://")[2],
        }

    def instance(self, address: str, root: str) -> dict[str, Any]:
        """Return where the authority of an authorization endpoint is described (instance discovery)."""
        parts = address.removeprefix("https://").split("/")
        if f"https://{parts[0]}" not in (*self.roots, clients.LOGIN) or len(parts) < 2:
            raise LoginError("invalid_instance", 50049, "Unknown or invalid instance.")
        self.check_tenant(parts[1])
        hosts = [each.removeprefix("https://") for each in self.roots]
        names = {"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": hosts}
        where = f"{root}/{parts[1]}/v2.0/.well-known/openid-configuration"
        return {"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": [names]}

    def keys(self) -> dict[str, Any]:
        """Return the public key that access tokens are signed with."""
        return self.mint.keys()

    def token(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """Answer a token request."""
        self.check_tenant(tenant)
        _require(form, "grant_type", "client_id")
        kind = form["grant_type"]
        redeem = {
            "client_credentials": self._application,
            "authorization_code": self._code,
            DEVICE_CODE: self._device,
            # As msal-node writes it.
            "device_code": self._device,
            "refresh_token": self._refresh,
        }.get(kind)
        if kind in _ELSEWHERE:
            raise NotHere(f"grant_type={kind}")
        if redeem is None:
            text = f"The app requested an unsupported grant type '{kind}'."
            raise LoginError("unsupported_grant_type", 70003, text)
        return redeem(tenant, form)

    def _application(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        _require(form, "scope")
        self.check_tenant(tenant, anywhere=False)
        if form["client_id"].lower() != self.registration.client_id:
            raise self._stranger(form["client_id"], tenant)
        audience = self._audience(form["scope"])
        self._prove(form)
        token = self.issue_token(audience, lifetime=self.lifetime, capable=_capable(form.get("claims", "")))
        seconds = int(self.lifetime)
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}

    def _prove(self, form: dict[str, str]) -> None:
        """Check the application's own credential."""
        if form.get("client_secret"):
            text = f"{_WRONG} the client secret ID, for a secret added to app '{form['client_id']}'."
            raise LoginError("invalid_client", 7000215, text, 401)
        self._assertions.check(form)

    def _stranger(self, client_id: str, tenant: str) -> LoginError:
        text = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
        return LoginError("unauthorized_client", 700016, text)

    def client(self, client_id: str, tenant: str) -> tuple[str, str]:
        """Return id and name of an application that people may sign in to."""
        known = {self.registration.client_id: self.registration.name, **clients.FIRST_PARTY}
        if client_id.lower() not in known:
            raise self._stranger(client_id, tenant)
        return client_id.lower(), known[client_id.lower()]

    def _audience(self, scope: str) -> str:
        if not scope.endswith("/.default") or " " in scope:
            text = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            raise LoginError("invalid_scope", 70011, text)
        return self._resource(scope.removesuffix("/.default"))

    def _resource(self, asked: str) -> str:
        resource = asked.rstrip("/") or self.roots[0]
        if resource.lower() not in (*self.graph, *clients.MANAGEMENT):
            text = f"The resource principal named {resource} was not found in the tenant."
            raise LoginError("invalid_resource", 500011, text)
        return resource.lower()

    def begin_device(self, tenant: str, form: dict[str, str], root: str) -> dict[str, Any]:
        """Answer a device authorization request."""
        self.check_tenant(tenant)
        _require(form, "client_id", "scope")
        client_id, _ = self.client(form["client_id"], tenant)
        self._resource(clients.split_scope(form["scope"], self.graph)[0])
        secret, device = self.grants.begin(client_id, form["scope"])
        where = f"{root}/devicelogin"
        text = f"To sign in, use a web browser to open the page {where} and enter the code {device.user_code}"
        return {
            "user_code": device.user_code,
            "device_code": secret,
            "verification_uri": where,
            "expires_in": DEVICE_LIFETIME,
            "interval": self.interval,
            "message": f"{text} to authenticate.",
        }

    def check_authorization(self, tenant: str, asked: dict[str, str]) -> None:
        """Refuse an authorization request that cannot be answered."""
        self.check_tenant(tenant)
        for name in ("client_id", "redirect_uri", "response_type", "scope"):
            if not asked.get(name):
                raise missing(name)
        client_id, _ = self.client(asked["client_id"], tenant)
        clients.check_redirect(asked["redirect_uri"], client_id, self.roots)
        if asked["response_type"] != "code":
            raise NotHere(f"response_type={asked['response_type']}")
        self._resource(clients.split_scope(asked["scope"], self.graph)[0])

    def enter(self, key: str, client_id: str, scope: str) -> Person:
        """Let somebody sign in to an application and consent, or refuse."""
        person = self.people.find(key.strip())
        if person is None:
            text = f"The user account {key} does not exist in the directory. To sign into this application, the account"
            raise LoginError("invalid_grant", 50034, f"{text} must be added to the directory.")
        if not person.enabled:
            raise LoginError("invalid_grant", 50057, "The user account is disabled.")
        client, granted = self.client(client_id, "common"), frozenset(self.registration.permissions)
        resource, names, _ = clients.split_scope(scope, self.graph)
        if self._resource(resource) in self.graph:
            clients.check_names(names, client[1], admin=person.admin, granted=granted)
        return person

    def _code(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        _require(form, "code", "redirect_uri")
        self._known(tenant, form)
        found = self.grants.redeem_code(form)
        return self._granted(found.person, form, found.scope, tenant, nonce=found.nonce)

    def _device(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        secret = form.get("device_code") or form.get("code")
        if not secret:
            raise missing("device_code")
        client_id, _ = self._known(tenant, form)
        found = self.grants.redeem_device(secret, client_id)
        assert found.person is not None
        return self._granted(found.person, form, found.scope, tenant)

    def _refresh(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        _require(form, "refresh_token")
        client_id, _ = self._known(tenant, form)
        held = self.mint.refreshed(form["refresh_token"], client_id)
        person = self.people.find(held["oid"])
        if person is None:
            raise LoginError("invalid_grant", 50034, "The user account does not exist in the directory.")
        if held["session"] != person.session:
            text = "The provided grant has expired due to it being revoked, a fresh auth token is needed."
            raise LoginError("invalid_grant", 50173, text)
        scope = form.get("scope") or held["scope"]
        return self._granted(self.enter(person.id, client_id, scope), form, scope, tenant)

    def _known(self, tenant: str, form: dict[str, str]) -> tuple[str, str]:
        """Return the client; what it sends to prove itself is looked at."""
        if form.get("client_secret") or form.get("client_assertion"):
            self._prove(form)
        return self.client(form["client_id"], tenant)

    def _granted(
        self, person: Person, form: dict[str, str], scope: str, tenant: str, *, nonce: str = ""
    ) -> dict[str, Any]:
        resource, names, openid = clients.split_scope(scope, self.graph)
        audience, client = self._resource(resource), self.client(form["client_id"], tenant)
        scopes = self._scopes(person, client[0], audience, names)
        how = {"lifetime": self.lifetime, "capable": _capable(form.get("claims", ""))}
        ids = (person, client, self.registration.tenant_id, audience, scopes)
        words = [f"{resource}/{name}" if resource else name for name in scopes]
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join([*(word for word in openid if word != "offline_access"), *words]),
            "expires_in": int(self.lifetime),
            "ext_expires_in": int(self.lifetime),
            "access_token": self.mint.of_person(*ids, **how),  # type: ignore[arg-type]
        }
        if "offline_access" in openid or form["grant_type"] == "refresh_token":
            answer["refresh_token"] = self.mint.refresh(person, client[0], scope)
        if "openid" in openid:
            issuer = f"{self.roots[0]}/{self.registration.tenant_id}/v2.0"
            answer["id_token"] = self.mint.identity(person, client[0], issuer, self.registration.tenant_id, nonce)
        if form.get("client_info"):
            answer["client_info"] = _client_info(person.id, self.registration.tenant_id)
        return answer

    def _scopes(self, person: Person, client_id: str, audience: str, names: list[str]) -> list[str]:
        """Return what is consented to: what was asked, or with `.default` all that ever was."""
        if audience not in self.graph:
            return ["user_impersonation"]
        if ".default" not in names:
            return names or ["User.Read"]
        mine = client_id == self.registration.client_id or person.admin
        everything = self.registration.permissions if mine else ()
        return sorted({"User.Read", *everything})

    def revoke(self) -> None:
        """Make every token issued so far worthless."""
        self.mint.revoke()

    def grant(self, permissions: Iterable[str]) -> None:
        """Consent to these permissions; tokens issued before keep theirs."""
        self._assertions.registration = replace(self.registration, permissions=tuple(permissions))

    def issue_token(
        self,
        audience: str | None = None,
        *,
        permissions: Iterable[str] | None = None,
        lifetime: float = LIFETIME,
        capable: bool = False,
    ) -> str:
        """Mint an access token, as the token endpoint does; tests may choose permissions and lifetime."""
        names = self.registration.permissions if permissions is None else permissions
        return self.mint.of_application(self.registration, audience or self.roots[0], names, lifetime, capable=capable)

    def bearer(self, authorization: str | None) -> Bearer | Denied:
        """Return who the bearer is, or why it may not pass."""
        return self.mint.bearer(authorization)


def _require(form: dict[str, str], *names: str) -> None:
    for name in names:
        if not form.get(name):
            raise missing(name)


def _client_info(person: str, tenant: str) -> str:
    said = json.dumps({"uid": person, "utid": tenant}).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _capable(claims: str) -> bool:
    """Whether the client says it understands claims challenges (capability cp1)."""
    try:
        values = json.loads(claims or "{}")["access_token"]["xms_cc"]["values"]
        return "cp1" in [str(value).lower() for value in values]
    except (ValueError, KeyError, TypeError):
        return False
