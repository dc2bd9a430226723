"""All kinds there are: each module of this folder that has a `KIND`. Nobody else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Final

import authops.methods
from authops.methods.kind import Kind

# Modules about kinds in general.
_ABOUT_ALL: Final = ("devices", "kind", "kinds", "phones", "reported", "states", "survivors")


def _found() -> Iterable[Kind]:
    for module in pkgutil.iter_modules(authops.methods.__path__):
        if module.name not in _ABOUT_ALL:
            kind = getattr(importlib.import_module(f"authops.methods.{module.name}"), "KIND", None)
            if kind:
                yield kind


# Name → kind, in the order in which one person's adds are written.
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in sorted(_found(), key=lambda kind: kind.order.add)}


def by_id() -> dict[str, str]:
    """Graph's method id → name of the kind."""
    return {kind.method_id: kind.name for kind in KINDS.values() if kind.method_id and not kind.within}


def values() -> list[str]:
    """The kinds that hold a value: a number or an address, in one slot a person."""
    return [name for name, kind in KINDS.items() if kind.family == "value"]


def devices() -> list[str]:
    """The kinds that people register themselves, many a person, and that nobody can give back."""
    return [name for name, kind in KINDS.items() if kind.family == "device"]


def numbers() -> list[str]:
    """The kinds that hold a phone number."""
    return [name for name in values() if not KINDS[name].address]


def addresses() -> list[str]:
    """The kinds that hold an e-mail address."""
    return [name for name in values() if KINDS[name].address]


def places(names: Iterable[str]) -> dict[tuple[str, str], list[Kind]]:
    """Version and segment of Graph's path → the kinds among `names` that are read there, by one request a person."""
    found: dict[tuple[str, str], list[Kind]] = {}
    for name in names:
        found.setdefault(KINDS[name].place, []).append(KINDS[name])
    return found


def reported_phones() -> frozenset[str]:
    """The registration report's names of phones."""
    return frozenset(KINDS[name].report for name in numbers())


def default_names() -> dict[str, str]:
    """The registration report's names of a default method → the kind."""
    return {name: kind.name for kind in KINDS.values() for name in kind.defaults}


def behind(default: str) -> set[str]:
    """The kinds of which one is a person's default method, as beta's word tells."""
    phones = default_names()
    return (
        {phones[default]} if default in phones else {n for n, kind in KINDS.items() if kind.preferred == default != ""}
    )


def markdown() -> str:
    """The kinds as the documentation shows them."""
    said = ("satisfies MFA", "Microsoft stops delivering it", "undone exactly", "secret")
    heads = ("kind", "is", "family", *said, "Graph")
    lines = [heads, ("---",) * len(heads)]
    for kind in KINDS.values():
        flags = ("yes" if flag else "no" for flag in (kind.factor, kind.retires, kind.undone, kind.secret))
        lines.append((f"`{kind.name}`", kind.label, kind.family, *flags, kind.version))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
