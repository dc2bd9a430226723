"""The demo tenant itself: two hundred thousand users made, served again, and inner requests a second on one core.

.venv/bin/python -m bench.serving
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from authops.graph import connection
from bench.stand import Stand

USERS, BATCHES, AT_ONCE = 200_000, 1_500, 8


def serve(home: Path) -> tuple[subprocess.Popen[str], float]:
    """A server pinned to one core, and the seconds until it answers."""
    begun = time.perf_counter()
    words = [sys.executable, "-m", "authops.demo", "serve", "--home", str(home), "--users", str(USERS)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    while not server.stdout.readline().startswith("ca_bundle"):
        assert server.poll() is None
    while not (home / "connection.yaml").exists():
        time.sleep(0.05)
    return server, time.perf_counter() - begun


def resident(pid: int) -> float:
    line = next(s for s in Path(f"/proc/{pid}/status").read_text().splitlines() if s.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def batches(profile: connection.Connection, ids: list[str]) -> float:
    """Inner requests a second; the bodies are made beforehand, so that the client is not what is measured."""
    token = connection.credential_of(profile).get_token(connection.scope(profile)).token
    verify = ssl.create_default_context(cafile=profile.ca_bundle)
    bodies = []
    for n in range(BATCHES):
        some = [ids[(n * 20 + k) % len(ids)] for k in range(20)]
        parts = [{"id": u, "method": "GET", "url": f"/users/{u}/authentication/phoneMethods"} for u in some]
        bodies.append(json.dumps({"requests": parts}).encode())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(verify=verify, headers=headers, timeout=60) as client:
        waiting = iter(bodies)

        async def worker() -> None:
            for body in waiting:
                (await client.post(f"{profile.graph_url}/v1.0/$batch", content=body)).raise_for_status()

        begun = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        return BATCHES * 20 / (time.perf_counter() - begun)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        server, seconds = serve(home)
        print(f"{USERS:,} users made and served after {seconds:.1f} s; {resident(server.pid):,.0f} MB", flush=True)
        server.terminate()
        server.wait()
        server, seconds = serve(home)
        print(f"served again after {seconds:.1f} s; state {(home / 'tenant.sqlite').stat().st_size / 2**20:,.0f} MB")
        os.sched_setaffinity(server.pid, {0})
        os.sched_setaffinity(0, {1})
        profile = connection.load(str(home / "connection.yaml"))
        ids = asyncio.run(Stand(profile, home).users())
        print(f"{asyncio.run(batches(profile, ids)):,.0f} inner requests a second on one core")
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
