"""A workbook with a password: an office library opens it, and what is added or replaced later stands in it too."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import msoffcrypto
import openpyxl
import pytest

from authops.handover.handover import HandOver, Receipt
from authops.handover.opening import open as hand_over
from authops.words.errors import HandOverError
from tests.handover.conftest import SECRET, holding, letter
from tests.project import ROOT

PASSWORD = "a long sentence for the desk"
Desk = Callable[..., HandOver]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    return lambda **other: hand_over(
        "workbook", **{"folder": str(tmp_path / "out"), "password_env": "DESK_PASSWORD"} | other
    )


def opened(path: str | Path, password: str = PASSWORD) -> bytes:
    """The workbook inside, as an office library opens it."""
    file, out = msoffcrypto.OfficeFile(BytesIO(Path(path).read_bytes())), BytesIO()
    file.load_key(password=password, verify_password=True)
    file.decrypt(out, verify_integrity=True)
    return out.getvalue()


def rows(path: str | Path) -> list[dict[str, object]]:
    head, *rest = openpyxl.load_workbook(BytesIO(opened(path))).active.values  # type: ignore[union-attr]
    return [dict(zip(map(str, head), row, strict=True)) for row in rest]


def test_it_opens_with_its_password_and_no_cell_is_a_formula(desk: Desk) -> None:
    hand = desk()
    asyncio.run(hand.ready(["Desk 1"]))
    (receipt,) = asyncio.run(hand.give([letter(recipient="Desk 1", name='=HYPERLINK("x")\x07 <b>')]))
    assert (receipt.how, Path(receipt.where).name) == ("workbook", "desk 1.xlsx")
    (row,) = rows(receipt.where)
    assert row == {
        "account": "user1@contoso.example",
        "name": '=HYPERLINK("x")\ufffd <b>',
        "pass": SECRET,
        "usable from": "2026-11-30 08:00 +0100",
        "usable until": "2026-11-30 16:00 +0100",
        "how often": "once",
        "object id": "id-1",
    }
    sheet = openpyxl.load_workbook(BytesIO(opened(receipt.where))).active
    assert {cell.data_type for line in sheet for cell in line} == {"s"}  # type: ignore[union-attr]
    with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
        opened(receipt.where, "another long sentence")


def test_what_is_given_later_is_added_and_what_is_given_again_is_replaced(desk: Desk) -> None:
    asyncio.run(desk().give([letter(1, "desk"), letter(2, "desk"), letter(3, "night desk")]))
    other = desk()
    asyncio.run(other.ready(["desk"]))
    (receipt,) = asyncio.run(other.give([letter(1, "desk", code="the-second & last")]))
    assert [(row["account"], row["pass"]) for row in rows(receipt.where)] == [
        ("user2@contoso.example", SECRET),
        ("user1@contoso.example", "the-second & last"),
    ]
    assert len(rows(Path(receipt.where).with_name("night desk.xlsx"))) == 1


def test_a_workbook_that_a_spreadsheet_has_saved_is_added_to(desk: Desk) -> None:
    (receipt,) = asyncio.run(desk().give([letter(1, "desk")]))
    book = openpyxl.load_workbook(BytesIO(opened(receipt.where)))
    book.active.insert_cols(1)  # type: ignore[union-attr]
    book.active["A1"] = "done"  # type: ignore[index]
    out, locked = BytesIO(), BytesIO()
    book.save(out)
    msoffcrypto.format.ooxml.OOXMLFile(out).encrypt(PASSWORD, locked)
    Path(receipt.where).write_bytes(locked.getvalue())
    asyncio.run(desk().give([letter(2, "desk")]))
    assert [row["account"] for row in rows(receipt.where)] == ["user1@contoso.example", "user2@contoso.example"]


def test_a_password_that_would_not_do_is_found_before_the_first_pass(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HandOverError, match="no name of a variable"):
        asyncio.run(desk(password_env="a long sentence").ready(["desk"]))
    for value in ("", "short"):
        monkeypatch.setenv("DESK_PASSWORD", value)
        with pytest.raises(HandOverError, match="holds no password of 12") as refused:
            asyncio.run(desk().ready(["desk"]))
        assert not value or value not in str(refused.value)


def test_a_workbook_that_is_there_and_does_not_open_is_found_before_the_first_pass(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (receipt,) = asyncio.run(desk().give([letter(1, "desk")]))
    monkeypatch.setenv("DESK_PASSWORD", "another long sentence")
    with pytest.raises(HandOverError, match=r"desk\.xlsx, which is there already, has another password"):
        asyncio.run(desk().ready(["desk"]))
    Path(receipt.where).write_bytes(Path(receipt.where).read_bytes()[:3000])
    with pytest.raises(HandOverError, match="cannot be opened"):
        asyncio.run(desk().ready(["desk"]))


def test_a_workbook_that_cannot_be_added_to_keeps_no_other_from_its_receipts(desk: Desk, tmp_path: Path) -> None:
    asyncio.run(desk().give([letter(1, "desk"), letter(2, "night desk")]))
    (tmp_path / "out" / "night desk.xlsx").write_bytes(b"none of ours")
    done: list[Receipt] = []
    with pytest.raises(HandOverError, match=r"night desk\.xlsx.* cannot be opened"):
        asyncio.run(desk().give([letter(3, "desk"), letter(4, "night desk"), letter(5, "desk")], done.append))
    assert [one.change_id for one in done] == [letter(3).change_id, letter(5).change_id]
    assert len(rows(tmp_path / "out" / "desk.xlsx")) == 3


WATCHED = """
import asyncio, io, os, sys
sys.path.insert(0, {root!r})
opened = []
sys.addaudithook(lambda event, args: opened.append(args) if event == "open" else None)
from authops import handover
from tests.handover.conftest import letter
hand = handover.open("workbook", folder={out!r}, password_env="DESK_PASSWORD")
asyncio.run(hand.ready(["desk"]))
asyncio.run(hand.give([letter(1, "desk")]))
asyncio.run(hand.give([letter(2, "desk")]))
print(*sorted({{str(name) for name, _, flags in opened if flags & (os.O_WRONLY | os.O_RDWR)}}), sep="\\n")
print("ready", flush=True)
number = 2
while len(sys.argv) > 1:
    number += 20
    asyncio.run(hand.give([letter(number + n, "desk") for n in range(20)]))
"""


@pytest.mark.slow
def test_nothing_but_the_locked_workbook_is_opened_for_writing_and_a_kill_leaves_no_code(
    desk: Desk, tmp_path: Path
) -> None:
    code = WATCHED.format(root=str(ROOT), out=str(tmp_path / "out"))
    env = dict(os.environ, TMPDIR=str(tmp_path), DESK_PASSWORD=PASSWORD, PYTHONDONTWRITEBYTECODE="1")
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env, cwd=tmp_path)
    written = {Path(line) for line in done.stdout.splitlines() if line != "ready"}
    assert {path.parent for path in written if path.is_absolute()} <= {tmp_path / "out", Path("/dev")}
    assert any(re.fullmatch(r"desk\.xlsx\.\d+\.new", path.name) for path in written)
    with subprocess.Popen([*words, "on"], stdout=subprocess.PIPE, env=env, cwd=tmp_path) as run:
        assert run.stdout is not None
        while run.stdout.readline() != b"ready\n":
            assert run.poll() is None
        first = (tmp_path / "out" / "desk.xlsx").stat().st_ino
        while (tmp_path / "out" / "desk.xlsx").stat().st_ino == first:
            assert run.poll() is None
        run.send_signal(signal.SIGKILL)
    assert len(rows(tmp_path / "out" / "desk.xlsx")) >= 20
    assert list(holding([tmp_path])) == []


def test_the_search_would_find_a_code_in_a_workbook_that_is_not_locked(desk: Desk, tmp_path: Path) -> None:
    (receipt,) = asyncio.run(desk().give([letter(1, "desk")]))
    assert list(holding([tmp_path])) == []
    (tmp_path / "plain.xlsx").write_bytes(opened(receipt.where))
    assert list(holding([tmp_path])) == [tmp_path / "plain.xlsx"]
