"""Connection profile (YAML) → who we are, which cloud, and a credential. Never a secret in a file.

The only door to the demo tenant: `cloud: demo` starts it when it is not running, and is then an ordinary connection.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from authops.graph import certificate, person, profile, trust
from authops.graph.profile import CLOUDS, CREDENTIALS, Connection
from authops.graph.refusal import refused, remedy
from authops.words import console
from authops.words.errors import ConnectionProfileError, SignInError, UsageError
from authops.words.redaction import the_variable

# What a profile is, for whoever loads one.
__all__ = ("CLOUDS", "CREDENTIALS", "Connection")
_CLAIMS: Final = ("appid", "exp", "roles", "scp", "tid", "upn", "preferred_username", "unique_name", "oid")


def load(name_or_path: str) -> Connection:
    """A profile by name (`parameters/connections/NAME.yaml`) or by path. Raises `ConnectionProfileError`."""
    path = profile.find(name_or_path)
    content = profile.read(path)
    if content.get("cloud") == "demo":
        profile.only(content, ("cloud",), path)
        return replace(load(str(start_demo())), name=path.stem, cloud="demo")
    return profile.checked(content, path)


def asks_person(name_or_path: str) -> bool:
    """Whether a profile signs in as a person, who has to be there; not known of a profile that cannot be read."""
    try:
        return profile.read(profile.find(name_or_path)).get("credential") in person.KINDS
    except ConnectionProfileError:
        return False


def application(name_or_path: str) -> str:
    """As whom a profile signs in, to tell which share Graph's limits: its client id, else its credential or name."""
    try:
        content = profile.read(profile.find(name_or_path))
    except ConnectionProfileError:
        return name_or_path
    return str(content.get("client_id") or content.get("credential") or name_or_path)


def credential_of(connection: Connection, prompt: person.Prompt = console.ask) -> Any:
    """The azure-identity credential of a connection; `prompt` shows a person what to do to sign in.

    Raises `ConnectionProfileError` for an unusable certificate.
    """
    from azure import identity

    if connection.credential in person.KINDS:
        return _of_person(connection, prompt)
    where: dict[str, Any] = _where(connection)
    if connection.credential == "certificate":
        return _by_certificate(connection, where)
    if connection.credential == "managed-identity":
        return identity.ManagedIdentityCredential(client_id=connection.client_id or None)
    if connection.credential == "azure-cli":
        return identity.AzureCliCredential(tenant_id=connection.tenant_id)
    return identity.WorkloadIdentityCredential(tenant_id=connection.tenant_id, **_client(connection), **where)


def _by_certificate(connection: Connection, where: dict[str, Any]) -> Any:
    from azure import identity

    path = connection.certificate_path
    pair = certificate.check(path, _certificate_password(connection))
    try:
        return identity.CertificateCredential(
            connection.tenant_id, connection.client_id, certificate_data=pair, **where
        )
    except ValueError:  # it proves the key's numbers, a second's twentieth each time, so nobody else here does
        raise certificate.damaged(path) from None


def _where(connection: Connection) -> dict[str, Any]:
    """Which login, and whose word counts for it."""
    where = {"authority": connection.authority_url, "transport": trust.transport(connection.ca_bundle)}
    return where | ({"disable_instance_discovery": True} if connection.cloud in ("custom", "demo") else {})


def _client(connection: Connection) -> dict[str, str]:
    return {"client_id": connection.client_id} if connection.client_id else {}


_PEOPLE: Final[dict[Connection, Any]] = {}
_SIGNED_IN: Final[dict[Connection, Any]] = {}  # credentials that just did, with their token, for whoever reads next


def _of_person(connection: Connection, prompt: person.Prompt) -> Any:
    """One for a process, so that nobody is asked twice; a kernel of `authops run` asks its runner."""
    if connection not in _PEOPLE:
        told = {field: str(value) for field, value in asdict(connection).items()}
        _PEOPLE[connection] = person.AskedOfRunner(told) if person.asks_runner() else _here(connection, prompt)
    return _PEOPLE[connection]


def _here(connection: Connection, prompt: person.Prompt) -> person.AskedHere:
    from azure import identity

    options = {"tenant_id": connection.tenant_id, **_client(connection), **_where(connection)}
    if connection.credential == "browser":
        says = "to sign in, use the browser window that opens"
        return person.AskedHere(lambda _: identity.InteractiveBrowserCredential(**options), prompt, says)
    return person.AskedHere(lambda ask: identity.DeviceCodeCredential(prompt_callback=ask, **options), prompt)


class ForKernels:
    """The runner's side: signs in whom its kernels ask for, once for each connection."""

    def __init__(self, prompt: person.Prompt) -> None:
        self._prompt = prompt
        self._people: dict[Connection, person.AskedHere] = {}

    def __call__(self, told: dict[str, str], scopes: Sequence[str], options: dict[str, Any]) -> Any:
        """A token. Raises `SignInError`."""
        connection = Connection(**told)
        if connection not in self._people:
            self._people[connection] = _here(connection, self._prompt)
        return token_of(self._people[connection], connection.name, scopes, **options)


def token_of(credential: Any, name: str, scopes: Sequence[str], **options: Any) -> Any:
    """A token of a credential. Raises `SignInError` with the words of whoever refused it."""
    from azure.core.exceptions import AzureError

    try:
        return credential.get_token(*scopes, **options)
    except AzureError as error:
        raise refused(str(error.message), name) from None
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise refused(f"{type(error).__name__}: {error}", name) from None


def _certificate_password(connection: Connection) -> str | None:
    """Raises `ConnectionProfileError`, without what may be the password itself, in the wrong place."""
    variable = connection.certificate_password_env
    if variable and variable not in os.environ:
        raise ConnectionProfileError(
            f"{connection.name}: {the_variable(variable, 'certificate_password_env')} is not set",
            remedy="set it to the certificate's password; if the password stands in the profile itself, renew it",
        )
    return os.environ.get(variable) if variable else None


def certificate_days(connection: Connection) -> float | None:
    """Days until the connection's certificate expires; None when it has none. Raises `ConnectionProfileError`."""
    if connection.credential != "certificate":
        return None
    return certificate.days(connection.certificate_path, _certificate_password(connection))


def scope(connection: Connection) -> str:
    """The scope for all application permissions in that cloud."""
    return f"{connection.graph_url}/.default"


def access_tokens(connection: Connection) -> Any:
    """kiota's token provider: only this connection's Graph host ever gets the token."""
    from kiota_authentication_azure.azure_identity_access_token_provider import AzureIdentityAccessTokenProvider

    host = urlsplit(connection.graph_url).hostname or ""
    credential = _SIGNED_IN.pop(connection, None) or credential_of(connection)
    return AzureIdentityAccessTokenProvider(
        credential, {}, scopes=[scope(connection)], allowed_hosts=[host], is_cae_enabled=True
    )


def sign_in(connection: Connection, prompt: person.Prompt = console.ask) -> dict[str, Any]:
    """Get a token once, so that a wrong connection fails before any work; returns its claims.

    Those are `appid`, `exp`, `roles` (an application) or `scp` (a person, with its names), and `tid`. Raises
    `SignInError` with Entra's own code and text, and for another tenant than the connection's.
    """
    try:
        credential = credential_of(connection, prompt)
    except ValueError as error:
        raise refused(str(error), connection.name) from None
    token = token_of(credential, connection.name, [scope(connection)], enable_cae=True).token
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    said = {key: claims[key] for key in _CLAIMS if key in claims} if isinstance(claims, dict) else {}
    _same_tenant(connection, str(said.get("tid", "")))
    _SIGNED_IN[connection] = credential
    return said


def _same_tenant(connection: Connection, tenant_id: str) -> None:
    """A managed identity or the Azure CLI signs in to its own tenant, whatever the profile says."""
    told = connection.tenant_id.lower()
    if tenant_id and profile.ID.fullmatch(told) and told != tenant_id.lower():
        raise SignInError(
            f"{connection.name}: this sign-in is to tenant {tenant_id}, the connection is of {connection.tenant_id}",
            remedy="use a credential of that tenant, or correct tenant_id",
        )


def account(claims: Mapping[str, Any]) -> str:
    """The person whose token it is, by user principal name where the token tells; "" for an application."""
    names = ("upn", "preferred_username", "unique_name", "oid")
    return next((str(claims[name]) for name in names if claims.get(name)), "") if "scp" in claims else ""


def key_seen_by_others(connection: Connection) -> str:
    """Who else on this machine may use the connection's private key, in words; "" for nobody."""
    return certificate.key_seen_by_others(connection.certificate_path) if connection.certificate_path else ""


def key_remedy(connection: Connection) -> str:
    """What to do about a private key that others may use."""
    return certificate.key_remedy(connection.certificate_path)


def server_time(connection: Connection) -> datetime:
    """What time Entra's login says it is (one unauthenticated GET). Raises `SignInError` when it cannot be reached."""
    import httpx

    url = f"{connection.authority_url}/{connection.tenant_id}/v2.0/.well-known/openid-configuration"
    verify = trust.context(connection.ca_bundle)
    try:
        answer = httpx.get(url, verify=verify, timeout=20)
        return parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
        said = f"{connection.authority_url} cannot be reached ({type(error).__name__}: {error})"
        raise SignInError(said, remedy=remedy(said)) from None


def demo_home() -> Path:
    """Where the demo tenant lives: `AUTHOPS_DEMO_HOME`, else the user's data folder."""
    told = os.environ.get("AUTHOPS_DEMO_HOME")
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or "~/.local/share"
    return Path(told) if told else Path(base).expanduser() / "authops" / "demo"


def start_demo(**options: Any) -> Path:
    """The demo tenant's connection profile; starts the tenant when none is running there."""
    from authops.demo import ensure

    return ensure(demo_home(), **options)


def demo_desk(home: Path, **options: Any) -> Any:
    """A fresh demo tenant in `home`, with a service desk and people who do what they are asked."""
    from authops.demo import ensure
    from authops.demo.desk import Desk

    ensure(home, **options)
    return Desk(home)


def serve_demo(*, home: Path | None, faults: Path | None = None, **options: Any) -> None:
    """Run the demo tenant here until it is interrupted. Raises `UsageError` for a weather file that is none."""
    from authops.demo.faults import weather
    from authops.demo.wire import server

    try:
        sky = weather.read(faults) if faults else {}
        told = {name: options.pop(name) for name in ("latency", "throttle") if name in options}
        server.serve(home or demo_home(), weather=sky | {k: v for k, v in told.items() if v is not None}, **options)
    except (ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise UsageError(f"the demo tenant cannot be served so: {error}", remedy="see docs/demo-tenant.md") from error


def stop_demo(home: Path | None = None) -> None:
    """Stop the demo tenant that runs in the background, in its usual home or another."""
    from authops.demo import stop

    stop(home or demo_home())
