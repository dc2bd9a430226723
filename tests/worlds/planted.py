"""Faults put into the package, one at a time, to see that the worlds find them; each was made, or nearly, by somebody.

    .venv/bin/python -m tests.worlds.planted                 # all of them: after how many worlds each is found
    .venv/bin/python -m tests.worlds.planted "stale read" --story    # one, with its smallest world

A fault is a few lines of a module in other words. Each runs in a process of its own that reads the module so.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.running import ROOT

_MOST = 2_000


@dataclass(frozen=True)
class Fault:
    """In `module`, `right` reads `wrong`. `rules`: by one of these the judge may find it."""

    module: str
    right: str
    wrong: str


FAULTS = {
    "a stale read overwrites a number": Fault(
        "apply/freshness.py", "return then is not None and self.age(then) <= BOUND", "return then is not None"
    ),
    "an unreadable group lets an administrator pass": Fault(
        "tenant/roles.py", "        if kind or error.status != 404:\n", "        if False:\n"
    ),
    "a resume says that nothing was written": Fault(
        "plan/guards.py", '"nothing more was written" if before else "nothing was written"', '"nothing was written"'
    ),
    "who must not be touched is asked once, tries go on for minutes": Fault(
        "apply/applier.py",
        "part = await self._unheld(part) if self._may_write() else part",
        "part = part if any(c.change_id in self._tried for c in part) else await self._unheld(part)",
    ),
    "a write that may have happened counts as not done": Fault(
        "graph/answer.py",
        'return "unknown" if passing or status == 409 else "refused"',
        'return "again" if passing or status == 409 else "refused"',
    ),
    "the intent is written down after the write": Fault(
        "apply/applier.py",
        '        self.journal.intend([vars(c) | {"attempt": self._tried[c.change_id], "at": at} for c in ready])\n'
        "        sent = {c.request: c.change_id for c in ready}\n"
        "        answers = await self.graph.write(list(sent), sent_at, may_leave=lambda: self._reader.fresh(ready))\n",
        "        sent = {c.request: c.change_id for c in ready}\n"
        "        answers = await self.graph.write(list(sent), sent_at, may_leave=lambda: self._reader.fresh(ready))\n"
        '        self.journal.intend([vars(c) | {"attempt": self._tried[c.change_id], "at": at} for c in ready])\n',
    ),
    "what cannot be read back counts as applied": Fault(
        "apply/change.py",
        'return "unknown", f"written, but the value could not be read back. {said}".strip()',
        'return "applied", said',
    ),
    "what the plan saw is not compared": Fault(
        "apply/change.py", "return not KINDS[self.method].same(found, self.before)", "return False"
    ),
    "a resume forgets what was sent before": Fault(
        "apply/applier.py", "self._uncertain |= self._interrupted", "pass"
    ),
    "a write leaves though the process stood still after its intent": Fault(
        "apply/applier.py", "may_leave=lambda: self._reader.fresh(ready)", "may_leave=lambda: True"
    ),
    "a masked number is taken for the number": Fault(
        "tenant/values.py", "if value and (value == UNSHOWN or not kind.whole(value)):", "if False:"
    ),
    "undo takes back what somebody else wrote": Fault(
        "plan/undo.py", 'return not (kind.same(found, row["after"]) or kind.same(found, row["before"]))', "return False"
    ),
    "unknown changes are not counted": Fault(
        "apply/ends.py",
        "for name in OUTCOMES if name in found}",
        'for name in OUTCOMES if name in found and name != "unknown"}',
    ),
    "changes to look at end as done": Fault(
        "apply/ends.py", 'status = "attention" if stopped or len(failed(outcomes)) or', 'status = "attention" if'
    ),
    "a refused request is logged with its body": Fault(
        "graph/answer.py",
        "return f\"{self.method} {self.path.partition('?')[0]}\"",
        "return f\"{self.method} {self.path.partition('?')[0]} {self.body}\"",
    ),
    "a run that is done is never closed": Fault(
        "run/run.py", "plan_file.close(self.folder, at=finished)", "pass"
    ),
}  # fmt: skip


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Reads one module with the fault in it."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.path = fault, ROOT / "authops" / fault.module
        self.name = f"authops.{fault.module.removesuffix('.py').replace('/', '.')}"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(planted(self.fault, self.path), str(self.path), "exec"), module.__dict__)


def planted(fault: Fault, path: Path) -> str:
    """The module's text with the fault; it has to be there once to be put in."""
    text = path.read_text()
    assert text.count(fault.right) == 1, f"{path} does not read {fault.right!r} once"
    return text.replace(fault.right, fault.wrong)


def search(name: str, seeds: Sequence[int], *, tell: bool = False) -> str:
    """In this process, which has not read the package yet: the first world in which the fault shows.

    Without a name: as the package is, to see that it is the fault that is found.
    """
    assert "authops" not in sys.modules
    if name:
        sys.meta_path.insert(0, _Finder(FAULTS[name]))
    from tests.worlds.runner import many
    from tests.worlds.shrink import shrunk
    from tests.worlds.story import story

    begun = time.process_time()
    for count, judged in enumerate(many(seeds), 1):
        if judged.wrong:
            said = f"{name or 'without a fault'}: world {judged.world.seed}, after {count}, by “{judged.wrong[0].rule}”"
            if tell:
                found = shrunk(judged)
                said += f"\n{story(found)}\n{found.world!r}"
            return said
    return f"{name}: NOT FOUND in {len(seeds):,} worlds ({time.process_time() - begun:.0f} s)"


def main(words: list[str]) -> int:
    asked = [word for word in words if word != "--story"]
    named = [name for name in FAULTS if not asked or any(word in name for word in asked)]
    import kiota_http.httpx_request_adapter  # noqa: F401 - what is heavy is read once, for all of them
    import msgraph  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import starlette.applications  # noqa: F401

    failed = 0
    for name in named:
        said = _apart(name, range(1, _MOST + 1), tell="--story" in words)
        print(said, flush=True)
        failed += "NOT FOUND" in said
        if found := re.search(r": world (\d+), ", said):
            clean = _apart("", [int(found[1])])
            failed += "NOT FOUND" not in clean
            print("" if "NOT FOUND" in clean else f"  NOT BY THE FAULT: {clean}", end="", flush=True)
    return failed


def _apart(name: str, seeds: Sequence[int], *, tell: bool = False) -> str:
    """What a search says, in a process of its own."""
    ours, theirs = os.pipe()
    if child := os.fork():
        os.close(theirs)
        with open(ours, encoding="utf-8") as file:
            said = file.read()
        os.waitpid(child, 0)
        return said
    with open(theirs, "w", encoding="utf-8") as file:
        file.write(search(name, seeds, tell=tell))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
