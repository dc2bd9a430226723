"""Files as spreadsheets, scripts and people really write them; what is detected is said, what is ambiguous is asked."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference

from authops.source import wanted_file
from authops.words.errors import SourceError

HEADER = ["UPN", "Mobile", "AlternateMobile", "OfficePhone", "ForcedUpdate", "ForcedRemoval"]
ROW = ["zoë@contoso.example", "+31 612345678", "", "+31 206241111", "TRUE", ""]


def text(rows: list[list[str]], delimiter: str = ",", quoting: Any = csv.QUOTE_MINIMAL, end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


def read(tmp_path: Path, data: bytes, name: str = "wanted.csv", **options: str) -> wanted_file.Source:
    path = tmp_path / name
    path.write_bytes(data)
    return wanted_file.read(path, **options)


def wanted(got: wanted_file.Source) -> dict[str, str]:
    rows = got.wanted[got.wanted["intent"] == "set"]
    return dict(zip(rows["method"], rows["value"], strict=True))


DIALECTS = {
    "Excel, CSV UTF-8": text([HEADER, ROW]).encode("utf-8-sig"),
    "Excel in Dutch, CSV": text([HEADER, ROW], ";").encode("cp1252"),
    "Excel, Unicode text": text([HEADER, ROW], "\t").encode("utf-16"),
    "PowerShell 5 Export-Csv -Encoding Unicode": text([HEADER, ROW], quoting=csv.QUOTE_ALL).encode("utf-16"),
    "PowerShell 7 Export-Csv": text([HEADER, ROW], quoting=csv.QUOTE_ALL, end="\n").encode(),
    "UTF-16 without a mark": text([HEADER, ROW]).encode("utf-16-le"),
    "a database's export": text([HEADER, ROW], "|", end="\n").encode(),
    "trailing columns and blank lines": text([[*HEADER, "", ""], [], [*ROW, "", ""], ["", "", ""]], ";").encode(),
    "a note with line breaks": text([[*HEADER, "Note"], [*ROW, 'one\ntwo "three"; four']]).encode(),
    "Excel's text formula": text([HEADER, [ROW[0], '="+31612345678"', "", '="+31206241111"', "TRUE", ""]]).encode(),
    "a leading apostrophe": text([HEADER, [ROW[0], "'+31 612345678", "", "'+31 206241111", "TRUE", ""]]).encode(),
    "Excel's own word for the delimiter": b"sep=;\r\n" + text([HEADER, ROW], ";").encode(),
    "the same in quotes, behind a mark": '\ufeff"sep=\t"\r\n'.encode() + text([HEADER, ROW], "\t").encode(),
    "a float from a script": text([HEADER, [ROW[0], "+31612345678.0", "", "+31206241111.0", "TRUE", ""]]).encode(),
    "a user pasted from a web page": text([HEADER, [f"\u200b{ROW[0]}\u00a0", *ROW[1:]]]).encode(),
    "a Mac's accents": text([HEADER, ["zoe\u0308@contoso.example", *ROW[1:]]]).encode(),
    "invisible characters": text(
        [HEADER, [ROW[0], "\u202a+31\u00a0612345678\u202c", "", "+31\u00a020\u2011624\u201111\u201111", "TRUE", ""]]
    ).encode(),
}


@pytest.mark.parametrize("name", list(DIALECTS))
def test_every_dialect_says_the_same(tmp_path: Path, name: str) -> None:
    got = read(tmp_path, DIALECTS[name])
    assert got.problems.empty, got.problems.to_dict("records")
    assert wanted(got) == {"mobile": "+31 612345678", "office": "+31 206241111"}
    assert set(got.wanted["user"]) == {"zoë@contoso.example"}
    assert set(got.wanted["overwrite"]) == {True}


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("3.16E+10", "number_mangled"),
        ("3,16123E+10", "number_mangled"),
        ("3E+10", "number_mangled"),
        ("4915123000800", "plus_lost"),
        ("49 1512 3000800", "plus_lost"),
        ("#N/A", "not_a_number"),
        ("#REF!", "not_a_number"),
    ],
)
def test_what_excel_mangled_is_refused_with_its_own_rule(tmp_path: Path, cell: str, rule: str) -> None:
    for region in ("", "NL"):
        got = read(tmp_path, text([HEADER, [ROW[0], cell, "", "", "", ""]], ";").encode(), default_region=region)
        assert list(got.problems["rule"]) == [rule]


def test_two_delimiters_that_fit_alike_are_an_error_naming_both(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="more than one delimiter: comma or semicolon"):
        read(tmp_path, b"UPN,Mobile,x;UPN;Mobile;x\n1,2,3\n")
    got = read(tmp_path, text([HEADER, ROW], ";").encode(), delimiter="semicolon")
    assert wanted(got)["mobile"] == "+31 612345678"


def test_an_encoding_can_be_named_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    data = text([HEADER, ROW]).encode("cp1252")
    assert set(read(tmp_path, data, encoding="cp1252").wanted["user"]) == {"zoë@contoso.example"}
    with pytest.raises(SourceError, match="is not utf-8 text"):
        read(tmp_path, data, encoding="utf-8")


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_with_its_numbers_flags_and_empty_cells(tmp_path: Path) -> None:
    data = workbook(Blad1=[HEADER, [], ["zoë@contoso.example", "+31 612345678", None, "+31 206241111", True, False]])
    got = read(tmp_path, data, "wanted.xlsx")
    assert (got.facts["sheet"], list(got.wanted["line"].unique())) == ("Blad1", [3])
    assert wanted(got) == {"mobile": "+31 612345678", "office": "+31 206241111"}
    got = read(tmp_path, workbook(a=[HEADER, ["a@contoso.example", 31612345678, None, 206241111.0]]), "wanted.xlsx")
    assert list(got.problems["rule"]) == ["plus_lost"]


def parts(data: bytes, **changes: tuple[bytes, bytes]) -> bytes:
    """A workbook whose first sheet was written by another program."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            for old_text, new_text in changes.values() if name.endswith("sheet1.xml") else ():
                assert old_text in part
                part = part.replace(old_text, new_text)
            new.writestr(name, part)
    return out.getvalue()


def test_a_sheet_is_read_whole_whatever_size_its_writer_wrote(tmp_path: Path) -> None:
    data = parts(workbook(a=[HEADER, ROW, ["b@contoso.example", "+31 612345679"]]), size=(b'"A1:F3"', b'"A1"'))
    assert list(read(tmp_path, data, "wanted.xlsx").wanted["line"].unique()) == [2, 3]


def test_a_sheet_that_is_a_chart_is_no_table(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (HEADER, ROW):
        book.active.append(row)
    chart = BarChart()
    chart.add_data(Reference(book.active, min_col=1, min_row=1, max_row=2))
    book.create_chartsheet("Chart").add_chart(chart)
    book.save(tmp_path / "made.xlsx")
    assert wanted(wanted_file.read(tmp_path / "made.xlsx"))["mobile"] == "+31 612345678"


@pytest.mark.parametrize(("cells", "refused"), [("B2:B3", True), ("A3:B3", True), ("G2:G3", False)])
def test_merged_cells_are_asked_about_where_they_would_be_read(tmp_path: Path, cells: str, refused: bool) -> None:
    book = Workbook()
    assert book.active is not None
    for row in ([*HEADER, "Note"], [*ROW, "x"], ["b@contoso.example", "+31 612345679"]):
        book.active.append(row)
    book.active.merge_cells(cells)
    book.save(tmp_path / "made.xlsx")
    if not refused:
        assert len(wanted_file.read(tmp_path / "made.xlsx", on_blank="remove").wanted)
        return
    with pytest.raises(SourceError, match=f"merged cells \\({cells}\\)"):
        wanted_file.read(tmp_path / "made.xlsx", on_blank="remove")


def test_a_formula_that_shows_nothing_is_a_blank(tmp_path: Path) -> None:
    data = workbook(a=[HEADER, ["a@contoso.example", '=IF(1,"","x")', "", "", "", "TRUE"]])
    calculated = parts(data, result=(b'<c r="B2"><f>', b'<c r="B2" t="str"><f>'))
    got = read(tmp_path, calculated, "wanted.xlsx")
    assert got.problems.empty
    assert dict(zip(got.wanted["method"], got.wanted["intent"], strict=True))["mobile"] == "remove"


@pytest.mark.parametrize("name", ["wanted.xls", "wanted.xlsx", "wanted.csv"])
def test_an_old_or_locked_workbook_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"old Excel workbook .* or one with a password"):
        read(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 8, name)


@pytest.mark.parametrize("name", ["wanted.csv", "wanted.xlsx"])
def test_titles_above_the_header_are_named_by_their_line(tmp_path: Path, name: str) -> None:
    rows = [["Users of Contoso"], [], HEADER, ROW]
    data = workbook(a=rows) if name.endswith("xlsx") else text(rows, ";").encode()
    with pytest.raises(SourceError, match="line 3 looks like the header"):
        read(tmp_path, data, name)


def test_the_sheet_that_fits_is_taken_and_two_are_asked_about(tmp_path: Path) -> None:
    one = workbook(Readme=[["Hello"], ["there"]], People=[HEADER, ROW], Empty=[])
    assert read(tmp_path, one, "a.xlsx").facts["sheet"] == "People"
    two = workbook(Old=[HEADER, ROW], New=[HEADER, ROW])
    with pytest.raises(SourceError, match="more than one sheet: Old, New"):
        read(tmp_path, two, "b.xlsx")
    assert read(tmp_path, two, "b.xlsx", sheet="New").facts["sheet"] == "New"
    with pytest.raises(SourceError, match="no filled sheet 'Newer'"):
        read(tmp_path, two, "b.xlsx", sheet="Newer")


def test_a_formula_that_was_never_calculated_is_no_blank(tmp_path: Path) -> None:
    rows = [HEADER, ["a@contoso.example", '="+31"&" 612345678"', "", "", "", "TRUE"]]
    got = read(tmp_path, workbook(a=rows), "wanted.xlsx")
    assert got.wanted.empty
    assert "never calculated" in got.problems["message"].iloc[0]


def test_a_damaged_workbook_is_one_clear_message(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    with pytest.raises(SourceError, match="is not an Excel workbook"):
        read(tmp_path, out.getvalue(), "wanted.xlsx")


@pytest.mark.parametrize("name", ["wanted.csv", "wanted.xlsx"])
def test_rows_to_look_at_are_valid_input_and_run_nothing_in_a_spreadsheet(tmp_path: Path, name: str) -> None:
    bad = ["a@contoso.example", "+31 1", "", "", "", "", '=HYPERLINK("http://x","y")']
    rows = [[*HEADER, "Note"], bad, ["b@contoso.example", "+31 612345678", "", "", "", "", "@x"]]
    data = workbook(a=rows) if name.endswith("xlsx") else text(rows).encode()
    got = read(tmp_path, data, name)
    picked = wanted_file.pick(tmp_path / name, {2}, got.facts)
    cells = [cell for row in csv.reader(io.StringIO(picked)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    again = read(tmp_path, picked.encode(), "again.csv")
    assert list(again.problems["line"]) == [2]
    assert list(again.problems["value"]) == list(got.problems[got.problems["line"] == 2]["value"])


def test_no_cell_of_rows_to_look_at_can_begin_a_formula_or_be_shortened(tmp_path: Path) -> None:
    odd = ["x\r=cmd|' /C calc'!A0", " =1+1", "\n=1+1", "\uff1d1+1", "0612345678", "3161234567890"]
    rows = [["UPN", "Mobile", *map(str, range(len(odd)))], ["a@contoso.example", "0612345678", *odd]]
    got = read(tmp_path, text(rows).encode())
    picked = wanted_file.pick(tmp_path / "wanted.csv", {2}, got.facts)
    again = list(csv.reader(io.StringIO(picked, newline="")))
    assert len(again) == 2
    assert [c for c in again[1] if c.lstrip().startswith(("=", "\uff1d"))] == []
    assert [c for c in again[1] if c[0].isdigit()] == []
    kept = read(tmp_path, picked.encode(), "failed.csv")
    assert list(kept.problems["value"]) == list(got.problems["value"])


def test_why_a_row_is_there_stands_in_a_column_that_the_next_reading_ignores(tmp_path: Path) -> None:
    rows = [HEADER, ["a@contoso.example", "+31612345678", "", "", "", ""], ["b@contoso.example", "x", "", "", "", ""]]
    got = read(tmp_path, text(rows).encode())
    picked = wanted_file.pick(tmp_path / "wanted.csv", {2: "mobile rejected: =not allowed"}, got.facts)
    assert picked.splitlines()[0].startswith("Why,UPN,")
    assert picked.splitlines()[1].startswith("mobile rejected: =not allowed,a@contoso.example")
    again = read(tmp_path, picked.encode(), "failed.csv")
    assert wanted(again) == wanted(got)
    assert "Why" in str(again.facts["ignored_columns"])
    once_more = wanted_file.pick(tmp_path / "failed.csv", {2: "unknown"}, again.facts)
    assert once_more.splitlines()[0].count("Why") == 1
    assert once_more.splitlines()[1].startswith("unknown,a@contoso.example")


def test_rows_to_look_at_are_valid_input_even_with_a_zero_byte_in_them(tmp_path: Path) -> None:
    got = read(tmp_path, text([HEADER, ["a@contoso.example", "+31\x00612345678x1", "", "", "", ""]]).encode("utf-16"))
    picked = wanted_file.pick(tmp_path / "wanted.csv", {2}, got.facts)
    assert list(read(tmp_path, picked.encode(), "failed.csv").problems["line"]) == list(got.problems["line"]) == [2]


@pytest.mark.parametrize(
    ("flag", "on_existing", "overwrite"),
    [("", "keep", False), ("", "update", True), ("FALSE", "update", False), ("TRUE", "keep", True)],
)
def test_a_blank_flag_follows_the_run_and_a_filled_one_does_not(
    tmp_path: Path, flag: str, on_existing: str, overwrite: bool
) -> None:
    rows = text([HEADER, [ROW[0], "+31 612345678", "", "", flag, ""]]).encode()
    assert set(read(tmp_path, rows, on_existing=on_existing).wanted["overwrite"]) == {overwrite}


@pytest.mark.parametrize(("flag", "on_blank", "intent"), [("", "remove", "remove"), ("FALSE", "remove", "leave")])
def test_a_blank_cell_follows_the_run_unless_its_row_says(
    tmp_path: Path, flag: str, on_blank: str, intent: str
) -> None:
    rows = text([HEADER, [ROW[0], "", "", "", "", flag]]).encode()
    assert set(read(tmp_path, rows, on_blank=on_blank).wanted["intent"]) == {intent}


def test_one_number_for_several_people_is_noted(tmp_path: Path) -> None:
    rows = [
        ["a@contoso.example", "+31 612345678", "+31 612345678", "", "", ""],
        ["b@contoso.example", "+31 612345678", "", "", "", ""],
        ["c@contoso.example", "+31 612345679", "", "", "", ""],
    ]
    notes = read(tmp_path, text([HEADER, *rows]).encode()).wanted.set_index(["user", "method"])["note"]
    assert notes["a@contoso.example", "mobile"] == ("the same number for several users of this source")
    assert notes["b@contoso.example", "mobile"] == "the same number for several users of this source"
    assert notes["c@contoso.example", "mobile"] == ""


def test_the_template_is_valid_input(tmp_path: Path) -> None:
    got = read(tmp_path, wanted_file.TEMPLATE.encode("utf-8-sig"))
    assert got.problems.empty, got.problems.to_dict("records")
    assert got.wanted["user"].nunique() == 6
    assert set(got.wanted["intent"]) == {"set", "remove", "leave"}
    assert got.facts["ignored_columns"] == ["Remark"]


@pytest.mark.parametrize("text", ['""\n', '" "\n""\n', 'sep=;\n""\n', '\ufeff""\r\n'])
def test_a_file_of_nothing_but_quotes_is_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="is empty"):
        read(tmp_path, text.encode())
