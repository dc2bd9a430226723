"""How a room offers its modules: each is loaded when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType


def offered(room: str) -> Callable[[str], ModuleType]:
    """A `__getattr__` for the package `room`, through which its modules are found."""

    def load(name: str) -> ModuleType:
        if name.startswith("_") or find_spec(f"{room}.{name}") is None:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return importlib.import_module(f"{room}.{name}")

    return load
