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
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
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


class Life(subprocess.Popen[Any]):
    """`subprocess.Popen` of a `python -m MODULE …`, but forked; whoever reaps it tells how it ended."""

    def __init__(
        self, args: Sequence[str], *, env: Mapping[str, str], cwd: Any = None, stdout: Any = None, stderr: Any = None,
        text: bool = False,
    ) -> None:  # fmt: skip
        program, dash_m, *words = args
        assert (program, dash_m) == (sys.executable, "-m")
        self.args, self.returncode, self.text_mode, self.encoding, self.errors = args, None, text, None, None
        self.stdin = None
        self._child_created, self._sigint_wait_secs, self._waitpid_lock = True, 0.25, threading.Lock()
        self._input, self._communication_started = None, False
        mine, theirs = socket.socketpair()
        with theirs, open(os.devnull, "r+b", buffering=0) as nothing:
            out, self.stdout = self._stream(stdout, 1, nothing)
            err, self.stderr = (out, None) if stderr is subprocess.STDOUT else self._stream(stderr, 2, nothing)
            handed = array.array("i", [theirs.fileno(), nothing.fileno(), out, err])
            _nursery().sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
            for end, kept in ((out, self.stdout), (err, self.stderr)):
                if kept:
                    os.close(end)
        _tell(mine, {"args": words, "env": dict(env), "cwd": str(cwd or Path.cwd())})
        self._told = mine.makefile("rb", buffering=0)  # nothing is read ahead of what is asked for
        self.pid = json.loads(self._told.readline())

    def _stream(self, asked: Any, mine: int, nothing: Any) -> tuple[int, Any]:
        """(what the program writes to, what is read from)."""
        if asked is not subprocess.PIPE:
            return {None: mine, subprocess.DEVNULL: nothing.fileno()}.get(asked) or asked.fileno(), None
        read, write = os.pipe()
        return write, open(read, "r" if self.text_mode else "rb")

    def _internal_poll(self, _deadstate: Any = None) -> int | None:  # type: ignore[override]
        with suppress(subprocess.TimeoutExpired):
            self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:  # type: ignore[override]
        with self._waitpid_lock:
            if self.returncode is None:
                if not select.select([self._told], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                self.returncode = int(self._told.readline())
        return self.returncode


def run(command: Mapping[str, Any], *, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """A command (as `subprocess` takes it: `python -m …`), to its end; what it says goes into files."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with Life(**{**command, "stdout": out, "stderr": err}) as life:
            try:
                code = life.wait(timeout)
            except subprocess.TimeoutExpired:
                life.kill()
                raise
        said, complained = (os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, err))
        return subprocess.CompletedProcess(command["args"], code, said, complained)


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
        _console(what["env"].get("PYTHONIOENCODING", "").partition(":")[0] or "utf-8")
        _kernels(what["args"])
        _become(what)
    for file in files:
        os.close(file)
    try:
        _tell(asked, pid)
        _tell(asked, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        os._exit(0)


def _console(encoding: str) -> None:
    """What is printed goes to what was handed over; whether that is a file, a pipe or nothing is seen anew."""
    sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115


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
