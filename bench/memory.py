"""A million users read through, with the memory it takes; the answers come from a stand-in for pages, in this process.

.venv/bin/python -m bench.memory
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.tenant import directory

USERS, PAGE, ROOT = 1_000_000, 999, "https://graph.example"


class NoToken(AccessTokenProvider):
    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:  # noqa: ARG002
        return "none"

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["graph.example"])


def user_id(number: int) -> str:
    return str(uuid.UUID(int=number))


def person(number: int) -> dict[str, Any]:
    name = f"Person {number}"
    where = {"department": f"Department {number % 40}", "usageLocation": "NL", "userType": "Member"}
    names = {"id": user_id(number), "userPrincipalName": f"person{number}@contoso.example", "displayName": name}
    return {**names, **where, "accountEnabled": True}


def registration(number: int) -> dict[str, Any]:
    flags = {"isAdmin": False, "isMfaCapable": True, "isPasswordlessCapable": False, "isSsprCapable": True}
    names = {"id": user_id(number), "userPrincipalName": f"person{number}@contoso.example", "userType": "member"}
    methods = ["mobilePhone", "microsoftAuthenticatorPush"]
    return {**names, **flags, "methodsRegistered": methods, "userPreferredMethodForSecondaryAuthentication": "push"}


async def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/$batch"):
        asked = json.loads(request.content)["requests"]
        phone = {"id": "x", "phoneType": "mobile", "phoneNumber": "+31 612345678"}
        found = [{"id": r["id"], "status": 200, "headers": {}, "body": {"value": [phone]}} for r in asked]
        return httpx.Response(200, json={"responses": found})
    start = int(parse_qs(urlsplit(str(request.url)).query).get("$skiptoken", ["0"])[0])
    make = person if request.url.path.endswith("/users") else registration
    body: dict[str, Any] = {"value": [make(n) for n in range(start, min(start + PAGE, USERS))]}
    if start + PAGE < USERS:
        body["@odata.nextLink"] = f"{ROOT}{request.url.path}?$skiptoken={start + PAGE}"
    return httpx.Response(200, json=body)


def used() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main() -> None:
    connection = Connection("bench", "custom", "t", "c", "certificate", ROOT, ROOT)

    async def unhurried(_: float) -> None:
        await asyncio.sleep(0)

    options: Any = {"transport": httpx.MockTransport(answer), "tokens": NoToken(), "sleep": unhurried}
    begun_with = used()
    print(f"before anything is read {begun_with:,.0f} MB")
    clock = iter(range(0, 10**9, 10))
    async with Graph.connect(connection, clock=lambda: float(next(clock)), **options) as graph:
        for name, read in (("users", directory.all_users), ("registrations", directory.registrations)):
            begun = time.perf_counter()
            frame = await read(graph)
            size = frame.memory_usage(deep=True).sum() / 2**20
            seconds = time.perf_counter() - begun
            print(
                f"{len(frame):,} {name:<14} {seconds:>6.0f} s; frame {size:,.0f} MB; peak {used():,.0f} MB", flush=True
            )
            ids = list(frame["user_id"])
            del frame
        begun = time.perf_counter()
        frame = await directory.current(graph, ids)
        size = frame.memory_usage(deep=True).sum() / 2**20
        seconds = time.perf_counter() - begun
        print(f"{len(frame):,} phone methods {seconds:>6.0f} s; frame {size:,.0f} MB; peak {used():,.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())
