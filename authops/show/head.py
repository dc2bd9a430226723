"""The head of a notebook: what runs now, with its Stop, and in the end how it ended.

A widget while something runs, so that any tab that comes back finds it as it is; plain HTML once it is over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from authops.show import failing
from authops.show.views import Progress, View, box, notebook_shell, show

HEAD: Final = "authops-head"
_ESM: Final = Path(__file__).parent / "static" / "head.js"
_WAITING: Final = View(box("How it ended stands here once all cells have run.", "keep"), "")
_CSS: Final = (
    ".ao-stop{font:600 14px system-ui,sans-serif;padding:6px 16px;border-radius:5px;border:1px solid #b3261e;"
    "background:#b3261e;color:#fff;cursor:pointer;margin:2px 0 6px}.ao-stop:disabled{opacity:.6;cursor:default}"
)


class Head(anywidget.AnyWidget):
    """What stands there now; `come` and `keep` count how often it was to come into view, and into the file."""

    _esm = _ESM.read_text("utf-8")
    _css = _CSS
    html = traitlets.Unicode().tag(sync=True)
    stop = traitlets.Bool(False).tag(sync=True)
    asked = traitlets.Bool(False).tag(sync=True)
    come = traitlets.Int(0).tag(sync=True)
    keep = traitlets.Int(0).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._ask: Callable[[], str] = lambda: ""
        self._words, self._began = "", False
        self.on_msg(self._pressed)
        display = import_module("IPython.display").display
        self.say(_WAITING)
        self._handle = display(self, display_id=f"{HEAD}-{id(self):x}")

    def say(self, view: View) -> None:
        """Show this, under what was said about stopping."""
        words = box(self._words, "update") if self._words else ""
        self.html = View(f'<div class="head">{words}{view.html}</div>', view.plain)._repr_html_()

    def begin(self, ask: Callable[[], str]) -> None:
        """Something runs that `ask` stops cleanly: come into view, and into the file."""
        self._ask, self._words, self.asked, self.stop, self._began = ask, "", False, True, True
        self.come += 1
        self.keep += 1

    def over(self, view: View) -> None:
        """Nothing runs any more: this is what came of it."""
        began, self._began = self._began, False
        self._words, self.stop, self.asked = "", False, False
        self.say(view)
        self.come += 1
        self._handle.update(View(f'<div class="head">{view.html}</div>', view.plain))
        self.keep += int(began)

    def _pressed(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        if message.get("do") == "stop" and self.stop:
            self._words, self.asked = self._ask(), True

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": "", "text/plain": ""}, metadata


_standing: Final[list[Head]] = []


def head() -> None:
    """The head of this notebook, from now on; headless there is none: a page begins with how it ended."""
    if notebook_shell() is not None and not os.environ.get("AUTHOPS_HEADLESS"):
        _standing[:] = [Head()]
        failing.in_boxes(over)


def over(view: View) -> bool:
    """Say at the head how it ended; returns whether there is one."""
    for one in _standing:
        one.over(view)
    return bool(_standing)


class Running(Progress):
    """A line that moves at the head, beside a Stop that calls `stop`; headless the line of any progress.

    `lead` is a sentence to stand above it; `already`: how many were done before.
    """

    def __init__(
        self, label: str, total: int = 0, *, stop: Callable[[], str], lead: str = "", already: int = 0
    ) -> None:
        self._head, self._lead = _standing[0] if _standing else None, lead
        if self._head:
            self._head.begin(stop)
        super().__init__(label, total, already=already, display=self._at_head if self._head else None)
        if self._head:
            self.tick(already)

    def _at_head(self, view: View) -> Running:
        self.update(view)
        return self

    def update(self, view: View) -> None:
        """What a display's handle does, at the head."""
        if self._head:
            self._head.say(View(box(self._lead, "info") + view.html, view.plain) if self._lead else view)

    def done(self) -> None:
        """The last figure; nothing can be stopped any more."""
        super().done()
        if self._head:
            self._head.stop = False
            show(self.view(self._clock()))
