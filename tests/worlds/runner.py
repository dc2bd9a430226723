"""Worlds one after another in this process: let happen, judged, told as a story."""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from tests.worlds import road, swift
from tests.worlds.judge import Violation, judge
from tests.worlds.road import Play
from tests.worlds.sky import Sky
from tests.worlds.world import World

_COLLECT_EVERY = 25


@dataclass
class Judged:
    """A world that happened, and what was wrong."""

    world: World
    play: Play
    wrong: list[Violation]

    @property
    def digest(self) -> str:
        """What happened, event for event; the same in every process."""
        return digest(self.play)


@cache
def _sky() -> tuple[Sky, Path]:
    where = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="authops-worlds-", dir=where))
    sky = Sky(home / "tenant")
    road.settle_in(sky)
    gc.collect()
    gc.freeze()
    return sky, home


def tried(world: World) -> Judged:
    """Let a world happen, and judge it."""
    sky, home = _sky()
    swift.begin(world.seed)
    play = road.played(world, sky, home / "world")
    return Judged(world, play, judge(play))


def many(seeds: Iterable[int]) -> Iterator[Judged]:
    """World after world, as they are drawn."""
    yield from tried_all(World.of(seed) for seed in seeds)


def tried_all(worlds: Iterable[World]) -> Iterator[Judged]:
    """World after world; looking for garbage among what stays is a tenth of the time."""
    _sky()
    gc.disable()
    for number, world in enumerate(worlds):
        if number % _COLLECT_EVERY == 0:
            gc.collect()
        yield tried(world)
    gc.enable()


def digest(play: Play) -> str:
    told = hashlib.sha256()
    for exchange in play.exchanges:
        for part in exchange.parts:
            asked = exchange.life.name, part.step, part.method, unquote(part.url), part.value
            told.update(repr((*asked, part.left, part.status, part.said, exchange.back)).encode())
    for effect in play.sky.effects:
        told.update(repr(effect).encode())
    for at, what in play.story:
        told.update(f"{at:.6f} {what}".replace(str(play.home), "").encode())
    told.update(repr([(e.code, e.runbooks, e.counts) for e in play.ended]).encode())
    return told.hexdigest()[:16]


def seeds_of(words: Iterable[str]) -> list[int]:
    """`7`, `1-500`, several of them."""
    found: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
