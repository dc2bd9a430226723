"""What a cell that fails shows: what happened and what to do, in a box each; its traceback is in the log."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from authops.show.views import View, failure, note, notebook_shell, show, text
from authops.words.errors import AuthopsError
from authops.words.redaction import Scanner

_log = logging.getLogger(__name__)
_AS_WRITTEN: Final = (
    "text stands between quotes, a list between brackets; correct that line as those beside it are, and run all again"
)
_ELSE: Final = "where it broke stands {}; correct what it names, and run all again"
_heard: Final[list[Callable[[Any], None]]] = []


class Ended(AuthopsError):
    """This notebook goes no further, and nothing broke: `view` says why, at its head."""

    def __init__(self, view: View) -> None:
        super().__init__(view.plain)
        self.view = view


def in_boxes(at_the_head: Callable[[View], object]) -> None:
    """From now on a cell that fails says so in boxes, and again where `at_the_head` shows it.

    Only in a notebook that a person looks at: a page is drawn from the whole error.
    """
    shell = notebook_shell()
    if shell is None or os.environ.get("AUTHOPS_HEADLESS"):
        return
    shell.set_custom_exc((Exception,), _shown)
    for before in _heard:  # of an earlier run of the same kernel
        with suppress(ValueError):
            shell.events.unregister("post_run_cell", before)
    _heard[:] = [partial(_brought, at_the_head)]
    shell.events.register("post_run_cell", _heard[0])


def _shown(_shell: Any, kind: type[BaseException], error: BaseException, trace: Any, **_: Any) -> None:
    if isinstance(error, Ended):
        show(View(note("The notebook goes no further; why stands at its head."), error.view.plain))
        return
    told, said = "".join(traceback.format_exception(kind, error, trace)), _said(error)
    fold = ""
    if _logs():
        _log.error("%s", told)
    elif not isinstance(error, AuthopsError):
        fold = f"<details><summary>Where it broke</summary><pre>{text(Scanner().text(told))}</pre></details>"
    show(View(failure(kind.__name__, said) + fold, said))


def _brought(at_the_head: Callable[[View], object], result: Any) -> None:
    """Whatever a cell broke of is said where people look first; of a stop by hand they know."""
    error = result.error_in_exec or result.error_before_exec
    if isinstance(error, Ended):
        at_the_head(error.view)
    elif error is not None and not isinstance(error, KeyboardInterrupt):
        said = _said(error)
        at_the_head(View(failure(type(error).__name__, said), said))


def _logs() -> bool:
    """Whether there is a run, and so a log."""
    return bool(logging.getLogger("authops").handlers)


def _said(error: BaseException) -> str:
    if isinstance(error, AuthopsError):
        words = str(error)
    elif isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        words = f"line {error.lineno} of the cell cannot be read, {error.msg}: {line}\n  → {_AS_WRITTEN}"
    elif isinstance(error, NameError) and not _logs():
        words = f"{error}\n  → {_AS_WRITTEN}"
    else:
        words = f"{error}\n  → {_ELSE.format('in log.jsonl, in the run folder' if _logs() else 'below, in its cell')}"
    return Scanner().text(words)
