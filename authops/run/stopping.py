"""How a run is asked to stop, and how it is made to: by a signal, by its time limit.

Asked, an apply settles what is in flight, journals it and writes its report; any other runbook is interrupted. Asked
again, or when the grace after the time limit is over, the kernel is ended at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

from authops.run.runlog import Say
from authops.words import durations

# A terminal that is closed asks as well, unless somebody said nohup.
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if os.name == "posix" else ()))
_KILL: Final = signal.SIGKILL if os.name == "posix" else signal.SIGTERM


class Stopper:
    """Watches over one run. `why` says what asked it to stop, "" while nothing did. Times are in seconds."""

    def __init__(self, folder: Path, say: Say, *, limit: float | None = None, grace: float = 120.0) -> None:
        self.file, self._say, self._limit, self._grace = folder / "stop", say, limit, grace
        self.why = ""
        self._ending = self._watching = self._applying = False
        self._timers: list[threading.Timer] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self.file.unlink(missing_ok=True)
        if threading.current_thread() is threading.main_thread():
            wanted = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._signalled) for number in wanted}
        if self._limit is not None:
            said = f"the time limit of {durations.say(self._limit)}"
            self._timers = [
                threading.Timer(self._limit, self.ask, [said]),
                threading.Timer(self._limit + self._grace, self._end, ["it did not stop in time; ending it"]),
            ]
        for timer in self._timers:
            timer.daemon = True
            timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.file.unlink(missing_ok=True)

    @contextmanager
    def watching(self, kernel: Mapping[str, Any], *, applying: bool) -> Iterator[None]:
        """Stop this runbook when that is asked for, or was already, also before its kernel is up."""
        self._watching, self._applying, over = True, applying, threading.Event()
        if self.why and applying:
            self._touch()
        enforcer = threading.Thread(target=self._enforce, args=(kernel, over), daemon=True)
        enforcer.start()
        try:
            yield
        finally:
            self._watching = False
            over.set()
            enforcer.join()

    def _enforce(self, kernel: Mapping[str, Any], over: threading.Event) -> None:
        interrupted = self._applying or os.name != "posix"
        while not over.wait(0.1):
            pid = getattr(getattr(kernel.get("km"), "provisioner", None), "pid", None)
            if pid is None:
                continue
            if self._ending:
                os.kill(pid, _KILL)
                return
            if self.why and not interrupted:
                interrupted = True
                os.kill(pid, signal.SIGINT)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self.why:
            self._end("ending at once; the journal knows what was written")
        else:
            self.ask(signal.Signals(number).name)

    def ask(self, why: str) -> None:
        """Ask whatever runs to stop, once."""
        if self.why:
            return
        self.why = why
        if not self._watching:
            return
        if self._applying:
            self._touch()
            self._say(f"  {why}: stopping once the writes in flight are settled; ask again to end at once")
        else:
            self._say(f"  {why}: interrupting")

    def _touch(self) -> None:
        try:
            self.file.touch()
        except OSError as error:
            self._say(f"  it cannot be asked to stop ({error.strerror})")

    def _end(self, words: str) -> None:
        self._ending = True
        if self._watching:
            self._say(f"  {words}")
