"""The review grid as a widget: what is clicked goes to the kernel, what is in sight comes back.

Its face is `static/grid.js` and `static/grid.css`, without a build step and without a network. A page without a kernel
shows the plain table instead, for a widget's state is never saved with a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from authops.show.views import View

_STATIC: Final = Path(__file__).parent / "static"
Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


class Grid(anywidget.AnyWidget):
    """Shows `hello` at once and asks `answer` for everything else; `page` is what stands in a page without a kernel."""

    _esm = (_STATIC / "grid.js").read_text("utf-8")
    _css = (_STATIC / "grid.css").read_text("utf-8")
    hello = traitlets.Dict().tag(sync=True)

    def __init__(self, hello: dict[str, Any], answer: Answer, page: View) -> None:
        super().__init__(hello=hello)
        self._answer, self._page = answer, page
        self.on_msg(self._asked)

    def _asked(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        self.send(self._answer(message))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self._page._repr_html_(), "text/plain": str(self._page)}, metadata
