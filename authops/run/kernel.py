"""What happens to a kernel while a run applies: a service manager's SIGTERM, a cell that fails.

Whoever is told is held weakly: a run that nobody uses any more is not kept, and the tenant's lock with it.
"""

from __future__ import annotations

import os
import signal
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from authops.show.views import notebook_shell


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
