"""docs/security.md, claim by claim: where the token goes, that TLS stays on, who may read a key, what is installed."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from packaging.requirements import Requirement

from authops.demo import ensure, stop
from authops.demo.wire.server import serve
from authops.graph import connection
from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.graph.connection import CREDENTIALS, Connection
from authops.words.errors import ConnectionProfileError, GraphError, GraphUnreachable, SignInError
from tests.homes import furnished

ROOT = Path(__file__).parents[2]
HERE = "https://graph.test"
WHO = Request("GET", "/users")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    yield ensure(furnished(home), users=10)
    stop(home)


class Told(AccessTokenProvider):
    """A token for whoever asks, and the asking remembered."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        self.asked.append(uri)
        return "token"

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["graph.test"])


async def first_page(connection: Connection, **options: Any) -> list[dict[str, Any]]:
    async with Graph.connect(connection, **options) as graph:
        return [item async for item in graph.pages(WHO)]


def page(answer: httpx.Response) -> list[httpx.Request]:
    """What was asked, when the first answer is this one and every later one is a page."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer if len(asked) == 1 else httpx.Response(200, json={"value": []})

    here = Connection("t", "custom", "t", "c", "certificate", HERE, HERE)
    with pytest.raises(GraphError):
        asyncio.run(first_page(here, transport=httpx.MockTransport(handler), tokens=Told()))
    return asked


@pytest.mark.parametrize(
    "next_link",
    ["https://evil.test/v1.0/users?$skiptoken=1", "http://graph.test/v1.0/users", "https://graph.test.evil.test/v1.0/users",
     "https://graph.test@evil.test/v1.0/users", "//evil.test/v1.0/users"],
)  # fmt: skip
def test_a_next_page_elsewhere_is_never_asked_for(next_link: str) -> None:
    asked = page(httpx.Response(200, json={"value": [], "@odata.nextLink": next_link}))
    assert [request.url.host for request in asked] == ["graph.test"]


def test_a_redirect_is_not_followed_so_the_token_stays_here() -> None:
    asked = page(httpx.Response(302, headers={"Location": "https://evil.test/v1.0/users"}))
    assert {request.url.host for request in asked} == {"graph.test"}


def test_the_token_provider_knows_no_host_but_the_connections(server: Path) -> None:
    tokens = connection.access_tokens(connection.load(str(server)))
    for elsewhere in (
        "https://evil.test/v1.0/users",
        "https://graph.microsoft.com/v1.0/users",
        "https://127.0.0.1.evil.test/",
    ):
        assert asyncio.run(tokens.get_authorization_token(elsewhere)) == ""
    assert asyncio.run(tokens.get_authorization_token(connection.load(str(server)).graph_url)).count(".") == 2


@pytest.mark.parametrize(
    "environ",
    [{}, {"PYTHONHTTPSVERIFY": "0"}, {"CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}, {"SSL_CERT_FILE": ""}],
)
def test_a_server_whose_certificate_nobody_vouches_for_gets_neither_assertion_nor_token(
    server: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    known = connection.load(str(server))
    unknown = replace(known, ca_bundle="")
    with pytest.raises(SignInError, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED"):
        connection.sign_in(unknown)
    with pytest.raises(SignInError, match="cannot be reached"):
        connection.server_time(unknown)
    tokens = Told()
    with pytest.raises(GraphUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(_once(unknown, tokens))


async def _once(connection: Connection, tokens: AccessTokenProvider) -> None:
    async with Graph.connect(connection, tokens=tokens, sleep=_no_pause) as graph:
        await graph.page(WHO)


async def _no_pause(_: float) -> None:
    return None


@pytest.mark.parametrize("key", ["verify", "verify_tls", "insecure", "ssl_verify", "graph_url"])
@pytest.mark.parametrize("cloud", ["global", "usgov", "china"])
def test_no_key_of_a_profile_switches_verification_off(tmp_path: Path, cloud: str, key: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        yaml.safe_dump({"cloud": cloud, "tenant_id": "contoso.example", "credential": "azure-cli", key: ""})
    )
    with pytest.raises(ConnectionProfileError, match=f"unknown key '{key}'"):
        connection.load(str(path))


@pytest.mark.parametrize("bundle", ["false", "''", "0", "gone.pem"])
@pytest.mark.parametrize("cloud", [*connection.CLOUDS, "custom"])
def test_a_bundle_is_a_file_or_none_and_nothing_else(tmp_path: Path, cloud: str, bundle: str) -> None:
    path = tmp_path / "p.yaml"
    urls = f"graph_url: {HERE}\nauthority_url: {HERE}\n" if cloud == "custom" else ""
    path.write_text(f"cloud: {cloud}\ntenant_id: contoso.example\ncredential: azure-cli\n{urls}ca_bundle: {bundle}\n")
    if bundle == "''":
        assert connection.load(str(path)).ca_bundle == "", "no bundle of its own: the machine's own authorities count"
    else:
        with pytest.raises(ConnectionProfileError):
            connection.load(str(path))


posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no permission bits")


@posix
@pytest.mark.parametrize(
    ("mode", "fine"),
    [(0o600, True), (0o400, True), (0o604, False), (0o620, False), (0o606, False), (0o777, False)],
)
def test_a_key_that_others_may_use_is_refused_before_it_is_used(server: Path, mode: int, fine: bool) -> None:
    known = connection.load(str(server))
    key = Path(known.certificate_path)
    before = key.stat().st_mode
    key.chmod(mode)
    try:
        if fine:
            assert connection.sign_in(known)["tid"]
        else:
            with pytest.raises(ConnectionProfileError, match=f"mode {mode:04o}[\\s\\S]*chmod 600"):
                connection.sign_in(known)
    finally:
        key.chmod(before)


@posix
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_a_group_may_read_a_key_that_is_roots_and_no_other(tmp_path: Path, server: Path) -> None:
    known = connection.load(str(server))
    key = tmp_path / "key.pem"
    key.write_bytes(Path(known.certificate_path).read_bytes())
    key.chmod(0o640)
    mine = replace(known, certificate_path=str(key))
    assert connection.sign_in(mine)["tid"]
    os.chown(key, 12345, -1)
    with pytest.raises(ConnectionProfileError, match="mode 0640"):
        connection.sign_in(mine)


def test_a_key_that_systemd_hands_over_is_named_by_its_variable(
    tmp_path: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load(server.read_text())
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / "certificate.pem").write_bytes(Path(content["certificate_path"]).read_bytes())
    (handed / "certificate.pem").chmod(0o400)
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(content | {"certificate_path": "${CREDENTIALS_DIRECTORY}/certificate.pem"}))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConnectionProfileError, match="that variable is not set"):
        connection.load(str(path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert connection.sign_in(connection.load(str(path)))["tid"]


def test_no_credential_is_a_password_or_a_client_secret() -> None:
    assert not [name for name in CREDENTIALS if re.search("secret|password", name)]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_the_demo_tenant_listens_on_this_machine_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        serve(tmp_path, host=host)


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text("utf-8")))
    here = set(re.findall(r"^def (test_\w+)", Path(__file__).read_text("utf-8"), re.MULTILINE))
    assert named <= here
    assert len(named) >= 10


def test_what_is_installed_is_what_the_lock_pins() -> None:
    pinned = re.compile(r"^([\w.-]+(?:\[[\w,-]+\])?==[^\s\\]+(?: ; [^\\\n]+)?)", re.MULTILINE)
    lines = pinned.findall((ROOT / "requirements.lock").read_text())
    wanted = [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate()]
    assert len(wanted) > 100
    other = [str(r) for r in wanted if not r.specifier.contains(importlib.metadata.version(r.name), prereleases=True)]
    assert other == []
