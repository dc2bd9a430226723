"""Which applications people may sign in to, where answers may go, and which permissions a person can consent to.

Source: first-party application ids (verify-first-party-apps-sign-in), reply-url, permissions-consent-overview.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from authops.demo.login.refusal import LoginError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Microsoft's own public clients, which every tenant knows.
FIRST_PARTY = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e": "Microsoft Graph Command Line Tools",
}
# What Graph is called besides by its address here.
GRAPH = ("00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com")
# What the login is called besides: a client whose address is fixed signs its assertion for it.
LOGIN = "https://login.microsoftonline.com"
# Azure Resource Manager, which the Azure CLI asks for the subscriptions: there are none.
MANAGEMENT = ("https://management.core.windows.net", "https://management.azure.com")
OPENID = ("openid", "profile", "email", "offline_access")
# What a person may consent to alone; the rest an administrator consents to, for everybody or for himself.
OWN = frozenset(
    {
        "User.Read", "User.ReadWrite", "User.ReadBasic.All", "UserAuthenticationMethod.Read",
        "UserAuthMethod-Phone.Read", "UserAuthMethod-Email.Read",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Z][A-Za-z]+(-[A-Za-z]+)?(\.[A-Z][A-Za-z-]+){1,2}")
_HERE = ("localhost", "127.0.0.1", "::1")
_NATIVE = "/common/oauth2/nativeclient"


def check_redirect(address: str, client_id: str, roots: Iterable[str]) -> None:
    """Refuse to send an answer elsewhere than to this machine, or to the page for native clients."""
    native = {f"{root}{_NATIVE}" for root in (*roots, LOGIN)}
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and (parts.hostname in _HERE)
    except ValueError:
        local = False
    if not local and address not in native:
        text = f"The redirect URI '{address}' specified in the request does not match the redirect URIs configured"
        raise LoginError("invalid_request", 50011, f"{text} for the application '{client_id}'.")


def split_scope(scope: str, graph: Iterable[str]) -> tuple[str, list[str], list[str]]:
    """Return the resource, the permissions asked of it (`.default` among them), and the words of OpenID."""
    words = scope.split()
    openid = [word for word in words if word.lower() in OPENID]
    asked = [_part(word, graph) for word in words if word.lower() not in OPENID]
    resources = {resource for resource, _ in asked}
    if len(resources) > 1:
        text = f"The provided value for the input parameter 'scope' is not valid. One or more scopes in '{scope}' are"
        raise LoginError("invalid_scope", 28000, f"{text} not compatible: they contain more than one resource.")
    return (resources.pop() if resources else ""), [name for _, name in asked], openid


def _part(word: str, graph: Iterable[str]) -> tuple[str, str]:
    resource, slash, name = word.rpartition("/")
    if not slash:
        return "", word
    return resource.rstrip("/").lower() if resource.rstrip("/").lower() in graph else resource.rstrip("/"), name


def check_names(names: Iterable[str], client: str, *, admin: bool, granted: frozenset[str]) -> None:
    """Refuse what is no permission of Graph, and what this person may not consent to."""
    for name in names:
        if name == ".default":
            continue
        if not _NAME.fullmatch(name):
            text = f"The application '{client}' asked for scope '{name}' that doesn't exist on the resource"
            raise LoginError("invalid_client", 650053, f"{text} '{GRAPH[0]}'.")
        if not admin and name not in OWN | granted:
            text = f"{client} needs permission to access resources in your organization that only an admin can grant."
            raise LoginError("access_denied", 90094, text)
