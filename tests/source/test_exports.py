"""The exports people start from, and the ways in which lists go wrong on their way; no message repeats a cell."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest

from authops.plan import plan
from authops.source import people, wanted_file
from authops.source.countries import code
from authops.source.wanted import Source
from authops.tenant import directory
from authops.words.errors import ParameterError, SourceError
from tests.apply.conftest import Stage, user_id

ID = "aaaaaaaa-0000-4000-8000-000000000001"
NUMBER = "+31 612345678"
PORTAL = (
    "userPrincipalName,displayName,id,accountEnabled,usageLocation,officeLocation,telephoneNumber,mobilePhone,"
    f"alternateEmailAddress\nanna@contoso.example,Anna,{ID},TRUE,NL,Utrecht,+31 206241111,{NUMBER},anna@mail.example\n"
)
ADMIN = (
    "Block credential,Display name,Mobile Phone,Object Id,Office,Phone number,User principal name,Usage location,"
    f"Alternate email address\nFalse,Anna,06 12345678,{ID},Tower 3,020 6241111,anna@contoso.example,NL,"
    "anna@mail.example\n"
)
DIRECTORY = (
    '"UserPrincipalName","MobilePhone","OfficePhone","Office","EmailAddress"\n'
    f'"anna@contoso.example","{NUMBER}","+31 206241111","Tower 3","anna@contoso.example"\n'
    '"bert@contoso.example","+31 612345679","","4.12","bert@contoso.example"\n'
)
GRAPH = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
    "value": [
        {"id": ID, "userPrincipalName": "anna@contoso.example", "mobilePhone": NUMBER,
         "businessPhones": ["+31 206241111"], "usageLocation": "NL"}
    ],
}  # fmt: skip


def read(folder: Path, text: str | bytes, name: str = "list.csv", **options: str) -> Source:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return wanted_file.read(path, **options)


def said(got: Source) -> dict[str, str]:
    rows = got.wanted[got.wanted["intent"] == "set"]
    return dict(zip(rows["method"], rows["value"], strict=True))


@pytest.mark.parametrize(
    ("text", "name", "mapping", "user", "methods"),
    [
        (PORTAL, "users.csv", "", ID, ("mobile",)),
        (PORTAL, "users.csv", "entra-portal", "anna@contoso.example", ("mobile", "office", "email")),
        (ADMIN, "users.csv", "m365-admin", "anna@contoso.example", ("mobile", "office", "email")),
        (DIRECTORY, "users.csv", "", "anna@contoso.example", ("mobile", "office")),
        (DIRECTORY, "users.csv", "get-aduser", "anna@contoso.example", ("mobile", "office")),
        (json.dumps(GRAPH), "users.json", "", ID, ("mobile",)),
        (json.dumps(GRAPH), "users.json", "graph-users", "anna@contoso.example", ("mobile", "office")),
    ],
)
def test_an_export_is_read_as_it_comes(
    tmp_path: Path, text: str, name: str, mapping: str, user: str, methods: tuple[str, ...]
) -> None:
    got = read(tmp_path, text, name, mapping=mapping)
    assert got.problems.empty, got.problems.to_dict("records")
    first = got.wanted[got.wanted["user"] == user]
    values = {"mobile": NUMBER, "office": "+31 206241111", "email": "anna@mail.example"}
    assert dict(zip(first["method"], first["value"], strict=True)) == {m: values[m] for m in methods}


def test_a_room_is_no_phone_and_a_work_address_no_way_to_reset_and_both_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "\n".join(",".join([*row.split(",")[:2], *row.split(",")[3:]]) for row in DIRECTORY.splitlines())
    with caplog.at_level(logging.WARNING, logger="authops"):
        got = read(tmp_path, text)
    assert got.methods == ["mobile"]
    assert [why.partition(":")[0] for why in got.facts["columns not read"]] == ["Office", "EmailAddress"]
    assert caplog.text.count("holds rooms or places") == 1
    (tmp_path / "asked.yaml").write_text("columns: {user: UserPrincipalName, email: EmailAddress}\n")
    asked = wanted_file.read(tmp_path / "list.csv", mapping=str(tmp_path / "asked.yaml"))
    assert list(asked.wanted["value"]) == ["anna@contoso.example", "bert@contoso.example"]


def test_an_office_column_with_phones_stays_one(tmp_path: Path) -> None:
    got = read(tmp_path, "UPN,Office\nanna@contoso.example,+31 206241111\nbert@contoso.example,Tower 3\n")
    assert (said(got), list(got.problems["rule"])) == ({"office": "+31 206241111"}, ["not_a_number"])


def test_two_columns_that_say_the_same_are_one_and_others_are_asked_about(tmp_path: Path) -> None:
    same = f"UPN,MobilePhone,mobile\nanna@contoso.example,{NUMBER},{NUMBER}\n"
    assert said(read(tmp_path, same)) == {"mobile": NUMBER}
    with pytest.raises(SourceError, match="both mean mobile"):
        read(tmp_path, same + "bert@contoso.example,+31 612345679,\n")


def test_an_id_column_without_object_ids_names_nobody(tmp_path: Path) -> None:
    got = read(tmp_path, f"Id,UPN,Mobile\n17,anna@contoso.example,{NUMBER}\n")
    assert (list(got.wanted["user"]), got.facts["columns not read"]) == (
        ["anna@contoso.example"],
        ["Id: holds no object id"],
    )


def test_a_row_for_each_method_speaks_of_that_method_only(tmp_path: Path) -> None:
    rows = f"anna@contoso.example,mobile,{NUMBER}\nanna@contoso.example,office,+31 206241111\n"
    rows += "bert@contoso.example,Mobile,\n"
    got = read(tmp_path, "UPN,PhoneType,PhoneNumber\n" + rows, on_blank="remove")
    assert got.problems.empty
    assert list(got.wanted[["line", "method", "intent"]].itertuples(index=False, name=None)) == [
        (2, "mobile", "set"),
        (3, "office", "set"),
        (4, "mobile", "remove"),
    ]


def test_of_a_person_with_a_wrong_row_no_row_is_planned(tmp_path: Path) -> None:
    rows = [
        f"anna@contoso.example,mobile,{NUMBER}",
        "anna@contoso.example,office,nope",
        "bert@contoso.example,fax,+31 206241111",
        f"cleo@contoso.example,mobile,{NUMBER}",
        "cleo@contoso.example,mobile,+31 612345679",
    ]
    got = read(tmp_path, "UPN,PhoneType,PhoneNumber\n" + "\n".join(rows) + "\n")
    assert got.wanted.empty
    assert list(got.problems["rule"]) == [
        "other_row", "not_a_number", "unknown_method", "duplicate_user", "duplicate_user"
    ]  # fmt: skip


HEADERLESS = [
    "anna@contoso.example,+31 612345678\nbert@contoso.example,+31 612345679\n",
    "anna@contoso.example,31612345678\n",
    "anna@contoso.example;06 12 34 56 78\n",
    f"{ID}\t0612345678\n",
    "Anna;0612345678;anna@mail.example\n",
]


@pytest.mark.parametrize("text", HEADERLESS)
@pytest.mark.parametrize("mapping", ["", "hr"])
def test_a_file_without_a_header_is_said_to_have_none_and_no_cell_is_repeated(
    tmp_path: Path, text: str, mapping: str
) -> None:
    with pytest.raises(SourceError, match="line 1 looks like data") as refused:
        read(tmp_path, text, mapping=mapping)
    shown = str(refused.value).replace(str(tmp_path), "")
    assert "@" not in shown
    assert not any(cell in shown for cell in re.split(r"[\n\t;,]", text) if cell)


def test_a_line_in_quotes_is_named_so_and_shows_nothing(tmp_path: Path) -> None:
    got = read(tmp_path, 'UPN,Mobile\n"anna@contoso.example,+31 612345678"\n"bert@contoso.example,31612345679"\n')
    assert list(got.problems["rule"]) == ["quoted_row"] * 2
    assert "example" not in got.problems.to_csv()
    with pytest.raises(SourceError, match="each line is one quoted cell"):
        read(tmp_path, '"UPN,Mobile"\n"anna@contoso.example,+31 612345678"\n')


@pytest.mark.parametrize(
    "above",
    ["#TYPE Selected.ADUser\n", "sep=,\n#TYPE System.Object\n", "sep=,,\r\n"],
)
def test_lines_that_programs_write_above_the_header_are_passed_over(tmp_path: Path, above: str) -> None:
    assert said(read(tmp_path, above + f"UPN,Mobile\nanna@contoso.example,{NUMBER}\n")) == {"mobile": NUMBER}


@pytest.mark.parametrize("above", ["sep=,\n", "sep=:\n"])
def test_a_delimiter_that_the_header_denies_is_asked_about(tmp_path: Path, above: str) -> None:
    with pytest.raises(SourceError, match="says sep="):
        read(tmp_path, above + f"UPN;Mobile\nanna@contoso.example;{NUMBER}\n")


def test_lines_that_end_with_a_carriage_return_alone_are_lines(tmp_path: Path) -> None:
    assert said(read(tmp_path, f"sep=;\rUPN;Mobile\ranna@contoso.example;{NUMBER}\r")) == {"mobile": NUMBER}


def test_a_cell_of_any_length_is_refused_in_words(tmp_path: Path) -> None:
    for text in ("x" * 200_000 + ",Mobile\n", "UPN,Mobile\na@contoso.example," + "1" * 200_000 + "\n"):
        with pytest.raises(SourceError, match="more than 131,072 characters"):
            read(tmp_path, text)


def test_a_key_that_a_record_has_twice_is_refused(tmp_path: Path) -> None:
    record = '{"userPrincipalName": "anna@contoso.example", "mobilePhone": "+31612345678", "mobilePhone": ""}'
    with pytest.raises(SourceError, match="'mobilePhone' twice"):
        read(tmp_path, f'{{"value": [{record}]}}', "users.json")


def test_a_json_text_with_half_a_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="half a character"):
        read(tmp_path, r'[{"UPN": "ann\uD83D@contoso.example", "Mobile": "+31 612345678"}]', "users.json")
    whole = read(tmp_path, r'[{"UPN": "ann\uD83D\uDE00@contoso.example", "Mobile": "+31 612345678"}]', "users.json")
    assert said(whole) == {"mobile": NUMBER}


def test_a_json_number_that_lost_its_digits_is_mangled(tmp_path: Path) -> None:
    got = read(tmp_path, '[{"UPN": "anna@contoso.example", "Mobile": 3.16E+10}]', "users.json")
    assert list(got.problems["rule"]) == ["number_mangled"]


def test_one_page_of_several_is_said_to_be_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    page = GRAPH | {"@odata.nextLink": "https://graph.microsoft.com/v1.0/users?$skiptoken=x"}
    assert "further pages" in read(tmp_path, json.dumps(page), "users.json").facts
    assert "export the whole list" in caplog.text


def test_what_a_terminal_would_obey_is_not_in_a_problem(tmp_path: Path) -> None:
    got = read(tmp_path, f"UPN,Mobile,ForcedUpdate\n\x1b]0;hi\x07anna,{NUMBER},\x1b[31m\n")
    assert "\x1b" not in got.problems.to_csv()


@pytest.mark.parametrize(
    ("written", "letters"),
    [
        ("NL", "NL"), ("nl", "NL"), ("UK", "GB"), ("NLD", "NL"), ("GBR", "GB"), ("Germany", "DE"),
        ("Deutschland", "DE"), ("ALLEMAGNE", "DE"), ("the Netherlands", "NL"), ("Great Britain", "GB"),
        ("U.S.A.", "US"), ("Österreich", "AT"), ("Cote d'Ivoire", "CI"), ("Korea, Republic of", "KR"), ("日本", "JP"),
        ("Kongo", ""), ("Atlantis", ""), ("Europe", ""), ("EU", ""), ("EN", ""), ("SU", ""), ("528", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_country_is_its_two_letters_or_none(written: str, letters: str) -> None:
    assert code(written) == letters


def test_a_country_that_nobody_knows_is_a_problem_of_its_own_column_where_it_matters(tmp_path: Path) -> None:
    rows = f"anna@contoso.example,06 12345678,Atlantis\nbert@contoso.example,{NUMBER},Atlantis\n"
    got = read(tmp_path, "Work Email,Mobile Phone,Country ISO Code\n" + rows, mapping="hr", default_region="NL")
    assert list(got.problems[["column", "rule"]].iloc[0]) == ["Country ISO Code", "unknown_country"]
    assert list(got.wanted["user"]) == ["bert@contoso.example"]
    with pytest.raises(ParameterError, match="such as GB"):
        read(tmp_path, f"UPN,Mobile\nanna@contoso.example,{NUMBER}\n", default_region="UK")


@pytest.mark.parametrize("word", ["yes", '"yes"', "'yes'"])
def test_a_word_of_a_mapping_is_a_text_with_quotes_or_without(tmp_path: Path, word: str) -> None:
    (tmp_path / "m.yaml").write_text(
        f"columns:\n  user: Login\n  mobile: Mobil\nconstants:\n  region: NO\n  ticket: 0123\nonly:\n  Aktiv: {word}\n"
    )
    text = "Login,Mobil,Aktiv\nanna@contoso.example,922 34 567,yes\nbert@contoso.example,922 34 568,no\n"
    got = read(tmp_path, text, mapping=str(tmp_path / "m.yaml"))
    assert (said(got), set(got.wanted["ticket"])) == ({"mobile": "+47 92234567"}, {"0123"})
    assert got.facts["rows left out by the mapping"] == 1


def test_a_mapping_that_leaves_out_all_rows_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("columns: {user: Login, mobile: Mobil}\nonly: {Aktiv: ja}\n")
    with pytest.raises(SourceError, match="leaves out all 1 rows"):
        read(tmp_path, f"Login,Mobil,Aktiv\nanna@contoso.example,{NUMBER},yes\n", mapping=str(tmp_path / "m.yaml"))


@pytest.mark.parametrize(
    ("text", "name", "mapping", "methods"),
    [
        (PORTAL, "users.csv", "", ["mobile"]),
        (PORTAL, "users.csv", "entra-portal", ["mobile", "office", "email"]),
        (ADMIN, "users.csv", "m365-admin", ["mobile", "office", "email"]),
        (DIRECTORY, "users.csv", "get-aduser", ["mobile", "office"]),
        (json.dumps(GRAPH), "users.json", "", ["mobile"]),
        (json.dumps(GRAPH), "users.json", "graph-users", ["mobile", "office"]),
        (f"UPN,PhoneType,PhoneNumber\nanna@contoso.example,mobile,{NUMBER}\n", "users.csv", "", ["mobile"]),
    ],
)
def test_an_export_is_planned_on_the_demo_tenant(
    tmp_path: Path, text: str, name: str, mapping: str, methods: list[str]
) -> None:
    stage = Stage(tmp_path)
    stage.people(anna={}, bert={"mobile": "+31 612345679"})
    source = read(tmp_path, text.replace(ID, user_id("anna")), name, mapping=mapping)

    async def made() -> plan.Plan:
        async with stage.graph() as graph:
            wanted, users = await people.find_people(graph, source, tick=lambda _: None)
            current = await directory.current(graph, users["user_id"].unique(), methods=wanted.methods)
            return plan.make(wanted.wanted, current, users, wanted.problems)

    found = asyncio.run(made())
    assert found.problems.empty
    assert list(found.writes["method"]) == methods
    assert set(found.writes["user_id"]) == {user_id("anna")}
