"""Are the rules of writing held by tests? Each comparison, boolean and constant of them is swapped, one at a time.

    .venv/bin/python -m bench.mutants            # every mutant
    .venv/bin/python -m bench.mutants 300 7      # a sample of 300, drawn with seed 7
    .venv/bin/python -m bench.mutants all 1 applier watch
    MUTANTS_TESTS="tests/plan tests/apply/test_undo.py" .venv/bin/python -m bench.mutants all 1 guards judge undo

Cosmic Ray makes the mutants (it is put beside the tests when it is missing). The tests are loaded and run once, and the
lines noted that each runs through. Then this process forks for each mutant: there the functions of the module are told
what the mutant says, and the tests that run through the mutated statement (for a constant of the module all that run
through the module) are asked: first those that killed others, then the quickest, for half a minute at most
(MUTANTS_ENOUGH). A mutant is killed when its import or a test fails, or one takes far more processor time than usual.
Who was killed is remembered (in the folder of temporary files) until the function around it changes. Survivors are
printed; those that nobody could tell from what stands there are listed, with why, in `bench/equivalent.yaml`, and not
tried.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

import pytest
import yaml
from _pytest.runner import runtestprotocol

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ("cosmic-ray==8.7.0",)
# Module → why nobody can tell them from what stands there → swaps.
EQUIVALENT: Final = Path(__file__).with_name("equivalent.yaml")
MODULES: Final = (
    *("apply/already", "apply/applier", "apply/breaker", "apply/change", "apply/conditions", "apply/ends"),
    *("apply/freshness", "apply/hearing", "apply/journal", "apply/lock", "apply/making", "apply/passes"),
    *("apply/reading", "apply/resume", "apply/settled", "apply/verification", "apply/watch"),
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
    "-mnot slow",
)
_SWAPS: Final = ("Comparison", "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue", "NumberReplacer", "AddNot")
# Of texts and small numbers, which are what is compared here, identity says the same as equality.
_SAME: Final = ("_Is", "_IsNot", "Is_Eq", "IsNot_NotEq")
_TURNED: Final = ("Is_IsNot", "IsNot_Is")
# Checks of our own code, which data cannot reach: columns of one frame are as long as each other.
_OURS: Final = ("strict=", "frozen=", "kw_only=", "slots=")
# No text is less than none.
_NOTHING: Final = ('> ""', '<= ""')
# Seconds of processor time that a test is given beyond five times what it took, and seconds that it may wait.
_PATIENCE: Final = 5
_WAITING: Final = 300
# Tests that killed others, asked before all the rest.
_LIKELY: Final = 12
# Seconds of tests, as they take without a mutant, after which a mutant is alive.
_ENOUGH: Final = float(os.environ.get("MUTANTS_ENOUGH", "30"))


@dataclass(frozen=True)
class Mutant:
    """One swap: the module, the line, and what the whole module then says."""

    module: str
    line: int
    what: str
    code: str
    name: str
    lines: tuple[int, ...]

    def __str__(self) -> str:
        return f"authops/{self.module}.py:{self.line} {self.swap}"

    @property
    def swap(self) -> str:
        """As EQUIVALENT names it: the swap, and what the line then says."""
        return (
            f"{self.what.removeprefix('ReplaceComparisonOperator_')}: {self.code.splitlines()[self.line - 1].strip()}"
        )


def equivalent() -> set[tuple[str, str]]:
    """Module and swap of those that nobody could tell from what stands there."""
    told = yaml.safe_load(EQUIVALENT.read_text("utf-8"))
    return {(module, swap) for module, whys in told.items() for swaps in whys.values() for swap in swaps}


def _name(module: str, line: int, code: str) -> str:
    """The same as long as the function or statement around a swap says the same. Raises `SyntaxError`."""
    tree = ast.parse(code)
    inside = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or 0)]
    around = [n for n in inside if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)][-1:] or inside[:1]
    return hashlib.sha256(f"{module} {[ast.dump(n) for n in around or [tree]]}".encode()).hexdigest()[:24]


def _lines(code: str, line: int) -> tuple[int, ...]:
    """The lines of the innermost statement there, without those of its body."""
    inside = [
        n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or 0)
    ]
    if not inside:
        return (line,)
    body = getattr(inside[-1], "body", [])
    return tuple(range(inside[-1].lineno, body[0].lineno if body else (inside[-1].end_lineno or line) + 1))


def tool() -> Path:
    """Cosmic Ray, behind everything of ours on the path: what it needs is ours."""
    place = Path(tempfile.gettempdir()) / "authops-mutants"
    if not place.exists():
        quiet = [sys.executable, "-m", "pip", "install", "-q", "--target", str(place), *TOOLS]
        uv = ["uv", "pip", "install", "-q", "--python", sys.executable, "--target", str(place), *TOOLS]
        subprocess.run(quiet if importlib.util.find_spec("pip") else uv, check=True)
    sys.path.append(str(place))
    return place


def mutants(module: str) -> list[Mutant]:
    """Every swap that changes anything in what runs; made once for what a module says."""
    code = (ROOT / "authops" / f"{module}.py").read_text("utf-8")
    how = (_SWAPS, _SAME, _TURNED, _OURS, _NOTHING)
    digest = hashlib.sha256(f"{module} {code} {how}".encode()).hexdigest()[:24]
    kept = tool() / f"{digest}.json"
    if not kept.exists():
        kept.write_text(json.dumps([asdict(one) for one in _made(module, code)]))
    return [Mutant(**one | {"lines": tuple(one["lines"])}) for one in json.loads(kept.read_text())]


def _made(module: str, code: str) -> Iterator[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    tree = get_ast(code)
    for name in (n for n in operator_names() if any(swap in n for swap in _SWAPS)):
        if name.endswith(_SAME) and not name.endswith(_TURNED):
            continue
        operator: Any = get_operator(name)()
        places = [at for node in ast_nodes(tree) for at in operator.mutation_positions(node)]
        for number, (start, _end) in enumerate(places):
            if code.splitlines()[start[0] - 1][: start[1]].endswith(_OURS):
                continue
            changed = mutate_code(code, operator, number)
            with suppress(SyntaxError):  # what is no Python any more would be killed by anything
                if changed and changed != code and not _same_of_texts(code, changed):
                    line, what = start[0], name.rpartition("/")[2]
                    yield Mutant(module, line, what, changed, _name(module, line, changed), _lines(code, line))


def _same_of_texts(code: str, changed: str) -> bool:
    return any(changed.count(one) > code.count(one) for one in _NOTHING)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all within it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


@dataclass
class Place:
    """A module of ours in this process: its functions are told what a mutant says."""

    module: str
    functions: dict[tuple[str, int], list[FunctionType]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = str(ROOT / "authops" / f"{self.module}.py")
        self.here = importlib.import_module(f"authops.{self.module.replace('/', '.')}")
        gc.unfreeze()  # what a test put aside is not listed
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__code__.co_filename == self.path:
                self.functions.setdefault(_where(found.__code__), []).append(found)

    def says(self, mutant: Mutant) -> bool:
        """Say what a mutant says; whether anything did change."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # which pytest makes errors of
            changed = compile(mutant.code, self.path, "exec", dont_inherit=True)
        codes = {_where(code): code for code in _codes(changed)}
        told = [(one, codes[where]) for where, all_ in self.functions.items() for one in all_ if where in codes]
        # Python 3.11 takes code that compares otherwise for equal.
        other = [(function, code) for function, code in told if _plain(function.__code__) != _plain(code)]
        for function, code in other:
            function.__code__ = code
        return bool(other) or self._constants(changed)

    def _constants(self, changed: CodeType) -> bool:
        """Values of the module, wherever they were imported to, and defaults of functions and dataclasses."""
        new = dict(self.here.__dict__)
        exec(changed, new)
        sames = [m for name, m in sys.modules.items() if name.startswith(("authops", "tests"))]
        done = False
        for name, value in new.items():
            old = self.here.__dict__.get(name)
            if isinstance(value, FunctionType) and isinstance(old, FunctionType):
                if (old.__defaults__, old.__kwdefaults__) != (value.__defaults__, value.__kwdefaults__):
                    old.__defaults__, old.__kwdefaults__ = value.__defaults__, value.__kwdefaults__
                    done = True
            elif isinstance(value, type) and isinstance(old, type):
                done |= _defaults(old, value)
            elif not name.startswith("__") and not isinstance(value, ModuleType) and repr(value) != repr(old):
                for module in sames:
                    if getattr(module, name, None) is old:
                        setattr(module, name, value)
                        done = True
        return done


def _defaults(old: type, new: type) -> bool:
    """Of a dataclass, and of its methods: what is taken when nothing is given."""
    if not is_dataclass(old) or repr(fields(old)) == repr(fields(new)):
        return False
    for one in fields(new):
        if one.default is not MISSING:
            setattr(old, one.name, one.default)
    old.__init__ = new.__init__  # type: ignore[misc]
    return True


def _plain(code: CodeType) -> tuple[Any, ...]:
    constants = [_plain(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames


def _where(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


@dataclass
class Trying:
    """As a plugin of pytest: what was collected is asked of each mutant, each in a process of its own."""

    mutants: Sequence[Mutant]
    memory: Path
    through: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    took: dict[int, float] = field(default_factory=dict)
    killers: Counter[int] = field(default_factory=Counter)
    alive: list[Mutant] = field(default_factory=list)
    out: int = field(default_factory=lambda: os.dup(1))

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings  # only now: pytest wants to load it

        # That an example fails is enough; how small it can be is nobody's question.
        quick = {"phases": (Phase.explicit, Phase.generate), "database": None}
        settings.register_profile("mutants", settings.default, **quick)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        names = {str(ROOT / "authops" / f"{m.module}.py"): m.module for m in self.mutants}
        for number in range(len(self.items)):
            self._measured(number, names)
        places = {module: Place(module) for module in dict.fromkeys(names.values())}
        self._say(f"{len(self.items):,} tests took {sum(self.took.values()):.0f} s")
        # Nothing of the past is looked at by a child's collector, nor copied.
        gc.freeze()
        for mutant in self.mutants:
            by = self._killer(mutant, places[mutant.module])
            if by is None:
                self.alive.append(mutant)
                self._say(f"  survived: {mutant}")
            else:
                with self.memory.open("a") as file:
                    file.write(f"{mutant.name} {by}\n")
        return True

    def _say(self, words: str) -> None:
        """Past pytest, which keeps what tests print."""
        os.write(self.out, f"{words}\n".encode())

    def _measured(self, number: int, names: dict[str, str]) -> None:
        """Run a test as it is, and note the lines it runs through."""
        hit: set[tuple[str, int]] = set()

        def line(frame: FrameType, _event: str, _: Any) -> Any:
            hit.add((names[frame.f_code.co_filename], frame.f_lineno))
            return line

        def call(frame: FrameType, event: str, _: Any) -> Any:
            return line(frame, event, _) if frame.f_code.co_filename in names else None

        began = time.process_time()
        sys.settrace(call)
        threading.settrace(call)
        failed = self._failed(number)
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        self.took[number] = time.process_time() - began
        if failed:
            self._say(f"  fails as it is: {self.items[number].nodeid}")
        else:
            for place in hit:
                self.through.setdefault(place, set()).add(number)

    def _failed(self, number: int) -> bool:
        reports = runtestprotocol(self.items[number], nextitem=None, log=False)
        return any(report.failed for report in reports)

    def _judges(self, mutant: Mutant) -> list[int]:
        lines = [(mutant.module, line) for line in mutant.lines]
        found = set().union(*(self.through.get(line, set()) for line in lines))
        found = found or {n for (module, _), tests in self.through.items() if module == mutant.module for n in tests}
        likely = sorted((n for n in found if self.killers[n]), key=lambda n: -self.killers[n])[:_LIKELY]
        return likely + sorted(found - set(likely), key=lambda n: self.took[n])

    def _killer(self, mutant: Mutant, place: Place) -> str | None:
        """The test that notices a mutant."""
        judges = self._judges(mutant)
        reads, writes = os.pipe()
        if not (life := os.fork()):
            os.setsid()
            try:
                if not place.says(mutant):
                    self._say(f"  nothing changes: {mutant}")
            except BaseException:  # its import fails
                os._exit(1)
            spent = 0.0
            for number in judges:
                os.write(writes, number.to_bytes(4, "big"))
                signal.setitimer(signal.ITIMER_PROF, _PATIENCE + 5 * self.took[number])
                signal.alarm(_WAITING)
                if self._failed(number):
                    os._exit(1)
                if (spent := spent + self.took[number]) > _ENOUGH:
                    break
            os._exit(0)
        os.close(writes)
        asked, number = b"", 0
        while part := os.read(reads, 4 << 10):
            asked = (asked + part)[-4:]
        os.close(reads)
        _, status = os.waitpid(life, 0)
        with suppress(ProcessLookupError):
            os.killpg(life, signal.SIGKILL)
        if status == 0:
            return None
        number = int.from_bytes(asked, "big") if asked else -1
        self.killers[number] += 1
        return self.items[number].nodeid.replace(" ", "_") if number >= 0 else "its import"


def main(count: str = "all", seed: str = "1", *names: str) -> None:
    memory = tool() / "killed"
    known = {line.partition(" ")[0] for line in memory.read_text().splitlines()} if memory.exists() else set()
    by_name = {module.rpartition("/")[2]: module for module in MODULES}
    modules = [by_name[name] for name in names or by_name]
    everything = [mutant for module in modules for mutant in mutants(module)]
    dice = random.Random(seed)
    some = everything if count == "all" else dice.sample(everything, min(int(count), len(everything)))
    same = equivalent()
    equal = [mutant for mutant in some if (mutant.module, mutant.swap) in same]
    some = [mutant for mutant in some if mutant not in equal]
    left = [mutant for mutant in sorted(some, key=_order(modules)) if mutant.name not in known]
    print(f"{len(everything):,} mutants of {len(modules)} modules, {len(some):,} tried, {len(left):,} anew", flush=True)
    trying = Trying(left, memory)
    tests = os.environ.get("MUTANTS_TESTS", " ".join(TESTS)).split()
    pytest.main([*_PYTEST, *tests], plugins=[trying])
    alive = Counter(mutant.module for mutant in trying.alive)
    tried = Counter(mutant.module for mutant in some)
    alike = Counter(mutant.module for mutant in equal)
    for module in tried:
        share, told = 1 - alive[module] / tried[module], f"{alike[module]:>3} equivalent, {alive[module]:>3} alive"
        print(f"{module:24} {tried[module] + alike[module]:>5} mutants, {told} ({share:.1%} of the others killed)")
    print(f"{len(some) - alive.total():,} of {len(some):,} killed ({1 - alive.total() / max(len(some), 1):.1%})")


def _order(modules: Sequence[str]) -> Callable[[Mutant], tuple[int, int]]:
    return lambda mutant: (modules.index(mutant.module), mutant.line)


if __name__ == "__main__":
    main(*sys.argv[1:])
