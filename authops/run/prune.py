"""Retention: after a while full numbers go, and reports stay. A run that is going on, or is not over, is left alone."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from authops.run import outcome, publish
from authops.run.runs import Past
from authops.words import disk
from authops.words.redaction import Scanner

# Plans, journals, outcomes, source rows, copies, and what a killed run left half-written.
_FULL: Final = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".ods", ".new")
# What an editor or a person keeps of a file before it is changed, whatever the file was.
_COPIES: Final = (".bak", ".old", ".orig", ".tmp", ".swp", ".swo", ".zip", ".gz", ".7z")
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".pdf")
_ALWAYS: Final = ("plan.parquet", "outcomes.parquet", "verified.parquet", "dry-run.parquet", "problems.parquet")


@dataclass(frozen=True)
class Pruned:
    """What was (or would be) done to one run: files removed, pages whose numbers were masked, or why nothing.

    `failed`: it was to be done and could not be.
    """

    run: Path
    removed: tuple[str, ...]
    masked: tuple[str, ...]
    size: int
    kept: str = ""
    failed: bool = False


def prune(found: Iterable[Past], *, keep: timedelta, now: datetime, dry_run: bool = False) -> list[Pruned]:
    """Remove full-number files of runs that ended longer ago than `keep`; says for each old run what it did.

    Links are neither followed nor removed. What cannot be removed in one run keeps no other from being pruned.
    """
    old = [past for past in found if now - past.ended > keep]
    return [done for done in (_tried(past, now, dry_run) for past in old) if done.removed or done.masked or done.kept]


def _tried(past: Past, now: datetime, dry_run: bool) -> Pruned:
    try:
        return _pruned(past, now, dry_run)
    except OSError as error:
        return Pruned(past.folder, (), (), 0, f"{error.strerror}: {Path(error.filename or past.folder).name}", True)


def _pruned(past: Past, now: datetime, dry_run: bool) -> Pruned:
    why = "it is running" if past.running else past.open
    if why:
        return Pruned(past.folder, (), (), 0, why)
    scanner = publish.Known(past.folder).scanner()
    files = _files(past.folder)
    full = [path for path in files if _holds_numbers(path, scanner)]
    size = sum(path.stat().st_size for path in full)
    # Pages first: once the plan is gone, nobody knows its numbers any more.
    masked = [path for path in files if path not in full and _is_text(path) and _mask(path, scanner, dry_run)]
    removed, changed = (tuple(str(p.relative_to(past.folder)) for p in paths) for paths in (full, masked))
    done = Pruned(past.folder, removed, changed, size)
    if not dry_run and (full or masked):
        for path in full:
            path.unlink()
        before = list(outcome.read(past.folder).get("pruned", []))
        note = {"at": now.isoformat(timespec="seconds"), "removed": done.removed, "masked": done.masked}
        _note(past.folder, [*before, note])
    return done


def _files(folder: Path) -> list[Path]:
    """Every file at any depth, also in what an editor or a person made there; no link, and nothing behind one."""
    found = (Path(where) / name for where, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _note(folder: Path, pruned: list[object]) -> None:
    """Write down what went, beside what the run itself wrote, and touch nothing else of it."""
    whole = outcome.read(folder) | {"pruned": pruned}
    disk.write(folder / "outcome.json", json.dumps(whole, indent=2, ensure_ascii=False))


def _holds_numbers(path: Path, scanner: Scanner) -> bool:
    suffixes = [suffix.lower().rstrip("~#") for suffix in path.suffixes]
    if path.name in _ALWAYS or path.name == ".reserve" or path.name.endswith(("~", "#")):
        return True
    if set(suffixes[-1:]) & {*_FULL, *_COPIES} or set(suffixes) & set(_FULL):
        return True
    return ".parquet" in suffixes and _numbers_in(path, scanner)


def _is_text(path: Path) -> bool:
    """Anything but a picture or a table: what a person noted down there may hold a number as well as a page does."""
    return path.suffix.lower() not in (".parquet", *_PICTURES) and path.name != ".running"


def _numbers_in(path: Path, scanner: Scanner) -> bool:
    try:
        data = pd.read_parquet(path)
    except (OSError, ValueError):
        return True  # nobody can tell, so it goes
    texts = [data[name].dropna().astype(str).unique() for name in data if not pd.api.types.is_numeric_dtype(data[name])]
    found: Counter[str] = Counter()
    for values in texts:
        scanner.text("\n".join(values), found)
    return bool(found["number"])


def _mask(path: Path, scanner: Scanner, dry_run: bool) -> bool:
    """Mask what a text still shows (a page with `reveal_numbers`); whether there was something."""
    found: Counter[str] = Counter()
    try:
        before = path.read_text("utf-8")
        if path.suffix in (".ipynb", ".json"):
            after = json.dumps(scanner.tree(json.loads(before), found), indent=1, ensure_ascii=False)
        else:
            after = scanner.text(before, found)
    except ValueError:
        after = scanner.text(path.read_text("utf-8", "replace"), found)
    if +found and not dry_run:
        disk.write(path, after)
    return bool(+found)


def report(done: Iterable[Pruned], *, dry_run: bool) -> list[str]:
    """What to say, a line for each old run."""
    removed, masked = ("would remove", "would mask") if dry_run else ("removed", "masked")
    lines = []
    for one in done:
        if one.kept:
            lines.append(f"kept     {one.run.name}: {one.kept}")
            continue
        said = [f"{removed} {', '.join(one.removed)} ({one.size:,} bytes)"] if one.removed else []
        said += [f"{masked} numbers in {', '.join(one.masked)}"] if one.masked else []
        lines.append(f"pruned   {one.run.name}: {'; '.join(said)}")
    return lines or ["nothing to prune"]


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)
