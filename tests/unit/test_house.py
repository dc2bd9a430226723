"""The house: arrows between modules point one way, modules stay small, everything public is explained and typed."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "authops"
WORDS = {
    "errors",
    "frames",
    "numbering",
    "phone",
    "places",
    "views",
    "disk",
    "durations",
    "permissions",
    "scan",
    "answer",
    "yaml_file",
}
ARROWS: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "frames": {"errors"},
    "numbering": set(),
    "phone": {"errors", "numbering"},
    "console": set(),
    "places": {"errors"},
    "views": set(),
    "disk": set(),
    "durations": {"errors"},
    "permissions": set(),
    "scan": {"phone"},
    "yaml_file": {"errors", "scan"},
    "answer": {"errors"},
    "table_file": WORDS,
    "mapping": WORDS | {"table_file"},
    "notes": WORDS,
    "source": WORDS | {"table_file", "mapping", "notes"},
    "profile": WORDS | {"source", "directory", "graph", "requests"},
    "judge": WORDS | {"notes"},
    "plan": WORDS | {"judge"},
    "plan_file": WORDS | {"plan"},
    "charts": {"views"},
    "coverage": WORDS,
    "quality": WORDS,
    "trend": WORDS | {"coverage"},
    "snapshot": WORDS,
    "export": WORDS | {"table_file"},
    "runbook": WORDS,
    "certificate": {"errors"},
    "connection": WORDS | {"demo", "certificate"},
    "rate": WORDS,
    "graph": WORDS | {"connection", "rate"},
    "requests": WORDS,
    "directory": WORDS | {"graph", "requests"},
    "journal": WORDS,
    "breaker": WORDS,
    "guards": WORDS | {"plan", "notes"},
    "undo": WORDS | {"plan"},
    "lock": WORDS,
    "protection": WORDS | {"graph", "requests", "directory"},
    "audit_log": WORDS | {"graph", "requests"},
    "scope": WORDS | {"graph", "directory", "table_file"},
    "campaign": WORDS | {"graph", "requests", "directory"},
    "change": WORDS | {"requests"},
    "apply": WORDS | {"journal", "directory", "graph", "rate", "breaker", "change"},
    "verify": WORDS | {"apply", "directory", "graph", "audit_log"},
    "report": WORDS,
    "report_page": WORDS,
    "pictures": WORDS | {"charts", "coverage", "quality", "trend", "report"},
    "explore": WORDS | {"coverage", "pictures"},
    "selection": WORDS | {"plan"},
    "decision_file": WORDS | {"selection"},
    "grid": WORDS,
    "review": WORDS | {"report", "plan", "plan_file", "selection", "decision_file", "grid"},
    "stop_button": WORDS,
    "resume": WORDS | {"journal"},
    "tenants": WORDS | {"connection", "runbook"},
    "fleet": WORDS | {"disk", "lock", "outcome", "publish", "runbook", "tenants"},
    "outcome": WORDS,
    "runlog": WORDS,
    "run": WORDS
    | {"connection", "graph", "journal", "plan", "apply", "source", "verify", "lock", "outcome", "runlog", "resume"},
    "publish": WORDS | {"report_page"},
    "stopping": WORDS | {"runlog"},
    "execute": WORDS | {"runbook", "lock", "outcome", "publish", "runlog", "stopping"},
    "runs": WORDS | {"journal", "lock", "outcome"},
    "prune": WORDS | {"outcome", "publish", "runs"},
    "notify": WORDS | {"outcome", "publish"},
    "doctor": WORDS | {"connection", "directory", "graph", "outcome", "requests"},
    "__main__": WORDS
    | {
        "console",
        "runbook",
        "run",
        "execute",
        "connection",
        "plan_file",
        "source",
        "doctor",
        "fleet",
        "tenants",
        "notify",
        "outcome",
        "prune",
        "runs",
    },
}
MODULES = sorted(PACKAGE.glob("*.py"))
EVERYTHING = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Names under authops that a module imports; "" stands for the package itself."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "authops":
            names = [node.module or ""] if node.module != "authops" else [f"authops.{a.name}" for a in node.names]
        found |= {n.partition(".")[2] for n in names if n.split(".")[0] == "authops"}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_arrows_point_one_way(path: Path) -> None:
    assert path.stem in ARROWS, "a new room: say in ARROWS what it may import, and in docs/house.md why it is there"
    assert {name.split(".")[0] for name in imports(path)} <= ARROWS[path.stem]


@pytest.mark.parametrize("path", sorted((PACKAGE / "demo").rglob("*.py")), ids=lambda p: p.stem)
def test_the_demo_tenant_shares_no_code_with_the_client(path: Path) -> None:
    assert all(name == "demo" or name.startswith("demo.") for name in imports(path))


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_module_has_one_job_and_few_lines(path: Path) -> None:
    assert path.stem not in ("utils", "helpers", "common", "misc")
    assert len(path.read_text("utf-8").splitlines()) <= 430


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_everything_public_says_what_it_does_and_returns(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    named = [n for n in ast.walk(tree) if isinstance(n, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))]
    nested = {inner for outer in functions(tree) for inner in ast.walk(outer) if inner is not outer}
    public = [n for n in named if not n.name.startswith("_") and n not in nested]
    private = {m for c in named if isinstance(c, ast.ClassDef) and c.name.startswith("_") for m in ast.walk(c)}
    assert [n.name for n in public if not ast.get_docstring(n) and n not in private] == []
    assert [f.name for f in functions(tree) if f.returns is None and f not in nested] == []


def test_functions_are_short() -> None:
    lengths = sorted(
        (f.end_lineno or 0) - f.body[0].lineno + 1
        for path in EVERYTHING
        for f in functions(ast.parse(path.read_text("utf-8")))
    )
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 40


def test_importing_the_package_or_the_command_line_loads_nothing_heavy() -> None:
    heavy = ("msgraph", "papermill", "ipywidgets", "IPython", "azure.identity", "nbconvert", "pandas", "starlette")
    code = f"import authops, authops.__main__, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
