"""Putting one demo tenant together: home folder, population, clock, weather, login, application."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import json
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from authops.demo.faults.weather import Weather
from authops.demo.login import certificates, permissions
from authops.demo.login.assertion import Registration
from authops.demo.login.assertion import certificates as load
from authops.demo.login.endpoint import Login
from authops.demo.login.federation import Federation
from authops.demo.methods import policy
from authops.demo.wire.app import create_app
from authops.demo.wire.residents import Residents
from authops.demo.world import people, population
from authops.demo.world.assumptions import Assumptions
from authops.demo.world.groups import Memberships
from authops.demo.world.store import Store
from authops.demo.world.tenant import Tenant, revive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.applications import Starlette

USERS = 500
# So few are remembered as they were on the first day: whoever tries or tests something begins anew often.
_FEW: Final = 1000


@dataclass(slots=True)
class World:
    """One demo tenant, ready to answer."""

    home: Path
    tenant: Tenant
    login: Login
    weather: Weather
    app: Starlette


def stamp() -> str:
    """Return the time as Graph writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def build(
    home: Path,
    roots: tuple[str, ...] = ("https://demo.localhost",),
    *,
    users: int | None = None,
    seed: int | None = None,
    population: str | None = None,
    granted: tuple[str, ...] = permissions.DEFAULT,
    assume: dict[str, str] | None = None,
    weather: dict[str, Any] | None = None,
    stop: Callable[[], None] | None = None,
) -> World:
    """Return the demo tenant of `home`: as it was left, or newly populated when it is new."""
    certificates.prepare(home, dt.datetime.now(dt.UTC))
    store, sky = Store(home / "tenant.sqlite"), Weather(**(weather or {}))
    with _undisturbed():
        _populate(store, users, seed, population)
        stored = _stored(store)
    clock: dict[str, Any] = {"now": time.monotonic, "stamp": stamp, "lag": lambda: sky.settings.lag}
    tenant = Tenant(store.meta(), stored, assume=Assumptions(assume), store=store, **clock)

    def reset(users: int | None = None, seed: int | None = None) -> None:
        known = tenant.meta
        _fill(store, known["users"] if users is None else users, known["seed"] if seed is None else seed, known)
        tenant.meta = store.meta()
        tenant.populate(_stored(store))

    memberships = Memberships(tenant)
    login = _login(home, Residents(tenant, memberships), roots, granted)
    return World(home, tenant, login, sky, create_app(tenant, memberships, login, sky, reset=reset, stop=stop))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Make many objects that stay: looking for garbage among two hundred thousand people is most of the time."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _populate(store: Store, users: int | None, seed: int | None, year: str | None) -> None:
    known = store.meta()
    if not known:
        # Two tenants of the same people are two tenants.
        first = {"population": year or population.YEARS[0], "tenant_id": str(uuid.uuid4())}
        _fill(store, USERS if users is None else users, people.SEED if seed is None else seed, first)
    elif year not in (None, known.get("population", population.YEARS[0])):
        raise ValueError(f"this home holds the people of {known['population']}; leave population out, or take another")
    elif users not in (None, known["users"]) or seed not in (None, known["seed"]):
        held = f"{known['users']} users from seed {known['seed']}"
        raise ValueError(f"this home already holds {held}; leave users and seed out, or take another home")


def _fill(store: Store, users: int, seed: int, identity: dict[str, Any]) -> None:
    year = str(identity.get("population", population.YEARS[0]))
    facts, crowd = _remembered(users, seed, year) if users <= _FEW else _first_day(users, seed, year)
    # The app registration outlives a reset: a client keeps its connection.
    kept: dict[str, Any] = {key: identity[key] for key in ("tenant_id", "client_id") if key in identity}
    store.replace({**facts, **kept}, crowd)


def _first_day(users: int, seed: int, year: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """(facts, people as they are stored): the same for the same three."""
    facts, crowd = people.generate(users, seed)
    facts |= {"population": year}
    if changed := population.policy(year, policy.defaults(str(seed)), str(seed)):
        facts["policy"] = changed
    return facts, [(user.id, json.dumps(user.document())) for user in population.of(year, crowd, seed)]


_remembered = lru_cache(maxsize=4)(_first_day)


def _stored(store: Store) -> list[Any]:
    return sorted((revive(document) for document in store.users()), key=lambda u: str(u.id))


def _rsa(path: Path) -> RSAPrivateKey:
    # Our own key: proving its primes anew is a tenth of a second of every start.
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{path.name} must hold an RSA key")
    return key


def _login(home: Path, residents: Residents, roots: tuple[str, ...], granted: tuple[str, ...]) -> Login:
    key, issuer = _rsa(home / "signing.pem"), Federation(_rsa(home / "federation.pem"))
    known = load(path.read_bytes() for path in certificates.client_files(home))
    facts = residents.tenant.meta
    identity = (facts["tenant_id"], facts["client_id"])
    registered = Registration(*identity, known, granted, tuple(facts["domains"]), federation=issuer)
    return Login(registered, key, roots, time.time, residents)
