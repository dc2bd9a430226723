"""One apply at a time for a tenant, one application of a plan, one runner in a run folder: remembered on this machine.

The lock is the operating system's, so it ends with the process that holds it, however that ends. Machines that should
know of each other share a folder by `AUTHOPS_STATE`.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from authops.words import disk
from authops.words.errors import GuardStop, PlanError, UsageError

_ODD: Final = re.compile(r"[^\w.-]")
_RUNNING: Final = ".running"


@dataclass(frozen=True)
class Holder:
    """Who applies to a tenant now: by whom, since when, in which run folder, and which process of which machine."""

    by: str
    since: str
    run: str
    pid: int
    host: str

    @property
    def here(self) -> bool:
        """Whether it is this very process."""
        return (self.pid, self.host) == (os.getpid(), platform.node())

    def __str__(self) -> str:
        return f"{self.by} (process {self.pid} on {self.host})"


class TenantLock:
    """Held from `acquire` to `release`. Raises `GuardStop` naming the holder when another run has it.

    `named` is what the connection calls the tenant: for who looks before anybody has signed in.
    """

    def __init__(self, folder: Path, tenant_id: str, *, by: str, run: str, named: str = "") -> None:
        self.path = folder / f"{_ODD.sub('_', tenant_id.lower())}.lock"
        self.tenant_id, self._signs = tenant_id, {"by": by, "run": run, "tenant": tenant_id, "named": named}
        self._file: IO[str] | None = None

    def acquire(self) -> Self:
        """Take the lock, or say who has it. Raises `UsageError` when the folder of locks cannot be used."""
        with _usable(self.path.parent):
            file = _opened(self.path)
            _share(self.path, 0o660)
        if not _locked(file):
            holder = _holder(_read(file))
            file.close()
            raise GuardStop(
                f"tenant_lock: {holder} is applying to tenant {self.tenant_id} since {holder.since}, run {holder.run}",
                remedy="this attempt wrote nothing; wait until that run has ended, then run apply again; to stop that"
                " one: an empty file named stop in its run folder, or 3_apply in JupyterLab, which shows it",
            )
        with _usable(self.path.parent):
            _sign(file, **self._signs)
        self._file = file
        return self

    def release(self) -> None:
        """Let go; harmless when it was never taken."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), 0)  # who looks need not try the lock, in another's way
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.release()


def applying(folder: Path, tenants: Collection[str]) -> Holder | None:
    """Who applies now to a tenant that has one of these names (its id, or what its connection calls it)."""
    names = {name.lower() for name in tenants if name}
    for path in sorted(folder.glob("*.lock")):
        with suppress(OSError), _opened(path) as file:
            told = _read(file)
            if names & {str(told.get(name, "")).lower() for name in ("tenant", "named")} and not _locked(file):
                return _holder(told)
    return None


def _holder(told: dict[str, Any]) -> Holder:
    by, since, run, host = (str(told.get(name, "?")) for name in ("by", "since", "run", "host"))
    return Holder(by, since, run, int(told.get("pid", 0)), host)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Hold a run folder while it is worked on. Raises `UsageError` when another process does already, when nothing can
    be written there, and when it is not ours alone.
    """
    disk.ours(folder)
    with _held(folder) as file:
        if not _locked(file):
            holder = _read(file)
            raise UsageError(
                f"{folder} is being worked on by process {holder.get('pid', '?')} since {holder.get('since', '?')}",
                remedy="wait until that run has ended",
            )
        with suppress(OSError):  # a full disk: who holds it is then not known, that somebody does is
            _sign(file)
        yield


def _held(folder: Path) -> IO[str]:
    try:
        return _opened(folder / _RUNNING)
    except OSError as error:
        raise UsageError(
            f"the run folder {folder} cannot be written ({error.strerror}); nothing was run",
            remedy="free the disk or the folder, or go on as whoever owns it",
        ) from error


def is_running(folder: Path) -> bool:
    """Whether a runner works in that folder now; one that was killed does not."""
    path = folder / _RUNNING
    try:
        if not path.exists():
            return False
        with _opened(path) as file:
            return not _locked(file)
    except OSError as error:
        return error.errno != errno.EROFS  # where nobody can write nobody works; else nobody can tell


def _opened(path: Path) -> IO[str]:
    return os.fdopen(disk.lasting(path, os.O_RDWR), "r+", encoding="utf-8")


def _sign(file: IO[str], **more: str) -> None:
    """Say who holds it, and since when."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    # Past the buffer: what does not fit on a full disk must not be tried again when the file is closed.
    os.ftruncate(file.fileno(), 0)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    told = {"pid": os.getpid(), "host": platform.node(), "since": since}
    os.write(file.fileno(), json.dumps(more | told).encode())


def _read(file: IO[str]) -> dict[str, Any]:
    try:
        file.seek(0)
        found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _locked(file: IO[str]) -> bool:
    """Take the operating system's own lock, without waiting."""
    try:
        if os.name == "nt":
            import msvcrt

            # A byte beyond what is written, so that others can still read who holds it.
            file.seek(1 << 20)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """What must be remembered is remembered before any write, or the write does not happen."""
    try:
        disk.make(folder)
        _share(folder, 0o2770)
        yield
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used to remember who applies what ({error.strerror}); this attempt wrote nothing",
            remedy="free the disk or the folder, or name another one in AUTHOPS_STATE",
        ) from error


def _share(path: Path, mode: int) -> None:
    """In a folder that a group may write, as people make who share it, what one of them leaves is the group's."""
    mine = os.name == "posix" and path.stat().st_uid == os.geteuid()
    if mine and path.parent.stat().st_mode & stat.S_IWGRP:
        path.chmod(mode)


def claim(folder: Path, plan_id: str, run_folder: Path) -> bool:
    """Record that a plan is applied in this run folder; returns whether it was `begun` there before.

    Raises `PlanError` when it was applied in another one.
    """
    path = _claim_file(folder, plan_id)
    mine = {"run": str(run_folder.resolve()), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    with _usable(folder):
        known = _claimed(path, mine)
    if known.get("run") != mine["run"]:
        raise PlanError(
            f"this plan was already applied, in {known.get('run', '?')} since {known.get('since', '?')}",
            remedy="a plan is applied once; go on there (--resume), or preview again",
        )
    return "begun" in known


def begun(folder: Path, plan_id: str) -> None:
    """Record that a claimed plan has its journal: a run folder without one has lost it from now on."""
    path = _claim_file(folder, plan_id)
    with _usable(folder):
        known = json.loads(path.read_text("utf-8"))
        if "begun" not in known:
            _keep(path, known | {"begun": datetime.now(UTC).isoformat(timespec="seconds")})


def _claim_file(folder: Path, plan_id: str) -> Path:
    return folder / f"{_ODD.sub('_', plan_id)}.json"


def _claimed(path: Path, mine: dict[str, str]) -> dict[str, str]:
    """Who has it: `mine` when nobody had it, or a process died while it wrote this, before anything was applied."""
    try:
        known = json.loads(path.read_text("utf-8"))
        if isinstance(known, dict):
            return known
    except (FileNotFoundError, ValueError):
        pass
    _keep(path, mine)
    return mine


def _keep(path: Path, known: dict[str, str]) -> None:
    """There as a whole, also after a power cut."""
    new = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(disk.fresh(new), "w", encoding="utf-8") as file:
        file.write(json.dumps(known))
        file.flush()
        os.fsync(file.fileno())
    _share(new, 0o660)
    new.replace(path)
