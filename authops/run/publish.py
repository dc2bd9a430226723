"""What a run leaves for people: notebooks, pages, the log. Each is scanned first; what may not stand there is masked.

A notebook is scanned every time papermill saves it, so that no half-written one holds a number either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.show import report_page
from authops.words import disk
from authops.words.redaction import Scanner

_SCHEME: Final = "authops-run:"
_VALUES: Final = ("before", "after", "found")


class Known:
    """What a run knows that may not be published: these secrets, and the numbers of its plan and outcomes so far."""

    def __init__(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        self.folder, self._secrets = folder, frozenset(secrets)
        self._stamp: object = None
        self._scanner = Scanner()

    def scanner(self, *, reveal: bool = False) -> Scanner:
        """A scanner that knows all of it; read again only when the run has kept more."""
        files = sorted(self.folder.glob("*.parquet"))
        stamp = [(path.name, path.stat().st_mtime_ns) for path in files]
        if stamp != self._stamp:
            values = {value for path in files for value in _values(path)}
            self._stamp, self._scanner = stamp, Scanner.knowing(values, self._secrets)
        return replace(self._scanner, reveal=reveal)


def _values(path: Path) -> set[str]:
    from pyarrow import parquet

    try:
        columns = [name for name in _VALUES if name in parquet.read_schema(path).names]
        data = pd.read_parquet(path, columns=columns)
    except (OSError, ValueError):
        return set()  # half-written, by a run that was killed
    return {str(value) for name in columns for value in data[name].dropna().unique()}


class Saved:
    """Where papermill saves one notebook: always whole, always scanned. `failure`: why the last text is not there."""

    def __init__(self, path: Path, scanner: Scanner) -> None:
        self.path, self.scanner = path, scanner
        self.found: Counter[str] = Counter()
        self.failure: OSError | None = None
        self._text = ""

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
    """Let papermill save to it by its name."""
    from papermill.iorw import papermill_io

    if not any(handler is _SHELF for _, handler in papermill_io._handlers):
        papermill_io.register(_SCHEME, _SHELF)
    key = _SCHEME + str(saved.path)
    _SHELF.open[key] = saved
    try:
        yield
    finally:
        del _SHELF.open[key]


def page(notebook: Path, scanner: Scanner) -> Counter[str]:
    """The page beside an executed notebook; returns what had to be masked there."""
    found: Counter[str] = Counter()
    title = notebook.stem.partition("_")[2].capitalize()
    html = scanner.text(report_page.page(notebook, title=title), found)
    disk.write(notebook.with_suffix(".html"), html)
    return found


def again(notebook: Path, scanner: Scanner) -> Counter[str]:
    """Scan a notebook once more, now that the run knows all its numbers; rewritten only when something was found."""
    found: Counter[str] = Counter()
    book = scanner.tree(json.loads(notebook.read_text("utf-8")), found)
    if +found:
        disk.write(notebook, json.dumps(book, indent=1, ensure_ascii=False) + "\n")
    return found


def log(path: Path, scanner: Scanner, since: int = 0) -> Counter[str]:
    """Scan a log from a position on, once nothing writes to it; returns what was masked, now or when it was written."""
    found: Counter[str] = Counter()
    if not path.exists():
        return found
    whole = path.read_bytes()
    lines = [_line(line, scanner, found) for line in whole[since:].decode("utf-8", "replace").splitlines()]
    text = whole[:since].decode("utf-8", "replace") + "".join(f"{line}\n" for line in lines)
    if text.encode() != whole:
        disk.write(path, text)
    return found


def _line(line: str, scanner: Scanner, found: Counter[str]) -> str:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return scanner.text(line, found)
    found.update(entry.get("masked", {}))
    here: Counter[str] = Counter()
    masked = scanner.tree(entry, here)
    found.update(+here)
    return json.dumps(masked, ensure_ascii=False) if +here else line
