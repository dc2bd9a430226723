"""Are the rules of writing held by tests? Each comparison, boolean and constant of them is swapped, one at a time.

    .venv/bin/python -m bench.mutants            # every mutant
    .venv/bin/python -m bench.mutants 300 7      # a sample of 300, drawn with seed 7
    .venv/bin/python -m bench.mutants all 1 applier watch

Cosmic Ray makes the mutants (it is put beside the tests when it is missing). A process that has loaded everything but
authops forks for each of them: there the module says what the mutant says, in a copy of the project, and the tests that
run through the mutated statement (as coverage.py tells; for a constant of the module all that run through the module)
are asked: first those that killed others, then the quickest. A mutant is killed when one fails, or takes far more
processor time than usual. Who was killed is remembered (in the
folder of temporary files) until the function around it changes. Survivors are printed.
"""

from __future__ import annotations

import ast
import hashlib
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
import time
from collections import Counter
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
# Seconds of processor time that a test is given beyond five times what it took, and seconds that it may wait.
_PATIENCE: Final = 5
_WAITING: Final = 300
# Tests that killed others, asked before all the rest.
_LIKELY: Final = 12


@dataclass(frozen=True)
class Mutant:
    """One swap: the module, the line, and what the whole module then says."""

    module: str
    line: int
    what: str
    code: str
    name: str

    def __str__(self) -> str:
        said = self.code.splitlines()[self.line - 1].strip()
        return f"authops/{self.module}.py:{self.line} {self.what}: {said}"


def _name(module: str, line: int, code: str) -> str:
    """The same as long as the function or statement around a swap says the same. Raises `SyntaxError`."""
    tree = ast.parse(code)
    inside = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or 0)]
    around = [n for n in inside if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)][-1:] or inside[:1]
    return hashlib.sha256(f"{module} {[ast.dump(n) for n in around or [tree]]}".encode()).hexdigest()[:24]


def tool() -> Path:
    """Cosmic Ray and coverage.py, behind everything of ours on the path: what both need is ours."""
    place = Path(tempfile.gettempdir()) / "authops-mutants"
    if not place.exists():
        quiet = [sys.executable, "-m", "pip", "install", "-q", "--target", str(place), *TOOLS]
        uv = ["uv", "pip", "install", "-q", "--python", sys.executable, "--target", str(place), *TOOLS]
        subprocess.run(quiet if importlib.util.find_spec("pip") else uv, check=True)
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
            with suppress(SyntaxError):  # what is no Python any more would be killed by anything
                if changed and changed != code:
                    yield Mutant(module, start[0], name.rpartition("/")[2], changed, _name(module, start[0], changed))


def copied(folder: Path) -> Path:
    """The project without what a test does not ask for."""
    for name in ("authops", "tests", "bench", "notebooks", "parameters", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


class Contexts:
    """As a plugin of pytest: coverage.py is told which test runs, also through Hypothesis; how long is noted."""

    def __init__(self, coverage: Any) -> None:
        self.coverage, self.took = coverage, dict[str, float]()
        self._began = 0.0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)
        self._began = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.took[nodeid] = time.process_time() - self._began


class Asked:
    """As a plugin of pytest: of what was collected these tests only, in this order; where it is, is written down.

    A test that takes far more processor time than it did ends its process; and so does one that waits for ever.
    """

    def __init__(self, tests: Sequence[str], took: dict[str, float], notes: Path) -> None:
        self.place = {test: number for number, test in enumerate(tests)}
        self.took, self.notes = took, notes

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda item: self.place[item.nodeid])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.notes.write_text(item.nodeid)
        signal.setitimer(signal.ITIMER_PROF, _PATIENCE + 5 * self.took.get(item.nodeid, 0.0))
        signal.alarm(_WAITING + int(50 * self.took.get(item.nodeid, 0.0)))


@dataclass(frozen=True)
class Judges:
    """Through which line of which module each test runs, how long each takes, and how many each killed."""

    through: dict[str, dict[int, set[str]]]
    took: dict[str, float]
    place: Path
    killers: Counter[str] = field(default_factory=Counter)
    _asked: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[list[str]]:
        """Whom to ask of a mutant, in rounds: a few that are likely to notice, the others."""
        lines = self.through.get(mutant.module, {})
        found = lines.get(self._statement(mutant), set()) or {test for tests in lines.values() for test in tests}
        order = sorted(found, key=lambda test: (-self.killers[test], self.took.get(test, 0.0), test))
        likely = [test for test in order if self.killers[test]][:_LIKELY]
        rest = sorted(found - set(likely), key=lambda test: (self.took.get(test, 0.0), test))
        return [tests for tests in (likely, rest) if tests]

    def _statement(self, mutant: Mutant) -> int:
        """The first line of the innermost statement that the mutant changes."""
        if mutant.module not in self._asked:
            tree = ast.parse((self.place / "authops" / f"{mutant.module}.py").read_text("utf-8"))
            self._asked[mutant.module] = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        nodes = self._asked[mutant.module]
        return max((n.lineno for n in nodes if n.lineno <= mutant.line <= (n.end_lineno or 0)), default=mutant.line)


def measured(place: Path) -> Judges:
    """Run the tests as they are, once. Ends when they fail."""
    notes = place / "judges.json"
    if life := os.fork():
        if os.waitpid(life, 0)[1]:
            raise SystemExit(f"the tests fail as they are: {(place / 'said').read_text()[-3000:]}")
    else:
        os._exit(_measure(place, notes))
    through, took = json.loads(notes.read_text())
    return Judges({m: {int(n): set(tests) for n, tests in lines.items()} for m, lines in through.items()}, took, place)


def _measure(place: Path, notes: Path) -> int:
    from coverage import Coverage

    _at(place, place / "said")
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


def _at(place: Path, said: Path = Path(os.devnull)) -> None:
    """In a process of its own: at work in the copy, silent."""
    os.setsid()
    os.chdir(place)
    sys.path.insert(0, str(place))
    null, out = os.open(os.devnull, os.O_RDWR), os.open(said, os.O_RDWR | os.O_CREAT)
    for number, where in ((0, null), (1, out), (2, out)):
        os.dup2(where, number)


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


def killer(mutant: Mutant, place: Path, judges: Judges) -> str:
    """The test that notices, asked in a process of its own; "" when none does."""
    for tests in judges.of(mutant):
        notes = place / f"asked-{os.getpid()}"
        notes.write_text("its import")
        if life := os.fork():
            _, status = os.waitpid(life, 0)
            with suppress(ProcessLookupError):
                os.killpg(life, signal.SIGKILL)
            if status not in (0, pytest.ExitCode.NO_TESTS_COLLECTED << 8):
                return notes.read_text()
        else:
            _at(place)
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(place / str(os.getpid()))
            sys.meta_path.insert(0, Altered(mutant, place))
            files = dict.fromkeys(test.partition("::")[0] for test in tests)
            os._exit(pytest.main([*_PYTEST, "-x", *files], plugins=[Asked(tests, judges.took, notes)]))
    return ""


def survivors(chosen: Sequence[Mutant], place: Path, judges: Judges, memory: Path) -> Iterator[Mutant]:
    """Those that no test notices; two are tried at a time."""
    reads, writes = os.pipe()
    for part in range(2):
        if not os.fork():
            for number in range(part, len(chosen), 2):
                if by := killer(chosen[number], place, judges):
                    judges.killers[by] += 1
                    with memory.open("a") as file:
                        file.write(f"{chosen[number].name} {by}\n")
                else:
                    os.write(writes, number.to_bytes(4, "big"))
            os._exit(0)
    os.close(writes)
    while number := os.read(reads, 4):
        yield chosen[int.from_bytes(number, "big")]


def main(count: str = "all", seed: str = "1", *names: str) -> None:
    memory = tool() / "killed"
    known = {line.partition(" ")[0] for line in memory.read_text().splitlines()} if memory.exists() else set()
    by_name = {module.rpartition("/")[2]: module for module in MODULES}
    modules = [by_name[name] for name in names or by_name]
    everything = [mutant for module in modules for mutant in mutants(module)]
    dice = random.Random(seed)
    some = everything if count == "all" else dice.sample(everything, min(int(count), len(everything)))
    open_ = [mutant for mutant in some if mutant.name not in known]
    print(
        f"{len(everything):,} mutants of {len(modules)} modules, {len(some):,} tried, {len(open_):,} anew", flush=True
    )
    for name in _HEAVY:
        importlib.import_module(name)
    left = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        place = copied(Path(folder))
        judges = measured(place)
        for mutant in survivors(sorted(open_, key=lambda m: (modules.index(m.module), m.line)), place, judges, memory):
            left[mutant.module] += 1
            print(f"  survived: {mutant}", flush=True)
    tried = Counter(mutant.module for mutant in some)
    for module in tried:
        share = 1 - left[module] / tried[module]
        print(f"{module:24} {tried[module]:>5} mutants, {left[module]:>3} alive ({share:.1%} killed)")
    print(f"{len(some) - left.total():,} of {len(some):,} killed ({1 - left.total() / max(len(some), 1):.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
