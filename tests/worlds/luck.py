"""Bad luck: what can go wrong, and at which step it can."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Steps of the road at which Graph is asked; `read back` and `read` are the same request, before and after a write.
ASKED = ("find", "read", "others", "report", "roles", "policy", "group", "size", "write", "read back", "audit", "mail")
# Steps at which something is written on the disk.
JOURNAL = ("intend", "settle", "note")
FILES = ("plan.parquet", "problems.parquet", "plan.json", "approval.json", "outcome.json", "outcomes.parquet",
         "failed.csv", "closed", "claim", "verified.parquet")  # fmt: skip

STATUSES = (401, 403, 404, 424, 429, 500, 502, 503, 504)
WAITS = ("3", "0", "0.25", "", "-5", "soon", "date", "past", "900", "1e9", "99999999999999999999")
OUTER = (
    "lost before", "lost after", "no answer", "garbage", "empty", "no list", "twice",
    *(f"outer {status}" for status in STATUSES), "outer 504 after",
)  # fmt: skip
INNER = (
    *(f"inner {status}" for status in STATUSES),
    "left out", "somebody else's", "lagging", "flapping", "property missing", "masked", "short page", "null",
)  # fmt: skip
OF_WRITES = ("inner 500 after", "inner 504 after", "409 not stored", "409 stored")
ELSEWHERE = (
    "another sets", "another removes", "person registers", "gets a role", "gets protected", "is disabled",
    "is deleted", "is rehired", "number taken",
)  # fmt: skip
PROCESS = ("killed", "suspended", "machine sleeps", "clock set back", "slow", "very slow", "asked to stop",
           "second apply", "second machine", "token revoked", "permission gone", "sign-in refused")  # fmt: skip
DISK = ("killed before", "killed within", "killed after", "disk full")
AT_JOURNAL = (*DISK, "suspended", "machine sleeps")
_ONLY_READS = frozenset({"lagging", "flapping", "property missing", "masked", "short page", "somebody else's", "null"})
_ONLY_APPLY = frozenset({"second apply", "second machine", "asked to stop"})


@dataclass(frozen=True)
class Luck:
    """`kind` strikes at a step of a runbook, from the `nth` time on, `times` times. `who`: a person's number."""

    kind: str
    runbook: str
    step: str
    nth: int = 1
    times: int = 1
    what: str = ""
    who: int = 0

    def __str__(self) -> str:
        often = f" and the next {self.times - 1}" if self.times > 1 else ""
        more = f" ({self.what})" if self.what else ""
        return f"{self.kind}{more} at {self.runbook}'s {self.step}, time {self.nth}{often}"


def possible(runbook: str) -> list[tuple[str, str]]:
    """(kind, step) that can be in a runbook."""
    found = []
    for step in ASKED:
        if not reached(runbook, step):
            continue
        kinds = [*OUTER, *INNER, *ELSEWHERE, *PROCESS, *(OF_WRITES if step == "write" else ())]
        found += [(kind, step) for kind in kinds if _can(kind, runbook, step)]
    found += [(kind, step) for step in FILES if left_by(runbook, step) for kind in DISK]
    return found + [(kind, step) for step in JOURNAL if runbook == "apply" for kind in AT_JOURNAL]


def reached(runbook: str, step: str) -> bool:
    only = {
        "apply": ("find", "read", "read back", "write", "roles", "policy", "group", "size"),
        "preview": ("find", "read", "others", "report", "roles", "policy", "group", "size", "mail"),
        "undo": ("find", "read", "others", "report", "roles", "policy", "group", "size"),
        "verify": ("read", "audit"),
    }
    return step in only[runbook]


def left_by(runbook: str, file: str) -> bool:
    plans = ("plan.parquet", "problems.parquet", "plan.json", "approval.json")
    mine = {"preview": plans, "undo": plans, "verify": ("verified.parquet",),
            "apply": ("outcomes.parquet", "failed.csv", "closed", "claim")}  # fmt: skip
    return file == "outcome.json" or file in mine[runbook]


def _can(kind: str, runbook: str, step: str) -> bool:
    if step == "write" and kind in _ONLY_READS:
        return False
    if kind in ("masked", "lagging", "flapping") and step not in ("read", "read back"):
        return False
    if kind == "no list" and step == "write":
        return False
    if kind in ("short page",) and step not in ("read", "read back", "roles", "group", "report", "audit"):
        return False
    return not (kind in _ONLY_APPLY and runbook != "apply")


_TABLE = {runbook: possible(runbook) for runbook in ("preview", "apply", "verify", "undo")}
_GUARDS = ("find", "roles", "policy", "group", "size")
_WRITING = ("read", "write", "read back", "intend", "settle")
# What a world's bad luck is about: anything, writing, who must not be touched, the process and its disk.
_THEMES = {
    "anything": _TABLE,
    "writing": {"apply": [pair for pair in _TABLE["apply"] if pair[1] in _WRITING]},
    "guards": {name: [p for p in _TABLE[name] if p[1] in _GUARDS] for name in ("preview", "apply")},
    "others": {"apply": [pair for pair in _TABLE["apply"] if pair[0] in ELSEWHERE or pair[1] == "write"]},
    "process": {"apply": [pair for pair in _TABLE["apply"] if pair[0] in (*PROCESS, *AT_JOURNAL)]},
}


def drawn(dice: random.Random, people: int) -> tuple[Luck, ...]:
    """A script: mostly a few strokes, mostly about one thing."""
    theme = _THEMES[dice.choice(("anything", "anything", "writing", "writing", "guards", "others", "process"))]
    count = dice.choice((0, 1, 2, 3, 3, 4, 5, 6, 8, 12))
    return tuple(_one(dice, theme, people) for _ in range(count))


def _one(dice: random.Random, theme: Mapping[str, Sequence[tuple[str, str]]], people: int) -> Luck:
    runbook = dice.choices(list(theme), [{"preview": 3, "apply": 10, "verify": 1, "undo": 1}[name] for name in theme])[
        0
    ]
    kind, step = dice.choice(theme[runbook])
    nth = dice.choice((1, 1, 1, 2, 2, 3, 4, 6, 9))
    times = dice.choice((1, 1, 1, 1, 2, 3, 5, 12)) if kind not in (*ELSEWHERE, *PROCESS, *DISK) else 1
    return Luck(kind, runbook, step, nth, times, _what(kind, dice), dice.randrange(people))


def _what(kind: str, dice: random.Random) -> str:
    if kind.endswith(("429", "503")):
        return dice.choice(WAITS)
    if kind == "property missing":
        return dice.choice(("id", "phoneNumber", "phoneType", "accountEnabled", "userType", "userPrincipalName",
                            "value", "principalId", "emailAddress"))  # fmt: skip
    if kind in ("suspended", "machine sleeps", "clock set back"):
        return dice.choice(("6", "70", "400", "4000"))
    if kind in ("slow", "lagging", "flapping"):
        return dice.choice(("1", "4", "7", "20"))
    return ""


class Script:
    """What strikes, and when: counts how often each step was reached."""

    def __init__(self, luck: tuple[Luck, ...]) -> None:
        self.luck = luck
        self.reached: Counter[tuple[str, str]] = Counter()
        self.struck: Counter[tuple[str, str, str]] = Counter()
        self.good = False

    def at(self, runbook: str, step: str, kinds: tuple[str, ...] | frozenset[str] = ()) -> list[Luck]:
        """What strikes here, now."""
        self.reached[runbook, step] += 1
        if self.good:
            return []
        count = self.reached[runbook, step]
        found = [
            luck
            for luck in self.luck
            if luck.runbook == runbook and luck.step == step and luck.nth <= count < luck.nth + luck.times
        ]
        self.struck.update((luck.kind, luck.runbook, luck.step) for luck in found)
        return found
