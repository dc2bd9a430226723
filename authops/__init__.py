"""authops: audit, preview and apply sign-in methods of Microsoft Entra ID users, with notebooks in front.

`import authops as ao` is all a notebook needs; each name below is a room, and each room's modules are loaded when they
are first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "apply",
    "audit",
    "campaign",
    "graph",
    "handover",
    "methods",
    "phone",
    "plan",
    "run",
    "show",
    "source",
    "tenant",
    "words",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"authops.{name}")
    raise AttributeError(f"module 'authops' has no attribute {name!r}")
