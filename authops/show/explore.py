"""The widgets an analyst drills down with: pick a dimension, a value in it, where people stand. Reads only.

Headless no widget is built (the notebooks look at `run.headless`); then `pictures` shows every dimension instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import pandas as pd

from authops.audit import coverage, retirement
from authops.show import exposure, pictures
from authops.show.views import View, text

EVERYBODY: Final = "everybody"
_ANY: Final = "wherever they stand"


@dataclass(frozen=True)
class _Lens:
    """How people of one shape are looked at: along what, in which states, and the pictures of it."""

    dimensions: Iterable[str]
    column: str
    states: Iterable[str]
    by: Callable[[pd.DataFrame, str], pd.DataFrame]
    members: Callable[[pd.DataFrame, str, str], pd.DataFrame]
    dimension: Callable[[pd.DataFrame, str], View]
    whole: Callable[[pd.DataFrame], View]
    people: Callable[..., View]


_COVERAGE: Final = _Lens(
    coverage.DIMENSIONS, "standing", coverage.STANDINGS, coverage.by, coverage.members,
    pictures.dimension, pictures.standings, pictures.people,
)  # fmt: skip
_EXPOSURE: Final = _Lens(
    retirement.DIMENSIONS, "status", retirement.STATUSES, retirement.by, retirement.members,
    exposure.exposure_by, exposure.exposure, exposure.exposed_people,
)  # fmt: skip


class DrillDown:
    """COVERAGE behind four controls. `chosen` is what they pick; the last expression of a cell shows it."""

    lens: _Lens = _COVERAGE

    def __init__(self, coverage: pd.DataFrame, *, first: str = "department", limit: int = 50) -> None:
        widgets = import_module("ipywidgets")
        self.coverage, self._limit = coverage, limit
        self.dimension = widgets.Dropdown(options=list(self.lens.dimensions), value=first, description="by")
        self.value = widgets.Dropdown(options=self._values(), description="only")
        self.standing = widgets.Dropdown(options=[_ANY, *self.lens.states], description=self.lens.column)
        self.search = widgets.Text(placeholder="part of a name", description="name", continuous_update=False)
        self._chart, self._list = widgets.HTML(), widgets.HTML()
        controls = widgets.HBox([self.dimension, self.value, self.standing, self.search])
        controls.layout.flex_flow = "row wrap"
        self.box = widgets.VBox([controls, self._chart, self._list])
        self.dimension.observe(self._other_dimension, "value")
        for control in (self.value, self.standing, self.search):
            control.observe(lambda _: self._draw(), "value")
        self._draw()

    @property
    def chosen(self) -> pd.DataFrame:
        """The people (COVERAGE) whom the controls pick."""
        found = self._of_value()
        if self.standing.value != _ANY:
            found = found[found[self.lens.column] == self.standing.value]
        part = self.search.value.strip().casefold()
        named = found["user_principal_name"] + " " + found["display_name"]
        return found[named.str.casefold().str.contains(part, regex=False)] if part else found

    def _of_value(self) -> pd.DataFrame:
        everybody = self.value.value == EVERYBODY
        return self.coverage if everybody else self.lens.members(*self._where())

    def _where(self) -> tuple[pd.DataFrame, str, str]:
        return self.coverage, self.dimension.value, self.value.value

    def _values(self) -> list[str]:
        return [EVERYBODY, *self.lens.by(self.coverage, self.dimension.value)["value"]]

    def _other_dimension(self, _: object) -> None:
        self.value.options = self._values()
        self.value.value = EVERYBODY
        self._draw()

    def _draw(self) -> None:
        everybody = self.value.value == EVERYBODY
        picture = self.lens.dimension(*self._where()[:2]) if everybody else self.lens.whole(self._of_value())
        chosen = self.chosen
        heading = f"<h4>{len(chosen):,} people: {text(self.value.value)}, {text(self.standing.value)}</h4>"
        self._chart.value = picture._repr_html_()
        listed = self.lens.people(chosen, limit=self._limit)
        self._list.value = View(heading + listed.html, listed.plain)._repr_html_()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget where there is a kernel; where there is none, the picture as it was."""
        bundle = self.box._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return data | {"text/html": self._chart.value + self._list.value}, metadata


class ExposureDrillDown(DrillDown):
    """The same for EXPOSURE."""

    lens = _EXPOSURE
