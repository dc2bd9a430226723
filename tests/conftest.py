"""What every test stands on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("authops", deadline=None)  # how long a case takes says something of the machine only
settings.load_profile("authops")
TESTS: Final = Path(__file__).parent
# What starts a kernel, a browser or another program, or walks through very many cases: `make quick` leaves it out.
SLOW: Final = (
    "notebooks",
    "browser",
    "schedule",
    "run/test_lab.py",
    "apply/test_kills.py",
    "house/test_wheel.py",
    "contract/test_sdk.py",
)
# Half a second of every process that a test starts, where it would compile all of authops anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure() -> None:
    """Signals that whoever started pytest ignores (nohup, a shell's background) reach the runs that tests start."""
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark those that a person does not wait for while writing; they begin, so that no long file is left at the end."""
    places = {path: path.relative_to(TESTS).as_posix() for path in {item.path for item in items}}
    slow = {path for path, place in places.items() if place.startswith(SLOW)}
    for item in items:
        if item.path in slow:
            item.add_marker("slow")
    items.sort(key=lambda item: item.path not in slow)
