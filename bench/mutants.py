"""Are the rules of writing held by tests? Each comparison, boolean and constant of them is swapped, one at a time.

    .venv/bin/python -m bench.mutants            # every mutant: hours
    .venv/bin/python -m bench.mutants 60 7       # a sample of 60, drawn with seed 7
    .venv/bin/python -m bench.mutants all 1 applier watch

Cosmic Ray makes the mutants (it is put beside the tests when it is missing); a copy of the project is mutated, never
this one. Asked are the tests of the module that run through the mutated statement, as coverage.py tells; those of an
import are all. A mutant is killed when one fails, or when they take too long. Survivors are printed.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ("cosmic-ray==8.7.0", "coverage==7.6.10")
# Module → the tests that are asked, the quickest first.
JUDGES: Final = {
    "apply/applier": "apply/test_outcomes apply/test_left_open apply/test_freshness apply/test_stopping",
    "apply/breaker": "apply/test_breaker",
    "apply/change": "apply/test_outcomes apply/test_rows_to_writes apply/test_left_open apply/test_freshness",
    "apply/ends": "apply/test_ends",
    "apply/freshness": "apply/test_freshness apply/test_watch",
    "apply/journal": "apply/test_stopping apply/test_left_open apply/test_outcomes run/test_run",
    "apply/reading": "apply/test_outcomes apply/test_freshness apply/test_left_open",
    "apply/resume": "apply/test_resume run/test_run",
    "apply/verification": "apply/test_gone apply/test_witness",
    "apply/watch": "apply/test_watch",
    "plan/judge": "plan/test_judge plan/test_plan",
    "plan/guards": "plan/test_guards plan/test_plan",
    "plan/undo": "apply/test_undo",
    "tenant/policy": "plan/test_guards apply/test_guarding apply/test_unknown",
    "tenant/protection": "apply/test_guarding apply/test_unknown tenant/test_directory",
    "tenant/roles": "tenant/test_directory apply/test_guarding apply/test_unknown",
    "tenant/unknown": "apply/test_unknown tenant/test_directory",
}
_SWAPS: Final = ("Comparison", "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue", "NumberReplacer", "AddNot")
# Of texts and small numbers, which are what is compared here, identity says the same as equality.
_SAME: Final = ("Eq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")
_SLOWER: Final = 5.0
_PATIENCE: Final = 3600.0


@dataclass(frozen=True)
class Mutant:
    """One swap: the module, the line, and what the whole module then says."""

    module: str
    line: int
    what: str
    code: str

    def __str__(self) -> str:
        said = self.code.splitlines()[self.line - 1].strip()
        return f"authops/{self.module}.py:{self.line} {self.what}: {said}"


def tool() -> Path:
    """Cosmic Ray and coverage.py, behind everything of ours on the path: what both need is ours."""
    place = Path(tempfile.gettempdir()) / "authops-mutants"
    if not place.exists():
        quiet = [sys.executable, "-m", "pip", "install", "-q", "--target", str(place), *TOOLS]
        subprocess.run(quiet, check=True)
    sys.path.append(str(place))
    return place


def mutants(module: str) -> Iterator[Mutant]:
    """Every swap that changes anything in what runs."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    code = (ROOT / "authops" / f"{module}.py").read_text("utf-8")
    tree = get_ast(code)
    for name in (n for n in operator_names() if any(swap in n for swap in _SWAPS) and not n.endswith(_SAME)):
        operator: Any = get_operator(name)()
        places = [at for node in ast_nodes(tree) for at in operator.mutation_positions(node)]
        for number, (start, _end) in enumerate(places):
            changed = mutate_code(code, operator, number)
            if changed and changed != code:
                yield Mutant(module, start[0], name.rpartition("/")[2], changed)


def copied(folder: Path) -> Path:
    """The project without what a test does not ask for."""
    for name in ("authops", "tests", "bench", "notebooks", "parameters", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@dataclass(frozen=True)
class Judges:
    """The tests of one module: through which statement (its first line) each of them runs, and how long all take."""

    files: tuple[str, ...]
    through: Mapping[int, frozenset[str]]
    limit: float

    def of(self, mutant: Mutant) -> tuple[str, ...]:
        """Whom to ask of a mutant."""
        found = self.through.get(_statement(mutant), frozenset())
        return tuple(sorted(found, key=lambda test: (self.files.index(test.partition("::")[0]), test))) or self.files


def _statement(mutant: Mutant) -> int:
    """The first line of the innermost statement that the mutant changes."""
    tree = ast.parse((ROOT / "authops" / f"{mutant.module}.py").read_text("utf-8"))
    lines = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= mutant.line <= _end(n)]
    return max(lines, default=mutant.line)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def judges(place: Path, module: str, tools: Path) -> Judges:
    """Run the tests of a module as it is, once. Ends when they fail."""
    files = tuple(f"tests/{name}.py" for name in JUDGES[module].split())
    data, settings, begun = place / "coverage.db", place / "coverage.rc", time.perf_counter()
    settings.write_text(f"[run]\nsource = authops\ndata_file = {data}\n")
    data.unlink(missing_ok=True)
    if not passes(place, files, _PATIENCE, ["-m", "coverage", "run", f"--rcfile={settings}"], tools):
        raise SystemExit(f"the tests of {module} fail as it is")
    return Judges(files, _through(data, module), 20 + _SLOWER * (time.perf_counter() - begun))


def pytest_runtest_logstart(nodeid: str) -> None:
    """As a plugin of pytest: coverage.py is told which test runs, also through Hypothesis."""
    from coverage import Coverage

    if measured := Coverage.current():
        measured.switch_context(nodeid.partition("[")[0])


def _through(data: Path, module: str) -> dict[int, frozenset[str]]:
    """Line → the tests that run through it, as pytest names them."""
    from coverage.numbits import numbits_to_nums

    asked = """select context.context, line_bits.numbits from line_bits join context on context.id = context_id
               join file on file.id = file_id where file.path like ?"""
    found: dict[int, set[str]] = {}
    with sqlite3.connect(data) as db:
        for context, bits in db.execute(asked, [f"%/authops/{module}.py"]):
            for line in numbits_to_nums(bits) if "::" in context else ():
                found.setdefault(line, set()).add(context)
    return {line: frozenset(tests) for line, tests in found.items()}


def passes(
    place: Path, tests: Sequence[str], limit: float, through: Sequence[str] = (), tools: Path | None = None
) -> bool:
    """Whether tests pass in a copy, in time."""
    words = [sys.executable, *through, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *tests]
    words += ["-p", "bench.mutants"] if through else []
    paths = os.pathsep.join(str(path) for path in (place, tools) if path)
    env = dict(os.environ, PYTHONPATH=paths, PYTHONDONTWRITEBYTECODE="1", HYPOTHESIS_STORAGE_DIRECTORY=str(place))
    with subprocess.Popen(
        words, cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as life:
        try:
            return life.wait(limit) == 0
        except subprocess.TimeoutExpired:
            os.killpg(life.pid, signal.SIGKILL)
            return False


def survivors(chosen: list[Mutant], place: Path, tools: Path) -> Iterator[Mutant]:
    """Those that no test notices."""
    known: dict[str, Judges] = {}
    for number, mutant in enumerate(chosen, 1):
        path = place / "authops" / f"{mutant.module}.py"
        if mutant.module not in known:
            known[mutant.module] = judges(place, mutant.module, tools)
        before = path.read_text("utf-8")
        path.write_text(mutant.code, "utf-8")
        if passes(place, known[mutant.module].of(mutant), known[mutant.module].limit):
            print(f"  survived {number}: {mutant}", flush=True)
            yield mutant
        path.write_text(before, "utf-8")


def main(count: str = "all", seed: str = "1", *names: str) -> None:
    tools = tool()
    modules = [module for module in JUDGES if not names or module.rpartition("/")[2] in names]
    everything = [mutant for module in modules for mutant in mutants(module)]
    dice = random.Random(seed)
    some = everything if count == "all" else dice.sample(everything, min(int(count), len(everything)))
    print(f"{len(everything):,} mutants of {len(modules)} modules, {len(some):,} tried", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        left = list(survivors(sorted(some, key=lambda m: (m.module, m.line)), copied(Path(folder)), tools))
    print(f"{len(some) - len(left):,} of {len(some):,} killed ({1 - len(left) / max(len(some), 1):.0%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
