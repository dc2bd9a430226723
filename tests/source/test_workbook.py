"""A workbook as a person looks at it: what is hidden, shown otherwise, or calculated is left out, refused, or said."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from authops.source import table, table_file, wanted_file, workbook
from authops.source.number_format import shown
from authops.source.wanted import Source
from authops.words.errors import SourceError

HEADER = ["UPN", "Mobile", "ForcedRemoval"]
PEOPLE = [[f"{name}@contoso.example", f"+31 61234567{n}", ""] for n, name in enumerate(("anna", "bert", "cleo"))]


def made(*rows: list[Any]) -> Workbook:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    return book


def read(folder: Path, book: Workbook, **options: str) -> Source:
    book.save(folder / "made.xlsx")
    return wanted_file.read(folder / "made.xlsx", **options)


def who(got: Source) -> list[str]:
    return [name.partition("@")[0] for name in got.wanted["user"]]


@pytest.mark.parametrize("way", ["hidden", "grouped"])
def test_rows_that_a_sheet_hides_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    book = made(HEADER, *PEOPLE)
    row = book.worksheets[0].row_dimensions
    if way == "grouped":
        row.group(3, 3, hidden=True)
    else:
        row[3].hidden = True
    with caplog.at_level(logging.WARNING, logger="authops"):
        got = read(tmp_path, book)
    assert (who(got), got.facts["hidden rows left out"], got.facts["rows"]) == (["anna", "cleo"], 1, 2)
    assert "hidden rows left out: 1 (parameter `hidden` decides)" in caplog.text
    both = wanted_file.read(tmp_path / "made.xlsx", hidden="read")
    assert (who(both), both.facts["hidden rows read"]) == (["anna", "bert", "cleo"], 1)


def test_a_row_found_again_for_the_next_input_is_the_one_that_was_seen(tmp_path: Path) -> None:
    book = made(HEADER, *PEOPLE)
    book.worksheets[0].row_dimensions[3].hidden = True
    got = read(tmp_path, book)
    assert "bert" not in wanted_file.pick(tmp_path / "made.xlsx", {2, 3, 4}, got.facts)


def test_a_hidden_column_is_not_there(tmp_path: Path) -> None:
    book = made(HEADER, ["anna@contoso.example", None, "TRUE"])
    book.worksheets[0].column_dimensions["C"].hidden = True
    got = read(tmp_path, book)
    assert got.facts["hidden columns left out"] == ["ForcedRemoval"]
    assert set(got.wanted["intent"]) == {"leave"}
    assert set(wanted_file.read(tmp_path / "made.xlsx", hidden="read").wanted["intent"]) == {"remove"}


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_read_only_when_it_is_named(tmp_path: Path, state: str) -> None:
    book = made(HEADER, PEOPLE[0])
    old = book.create_sheet("Old")
    for row in (HEADER, PEOPLE[1]):
        old.append(row)
    old.sheet_state = state
    got = read(tmp_path, book)
    assert (who(got), got.facts["hidden sheets left alone"]) == (["anna"], 1)
    named = wanted_file.read(tmp_path / "made.xlsx", sheet="Old")
    assert (who(named), named.facts["the sheet itself"]) == (["bert"], "is hidden")


def test_a_hidden_sheet_does_not_stand_in_for_one_that_does_not_fit(tmp_path: Path) -> None:
    book = made(["Read me"], ["please"])
    hidden = book.create_sheet("People")
    for row in (HEADER, PEOPLE[0]):
        hidden.append(row)
    hidden.sheet_state = "hidden"
    with pytest.raises(SourceError, match="no user column"):
        read(tmp_path, book)


FORMATS = [
    ('"+33 "0', 612345678, "+33 612345678"),
    ('"+"0', 33612345678, "+33612345678"),
    ("\\+0", 33612345678, "+33612345678"),
    ("[$+33] 0", 612345678, "+33 612345678"),
    ("0000000000", 612345678, "0612345678"),
    ('00" "00" "00" "00" "00', 612345678, "06 12 34 56 78"),
    ("[<=9999999]###-####;(###) ###-####", 2065550100, "(206) 555-0100"),
    ("#,##0", 33612345678, "33612345678"),
    ("0,", 33612345678, None),
    (";;;", 33612345678, None),
    ("0%", 33612345678, None),
    ('"call me"', 33612345678, None),
]


@pytest.mark.parametrize(("form", "value", "seen"), FORMATS)
def test_a_number_is_what_its_format_shows_or_nothing(form: str, value: int, seen: str | None) -> None:
    assert shown(form, value) == seen


@pytest.mark.parametrize(
    ("form", "cell", "wanted", "rule"),
    [
        ('"+33 "0', 612345678, "+33 612345678", ""),
        ('"+33 "@', "612345678", "+33 612345678", ""),
        ("0000000000", 612345678, "+31 612345678", ""),
        ("0,", 33612345678, "", "shown_otherwise"),
        (";;;", 33612345678, "", "shown_otherwise"),
        ("General", 61234567.8, "", "shown_otherwise"),
    ],
)
def test_a_cell_is_read_as_it_is_shown(tmp_path: Path, form: str, cell: Any, wanted: str, rule: str) -> None:
    book = made(HEADER, ["anna@contoso.example", cell, ""])
    book.worksheets[0]["B2"].number_format = form
    got = read(tmp_path, book, default_region="NL")
    assert list(got.problems["rule"]) == [rule] * bool(rule)
    assert list(got.wanted["value"]) == [wanted] * bool(wanted)


def with_saved(folder: Path, formula: str, saved: str) -> Path:
    """A workbook whose B2 has a formula, and beside it the value of an earlier day."""
    made(HEADER, ["anna@contoso.example", f"={formula}", ""]).save(folder / "plain.xlsx")
    with zipfile.ZipFile(folder / "plain.xlsx") as old, zipfile.ZipFile(folder / "saved.xlsx", "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b'<c r="B2"><f>' in part
                part = part.replace(b'<c r="B2"><f>', b'<c r="B2" t="str"><f>')
                part = part.replace(b"</f><v />", b"</f><v>" + saved.encode() + b"</v>")
                part = part.replace(b"</f><v></v>", b"</f><v>" + saved.encode() + b"</v>")
                assert saved.encode() in part
            new.writestr(name, part)
    return folder / "saved.xlsx"


def test_calculated_cells_are_counted_and_can_be_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = with_saved(tmp_path, "A9&B9", "+31 612345678")
    with caplog.at_level(logging.WARNING, logger="authops"):
        got = wanted_file.read(path)
    assert (list(got.wanted["value"]), got.facts["cells of formulas, as last saved"]) == (["+31 612345678"], 1)
    assert "parameter `formulas` decides" in caplog.text
    assert list(wanted_file.read(path, formulas="refuse").problems["rule"]) == ["calculated"]


@pytest.mark.parametrize("formula", ['"+31 612345679"', '"+31 "&612345679'])
def test_a_value_that_its_own_formula_does_not_give_is_refused(tmp_path: Path, formula: str) -> None:
    assert list(wanted_file.read(with_saved(tmp_path, formula, "+31 612345678")).problems["rule"]) == [
        "shown_otherwise"
    ]
    assert wanted_file.read(with_saved(tmp_path, formula, "+31 612345679")).problems.empty


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused_by_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b"0" * (2 << 20))
    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        wanted_file.read(tmp_path / "bomb.xlsx")


@pytest.mark.parametrize("cell", ['r="XFD3"', 'r="ZZZ3"', 'r="B999999999"'])
def test_a_cell_far_away_takes_no_memory(tmp_path: Path, cell: str) -> None:
    made(HEADER, *PEOPLE).save(tmp_path / "plain.xlsx")
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as old, zipfile.ZipFile(tmp_path / "far.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'r="C3"', cell.encode()))
    try:
        assert len(wanted_file.read(tmp_path / "far.xlsx").wanted) <= 3
    except SourceError as refused:
        assert "not an Excel workbook" in refused.message


def test_a_table_that_no_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_CELLS", 30)
    path = tmp_path / "wide.csv"
    path.write_text("UPN,Mobile" + ",x" * 20 + "\na@contoso.example\nb@contoso.example\n")
    with pytest.raises(SourceError, match="more than 30 cells"):
        wanted_file.read(path)


def test_a_file_larger_than_any_list_of_people_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "LARGEST", 1 << 20)
    path = tmp_path / "large.csv"
    path.write_bytes(b"UPN,Mobile\n" + b"a" * (1 << 20))
    with pytest.raises(SourceError, match="larger than 1 MB"):
        wanted_file.read(path)


def test_what_is_packed_is_named_by_how(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "wanted.csv.gz"
    path.write_bytes(gzip.compress(b"UPN,Mobile\n"))
    with pytest.raises(SourceError, match=r"packed \(gzip\)"):
        wanted_file.read(path)
    assert io.BytesIO(path.read_bytes()).read(2) == b"\x1f\x8b"
