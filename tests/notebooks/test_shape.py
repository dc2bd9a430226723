"""Notebooks as they are committed: short, in order, without outputs, with parameters that papermill can see."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
import yaml
from nbclient import NotebookClient

from authops.run import runbook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORBIDDEN = re.compile(r"^\s*(def|class|try)\b|\b(display|print|input|globals)\(|sys\.exit|%pip|!pip", re.MULTILINE)


def cells(path: Path, kind: str = "code") -> list[Any]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def parameters_cell(path: Path) -> Any:
    found = [c for c in cells(path) if "parameters" in c.metadata.get("tags", [])]
    assert len(found) == 1
    return found[0]


def test_every_notebook_is_a_runbook_and_every_runbook_a_notebook() -> None:
    assert {p.name for p in NOTEBOOKS} == set(runbook.RUNBOOKS.values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_nothing_of_a_run_is_committed(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) >= (4, 5)
    assert book.metadata.kernelspec.name == "python3"
    assert not {"papermill", "widgets"} & set(book.metadata)
    for cell in cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None
        assert "injected-parameters" not in cell.metadata.get("tags", [])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_reads_like_a_page(path: Path) -> None:
    kinds = [c.cell_type for c in nbformat.read(path, as_version=4).cells]
    assert all(before == "markdown" for before, cell in zip(["", *kinds], kinds, strict=False) if cell == "code")
    assert kinds[0] == "markdown"
    assert sum("import" in c.source for c in cells(path)) == 1
    for cell in cells(path):
        assert len(cell.source.splitlines()) <= (56 if "parameters" in cell.metadata.get("tags", []) else 12)
        assert not FORBIDDEN.search(cell.source)


@pytest.mark.parametrize("name", list(runbook.RUNBOOKS))
def test_parameters_are_what_papermill_and_the_yaml_file_say(name: str) -> None:
    path = ROOT / "notebooks" / runbook.RUNBOOKS[name]
    assigned = [n.target.id for n in ast.parse(parameters_cell(path).source).body]  # type: ignore[attr-defined]
    assert set(papermill.inspect_notebook(str(path))) == set(assigned)
    assert set(yaml.safe_load((ROOT / "parameters" / f"{name}.yaml").read_text())) == set(assigned)
    assert set(runbook.declared(name)) == set(assigned)


@pytest.mark.parametrize("name", list(runbook.RUNBOOKS))
def test_no_later_cell_gives_a_parameter_another_value(name: str) -> None:
    """What is looked at when a run is opened, also by a cell that is run again, is what a person wrote."""
    path = ROOT / "notebooks" / runbook.RUNBOOKS[name]
    later = [c.source for c in cells(path) if "parameters" not in c.metadata.get("tags", [])]
    nodes = [node for source in later for node in ast.walk(ast.parse(source))]
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert stored & set(runbook.declared(name)) == set()


def test_wrong_words_in_a_notebook_that_is_run_by_hand_are_told_in_boxes_before_a_run_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("AUTHOPS_HEADLESS", raising=False)
    book = nbformat.read(ROOT / "notebooks" / runbook.RUNBOOKS["preview"], as_version=4)
    code = [c for c in book.cells if c.cell_type == "code"][:3]
    code[1].source = code[1].source.replace('on_retiring: str = "note"', 'on_retiring: str = "stop"')
    slips = {
        'ticket: str = "CHG': "line 1 of the cell cannot be read, unterminated string",
        "source: str = ../people.csv": "line 1 of the cell cannot be read, invalid syntax",
        "\nconnection: str = demo": "NameError: name 'demo' is not defined",
        "max_changes: int = int('+31 612345678 x')": "It broke: ValueError",
    }
    code[2:2] = [nbformat.v4.new_code_cell(source) for source in slips]
    done = NotebookClient(nbformat.v4.new_notebook(cells=code), kernel_name="python3", allow_errors=True).execute()
    shown = ["".join(str(one) for one in cell.outputs) for cell in done.cells[2:]]
    for outputs, said in zip(shown, [*slips.values(), "on_retiring must be one of note, hold, allow"], strict=True):
        assert html.escape(said) in outputs or said in outputs
        assert "'output_type': 'error'" not in outputs
        assert "612345678" not in outputs
    assert all("text stands between quotes" in outputs for outputs in shown[:3])
    assert "Where it broke" in shown[3] and "Traceback" in shown[3]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_opens_with_what_it_needs_and_will_not_do_and_leads_on(path: Path) -> None:
    first, *others = cells(path, "markdown")
    for word in ("needs", "writes", "never"):
        assert f"| **{word}** |" in first.source
    assert re.search(r"\*\*Next:\*\* [^*]*\]\(\d_\w+\.ipynb\)", first.source)
    links = re.findall(r"\]\(([^)]+)\)", "".join(c.source for c in (first, *others)))
    assert [link for link in links if not (path.parent / link).is_file()] == []
