"""The demo tenant over HTTPS: in the foreground, or in a thread for tests and notebooks."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn

from authops.demo.login import certificates
from authops.demo.wire.build import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from authops.demo.wire.build import World

_BACKLOG = 128


class _Server(uvicorn.Server):
    """uvicorn, which also tells when it listens and ends when nobody asks any more."""

    def __init__(self, config: uvicorn.Config, idle_timeout: float | None) -> None:
        super().__init__(config)
        self.idle_timeout, self.listening = idle_timeout, threading.Event()
        self.announce: Callable[[], None] = lambda: None
        self._requests, self._since = 0, time.monotonic()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.announce()
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        if self.server_state.total_requests != self._requests:
            self._requests, self._since = self.server_state.total_requests, time.monotonic()
        if self.idle_timeout is not None and time.monotonic() - self._since > self.idle_timeout:
            self.should_exit = True
        return await super().on_tick(counter)


def _bind(home: Path, host: str, port: int) -> socket.socket:
    """Bind the port asked for, else the one of last time if it is free, else any."""
    for candidate in [port] if port else [_last_port(home), 0]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            if port:
                raise
        else:
            return sock
    raise OSError(f"no free port on {host}")


def _last_port(home: Path) -> int:
    try:
        return int(json.loads((home / "server.json").read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError):
        return 0


def profile(world: World, port: int, host: str = "127.0.0.1") -> str:
    """Return the connection profile as YAML."""
    root, home = f"https://{host}:{port}", world.home.resolve()
    values = {
        "cloud": "custom",
        "tenant_id": world.tenant.meta["tenant_id"],
        "client_id": world.tenant.meta["client_id"],
        "credential": "certificate",
        "certificate_path": str(home / "client.pem"),
        "graph_url": root,
        "authority_url": root,
        "ca_bundle": str(home / "ca.pem"),
    }
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def prepare(
    home: Path, *, host: str = "127.0.0.1", port: int = 0, idle_timeout: float | None = None, **world: Any
) -> tuple[_Server, socket.socket, str]:
    """Return a server that is bound but not yet running, its socket, and the connection profile."""
    if host not in ("127.0.0.1", "localhost"):
        raise ValueError("the demo tenant listens on this machine only: 127.0.0.1 or localhost")
    home.mkdir(parents=True, exist_ok=True)
    sock = _bind(home, host, port)
    number = sock.getsockname()[1]
    ends: list[_Server] = []
    roots = tuple(f"https://{name}:{number}" for name in dict.fromkeys((host, "127.0.0.1", "localhost")))
    built = build(home, roots, stop=lambda: setattr(ends[0], "should_exit", True), **world)
    certificate = str(home / "server.pem")
    config = uvicorn.Config(
        built.app,
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server, text = _Server(config, idle_timeout), profile(built, number, host)
    ends.append(server)
    server.announce = lambda: _announce(built, text, number)
    return server, sock, text


def _announce(built: World, text: str, port: int) -> None:
    home, trusted = built.home, built.login.registration.federation
    certificates.write(home / "server.json", json.dumps({"pid": os.getpid(), "port": port}).encode())
    certificates.write(home / "connection.yaml", text.encode())
    if trusted:
        # What a workload's platform would keep fresh; a day is enough to try it.
        certificates.write(home / "federated-token", trusted.token(time.time(), 86400).encode())


def serve(home: Path, **options: Any) -> None:
    """Serve in the foreground until stopped (Ctrl-C, `/_demo/stop`, or `idle_timeout` seconds without a request)."""
    server, sock, text = prepare(home, **options)
    print(f"# {home / 'connection.yaml'}\n{text}", end="", flush=True)
    server.run(sockets=[sock])


class Threaded:
    """A running demo tenant in a thread of this process, as a context manager; `home/connection.yaml` leads to it."""

    def __init__(self, home: Path, **options: Any) -> None:
        """Prepare the server; it runs between `with` and its end."""
        self.home = home
        self._server, self._socket, self.profile = prepare(home, **options)
        self.port = self._socket.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> Threaded:
        """Wait until it listens."""
        self._thread.start()
        if not self._server.listening.wait(30):
            raise RuntimeError("the demo tenant did not start listening within 30 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and wait until it has."""
        self._server.should_exit = True
        self._thread.join(30)
