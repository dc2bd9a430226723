"""JupyterLab on copies of the notebooks, for whoever sits at this machine: nobody else is served or asked for news.

What people run, edit and upload there stays there: the notebooks of the checkout are never changed by looking at them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from authops.words import disk
from authops.words.errors import UsageError

_FIRST: Final = "notebooks/0_tour.ipynb"
_COPIED: Final = ("notebooks", "parameters")
_KNOWN: Final = ".copied.json"
_CONFIG: Final = ".jupyter"
_NO_NEWS: Final = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def furnish(lab: Path, project: Path, runs: Path) -> Path:
    """A folder with `notebooks/`, `parameters/` and `runs/` as JupyterLab's file browser shows them.

    What is newer in the project is copied again; a copy that somebody worked in meanwhile is kept beside it.
    """
    try:
        disk.make(lab)
        disk.make(runs)
        known = _known(lab / _KNOWN)
        for source in (p for name in _COPIED for p in sorted((project / name).rglob("*")) if p.is_file()):
            _copy(source, lab, source.relative_to(project).as_posix(), known)
        (lab / _KNOWN).write_text(json.dumps(known, indent=1), "utf-8")
    except OSError as error:
        raise UsageError(
            f"JupyterLab's folder {lab} cannot be written: {error.strerror}", remedy="name a place in AUTHOPS_RUNS"
        ) from error
    _link(lab / "runs", runs)
    return lab


def quiet(lab: Path) -> dict[str, str]:
    """Where JupyterLab reads that nobody is asked about news: its setting alone silences that."""
    config = lab / _CONFIG / "labconfig"
    config.mkdir(parents=True, exist_ok=True)
    (config / "default_setting_overrides.json").write_text(json.dumps(_NO_NEWS), "utf-8")
    before = os.environ.get("JUPYTER_CONFIG_PATH", "")
    return {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [str(lab / _CONFIG), before]))}


def _known(path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in told.items()} if isinstance(told, dict) else {}


def _copy(source: Path, lab: Path, name: str, known: dict[str, str]) -> None:
    if ".ipynb_checkpoints" in source.parts:
        return
    target, content = lab / name, source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if target.exists() and known.get(name) == digest:
        return
    if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() not in (known.get(name), digest):
        target.rename(target.with_name(f"{target.stem} of {datetime.now().astimezone():%Y-%m-%d %H%M}{target.suffix}"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    known[name] = digest


def _link(link: Path, folder: Path) -> None:
    """The run folders, seen from here; where the system knows no links, they are found by their own path."""
    if link.exists() or link.is_symlink():
        return
    with suppress(OSError, AttributeError):
        if os.name == "nt":
            import_module("_winapi").CreateJunction(str(folder), str(link))
        else:
            link.symlink_to(folder, target_is_directory=True)


def command(root: Path, *, port: int | None = None, browser: bool = True) -> list[str]:
    """The words that start it, open on the tour."""
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1"]
    words += [f"--LabApp.default_url=/lab/tree/{_FIRST}", "--LabApp.news_url=None"]
    words += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    words += [f"--ServerApp.port={port}"] if port else []
    words += [] if browser else ["--no-browser"]
    return words + (["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])


def become(words: list[str]) -> NoReturn:
    """Be that program from here on; Windows cannot, and waits for it."""
    if os.name == "posix":
        os.execv(words[0], words)
    sys.exit(_waited(words))


def _waited(words: list[str]) -> int:
    with subprocess.Popen(words) as program:  # noqa: S603
        while True:
            try:
                return program.wait()
            except KeyboardInterrupt:
                continue  # it heard that too, and asks whether to end
