"""A hundred thousand worlds, a chunk at a time: how many a minute, what went wrong, which bad luck met which step.

    .venv/bin/python -m bench.worlds 1 100000            # goes on where it was, two processes; one line for each chunk
    .venv/bin/python -m bench.worlds --table             # what was met so far
    .venv/bin/python -m bench.worlds --branches 1 200    # which branches of apply, plan and graph these take (slow)

Each chunk of worlds is a line of `worlds.jsonl` in the folder that `AUTHOPS_WORLDS` names, else the temporary one, with
the commit that it ran on; only lines of the present commit count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.running import ROOT
from tests.worlds.luck import RUNBOOKS, cells

_CHUNK = 100
_PROCESSES = int(os.environ.get("AUTHOPS_WORLDS_PROCESSES", "2"))
_KEPT = Path(os.environ.get("AUTHOPS_WORLDS", tempfile.gettempdir())) / "worlds.jsonl"


def commit() -> str:
    """The package and the worlds as they are: what a figure is true of."""
    asked = ["git", "log", "-1", "--format=%h", "--", "authops", "notebooks", "tests/worlds"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def done() -> list[dict]:
    now = commit()
    lines = _KEPT.read_text().splitlines() if _KEPT.exists() else []
    return [chunk for line in lines if (chunk := json.loads(line))["commit"] == now]


def chunk(first: int, last: int) -> dict:
    """In this process: the worlds of a chunk, and what they met."""
    from tests.worlds.runner import many

    commit_now = commit()
    begun, cpu = time.time(), time.process_time()
    met, wrong, exchanges, killed = Counter(), {}, 0, 0
    for judged in many(range(first, last + 1)):
        met.update(judged.play.script.struck)
        exchanges += len(judged.play.exchanges)
        killed += sum(ended.code is None for ended in judged.play.ended)
        if judged.wrong:
            wrong[judged.world.seed] = str(judged.wrong[0])
    return {
        "commit": commit_now, "first": first, "last": last, "seconds": time.time() - begun,
        "cpu": time.process_time() - cpu, "requests": exchanges, "killed": killed, "wrong": wrong,
        "met": [[*key, count] for key, count in sorted(met.items())],
    }  # fmt: skip


def run(first: int, last: int) -> None:
    """Chunks side by side, each kept as it ends."""
    import tests.worlds.runner  # noqa: F401 - what is heavy is read once, for all chunks

    known = {one["first"] for one in done()}
    waiting = [start for start in range(first, last + 1, _CHUNK) if start not in known]
    running: list[int] = []
    while waiting or running:
        if waiting and len(running) < _PROCESSES:
            start = waiting.pop(0)
            if child := os.fork():
                running.append(child)
                continue
            told = chunk(start, min(start + _CHUNK - 1, last))
            with _KEPT.open("a") as file:
                file.write(json.dumps(told) + "\n")
            print(f"{told['first']}-{told['last']}: {told['cpu']:.0f} s of CPU, wrong: {told['wrong']}", flush=True)
            os._exit(0)
        running.remove(os.waitpid(-1, 0)[0])


def table() -> None:
    """What was met, by kind and step; cells that could happen and did not."""
    chunks = done()
    count, cpu = sum(c["last"] - c["first"] + 1 for c in chunks), sum(c["cpu"] for c in chunks)
    met = Counter()
    for one in chunks:
        for kind, runbook, step, times in one["met"]:
            met[kind, runbook, step] += times
    why = cells()
    could = {cell for cell, reason in why.items() if not reason}
    empty, each = sorted(could - set(met)), cpu / max(count, 1) * 1000
    print(f"{count:,} worlds of commit {commit()}: {each:.0f} ms of CPU each, {met.total():,} strokes,")
    print(f"  {sum(c['requests'] for c in chunks):,} requests, {sum(c['killed'] for c in chunks):,} kills,")
    print(f"  wrong: {[w for c in chunks for w in c['wrong'].items()]}")
    print(f"  {len(could) - len(empty):,} of {len(could):,} cells (kind of bad luck × step) were met; not met:")
    for book in RUNBOOKS:
        print(f"    {book}: {', '.join(f'{kind} at {step}' for kind, b, step in empty if b == book) or 'none'}")
    print(f"  {len(why) - len(could):,} cells cannot be:")
    for reason, times in Counter(reason for reason in why.values() if reason).most_common():
        print(f"    {times:,}: {reason}")
    for book in RUNBOOKS:
        steps = sorted({step for _, b, step in could if b == book})
        met_at = {s: sum(n for (_, b, step), n in met.items() if (b, step) == (book, s)) for s in steps}
        print(f"  {book}: " + " · ".join(f"{step} {times:,}" for step, times in met_at.items()))


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
    elif words[0] == "--branches":
        branches(int(words[1]), int(words[2]))
    else:
        run(int(words[0]), int(words[1]))
        table()


if __name__ == "__main__":
    main(sys.argv[1:])
