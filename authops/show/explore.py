"""The widgets an analyst drills down with: pick a dimension, a value in it, a second one, where people stand.

A click on a bar, a part of it or a key of the legend picks as well.
Headless no widget is built (the notebooks look at `run.headless`); then `pictures` shows every dimension instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, Final

import anywidget
import pandas as pd
import traitlets

from authops.audit import coverage, export, retirement
from authops.audit.coverage import AND
from authops.show import exposure, pictures
from authops.show.views import View, text
from authops.words.figures import number

EVERYBODY: Final = "everybody"
_ANY: Final = "wherever they stand"
_NOT: Final = "nothing else"


class Clicks(anywidget.AnyWidget):
    """A picture whose tiles and bars may be clicked: `row` is the bar, `pick` its part; `clicked` counts."""

    _esm = """
    function render({ model, el }) {
      const draw = () => { el.innerHTML = model.get("html"); }; // made and escaped by authops
      el.style.cursor = "default";
      el.addEventListener("click", (event) => {
        const part = event.target.closest("[data-pick]"), row = event.target.closest("[data-row]");
        if (!part && !row) return;
        model.set({ pick: part?.dataset.pick ?? "", row: row?.dataset.row ?? "", clicked: model.get("clicked") + 1 });
        model.save_changes();
      });
      model.on("change:html", draw);
      draw();
      return () => model.off("change:html", draw);
    }
    export default { render };
    """
    _css = "[data-pick], [data-row] text { cursor: pointer }"
    html = traitlets.Unicode().tag(sync=True)
    pick = traitlets.Unicode().tag(sync=True)
    row = traitlets.Unicode().tag(sync=True)
    clicked = traitlets.Int(0).tag(sync=True)


@dataclass(frozen=True)
class _Lens:
    """How people of one shape are looked at: along what, in which states, and the pictures of it."""

    dimensions: Iterable[str]
    column: str
    states: Iterable[str]
    worst: tuple[str, ...]
    by: Callable[..., pd.DataFrame]
    members: Callable[[pd.DataFrame, str, str], pd.DataFrame]
    dimension: Callable[..., View]
    whole: Callable[[pd.DataFrame, str], View]
    people: Callable[..., View]


_COVERAGE: Final = _Lens(
    coverage.DIMENSIONS, "standing", coverage.STANDINGS,
    ("nothing", "no lasting factor", "phone only", "unknown", "app or key", "passwordless"),
    coverage.by, coverage.members,
    pictures.worst_first, pictures.standings, pictures.people,
)  # fmt: skip
_EXPOSURE: Final = _Lens(
    retirement.DIMENSIONS, "status", retirement.STATUSES,
    ("blocked", "nothing", "reset only", "not known", "disabled", "covered"), retirement.by, retirement.members,
    exposure.exposure_by, exposure.exposure, exposure.exposed_people,
)  # fmt: skip


class DrillDown:
    """COVERAGE behind a few controls. `chosen` is what they pick; the last expression of a cell shows it."""

    lens: _Lens = _COVERAGE

    def __init__(
        self, coverage: pd.DataFrame, *, first: str = "department", limit: int = 25, folder: Path | None = None
    ) -> None:
        """`folder`: where *Export* puts what is shown; without one there is no such button."""
        widgets = import_module("ipywidgets")
        self.coverage, self._limit, self._folder = coverage, limit, folder
        self.dimension = widgets.Dropdown(options=list(self.lens.dimensions), value=first, description="by")
        self.value = widgets.Dropdown(options=self._values(first), description="only")
        self.cross = widgets.Dropdown(options=[_NOT, *self.lens.dimensions], description="and by")
        self.crossed = widgets.Dropdown(options=[EVERYBODY], description="and only", disabled=True)
        self.standing = widgets.Dropdown(options=[_ANY, *self.lens.states], description=self.lens.column)
        self.search = widgets.Text(placeholder="part of a name", description="name")
        self.export = widgets.Button(
            description="Export what is shown", disabled=folder is None, layout={"width": "auto"}
        )
        self._chart, self._list, self._said = Clicks(), widgets.HTML(), widgets.HTML()
        picks = [self.dimension, self.value, self.cross, self.crossed, self.standing, self.search, self.export]
        for one in picks[:-1]:
            one.layout.width, one.style.description_width = "250px", "76px"
        controls = widgets.HBox(picks)
        controls.layout.flex_flow = "row wrap"
        self.box = widgets.VBox([controls, self._said, self._chart, self._list])
        self.dimension.observe(lambda _: self._other(self.dimension, self.value), "value")
        self.cross.observe(lambda _: self._other(self.cross, self.crossed), "value")
        for control in (self.value, self.crossed, self.standing, self.search):
            control.observe(lambda _: self._draw(), "value")
        self.export.on_click(lambda _: self._export())
        self._chart.observe(lambda _: self._clicked(), "clicked")
        self._draw()

    @property
    def chosen(self) -> pd.DataFrame:
        """The people (COVERAGE) whom the controls pick."""
        found = self._of_values()
        if self.standing.value != _ANY:
            found = found[found[self.lens.column] == self.standing.value]
        part = self.search.value.strip().casefold()
        named = found["user_principal_name"] + " " + found["display_name"]
        found = found[named.str.casefold().str.contains(part, regex=False)] if part else found
        worst = {state: place for place, state in enumerate(self.lens.worst)}
        rank = found.assign(first=found["admin"] != "yes", place=found[self.lens.column].map(worst).fillna(len(worst)))
        return rank.sort_values(["place", "first", "user_principal_name"], kind="stable")[list(found.columns)]

    @property
    def _picked(self) -> list[tuple[str, str]]:
        """Each dimension that is looked along, with the value that is picked in it."""
        asked = [(self.dimension.value, self.value.value), (self.cross.value, self.crossed.value)]
        return [(name, value) for name, value in asked if name != _NOT]

    def _of_values(self) -> pd.DataFrame:
        found = self.coverage
        for name, value in self._picked:
            found = found if value == EVERYBODY else self.lens.members(found, name, value)
        return found

    def _values(self, dimension: str) -> list[str]:
        return [EVERYBODY, *(self.lens.by(self.coverage, dimension)["value"] if dimension != _NOT else ())]

    def _other(self, dimension: Any, value: Any) -> None:
        value.options, value.disabled = self._values(dimension.value), dimension.value == _NOT
        value.value = EVERYBODY
        self._draw()

    def _draw(self) -> None:
        along = [name for name, value in self._picked if value == EVERYBODY]
        only = [(name, value) for name, value in self._picked if value != EVERYBODY]
        if along:
            picture = self.lens.dimension(self._of_values(), *along)
        else:
            picture = self.lens.whole(self._of_values(), AND.join(value for _, value in only))
        chosen = self.chosen
        whom = ", ".join(f"{name} {value}" for name, value in only) or EVERYBODY
        said = ", ".join([whom, *([f"by {' and '.join(along)}"] if along else []), self.standing.value])
        heading = f"<h4>{number(len(chosen))} people: {text(said)}</h4>"
        self._chart.html = picture._repr_html_()
        listed = self.lens.people(chosen, limit=self._limit)
        self._list.value = View(heading + listed.html, listed.plain)._repr_html_()
        self._said.value = ""

    def _clicked(self) -> None:
        """A part picks where people stand; a bar picks its value, or both values of a pair."""
        row, pick = self._chart.row, self._chart.pick
        free = [one for one in (self.value, self.crossed) if not one.disabled and one.value == EVERYBODY]
        for values in product(*(one.options for one in free)):
            if AND.join(values) == row:
                for control, value in zip(free, values, strict=True):
                    control.value = value
                break
        if pick in self.standing.options:
            self.standing.value = pick

    def _export(self) -> None:
        if self._folder:
            path = export.csv_file(self.chosen, self._folder / f"shown-{self.lens.column}.csv")
            self._said.value = View(text(f"{number(len(self.chosen))} people in {path}"), "")._repr_html_()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget where there is a kernel; where there is none, the picture as it was."""
        bundle = self.box._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return data | {"text/html": self._chart.html + self._list.value}, metadata


class ExposureDrillDown(DrillDown):
    """The same for EXPOSURE."""

    lens = _EXPOSURE
