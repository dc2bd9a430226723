"""Who is meant by an address that is no UPN: asked for, found and noted; not asked for, pointed out; two, refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.plan import plan
from authops.source import people, wanted_file
from authops.source.wanted import Source
from authops.tenant import directory
from authops.words.errors import ParameterError
from tests.apply.conftest import Stage
from tests.tenant.test_directory import graph

USERS: list[dict[str, Any]] = [
    {"id": "aaaaaaaa-0000-4000-8000-000000000001", "userPrincipalName": "anna@corp.example",
     "mail": "Anna@contoso.example", "proxyAddresses": ["SMTP:Anna@contoso.example", "smtp:a.jansen@contoso.example"]},
    {"id": "aaaaaaaa-0000-4000-8000-000000000002", "userPrincipalName": "louis_litware.example#EXT#@contoso.example",
     "userType": "Guest", "mail": None, "otherMails": ["louis.home@mail.example"]},
    {"id": "aaaaaaaa-0000-4000-8000-000000000003", "userPrincipalName": "niamh.o'brien@contoso.example"},
    {"id": "aaaaaaaa-0000-4000-8000-000000000004", "userPrincipalName": "sales1@contoso.example",
     "mail": "sales@contoso.example"},
    {"id": "aaaaaaaa-0000-4000-8000-000000000005", "userPrincipalName": "sales2@contoso.example",
     "proxyAddresses": ["smtp:sales@contoso.example", "X500:/o=x", "SIP:nobody@contoso.example"]},
]  # fmt: skip
ANYWHERE = ["mail", "proxy", "guest", "apostrophe"]


def answer(path: str) -> tuple[int, Any]:
    """Only what is documented: GET by UPN or id, `$select`, and `mail eq`."""
    if path.startswith("/users?"):
        if "$filter" not in path:
            return 200, {"value": USERS}
        asked = path.partition("mail eq '")[2].partition("'&")[0].rstrip("'").replace("''", "'").casefold()
        return 200, {"value": [u for u in USERS if str(u.get("mail") or "").casefold() == asked]}
    name = path.removeprefix("/users/").partition("?")[0].casefold()
    found = [u for u in USERS if name in (u["id"], u["userPrincipalName"].casefold())]
    return (200, found[0]) if found else (404, {"error": {"code": "Request_ResourceNotFound", "message": "none"}})


def found(folder: Path, rows: list[str], match: list[str], header: str = "UPN") -> tuple[Source, pd.DataFrame]:
    (folder / "list.csv").write_text(
        f"{header},Mobile\n" + "".join(f"{row},+31 61234567{n}\n" for n, row in enumerate(rows))
    )
    source = wanted_file.read(folder / "list.csv")

    async def look() -> tuple[Source, pd.DataFrame]:
        async with graph(answer) as way:
            return await people.find_people(way, source, match=match, tick=lambda _: None)

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("name", "way", "number"),
    [
        ("anna@CONTOSO.example", "mail", 1),
        ("a.jansen@contoso.example", "proxy", 1),
        ("louis@litware.example", "guest", 2),
        ("louis.home@mail.example", "guest", 2),
        ("niamh.o\u2019brien@contoso.example", "apostrophe", 3),
        ("niamh.o''brien@contoso.example", "apostrophe", 3),
    ],
)
def test_a_person_is_found_in_the_way_that_is_asked_for_and_in_no_other(
    tmp_path: Path, name: str, way: str, number: int
) -> None:
    source, users = found(tmp_path, [name], [way])
    assert (list(users["user_id"]), list(users["asked"])) == ([USERS[number - 1]["id"]], [name])
    assert "the person was found by" in source.wanted["note"].iloc[0]
    for other in ([], [w for w in ANYWHERE if w != way]):
        if name.casefold() != "anna@contoso.example" or "proxy" not in other:
            source, users = found(tmp_path, [name], other)
            assert users.empty


def test_where_it_is_not_asked_for_somebody_is_pointed_out(tmp_path: Path) -> None:
    source, _ = found(
        tmp_path, ["anna@contoso.example", "niamh.o\u2019brien@contoso.example", "nobody@contoso.example"], []
    )
    assert list(source.problems["rule"]) == ["unknown_user"] * 2
    assert [message.partition("match: ")[2] for message in source.problems["message"]] == ["mail", "apostrophe"]
    assert list(source.wanted["user"]) == ["nobody@contoso.example"]


def test_an_address_of_two_people_is_nobodys(tmp_path: Path) -> None:
    source, users = found(tmp_path, ["sales@contoso.example"], ANYWHERE)
    assert (list(source.problems["rule"]), len(users), len(source.wanted)) == (["ambiguous_user"], 0, 0)


def test_an_object_id_and_the_name_beside_it_have_to_be_one_person(tmp_path: Path) -> None:
    rows = [f"{USERS[0]['id']},ANNA@corp.example", f"{USERS[3]['id']},anna@corp.example", ",sales2@contoso.example"]
    source, users = found(tmp_path, rows, [], header="Id,UPN")
    assert list(source.problems[["line", "rule"]].itertuples(index=False, name=None)) == [(3, "user_differs")]
    assert len(source.wanted) == 2
    assert len(users) == 3


def test_a_way_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'alias' is no way"):
        found(tmp_path, ["anna@corp.example"], ["alias"])


ON_THE_DEMO_TENANT = {
    "mail": "bea.mail@corp.example",
    "proxy": "old.name@corp.example",
    "guest": "louis@litware.example",
    "apostrophe": "niamh.o\u2019brien@contoso.example",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("matching"))
    people = [
        {"userPrincipalName": "bea@contoso.example", "mail": "bea.mail@corp.example"},
        {"userPrincipalName": "pat@contoso.example"},
        {"userPrincipalName": "louis_litware.example#EXT#@contoso.example", "userType": "Guest"},
        {"userPrincipalName": "niamh.o'brien@contoso.example"},
    ]
    stage._ask("staff", "POST", {"hire": [person | {"displayName": "One Person"} for person in people]})
    pat = next(u for u in stage.world.tenant.users.values() if u.profile["userPrincipalName"].startswith("pat@"))
    pat.profile["proxyAddresses"] = ["smtp:old.name@corp.example"]
    return stage


@pytest.mark.parametrize("way", ON_THE_DEMO_TENANT)
def test_on_the_demo_tenant_a_person_is_found_in_the_way_that_is_asked_for_and_pointed_out_without(
    stage: Stage, tmp_path: Path, way: str
) -> None:
    (tmp_path / "in.csv").write_text(f"UPN,Mobile\n{ON_THE_DEMO_TENANT[way]},+31 612345678\n")
    source = wanted_file.read(tmp_path / "in.csv")

    async def look(match: list[str]) -> plan.Plan:
        async with stage.graph() as graph_:
            wanted, users = await people.find_people(graph_, source, match=match, tick=lambda _: None)
            found = users.loc[users["user_id"] != "", "user_id"]
            current = await directory.current(graph_, found, methods=wanted.methods)
            return plan.make(wanted.wanted, current, users, wanted.problems)

    asked = asyncio.run(look([way]))
    assert (list(asked.changes["action"]), len(asked.problems)) == (["add"], 0)
    assert "the person was found by" in asked.changes["note"].iloc[0]
    off = asyncio.run(look([]))
    assert (len(off.writes), list(off.problems["rule"])) == (0, ["unknown_user"])
    if way in ("mail", "apostrophe"):
        assert f"or match: {way}" in off.problems["message"].iloc[0]
