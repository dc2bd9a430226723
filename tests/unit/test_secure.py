"""TLS cannot be switched off, and the token goes to the connection's own host only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from authops import connection, requests
from authops.demo import ensure, stop
from authops.errors import ConnectionProfileError, GraphUnreachable, SignInError
from authops.graph import Graph


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    yield ensure(home, users=5)
    stop(home)


def changed(profile: Path, tmp_path: Path, **changes: object) -> str:
    """The profile with some keys changed, or (None) left out."""
    content = yaml.safe_load(profile.read_text()) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return str(path)


@pytest.mark.parametrize("key", ["verify", "tls_verify", "insecure", "ssl", "disable_tls"])
def test_no_key_of_a_profile_switches_tls_off(profile: Path, tmp_path: Path, key: str) -> None:
    with pytest.raises(ConnectionProfileError, match="unknown key"):
        connection.load(changed(profile, tmp_path, **{key: False}))


@pytest.mark.parametrize("value", ["", "false", "0", "no", "none.pem"])
def test_a_ca_bundle_is_a_file_or_not_there(profile: Path, tmp_path: Path, value: str) -> None:
    """An empty one is the system's own authorities, which do not know the demo tenant."""
    try:
        trusting = connection.load(changed(profile, tmp_path, ca_bundle=value))
    except ConnectionProfileError as error:
        assert "is not a file" in str(error)
    else:
        assert value == ""
        with pytest.raises(SignInError):
            connection.sign_in(trusting)


@pytest.mark.parametrize(
    "environ",
    [{}, {"PYTHONHTTPSVERIFY": "0"}, {"CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}, {"SSL_CERT_FILE": ""}],
)
def test_a_server_that_nobody_vouches_for_gets_nothing(
    profile: Path, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    untrusting = connection.load(changed(profile, tmp_path, ca_bundle=None))
    with pytest.raises(SignInError):
        connection.sign_in(untrusting)
    with pytest.raises(SignInError, match="cannot be reached"):
        connection.server_time(untrusting)

    async def ask() -> None:
        tokens = connection.access_tokens(connection.load(str(profile)))
        async with Graph.connect(untrusting, tokens=tokens, sleep=_at_once) as graph:
            await graph.page(requests.organization())

    with pytest.raises(GraphUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(ask())


async def _at_once(_: float) -> None:
    return None


@pytest.mark.parametrize(
    "url", ["https://graph.microsoft.com/v1.0/me", "https://evil.example/v1.0/users", "https://127.0.0.1.evil.example/"]
)
def test_the_token_goes_to_the_connections_own_host_only(profile: Path, url: str) -> None:
    ours = connection.load(str(profile))
    tokens = connection.access_tokens(ours)
    assert asyncio.run(tokens.get_authorization_token(f"{ours.graph_url}/v1.0/users")).startswith("eyJ")
    assert asyncio.run(tokens.get_authorization_token(url)) == ""
