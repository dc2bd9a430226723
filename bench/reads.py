"""Reading phone methods, side by side in one run: our client, the SDK's typed models, the seed script's pattern.

    make bench                      # 5,000 users on a demo tenant over HTTPS on loopback

Client and demo tenant share this machine's cores, so the figures are a floor. The slower two are measured on a sample.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from pathlib import Path

import httpx

from authops.demo import ensure, stop
from authops.graph import connection
from authops.graph.client import Graph
from authops.tenant import directory

USERS, SAMPLE = 5_000, 300


async def ours(profile: connection.Connection, ids: list[str]) -> float:
    async with Graph.connect(profile) as graph:
        await directory.current(graph, ids[:20])
        begun = time.perf_counter()
        read = await directory.current(graph, ids)
        seconds = time.perf_counter() - begun
    assert read["known"].all()
    return len(ids) / seconds


async def typed(profile: connection.Connection, ids: list[str]) -> float:
    from msgraph.graph_service_client import GraphServiceClient

    async with Graph.connect(profile) as graph:
        client = GraphServiceClient(request_adapter=graph.adapter)
        client.path_parameters["baseurl"] = graph.root
        await client.users.by_user_id(ids[0]).authentication.phone_methods.get()
        begun = time.perf_counter()
        for user_id in ids:
            await client.users.by_user_id(user_id).authentication.phone_methods.get()
        return len(ids) / (time.perf_counter() - begun)


async def plain(profile: connection.Connection, ids: list[str]) -> float:
    """One GET after another on one connection: what the seed script does before it writes anything."""
    token = connection.credential_of(profile).get_token(connection.scope(profile)).token
    context = ssl.create_default_context(cafile=profile.ca_bundle)
    async with httpx.AsyncClient(verify=context, headers={"Authorization": f"Bearer {token}"}) as client:
        begun = time.perf_counter()
        for user_id in ids:
            url = f"{profile.graph_url}/v1.0/users/{user_id}/authentication/phoneMethods"
            (await client.get(url)).raise_for_status()
        return len(ids) / (time.perf_counter() - begun)


async def main(profile: connection.Connection) -> None:
    async with Graph.connect(profile) as graph:
        ids = list((await directory.all_users(graph))["user_id"])
    rows = [
        (f"authops, $batch, {len(ids):,} users", await ours(profile, ids)),
        (f"msgraph-sdk typed, one by one, sample of {SAMPLE}", await typed(profile, ids[:SAMPLE])),
        (f"plain GET, one by one (seed script), sample of {SAMPLE}", await plain(profile, ids[:SAMPLE])),
    ]
    for name, rate in rows:
        print(f"{name:<58}{rate:>9,.0f} users/s   authops is {rows[0][1] / rate:>6.1f} times as fast")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        try:
            asyncio.run(main(connection.load(str(ensure(Path(home), users=USERS)))))
        finally:
            stop(Path(home))
