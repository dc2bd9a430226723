"""How a room offers what lives there: each module is loaded when something of it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, str] = MappingProxyType({})


def offered(room: str, names: Mapping[str, str] = _NOTHING) -> Callable[[str], Any]:
    """A `__getattr__` for the package `room`: its modules, and of these what notebooks call by its own name.

    `names`: module → names of it, separated by spaces.
    """
    where = {name: module for module, said in names.items() for name in said.split()}

    def load(name: str) -> Any:
        if name in where:
            return getattr(importlib.import_module(f"{room}.{where[name]}"), name)
        if name.startswith("_") or find_spec(f"{room}.{name}") is None:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return importlib.import_module(f"{room}.{name}")

    return load
