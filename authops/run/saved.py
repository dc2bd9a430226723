"""Where papermill saves a notebook while it runs: always whole, always scanned; no half-written one holds a number.

papermill would write all of it before and after each cell. Here a save scans the cells that show something new, and is
none when nothing is.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from authops.words import disk
from authops.words.redaction import Scanner

ENGINE: Final = "authops"
_SCHEME: Final = "authops-run:"
# Ways to clouds that papermill looks for when it is imported, a quarter of a second; it goes without.
_CLOUDS: Final = ("papermill.abs", "papermill.adl", "papermill.s3", "pyarrow.fs", "gcsfs", "github")


class Saved:
    """Where papermill saves one notebook. `failure`: why the last text is not there."""

    def __init__(self, path: Path, scanner: Scanner) -> None:
        self.path, self.scanner = path, scanner
        self.found: Counter[str] = Counter()
        self.failure: OSError | None = None
        self._text = ""
        self._cells: dict[int, _Cell] = {}

    @property
    def name(self) -> str:
        """What papermill is told to write to; it fills in braces."""
        return _SCHEME + str(self.path).replace("{", "{{").replace("}", "}}")

    def write(self, text: str) -> None:
        """Save what papermill hands over; a full disk is remembered, and does not interrupt what the kernel does."""
        self.found = Counter()
        book = self.scanner.tree(json.loads(text.replace(_SCHEME, "")), self.found)
        self._text = json.dumps(book, indent=1, ensure_ascii=False) + "\n"
        self._save(at_any_price=False)

    def grown(self, book: Mapping[str, Any]) -> None:
        """Save a notebook that is running, when one of its cells shows something new."""
        if not sum(self._is_new(number, cell) for number, cell in enumerate(book["cells"])):
            return
        cells = [cell.masked for cell in self._cells.values()]
        rest = {k: self.scanner.tree(v) for k, v in book.items() if k != "cells"}
        self._text = f'{{"cells": [{", ".join(cells)}], {_dumped(rest)[1:]}\n'.replace(_SCHEME, "")
        self._save(at_any_price=False)

    def _is_new(self, number: int, cell: Mapping[str, Any]) -> bool:
        shown = _dumped(cell.get("outputs", []))
        if number in self._cells and self._cells[number].shown == shown:
            return False
        self._cells[number] = _Cell(shown, _dumped(self.scanner.tree(cell)))
        return True

    def keep(self) -> None:
        """Try once more, at any price, when the last text could not be saved."""
        if self.failure is not None:
            self._save(at_any_price=True)

    def _save(self, *, at_any_price: bool) -> None:
        try:
            disk.write(self.path, self._text, at_any_price=at_any_price)
        except OSError as error:
            self.failure = error
        else:
            self.failure = None


class _Cell:
    """A cell as it was saved last: what it showed, and all of it, masked."""

    def __init__(self, shown: str, masked: str) -> None:
        self.shown, self.masked = shown, masked


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class _Shelf:
    """papermill's way to write, for paths that begin with our scheme."""

    def __init__(self) -> None:
        self.open: dict[str, Saved] = {}

    def write(self, text: str, path: str) -> None:
        self.open[path].write(text)

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(_SCHEME)


_SHELF: Final = _Shelf()


@contextmanager
def saving(saved: Saved) -> Iterator[None]:
    """Let papermill, with our engine, save to it by its name."""
    _prepare()
    key = _SCHEME + str(saved.path)
    _SHELF.open[key] = saved
    try:
        yield
    finally:
        del _SHELF.open[key]


def _prepare() -> None:
    """Import papermill, and make our way to write and our engine known to it."""
    with _without(_CLOUDS):
        from papermill.engines import NBClientEngine, papermill_engines
        from papermill.iorw import papermill_io

    class Engine(NBClientEngine):  # type: ignore[misc]
        """papermill's own, but for the saves while it runs; the first and the last are whole."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **words: Any) -> Any:
            saved = _SHELF.open[nb_man.output_path]

            def save(**_: Any) -> None:
                saved.grown(nb_man.nb)
                nb_man.last_save_time = nb_man.now()

            nb_man.save = save
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **words)
            finally:
                del nb_man.save

    if not any(handler is _SHELF for _, handler in papermill_io._handlers):
        papermill_io.register(_SCHEME, _SHELF)
    papermill_engines.register(ENGINE, Engine)


@contextmanager
def _without(modules: tuple[str, ...]) -> Iterator[None]:
    """While these are not there, as if they were not installed."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
