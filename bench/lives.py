"""What every chaos has in common: a storm, and an apply in a process of its own that is killed again and again.

A process says `begun` when it begins. It ends itself at a point within (`Fatal` in bench.killed), or is ended by
SIGKILL from outside after some seconds; then the next one takes up what is left, until one comes to its end.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.stand import Stand

FAULTS = [
    *("inner-429", "inner-500", "inner-503", "outer-429", "outer-503", "outer-504"),
    *("inner-effect-then-500", "inner-effect-then-504", "outer-effect-then-504", "reset", "reset-before"),
]
POINTS = [f"{what}-{when}" for what in ("intend", "settle") for when in ("before", "within", "after")]
End = tuple[str, str] | float


@dataclass(frozen=True)
class Lives:
    """What is run again and again (module, words), and around it: environment, what precedes it, its last words."""

    module: str
    words: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path(__file__).parents[1]
    begin: Callable[[], None] | None = None
    said: Path | None = None


@dataclass
class Endured:
    """How often it was killed and where, how long it took, and how its changes ended."""

    killed: Counter[str]
    seconds: float
    outcomes: dict[str, int]


def ends(dice: random.Random, kills: int, points: Sequence[str] = POINTS, nth: int = 6) -> list[End]:
    """So many ends at points within: each of them the first to the nth time it comes by."""
    return [(dice.choice(points), str(dice.randint(1, nth))) for _ in range(kills)]


def lives(seed: int, kills: int) -> list[End]:
    """How each life ends: at a point within the journal's writes, or by somebody else after some seconds."""
    dice = random.Random(seed)
    found = ends(dice, kills // 2)
    found += [dice.uniform(0.05, 6.0) for _ in range(kills - len(found))]
    dice.shuffle(found)
    return found


def one_life(of: Lives, end: End, by: signal.Signals = signal.SIGKILL) -> bool:
    """Whether it was ended by that signal before it had finished. Raises RuntimeError when it ended otherwise."""
    more = list(end) if isinstance(end, tuple) else []
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "DIES_BY": str(int(by))} | of.env
    how = {"cwd": of.cwd, "env": env, "preexec_fn": of.begin}
    command = [sys.executable, "-m", of.module, *of.words, *more]
    life = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    assert life.stdout
    with life.stdout:
        if (said := life.stdout.readline()) != b"begun\n":
            raise RuntimeError((said + life.stdout.read()).decode())
        if isinstance(end, float):
            try:
                life.wait(end)
            except subprocess.TimeoutExpired:
                os.kill(life.pid, by)
        rest, code = life.stdout.read(), life.wait()
    if of.said:
        with of.said.open("ab") as file:
            file.write(rest)
    if code not in (0, -by):
        raise RuntimeError(rest.decode()[-2000:])
    return code == -by


def endure(
    stand: Stand, journal: Path, of: Lives, planned: Sequence[End], seed: int,
    signals: Sequence[signal.Signals] = (signal.SIGKILL,), after: Callable[[int], None] = lambda _: None,
) -> Endured:  # fmt: skip
    """Through a storm in so many lives, ended by these signals in turn, until it is done; `after` each that was."""
    stand.knob("log", method="DELETE")
    stand.knob("weather", {"fault_rate": 0.1, "faults": FAULTS, "lag": 0.2, "seed": seed, "latency": 0.02})
    begun, killed = time.perf_counter(), Counter[str]()
    for number, end in enumerate(planned):
        if one_life(of, end, signals[number % len(signals)]):
            killed[end[0] if isinstance(end, tuple) else "from outside"] += 1
            after(number)
    while one_life(of, 3600.0):
        pass
    seconds = time.perf_counter() - begun
    stand.knob("weather", {"fault_rate": 0.0, "lag": 0.0})
    with closing(sqlite3.connect(journal)) as db:
        outcomes = dict(db.execute("select outcome, count(*) from outcomes group by outcome"))
    return Endured(killed, seconds, outcomes)
