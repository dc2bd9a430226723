"""What every test stands on."""

from __future__ import annotations

import os
import signal
import sys

# Half a second of every process that a test starts, where it would compile all of authops anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure() -> None:
    """Signals that whoever started pytest ignores (nohup, a shell's background) reach the runs that tests start."""
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
