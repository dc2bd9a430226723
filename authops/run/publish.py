"""What a run leaves for people: notebooks, pages, the log. Each is scanned first, and masked where it has to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from authops.run import outcome, runbook
from authops.show import report_page, run_page
from authops.words import disk
from authops.words.redaction import Scanner

_OPENED: Final = (".csv", ".xlsx", ".md", ".ics")
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
        with parquet.ParquetFile(path) as file:
            columns = [name for name in _VALUES if name in file.schema_arrow.names]
            kept = file.read(columns=columns)
    except (OSError, ValueError):
        return set()  # half-written, by a run that was killed
    return {str(value) for column in kept.columns for value in set(column.to_pylist()) if value is not None}


def page(notebook: Path, scanner: Scanner) -> Counter[str]:
    """The page beside an executed notebook; returns what had to be masked there."""
    found: Counter[str] = Counter()
    title = notebook.stem.partition("_")[2].capitalize()
    html = scanner.text(report_page.page(notebook, title=title), found)
    disk.write(notebook.with_suffix(".html"), html)
    return found


def index(folder: Path) -> None:
    """The run's first page, and on every page of it the way to the others."""
    known = {name: Path(file).with_suffix(".html").name for name, file in runbook.RUNBOOKS.items()}
    pages = {name: page for name, page in known.items() if (folder / page).exists()}
    for name in pages.values():
        html = (folder / name).read_text("utf-8")
        disk.write(folder / name, run_page.with_links(html, name, pages))
    whole = outcome.read(folder)
    files = sorted(path.name for path in folder.iterdir() if path.suffix in _OPENED)
    disk.write(folder / run_page.NAME, run_page.page(folder.name, whole, pages, files))


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
