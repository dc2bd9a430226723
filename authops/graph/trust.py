"""Whose word counts for a server's certificate: one answer for signing in and for Graph, whichever library asks.

`ca_bundle` of the connection replaces every other authority. Without it count this machine's (SSL_CERT_FILE), those
that come with Python's libraries, and what REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE name.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from authops.words.errors import ConnectionProfileError

_NAMED: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# A certificate that nobody vouches for, a proxy that says no, a name that there is not.
_FOR_GOOD: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED|Tunnel connection failed: 40|Name or service not known")
_Bundle = tuple[str, str]  # the setting that names it, and where it is
_Stamp = tuple[str, int, int]


def context(ca_bundle: str) -> ssl.SSLContext:
    """What checks a server. Raises `ConnectionProfileError` for a bundle that holds no authorities."""
    import certifi

    own = ("ca_bundle", ca_bundle) if ca_bundle else ("", certifi.where())
    named = () if ca_bundle else tuple((name, os.environ[name]) for name in _NAMED if os.environ.get(name))
    machine = () if ca_bundle else ssl.get_default_verify_paths()
    files = (own[1], *machine, *(bundle for _, bundle in named))
    return _read(own, named, tuple(_stamp(file) for file in files if file))


@lru_cache(maxsize=8)
def _read(own: _Bundle, named: tuple[_Bundle, ...], _stamps: tuple[_Stamp, ...]) -> ssl.SSLContext:
    """Reading hundreds of authorities takes a tenth of a second: once for as long as nobody changes them."""
    with _named(*own):
        found = ssl.create_default_context(cafile=own[1])
    if not own[0]:
        found.load_default_certs()
    for name, bundle in named:
        with _named(name, bundle):
            found.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
    return found


def _stamp(file: str) -> _Stamp:
    try:
        seen = Path(file).stat()
    except OSError:
        return file, 0, 0
    return file, seen.st_mtime_ns, seen.st_size


@contextmanager
def _named(name: str, bundle: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConnectionProfileError(
            f"{name} names {bundle}, which holds no certificate in PEM ({type(error).__name__})",
            remedy="name a file of your authority's certificates in PEM; Base-64 encoded, as Windows exports it",
        ) from None


def transport(ca_bundle: str) -> Any:
    """The way of Entra's library to the login, checked by the same context; what trying again cannot change is not."""
    import requests
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
    from azure.core.pipeline.transport import RequestsTransport
    from requests.adapters import HTTPAdapter

    trusted = context(ca_bundle)

    class Trusting(HTTPAdapter):
        """requests' own way, with our context in its pools."""

        def init_poolmanager(self, *args: Any, **options: Any) -> Any:
            return super().init_poolmanager(*args, **options, ssl_context=trusted)

        def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
            return super().proxy_manager_for(*args, **options, ssl_context=trusted)

    class Once(RequestsTransport):  # type: ignore[misc]
        """azure-core tries everything three times but what says that nobody could be signed in."""

        def send(self, request: Any, **options: Any) -> Any:
            try:
                return super().send(request, **options)
            except ServiceRequestError as error:
                if _FOR_GOOD.search(str(error)):
                    raise ClientAuthenticationError(str(error)) from error
                raise

    session = requests.Session()
    session.mount("https://", Trusting())
    return Once(session=session, session_owner=True, connection_verify=ca_bundle or True)
