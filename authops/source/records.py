"""JSON records → a table: a list of objects, bare or in an envelope, as Graph and other interfaces answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from authops.source.table import Table, as_text, gathered, refuse_beyond, said
from authops.words.errors import SourceError

_ENVELOPES: Final = ("result", "value", "records", "data", "items")
_MORE: Final = ("@odata.nextLink", "odata.nextLink", "nextLink")
_HALF: Final = re.compile(r"\\ud[89a-f]", re.IGNORECASE)


class _Twice(ValueError):
    """A key that one object has twice."""


def read(text: str, path: Path, facts: dict[str, Any]) -> Table:
    """Lines are positions in the list, from 1. Raises `SourceError` for a key that an object has twice."""
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_float=_number)
        records = _whole(_records(found, path), text)
        flat = [dict(_flat(record)) for record in records]
    except _Twice as twice:
        raise SourceError(f"{path}: {twice}", remedy="keep the right one; which is meant, nobody can tell") from None
    except UnicodeEncodeError:
        raise SourceError(f"{path} holds half a character", remedy="export it again, as UTF-8") from None
    except RecursionError as error:
        raise SourceError(f"{path} is nested too deeply", remedy="export records: [{…}, {…}]") from error
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}", remedy="export it again") from error
    if isinstance(found, dict) and any(found.get(name) for name in _MORE):
        facts |= {"further pages": "there are, and this file holds one: it was cut off at a nextLink"}
    header = list(dict.fromkeys(chain.from_iterable(flat)))
    refuse_beyond(len(header) * len(flat), path)
    return gathered(header, ((n, [r.get(name, "") for name in header]) for n, r in enumerate(flat, 1)), facts, path)


def _records(found: Any, path: Path) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        found = next((found[name] for name in _ENVELOPES if isinstance(found.get(name), list)), [found])
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found) or not found:
        raise SourceError(f"{path} holds no list of records", remedy="export records: [{…}, {…}]")
    return found


def _whole(records: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The records, whose text can be written again: JSON may name one half of a character that has two."""
    if _HALF.search(text):
        json.dumps(records, ensure_ascii=False).encode()
    return records


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(f"a record has {said(next(k for k in keys if keys.count(k) > 1))!r} twice")
    return found


def _number(text: str) -> float | str:
    """A number that was written as 3.16E+10 has lost digits, and stays as it was written."""
    return text if "e" in text.lower() else float(text)


def _flat(record: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested objects as `outer.inner`; one that is shown to people by a value of its own is that value."""
    for name, value in record.items():
        if isinstance(value, dict) and "display_value" in value:
            yield above + name, as_text(value["display_value"])
        elif isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, "; ".join(map(as_text, value)) if isinstance(value, list) else as_text(value)
