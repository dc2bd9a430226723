"""What will work on this machine with this connection, and what to ask the administrator for; on one screen.

Reads only: one token, three small requests. Exit codes: 0 all well · 1 something does not work · 3 look at something.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from authops.graph import connection as connections
from authops.graph import requests
from authops.graph.answer import NO_PREMIUM, Request
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.run import outcome, permissions
from authops.tenant import directory
from authops.words import disk
from authops.words.errors import AuthopsError, GraphError
from authops.words.redaction import Scanner

OK, LOOK, BAD, UNKNOWN = "ok", "look", "bad", "unknown"
_SIGNS: Final = {OK: "✓", LOOK: "!", BAD: "✗", UNKNOWN: "?"}
_PYTHON: Final = ((3, 11), (3, 14))
_LITTLE, _MUCH_TOO_LITTLE = 2 << 30, 200 << 20
_DAYS: Final = 30
_SKEW: Final = {LOOK: timedelta(seconds=60), BAD: timedelta(seconds=300)}
_PATIENCE: Final = 30.0
_WIDE: Final = 110
_PLANS: Final = {"AAD_PREMIUM": "P1", "AAD_PREMIUM_P2": "P2"}
_PHONES: Final = ("Sms", "Voice")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is ok, look, bad or unknown; `ask` is what to do about it."""

    check: str
    state: str
    said: str
    ask: str = ""


@dataclass(frozen=True)
class Ability:
    """What a runbook can do with the permissions granted: `state` ok, look (partly), bad (not at all), unknown."""

    runbook: str
    state: str
    lacking: tuple[permissions.Need, ...] = ()
    also: tuple[str, ...] = ()


@dataclass
class Examination:
    """Everything that was found about one connection."""

    connection: Connection
    findings: list[Finding] = field(default_factory=list)
    abilities: list[Ability] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something does not work, 3 something to look at."""
        states = {found.state for found in self.findings} | {ability.state for ability in self.abilities}
        return 1 if BAD in states else 3 if states & {LOOK} else 0

    @property
    def asks(self) -> dict[str, list[str]]:
        """Permission → why, for the administrator."""
        found: dict[str, list[str]] = {}
        for ability in self.abilities:
            for need in ability.lacking:
                found.setdefault(need.ask, []).append(f"{ability.runbook}: {need.what}")
        return found

    def json(self) -> dict[str, Any]:
        """The same for a program."""
        c = self.connection
        who = {"connection": c.name, "cloud": c.cloud, "tenant_id": c.tenant_id, "client_id": c.client_id}
        asked = [
            {"permission": name, "role_id": permissions.ROLE_IDS.get(name, ""), "for": why}
            for name, why in self.asks.items()
        ]
        return {
            **who,
            "exit_code": self.exit_code,
            "checks": [asdict(found) for found in self.findings],
            "runbooks": [
                {"runbook": a.runbook, "state": a.state, "lacking": [n.what for n in a.lacking], "also": list(a.also)}
                for a in self.abilities
            ],
            "ask_for": asked,
        }


def examine(
    connection: Connection, runbooks: Sequence[str], folders: Mapping[str, Path], *, now: datetime
) -> Examination:
    """Look at the machine, then at Entra, then at Graph, as far as each lets us."""
    seen = Examination(connection)
    seen.findings += _looked("versions", _packages)
    for name, path in folders.items():
        seen.findings += _looked(name, partial(_folder, name, path))
    seen.findings += _looked("certificate", partial(_certificate, connection))
    seen.findings += _looked("private key", partial(_key, connection))
    seen.findings += _looked("clock", partial(_clock, connection, now))
    claims: dict[str, Any] = {}

    def signed_in() -> Finding:
        claims.update(connections.sign_in(connection))
        return _signed_in(connection, claims)

    seen.findings += _looked("sign-in", signed_in)
    if seen.findings[-1].state == BAD:
        seen.abilities = [Ability(name, UNKNOWN) for name in runbooks]
        return seen
    tenant = _looked("tenant", lambda: asyncio.run(_tenant(connection)))
    seen.findings += tenant
    seen.abilities = [_ability(name, claims, tenant) for name in runbooks]
    return seen


def _looked(check: str, look: Callable[[], Finding | list[Finding]]) -> list[Finding]:
    """What a look found; whatever goes wrong in it is found as well, and keeps no other from being made."""
    try:
        found = look()
        return found if isinstance(found, list) else [found]
    except AuthopsError as error:
        return [Finding(check, BAD, error.message, error.remedy)]
    except Exception as error:
        said = f"cannot be looked at: {type(error).__name__}: {error}"
        return [
            Finding(check, BAD, Scanner().text(said), "correct what it names; if it names nothing of yours, report it")
        ]


def _packages() -> Finding:
    found = outcome.versions()
    said = " · ".join(f"{name} {version}" for name, version in found.items())
    gone = [name for name, version in found.items() if version == "not installed"]
    if gone or not _PYTHON[0] <= sys.version_info[:2] < _PYTHON[1]:
        return Finding("versions", BAD, said, "install authops anew, with Python 3.11 to 3.13")
    return Finding("versions", OK, f"{said} · {platform.system()}")


def _folder(name: str, path: Path) -> Finding:
    """Whether there is room and whether we may write."""
    try:
        disk.make(path)
        with tempfile.TemporaryFile(dir=path):
            free = shutil.disk_usage(path).free
    except OSError as error:
        return Finding(name, BAD, f"{path}: {error.strerror}", "let this account write there, or name another folder")
    said = f"{free / (1 << 30):,.1f} GB free in {path}"
    state = BAD if free < _MUCH_TOO_LITTLE else LOOK if free < _LITTLE else OK
    return Finding(name, state, said, "" if state == OK else "make room: authops prune, or another disk")


def _certificate(connection: Connection) -> Finding:
    try:
        days = connections.certificate_days(connection)
    except AuthopsError as error:
        return Finding("certificate", BAD, error.message, error.remedy)
    if days is None:
        return Finding("certificate", OK, f"none is needed: {connection.credential}")
    renew = "make a new one and register it with the application before this one ends"
    said = f"expires in {days:,.0f} days" if days >= 0 else f"expired {-days:,.0f} days ago"
    state = BAD if days < 0 else LOOK if days < _DAYS else OK
    return Finding("certificate", state, said, "" if state == OK else renew)


def _key(connection: Connection) -> Finding:
    seen = connections.key_seen_by_others(connection)
    if not connection.certificate_path:
        return Finding("private key", OK, "none on this machine")
    if platform.system() == "Windows":
        return Finding("private key", UNKNOWN, f"{connection.certificate_path}: look at its permissions by hand")
    return Finding(
        "private key",
        BAD if seen else OK,
        seen or "usable by its owner only",
        connections.key_remedy(connection) if seen else "",
    )


def _clock(connection: Connection, now: datetime) -> Finding:
    try:
        skew = abs(connections.server_time(connection) - now)
    except AuthopsError as error:
        return Finding("clock", UNKNOWN, error.message, error.remedy)
    state = BAD if skew > _SKEW[BAD] else LOOK if skew > _SKEW[LOOK] else OK
    said = f"{skew.total_seconds():.0f} s away from Entra's"
    return Finding("clock", state, said, "" if state == OK else "set this machine's clock; a sign-in allows 5 minutes")


def _signed_in(connection: Connection, claims: Mapping[str, Any]) -> Finding:
    tenant = str(claims.get("tid") or connection.tenant_id)
    said = f"application {claims.get('appid') or connection.client_id}, tenant {tenant}"
    if permissions.granted(claims) is None:
        return Finding("sign-in", LOOK, f"{said}; the token names no permissions", "grant some, with admin consent")
    return Finding("sign-in", OK, said)


async def _tenant(connection: Connection) -> list[Finding]:
    async with Graph.connect(connection) as graph:
        return [await _name(graph), await _licence(graph), await _policy(graph)]


async def _read(graph: Graph, request: Request) -> dict[str, Any]:
    """One answer, within a person's patience. Raises `GraphError`."""
    try:
        return await asyncio.wait_for(graph.page(request), _PATIENCE)
    except TimeoutError:
        raise GraphError(f"no answer within {_PATIENCE:.0f} s", request=str(request)) from None


async def _name(graph: Graph) -> Finding:
    try:
        found = (await _read(graph, requests.organization())).get("value") or [{}]
    except GraphError as error:
        if error.status == 403:
            return Finding("tenant", OK, "reached; its name may not be read, which nothing needs")
        return Finding("tenant", BAD, f"Graph does not answer: {error.message}", error.remedy)
    return Finding("tenant", OK, f"{found[0].get('displayName')}")


async def _licence(graph: Graph) -> Finding:
    """From what the tenant subscribed to, else from whether the report answers."""
    try:
        return _subscribed(await _read(graph, requests.subscribed_skus()))
    except GraphError as error:
        if error.status != 403:
            return Finding("licence", UNKNOWN, error.message)
    try:
        await _read(graph, requests.one_registration())
    except GraphError as error:
        if NO_PREMIUM in error.code:
            return Finding("licence", LOOK, *_NO_LICENCE)
        ask = f"{permissions.LICENCES.ask} would tell" if error.status == 403 else ""
        return Finding("licence", UNKNOWN, "neither the subscriptions nor the registration report may be read", ask)
    return Finding("licence", OK, "P1 or P2: the registration report answers")


_NO_LICENCE: Final = (
    "neither Entra ID P1 nor P2",
    "the registration report needs P1 or P2; without it no audit, no campaign, default methods are not known, and "
    "the retirement reads everybody one by one",
)


def _subscribed(body: Mapping[str, Any]) -> Finding:
    skus = [sku for sku in body.get("value", []) if sku.get("capabilityStatus") in ("Enabled", "Warning")]
    plans = {plan.get("servicePlanName") for sku in skus for plan in sku.get("servicePlans", [])}
    found = [name for plan, name in _PLANS.items() if plan in plans]
    return (
        Finding("licence", OK, f"Entra ID {' and '.join(found)}") if found else Finding("licence", LOOK, *_NO_LICENCE)
    )


async def _policy(graph: Graph) -> Finding:
    try:
        policy = await asyncio.wait_for(directory.methods_policy(graph), _PATIENCE)
    except (GraphError, TimeoutError) as error:
        said = error.message if isinstance(error, GraphError) else f"no answer within {_PATIENCE:.0f} s"
        return Finding("policy", UNKNOWN, f"cannot be read: {said}")
    on = [name for name, configuration in policy.items() if configuration.get("state") == "enabled"]
    off = [name for name in policy if name not in on]
    said = f"on: {', '.join(on) or 'nothing'}" + (f"; off: {', '.join(off)}" if off else "")
    if policy and not set(_PHONES) & set(on):
        return Finding("policy", LOOK, said, "phones can be written, and nobody may use them; preview holds them back")
    return Finding("policy", OK, said)


def _ability(runbook: str, claims: Mapping[str, Any], tenant: Sequence[Finding]) -> Ability:
    allowed = permissions.granted(claims)
    if allowed is None:
        return Ability(runbook, UNKNOWN)
    lacking = tuple(permissions.missing(runbook, allowed))
    report = [need for need in permissions.NEEDS[runbook] if need.what == permissions.REPORT.what]
    unlicensed = report if any(found.said == _NO_LICENCE[0] for found in tenant) else []
    also = (_NO_LICENCE[0],) if unlicensed else ()
    needed = (*lacking, *unlicensed)
    state = BAD if any(not need.without for need in needed) else LOOK if needed else OK
    return Ability(runbook, state, lacking, also)


def screen(seen: Examination) -> str:
    """All of it, on one screen."""
    c = seen.connection
    lines = [f"connection {c.name} ({c.cloud}) · tenant {c.tenant_id} · {c.credential}", ""]
    for found in seen.findings:
        lines += _wrapped(f"{_SIGNS[found.state]} {found.check:<14}", found.said)
        lines += _wrapped(" " * 16, f"→ {found.ask}") if found.ask and found.state != OK else []
    lines += ["", *(line for ability in seen.abilities for line in _lines(ability))]
    if seen.asks:
        lines += ["", "Ask the administrator for these application permissions, with admin consent:"]
        lines += [line for name, why in seen.asks.items() for line in _wrapped(f"  {name:<40}", "; ".join(why))]
    return "\n".join(lines)


def _wrapped(lead: str, words: str) -> list[str]:
    return textwrap.wrap(words, _WIDE, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False)


def _lines(ability: Ability) -> list[str]:
    words = {OK: "works", LOOK: "works, but", BAD: "does not work:", UNKNOWN: "not known"}[ability.state]
    why = [*ability.also, *(need.without or f"cannot {need.what}" for need in ability.lacking)]
    return _wrapped(f"{_SIGNS[ability.state]} {ability.runbook:<14}", f"{words} {'; '.join(why)}".rstrip())


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)
