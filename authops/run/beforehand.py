"""What can be told before a kernel starts: a file or a connection that is not there, an apply without a plan.

The notebooks refuse the same, some seconds later and with a run folder that nobody needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from authops.graph import profile
from authops.run import runbook
from authops.source import mapping
from authops.words.errors import ParameterError, PlanError, SourceError

_READ: Final = ("source", "scope_file", "prices")
# Runbook → what it needs in its run folder, and which runbooks leave that there.
_NEEDS: Final = {
    "apply": ("plan.json", ("preview", "undo", "passes", "cleanup")),
    "verify": ("journal.sqlite", ("apply",)),
}
_FIRST: Final = {
    "apply": "run preview first: authops run preview apply …; or go on in its folder: --run-dir RUN",
    "verify": "apply first: authops run apply verify …; or go on in its folder: --run-dir RUN",
}

_SEALED: Final = "name another hand_over (files, workbook, webhook), or run 3_apply in JupyterLab: authops lab"


def check(runbooks: Sequence[str], parameters: Mapping[str, Mapping[str, Any]], folder: Path | None) -> None:
    """Raises `ConnectionProfileError`, `SourceError`, `ParameterError`, `PlanError` for what cannot go well."""
    for connection in dict.fromkeys(str(given["connection"]) for given in parameters.values() if "connection" in given):
        _connection(connection)
    for given in parameters.values():
        for name in _READ:
            _file(name, str(given.get(name, "")))
        if given.get("mapping"):
            mapping.load(str(given["mapping"]))
        if given.get("hand_over") == "screen":
            raise ParameterError("nobody sits before a headless run, so no code can be shown", remedy=_SEALED)
    for number, name in enumerate(runbooks):
        if name in _NEEDS:
            _needed(name, runbooks[:number], folder)


def _connection(name: str) -> None:
    path = profile.find(name)
    content = profile.read(path)
    if content.get("cloud") != "demo":
        profile.checked(content, path)


def _file(name: str, text: str) -> None:
    if not text or not runbook.is_file(name, text):
        return
    if Path(text).is_dir():
        return  # which file of it was meant, the runbook's own words ask
    try:
        with open(text, "rb"):
            return
    except OSError as error:
        kind = SourceError if name == "source" else ParameterError
        raise kind(f"{text} cannot be read: {error.strerror}", remedy=f"check parameter `{name}`") from None


def _needed(name: str, before: Sequence[str], folder: Path | None) -> None:
    needed, made_by = _NEEDS[name]
    if set(made_by) & set(before) or (folder is not None and (folder / needed).exists()):
        return
    where = f"{folder} holds no" if folder else "a new run folder holds no"
    raise PlanError(f"{where} {'plan' if name == 'apply' else 'journal'}", remedy=_FIRST[name])
