"""Two thousand passes in a storm, killed fifty times, also inside the hand-over, and gone on with; and their rate.

    .venv/bin/python -m bench.passes             # 2,000 passes, 50 kills, 10 % faults
    .venv/bin/python -m bench.passes 100 6       # the form that runs in CI
    .venv/bin/python -m bench.passes rate 6000   # at 200 ms latency under the write quota, with sealed files

Afterwards the recipients open their letters, and the tenant is asked: has each planned person exactly one pass, is its
code in exactly one letter, does it let that person in, has nobody else one? And every file that is left (journal and
its pages after each kill, log, state, home and temporary folder, cores, also what is compressed in them) is searched
for every code that the tenant ever gave, those that were replaced or deleted as well. Every third kill is a SIGABRT, on
a machine that would keep cores.
"""

from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import lzma
import random
import re
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
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
from bench.lives import End, Endured, Lives, ends, endure
from bench.passing import files
from bench.stand import Line, Stand, tenant

KIND = "temporaryAccessPass"
DESKS = [f"desk{n}@contoso.example" for n in range(5)]
GIVING = [f"give-{when}" for when in ("before", "within", "after")]
LENGTH = 8
PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"\x78": zlib.decompress,
}
# A signal after which the kernel would leave a core, in place of every so manieth SIGKILL.
CORES = (signal.SIGKILL, signal.SIGABRT, signal.SIGKILL)


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
        for name in ("keys", "letters", "run", "tmp", "state", "home", "seen"):
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


def planned_ends(seed: int, kills: int) -> list[End]:
    """How each life ends: in the journal's writes, in the hand-over, or by somebody else after some seconds."""
    dice = random.Random(seed)
    found = ends(dice, kills // 3, GIVING, 4) + ends(dice, kills // 3, nth=4)
    found += [dice.uniform(0.05, 4.0) for _ in range(kills - len(found))]
    dice.shuffle(found)
    return found


def cores() -> None:
    """As on a machine that keeps cores of whatever dies."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)


def lives(root: Path, words: Sequence[str]) -> Lives:
    """Each has this bench's temporary, home and state folder, and says its last words into the run folder."""
    env = {"TMPDIR": str(root / "tmp"), "HOME": str(root / "home"), "AUTHOPS_STATE": str(root / "state")}
    env |= {"PYTHONFAULTHANDLER": "1"}
    run = root / "run"
    return Lives("bench.passing", words, env=env, cwd=run, begin=cores, said=run / "said.txt")


def kept_pages(root: Path, number: int) -> None:
    """The journal's pages as a life left them: the next one puts its log of writes away."""
    for path in (root / "run").glob("journal.sqlite*"):
        shutil.copy(path, root / "seen" / f"{number:03}-{path.name}")


def contents(data: bytes, depth: int = 3) -> Iterator[bytes]:
    """Bytes, and what they hold: in wide characters, packed, in a database or a table, and what is packed in that."""
    yield data
    if b"\0" in data:
        yield data.replace(b"\0", b"")  # UTF-16 and UTF-32
    if depth:
        for inner in _unpacked(data):
            yield from contents(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data[:4] == b"PK\x03\x04" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    if data[:4] == b"PAR1":
        yield pd.read_parquet(io.BytesIO(data)).to_json().encode()
    for magic, unpack in PACKED.items():
        if data.startswith(magic):
            with suppress(OSError, EOFError, zlib.error, lzma.LZMAError):
                yield unpack(data)


def holding(folder: Path, codes: set[str]) -> list[str]:
    """The files under a folder that hold a code: each place of each file against all codes."""
    wanted = np.array(sorted({int.from_bytes(c.encode(), "little") for c in codes}), dtype=np.uint64)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in files if any(_in(data, wanted) for data in _of(path)))


def _of(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield from contents(data)
    if data.startswith(b"SQLite format 3"):  # a long text is split over pages, of the database and of its log of writes
        with tempfile.TemporaryDirectory() as folder:
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, folder)
            with closing(sqlite3.connect(Path(folder) / path.name)) as db:
                yield "\n".join(db.iterdump()).encode()


def _in(data: bytes, wanted: np.ndarray) -> bool:
    parts = (data[shift : shift + (len(data) - shift) // LENGTH * LENGTH] for shift in range(min(LENGTH, len(data))))
    return any(np.isin(np.frombuffer(part, "<u8"), wanted).any() for part in parts)


def chaos(stand: Stand, count: int, kills: int, seed: int) -> Result:
    """Kill and go on until it is done; then ask recipients, tenant and files."""
    places = Places.made(stand.folder / "bench")
    changes = planned(stand, count)
    strangers = _passes(stand) - set(changes["user_id"])
    run = places.root / "run"
    changes.to_parquet(run / "changes.parquet")
    words = [str(stand.folder / "demo" / "connection.yaml"), str(run / "changes.parquet"), str(run / "journal.sqlite")]
    words += [str(places.root / name) for name in ("keys", "letters")] + [str(run / "log.txt")]
    kept = partial(kept_pages, places.root)
    storm = (planned_ends(seed, kills), seed, CORES, kept)
    endured = endure(stand, run / "journal.sqlite", lives(places.root, words), *storm)
    letters = places.opened()
    ever = {code(Method(name, KIND, {}, ""), LENGTH) for name in stand.knob("pass")["given"]}
    assert ever >= {c for told in letters.values() for c in told}
    held, left = holding(places.root, ever), [str(path) for path in places.root.rglob("core*")]
    names = dict(zip(changes["user_id"], changes["user_principal_name"], strict=True))
    wrong = [user for user, name in names.items() if len(letters.get(name, [])) != 1]
    refused = [user for user, name in names.items() if name in letters and not _lets_in(stand, user, letters[name][0])]
    others = _passes(stand) - set(names) - strangers
    bad = {"not one letter": wrong, "does not work": refused, "others": sorted(others), "files with a code": held}
    return Result(**vars(endured), searched=len(ever), bad=bad | {"cores": left})


def _passes(stand: Stand) -> set[str]:
    return {u["id"] for u in stand.knob("state")["users"] if any(m["kind"] == KIND for m in u["methods"])}


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
