"""Programs that start warm: forked off a process that has loaded the libraries, and nothing of ours.

`python -m MODULE …` in a process of its own, with the arguments, environment, folder and files that it is given, and
with its own exit code and signals; of two CPU seconds that a run spends on loading pandas, Jupyter and the SDK nothing
is left. What is ours is loaded anew by each. A kernel that such a program starts is its own child, and warm as well.
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = (
    "pandas", "pyarrow.parquet", "msgraph_core", "kiota_http.httpx_request_adapter", "httpx", "h2", "azure.identity",
    "papermill", "papermill.execute", "nbclient", "nbformat", "nbconvert.exporters.html", "jupyter_client.manager",
    "jupyter_client.provisioning.local_provisioner", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipywidgets",
    "anywidget", "openpyxl", "babel.dates", "yaml", "jwt", "cryptography.x509", "click", "concurrent.futures.process",
)  # fmt: skip


def run(command: Mapping[str, Any], *, timeout: float) -> tuple[int, str]:
    """What a command (as `subprocess` takes it: `python -m …`) exits with and says: on stdout first, then on stderr."""
    program, dash_m, *args = command["args"]
    assert (program, dash_m) == (sys.executable, "-m")
    mine, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        with mine, theirs, mine.makefile("rb") as told:
            handed = array.array("i", [theirs.fileno(), nothing.fileno(), out.fileno(), err.fileno()])
            _nursery().sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
            theirs.close()
            _tell(mine, {"args": args, "env": dict(command["env"]), "cwd": str(command["cwd"])})
            pid = json.loads(told.readline())
            mine.settimeout(timeout)
            try:
                code = int(json.loads(told.readline()))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
        return code, "".join(os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, err))


@cache
def _nursery() -> socket.socket:
    """The way to the process that has loaded the libraries; it ends with this one."""
    mine, theirs = socket.socketpair()
    words = [sys.executable, __file__, str(theirs.fileno())]
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(words, pass_fds=[theirs.fileno()], env=env, stdin=subprocess.DEVNULL)
    theirs.close()
    atexit.register(lambda: (mine.close(), process.wait(10)))
    return mine


def _tell(to: socket.socket, what: Any) -> None:
    to.sendall(json.dumps(what).encode() + b"\n")


# From here on in the process that forks.


def _serve(door: socket.socket) -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded stays shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        word, files, _, _ = socket.recv_fds(door, 1, 4)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not word:
            return
        if os.fork() == 0:
            door.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _mind(socket.socket(fileno=files[0]), files[1:])
        for file in files:
            os.close(file)


def _mind(asked: socket.socket, files: Sequence[int]) -> None:
    """Start what is asked for, and tell how it ends."""
    what = json.loads(asked.makefile("rb").readline())
    if (pid := os.fork()) == 0:
        asked.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        _kernels(what["args"])
        _become(what)
    for file in files:
        os.close(file)
    try:
        _tell(asked, pid)
        _tell(asked, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        os._exit(0)


def _become(what: Mapping[str, Any]) -> None:
    """Be `python -m MODULE …`, in that folder and environment."""
    module, *words = what["args"]
    os.environ.clear()
    os.environ.update(what["env"])
    os.chdir(what["cwd"])
    time.tzset()
    sys.argv = [module, *words]
    given = what["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [what["cwd"], *(path for path in given if path), *_PATH]
    importlib.invalidate_caches()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


class _Kernel(subprocess.Popen[bytes]):
    """A child that was forked before there were threads, and becomes a kernel when one is asked for."""

    def __init__(self, pid: int, words: Sequence[str]) -> None:
        import threading

        self.pid, self.args, self.returncode = pid, words, None
        self._child_created, self._waitpid_lock = True, threading.Lock()
        self.stdin, self.stdout, self.stderr = Path(os.devnull).open("wb"), None, None  # noqa: SIM115
        self._input = self._communication_started = False  # type: ignore[assignment]


def _kernels(words: Sequence[str]) -> None:
    """Fork one for each runbook, and have `jupyter_client` take them as long as there are any."""
    from jupyter_client import launcher

    spare: list[tuple[int, socket.socket]] = []
    for _ in takewhile(lambda word: not word.startswith("-"), words[2:]):
        mine, theirs = socket.socketpair()
        if (pid := os.fork()) == 0:
            for _, other in spare:
                other.close()
            mine.close()
            os.setsid()
            if not (line := theirs.makefile("rb").readline()):
                os._exit(0)
            theirs.close()
            _become(json.loads(line))
        theirs.close()
        spare.append((pid, mine))

    def start(words: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
        if not spare or words[1:3] != ["-m", "ipykernel_launcher"]:
            return subprocess.Popen(words, **how)
        pid, way = spare.pop(0)
        with way:
            _tell(way, {"args": words[2:], "env": how["env"], "cwd": str(how["cwd"] or Path.cwd())})
        return _Kernel(pid, words)

    launcher.Popen = start  # type: ignore[assignment, misc]


if __name__ == "__main__":
    _PATH: Final = sys.path[1:]
    _serve(socket.socket(fileno=int(sys.argv[1])))
