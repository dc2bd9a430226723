"""Files that others open: complete, private, and nothing in them runs."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from authops.audit import export
from authops.words.errors import ParameterError

EVIL = ["=cmd|' /C calc'!A0", "+31 612345678", "-1+1", "@SUM(A1)", "\t=1", 'he said "hi", twice', "plain, with comma"]
DATA = pd.DataFrame({"name": pd.Series(EVIL, dtype="str"), "users": range(len(EVIL))})


def test_a_spreadsheet_runs_nothing_and_loses_nothing(tmp_path: Path) -> None:
    kept = export.write({"people": DATA}, tmp_path, "audit", "all")
    assert set(kept) == {"audit-people.csv", "audit-people.parquet", "audit.xlsx"}
    rows = list(csv.reader(io.StringIO((tmp_path / "audit-people.csv").read_text("utf-8-sig"))))
    sheet = load_workbook(tmp_path / "audit.xlsx")["people"]
    for said in ([row[0] for row in rows[1:]], [cell.value for cell in sheet["A"][1:]]):
        assert [text.removeprefix("'") for text in said] == EVIL
        assert not [text for text in said if text[0] in "=+-@\t"]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert [cell.value for cell in sheet["B"][1:]] == list(range(len(EVIL)))


def test_a_name_with_control_characters_breaks_no_workbook_and_begins_no_row(tmp_path: Path) -> None:
    names = pd.DataFrame({"name": pd.Series(["a\x07b", "c\x00", "\ufffe", "x\r=cmd|' /C calc'!A0"], dtype="str")})
    export.write({"people": names}, tmp_path, "audit", "all")
    sheet = load_workbook(tmp_path / "audit.xlsx")["people"]
    assert [cell.value for cell in sheet["A"][1:4]] == ["a\ufffdb", "c\ufffd", "\ufffd"]
    rows = list(csv.reader(io.StringIO((tmp_path / "audit-people.csv").read_bytes().decode("utf-8-sig"), newline="")))
    assert len(rows) == 1 + len(names)


def test_parquet_keeps_values_as_they_are(tmp_path: Path) -> None:
    export.write({"people": DATA}, tmp_path, "audit", "parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "audit-people.parquet"), DATA)


@pytest.mark.parametrize(("kind", "files"), [("none", set()), ("csv", {"a-x.csv"}), ("excel", {"a.xlsx"})])
def test_what_is_asked_for_and_nothing_else_for_its_owner_only(tmp_path: Path, kind: str, files: set[str]) -> None:
    export.write({"x": DATA}, tmp_path, "a", kind)
    assert {p.name for p in tmp_path.iterdir()} == files
    assert all(p.stat().st_mode & 0o077 == 0 for p in tmp_path.iterdir())


def test_more_rows_than_excel_holds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_MOST_ROWS", 3)
    with pytest.raises(ParameterError, match="more than Excel holds"):
        export.write({"x": DATA}, tmp_path, "a", "excel")
