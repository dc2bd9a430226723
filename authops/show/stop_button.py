"""The button beside a running apply: it only asks; the apply ends by itself once the writes in flight are settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from authops.show.views import box


class StopButton:
    """`ask` is called when it is pressed and returns what it did, in words."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self.button = widgets.Button(description="Stop", icon="stop", button_style="danger", tooltip="stop cleanly")
        self.said = widgets.HTML()
        self.button.on_click(self._pressed)
        self._both = widgets.HBox([self.button, self.said])

    def _pressed(self, _button: object) -> None:
        self.said.value = f'<div class="ao">{box(self._ask(), "update")}</div>'

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The button; nothing in a page without a kernel, where nothing can be stopped."""
        return {**(self._both._repr_mimebundle_(**kwargs) or {}), "text/html": "", "text/plain": ""}
