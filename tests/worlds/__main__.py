"""`python -m tests.worlds SEEDS…`: let worlds happen; the first that goes wrong is told as a story, and ends it.

.venv/bin/python -m tests.worlds 1-500
.venv/bin/python -m tests.worlds 17 --story          # what happened in it
.venv/bin/python -m tests.worlds 17 --shrink         # the smallest world in which the same is still wrong
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.worlds.runner import many, seeds_of
from tests.worlds.shrink import shrunk
from tests.worlds.story import story


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tests.worlds", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("seeds", nargs="+", help="7, 1-500, several of them")
    parser.add_argument("--story", action="store_true", help="tell each world")
    parser.add_argument("--shrink", action="store_true", help="make a world that goes wrong as small as it gets")
    parser.add_argument("--digests", action="store_true", help="print what happened, event for event, as a digest")
    asked = parser.parse_args(words)
    begun, count = time.process_time(), 0
    for judged in many(seeds_of(asked.seeds)):
        count += 1
        if asked.digests:
            print(judged.world.seed, judged.digest)
        if judged.wrong:
            found = shrunk(judged) if asked.shrink else judged
            print(story(found))
            print(repr(found.world) if asked.shrink else "")
            return 1
        if asked.story:
            print(story(judged))
    print(f"{count:,} worlds, nothing wrong; {(time.process_time() - begun) / max(count, 1) * 1000:.0f} ms of CPU each")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
