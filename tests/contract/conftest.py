"""Three doors to a demo tenant: in process, over HTTPS as an end user meets it, through msgraph-sdk's own default."""

import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import httpx
import pytest

from authops.demo.faults.weather import Settings
from authops.demo.wire.build import World, build
from authops.demo.wire.server import Threaded
from tests.contract.through_sdk import Sent
from tests.homes import furnished

MICROSOFT = "https://graph.microsoft.com"
_GRAPH = ("/v1.0", *(f"{MICROSOFT}/{version}" for version in ("v1.0", "beta")))


@dataclass
class Door:
    """A client's view of a demo tenant: `make` builds an httpx client, sync calls go through `call`."""

    root: str
    transport: object
    verify: object
    token: str
    profile: dict | None = None
    world: World | None = None
    sdk: Sent | None = None
    defaults: dict[str, str] = field(default_factory=dict)

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        kind = {"transport": self.transport} if self.transport else {"verify": self.verify}
        return httpx.AsyncClient(base_url=self.root, headers=headers, trust_env=False, timeout=30, **kind)

    def call(self, method: str, path: str, token: str | None = None, **options: object) -> httpx.Response:
        import asyncio

        async def once() -> httpx.Response:
            async with self.client(token) as client:
                where = path if path.startswith(("/_demo", "http")) else "/v1.0" + path
                if self.sdk and where.startswith(_GRAPH):
                    return await self.sdk(client, method, self.sdk.address(where), token, **options)
                return await client.request(method, where, **options)

        return asyncio.run(once())

    def batch(self, *requests: dict) -> httpx.Response:
        return self.call("POST", "/$batch", json={"requests": list(requests)})

    def state(self) -> dict[str, dict]:
        return {u["displayName"]: u for u in self.call("GET", "/_demo/state").json()["users"]}

    def user(self, name: str) -> str:
        return str(self.state()[name]["id"])

    def phones(self, name: str) -> dict[str, str]:
        rows = self.call("GET", f"/users/{self.user(name)}/authentication/phoneMethods").json()["value"]
        return {row["phoneType"]: row["phoneNumber"] for row in rows}

    def assume(self, **values: str) -> None:
        assert self.call("PUT", "/_demo/assumptions", json=values).status_code == 200


@pytest.fixture(scope="session")
def https(tmp_path_factory):
    with Threaded(furnished(tmp_path_factory.mktemp("https")), users=150) as server:
        yield server


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    return build(furnished(tmp_path_factory.mktemp("inside")), users=150)


def _token(server: Threaded) -> str:
    import yaml
    from azure.identity import CertificateCredential

    profile = yaml.safe_load((server.home / "connection.yaml").read_text())
    return credential(profile, CertificateCredential).get_token(profile["graph_url"] + "/.default").token


def credential(profile: dict, kind, **changed):
    p = {**profile, **changed}
    options = {"disable_instance_discovery": True, "connection_verify": p["ca_bundle"], "authority": p["authority_url"]}
    return kind(p["tenant_id"], p["client_id"], p["certificate_path"], **options)


@pytest.fixture(scope="session")
def https_door(https) -> Door:
    context = ssl.create_default_context(cafile=str(https.home / "ca.pem"))
    import yaml

    profile = yaml.safe_load((https.home / "connection.yaml").read_text())
    return Door(https.url, None, context, _token(https), profile=profile)


@pytest.fixture(scope="session")
def inside_door(world) -> Door:
    return Door(world.login.roots[0], httpx.ASGITransport(world.app), None, world.login.issue_token(), world=world)


@pytest.fixture(scope="session")
def sdk_door(tmp_path_factory) -> Door:
    """`GraphServiceClient(credentials=…)` as its documentation begins: every request goes to `…/v1.0//…`."""
    world = build(furnished(tmp_path_factory.mktemp("sdk")), roots=(MICROSOFT,), users=150)
    transport = httpx.ASGITransport(world.app)
    return Door(MICROSOFT, transport, None, world.login.issue_token(), world=world, sdk=Sent(world.login, transport))


@pytest.fixture(params=["inside", *(pytest.param(way, marks=pytest.mark.slow) for way in ("https", "sdk"))])
def door(request) -> Iterator[Door]:
    """Every way in; while writing, the one in process."""
    yield from _anew(request.getfixturevalue(f"{request.param}_door"))


@pytest.fixture(params=["inside", pytest.param("sdk", marks=pytest.mark.slow)])
def inside(request) -> Iterator[Door]:
    """The doors in process, for what does not depend on the way in."""
    yield from _anew(request.getfixturevalue(f"{request.param}_door"))


def _anew(found: Door) -> Iterator[Door]:
    """The first day again, in fair weather, with every assumption as it is by default; and nothing of it is left."""
    assert found.call("POST", "/_demo/reset").status_code == 200
    _by_default(found)
    yield found
    _by_default(found)


def _by_default(found: Door) -> None:
    if not found.defaults:
        told = found.call("GET", "/_demo/assumptions").json()["assumptions"]
        found.defaults = {a["name"]: a["default"] for a in told}
    found.assume(**found.defaults)
    assert found.call("PUT", "/_demo/weather", json=asdict(Settings())).status_code == 200
