"""One setting says whose word counts for a server, for signing in and for Graph, on every cloud."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from authops.demo.wire.server import Threaded
from authops.graph import connection, trust
from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.words.errors import ConnectionProfileError, SignInError
from tests.homes import furnished


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    with Threaded(furnished(tmp_path_factory.mktemp("tenant")), users=5) as server:
        yield server


def works(profile: connection.Connection) -> None:
    """Sign in, ask the clock and read from Graph."""

    async def read() -> None:
        async with Graph.connect(profile) as graph:
            assert await graph.page(Request("GET", "/organization"))

    assert connection.sign_in(profile)["tid"]
    assert connection.server_time(profile)
    asyncio.run(read())


@pytest.mark.parametrize("cloud", [*connection.CLOUDS, "custom"])
def test_a_bundle_in_the_profile_counts_for_both_on_every_cloud(tenant: Threaded, tmp_path: Path, cloud: str) -> None:
    known = connection.load(str(tenant.home / "connection.yaml"))
    path = tmp_path / "mine.yaml"
    urls = "graph_url: https://a.test\nauthority_url: https://b.test\n" if cloud == "custom" else ""
    path.write_text(
        f"cloud: {cloud}\ntenant_id: {known.tenant_id}\ncredential: azure-cli\nca_bundle: {known.ca_bundle}\n{urls}"
    )
    told = connection.load(str(path))
    assert told.ca_bundle == known.ca_bundle
    works(replace(known, ca_bundle=told.ca_bundle))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_variable_of_either_library_counts_for_both(
    tenant: Threaded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    known = connection.load(str(tenant.home / "connection.yaml"))
    monkeypatch.setenv(name, known.ca_bundle)
    works(replace(known, ca_bundle=""))


def test_a_bundle_in_the_profile_replaces_what_the_machine_trusts(
    tenant: Threaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    known = connection.load(str(tenant.home / "connection.yaml"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", known.ca_bundle)
    monkeypatch.setenv("SSL_CERT_FILE", known.ca_bundle)
    other = replace(known, ca_bundle=certifi.where())
    with pytest.raises(SignInError, match="CERTIFICATE_VERIFY_FAILED") as raised:
        connection.sign_in(other)
    assert "ca_bundle" in raised.value.remedy
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(tenant.url, verify=trust.context(other.ca_bundle))
    with pytest.raises(requests.exceptions.SSLError):
        trust.transport(other.ca_bundle).session.get(tenant.url, verify=other.ca_bundle)


def test_authorities_are_read_once_and_again_when_somebody_changed_them(
    tenant: Threaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, path = Path(connection.load(str(tenant.home / "connection.yaml")).ca_bundle).read_text(), tmp_path / "ca.pem"
    path.write_text(known)
    first = trust.context(str(path))
    assert trust.context(str(path)) is first
    path.write_text(known + known)
    assert trust.context(str(path)) is not first
    of_this_machine = trust.context("")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(path))
    assert trust.context("") is not of_this_machine


def test_who_signed_in_is_who_reads_and_the_next_signs_in_anew(tenant: Threaded, tmp_path: Path) -> None:
    known = connection.load(str(tenant.home / "connection.yaml"))
    key = tmp_path / "client.pem"
    key.touch(mode=0o600)
    key.write_bytes(Path(known.certificate_path).read_bytes())
    mine = replace(known, certificate_path=str(key))
    connection.sign_in(mine)
    key.unlink()
    tokens = connection.access_tokens(mine)
    assert asyncio.run(tokens.get_authorization_token(f"{mine.graph_url}/v1.0/users"))
    with pytest.raises(ConnectionProfileError):
        connection.access_tokens(mine)


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"]
)
def test_a_bundle_that_holds_nothing_is_wrong_use(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(content)
    with pytest.raises(ConnectionProfileError, match=r"ca_bundle names .* holds no certificate"):
        trust.context(str(path))


def test_a_proxy_that_is_down_is_named(tenant: Threaded, monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(connection.load(str(tenant.home / "connection.yaml")), authority_url="https://login.test")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(SignInError) as raised:
        connection.server_time(known)
    assert "HTTPS_PROXY" in raised.value.remedy


class Counting(socketserver.BaseRequestHandler):
    """Takes a connection, says one thing and hangs up."""

    server: Any

    def handle(self) -> None:
        self.server.met += 1
        self.request.recv(4096)
        self.request.sendall(self.server.says)


@pytest.mark.parametrize("way", ["a proxy that refuses", "a certificate nobody vouches for"])
def test_what_cannot_succeed_is_not_tried_again(tenant: Threaded, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """azure-core tried each of these three times more, five to seven seconds."""
    known = connection.load(str(tenant.home / "connection.yaml"))
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.met, server.says = 0, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        here = f"127.0.0.1:{server.server_address[1]}"
        if way == "a proxy that refuses":
            known, words = replace(known, authority_url="https://login.test"), "HTTPS_PROXY"
            monkeypatch.setenv("HTTPS_PROXY", f"http://{here}")
        else:
            known, words = replace(known, ca_bundle=""), "ca_bundle"
        began = time.monotonic()
        with pytest.raises(SignInError) as raised:
            connection.sign_in(known)
        took = time.monotonic() - began
        server.shutdown()
    assert words in raised.value.remedy
    assert server.met == (way == "a proxy that refuses")
    assert took < 4.8  # what the pauses between its tries alone took
