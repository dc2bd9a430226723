"""All kinds there are: each module of this folder that has a `KIND`. Nobody else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Final

import authops.methods
from authops.methods.kind import Kind


def _found() -> Iterable[Kind]:
    for module in pkgutil.iter_modules(authops.methods.__path__):
        if module.name not in ("kind", "kinds"):
            kind = getattr(importlib.import_module(f"authops.methods.{module.name}"), "KIND", None)
            if kind:
                yield kind


# Name → kind, in the order in which one person's adds are written.
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in sorted(_found(), key=lambda kind: kind.order.add)}


def named(name: str) -> Kind | None:
    """The kind of that name, if there is one."""
    return KINDS.get(name)


def by_id() -> dict[str, str]:
    """Graph's method id → name of the kind."""
    return {kind.method_id: kind.name for kind in KINDS.values()}


def of(items_from: Iterable[str], *, address: bool) -> list[str]:
    """Those of these names that are e-mail addresses, or those that are not."""
    return [name for name in items_from if name in KINDS and KINDS[name].address == address]


def numbers() -> list[str]:
    """The kinds that hold a phone number."""
    return of(KINDS, address=False)


def collections(names: Iterable[str]) -> dict[str, list[Kind]]:
    """Segment of Graph's path → the kinds among `names` that are read there, with one request a person."""
    found: dict[str, list[Kind]] = {}
    for name in names:
        found.setdefault(KINDS[name].collection, []).append(KINDS[name])
    return found


def reported_phones() -> frozenset[str]:
    """The registration report's names of phones."""
    return frozenset(KINDS[name].report for name in numbers())


def default_names() -> dict[str, str]:
    """The registration report's names of a default method → the kind."""
    return {name: kind.name for kind in KINDS.values() for name in kind.defaults}
