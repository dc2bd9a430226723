"""A world as a person reads it: who was there, what was wanted, what went wrong, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.worlds.runner import Judged
from tests.worlds.sky import Effect


def story(judged: Judged) -> str:
    return "\n".join(_lines(judged))


def _lines(judged: Judged) -> Iterator[str]:
    world, play = judged.world, judged.play
    yield f"World {world.seed}: {len(world.people)} people, {len(world.rows)} rows, {len(world.luck)} times bad luck"
    for person in world.people:
        marks = [n for n in ("admin", "eligible", "guest", "disabled", "protected", "signs_in") if getattr(person, n)]
        held = ", ".join([*(f"{slot} {value}" for slot, value in person.has.items()), *person.apps]) or "nothing"
        marked = f" ({', '.join(marks)})" if marks else ""
        yield f"  {person.upn}{marked} has {held}; default {person.default or 'none'}"
    yield from (f"  wanted: {', '.join(row)}" for row in world.rows)
    for name in ("preview", "apply", "assume"):
        yield f"  {name}: {getattr(world, name) or 'as usual'}"
    yield from (f"  luck: {luck}" for luck in world.luck)
    yield "What happened (seconds):"
    told = [*play.story, *_sent(judged), *((e.at, _effect(judged, e)) for e in play.sky.effects)]
    yield from (f"  {at:9.2f}  {what.splitlines()[0][:220]}" for at, what in sorted(told, key=lambda line: line[0]))
    yield "What is wrong:"
    yield from (f"  {wrong.at:9.2f}  {wrong}" for wrong in judged.wrong)
    yield f"Again: .venv/bin/python -m tests.worlds {world.seed} --shrink"


def _sent(judged: Judged) -> Iterator[tuple[float, str]]:
    for exchange in judged.play.exchanges:
        for part in exchange.parts:
            if part.step in ("write", "read", "read back"):
                came = "no answer" if part.status is None else f"HTTP {part.status}"
                shown = "" if part.said is None else f" {part.said or 'nothing there'}"
                what = f"{part.method} {part.slot} {part.value}" if part.step == "write" else part.step
                who = judged.play.who(part.user)
                yield part.left[0], f"{exchange.life.name}: {what.strip()} of {who} → {came}{shown}"


def _effect(judged: Judged, effect: Effect) -> str:
    who = judged.play.who(effect.user)
    return (
        f"the tenant: {effect.slot or 'all'} of {who}: {effect.before or '-'} → {effect.after or '-'}, by {effect.by}"
    )
