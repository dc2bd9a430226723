"""An audit's snapshot on disk: Parquet, without a single number, to compare with the next one.

The counts a trend needs stand in the file's footer, so that years of snapshots are read in no time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.words import disk
from authops.words.errors import ParameterError
from authops.words.frames import COVERAGE, EXPOSURE, Shape, check

_FORMAT: Final = "1"
_NOT_KEPT: Final = ("display_name",)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sort:
    """What a snapshot is of: the first part of its files' names, and the shape of its people."""

    name: str
    shape: Shape

    @property
    def file(self) -> str:
        """Its name in a run folder."""
        return f"{self.name}.parquet"


AUDIT: Final = Sort("snapshot", COVERAGE)
RETIREMENT: Final = Sort("retirement", EXPOSURE)
NAME: Final = AUDIT.file


@dataclass(frozen=True)
class Snapshot:
    """One audit of one tenant: `at` (UTC, ISO 8601), `tally` as it was counted then, and the file."""

    path: Path
    tenant_id: str
    at: str
    tally: Mapping[str, int]
    sort: Sort = AUDIT

    def load(self) -> pd.DataFrame:
        """Its people (in the sort's shape, display names empty). A column that an older format lacks is empty."""
        data = pd.read_parquet(self.path).reindex(columns=list(self.sort.shape))
        return data.astype("object").fillna("").astype("str")


def save(
    people: pd.DataFrame, tally: Mapping[str, int], folder: Path, *, tenant_id: str, at: str, sort: Sort = AUDIT
) -> Path:
    """Write people (in the sort's shape) into a folder, readable by its owner only."""
    return _write(folder / sort.file, people, sort, {"tenant_id": tenant_id, "at": at, "tally": dict(tally)})


def keep(path: Path, folder: str, sort: Sort = AUDIT) -> Path | None:
    """A copy of a run's snapshot in the folder where a schedule keeps them; None when no folder is named."""
    if not folder:
        return None
    at = _read(path).at.replace("-", "").replace(":", "")[:15]
    kept = Path(folder) / f"{sort.name}-{_read(path).tenant_id}-{at}Z.parquet"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with _private(kept) as file:
            file.write(path.read_bytes())
    except OSError as error:
        raise ParameterError(f"{kept} cannot be written: {error.strerror}", remedy="check `snapshots`") from error
    return kept


def of(folder: Path, sort: Sort = AUDIT) -> Snapshot:
    """The snapshot of one run folder."""
    return _read(folder / sort.file, sort)


def earlier(
    runs: Path, kept: str = "", *, tenant_id: str, before: str, most: int, sort: Sort = AUDIT
) -> list[Snapshot]:
    """The newest snapshots of a tenant made before a moment, oldest first: of the run folders in `runs`, and those
    that `keep` put into the folder `kept`.

    The same audit in both places counts once; a file that cannot be read is left out, with a warning.
    """
    paths = [*runs.glob(f"*/{sort.file}"), *(Path(kept).glob(f"{sort.name}-*.parquet") if kept else [])]
    read = (_readable(path, sort) for path in paths)
    found = {s.at: s for s in read if s and s.tenant_id == tenant_id and s.at < before}
    return [found[at] for at in sorted(found)][-most:] if most > 0 else []


def _readable(path: Path, sort: Sort) -> Snapshot | None:
    try:
        return _read(path, sort)
    except Exception as error:  # pyarrow raises whatever the damage is
        _log.warning("snapshot %s cannot be read, so it is left out (%s)", path, type(error).__name__)
        return None


def _read(path: Path, sort: Sort = AUDIT) -> Snapshot:
    import pyarrow.parquet as pq

    said = json.loads((pq.read_schema(path).metadata or {})[b"authops.snapshot"])
    return Snapshot(path, str(said["tenant_id"]), str(said["at"]), said["tally"], sort)


def _write(path: Path, people: pd.DataFrame, sort: Sort, said: Mapping[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(check(people, sort.shape).drop(columns=[*_NOT_KEPT]), preserve_index=False)
    noted = {**(table.schema.metadata or {}), b"authops.snapshot": json.dumps({**said, "format": _FORMAT}).encode()}
    new = path.with_suffix(".new")
    with _private(new) as file:
        pq.write_table(table.replace_schema_metadata(noted), file, compression="zstd")
    new.replace(path)
    return path


def _private(path: Path) -> Any:
    return open(disk.fresh(path), "wb")
