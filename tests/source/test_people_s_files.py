"""Whole files as people really have them, each made small: every cell is read right, or its row says what is wrong."""

from __future__ import annotations

import asyncio
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from authops.plan import plan
from authops.source import people, wanted_file
from authops.tenant import directory
from authops.words.errors import SourceError
from tests.apply.conftest import Stage

UPN = "@contoso.example"


@dataclass(frozen=True)
class File:
    """A file, how it is read, and what comes of it: (line, column) → a value, or the rule it breaks."""

    text: str
    says: dict[tuple[str, str], str]
    how: dict[str, Any] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)


def read(tmp_path: Path, file: File) -> wanted_file.Source:
    (tmp_path / "in.csv").write_bytes(file.text.replace("@;", UPN + ";").replace("@,", UPN + ",").encode())
    return wanted_file.read(tmp_path / "in.csv", **{"default_region": "NL", **file.how})


FILES = {
    "german numbers without their +": File(
        "UPN;Mobile;OfficePhone\n"
        "a@;4915123000801;\n"
        "b@;;496128960001\n"
        "c@;;49 (0)30 1234567\n"
        "d@;015123000802;06128 960001\n",
        {("d", "mobile"): "+49 15123000802", ("d", "office"): "+49 6128960001"},
        {"default_region": "DE"},
        {2: "plus_lost", 3: "plus_lost", 4: "plus_lost"},
    ),
    "dialled from Australia": File(
        "UPN,Mobile\na@,0011 47 922 34 567\nb@,0011 65 9123 4567\nc@,0412 345 678\n",
        {("b", "mobile"): "+65 91234567", ("c", "mobile"): "+61 412345678"},
        {"default_region": "AU"},
        {2: "two_readings"},
    ),
    "dialled from Singapore": File(
        "UPN,Mobile\na@,001 47 922 34 567\nb@,8123 4567\n",
        {("b", "mobile"): "+65 81234567"},
        {"default_region": "SG"},
        {2: "two_readings"},
    ),
    "two numbers in a cell": File(
        "UPN;OfficePhone\n"
        "a@;+49 30 123456-0/-61\n"
        "b@;089 1234/089 5678\n"
        "c@;030 123456 / 123457\n"
        "d@;+49 30 12345 (030 12346)\n",
        {},
        {"default_region": "DE"},
        {2: "not_a_number", 3: "not_a_number", 4: "not_a_number", 5: "not_a_number"},
    ),
    "whole numbers that became decimals": File(
        "User Principal Name,Country Code,Phone\na@,49.0,15112345670.0\nb@,43.0,6641234560.0\nc@,1.0,2065550100.0\n",
        {
            ("a", "mobile"): "+49 15112345670",
            ("b", "mobile"): "+43 6641234560",
            ("c", "mobile"): "+1 2065550100",
        },
        {"mapping": "mfa-server"},
    ),
    "the country code twice": File(
        "User Principal Name,Country Code,Phone\n"
        "a@,49,4915112345670\n"
        "b@,49,004915112345671\n"
        "c@,31,31612340091\n"
        "d@,31,612340092\n",
        {("d", "mobile"): "+31 612340092"},
        {"mapping": "mfa-server"},
        {2: "two_readings", 3: "two_readings", 4: "two_readings"},
    ),
    "Italian zeros in brackets": File(
        "UPN,Mobile,OfficePhone\na@,+39 (0)347 1234567,+39 (0)6 6982 1234\nb@,+39 0347 1234567,\n",
        {("a", "mobile"): "+39 3471234567", ("a", "office"): "+39 0669821234"},
        {},
        {3: "two_readings"},
    ),
    "extensions as people write them": File(
        "UPN,OfficePhone\na@,+1 206 555 0100;ext=12\nb@,+1 206 555 0100 #12\nc@,+1 206 555 0100 extension 12\n"
        'd@,"+1 206 555 0100, 12"\n'
        "e@,x12\n",
        {(who, "office"): "+1 2065550100x12" for who in "abc"},
        {"default_region": "US"},
        {5: "not_a_number", 6: "not_a_number"},
    ),
    "digits of another script": File(
        "UPN,Mobile\na@,٠٥٠١٢٣٤٥٦٠\nb@,+٩٧١ ٥٠ ١٢٣ ٤٥٦١\n",
        {("a", "mobile"): "+971 501234560", ("b", "mobile"): "+971 501234561"},
        {"default_region": "AE"},
    ),
    "countries as HR writes them": File(
        "Work Email,Mobile Phone,Country ISO Code,Worker Status\na@,07400 123450,UK,Active\nb@,06 12340090,NLD,Active\n"
        "c@,01511 2345670,Germany,Active\nd@,06 12340091,Utopia,Active\n",
        {
            ("a", "mobile"): "+44 7400123450",
            ("b", "mobile"): "+31 612340090",
            ("c", "mobile"): "+49 15112345670",
        },
        {"mapping": "hr"},
        {5: "unknown_country"},
    ),
    "a row for each method": File(
        "UserPrincipalName,PhoneType,PhoneNumber\na@,mobile,+31 612340090\na@,office,+31 207940000\n",
        {("a", "mobile"): "+31 612340090", ("a", "office"): "+31 207940000"},
    ),
    "Get-ADUser, whose Office is a room": File(
        "UserPrincipalName,MobilePhone,Office,EmailAddress\n"
        "a@,+31 612340090,Building 4,a@contoso.example\n"
        "b@,+31 612340091,,b@contoso.example\n",
        {("a", "mobile"): "+31 612340090", ("b", "mobile"): "+31 612340091"},
    ),
    "the portal's own download": File(
        "userPrincipalName,displayName,id,mobilePhone,officeLocation\n"
        "a@,Ann,11111111-2222-3333-4444-555555555555,+31 612340090,Utrecht\n",
        {("11111111-2222-3333-4444-555555555555", "mobile"): "+31 612340090"},
    ),
    "lines in quotes": File('UPN,Mobile\n"a@contoso.example,+31612340090"\n', {}, {}, {2: "quoted_row"}),
    "Excel for the Mac": File("UPN;Mobile\ra@;+31612340090\r", {("a", "mobile"): "+31 612340090"}),
    "Windows PowerShell's first line": File(
        '#TYPE Selected.User\n"UserPrincipalName","MobilePhone"\n"a@contoso.example","+31 612340090"\n',
        {("a", "mobile"): "+31 612340090"},
    ),
    "numbering plans that changed": File(
        "UPN,Mobile\na@,+52 1 55 1234 5670\nb@,+54 11 15 2345 6780\nc@,+55 11 6234 5670\nd@,+225 07 123 450\n",
        {("b", "mobile"): "+54 91123456780", ("c", "mobile"): "+55 1162345670"},
        {},
        {2: "impossible_number", 5: "impossible_number"},
    ),
    "addresses with names": File(
        'UPN,Email\n'
        'a@,Ann <ann@mail.example>\n'
        'b@,mailto:b@mail.example\n'
        'c@,"c@mail.example; cc@mail.example"\n'
        'd@,d@mail.example\n',
        {("d", "email"): "d@mail.example"},
        {},
        {2: "not_an_address", 3: "not_an_address", 4: "not_an_address"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_each_cell_of_a_file_is_read_right_or_its_row_says_what_is_wrong(tmp_path: Path, name: str) -> None:
    file = FILES[name]
    found = read(tmp_path, file)
    wanted = found.wanted[found.wanted["value"] != ""]
    users = [user.partition("@")[0] for user in wanted["user"]]
    assert dict(zip(zip(users, wanted["method"], strict=True), wanted["value"], strict=True)) == file.says
    assert dict(zip(found.problems["line"], found.problems["rule"], strict=True)) == file.problems


@pytest.mark.parametrize("text", ["a@,0612340090\nb@,0612340091\n", "a@,+31612340090\nb@,+31612340091\n"])
def test_a_file_without_a_header_says_that_line_1_looks_like_data_and_repeats_nothing(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(SourceError, match="line 1 looks like data") as caught:
        read(tmp_path, File(text, {}))
    assert "1234009" not in str(caught.value)
    assert f"a{UPN}" not in str(caught.value)


@pytest.mark.parametrize("yes", ["yes", '"yes"', "true"])
def test_a_mapping_s_yes_and_no_are_the_words_of_the_file(tmp_path: Path, yes: str) -> None:
    mapping = tmp_path / "own.yaml"
    mapping.write_text(f"columns: {{user: Login, mobile: Mobil}}\nconstants: {{region: NO}}\nonly: {{Aktiv: {yes}}}\n")
    text = f"Login,Mobil,Aktiv\na@,922 34 567,{'true' if yes == 'true' else 'yes'}\nb@,922 34 568,no\n"
    found = read(tmp_path, File(text, {}, {"mapping": str(mapping)}))
    assert found.wanted["value"].tolist() == ["+47 92234567"]
    assert found.facts["rows left out by the mapping"] == 1


@pytest.mark.parametrize("name", ["O'Brien {list} (2) – été.csv", "50% of a&b #1.csv", "名簿.csv", "-list.csv"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "It's {here} – ça"
    folder.mkdir()
    (folder / name).write_text("UPN,Mobile\na@contoso.example,+31 612340090\n", encoding="utf-8")
    found = wanted_file.read(folder / name)
    assert found.wanted["value"].tolist() == ["+31 612340090"]


def test_a_sheet_whose_filter_leaves_out_blanks_is_read_as_it_is_seen(tmp_path: Path) -> None:
    (tmp_path / "in.xlsx").write_bytes(_filtered_for_blanks(tmp_path / "plain.xlsx"))
    found = wanted_file.read(tmp_path / "in.xlsx")
    assert found.wanted["value"].tolist() == ["+31 612340090"]
    assert found.facts["hidden rows left out"] == 1


def _filtered_for_blanks(path: Path) -> bytes:
    """As Excel writes it: a filter "not equal to blank", which some readers take for a number that is none."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["UPN", "Mobile"], ["a@contoso.example", "+31 612340090"], ["b@contoso.example", None]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    book.save(path)
    rule = '<customFilters><customFilter operator="notEqual" val=" "/></customFilters>'
    seen = f'</sheetData><autoFilter ref="A1:B3"><filterColumn colId="1">{rule}</filterColumn></autoFilter>'
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made := io.BytesIO(), "w") as new:
        for part in old.namelist():
            new.writestr(
                part, old.read(part).replace(b"</sheetData>", seen.encode()) if "sheet1" in part else old.read(part)
            )
    return made.getvalue()


ODD_NAMES = [
    "niamh.o'brien@contoso.example", "bo+test@contoso.example", "jürgen.groß@contoso.example",
    "h#ash!person~x@contoso.example", "a%20b&c=d@contoso.example",
    "gina.guest_adatum.example#EXT#@contoso.example",
]  # fmt: skip


def test_people_whose_names_hold_what_addresses_have_to_escape_are_found(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    here = {user.profile["userPrincipalName"] for user in stage.world.tenant.users.values()}
    stage._ask(
        "staff", "POST", {"hire": [{"displayName": "Odd", "userPrincipalName": n} for n in ODD_NAMES if n not in here]}
    )
    rows = "".join(f"{name},+31 61234009{n}\n" for n, name in enumerate(ODD_NAMES))
    (tmp_path / "in.csv").write_text("UPN,Mobile\n" + rows, encoding="utf-8")
    source = wanted_file.read(tmp_path / "in.csv")

    async def look() -> plan.Plan:
        async with stage.graph() as graph:
            wanted, users = await people.find_people(graph, source, tick=lambda _: None)
            current = await directory.current(graph, users["user_id"].unique(), methods=wanted.methods)
            return plan.make(wanted.wanted, current, users, wanted.problems)

    found = asyncio.run(look())
    assert (sorted(found.changes["user_principal_name"]), len(found.problems)) == (sorted(ODD_NAMES), 0)
