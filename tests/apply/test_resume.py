"""Which run an apply goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from authops.apply import resume
from authops.apply.journal import Journal

CHANGE = {
    "line": 2,
    "user_id": "u",
    "user_principal_name": "u@x.org",
    "method": "mobile",
    "method_id": "",
    "action": "add",
}
CHANGE |= {"before": "", "after": "+31 612345678", "at": "2026-01-01T00:00:00+00:00", "ticket": ""}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = [tmp_path / name for name in ("20260101-a", "20260102-b", "20260103-c")]
    for folder in found:
        folder.mkdir()
    return found


def begun(folder: Path, *, settled: int = 0, open: int = 0, finished: bool = False) -> None:
    journal = Journal(folder / "journal.sqlite")
    journal.note(begun_at="2026-01-01T00:00:00+00:00", by="ann")
    rows = [CHANGE | {"change_id": f"c{n}", "attempt": 1} for n in range(settled + open)]
    journal.intend(rows)
    done = {"outcome": "applied", "found": "", "detail": "", "request_id": ""}
    journal.settle([row | done for row in rows[:settled]])
    if finished:
        journal.note(finished_at="2026-01-01T01:00:00+00:00")
    journal.close()


def approved(folder: Path) -> None:
    (folder / "approval.json").write_text("{}")


def test_what_is_open_is_said(folders: list[Path]) -> None:
    begun(folders[0], settled=3, open=2)
    said = resume.unfinished(folders[0])["goes on with"]
    assert "by ann; 3 changes settled, 2 without an answer" in said
    begun(folders[1], settled=1, finished=True)
    assert resume.unfinished(folders[1]) == {}
    assert resume.unfinished(folders[2]) == {}


def test_what_did_not_end_is_offered_and_what_ended_is_not(folders: list[Path]) -> None:
    begun(folders[0], settled=1)
    begun(folders[1], settled=1, finished=True)
    assert resume.offered(folders) == [folders[0].name]


def test_what_an_earlier_attempt_wrote_is_said_in_a_line(folders: list[Path]) -> None:
    assert resume.wrote(folders[0]) == ""
    begun(folders[0])
    assert resume.wrote(folders[0]) == ""
    begun(folders[1], settled=3, open=1)
    assert resume.wrote(folders[1]) == "an earlier attempt ended with 3 applied, 1 unknown"
