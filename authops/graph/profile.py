"""A connection profile (YAML), key by key: what may stand there, and what it means. Never a secret in a file."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from authops.words import yaml_file
from authops.words.errors import ConnectionProfileError, ParameterError
from authops.words.places import project
from authops.words.redaction import the_file, the_name

# Graph: national cloud deployments.
CLOUDS: Final = {
    "global": ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "usgov": ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "usgov-dod": ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
CREDENTIALS: Final = ("certificate", "managed-identity", "workload-identity", "device-code", "browser", "azure-cli")
_FILES: Final = ("certificate_path", "ca_bundle")
_KEYS: Final = ("cloud", "tenant_id", "client_id", "credential", "certificate_password_env", *_FILES)
_CUSTOM_KEYS: Final = ("graph_url", "authority_url")
_SECRET_KEY: Final = re.compile(r"secret|password(?!_env)|passphrase|token|private_?key|thumbprint$", re.IGNORECASE)
_PASTED: Final = re.compile(r"-----BEGIN|eyJ[\w-]{10,}\.")
_SECRET_VALUE: Final = re.compile(r"^[\w~.+/=-]{34,}$")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.([a-z]{2,}|[A-Z]{2,})")


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


def find(name_or_path: str) -> Path:
    """Where the profile of that name is, or the file itself. Raises `ConnectionProfileError`."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return path
    folders = [Path.cwd() / "parameters" / "connections", project() / "parameters" / "connections"]
    found = next((f / f"{name_or_path}.yaml" for f in folders if (f / f"{name_or_path}.yaml").is_file()), None)
    if found is None:
        names = sorted({p.stem for f in folders for p in f.glob("*.yaml")})
        raise ConnectionProfileError(
            f"no connection {told}" if (told := the_name(name_or_path, names)) else "no connection of that name",
            remedy=f"there are: {', '.join(names)}; or name a file",
        )
    return found


def read(path: Path) -> dict[str, Any]:
    """The keys and values of a profile, none of which looks like a secret. Raises `ConnectionProfileError`."""
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
        if _SECRET_KEY.search(str(key)) or (isinstance(value, str) and _is_pasted(str(key), value.strip())):
            raise ConnectionProfileError(
                f"{path}: {key} looks like a secret; a profile never holds one",
                remedy="take it out (and renew it); use a certificate file or a managed identity",
            )


def _is_pasted(key: str, value: str) -> bool:
    """Whether a value is a key or a token; where no path or address stands, also anything as long and as wild."""
    long = key not in (*_FILES, "graph_url", "authority_url") and _SECRET_VALUE.search(value)
    return bool(_PASTED.search(value) or (long and not ID.fullmatch(value)))


def _shown(value: Any, known: Iterable[str]) -> str:
    """A value that may be a slip of the pen, in a message; another may be anything, also a password."""
    close = isinstance(value, str) and difflib.get_close_matches(value, list(known), n=1)
    return repr(value) if close else "something else"


def only(content: Mapping[str, Any], allowed: tuple[str, ...], path: Path) -> None:
    """Raises `ConnectionProfileError` for a key that is not known here."""
    for key in content:
        if key not in allowed:
            close = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(allowed)}"
            said = f"unknown key {told}" if (told := the_name(str(key), allowed)) else "a key that is none"
            raise ConnectionProfileError(f"{path}: {said}", remedy=hint)


def checked(content: dict[str, Any], path: Path) -> Connection:
    """What the profile means. Raises `ConnectionProfileError` for what cannot be meant."""
    cloud = content.get("cloud")
    if cloud not in (*CLOUDS, "custom"):
        raise ConnectionProfileError(
            f"{path}: cloud is {_shown(cloud, CLOUDS)}", remedy=f"one of: {', '.join([*CLOUDS, 'custom', 'demo'])}"
        )
    only(content, _KEYS + (_CUSTOM_KEYS if cloud == "custom" else ()), path)
    values = {key: _text(content, key, path) for key in content}
    _need(values, ("tenant_id", "credential"), path)
    if values["credential"] not in CREDENTIALS:
        raise ConnectionProfileError(
            f"{path}: credential is {_shown(values['credential'], CREDENTIALS)}",
            remedy=f"one of: {', '.join(CREDENTIALS)}",
        )
    if values["credential"] == "certificate":
        _need(values, ("client_id", "certificate_path"), path)
    if not (ID.fullmatch(values["tenant_id"]) or _DOMAIN.fullmatch(values["tenant_id"])):
        raise ConnectionProfileError(
            f"{path}: tenant_id is neither an id nor a domain", remedy="copy it from Entra's overview"
        )
    if values.get("client_id") and not ID.fullmatch(values["client_id"]):
        raise ConnectionProfileError(
            f"{path}: client_id is not an application (client) id", remedy="copy it from the app registration"
        )
    if cloud == "custom":
        _need(values, ("graph_url", "authority_url"), path)
        graph, authority = (_root(values[key], key, path) for key in ("graph_url", "authority_url"))
    else:
        graph, authority = CLOUDS[str(cloud)]
    if not _VARIABLE.fullmatch(values.get("certificate_password_env") or "_"):
        raise ConnectionProfileError(
            f"{path}: certificate_password_env is not the name of a variable",
            remedy="write a variable's name there, the password into that variable; was it the password, renew it",
        )
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
            f"{path}: {key} {f'is {seen}' if (seen := the_file(value)) else 'holds a $'}, and that variable is not set",
            remedy="set it, or write the path itself",
        )
    found = (path.resolve().parent / Path(told).expanduser()).resolve()
    if not found.is_file():
        seen = the_file(str(found)) if the_file(value) else "something beside the profile"
        raise ConnectionProfileError(f"{path}: {key} names {seen}, which is not a file", remedy="check the path")
    return str(found)
