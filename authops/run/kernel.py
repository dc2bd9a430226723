"""What happens to a kernel while a run applies: a service manager's SIGTERM, a cell that fails.

Whoever is told is held weakly: a run that nobody uses any more is not kept, and the tenant's lock with it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from authops.show import head
from authops.show.views import View, failure, note, notebook_shell, show
from authops.words.errors import AuthopsError
from authops.words.redaction import Scanner

_log = logging.getLogger(__name__)


class Ended(AuthopsError):
    """This notebook goes no further, and nothing broke: `view` says why, at its head."""

    def __init__(self, view: View) -> None:
        super().__init__(view.plain)
        self.view = view


def on_sigterm(tell: Callable[[], None]) -> None:
    """Call a run's method at SIGTERM instead of ending; once the run is gone, SIGTERM is again what it was before."""
    if threading.current_thread() is not threading.main_thread():
        return
    method, before = weakref.WeakMethod(tell), signal.getsignal(signal.SIGTERM)

    def heard(number: int, _: object) -> None:
        if run := method():
            run()
        else:
            signal.signal(number, before)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, heard)


def on_failed_cell(tell: Callable[[], None]) -> None:
    """Call a run's method after each cell of a notebook that fails; outside of a notebook there are no cells."""
    shell, method = notebook_shell(), weakref.WeakMethod(tell)
    if shell is None:
        return

    def over(result: Any) -> None:
        if (run := method()) and not result.success:
            run()

    shell.events.register("post_run_cell", over)


def names() -> Mapping[str, Any]:
    """What the cells of this notebook have named so far; nothing outside of one."""
    shell = notebook_shell()
    return {} if shell is None else shell.user_ns


def errors_in_boxes() -> None:
    """From now on a cell that fails with an error of ours says what happened and what to do; the log has the traceback.

    Only in a notebook that a person looks at: a page is drawn from the whole error.
    """
    shell = notebook_shell()
    if shell is not None and not os.environ.get("AUTHOPS_HEADLESS"):
        shell.set_custom_exc((AuthopsError,), _in_boxes)
        with suppress(ValueError):  # of an earlier run of the same kernel
            shell.events.unregister("post_run_cell", _at_the_head)
        shell.events.register("post_run_cell", _at_the_head)


def _in_boxes(_shell: Any, kind: type[BaseException], error: BaseException, trace: Any, **_: Any) -> None:
    if isinstance(error, Ended):
        show(View(note("The notebook goes no further; why stands at its head."), error.view.plain))
        return
    said = Scanner().text(str(error))
    if logging.getLogger("authops").handlers:  # else there is no run yet, and its log would be this page
        _log.error("%s", "".join(traceback.format_exception(kind, error, trace)))
    show(View(failure(kind.__name__, said), said))


def _at_the_head(result: Any) -> None:
    """Whatever a cell broke of is said where people look first; of a stop by hand they know."""
    error = result.error_in_exec or result.error_before_exec
    if isinstance(error, Ended):
        head.over(error.view)
    elif error is not None and not isinstance(error, KeyboardInterrupt):
        said = Scanner().text(str(error))
        head.over(View(failure(type(error).__name__, said), said))
