"""Signing in as a person: asked once, where the person looks, and nobody waits once the run is asked to stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from authops.demo.wire.server import Threaded
from authops.graph import connection, person
from authops.graph.answer import Request
from authops.graph.client import Graph
from authops.graph.connection import Connection, ForKernels
from authops.graph.person import Desk
from authops.words.errors import SignInError
from tests.homes import furnished

CODE = re.compile(r"open (\S+) and enter the code (\S+)")
ASKS = """
import json, sys
from authops.graph import connection
from tests.homes import furnished
claims = connection.sign_in(connection.Connection(**json.loads(sys.argv[1])))
print(connection.account(claims), claims["tid"])
"""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    with Threaded(furnished(tmp_path_factory.mktemp("tenant")), users=20) as server:
        yield server


class Somebody:
    """Reads what is shown, and enters the code as `name`; `taken` counts what was taken away again."""

    def __init__(self, tenant: Threaded, name: str = "Hugo Admin", answer: str = "accept") -> None:
        self.tenant, self.answer = tenant, answer
        self.verify = connection.load(str(tenant.home / "connection.yaml")).ca_bundle
        people = self._client().get("/_demo/state").json()["users"]
        self.upn = next(u["userPrincipalName"] for u in people if u["displayName"] == name)
        self.shown: list[str] = []
        self.taken = 0

    def _client(self) -> httpx.Client:
        import ssl

        verify = ssl.create_default_context(cafile=self.verify)
        return httpx.Client(base_url=self.tenant.url, verify=verify, trust_env=False)

    def __call__(self, words: str) -> Callable[[], None]:
        self.shown.append(words)
        found = CODE.search(words)
        assert found, words
        if self.answer:
            form = {"otc": found[2], "user": self.upn, "answer": self.answer}
            assert self._client().post(found[1], data=form).status_code == 200
        return self._take

    def _take(self) -> None:
        self.taken += 1


@pytest.fixture
def profile(tenant: Threaded) -> Iterator[Connection]:
    known = connection.load(str(tenant.home / "connection.yaml"))
    yield replace(known, credential="device-code", certificate_path="", name="mine")
    connection._PEOPLE.clear()


def kernel(profile: Connection) -> subprocess.Popen[str]:
    told = json.dumps({name: str(value) for name, value in vars(profile).items()})
    return subprocess.Popen(
        [sys.executable, "-c", ASKS, told], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_person_signs_in_once_for_the_claims_and_for_graph(tenant: Threaded, profile: Connection) -> None:
    hugo = Somebody(tenant)
    claims = connection.sign_in(profile, hugo)
    assert connection.account(claims) == hugo.upn

    async def me() -> dict[str, Any]:
        async with Graph.connect(profile) as graph:
            return await graph.page(Request("GET", "/organization"))

    assert asyncio.run(me())["value"]
    assert (len(hugo.shown), hugo.taken) == (1, 1)


def test_an_applications_token_names_no_account(tenant: Threaded) -> None:
    claims = connection.sign_in(connection.load(str(tenant.home / "connection.yaml")))
    assert claims["roles"]
    assert connection.account(claims) == ""


def test_the_kernels_of_a_run_share_one_sign_in_and_see_no_code(tenant: Threaded, profile: Connection) -> None:
    hugo = Somebody(tenant)
    with Desk(ForKernels(hugo), lambda: "").open():
        for _ in range(2):
            out, err = kernel(profile).communicate(timeout=60)
            assert out.split() == [hugo.upn, profile.tenant_id], err
            assert not CODE.search(out + err)
    assert (len(hugo.shown), hugo.taken) == (1, 1)
    assert not {person._ADDRESS, person._KEY} & set(os.environ)


def test_nobody_waits_for_a_person_once_a_stop_is_asked_for(tenant: Threaded, profile: Connection) -> None:
    asked, why = threading.Event(), [""]

    class Absent(Somebody):
        def __call__(self, words: str) -> Callable[[], None]:
            asked.set()
            return super().__call__(words)

    with Desk(ForKernels(Absent(tenant, answer="")), lambda: why[0]).open():
        waiting = kernel(profile)
        assert asked.wait(60)
        why[0] = "SIGINT"
        _, err = waiting.communicate(timeout=30)
    assert "stopped by SIGINT before anybody signed in" in err


def test_a_sign_in_that_is_declined_says_so(tenant: Threaded, profile: Connection) -> None:
    with pytest.raises(SignInError, match="AADSTS70000") as raised:
        connection.sign_in(profile, Somebody(tenant, answer="decline"))
    assert "declined" in raised.value.remedy


def test_whoever_lacks_the_key_gets_no_token(tenant: Threaded, profile: Connection, monkeypatch: Any) -> None:
    hugo = Somebody(tenant)
    with Desk(ForKernels(hugo), lambda: "").open():
        monkeypatch.setenv(person._KEY, "00" * 32)
        with pytest.raises(SignInError, match="does not answer"):
            connection.sign_in(profile)
        assert Path(os.environ[person._ADDRESS]).parent.stat().st_mode & 0o077 == 0
    assert hugo.shown == []


def test_a_sign_in_to_another_tenant_than_the_connections_is_refused(tenant: Threaded, profile: Connection) -> None:
    """A managed identity and the Azure CLI sign in to the tenant they belong to, whatever the profile says."""
    other = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(SignInError, match=f"the connection is of {other}"):
        connection._same_tenant(replace(profile, tenant_id=other), profile.tenant_id)
    connection._same_tenant(replace(profile, tenant_id=profile.tenant_id.upper()), profile.tenant_id)
    connection._same_tenant(replace(profile, tenant_id="contoso.example"), profile.tenant_id)
