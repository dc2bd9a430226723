"""Frames as files that others open: CSV and Excel that run nothing, and Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.source.safe_csv import spreadsheet_safe
from authops.words import disk
from authops.words.errors import ParameterError

FORMATS: Final = {"none": (), "csv": ("csv",), "excel": ("xlsx",), "parquet": ("parquet",)}
ALL: Final = ("csv", "xlsx", "parquet")
_MOST_ROWS: Final = 1_048_575
_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write(frames: Mapping[str, pd.DataFrame], folder: Path, what: str, kind: str) -> dict[str, str]:
    """Frames by name → files `what-NAME.csv`, `what.xlsx` with a sheet each, `what-NAME.parquet`; name → rows.

    `kind`: none, csv, excel, parquet or all. Readable by their owner only. A cell that a spreadsheet would take for
    a formula gets an apostrophe in front, in CSV and Excel; a character that no workbook can hold is a � there.
    Raises `ParameterError` for what Excel cannot hold.
    """
    kinds = ALL if kind == "all" else FORMATS[kind]
    kept: dict[str, str] = {}
    for name, data in frames.items():
        if "csv" in kinds:
            kept[csv_file(data, folder / f"{what}-{name}.csv").name] = f"{len(data):,} rows"
        if "parquet" in kinds:
            kept[_parquet(data, folder / f"{what}-{name}.parquet").name] = f"{len(data):,} rows"
    if "xlsx" in kinds:
        kept[_workbook(frames, folder / f"{what}.xlsx").name] = f"{len(frames)} sheets"
    return kept


def _private(path: Path) -> Any:
    return open(disk.fresh(path), "wb")


def _safe(data: pd.DataFrame) -> pd.DataFrame:
    """Texts are few and repeat: each distinct one is looked at once."""
    texts = [name for name in data.columns if data[name].dtype == "str" or data[name].dtype == object]
    return data.assign(**{name: data[name].map({v: _cell(v) for v in data[name].unique()}) for name in texts})


def _cell(value: Any) -> Any:
    return spreadsheet_safe(value) if isinstance(value, str) else value


def csv_file(data: pd.DataFrame, path: Path) -> Path:
    """One frame as CSV that runs nothing in a spreadsheet."""
    with _private(path) as file:
        _safe(data).to_csv(file, index=False, encoding="utf-8-sig", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    return path


def _parquet(data: pd.DataFrame, path: Path) -> Path:
    with _private(path) as file:
        data.to_parquet(file, compression="zstd", index=False)
    return path


def _workbook(frames: Mapping[str, pd.DataFrame], path: Path) -> Path:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for name, data in frames.items():
        if len(data) > _MOST_ROWS:
            raise ParameterError(f"{name} has {len(data):,} rows, more than Excel holds", remedy="-p export csv")
        sheet = book.create_sheet(name[:31])
        sheet.freeze_panes = "A2"
        sheet.append([column.replace("_", " ") for column in data.columns])
        for row in _safe(data).itertuples(index=False):
            sheet.append([_NO_XML.sub("\ufffd", cell) if isinstance(cell, str) else cell for cell in row])
    with _private(path) as file:
        book.save(file)
    return path
