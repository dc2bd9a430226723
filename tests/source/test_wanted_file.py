"""The seed's CSV: every row is planned, or is a problem with its line; nothing is guessed."""

from pathlib import Path

import pytest

from authops.source import wanted_file
from authops.words.errors import SourceError

HEADER = "UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval\n"


def read(tmp_path: Path, text: str | bytes, **options: str) -> wanted_file.Source:
    path = tmp_path / "wanted.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return wanted_file.read(path, **options)


def test_a_full_row_wants_three_methods_of_one_person(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "frida@contoso.com,+31612345678,+31687654321,+31 20 6241111x7,TRUE,FALSE\n")
    assert got.problems.empty
    assert list(got.wanted[["line", "method", "intent", "value", "overwrite"]].itertuples(index=False, name=None)) == [
        (2, "mobile", "set", "+31 612345678", True),
        (2, "alternateMobile", "set", "+31 687654321", True),
        (2, "office", "set", "+31 206241111x7", True),
    ]


@pytest.mark.parametrize(
    ("flag", "intent"), [("TRUE", "remove"), ("yes", "remove"), ("1", "remove"), ("", "leave"), ("No", "leave")]
)
def test_a_blank_is_removed_only_when_the_flag_says_so(tmp_path: Path, flag: str, intent: str) -> None:
    got = read(tmp_path, HEADER + f"frida@contoso.com,,,,,{flag}\n")
    assert set(got.wanted["intent"]) == {intent}


def test_a_column_that_is_missing_is_not_a_blank(tmp_path: Path) -> None:
    got = read(tmp_path, "UPN,Mobile,ForcedRemoval\nfrida@contoso.com,,TRUE\n")
    assert list(got.wanted["method"]) == ["mobile"]


@pytest.mark.parametrize(
    ("row", "rule", "column"),
    [
        ("frida@contoso.com,+31612345678,,,maybe,", "bad_flag", "ForcedUpdate"),
        ("frida@contoso.com,+31612345678,,,,WAAR", "bad_flag", "ForcedRemoval"),
        (",+31612345678,,,,", "no_user", "UPN"),
        ("frida@contoso.com,+3161,,,,", "impossible_number", "Mobile"),
        ("frida@contoso.com,,+31612345678x1,,,", "extension_not_allowed", "AlternateMobile"),
        ("frida@contoso.com,0612345678,,,,", "no_country_code", "Mobile"),
        ("frida@contoso.com,+31612345678,,,,,extra", "ragged_row", ""),
    ],
)
def test_a_bad_row_is_named_and_its_whole_user_left_alone(tmp_path: Path, row: str, rule: str, column: str) -> None:
    got = read(tmp_path, HEADER + "good@contoso.com,+31612345679,,,,\n" + row + "\n")
    assert list(got.problems[["line", "rule", "column"]].itertuples(index=False, name=None)) == [(3, rule, column)]
    assert set(got.wanted["user"]) == {"good@contoso.com"}


@pytest.mark.parametrize("flag", [{}, {"on_blank": "remove"}])
def test_a_file_that_ends_in_the_middle_of_a_row_removes_nothing_and_writes_no_half_number(
    tmp_path: Path, flag: dict[str, str]
) -> None:
    whole = HEADER + "good@contoso.com,+31612345679,,,,\nfrida@contoso.com,+49301234567,+31687654321,,TRUE,TRUE\n"
    for end in range(whole.index("frida") + len("frida@contoso.com,+4930123"), whole.index(",TRUE,TRUE")):
        got = read(tmp_path, whole[:end], **flag)
        assert list(got.problems[["line", "rule"]].itertuples(index=False, name=None)) == [(3, "short_row")], whole[
            :end
        ]
        assert set(got.wanted["user"]) == {"good@contoso.com"}
    assert "3 of 6 cells, and the file ends in it" in got.problems["message"].iat[0]


def test_a_row_that_ends_early_is_no_blank_that_removes(tmp_path: Path) -> None:
    rows = "a@contoso.com,+31612345679\nb@contoso.com,+31612345678,,,,\n"
    assert set(read(tmp_path, HEADER + rows).wanted["user"]) == {"a@contoso.com", "b@contoso.com"}
    got = read(tmp_path, HEADER + rows, on_blank="remove")
    assert list(got.problems[["line", "rule"]].itertuples(index=False, name=None)) == [(2, "short_row")]
    assert "2 of 6 cells" in got.problems["message"].iat[0]
    assert set(got.wanted["user"]) == {"b@contoso.com"}


def test_rows_that_lack_only_what_is_not_read_are_whole(tmp_path: Path) -> None:
    text = "UPN,Mobile,AlternateMobile,Remark,More\na@contoso.com,+31612345679,\nb@contoso.com,,,x,y\nc@contoso.com,,"
    got = read(tmp_path, text, on_blank="remove")
    assert got.problems.empty
    assert list(got.wanted["intent"]) == ["set", "remove"] + ["remove"] * 4


def test_rows_that_all_end_alike_are_read(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "a@contoso.com,+31612345679\nb@contoso.com,+31612345678")
    assert got.problems.empty
    assert set(got.wanted["user"]) == {"a@contoso.com", "b@contoso.com"}


def test_the_rest_of_a_cut_row_stays_cut_in_the_next_input(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "a@contoso.com,+31612345679,,,,\nb@contoso.com,+4930123456")
    picked = wanted_file.pick(tmp_path / "wanted.csv", list(got.problems["line"]), got.facts)
    again = read(tmp_path, picked)
    assert list(again.problems["rule"]) == ["short_row"]


def test_a_problem_shows_no_full_number(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "frida@contoso.com,+31612345678x5,,,,\n")
    assert "612345" not in got.problems.to_csv()


def test_both_rows_of_one_person_are_refused(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "a@contoso.com,+31612345678,,,,\nA@Contoso.com,+31612345679,,,,\n")
    assert list(got.problems["line"]) == [2, 3]
    assert got.wanted.empty


def test_a_good_row_does_not_stand_for_a_person_whose_other_row_is_wrong(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "a@contoso.com,+31612345678,,,,\na@contoso.com,+31612345679,,,,,extra\n")
    assert list(got.problems["rule"]) == ["duplicate_user", "ragged_row"]
    assert got.wanted.empty


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("kim@mail.example", True),
        ("k.o'neil+mfa@mail.co.example", True),
        ("kim@mail.example\u200b", True),
        ("<kim@mail.example>", False),
        ("mailto:kim@mail.example", False),
        ("kim@mail.example.", False),
        ("kim..k@mail.example", False),
        (".kim@mail.example", False),
        ("'kim@mail.example", False),
        ("kim@mail", False),
        ("kim@-mail.example", False),
        ("kim@mail..example", False),
        ("kim@10.0.0.1", False),
        ("kim@mail.example; kim@home.example", False),
        ("k" * 65 + "@mail.example", False),
        ("+31612345678", False),
    ],
)
def test_what_is_no_address_is_a_problem(tmp_path: Path, address: str, good: bool) -> None:
    got = read(tmp_path, f'UPN,Email\na@contoso.com,"{address}"\n')
    assert (list(got.problems["rule"]), len(got.wanted)) == (([], 1) if good else (["not_an_address"], 0))


@pytest.mark.parametrize(
    ("row", "digits"),
    [
        ("06 12345678 at home,a@contoso.com,", "12345"),
        ("a@contoso.com,+31612345678,phone 0612345678", "12345"),
        ("a@contoso.com;+31612345678,nope,", "12345"),
        ('a@contoso.com,"kim@mail.example; 0612345678",maybe', "12345"),
    ],
)
def test_a_number_in_the_wrong_place_is_masked_too(tmp_path: Path, row: str, digits: str) -> None:
    problems = read(tmp_path, f"UPN,Mobile,ForcedUpdate\n{row}\n").problems
    assert len(problems) == 1
    assert digits not in problems.to_csv()


def test_a_cell_of_any_size_is_shown_short(tmp_path: Path) -> None:
    got = read(tmp_path, f"UPN,Mobile\na@contoso.com,{'1' * 100_000}\n")
    assert len(got.problems["value"].iloc[0]) < 200


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = HEADER + '\n"a@contoso.com","+31612345678",,\n\n"b@contoso.com","x\ny",,,,\nc@contoso.com,+3161,,,,\n'
    got = read(tmp_path, text)
    assert list(got.problems["line"]) == [5, 7]
    assert set(got.wanted["line"]) == {3}


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        ((HEADER + "zoë@contoso.com,+31612345678,,,,\n").encode("utf-8-sig"), "utf-8", ","),
        ((HEADER + "zoë@contoso.com,+31612345678,,,,\n").encode("utf-16"), "utf-16", ","),
        ((HEADER + "zoë@contoso.com,+31612345678,,,,\r\n").replace(",", ";").encode("cp1252"), "cp1252", ";"),
        ((HEADER + "zoë@contoso.com,+31612345678,,,,\n").replace(",", "\t").encode(), "utf-8", "\t"),
    ],
)
def test_what_excel_writes_is_read_and_said(tmp_path: Path, data: bytes, encoding: str, delimiter: str) -> None:
    got = read(tmp_path, data)
    assert (got.facts["encoding"], got.facts["delimiter"]) == (encoding, delimiter)
    assert set(got.wanted["user"]) == {"zoë@contoso.com"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n  \n", "empty"),
        (b"Name,Mobile\nfrida,+31612345678\n", "no user column"),
        (b"UPN,Note\nfrida,hello\n", "no method column"),
        (b"UPN,Mobile\na@contoso.example,\x00\n", "zero byte in line 2"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        (b"PK\x03\x04\x14\0\0\0", "not a text file"),
        (b"UPN,Mobile,Mobile Phone\na,,\n", "both mean mobile"),
        (b'UPN,Mobile\n"a@contoso.com,+31612345678\n', "quote"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_clear_message(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path, data)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_an_encoding_that_no_spreadsheet_writes_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_bytes("\ufeffUPN,Mobile\na@contoso.example,+31 612345678\n".encode(encoding))
    with pytest.raises(SourceError, match="UTF-32"):
        wanted_file.read(tmp_path / "in.csv")


def test_a_directory_or_a_missing_file_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory"):
        wanted_file.read(tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        wanted_file.read(tmp_path / "gone.csv")


def test_picked_rows_are_the_next_input(tmp_path: Path) -> None:
    got = read(tmp_path, HEADER + "a@contoso.com,0612345678,,,,\nb@contoso.com,+31612345678,,,,\n")
    again = read(tmp_path, wanted_file.pick(tmp_path / "wanted.csv", {2}, got.facts))
    assert list(again.problems["user"]) == ["a@contoso.com"]
