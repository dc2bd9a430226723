"""Managed and workload identity: azure-identity's own classes against endpoints shaped as the platforms' are."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.identity import CertificateCredential

from authops.demo.login.federation import Federation
from authops.demo.wire.server import Threaded
from authops.graph import connection
from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.words.errors import SignInError
from tests.contract.conftest import credential

SECRET = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"
PLATFORMS = (
    "AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT",
    "MSI_SECRET", "IDENTITY_SERVER_THUMBPRINT", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
)  # fmt: skip


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    with Threaded(tmp_path_factory.mktemp("tenant"), users=20) as server:
        yield server


@pytest.fixture
def profile(tenant: Threaded, monkeypatch: pytest.MonkeyPatch) -> Connection:
    for name in PLATFORMS:
        monkeypatch.delenv(name, raising=False)
    known = connection.load(str(tenant.home / "connection.yaml"))
    return replace(known, credential="managed-identity", certificate_path="", name="mine")


class Platform:
    """The identity endpoint of a virtual machine (IMDS) or of an app service: one identity, Graph's tokens.

    Sources: how-to-use-vm-token, overview-managed-identity (REST endpoint reference).
    """

    def __init__(self, tenant: Threaded, client_id: str) -> None:
        self.tenant, self.client_id, self.home = tenant, client_id, tenant.home / "connection.yaml"
        self.asked: list[str] = []
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                platform.asked.append(parts.path)
                served: dict[str, Callable[..., tuple[int, Any]]] = {
                    "/metadata/identity/oauth2/token": platform.machine, "/msi/token": platform.service,
                }  # fmt: skip
                status, body = served[parts.path](self.headers, query)
                sent = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def machine(self, headers: Any, query: dict[str, str]) -> tuple[int, Any]:
        if headers["Metadata"] != "true":
            return 400, {"error": "invalid_request", "error_description": "Required metadata header not specified"}
        if query.get("api-version") != "2018-02-01":
            return 400, {"error": "bad_request_102", "error_description": "api-version"}
        return self.token(query)

    def service(self, headers: Any, query: dict[str, str]) -> tuple[int, Any]:
        if headers["X-IDENTITY-HEADER"] != SECRET or query.get("api-version") != "2019-08-01":
            return 401, {"statusCode": 401, "message": "Unauthorized"}
        return self.token(query)

    def token(self, query: dict[str, str]) -> tuple[int, Any]:
        if query.get("client_id", self.client_id) != self.client_id:
            return 400, {"error": "invalid_request", "error_description": "Identity not found"}
        now, where = int(time.time()), query["resource"]
        assert where == self.tenant.url
        token = (
            credential(connection.profile.read(self.home), CertificateCredential).get_token(f"{where}/.default").token
        )
        told = {"access_token": token, "client_id": self.client_id, "resource": where, "token_type": "Bearer"}
        return 200, {**told, "expires_in": "3599", "expires_on": str(now + 3599), "not_before": str(now)}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def platform(tenant: Threaded, profile: Connection) -> Iterator[Platform]:
    found = Platform(tenant, profile.client_id)
    yield found
    found.close()


def organization(profile: Connection) -> list[Any]:
    async def read() -> list[Any]:
        async with Graph.connect(profile) as graph:
            return (await graph.page(Request("GET", "/organization")))["value"]

    return asyncio.run(read())


def machine(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", platform.url)


def service(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{platform.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)


@pytest.mark.parametrize(("place", "path"), [(machine, "/metadata/identity/oauth2/token"), (service, "/msi/token")])
@pytest.mark.parametrize("named", [True, False])
def test_a_managed_identity_signs_in_and_reads(
    profile: Connection, platform: Platform, monkeypatch: pytest.MonkeyPatch, place: Any, path: str, named: bool
) -> None:
    place(platform, monkeypatch)
    mine = profile if named else replace(profile, client_id="")
    claims = connection.sign_in(mine)
    assert (claims["tid"], connection.account(claims)) == (profile.tenant_id, "")
    assert claims["roles"]
    assert organization(mine)[0]["id"] == profile.tenant_id
    assert set(platform.asked) == {path}


@pytest.mark.parametrize("place", [machine, service])
def test_an_identity_that_this_machine_lacks_is_named(
    profile: Connection, platform: Platform, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    place(platform, monkeypatch)
    other = replace(profile, client_id="11111111-2222-3333-4444-555555555555")
    with pytest.raises(SignInError, match="mine: ") as raised:
        connection.sign_in(other)
    assert "identity" in raised.value.remedy


def test_a_wrong_header_of_the_app_service_is_refused(
    profile: Connection, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(platform, monkeypatch)
    monkeypatch.setenv("IDENTITY_HEADER", "another")
    with pytest.raises(SignInError, match="mine: "):
        connection.sign_in(profile)


def test_a_managed_identity_of_another_tenant_is_refused(
    profile: Connection, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(platform, monkeypatch)
    other = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(SignInError, match=f"the connection is of {other}"):
        connection.sign_in(replace(profile, tenant_id=other))


@pytest.fixture
def issuer(tenant: Threaded) -> Federation:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return Federation(load_pem_private_key((tenant.home / "federation.pem").read_bytes(), None))  # type: ignore[arg-type]


@pytest.fixture
def workload(profile: Connection) -> Connection:
    return replace(profile, credential="workload-identity")


def federated(monkeypatch: pytest.MonkeyPatch, folder: Path, token: str) -> None:
    (folder / "token").write_text(token, "utf-8")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(folder / "token"))


def test_a_workload_signs_in_by_its_platforms_token_and_reads(
    tenant: Threaded, workload: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tenant.home / "federated-token"))
    claims = connection.sign_in(workload)
    assert (claims["appid"], claims["tid"]) == (workload.client_id, workload.tenant_id)
    assert organization(workload)[0]["id"] == workload.tenant_id


def test_a_workloads_client_id_may_come_from_its_platform(
    tenant: Threaded, workload: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tenant.home / "federated-token"))
    monkeypatch.setenv("AZURE_CLIENT_ID", workload.client_id)
    assert connection.sign_in(replace(workload, client_id=""))["appid"] == workload.client_id


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"iss": "https://another.example"}, "AADSTS700211"),
        ({"sub": "system:serviceaccount:default:default"}, "AADSTS700213"),
        ({"aud": ["https://graph.microsoft.com"]}, "AADSTS700212"),
        ({"exp": 1_000_000_000}, "AADSTS700024"),
        ({"nbf": 9_000_000_000}, "AADSTS700024"),
    ],
)
def test_a_token_that_is_not_for_this_workload_is_refused(
    workload: Connection, issuer: Federation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: Any, number: str
) -> None:
    federated(monkeypatch, tmp_path, issuer.token(time.time(), **changed))
    with pytest.raises(SignInError, match=number):
        connection.sign_in(workload)


def test_a_token_that_somebody_else_signed_is_refused(
    workload: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    federated(monkeypatch, tmp_path, Federation(generate_private_key(65537, 2048)).token(time.time()))
    with pytest.raises(SignInError, match="AADSTS700027"):
        connection.sign_in(workload)


def test_without_a_token_file_the_platform_is_named(workload: Connection) -> None:
    with pytest.raises(SignInError) as raised:
        connection.sign_in(workload)
    assert "AZURE_FEDERATED_TOKEN_FILE" in raised.value.remedy
