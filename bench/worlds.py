"""A hundred thousand worlds, a chunk at a time: how many a minute, what went wrong, which bad luck met which step.

    .venv/bin/python -m bench.worlds 1 100000            # goes on where it was, two processes; one line for each chunk
    .venv/bin/python -m bench.worlds --seek 1000001      # worlds with just the bad luck that was never met yet
    .venv/bin/python -m bench.worlds --table             # what was met so far
    .venv/bin/python -m bench.worlds --branches 1 200    # which branches of apply, plan and graph these take (slow)

Each chunk of worlds is a line of `worlds.jsonl` in the folder that `AUTHOPS_WORLDS` names, else the temporary one, with
the commit that it ran on; only lines of the present commit count.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.running import ROOT
from tests.worlds.luck import FAMILIES, HAND_OVER, RUNBOOKS, cells, family, these
from tests.worlds.world import World

_CHUNK = 100
# How many kinds of bad luck a world has in which such as was never met is sought, and how often it is sought.
_AT_ONCE, _ROUNDS = 3, 12
_PROCESSES = int(os.environ.get("AUTHOPS_WORLDS_PROCESSES", "2"))
_KEPT = Path(os.environ.get("AUTHOPS_WORLDS", tempfile.gettempdir())) / "worlds.jsonl"


@cache
def commit() -> str:
    """The package and the worlds as they were when this began: what a figure is true of."""
    asked = ["git", "log", "-1", "--format=%h", "--", "authops", "notebooks", "tests/worlds"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def done() -> list[dict]:
    now = commit()
    lines = _KEPT.read_text().splitlines() if _KEPT.exists() else []
    return [chunk for line in lines if (chunk := json.loads(line))["commit"] == now]


def chunk(worlds: Iterable[World], *, sought: bool) -> dict:
    """In this process: some worlds, and what they met."""
    from tests.worlds.runner import tried_all

    commit_now, worlds = commit(), list(worlds)
    begun, cpu = time.time(), time.process_time()
    met, wrong, exchanges, killed = Counter(), {}, 0, 0
    for judged in tried_all(worlds):
        met.update(judged.play.script.struck)
        exchanges += len(judged.play.exchanges)
        killed += sum(ended.code is None for ended in judged.play.ended)
        if judged.wrong:
            wrong[judged.world.seed] = f"{judged.wrong[0]} {judged.world.luck if sought else ''}"
    return {
        "commit": commit_now, "first": worlds[0].seed, "last": worlds[-1].seed, "count": len(worlds), "sought": sought,
        "seconds": time.time() - begun, "cpu": time.process_time() - cpu, "requests": exchanges, "killed": killed,
        "wrong": wrong, "met": [[*key, count] for key, count in sorted(met.items())],
    }  # fmt: skip


def run(first: int, last: int) -> None:
    """Chunks of drawn worlds that were not yet."""
    known = {one["first"] for one in done() if not one["sought"]}
    starts = [start for start in range(first, last + 1, _CHUNK) if start not in known]
    side_by_side(((World.of(n) for n in range(s, min(s + _CHUNK, last + 1))) for s in starts), sought=False)


def seek(seed: int) -> None:
    """Worlds whose only bad luck is what was never met: another round for what is still not."""
    for number in range(_ROUNDS):
        empty = unmet()
        if not empty:
            return
        print(f"round {number + 1}: {len(empty):,} cells were never met", flush=True)
        worlds = list(_seeking(empty, seed))
        side_by_side((worlds[n : n + _CHUNK] for n in range(0, len(worlds), _CHUNK)), sought=True)
        seed = worlds[-1].seed + 1


def _seeking(empty: list[tuple[str, str, str]], seed: int) -> Iterator[World]:
    dice = random.Random(f"sought from {seed}")
    waiting = dice.sample(empty, len(empty))
    for _ in range(4 * len(empty)):
        world = World.of(seed)
        books = (world.book, "apply", "verify", "undo")
        fits = [c for c in waiting if c[1] in books and (world.about == "passes" or c[2] not in (*HAND_OVER, "risk"))]
        if found := [*{cell[1:]: cell for cell in fits}.values()][:_AT_ONCE]:
            waiting = [cell for cell in waiting if cell not in found]
            undo = any(book == "undo" for _, book, _ in found)
            yield replace(world, luck=these(dice, found), undo=undo, undo_early=False)
        seed += 1


def side_by_side(chunks: Iterable[Iterable[World]], *, sought: bool) -> None:
    """Chunks, each in a process of its own, and kept as it ends."""
    import tests.worlds.runner  # noqa: F401 - what is heavy is read once, for all chunks

    waiting, running = iter(chunks), list[int]()
    while (worlds := next(waiting, None)) is not None or running:
        if worlds is not None:
            if child := os.fork():
                running.append(child)
            else:
                told = chunk(worlds, sought=sought)
                with _KEPT.open("a") as file:
                    file.write(json.dumps(told) + "\n")
                print(f"{told['first']}-{told['last']}: {told['cpu']:.0f} s of CPU, wrong: {told['wrong']}", flush=True)
                os._exit(0)
        if len(running) == _PROCESSES or worlds is None:
            running.remove(os.waitpid(-1, 0)[0])


def _met(chunks: Iterable[dict]) -> Counter:
    found = Counter()
    for one in chunks:
        found.update({(kind, book, step): times for kind, book, step, times in one["met"]})
    return found


def unmet() -> list[tuple[str, str, str]]:
    met = _met(done())
    return sorted(cell for cell, reason in cells().items() if not reason and not met[cell])


def table() -> None:
    """What was met, by kind and step; cells that could happen and did not."""
    chunks = done()
    why = cells()
    could = {cell for cell, reason in why.items() if not reason}
    for sought, name in ((False, "drawn"), (True, "sought")):
        these_ = [one for one in chunks if one["sought"] == sought]
        count, cpu, met = sum(c["count"] for c in these_), sum(c["cpu"] for c in these_), _met(these_)
        print(f"{count:,} worlds {name} of commit {commit()}: {cpu / max(count, 1) * 1000:.0f} ms of CPU each,")
        print(f"  {met.total():,} strokes, {sum(c['requests'] for c in these_):,} requests,", end=" ")
        print(f"{sum(c['killed'] for c in these_):,} kills, {len(could & set(met)):,} of {len(could):,} cells met,")
        print(f"  wrong: {[w for c in these_ for w in c['wrong'].items()]}")
    met = set(_met(chunks))
    print(f"all: {len(could & met):,} of {len(could):,} cells (kind of bad luck × step of a runbook) were met")
    for name in FAMILIES:
        mine = {book: [c for c in could if c[1] == book and family(c[0]) == name] for book in RUNBOOKS}
        said = (f"{book} {len(met & set(all_))} of {len(all_)}" for book, all_ in mine.items() if all_)
        print(f"  {name}: {' · '.join(said)}")
    for book in RUNBOOKS:
        empty = ", ".join(f"{kind} at {step}" for kind, b, step in unmet() if b == book)
        print(f"  not met in {book}: {empty or 'none'}")
    print(f"  {len(why) - len(could):,} cells cannot be:")
    for reason, times in Counter(reason for reason in why.values() if reason).most_common():
        print(f"    {times:,}: {reason}")


def branches(first: int, last: int) -> None:
    """Which branches of the rooms that decide and write these worlds take."""
    from bench import branches as of
    from tests.worlds.runner import many

    folders = tuple(ROOT / "authops" / room for room in ("apply", "plan", "graph"))
    with of.taken(folders) as steps:
        count = sum(1 for _ in many(range(first, last + 1)))
    print(f"branches taken in {count:,} worlds ({first}-{last}):")
    for folder in folders:
        all_there = {path: of.branches(path) for path in sorted(folder.glob("*.py"))}
        there = set().union(*all_there.values())
        print(f"  {folder.name}: {len(there & steps):,} of {len(there):,}")
        for path, mine in all_there.items():
            if left := sorted({line for _, line, _ in mine - steps}):
                print(
                    f"    {path.stem} {len(mine & steps)} of {len(mine)}; not all of lines {', '.join(map(str, left))}"
                )


def main(words: list[str]) -> None:
    if words[0] == "--table":
        table()
    elif words[0] == "--seek":
        seek(int(words[1]))
        table()
    elif words[0] == "--branches":
        branches(int(words[1]), int(words[2]))
    else:
        run(int(words[0]), int(words[1]))
        table()


if __name__ == "__main__":
    main(sys.argv[1:])
