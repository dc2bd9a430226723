"""The house: arrows between modules point one way, modules stay small, everything public is explained and typed."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "authops"
# Which rooms a room may use; its own goes without saying. docs/house.md says what lives in each.
ARROWS: dict[str, set[str]] = {
    "words": set(),
    "phone": {"words"},
    "graph": {"words", "demo"},
    "methods": {"words", "phone", "graph"},
    "tenant": {"words", "phone", "graph", "methods"},
    "plan": {"words", "phone", "methods"},
    "source": {"words", "phone", "graph", "methods", "tenant", "plan"},
    "apply": {"words", "phone", "graph", "methods", "tenant", "handover"},
    "audit": {"words", "phone", "graph", "methods", "tenant", "source"},
    "campaign": {"words", "graph", "methods", "tenant"},
    "handover": {"words"},
    "show": {"words", "audit", "plan"},
    "run": {"words", "graph", "methods", "tenant", "plan", "source", "apply", "show"},
    "demo": set(),
}
# What stands outside of the rooms: the front door of the notebooks, and the command line.
OUTSIDE = {"__init__.py": set(), "__main__.py": {"words", "graph", "plan", "source", "run"}}
EVERYTHING = sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> set[str]:
    """Names under authops that a module imports; "" stands for the package itself."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "authops":
            names = [node.module or ""] if node.module != "authops" else [f"authops.{a.name}" for a in node.names]
        found |= {n.partition(".")[2] for n in names if n.split(".")[0] == "authops"}
    return found


def beyond(path: Path) -> set[str]:
    """What a module imports and may not."""
    place = path.relative_to(PACKAGE).parts
    allowed = OUTSIDE[place[0]] if len(place) == 1 else ARROWS[place[0]] | {place[0]}
    return {name.split(".")[0] for name in imports(path)} - {""} - allowed


def test_arrows_point_one_way() -> None:
    assert {path: found for path in EVERYTHING if (found := beyond(path))} == {}


def test_the_table_of_arrows_has_no_circle_and_no_room_that_is_not_there() -> None:
    assert set(ARROWS) == {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert tuple(TopologicalSorter(ARROWS).static_order())


def test_beside_the_rooms_stand_only_the_front_door_and_the_command_line() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == set(OUTSIDE)


def test_the_demo_tenant_shares_no_code_with_the_client() -> None:
    of_it = sorted((PACKAGE / "demo").rglob("*.py"))
    shared = {path: {n for n in imports(path) if n.partition(".")[0] != "demo"} for path in of_it}
    assert {path: names for path, names in shared.items() if names} == {}


def test_a_module_has_one_job_and_few_lines() -> None:
    assert [path for path in EVERYTHING if path.stem in ("utils", "helpers", "common", "misc")] == []
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in EVERYTHING}
    assert {path: n for path, n in lines.items() if n > 400} == {}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def unsaid(path: Path) -> list[str]:
    """What a module does not explain, or does not say the type of."""
    tree = ast.parse(path.read_text("utf-8"))
    named = [n for n in ast.walk(tree) if isinstance(n, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))]
    nested = {inner for outer in functions(tree) for inner in ast.walk(outer) if inner is not outer}
    public = [n for n in named if not n.name.startswith("_") and n not in nested]
    private = {m for c in named if isinstance(c, ast.ClassDef) and c.name.startswith("_") for m in ast.walk(c)}
    unexplained = [n.name for n in public if not ast.get_docstring(n) and n not in private]
    untyped = [f.name for f in functions(tree) if f.returns is None and f not in nested]
    return [*unexplained, *untyped, *([] if ast.get_docstring(tree) else ["the module"])]


def test_everything_public_says_what_it_does_and_returns() -> None:
    assert {path: names for path in EVERYTHING if (names := unsaid(path))} == {}


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


# Which of its own rooms a room of the demo tenant may use.
DEMO: dict[str, set[str]] = {
    "world": set(),
    "login": set(),
    "faults": {"world"},
    "odata": {"world", "login"},
    "directory": {"world", "odata", "login"},
    "reports": {"world", "odata", "login"},
    "methods": {"world", "odata", "reports"},
    "wire": {"world", "odata", "login", "faults", "directory", "reports", "methods"},
}


def test_arrows_between_the_rooms_of_the_demo_tenant_point_one_way() -> None:
    for path in sorted((PACKAGE / "demo").glob("*/*.py")):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("demo.")}
        assert used <= DEMO[path.parent.name] | {path.parent.name}, path
    assert tuple(TopologicalSorter(DEMO).static_order())


def test_the_page_shows_every_room_with_what_it_uses_and_every_module() -> None:
    page = (PACKAGE.parent / "docs" / "house.md").read_text("utf-8")
    shown = set(re.findall(r"^    (\w+)/? ", page, re.MULTILINE))
    modules = {p.stem for p in EVERYTHING if len(p.relative_to(PACKAGE).parts) == 2 and p.name != "__init__.py"}
    rooms = {p.parent.name for p in (PACKAGE / "demo").glob("*/__init__.py")}
    assert shown == modules | rooms
    for room, uses in ARROWS.items():
        (line,) = re.findall(rf"^\| `{room}` \| (.*) \|$", page, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", line)) == uses
