"""An executed notebook → the page that people forward: the answer first, no code, no script, nothing loaded."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from authops.show.views import View, failure, text
from authops.words import disk

_TEMPLATES: Final = Path(__file__).parent / "templates"
_NOTEBOOK_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)\s]+\.ipynb\)")
_PAPERMILL: Final = "papermill-error-cell-tag"  # what it adds around a cell that broke, in large red letters
_CONTENTS: Final = "<!-- contents -->"
_HEADINGS: Final = re.compile(r'<h2 id="[^"]*">(.*?)<a class="anchor-link" href="([^"]*)">')
_LONG: Final = 7
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


def to_html(notebook_path: Path, out_path: Path, *, title: str) -> Path:
    """An executed notebook as one self-contained page: no script, no network, code hidden, the outcome first."""
    disk.write(out_path, page(notebook_path, title=title))
    return out_path


def page(notebook_path: Path, *, title: str) -> str:
    """The same page as a text."""
    book = import_module("nbformat").read(notebook_path, as_version=4)
    cells = _without_silent([c for c in book.cells if _PAPERMILL not in c.metadata.get("tags", [])])
    book.cells = [_without_links(_folded(c)) for c in _failure_first(_outcome_first(cells))]
    html, _ = _exporter().from_notebook_node(book, resources={"metadata": {"name": title}})
    return _with_contents(str(html))


def _with_contents(html: str) -> str:
    """Contents for a long page."""
    heads = [(match[1], match[2]) for match in _HEADINGS.finditer(html)]
    items = "".join(f'<li><a href="{link}">{words}</a></li>' for words, link in heads)
    folded = f'<details class="contents"><summary>Contents</summary><ol>{items}</ol></details>'
    return html.replace(_CONTENTS, folded if len(heads) >= _LONG else "", 1)


@cache
def _exporter() -> Any:
    """One for all pages of a run: its templates are compiled once."""
    exporters, filters = import_module("nbconvert.exporters"), import_module("nbconvert.filters")
    widgets = import_module("nbconvert.filters.widgetsdatatypefilter")

    class Page(exporters.HTMLExporter):  # type: ignore[misc, name-defined]
        """nbconvert's own, which then looks through the page by CSS selector; only pictures have anything to find."""

        def from_notebook_node(self, nb: Any, resources: Any = None, **words: Any) -> Any:
            kinds = widgets.WidgetsDataTypeFilter(notebook_metadata=nb.metadata, parent=self, resources=resources)
            self.register_filter("filter_data_type", kinds)
            self.register_filter("highlight_code", filters.Highlight2HTML(parent=self))
            made = exporters.TemplateExporter.from_notebook_node(self, nb, resources, **words)
            return super().from_notebook_node(nb, resources, **words) if "<img" in made[0] else made

    return Page(template_name="report", extra_template_basedirs=[str(_TEMPLATES)])


def _without_silent(cells: list[Any]) -> list[Any]:
    """Without cells that show nothing, and without the words that lead to nothing but them; the title stays."""
    kept: list[Any] = []
    for cell in cells:
        if cell.cell_type != "code" or cell.outputs:
            kept.append(cell)
        elif kept and kept[-1].cell_type == "markdown" and not kept[-1].source.startswith("# "):
            kept.pop()
    return kept


def _outcome_first(cells: list[Any]) -> list[Any]:
    """The title with its question, then cells tagged `outcome`, then those tagged `summary` under their own words, then
    what the notebook says about itself, then the rest."""
    titles = (i for i, c in enumerate(cells) if c.cell_type == "markdown" and c.source.startswith("# "))
    lead = next(titles, -1) + 1
    rest = list(enumerate(cells))[lead:]
    outcome = [i for i, c in rest if "outcome" in c.metadata.get("tags", [])]
    summary = [i for i, c in rest if "summary" in c.metadata.get("tags", [])]
    under = [j for i in summary for j in (i - 1, i) if j >= lead and (j == i or cells[j].cell_type == "markdown")]
    early = list(dict.fromkeys(outcome + under))
    title, about = _divided(cells[:lead])
    return [*title, *(cells[i] for i in early), *about, *(c for i, c in rest if i not in early)]


def _failure_first(cells: list[Any]) -> list[Any]:
    """What broke, under the title, in the words of the error."""
    errors = [o for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]
    if not errors:
        return cells
    end = next((i for i, c in enumerate(cells) if c.cell_type == "markdown" and c.source.startswith("# ")), -1) + 1
    said = View(failure(errors[0].ename, errors[0].evalue), "")._repr_html_()
    new = import_module("nbformat.v4")
    output = new.new_output("display_data", {"text/html": said})
    cell = new.new_code_cell("", id="failure", outputs=[output], metadata={"tags": ["outcome"]})
    return [*cells[:end], cell, *cells[end:]]


def _folded(cell: Any) -> Any:
    """Where it broke, the error's words again; the traceback only for who unfolds it."""
    if cell.cell_type == "code":
        cell.outputs = [_told(o) if o.output_type == "error" else o for o in cell.outputs]
    return cell


def _told(error: Any) -> Any:
    trace = text(_COLOURS.sub("", "\n".join(error.traceback)))
    folded = f"<details><summary>traceback</summary><pre>{trace}</pre></details>"
    html = View(failure(error.ename, error.evalue) + folded, "")._repr_html_()
    return import_module("nbformat.v4").new_output("display_data", {"text/html": html})


def _divided(lead: list[Any]) -> tuple[list[Any], list[Any]]:
    """The cells up to the title, cut after its first paragraph: a manager wants the answer before the permissions."""
    if not lead:
        return [], []
    *before, title = lead
    question, _, more = title.source.partition("\n\n")
    if not more:
        return lead, []
    about = type(title)(title | {"id": "about", "source": f"## About this page\n\n{more}"})
    title.source = question
    return [*before, title], [about]


def _without_links(cell: Any) -> Any:
    """A page travels alone, and the notebooks it names do not: their names stay, the links go."""
    if cell.cell_type == "markdown":
        cell.source = _NOTEBOOK_LINK.sub(r"\1", cell.source)
    return cell
