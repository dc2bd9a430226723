"""The smallest world in which the same is still wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.worlds.runner import Judged, tried
from tests.worlds.world import World


def shrunk(judged: Judged) -> Judged:
    """Take away whatever is not needed for the first rule that was broken."""
    rule, best = judged.wrong[0].rule, judged
    smaller = True
    while smaller:
        smaller = False
        for world in _less(best.world):
            found = tried(world)
            wrong = [one for one in found.wrong if one.rule == rule]
            if wrong:
                best, smaller = Judged(world, found.play, wrong), True
                break
    return best


def _less(world: World) -> Iterator[World]:
    """Worlds with something less, the largest steps first."""
    yield from _fewer_people(world)
    yield from _less_luck(world)
    yield from _fewer_rows(world)
    yield from _plainer(world)


def _fewer_people(world: World) -> Iterator[World]:
    people = world.people
    if len(people) > 1:
        half = len(people) // 2
        for part in (people[:half], people[half:], *(people[:n] + people[n + 1 :] for n in range(len(people)))):
            yield _only(world, part)


def _less_luck(world: World) -> Iterator[World]:
    luck = world.luck
    half = len(luck) // 2
    for part in (luck[:half], luck[half:], *(luck[:n] + luck[n + 1 :] for n in range(len(luck)))):
        if len(part) < len(luck):
            yield replace(world, luck=part)
    for n, one in enumerate(luck):
        for name in ("times", "nth"):
            if getattr(one, name) > 1:
                yield replace(world, luck=(*luck[:n], replace(one, **{name: 1}), *luck[n + 1 :]))


def _fewer_rows(world: World) -> Iterator[World]:
    rows = world.rows
    for n, row in enumerate(rows):
        if len(rows) > 1:
            yield replace(world, rows=rows[:n] + rows[n + 1 :])
        for column in (column for column in range(1, 5) if row[column]):
            yield replace(world, rows=(*rows[:n], (*row[:column], "", *row[column + 1 :]), *rows[n + 1 :]))


def _plainer(world: World) -> Iterator[World]:
    for name, plain in (("undo", False), ("undo_early", False), ("resumes", 0), ("assume", {}), ("apply", {})):
        if getattr(world, name) != plain:
            yield replace(world, **{name: plain})
    for key in world.preview:
        yield replace(world, preview={k: v for k, v in world.preview.items() if k != key})


def _only(world: World, people: tuple) -> World:
    gone = {p.upn for p in world.people} - {p.upn for p in people} | {p.id for p in world.people} - {
        p.id for p in people
    }
    return replace(world, people=people, rows=tuple(row for row in world.rows if row[0].lower() not in gone))
