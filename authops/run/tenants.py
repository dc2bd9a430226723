"""A file of tenants → who is to be run, through which connection, as which application; nothing is run here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authops.graph.connection import application, asks_person
from authops.run.runbook import FILES, as_written, is_file
from authops.words import yaml_file
from authops.words.errors import ParameterError
from authops.words.redaction import mask_numbers

_WHERE: Final = "see parameters/tenants.yaml"
_LIMITS: Final = {"at_once": 2, "at_once_per_application": 1}
_OF_A_TENANT: Final = ("connection", "parameters")
_NAME: Final = re.compile(r"\w[\w.-]{0,80}")


@dataclass(frozen=True)
class Tenant:
    """One tenant: its name is its folder's, `connection` a profile's name or absolute path, `application` as whom."""

    name: str
    connection: str
    application: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tenants:
    """All of them, and how many may run at once: in all, and as one application, whose limits Graph counts."""

    all: tuple[Tenant, ...]
    at_once: int
    at_once_per_application: int


def load(path: Path) -> Tenants:
    """The tenants of a YAML file. Raises one `ParameterError` that lists everything wrong.

    A profile that cannot be used is no fault of the file: that tenant's own run will say so.
    """
    content, texts = _read(path), yaml_file.read_texts(path, remedy=_WHERE)
    named = content.get("tenants")
    if not isinstance(named, dict) or not named:
        raise ParameterError(f"{path.name} names no tenants", remedy="write `tenants:` and one name to a line")
    wrong = [f"unknown key {key!r}" for key in content if key not in ("tenants", *_LIMITS)]
    limits = {key: _limit(key, content.get(key, usual), wrong) for key, usual in _LIMITS.items()}
    texts = texts["tenants"]
    said = {name: _written(given, texts.get(name)) for name, given in named.items()}
    found = tuple(_tenant(name, given, path.resolve().parent, wrong) for name, given in said.items())
    folded = [tenant.name.lower() for tenant in found]
    wrong += [f"tenant {name!r} stands there twice" for name in sorted({n for n in folded if folded.count(n) > 1})]
    if wrong:
        raise ParameterError(
            mask_numbers(f"{path.name}: " + "; ".join(wrong)), remedy="nothing was run; see parameters/tenants.yaml"
        )
    return Tenants(found, **limits)


def _read(path: Path) -> dict[str, Any]:
    content = yaml_file.read(path, remedy=_WHERE)
    return content if isinstance(content, dict) else {}


def _written(given: Any, text: Any) -> Any:
    """A tenant whose parameters are texts where they have to be, however they are written."""
    said = text.get("parameters") if isinstance(text, dict) else None
    if not isinstance(given, dict) or not isinstance(given.get("parameters"), dict) or not isinstance(said, dict):
        return given
    return given | {"parameters": as_written(given["parameters"], said)}


def _limit(key: str, value: Any, wrong: list[str]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        wrong.append(f"{key} must be a whole number from 1 on")
        return 1
    return value


def _tenant(name: Any, given: Any, folder: Path, wrong: list[str]) -> Tenant:
    given = given or {}
    if not isinstance(name, str):
        wrong.append(f"tenant {name!r} is no text: put quotes around its name")
        name = str(name)
    if not _NAME.fullmatch(name):
        wrong.append(f"tenant {name!r} must be letters, digits, dot, dash or underscore: its folder is named so")
    if not isinstance(given, dict) or not isinstance(given.get("parameters") or {}, dict):
        wrong.append(f"tenant {name!r} must hold `connection` and `parameters`, or nothing")
        given = {}
    wrong += [f"tenant {name!r} has an unknown key {key!r}" for key in given if key not in _OF_A_TENANT]
    parameters = dict(given.get("parameters") or {})
    if "connection" in parameters:
        wrong.append(f"tenant {name!r}: connection belongs beside `parameters`, not among them")
    files = {key: value for key, value in parameters.items() if key in FILES and is_file(key, value)}
    parameters |= {key: str((folder / value).resolve()) for key, value in files.items()}
    connection = str(given.get("connection") or name)
    if Path(connection).suffix in (".yaml", ".yml"):
        connection = str((folder / connection).resolve())
    if asks_person(connection):
        wrong.append(
            f"tenant {name!r} signs in as a person, and nobody is there to be asked: use a credential of its own"
        )
    return Tenant(name, connection, application(connection), parameters)
