"""Other systems' exports, read by a mapping: the ready ones, and what a wrong mapping says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from authops.source import mapping, wanted_file
from authops.words.errors import SourceError
from authops.words.places import project

READY = sorted((project() / "parameters" / "mappings").glob("*.yaml"))
MFA_SERVER = """Username,First Name,Country Code,Phone,Extension,Backup Country Code,Backup Phone,Mode
frida@contoso.example,Frida,31,6 1234 5678,,31,612345679,Text Message
gus@contoso.example,Gus,+49,15123000800,,,,Phone Call
hana@contoso.example,Hana,1,,,,,Phone Call
"""
GATEWAY = "Login;MSISDN;Status\nfrida@contoso.example;31612345678;Active\ngus@contoso.example;4915123000800;blocked\n"
HR = """"Employee ID","User Principal Name","Worker Status","Mobile Phone","Work Phone","Country ISO Code"
"1","frida@contoso.example","Active","06-12345678","020 6241111","NL"
"2","gus@contoso.example","On Leave","0151 23000800","","DE"
"3","hana@contoso.example","Terminated","06-12345679","","NL"
"4","ida@contoso.example","Active","06-12345670","","Atlantis"
"""
REQUEST = {"requested_for.user_name": "ida@contoso.example", "requested_for.mobile_phone": "+31 612345680"}
SERVICENOW = {
    "result": [
        {"user_name": "frida@contoso.example", "mobile_phone": "+31612345678", "phone": "", "active": "true"},
        {"user_name": {"display_value": "gus@contoso.example", "value": "x"}, "phone": "+31 20 6241111",
         "active": "true", "number": "RITM001"},
        {"user_name": "hana@contoso.example", "mobile_phone": "+31612345679", "active": False},
    ]
}  # fmt: skip


def read(tmp_path: Path, text: str, mapping_name: str, name: str = "export.csv", **options: str) -> wanted_file.Source:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return wanted_file.read(path, mapping=mapping_name, **options)


def said(got: wanted_file.Source) -> dict[str, dict[str, str]]:
    rows = got.wanted[got.wanted["intent"] == "set"]
    found: dict[str, dict[str, str]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(row["user"].partition("@")[0], {})[row["method"]] = row["value"]
    return found


def test_mfa_server_joins_country_code_and_number(tmp_path: Path) -> None:
    got = read(tmp_path, MFA_SERVER, "mfa-server")
    assert got.problems.empty
    assert said(got) == {
        "frida": {"mobile": "+31 612345678", "alternateMobile": "+31 612345679"},
        "gus": {"mobile": "+49 15123000800"},
    }


def test_a_gateways_digits_get_their_plus_and_who_is_blocked_is_left_out(tmp_path: Path) -> None:
    got = read(tmp_path, GATEWAY, "sms-gateway")
    assert said(got) == {"frida": {"mobile": "+31 612345678"}}
    assert got.facts["rows left out by the mapping"] == 1


def test_hr_numbers_are_read_in_the_workers_country_and_a_country_nobody_knows_reads_none(tmp_path: Path) -> None:
    got = read(tmp_path, HR, "hr", default_region="NL")
    assert said(got) == {
        "frida": {"mobile": "+31 612345678", "office": "+31 206241111"},
        "gus": {"mobile": "+49 15123000800"},
    }
    assert list(got.problems[["line", "column", "rule"]].iloc[0]) == [5, "Country ISO Code", "unknown_country"]


def test_servicenow_records_carry_their_ticket(tmp_path: Path) -> None:
    got = read(tmp_path, json.dumps(SERVICENOW), "servicenow", "users.json", ticket="CHG1")
    assert said(got) == {"frida": {"mobile": "+31 612345678"}, "gus": {"office": "+31 206241111"}}
    assert dict(zip(got.wanted["user"], got.wanted["ticket"], strict=True)) == {
        "frida@contoso.example": "CHG1",
        "gus@contoso.example": "RITM001",
    }
    one = read(tmp_path, json.dumps([REQUEST]), "servicenow", "request.json")
    assert said(one) == {"ida": {"mobile": "+31 612345680"}}


def test_a_country_code_that_is_blank_is_no_part_of_the_number(tmp_path: Path) -> None:
    got = read(tmp_path, "Username,Country Code,Phone\nfrida@contoso.example,,612345678\n", "mfa-server")
    assert list(got.problems["rule"]) == ["no_country_code"]


def test_of_two_columns_of_one_name_none_is_taken(tmp_path: Path) -> None:
    twice = "upn;msisdn;MSISDN;Note;note\nfrida@contoso.example;31612345678;31612345679;;\n"
    with pytest.raises(SourceError, match="reads 'msisdn', and 2 columns are called that"):
        read(tmp_path, twice, "sms-gateway")
    unused = "upn;msisdn;Note;note\nfrida@contoso.example;31612345678;;\n"
    assert said(read(tmp_path, unused, "sms-gateway")) == {"frida": {"mobile": "+31 612345678"}}


def test_rows_to_look_at_of_an_export_are_valid_input_of_the_same_mapping(tmp_path: Path) -> None:
    got = read(tmp_path, HR, "hr")
    picked = wanted_file.pick(tmp_path / "export.csv", {5}, got.facts)
    assert list(read(tmp_path, picked, "hr", "failed.csv").problems["user"]) == ["ida@contoso.example"]


def test_a_file_that_is_another_systems_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not look like hr"):
        read(tmp_path, "a,b\n1,2\n", "hr")


@pytest.mark.parametrize("path", READY, ids=lambda p: p.stem)
def test_ready_mappings_are_found_by_name(path: Path) -> None:
    assert mapping.load(path.stem).name == path.stem


@pytest.mark.parametrize(
    ("said_", "message"),
    [
        ("columns: {user: A, mobil: B}", "mobil: not one of"),
        ("columns: {mobile: B}", "user is missing"),
        ("colums: {user: A}", "it needs `columns`"),
        ("columns: {user: A}\nonly: active", "only: not one of"),
        ("columns: {user: A}\nrewrite: {user: [{find: '(', become: x}]}", "error"),
        ("columns: {user: A}\nrewrite: {user: [{fnd: x, become: x}]}", "KeyError"),
        ("columns: [", "not valid YAML"),
        ("columns: {user: A}\nrewrite: {user: [{find: x, become: '\\2'}]}", "group"),
        ("columns: {user: A}\nrewrite: {user: [{find: x, become: '\\g<n>'}]}", "n"),
    ],
)
def test_a_wrong_mapping_is_one_clear_message(tmp_path: Path, said_: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(said_)
    with pytest.raises(SourceError, match=message):
        mapping.load(str(path))


def test_an_unknown_mapping_names_the_ready_ones() -> None:
    with pytest.raises(SourceError, match=r"ready ones: entra-portal, get-aduser, .*servicenow"):
        mapping.load("workday")


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", "[]", "[1]", '{"result": "x"}', "not json"])
def test_json_that_holds_no_records_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(SourceError):
        read(tmp_path, content, "servicenow", "x.json")
