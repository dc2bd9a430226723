"""Planning: a file of N rows × 3 methods against what N people have now, beside pandas.read_csv of the same file.

Each size runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from authops.plan import plan
from authops.source import wanted_file
from authops.words.frames import CURRENT, USERS, columns

SIZES = (200_000, 1_000_000)
_METHODS = ("mobile", "alternateMobile", "office")


def number(dice: random.Random, *, office: bool = False) -> str:
    return f"+31 20{dice.randrange(2_000_000, 8_000_000):07d}" if office else f"+31 61{dice.randrange(10**7):07d}"


def write(path: Path, size: int, dice: random.Random) -> None:
    """Every person gets three numbers of their own, spelled in the ways of a spreadsheet."""
    with path.open("w", encoding="utf-8-sig", newline="\r\n") as file:
        file.write("UPN;Mobile;AlternateMobile;OfficePhone;ForcedUpdate;ForcedRemoval\n")
        for n in range(size):
            mobile = number(dice)
            spelled = (mobile, mobile.replace(" ", ""), f"0{mobile[4:]}", f"00{mobile[1:]}")[n % 4]
            flag = "TRUE" if n % 2 else "FALSE"
            file.write(f"person{n}@contoso.example;{spelled};{number(dice)};{number(dice, office=True)};{flag};\n")


def people(size: int) -> pd.DataFrame:
    ids = [f"00000000-0000-4000-8000-{n:012d}" for n in range(size)]
    names = [f"person{n}@contoso.example" for n in range(size)]
    shown = [f"Person {n}" for n in range(size)]
    users = columns(
        USERS, user_id=ids, user_principal_name=names, display_name=shown, account_enabled=np.ones(size, bool),
        user_type=["Member"] * size, department=["Sales"] * size, country=["NL"] * size,
    )  # fmt: skip
    return users.assign(asked=users["user_principal_name"], error="")


def state(users: pd.DataFrame, dice: random.Random) -> pd.DataFrame:
    """Two of three people have a mobile, one of three an office phone."""
    rows = len(users) * 3
    values = [
        (number(dice, office=m == 2) if (n + m) % 3 and m != 1 else "") for n in range(len(users)) for m in range(3)
    ]
    return columns(
        CURRENT, user_id=np.repeat(users["user_id"].to_numpy(object), 3), method=np.tile(_METHODS, len(users)),
        known=np.ones(rows, bool), value=values, is_default=np.zeros(rows, bool), others=np.zeros(rows, np.int64),
        error=[""] * rows,
    )  # fmt: skip


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def one(size: int) -> dict[str, Any]:
    dice = random.Random(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wanted.csv"
        write(path, size, dice)
        users = people(size)
        current = state(users, dice)
        begun = time.perf_counter()
        pd.read_csv(path, sep=";")
        plain = time.perf_counter() - begun
        before, begun = peak(), time.perf_counter()
        wanted = wanted_file.read(path, default_region="NL")
        read = time.perf_counter() - begun
        made = plan.make(wanted.wanted, current, users, wanted.problems)
        whole = time.perf_counter() - begun
    seconds = {"read_csv": round(plain, 2), "source": round(read, 2), "plan": round(whole - read, 2)}
    memory = {"peak_mb": peak(), "before_mb": before}
    return {
        "rows": size,
        **seconds,
        "whole": round(whole, 2),
        "ratio": round(whole / plain, 1),
        **memory,
        **made.counts,
    }


def main() -> None:
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "bench.planning", str(size)], check=True, capture_output=True, text=True
        )
        print(json.dumps(json.loads(done.stdout)), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(one(int(sys.argv[1]))))
    else:
        main()
