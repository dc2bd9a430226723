"""authops: audit, preview and apply sign-in methods of Microsoft Entra ID users, with notebooks in front.

`import authops as ao` is all a notebook needs; each name below is a module, loaded when it is first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "apply",
    "audit_log",
    "breaker",
    "campaign",
    "charts",
    "connection",
    "coverage",
    "directory",
    "errors",
    "explore",
    "export",
    "frames",
    "graph",
    "guards",
    "journal",
    "outcome",
    "phone",
    "pictures",
    "plan",
    "plan_file",
    "profile",
    "protection",
    "quality",
    "report",
    "review",
    "run",
    "scope",
    "snapshot",
    "source",
    "stop_button",
    "trend",
    "undo",
    "verify",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"authops.{name}")
    raise AttributeError(f"module 'authops' has no attribute {name!r}")
