"""Starting, finding and stopping a background demo tenant, with the standard library only."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE = 4 * 3600.0
_PATIENCE = 60.0


def turn(home: Path, knob: str, body: Any = None, method: str = "", *, timeout: float = 60.0) -> dict[str, Any]:
    """Turn a knob of the demo tenant of `home`, or read it. Raises OSError when nobody answers, or refuses."""
    port = json.loads((home / "server.json").read_text(encoding="utf-8"))["port"]
    context = ssl.create_default_context(cafile=str(home / "ca.pem"))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/_demo/{knob}", data, method=method or ("GET" if data is None else "POST")
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with direct.open(request, timeout=timeout) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _ask(home: Path, knob: str, method: str = "GET") -> dict[str, Any] | None:
    """Return a knob's answer, or None when nobody answers for this home."""
    try:
        return turn(home, knob, method=method, timeout=5)
    except (OSError, ValueError, KeyError):
        return None


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "start.lock").open("a+b") as file:
        _lock_file(file)
        yield


def _lock_file(file: IO[bytes]) -> None:
    """Wait for the lock; the system lets it go with the file, also when a process dies."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def ensure(home: Path, *, idle_timeout: float | None = IDLE, **options: Any) -> Path:
    """Return `connection.yaml` of a running demo tenant, starting one when none answers."""
    home = Path(home).resolve()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    with _lock(home):
        if _ask(home, "health") is None:
            _start(home, {"idle_timeout": idle_timeout, **options})
    return home / "connection.yaml"


def _start(home: Path, options: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "authops.demo", "serve", "--home", str(home), "--options", json.dumps(options)]
    package = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(p for p in (package, os.environ.get("PYTHONPATH")) if p)
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with (home / "server.log").open("ab") as log:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **streams, **detached)  # noqa: S603
    _wait(home, child)


def _wait(home: Path, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while child.poll() is None and time.monotonic() < until:
        found = _ask(home, "health")
        if found and found["pid"] == child.pid:
            # It lives on without us: do not let Popen warn about, or wait for, a child still running.
            child.returncode = 0
            return
        time.sleep(0.05)
    child.kill()
    tail = (home / "server.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"the demo tenant did not start; the end of {home / 'server.log'}:\n{tail}")


def stop(home: Path) -> bool:
    """Stop the demo tenant of `home` and wait until it is gone; true when one was running."""
    home = Path(home).resolve()
    if _ask(home, "stop", "POST") is None:
        return False
    until = time.monotonic() + _PATIENCE
    while _ask(home, "health") is not None and time.monotonic() < until:
        time.sleep(0.05)
    return True
