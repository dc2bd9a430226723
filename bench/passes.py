"""Two thousand passes in a storm, killed fifty times, also inside the hand-over, and gone on with; and their rate.

    .venv/bin/python -m bench.passes             # 2,000 passes, 50 kills, 10 % faults
    .venv/bin/python -m bench.passes 100 6       # the form that runs in CI
    .venv/bin/python -m bench.passes rate 6000   # at 200 ms latency under the write quota, with sealed files

Afterwards the recipients open their letters, and the tenant is asked: has each planned person exactly one pass, is its
code in exactly one letter, does it let that person in, has nobody else one? And every file that is left (journal, log,
temporary folder, also what is compressed in them) is searched for every code.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import tempfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyrage

from authops.apply.applier import Applier
from authops.apply.ends import tally
from authops.apply.journal import Journal
from authops.apply.passes import Handing
from authops.demo.methods.temporary_access_pass import code
from authops.demo.world.tenant import Method
from authops.graph.client import Graph
from authops.words.frames import CHANGES, USERS, frame
from bench.lives import End, Endured, ends, endure
from bench.passing import files
from bench.stand import Line, Stand, tenant

KIND = "temporaryAccessPass"
DESKS = [f"desk{n}@contoso.example" for n in range(5)]
GIVING = [f"give-{when}" for when in ("before", "within", "after")]
LENGTH = 8


@dataclass
class Result(Endured):
    """What was left: everything in `bad` should be empty. `searched`: how many codes were searched for."""

    searched: int
    bad: dict[str, list[str]]


@dataclass
class Places:
    """Where this bench's files are, and who can open the letters."""

    root: Path
    identities: list[pyrage.x25519.Identity]

    @classmethod
    def made(cls, root: Path) -> Places:
        for name in ("keys", "letters", "run", "tmp"):
            (root / name).mkdir(mode=0o700, parents=True)
        known = [pyrage.x25519.Identity.generate() for _ in DESKS]
        for desk, identity in zip(DESKS, known, strict=True):
            (root / "keys" / f"{desk}.pub").write_text(f"{identity.to_public()}\n")
        return cls(root, known)

    def opened(self) -> dict[str, list[str]]:
        """UPN → the codes in letters to them, as the recipients read them."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in (self.root / "letters").rglob("*.age"):
            said = pyrage.decrypt(path.read_bytes(), self.identities).decode()
            (read,) = re.findall(r"^ +Pass +(\S+)$", said, re.MULTILINE)
            found[path.name.removesuffix(".txt.age")].append(read)
        return found


def planned(stand: Stand, count: int) -> pd.DataFrame:
    """So many passes (CHANGES), one a person who may have one."""
    rows = []
    people = [u for u in stand.knob("state")["users"] if "#EXT#" not in u["userPrincipalName"] and not u["deleted"]]
    for number, user in enumerate(people[:count]):
        after = f"pass from now, 480 min, {('once', 'many times')[number % 2]}, to {DESKS[number % len(DESKS)]}"
        named = {"user_id": user["id"], "user_principal_name": user["userPrincipalName"].casefold()}
        before = next((_value(m) for m in user["methods"] if m["kind"] == KIND), "")
        did = {"action": "update" if before else "add", "before": before, "after": after, "step": 1}
        rows.append({"change_id": f"c{number:06d}", "line": number + 2, "method": KIND} | named | did)
    return frame(CHANGES, rows)


def _value(method: dict[str, object]) -> str:
    from authops.methods.temporary_access_pass import shown

    return shown(method)


def lives(seed: int, kills: int) -> list[End]:
    """How each life ends: in the journal's writes, in the hand-over, or by somebody else after some seconds."""
    dice = random.Random(seed)
    found = ends(dice, kills // 3, GIVING, 4) + ends(dice, kills // 3, nth=4)
    found += [dice.uniform(0.05, 4.0) for _ in range(kills - len(found))]
    dice.shuffle(found)
    return found


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is compressed in it."""
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet":
        yield pd.read_parquet(path).to_json().encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    if data[:2] == b"\x1f\x8b":
        yield zlib.decompress(data, 31)


def holding(folder: Path, codes: set[str]) -> list[str]:
    """The files under a folder that hold a code: each place of each file against all codes."""
    wanted = np.array(sorted({int.from_bytes(c.encode(), "little") for c in codes}), dtype=np.uint64)
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        for data in contents(path):
            bytes_ = np.frombuffer(data, dtype=np.uint8)
            for shift in range(LENGTH):
                part = bytes_[shift : shift + (len(bytes_) - shift) // LENGTH * LENGTH]
                if (
                    len(part)
                    and np.isin(part.view("<u8") if part.flags.aligned else part.copy().view("<u8"), wanted).any()
                ):
                    found.append(str(path))
    return sorted(set(found))


def chaos(stand: Stand, count: int, kills: int, seed: int) -> Result:
    """Kill and go on until it is done; then ask recipients, tenant and files."""
    places = Places.made(stand.folder / "bench")
    changes = planned(stand, count)
    strangers = _passes(stand) - set(changes["user_id"])
    run = places.root / "run"
    changes.to_parquet(run / "changes.parquet")
    words = [str(stand.folder / "demo" / "connection.yaml"), str(run / "changes.parquet"), str(run / "journal.sqlite")]
    words += [str(places.root / name) for name in ("keys", "letters")] + [str(run / "log.txt")]
    planned_ends, tmp = lives(seed, kills), places.root / "tmp"
    endured = endure(stand, run / "journal.sqlite", "bench.passing", words, planned_ends, seed, tmp)
    letters = places.opened()
    every = {code(Method(name, KIND, {}, ""), LENGTH) for name in _ever(stand)} | {
        c for cs in letters.values() for c in cs
    }
    held = holding(run, every) + holding(places.root / "tmp", every) + holding(places.root / "letters", every)
    names = dict(zip(changes["user_id"], changes["user_principal_name"], strict=True))
    wrong = [user for user, name in names.items() if len(letters.get(name, [])) != 1]
    refused = [user for user, name in names.items() if name in letters and not _lets_in(stand, user, letters[name][0])]
    others = _passes(stand) - set(names) - strangers
    bad = {"not one letter": wrong, "does not work": refused, "others": sorted(others), "files with a code": held}
    return Result(**vars(endured), searched=len(every), bad=bad)


def _passes(stand: Stand) -> set[str]:
    return {u["id"] for u in stand.knob("state")["users"] if any(m["kind"] == KIND for m in u["methods"])}


def _ever(stand: Stand) -> set[str]:
    """The ids of the passes that are there now; of those that were replaced nobody has the code any more."""
    return {m["id"] for u in stand.knob("state")["users"] for m in u["methods"] if m["kind"] == KIND}


def _lets_in(stand: Stand, user: str, said: str) -> bool:
    return bool(stand.knob("pass", {"user": user, "code": said}, method="POST")["accepted"])


def rate(count: int, latency: float = 0.2) -> None:
    """How much of the write quota passes use, hand-over included."""

    async def apply(stand: Stand, changes: pd.DataFrame, places: Places) -> tuple[float, dict[str, int]]:
        line, journal = Line("made", len(changes)), Journal(places.root / "run" / "journal.sqlite")
        people = frame(USERS, [{"user_id": user, "account_enabled": True} for user in changes["user_id"]])
        handing = Handing(files(str(places.root / "keys"), str(places.root / "letters")), people)
        how = {"mode": "apply", "report": line.counted, "handing": handing}
        async with Graph.connect(stand.profile) as graph:
            begun = time.perf_counter()
            outcomes = await Applier(graph, journal, now=lambda: datetime.now(UTC), **how).apply(changes)
            return time.perf_counter() - begun, tally(outcomes)

    with tenant(count + count // 4, weather={"latency": latency}) as stand, tempfile.TemporaryDirectory() as folder:
        places, changes = Places.made(Path(folder)), planned(stand, count)
        stand.knob("weather", {"throttle": "documented"})
        seconds, ends = asyncio.run(apply(stand, changes, places))
        bucket = stand.knob("throttle")["writes"]
        letters = places.opened()
    used = bucket["allowed"] / bucket["could_allow"]
    print(f"{len(changes):,} passes at {latency * 1000:.0f} ms: {seconds:,.1f} s, {ends}, {len(letters):,} letters")
    print(f"  of what the write quota allowed        {used:>8.1%}   ({bucket['could_allow']:,.0f} writes meanwhile)")


def main(count: int, kills: int, seed: int = 1) -> None:
    with tenant(count + count // 4) as stand:
        got = chaos(stand, count, kills, seed)
    print(f"{count:,} passes, killed {got.killed.total()} times in {got.seconds:,.0f} s: {got.outcomes}")
    print(f"  {dict(got.killed)}; {got.searched:,} codes searched for")
    print(f"  { ({name: len(found) for name, found in got.bad.items()}) }", flush=True)
    for name, found in got.bad.items():
        if found:
            print(f"  {name}: {found[:5]}")
    sys.exit(any(got.bad.values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["rate"]:
        rate(int(sys.argv[2]) if len(sys.argv) > 2 else 6_000)
    else:
        main(*(int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (2_000, 50))
