"""Bad luck: what can go wrong, and at which step it can."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Steps of the road at which Graph is asked; `read back` and `read` are the same request, before and after a write.
ASKED = ("find", "match", "read", "others", "report", "roles", "policy", "group", "size", "risk", "write", "read back",
         "audit")  # fmt: skip
# Steps at which something is written on the disk.
JOURNAL = ("intend", "settle", "note")
FILES = ("parameters.json", "plan.parquet", "problems.parquet", "plan.json", "approval.json", "outcome.json",
         "outcomes.parquet", "failed.csv", "closed", "claim", "verified.parquet")  # fmt: skip
HAND_OVER = ("hand-over tried", "hand-over")

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
    "is enabled", "is deleted", "is rehired", "number taken",
)  # fmt: skip
PROCESS = ("killed", "suspended", "machine sleeps", "clock set back", "slow", "very slow", "asked to stop",
           "second apply", "second machine", "token revoked", "permission gone", "sign-in refused")  # fmt: skip
DISK = ("killed before", "killed within", "killed after", "disk full")
AT_JOURNAL = (*DISK, "suspended", "machine sleeps")
AT_HAND_OVER = ("refused", "declined", "breaks", "half", "delivered, and refused", "no receipt", "killed before",
                "killed within", "killed after", "suspended", "machine sleeps")  # fmt: skip
RUNBOOKS = ("preview", "passes", "cleanup", "apply", "verify", "undo")

_PLANNING = ("find", "match", "read", "others", "report", "roles", "policy", "group", "size")
_REACHED = {
    "preview": _PLANNING,
    "passes": ("find", "read", "others", "roles", "policy", "group", "size", "risk"),
    "cleanup": ("match", "read", "others", "roles", "policy", "group", "size"),
    "apply": ("find", "read", "read back", "others", "write", "roles", "policy", "group", "size", "risk", "audit"),
    "undo": ("find", "read", "others", "report", "roles", "policy", "group", "size"),
    "verify": ("read", "others", "audit"),
}
_PLAN = ("plan.parquet", "problems.parquet", "plan.json", "approval.json")
_LEFT = {
    "preview": _PLAN, "passes": _PLAN, "cleanup": _PLAN, "undo": _PLAN, "verify": ("verified.parquet",),
    "apply": ("outcomes.parquet", "failed.csv", "closed", "claim"),
}  # fmt: skip
_ALWAYS = ("parameters.json", "outcome.json")
_LISTS = ("match", "read", "read back", "others", "report", "roles", "group", "risk", "audit")


@dataclass(frozen=True)
class Luck:
    """`kind` strikes at a step of a runbook, from the `nth` time on, `times` times. `who`: a person's number, or whom
    the request is about (`HERE`).
    """

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


HERE = -1


def cells() -> dict[tuple[str, str, str], str]:
    """(kind, runbook, step) of all bad luck at all steps that there are → why it cannot be; "" where it can."""
    found = {}
    for book in RUNBOOKS:
        asked = dict.fromkeys((*OUTER, *INNER, *OF_WRITES, *ELSEWHERE, *PROCESS))
        found |= {(kind, book, step): why_not(kind, book, step) for step in _REACHED[book] for kind in asked}
        found |= {(kind, book, step): "" for step in (*_LEFT[book], *_ALWAYS) for kind in DISK}
    found |= {(kind, "apply", step): "" for step in JOURNAL for kind in AT_JOURNAL}
    found |= {(kind, "apply", step): "" for step in HAND_OVER for kind in AT_HAND_OVER}
    tried = ("half", "declined", "delivered, and refused", "no receipt", "killed within")
    return found | {(kind, "apply", "hand-over tried"): "nothing is delivered when it is tried" for kind in tried}


def possible(runbook: str) -> list[tuple[str, str]]:
    """(kind, step) that can be in a runbook."""
    return [(kind, step) for (kind, book, step), why in cells().items() if book == runbook and not why]


def why_not(kind: str, runbook: str, step: str) -> str:
    """Why such bad luck cannot be there; "" where it can."""
    if kind in ("second apply", "second machine", "asked to stop") and runbook != "apply":
        return "only an apply is stopped half-way, or begun twice"
    if kind in OF_WRITES and step != "write":
        return "it is about a write"
    if kind in ("lagging", "flapping", "masked") and step not in ("read", "read back"):
        return "only people's methods lag, or come masked"
    if kind == "short page" and step not in _LISTS:
        return "what is asked for is no list"
    if kind in ("somebody else's", "no list") and step == "write":
        return "of a write's answer nothing is read but its status, and a pass's own properties"
    if kind == "somebody else's" and step in ("size", "roles", "policy", "report", "audit", "risk", "group", "match"):
        return "it is about nobody"
    return ""


_TABLE = {runbook: possible(runbook) for runbook in RUNBOOKS}
_GUARDS = ("find", "roles", "policy", "group", "size", "audit")
_WRITING = ("read", "others", "write", "read back", "intend", "settle")
_OF_PASSES = [pair for pair in _TABLE["apply"] if pair[1] in HAND_OVER]
_OF_NUMBERS = [pair for pair in _TABLE["apply"] if pair[1] not in (*HAND_OVER, "risk")]
# What a world's bad luck is about: (how often, what can strike in each runbook).
_THEMES: dict[str, tuple[int, dict[str, list[tuple[str, str]]]]] = {
    "anything": (4, {"apply": _OF_NUMBERS}),
    "writing": (4, {"apply": [pair for pair in _OF_NUMBERS if pair[1] in _WRITING]}),
    "guards": (2, {"apply": [pair for pair in _OF_NUMBERS if pair[1] in _GUARDS]}),
    "others": (3, {"apply": [p for p in _OF_NUMBERS if p[1] in _WRITING and (p[0] in ELSEWHERE or p[1] == "write")]}),
    "process": (2, {"apply": [pair for pair in _OF_NUMBERS if pair[0] in (*PROCESS, *AT_JOURNAL)]}),
    "planning": (1, {"preview": _TABLE["preview"]}),
    "undoing": (2, {"undo": _TABLE["undo"], "apply": [p for p in _OF_NUMBERS if p[0] in ELSEWHERE]}),
    "verifying": (1, {"verify": _TABLE["verify"]}),
}
_OF_A_PASS = {
    "handing over": (5, {"apply": _OF_PASSES}),
    "writing": (3, {"apply": [*_THEMES["writing"][1]["apply"], *_OF_PASSES]}),
    "anything": (2, {"apply": _TABLE["apply"]}),
    "planning": (1, {"passes": _TABLE["passes"]}),
    "undoing": (1, _THEMES["undoing"][1]),
}


_OF_A_CLEANUP = {
    **{name: _THEMES[name] for name in ("anything", "writing", "others", "guards", "process")},
    "planning": (1, {"cleanup": _TABLE["cleanup"]}),
    "undoing": (1, _THEMES["undoing"][1]),
}
_OF = {"numbers": _THEMES, "passes": _OF_A_PASS, "cleanup": _OF_A_CLEANUP}


def drawn(dice: random.Random, people: int, about: str) -> tuple[Luck, ...]:
    """A script: mostly a few strokes, mostly about one thing."""
    themes = _OF[about]
    theme = themes[dice.choices(list(themes), [often for often, _ in themes.values()])[0]][1]
    count = dice.choice((0, 1, 2, 3, 3, 4, 5, 6, 8, 12))
    return tuple(_one(dice, theme, people) for _ in range(count))


def _one(dice: random.Random, theme: Mapping[str, Sequence[tuple[str, str]]], people: int) -> Luck:
    runbook = dice.choice(list(theme))
    kind, step = dice.choice(theme[runbook])
    seldom = runbook != "apply" or step in HAND_OVER or step in FILES
    nth = dice.choice((1, 1, 1, 2, 3)) if seldom else dice.choice((1, 1, 1, 2, 2, 3, 4, 6, 9))
    often = kind not in (*ELSEWHERE, *PROCESS, *DISK) and step not in HAND_OVER
    times = dice.choice((1, 1, 1, 1, 2, 3, 5, 12)) if often else 1
    return Luck(kind, runbook, step, nth, times, _what(kind, dice), dice.choice((HERE, dice.randrange(people))))


def these(dice: random.Random, sought: Sequence[tuple[str, str, str]]) -> tuple[Luck, ...]:
    """A script of just this bad luck: each (kind, runbook, step) the first time its step is reached."""
    return tuple(Luck(kind, book, step, what=_what(kind, dice), who=HERE) for kind, book, step in sought)


def _what(kind: str, dice: random.Random) -> str:
    if kind.endswith(("429", "503")):
        return dice.choice(WAITS)
    if kind == "property missing":
        return dice.choice(("id", "phoneNumber", "phoneType", "accountEnabled", "userType", "userPrincipalName",
                            "value", "principalId", "emailAddress", "temporaryAccessPass", "lifetimeInMinutes",
                            "startDateTime"))  # fmt: skip
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


FAMILIES = {
    "an answer that is lost or illegible": ("lost before", "lost after", "no answer", "garbage", "empty", "no list",
                                            "twice"),
    "a request that is refused as a whole": tuple(kind for kind in OUTER if kind.startswith("outer")),
    "one of a batch that is refused": (*(k for k in INNER if k.startswith("inner")), *OF_WRITES, "left out"),
    "an answer that says something else": ("somebody else's", "lagging", "flapping", "property missing", "masked",
                                           "short page", "null"),
    "somebody else changes something": ELSEWHERE,
    "something happens to the process": PROCESS,
    "a file or the journal": ("killed before", "killed within", "killed after", "disk full"),
    "the hand-over": AT_HAND_OVER[:6],
}  # fmt: skip


def family(kind: str) -> str:
    """What a kind of bad luck is one of, for a table that a person reads."""
    return next(name for name, kinds in FAMILIES.items() if kind in kinds)
