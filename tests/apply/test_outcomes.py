"""What was written is known: drift, refusals, lost answers and late reads each end in the outcome they deserve."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from authops.apply.ends import ending
from authops.apply.journal import Journal
from tests.apply.conftest import Stage, user_id

A, B = "+31 612345678", "+31 687654321"
ROW = f"frida@contoso.example,{A},{B},,TRUE,FALSE\n"


def outcome_of(outcomes, method: str) -> str:
    return str(outcomes.set_index("method").loc[method, "outcome"])


def test_a_dry_run_writes_nothing(stage: Stage) -> None:
    stage.people(frida={})
    outcomes = stage.apply(stage.plan(ROW).writes, mode="dry-run")
    assert set(outcomes["outcome"]) == {"skipped"}
    assert stage.writes() == {}
    assert ending(outcomes, "dry-run") == (
        "done",
        "dry run, nothing was written: 2 would be written; to write: mode = apply",
    )
    assert ending(outcomes, "apply")[0] == "attention"


def test_a_value_that_somebody_changed_meanwhile_is_left_alone(stage: Stage) -> None:
    stage.people(frida={})
    plan = stage.plan(ROW)
    stage.people(frida={"mobile": "+31 600000001"})
    outcomes = stage.apply(plan.writes)
    assert outcome_of(outcomes, "mobile") == "drifted"
    assert outcome_of(outcomes, "alternateMobile") == "skipped"
    assert stage.writes() == {}
    assert stage.phones()[user_id("frida")] == {"mobile": "+31 600000001"}


@pytest.mark.parametrize("spelled", ["+31611111111", "+31 6 11 11 11 11", "+31 6-1111 1111", "+31 (6) 11.11.11.11"])
def test_another_spelling_is_no_drift(stage: Stage, spelled: str) -> None:
    stage.people(frida={"mobile": "+31 611111111"})
    plan = stage.plan(f"frida@contoso.example,{A},,,TRUE,\n")
    stage.people(frida={"mobile": spelled})
    assert list(stage.apply(plan.writes)["outcome"]) == ["applied"]


def test_a_refusal_keeps_graphs_own_words(stage: Stage) -> None:
    stage.people(frida={"mobile": A, "office": "+31 206241111"})
    plan = stage.plan("frida@contoso.example,,,+31 206241111,,TRUE\n")
    stage.people(frida={"mobile": A, "office": "+31 206241111", "default": "mobile"})
    outcomes = stage.apply(plan.writes)
    assert list(outcomes["outcome"]) == ["rejected"]
    assert "default" in outcomes["detail"].iloc[0]
    assert outcomes["request_id"].iloc[0]
    assert stage.phones()[user_id("frida")]["mobile"] == A


@pytest.mark.parametrize(
    ("row", "stored"),
    [
        ("+44 7400123070,,", {"mobile": "+44 07400123070"}),
        ("+44 7400123070,,", {"mobile": "+44 (0)7400 123070"}),
        ("+44 7400123070,,", {"mobile": "+447400123070"}),
        ("+49 151 12345070,,", {"mobile": "+49 015112345070"}),
        (",,+49 30 12345670 ext 12", {"office": "+49 3012345670 x12"}),
    ],
)
def test_a_number_that_another_tool_stored_otherwise_spelled_is_equal(
    stage: Stage, row: str, stored: dict[str, str]
) -> None:
    stage.people(frida=stored)
    plan = stage.plan(f"frida@contoso.example,{row},TRUE,\n")
    filled = plan.changes[plan.changes["before"] != ""]
    assert list(filled["reason"]) == ["equal_number"]
    assert plan.writes.empty


@pytest.mark.parametrize("stores", ["yes", "no"])
def test_a_number_taken_for_sms_sign_in_is_written_once_and_is_what_reading_shows(stage: Stage, stores: str) -> None:
    stage.people(frida={}, gus={"mobile": A})
    stage._ask("assumptions", "PUT", {"sms_taken_stores": stores})
    stage.world.tenant.sms_sign_in_for = lambda _: True
    stage.world.tenant._sms["+31687654321"] = "somebody who left"
    rows = f"frida@contoso.example,{B},,,,\ngus@contoso.example,{B},,,TRUE,\n"
    outcomes = stage.apply(stage.plan(rows).writes)
    assert set(outcomes["outcome"]) == {"applied_with_note" if stores == "yes" else "rejected"}
    assert all("phoneNumberNotUnique" in said for said in outcomes["detail"])
    assert {user: len(writes) for user, writes in stage.writes().items()} == {user_id("frida"): 1, user_id("gus"): 1}


@pytest.mark.parametrize(
    "kind", ["inner-effect-then-500", "inner-429", "inner-429-bare", "inner-503", "outer-503", "outer-effect-then-504"]
)
def test_a_lost_answer_is_read_before_anything_is_written_again(stage: Stage, kind: str) -> None:
    names = [f"user{n}" for n in range(30)]
    stage.people(**{name: {} for name in names})
    plan = stage.plan("".join(f"{name}@contoso.example,{A},,,,\n" for name in names))
    stage.clear_log()
    stage.weather(fault_rate=0.3, faults=[kind])
    outcomes = stage.apply(plan.writes)
    stage.weather(fault_rate=0.0)
    assert set(outcomes["outcome"]) <= {"applied", "applied_with_note"}
    phones, log = stage.phones(), stage.log()
    assert all(phones[user_id(name)] == {"mobile": A} for name in names)
    for name in names:
        seen = [r["method"] for r in log if user_id(name) in r["path"]]
        assert "POST,POST" not in ",".join(seen)


def test_where_nothing_is_in_the_way_each_is_read_before_and_after_and_no_more(stage: Stage) -> None:
    changes = stage.first_phones([f"user{n:02d}" for n in range(45)])
    stage.apply(changes)
    log = [row for row in stage.log() if "$batch" not in row["path"]]
    asked = [[row["method"] for row in log if user in row["path"]] for user in changes["user_id"]]
    assert asked == [["GET", "POST", "GET"]] * 45
    # One group first: what goes wrong goes wrong for a few.
    assert len({user for row in log[:60] for user in changes["user_id"] if user in row["path"]}) == 20
    assert stage.sleeps == []


def test_a_finished_apply_has_nothing_left_to_do(stage: Stage) -> None:
    stage.people(frida={})
    plan = stage.plan(ROW)
    stage.apply(plan.writes)
    stage.clear_log()
    assert set(stage.apply(plan.writes)["outcome"]) == {"applied"}
    assert stage.writes() == {}


def test_an_interrupted_write_is_settled_by_reading(stage: Stage) -> None:
    stage.people(frida={})
    plan = stage.plan(f"frida@contoso.example,{A},,,,\n")
    journal = Journal(stage.folder / "journal.sqlite")
    intent = plan.writes.to_dict("records")[0] | {"attempt": 1, "at": datetime.now(UTC).isoformat()}
    journal.intend([intent])
    journal.close()
    stage.people(frida={"mobile": A})
    stage.clear_log()
    outcomes = stage.apply(plan.writes)
    assert list(outcomes["outcome"]) == ["applied_with_note"]
    assert stage.writes() == {}


def test_a_ticket_goes_from_the_plan_to_the_journal(stage: Stage) -> None:
    stage.people(ada={}, ben={"mobile": "+31 612345678"})
    rows = "ada@contoso.example,+31612345679,,,,\nben@contoso.example,,,,,TRUE\n"
    outcomes = stage.apply(stage.plan(rows).writes.assign(ticket="CHG0001"))
    assert list(outcomes["outcome"]) == ["applied", "applied"]
    assert list(Journal(stage.folder / "journal.sqlite").recorded()["ticket"]) == ["CHG0001"] * 2


def test_a_write_that_may_have_happened_before_somebody_else_changed_it_is_not_called_unwritten(stage: Stage) -> None:
    """Killed after the write, then she changes it herself, then the run is resumed."""
    stage.people(frida={"mobile": "+31 600000001"})
    plan = stage.plan(f"frida@contoso.example,{A},,,TRUE,\n")
    journal = Journal(stage.folder / "journal.sqlite")
    journal.intend([plan.writes.to_dict("records")[0] | {"attempt": 1, "at": datetime.now(UTC).isoformat()}])
    journal.close()
    stage.people(frida={"mobile": B})
    stage.clear_log()
    outcomes = stage.apply(plan.writes)
    assert list(outcomes["outcome"]) == ["unknown"]
    assert "nothing was written" not in outcomes["detail"].iloc[0]
    assert stage.writes() == {}


def interrupted(stage: Stage, plan, method: str) -> None:
    """An earlier go was killed after the intent for this method."""
    journal = Journal(stage.folder / "journal.sqlite")
    row = next(row for row in plan.writes.to_dict("records") if row["method"] == method)
    journal.intend([row | {"attempt": 1, "at": datetime.now(UTC).isoformat()}])
    journal.close()


def test_what_was_planned_on_top_of_a_change_that_is_there_already_goes_on(stage: Stage) -> None:
    stage.people(frida={})
    plan = stage.plan(ROW)
    interrupted(stage, plan, "mobile")
    stage.people(frida={"mobile": A})
    outcomes = stage.apply(plan.writes)
    assert outcome_of(outcomes, "mobile") == "applied_with_note"
    assert outcome_of(outcomes, "alternateMobile") == "applied"
    assert stage.phones()[user_id("frida")] == {"mobile": A, "alternateMobile": B}


def test_what_somebody_else_made_so_already_is_not_written_and_stops_nothing(stage: Stage) -> None:
    """Another copy of this run, under another state folder, or a colleague by hand."""
    stage.people(frida={})
    plan = stage.plan(ROW)
    stage.people(frida={"mobile": A})
    stage.clear_log()
    outcomes = stage.apply(plan.writes).set_index("method")
    assert outcomes.loc["mobile", ["outcome", "found"]].to_list() == ["drifted", A]
    assert "it is there already" in outcomes.loc["mobile", "detail"]
    assert outcomes.loc["alternateMobile", "outcome"] == "applied"
    assert list(stage.writes()) == [user_id("frida")]
    assert len(stage.writes()[user_id("frida")]) == 1


def test_a_copy_of_a_run_that_knows_nothing_of_it_writes_nothing_twice(stage: Stage) -> None:
    names = [f"user{n}" for n in range(25)]
    stage.people(**{name: {"mobile": B} if n % 3 else {} for n, name in enumerate(names)})
    plan = stage.plan("".join(f"{name}@contoso.example,{A},,,TRUE,\n" for name in names))
    assert set(stage.apply(plan.writes)["outcome"]) == {"applied"}
    stage.clear_log()
    again = stage.apply(plan.writes, name="copy")
    assert set(again["outcome"]) == {"drifted"}
    assert all("it is there already" in said for said in again["detail"])
    assert stage.writes() == {}
