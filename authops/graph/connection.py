"""Connection profile (YAML) → who we are, which cloud, and a credential. Never a secret in a file.

The only door to the demo tenant: `cloud: demo` starts it when it is not running, and is then an ordinary connection.
"""

from __future__ import annotations

import base64
import difflib
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from authops.graph import certificate
from authops.words import yaml_file
from authops.words.errors import ConnectionProfileError, ParameterError, SignInError, UsageError
from authops.words.places import project

# Graph: national cloud deployments.
CLOUDS: Final = {
    "global": ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "usgov": ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "usgov-dod": ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
CREDENTIALS: Final = ("certificate", "managed-identity", "workload-identity", "device-code", "browser", "azure-cli")
_KEYS: Final = ("cloud", "tenant_id", "client_id", "credential", "certificate_path", "certificate_password_env")
_CUSTOM_KEYS: Final = ("graph_url", "authority_url", "ca_bundle")
_SECRET_KEY: Final = re.compile(r"secret|password(?!_env)|passphrase|token|private_?key|thumbprint$", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(r"-----BEGIN|eyJ[\w-]{10,}\.|^[\w~.+/=-]{34,}$")
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN: Final = re.compile(r"[\w-]+(\.[\w-]+)+")


@dataclass(frozen=True)
class Connection:
    """Which tenant, through which cloud, as whom. `ca_bundle` and `certificate_path` are absolute paths or empty."""

    name: str
    cloud: str
    tenant_id: str
    client_id: str
    credential: str
    graph_url: str
    authority_url: str
    certificate_path: str = ""
    certificate_password_env: str = ""
    ca_bundle: str = ""


def load(name_or_path: str) -> Connection:
    """A profile by name (`parameters/connections/NAME.yaml`) or by path. Raises `ConnectionProfileError`."""
    path = _find(name_or_path)
    content = _read(path)
    if content.get("cloud") == "demo":
        _only(content, ("cloud",), path)
        return replace(load(str(start_demo())), name=path.stem, cloud="demo")
    return _checked(content, path)


def application(name_or_path: str) -> str:
    """As whom a profile signs in, to tell which share Graph's limits: its client id, else its credential or name."""
    try:
        content = _read(_find(name_or_path))
    except ConnectionProfileError:
        return name_or_path
    return str(content.get("client_id") or content.get("credential") or name_or_path)


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return path
    folders = [Path.cwd() / "parameters" / "connections", project() / "parameters" / "connections"]
    found = next((f / f"{name_or_path}.yaml" for f in folders if (f / f"{name_or_path}.yaml").is_file()), None)
    if found is None:
        names = sorted({p.stem for f in folders for p in f.glob("*.yaml")})
        raise ConnectionProfileError(
            f"no connection {name_or_path!r}", remedy=f"there are: {', '.join(names)}; or name a file"
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml_file.read(path, remedy="write `key: value` lines")
    except ParameterError as error:
        raise ConnectionProfileError(error.message, remedy=error.remedy) from None
    if not isinstance(content, dict):
        raise ConnectionProfileError(
            f"{path} is empty or no list of keys", remedy="see parameters/connections/example.yaml"
        )
    _no_secret(content, path)
    return content


def _no_secret(content: Mapping[str, Any], path: Path) -> None:
    """A secret in a profile is refused without being repeated."""
    for key, value in content.items():
        pasted = isinstance(value, str) and _SECRET_VALUE.search(value.strip()) and not _ID.fullmatch(value.strip())
        if _SECRET_KEY.search(str(key)) or (
            pasted and key not in ("certificate_path", "ca_bundle", "graph_url", "authority_url")
        ):
            raise ConnectionProfileError(
                f"{path}: {key} looks like a secret; a profile never holds one",
                remedy="take it out (and renew it); use a certificate file or a managed identity",
            )


def _only(content: Mapping[str, Any], allowed: tuple[str, ...], path: Path) -> None:
    for key in content:
        if key not in allowed:
            close = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(allowed)}"
            raise ConnectionProfileError(f"{path}: unknown key {key!r}", remedy=hint)


def _checked(content: dict[str, Any], path: Path) -> Connection:
    cloud = content.get("cloud")
    if cloud not in (*CLOUDS, "custom"):
        raise ConnectionProfileError(
            f"{path}: cloud is {cloud!r}", remedy=f"one of: {', '.join([*CLOUDS, 'custom', 'demo'])}"
        )
    _only(content, _KEYS + (_CUSTOM_KEYS if cloud == "custom" else ()), path)
    values = {key: _text(content, key, path) for key in content}
    _need(values, ("tenant_id", "credential"), path)
    if values["credential"] not in CREDENTIALS:
        raise ConnectionProfileError(
            f"{path}: credential is {values['credential']!r}", remedy=f"one of: {', '.join(CREDENTIALS)}"
        )
    if values["credential"] == "certificate":
        _need(values, ("client_id", "certificate_path"), path)
    if not (_ID.fullmatch(values["tenant_id"]) or _DOMAIN.fullmatch(values["tenant_id"])):
        raise ConnectionProfileError(
            f"{path}: tenant_id is neither an id nor a domain", remedy="copy it from Entra's overview"
        )
    if values.get("client_id") and not _ID.fullmatch(values["client_id"]):
        raise ConnectionProfileError(
            f"{path}: client_id is not an application (client) id", remedy="copy it from the app registration"
        )
    if cloud == "custom":
        _need(values, ("graph_url", "authority_url"), path)
        graph, authority = (_root(values[key], key, path) for key in ("graph_url", "authority_url"))
    else:
        graph, authority = CLOUDS[str(cloud)]
    return Connection(
        name=path.stem,
        cloud=str(cloud),
        tenant_id=values["tenant_id"],
        client_id=values.get("client_id", ""),
        credential=values["credential"],
        graph_url=graph,
        authority_url=authority,
        certificate_path=_beside(values.get("certificate_path", ""), "certificate_path", path),
        certificate_password_env=values.get("certificate_password_env", ""),
        ca_bundle=_beside(values.get("ca_bundle", ""), "ca_bundle", path),
    )


def _text(content: Mapping[str, Any], key: str, path: Path) -> str:
    if not isinstance(content[key], str):
        raise ConnectionProfileError(f"{path}: {key} must be a text", remedy="put quotes around it")
    return str(content[key]).strip()


def _need(values: Mapping[str, str], keys: tuple[str, ...], path: Path) -> None:
    missing = [key for key in keys if not values.get(key)]
    if missing:
        raise ConnectionProfileError(
            f"{path} lacks {', '.join(missing)}", remedy="see parameters/connections/example.yaml"
        )


def _root(url: str, key: str, path: Path) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.netloc or parts.username:
        raise ConnectionProfileError(f"{path}: {key} must be an https address", remedy="write https://host[:port]")
    return f"https://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1.0')}"


def _beside(value: str, key: str, path: Path) -> str:
    """A path in a profile is relative to the profile; `$NAME` is a variable, as systemd's CREDENTIALS_DIRECTORY."""
    if not value:
        return ""
    told = os.path.expandvars(value)
    if "$" in told:
        raise ConnectionProfileError(
            f"{path}: {key} is {value}, and that variable is not set", remedy="set it, or write the path itself"
        )
    found = (path.resolve().parent / Path(told).expanduser()).resolve()
    if not found.is_file():
        raise ConnectionProfileError(f"{path}: {key} names {found}, which is not a file", remedy="check the path")
    return str(found)


def credential_of(connection: Connection) -> Any:
    """The azure-identity credential of a connection. Raises `ConnectionProfileError` for an unusable certificate."""
    from azure import identity

    where: dict[str, Any] = {"authority": connection.authority_url}
    if connection.cloud in ("custom", "demo"):
        where |= {"disable_instance_discovery": True, "connection_verify": connection.ca_bundle or True}
    client: Any = {"client_id": connection.client_id} if connection.client_id else {}
    if connection.credential == "certificate":
        password = _certificate_password(connection)
        certificate.check(connection.certificate_path, password)
        return identity.CertificateCredential(
            connection.tenant_id, connection.client_id, connection.certificate_path, password=password, **where
        )
    if connection.credential == "managed-identity":
        return identity.ManagedIdentityCredential(client_id=connection.client_id or None)
    if connection.credential == "azure-cli":
        return identity.AzureCliCredential(tenant_id=connection.tenant_id)
    kinds = {
        "workload-identity": identity.WorkloadIdentityCredential,
        "device-code": identity.DeviceCodeCredential,
        "browser": identity.InteractiveBrowserCredential,
    }
    return kinds[connection.credential](tenant_id=connection.tenant_id, **client, **where)


def _certificate_password(connection: Connection) -> str | None:
    variable = connection.certificate_password_env
    if variable and variable not in os.environ:
        raise ConnectionProfileError(
            f"the variable {variable} is not set", remedy="it should hold the certificate's password"
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
    return AzureIdentityAccessTokenProvider(
        credential_of(connection), {}, scopes=[scope(connection)], allowed_hosts=[host], is_cae_enabled=True
    )


def sign_in(connection: Connection) -> dict[str, Any]:
    """Get a token once, so that a wrong connection fails before any work; returns its claims.

    Those are `appid`, `exp`, `roles` (an application) or `scp` (a person), and `tid`. Raises `SignInError` with Entra's
    own code and text.
    """
    from azure.core.exceptions import AzureError

    try:
        token = credential_of(connection).get_token(scope(connection)).token
    except AzureError as error:
        raise refused(str(error.message), connection.name) from None
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return {key: claims[key] for key in ("appid", "exp", "roles", "scp", "tid") if key in claims}


def key_seen_by_others(connection: Connection) -> str:
    """Who else on this machine may use the connection's private key, in words; "" for nobody."""
    return certificate.key_seen_by_others(connection.certificate_path) if connection.certificate_path else ""


def server_time(connection: Connection) -> datetime:
    """What time Entra's login says it is (one unauthenticated GET). Raises `SignInError` when it cannot be reached."""
    import httpx

    url = f"{connection.authority_url}/{connection.tenant_id}/v2.0/.well-known/openid-configuration"
    verify = ssl.create_default_context(cafile=connection.ca_bundle or None)
    try:
        answer = httpx.get(url, verify=verify, timeout=20)
        return parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
        raise SignInError(
            f"{connection.authority_url} cannot be reached ({type(error).__name__}: {error})",
            remedy="check the network, the proxy, and authority_url and ca_bundle of the connection",
        ) from None


def refused(said: str, name: str = "") -> SignInError:
    """What to raise when Entra gave no token; `said` are its own words, of which the code and the text are kept."""
    words = said.partition("Trace ID")[0].strip()
    return SignInError(f"{name}: {words}" if name else words, remedy=_remedy(words))


_REMEDIES: Final = {
    "AADSTS90002": "tenant_id: there is no such tenant in this cloud",
    "AADSTS700016": "client_id: the application is not in this tenant",
    "AADSTS700027": "the certificate is not registered with the application, or has expired",
    "AADSTS7000": "the application refused the credential; check its certificates",
    "invalid_tenant": "tenant_id: there is no such tenant in this cloud",
    "tenant": "check tenant_id and authority_url",
}


def _remedy(said: str) -> str:
    code = next((code for code in _REMEDIES if code in said), "")
    return _REMEDIES.get(code, "check the network, authority_url and ca_bundle of the connection")


def demo_home() -> Path:
    """Where the demo tenant lives: `AUTHOPS_DEMO_HOME`, else the user's data folder."""
    told = os.environ.get("AUTHOPS_DEMO_HOME")
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or "~/.local/share"
    return Path(told) if told else Path(base).expanduser() / "authops" / "demo"


def start_demo(**options: Any) -> Path:
    """The demo tenant's connection profile; starts the tenant when none is running there."""
    from authops.demo import ensure

    return ensure(demo_home(), **options)


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


def stop_demo() -> None:
    """Stop the demo tenant that runs in the background."""
    from authops.demo import stop

    stop(demo_home())
