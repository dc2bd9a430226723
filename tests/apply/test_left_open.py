"""What could not be read, or was stopped after it had been sent: none of it is forgotten, and none is glossed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest

from authops.apply.applier import Applier
from authops.apply.journal import Journal
from authops.words.errors import FrameError
from tests.apply.conftest import Stage, user_id

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"
BOTH = f"frida@contoso.example,{A},{B},,TRUE,\n"


def never(_: Applier) -> bool:
    return False


def go(stage: Stage, changes: pd.DataFrame, stop: Callable[[Applier], bool] = never) -> pd.DataFrame:
    async def done() -> pd.DataFrame:
        journal = Journal(stage.folder / "journal.sqlite")
        async with stage.graph() as graph:
            it = Applier(graph, journal, lambda: datetime.now(UTC), mode="apply", sleep=stage.pause)
            it.stop = lambda: stop(it)
            try:
                return await it.apply(changes)
            finally:
                journal.close()

    return stage.run(done())


def outcomes(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["method"], rows["outcome"], strict=True))


def settled(stage: Stage) -> set[str]:
    journal = Journal(stage.folder / "journal.sqlite")
    try:
        return set(journal.outcomes()["method"])
    finally:
        journal.close()


def test_who_cannot_be_read_just_now_is_left_open_with_all_that_was_planned(stage: Stage) -> None:
    stage.people(frida={"mobile": C})
    made = stage.plan(BOTH).writes
    stage.clear_log()
    stage.weather(masked=True)
    first = go(stage, made)
    stage.weather(masked=False)
    assert (stage.writes(), settled(stage)) == ({}, set())
    assert outcomes(first) == {"mobile": "skipped", "alternateMobile": "skipped"}
    assert "Graph showed a masked number" in first["detail"].iloc[0]
    assert outcomes(go(stage, made)) == {"mobile": "applied", "alternateMobile": "applied"}
    assert stage.phones()[user_id("frida")] == {"mobile": A, "alternateMobile": B}


def test_somebody_who_left_meanwhile_is_no_obstacle_and_the_run_is_over(stage: Stage) -> None:
    stage.people(frida={"mobile": C}, gus={})
    made = stage.plan(f"{BOTH}gus@contoso.example,{A},,,,\n").writes
    stage.clear_log()
    stage.world.tenant.leave(stage.world.tenant.find(user_id("frida")))
    got = go(stage, made).set_index("user_principal_name")
    assert got.loc["gus@contoso.example", "outcome"] == "applied"
    hers = got.loc[["frida@contoso.example"]]
    assert set(hers["outcome"]) == {"skipped"}
    assert "does not have this user any more" in " ".join(hers["detail"])
    assert settled(stage) == {"mobile", "alternateMobile"}
    assert set(stage.writes()) == {user_id("gus")}


def test_a_write_to_somebody_who_left_before_its_answer_came_is_unknown(stage: Stage) -> None:
    stage.people(frida={})
    made = stage.plan(f"frida@contoso.example,{A},,,,\n").writes
    journal = Journal(stage.folder / "journal.sqlite")
    journal.intend([made.to_dict("records")[0] | {"attempt": 1, "at": datetime.now(UTC).isoformat()}])
    journal.close()
    stage.world.tenant.leave(stage.world.tenant.find(user_id("frida")))
    stage.clear_log()
    assert outcomes(go(stage, made)) == {"mobile": "unknown"}
    assert (stage.writes(), settled(stage)) == ({}, {"mobile"})


def test_what_was_sent_and_then_stopped_is_unknown_here_and_in_the_journal(stage: Stage) -> None:
    stage.people(frida={})
    made = stage.plan(f"frida@contoso.example,{A},,,,\n").writes
    stage.weather(fault_rate=1.0, faults=["inner-503"], match="POST")
    first = go(stage, made, stop=lambda it: bool(it._tried))
    stage.weather(fault_rate=0.0)
    journal = Journal(stage.folder / "journal.sqlite")
    recorded = journal.recorded()
    journal.close()
    assert outcomes(first) == outcomes(recorded) == {"mobile": "unknown"}
    assert "sent before" in first["detail"].iloc[0]
    assert settled(stage) == set()
    assert outcomes(go(stage, made)) == {"mobile": "applied"}


def test_what_was_sent_and_is_not_approved_any_more_is_settled_and_never_written(stage: Stage) -> None:
    stage.people(frida={}, gus={}, hans={})
    names = ("frida", "gus", "hans")
    made = stage.plan("".join(f"{name}@contoso.example,{A},,,,\n" for name in names)).writes
    journal = Journal(stage.folder / "journal.sqlite")
    at = datetime.now(UTC).isoformat()
    journal.intend([row | {"attempt": 1, "at": at} for row in made.to_dict("records")[:2]])
    journal.close()
    stage.world.tenant.add_phone(stage.world.tenant.find(user_id("frida")), "mobile", A)
    stage.clear_log()
    got = go(stage, made.iloc[2:])
    assert dict(zip(got["user_principal_name"].str.partition("@")[0], got["outcome"], strict=True)) == {
        "frida": "applied_with_note",
        "gus": "unknown",
        "hans": "applied",
    }
    assert set(stage.writes()) == {user_id("hans")}
    journal = Journal(stage.folder / "journal.sqlite")
    assert journal.open_intents().empty
    journal.close()


def test_a_stop_that_comes_while_it_reads_keeps_the_write_from_leaving(stage: Stage) -> None:
    stage.people(frida={})
    made = stage.plan(f"frida@contoso.example,{A},,,,\n").writes
    stage.clear_log()
    got = go(stage, made, stop=lambda _: any("phoneMethods" in row["path"] for row in stage.world.app.state.wire.log))
    assert stage.writes() == {}
    assert outcomes(got) == {"mobile": "skipped"}


@pytest.mark.parametrize("action", ["keep", "blocked", "delete"])
def test_a_row_that_is_no_write_is_never_taken_for_a_removal(stage: Stage, action: str) -> None:
    stage.people(frida={"mobile": A})
    made = stage.plan("frida@contoso.example,,,,,TRUE\n").writes.assign(action=action)
    stage.clear_log()
    with pytest.raises(FrameError, match=action):
        go(stage, made)
    assert stage.writes() == {}
