"""Whom an audit looks at: of a list, whoever is not there is counted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from authops.audit import scope
from authops.tenant import directory
from authops.words.errors import ParameterError
from tests.apply.conftest import Stage, user_id


def members(stage: Stage, text: str) -> list[str]:
    """Who is in the scope of a list."""
    path = stage.folder / "who.csv"
    path.write_text(text)

    async def read() -> list[str]:
        async with stage.graph() as graph:
            people = await directory.people(graph)
            found = await scope.read(graph, people, "", str(path), most=None)
            return [name.partition("@")[0] for name in found["user_principal_name"]]

    return asyncio.run(read())


def test_who_of_a_list_is_nobody_here_is_counted_and_not_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path)
    stage.people(ada={}, ben={})
    with caplog.at_level(logging.WARNING, logger="authops"):
        assert members(stage, "UPN\nADA@contoso.example\nadda@contoso.example\n") == ["ada"]
    assert "1 of 2 in scope_file are nobody of this tenant" in caplog.text
    assert "adda" not in caplog.text


@pytest.mark.parametrize("header", ["Id,UserPrincipalName", "UserPrincipalName,Id", "Id", "UserPrincipalName"])
def test_a_list_may_name_people_by_id_by_name_or_both(tmp_path: Path, header: str) -> None:
    stage = Stage(tmp_path)
    stage.people(ada={}, ben={})
    row = header.replace("UserPrincipalName", "ada@contoso.example").replace("Id", user_id("ada"))
    assert members(stage, f"{header}\n{row}\n") == ["ada"]


def test_a_list_of_nobody_stops_the_audit(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.people(ada={})
    with pytest.raises(ParameterError, match="nobody is in scope"):
        members(stage, "UPN\nadda@contoso.example\n")
