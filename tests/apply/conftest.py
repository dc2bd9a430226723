"""A demo tenant in this process whose people the test invents, and the client on it; nothing is patched."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pandas as pd
import pytest
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.demo.wire.build import World, build
from authops.demo.world.people import _blank, _give_phone, _profile
from authops.demo.world.tenant import Method, User
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.plan import plan
from authops.source import wanted_file
from authops.tenant import directory
from tests import virtual_time
from tests.homes import furnished

T = TypeVar("T")
IDS = {
    "mobile": "3179e48a-750b-4051-897c-87b9720928f7",
    "alternateMobile": "b6332ec1-7057-4abe-9331-3d72feddfe41",
    "office": "e37fc753-ff3b-4958-9484-eaa9425c82bc",
}
ROOT = "https://demo.localhost"
HEADER = "UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval\n"


class Token(AccessTokenProvider):
    """A token that the demo tenant's own login minted."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        return self._token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["demo.localhost"])


async def no_pause(_: float) -> None:
    return None


class Stage:
    """One demo tenant with invented people, and the road from a CSV to outcomes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world: World = build(furnished(folder / "home"), (ROOT,), users=10)
        self.connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
        self.transport: httpx.AsyncBaseTransport | None = None
        self.sleeps: list[float] = []
        self.time = self._passed = 0.0
        self.world.tenant.now = self.clock

    def people(self, **people: dict[str, str]) -> None:
        """Hold just these: name → phones by method; `default` a method; `app` = yes for an Authenticator as well."""
        self.world.tenant.populate([_person(name, has) for name, has in people.items()])

    def log(self) -> list[dict[str, Any]]:
        return list(self._ask("log")["requests"])

    def clear_log(self) -> None:
        self._ask("log", "DELETE")

    def weather(self, **settings: Any) -> None:
        self._ask("weather", "PUT", settings)

    def writes(self) -> dict[str, list[tuple[str, str]]]:
        """Per user id: (verb, number or method id) of the writes that Graph saw, in order."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in self.log():
            parts = row["path"].split("/")
            if row["method"] in ("POST", "PATCH", "DELETE") and "$batch" not in row["path"]:
                found[parts[parts.index("users") + 1]].append((row["method"], parts[-1]))
        return found

    def phones(self) -> dict[str, dict[str, str]]:
        return {
            user.id: {
                m.fields["phoneType"]: m.fields["phoneNumber"] for m in user.methods.values() if m.kind == "phone"
            }
            for user in self.world.tenant.users.values()
        }

    def _ask(self, knob: str, method: str = "GET", body: Any = None) -> Any:
        async def once() -> Any:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.world.app), base_url=ROOT) as client:
                return (await client.request(method, f"/_demo/{knob}", json=body)).raise_for_status().json()

        return asyncio.run(once())

    def graph(self) -> Graph:
        token = Token(self.world.login.issue_token())
        return Graph.connect(
            self.connection,
            transport=self.transport or httpx.ASGITransport(self.world.app),
            tokens=token,
            sleep=self.pause,
            clock=self.clock,
            dice=lambda: 1.0,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """To its end in virtual time, in which many may wait side by side."""

        async def timed() -> T:
            try:
                return await work
            finally:
                self._passed = virtual_time.clock()

        try:
            return virtual_time.run(timed())
        finally:
            self.time += self._passed

    async def pause(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if isinstance(asyncio.get_running_loop(), virtual_time.VirtualLoop):
            await asyncio.sleep(seconds)
        else:
            self.time += seconds

    def clock(self) -> float:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self.time
        return self.time + (loop.time() if isinstance(loop, virtual_time.VirtualLoop) else 0.0)

    def plan(self, rows: str) -> plan.Plan:
        (self.folder / "wanted.csv").write_text(HEADER + rows)
        return self.planned(self.folder / "wanted.csv")

    def planned(self, path: Path) -> plan.Plan:
        """The plan of a file as it is."""
        wanted = wanted_file.read(path, default_region="NL")

        async def made() -> plan.Plan:
            async with self.graph() as graph:
                users = await directory.find_users(graph, list(wanted.wanted["user"].unique()))
                defaults = await directory.defaults(graph, needed=wanted.removes)
                ids = users.loc[users["user_id"] != "", "user_id"]
                current = await directory.current(graph, ids, methods=wanted.methods, defaults=defaults)
                return plan.make(wanted.wanted, current, users, wanted.problems)

        return asyncio.run(made())

    def first_phones(self, names: Sequence[str]) -> pd.DataFrame:
        """A first mobile for each of these, planned; the record of requests starts empty."""
        self.people(**{name: {} for name in names})
        made = self.plan("".join(f"{name}@contoso.example,+31 61234{n:04d},,,,\n" for n, name in enumerate(names)))
        self.clear_log()
        return made.writes

    def apply(self, changes: pd.DataFrame, mode: str = "apply", name: str = "journal") -> pd.DataFrame:
        async def done() -> pd.DataFrame:
            journal = Journal(self.folder / f"{name}.sqlite")
            async with self.graph() as graph:
                applier = Applier(graph, journal, lambda: datetime.now(UTC), mode=mode, sleep=self.pause)
                try:
                    return await applier.apply(changes)
                finally:
                    journal.close()

        return self.run(done())


def _person(name: str, has: dict[str, str]) -> User:
    upn = f"{name}@contoso.example"
    user = _blank(user_id(name), _profile(name.title(), upn, "NL", "Sales", "Clerk"), upn)
    for method, phone in has.items():
        if method in IDS:
            _give_phone(user, IDS[method], phone)
    if has.get("app"):
        user.methods["app"] = Method("app", "microsoftAuthenticator", {"displayName": "Phone"}, "2026-01-01T00:00:00Z")
    default = has.get("default", "")
    user.default = IDS.get(default, default if default in user.methods else None)
    return user


def user_id(name: str) -> str:
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(scope="module")
def wide_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))
