"""log.jsonl: one JSON object to a line, written by the runner and the kernel alike, shown on the console as it grows.

No line holds a full number or a secret: each is masked before it is written.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from authops.words import disk
from authops.words.redaction import Scanner, secrets_of

Say = Callable[[str], None]
RUNNER: Final = "authops.runner"
_SHOWN: Final = "authops.progress"


class _JsonLines(logging.Formatter):
    scanner = Scanner.knowing((), secrets_of(os.environ))

    def format(self, record: logging.LogRecord) -> str:
        found: Counter[str] = Counter()
        words = self.scanner.text(record.getMessage(), found)
        return _line(record.created, record.levelname, record.name, words, +found)


def _line(created: float, level: str, logger: str, message: str, masked: Counter[str]) -> str:
    at = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    line: dict[str, Any] = {"at": at, "level": level, "logger": logger, "message": message}
    return json.dumps(line | ({"masked": dict(masked)} if masked else {}), ensure_ascii=False)


def log_to(folder: Path) -> None:
    """Everything `authops` logs goes to log.jsonl of the latest run opened."""
    log = logging.getLogger("authops")
    for old in [h for h in log.handlers if isinstance(h, logging.FileHandler)]:
        log.removeHandler(old)
        old.close()
    path = folder / "log.jsonl"
    os.close(disk.lasting(path, os.O_WRONLY))
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def said(path: Path, say: Say, clean: Callable[[str], str]) -> Say:
    """What is said, cleaned, is also a line of the log; a log that cannot be written is no reason to fall silent."""

    def both(words: str) -> None:
        words = clean(words)
        say(words)
        line = _line(datetime.now(UTC).timestamp(), "INFO", RUNNER, words.strip(), Counter())
        try:
            with os.fdopen(disk.lasting(path, os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8") as log:
                log.write(line + "\n")
        except OSError:
            pass

    return both


@contextmanager
def shown(path: Path, say: Say) -> Iterator[None]:
    """Show the kernel's progress and warnings while it works; `say` cleans what a kernel could not know."""
    over = threading.Event()
    follower = threading.Thread(target=_follow, args=(path, say, over), daemon=True)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def _follow(path: Path, say: Say, over: threading.Event) -> None:
    position = path.stat().st_size if path.exists() else 0
    last = False
    while not last:
        last = over.wait(0.5)
        if path.exists():
            with path.open(encoding="utf-8") as log:
                log.seek(position)
                lines = log.readlines()
                position = log.tell()
            for line in lines:
                _show(line, say)


def _show(line: str, say: Say) -> None:
    try:
        entry = json.loads(line)
    except ValueError:
        return
    if entry["logger"] == _SHOWN or entry["level"] in ("WARNING", "ERROR"):
        say(f"    {entry['message']}")
