"""Are the rules of writing held by tests? Each comparison, boolean and constant of them is swapped, one at a time.

    .venv/bin/python -m bench.mutants            # every mutant
    .venv/bin/python -m bench.mutants 300 7      # a sample of 300, drawn with seed 7
    .venv/bin/python -m bench.mutants all 1 applier watch

Cosmic Ray makes the mutants (it is put beside the tests when it is missing). A process that has loaded everything but
authops forks for each of them: there the module says what the mutant says, in a copy of the project, and the tests that
run through the mutated statement (as coverage.py tells; for a constant of the module all that run through the module)
are asked, the quickest first, and the slow ones of them only where all others pass. A mutant is killed when one fails,
or takes far longer than usual. Survivors are printed.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ("cosmic-ray==8.7.0", "coverage==7.6.10")
MODULES: Final = (
    *("apply/applier", "apply/breaker", "apply/change", "apply/ends", "apply/freshness", "apply/journal"),
    *("apply/lock", "apply/reading", "apply/resume", "apply/verification", "apply/watch"),
    *("plan/guards", "plan/judge", "plan/undo"),
    *("tenant/policy", "tenant/protection", "tenant/roles", "tenant/sign_in", "tenant/unknown"),
)
TESTS: Final = ("tests/apply", "tests/plan", "tests/tenant", "tests/run/test_run.py")
# Tests that ask other processes, which know nothing of a mutant.
_PYTEST: Final = (
    "--deselect=tests/apply/test_kills.py",
    "-pno:cacheprovider",
    "-pno:xdist",
    "-q",
    "-Wignore::pytest.PytestAssertRewriteWarning",
)
_HEAVY: Final = (
    "pandas",
    "pyarrow.parquet",
    "hypothesis",
    "httpx",
    "msgraph",
    "azure.identity",
    "openpyxl",
    "kiota_http",
)
_SWAPS: Final = ("Comparison", "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue", "NumberReplacer", "AddNot")
# Of texts and small numbers, which are what is compared here, identity says the same as equality.
_SAME: Final = ("Eq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")
# Seconds a test is given beyond five times what it took.
_PATIENCE: Final = 20


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


class Contexts:
    """As a plugin of pytest: coverage.py is told which test runs, also through Hypothesis, and how long is noted."""

    def __init__(self, coverage: Any) -> None:
        self.coverage, self.took = coverage, dict[str, float]()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid.partition("[")[0])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("[")[0]
        self.took[name] = self.took.get(name, 0.0) + report.duration


class Patience:
    """As a plugin of pytest: a test that takes far longer than it did ends its process."""

    def __init__(self, took: dict[str, float]) -> None:
        self.took = took

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        signal.alarm(_PATIENCE + int(5 * self.took.get(item.nodeid.partition("[")[0], 0.0)))


@dataclass(frozen=True)
class Judges:
    """Through which line of which module each test runs, and how long each takes."""

    through: dict[str, dict[int, set[str]]]
    took: dict[str, float]
    _asked: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """Whom to ask of a mutant, the quickest first."""
        lines = self.through.get(mutant.module, {})
        found = lines.get(self._statement(mutant), set()) or {test for tests in lines.values() for test in tests}
        return sorted(found, key=lambda test: (self.took.get(test, 0.0), test))

    def _statement(self, mutant: Mutant) -> int:
        """The first line of the innermost statement that the mutant changes."""
        if mutant.module not in self._asked:
            tree = ast.parse((ROOT / "authops" / f"{mutant.module}.py").read_text("utf-8"))
            self._asked[mutant.module] = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        nodes = self._asked[mutant.module]
        return max((n.lineno for n in nodes if n.lineno <= mutant.line <= (n.end_lineno or 0)), default=mutant.line)


def measured(place: Path) -> Judges:
    """Run the tests as they are, once. Ends when they fail."""
    notes = place / "judges.json"
    if life := os.fork():
        if os.waitpid(life, 0)[1]:
            raise SystemExit("the tests fail as they are")
    else:
        os._exit(_measure(place, notes))
    through, took = json.loads(notes.read_text())
    return Judges({m: {int(n): set(tests) for n, tests in lines.items()} for m, lines in through.items()}, took)


def _measure(place: Path, notes: Path) -> int:
    from coverage import Coverage

    _at(place)
    coverage = Coverage(data_file=str(place / "coverage.db"), source=["authops"], config_file=False)
    contexts = Contexts(coverage)
    coverage.start()
    ended = pytest.main([*_PYTEST, "-mnot slow", *TESTS], plugins=[contexts])
    coverage.stop()
    coverage.save()
    through = {module: _through(place / "coverage.db", module) for module in MODULES}
    notes.write_text(json.dumps([through, contexts.took]))
    return int(ended)


def _through(data: Path, module: str) -> dict[int, list[str]]:
    """Line → the tests that run through it, as pytest names them."""
    from coverage.numbits import numbits_to_nums

    asked = """select context.context, line_bits.numbits from line_bits join context on context.id = context_id
               join file on file.id = file_id where file.path like ?"""
    found: dict[int, list[str]] = {}
    with sqlite3.connect(data) as db:
        for context, bits in db.execute(asked, [f"%/authops/{module}.py"]):
            for line in numbits_to_nums(bits) if "::" in context else ():
                found.setdefault(line, []).append(context)
    return found


def _at(place: Path) -> None:
    """In a process of its own: at work in the copy, silent."""
    os.setsid()
    os.chdir(place)
    sys.path.insert(0, str(place))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


class Altered(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Says of one module what a mutant says."""

    def __init__(self, mutant: Mutant, place: Path) -> None:
        self.name, self.code = f"authops.{mutant.module.replace('/', '.')}", mutant.code
        self.path = str(place / "authops" / f"{mutant.module}.py")

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        return (
            importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.code, self.path, "exec"), module.__dict__)


def killed(mutant: Mutant, place: Path, judges: Judges, which: str) -> bool:
    """Whether a test of which (as pytest's -m says) notices, asked in a process of its own."""
    if life := os.fork():
        _, status = os.waitpid(life, 0)
        with suppress(ProcessLookupError):
            os.killpg(life, signal.SIGKILL)
        return status not in (0, pytest.ExitCode.NO_TESTS_COLLECTED << 8)
    _at(place)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(place / str(os.getpid()))
    sys.meta_path.insert(0, Altered(mutant, place))
    os._exit(pytest.main([*_PYTEST, "-x", f"-m{which}", *judges.of(mutant)], plugins=[Patience(judges.took)]))


def survivors(chosen: Sequence[Mutant], place: Path, judges: Judges) -> Iterator[Mutant]:
    """Those that no test notices; two are tried at a time."""
    reads, writes = os.pipe()
    for part in range(2):
        if not os.fork():
            for number in range(part, len(chosen), 2):
                if not any(killed(chosen[number], place, judges, which) for which in ("not slow", "slow")):
                    os.write(writes, number.to_bytes(4, "big"))
            os._exit(0)
    os.close(writes)
    while number := os.read(reads, 4):
        yield chosen[int.from_bytes(number, "big")]


def main(count: str = "all", seed: str = "1", *names: str) -> None:
    tool()
    modules = [module for module in MODULES if not names or module.rpartition("/")[2] in names]
    everything = [mutant for module in modules for mutant in mutants(module)]
    dice = random.Random(seed)
    some = everything if count == "all" else dice.sample(everything, min(int(count), len(everything)))
    print(f"{len(everything):,} mutants of {len(modules)} modules, {len(some):,} tried", flush=True)
    for name in _HEAVY:
        importlib.import_module(name)
    left = 0
    with tempfile.TemporaryDirectory() as folder:
        place = copied(Path(folder))
        judges = measured(place)
        for mutant in survivors(sorted(some, key=lambda m: (m.module, m.line)), place, judges):
            left += 1
            print(f"  survived: {mutant}", flush=True)
    print(f"{len(some) - left:,} of {len(some):,} killed ({1 - left / max(len(some), 1):.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
