"""Ten thousand random and mutated files: read or refused, never a crash, every row accounted for exactly once."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from tests.mutations import files
from tests.source.test_fuzz import accounted


def main(count: int = 10_000, seed: int = 1_000) -> None:
    begun, read = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, data) in enumerate(islice(files(seed), count)):
            path = Path(folder) / name
            path.write_bytes(data)
            try:
                read += accounted(path, ("", "NL", "US")[number % 3])
            except BaseException:
                print(f"file {number} of seed {seed}: {data!r}", flush=True)
                raise
    print(f"{count:,} files in {time.perf_counter() - begun:.0f} s: {read:,} read, {count - read:,} refused, 0 crashed")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
