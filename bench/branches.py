"""Which branches of some rooms are taken while something runs: line by line, without another package.

A branch is a jump that depends on something, to another line; what is decided within one line is not told apart.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Arc = tuple[str, int, int]
_COMPREHENSIONS = ("<module>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")


def branches(path: Path) -> set[Arc]:
    """All branches of a module: (file, line, line it goes on at)."""
    whole = compile(path.read_text(), str(path), "exec")
    return {(str(path), *arc) for code in _inside(whole) if code.co_flags & 1 for arc in _of_code(code)}


def _inside(code: CodeType) -> Iterator[CodeType]:
    if code.co_name not in _COMPREHENSIONS:
        yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _inside(one)


def _of_code(code: CodeType) -> Iterator[tuple[int, int]]:
    steps = list(dis.get_instructions(code))
    line_at = {step.offset: step.positions.lineno if step.positions else None for step in steps}
    for step, after in pairwise(steps):
        if not ("JUMP" in step.opname and "IF" in step.opname) and step.opname != "FOR_ITER":
            continue
        here, on, away = line_at[step.offset], line_at[after.offset], line_at.get(step.argval)
        if here and on and away and on != away:
            yield from ((here, there) for there in (on, away) if there != here)


@contextmanager
def taken(folders: tuple[Path, ...]) -> Iterator[set[Arc]]:
    """The steps from line to line that are made meanwhile in modules of these folders."""
    found: set[Arc] = set()
    ours = tuple(f"{folder}/" for folder in folders)

    def called(frame: FrameType, _event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(ours):
            return None
        before = frame.f_lineno

        def stepped(at: FrameType, event: str, _: Any) -> Any:
            nonlocal before
            if event == "line":
                found.add((file, before, at.f_lineno))
                before = at.f_lineno
            return stepped

        return stepped

    sys.settrace(called)
    try:
        yield found
    finally:
        sys.settrace(None)
