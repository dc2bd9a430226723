"""JupyterLab on the notebooks, for whoever sits at this machine: nobody else is served, nobody is asked for news."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

_FIRST: Final = "0_tour.ipynb"


def command(notebooks: Path, *, port: int | None = None, browser: bool = True) -> list[str]:
    """The words that start it, open on the tour."""
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks}", "--ServerApp.ip=127.0.0.1"]
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
