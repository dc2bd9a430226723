"""Are the rules of writing held by tests? Each comparison, boolean and constant of them is swapped, one at a time.

    .venv/bin/python -m bench.mutants            # every mutant: hours
    .venv/bin/python -m bench.mutants 60 7       # a sample of 60, drawn with seed 7
    .venv/bin/python -m bench.mutants all 1 applier watch

Cosmic Ray makes the mutants (it is put beside the tests when it is missing); a copy of the project is mutated, never
this one. A mutant is killed when a test of its module fails, or takes five times as long. Survivors are printed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
TOOL: Final = "cosmic-ray==8.7.0"
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
    "tenant/protection": "apply/test_guarding",
}
_SWAPS: Final = ("Comparison", "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue", "NumberReplacer", "AddNot")
# Of texts and small numbers, which are what is compared here, identity says the same as equality.
_SAME: Final = ("Eq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")
_SLOWER: Final = 5.0


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


def tool() -> None:
    """Cosmic Ray, behind everything of ours on the path: what both need is ours."""
    place = Path(tempfile.gettempdir()) / f"authops-{TOOL}"
    if not place.exists():
        quiet = [sys.executable, "-m", "pip", "install", "-q", "--target", str(place), TOOL]
        subprocess.run(quiet, check=True)
    sys.path.append(str(place))


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


def asked(place: Path, module: str, limit: float) -> bool:
    """Whether the tests of a module still pass in a copy."""
    files = [f"tests/{name}.py" for name in JUDGES[module].split()]
    words = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *files]
    env = dict(os.environ, PYTHONPATH=str(place), PYTHONDONTWRITEBYTECODE="1", HYPOTHESIS_STORAGE_DIRECTORY=str(place))
    with subprocess.Popen(
        words, cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as life:
        try:
            return life.wait(limit) == 0
        except subprocess.TimeoutExpired:
            os.killpg(life.pid, signal.SIGKILL)
            return False


def survivors(chosen: list[Mutant], place: Path) -> Iterator[Mutant]:
    """Those that no test notices; each module as it was is timed first, and has to pass."""
    limits: dict[str, float] = {}
    for number, mutant in enumerate(chosen, 1):
        path = place / "authops" / f"{mutant.module}.py"
        if mutant.module not in limits:
            begun = time.perf_counter()
            if not asked(place, mutant.module, 3600):
                raise SystemExit(f"the tests of {mutant.module} fail as it is")
            limits[mutant.module] = 20 + _SLOWER * (time.perf_counter() - begun)
        path.write_text(mutant.code, "utf-8")
        if asked(place, mutant.module, limits[mutant.module]):
            print(f"  survived {number}: {mutant}", flush=True)
            yield mutant
        path.write_text((ROOT / "authops" / f"{mutant.module}.py").read_text("utf-8"), "utf-8")


def main(count: str = "all", seed: str = "1", *names: str) -> None:
    tool()
    modules = [module for module in JUDGES if not names or module.rpartition("/")[2] in names]
    everything = [mutant for module in modules for mutant in mutants(module)]
    dice = random.Random(seed)
    some = everything if count == "all" else dice.sample(everything, min(int(count), len(everything)))
    print(f"{len(everything):,} mutants of {len(modules)} modules, {len(some):,} tried", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        left = list(survivors(sorted(some, key=lambda m: (m.module, m.line)), copied(Path(folder))))
    print(f"{len(some) - len(left):,} of {len(some):,} killed ({1 - len(left) / max(len(some), 1):.0%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
