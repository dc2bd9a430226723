"""The board on which codes are shown, as a widget that is never displayed: a dialog over the page, and no output.

Its face is `static/board.js` and `static/board.css`. It has no state of its own: all it says are messages, that no
notebook keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anywidget

_STATIC: Final = Path(__file__).parent / "static"


def _nobody(_message: Mapping[str, Any]) -> None:
    """Nobody listens yet."""


class Board(anywidget.AnyWidget):
    """What every page of this notebook shows while a pass waits to be handed over."""

    _esm = (_STATIC / "board.js").read_text("utf-8")
    _css = (_STATIC / "board.css").read_text("utf-8")

    def __init__(self) -> None:
        super().__init__()
        self.heard: Callable[[Mapping[str, Any]], None] = _nobody
        self.on_msg(self._said)

    def tell(self, message: dict[str, Any]) -> None:
        """Say this to every page."""
        self.send(message)

    def _said(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        self.heard(message)
