"""Passes are made and handed over in one breath, or not at all; the tenant's own record is the witness."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from authops.apply.journal import Journal
from authops.apply.passes import handing
from authops.handover.handover import Letter, NotGivenError
from authops.methods import temporary_access_pass as a_pass
from authops.words.errors import GuardStop, HandOverError, ParameterError
from authops.words.frames import USERS
from tests.apply.conftest import Stage, user_id
from tests.apply.passing import KIND, Kept, give, held, leaves, planned, works

EVERYBODY = [f"user{n}" for n in range(45)]


def rows(names: Sequence[str]) -> str:
    return "".join(f"{name}@contoso.example,,60,TRUE,\n" for name in names)


def posts(stage: Stage) -> int:
    return sum(row["method"] == "POST" and row["path"].endswith("Methods") for row in stage.log())


def test_each_planned_person_has_a_pass_that_works_and_nothing_keeps_its_code(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stage.people(**{name: {} for name in [*EVERYBODY, "other"]})
    hand = Kept()
    outcomes, _ = give(stage, planned(stage, rows(EVERYBODY)).writes, hand)
    assert set(outcomes["outcome"]) == {"applied"}
    assert set(held(stage)) == set(hand.codes) == {f"{name}@contoso.example" for name in EVERYBODY}
    for name in EVERYBODY:
        assert works(stage, user_id(name), hand.codes[f"{name}@contoso.example"]) == (True, "EnabledByPolicy")
    for code in hand.codes.values():
        assert leaves(stage.folder, code) == []
        assert code not in caplog.text
        assert code not in outcomes.to_json()
    one = a_pass.read(outcomes["found"].iloc[0])
    assert one is not None and one.id == held(stage)[outcomes["user_principal_name"].iloc[0]]["id"]
    assert outcomes["detail"].str.startswith("handed over: kept, desk, 2026-11-27").all()
    assert max(hand.made_before_given) <= 20
    assert hand.tried == ["desk"] * len(EVERYBODY)


def test_a_code_is_wiped_once_it_is_handed_over(stage: Stage) -> None:
    stage.people(anna={})
    hand = Kept()
    give(stage, planned(stage, rows(["anna"])).writes, hand)
    with pytest.raises(HandOverError):
        hand.letters[0].code.reveal()
    assert hand.codes["anna@contoso.example"] not in repr(hand.letters)


def test_where_each_pass_waits_for_a_person_no_other_is_made_before(stage: Stage) -> None:
    stage.people(**{name: {} for name in EVERYBODY[:5]})
    hand = Kept(at_once=1)
    behind: list[int] = []

    def look(_: Sequence[Letter]) -> None:
        behind.append(len(held(stage)) - len(hand.codes))

    hand.fails = look
    give(stage, planned(stage, rows(EVERYBODY[:5])).writes, hand)
    assert hand.made_before_given == [1] * 5
    assert behind == [1] * 5


def test_no_hand_over_no_pass(stage: Stage) -> None:
    stage.people(anna={})
    made = planned(stage, rows(["anna"])).writes
    stage.clear_log()
    with pytest.raises(GuardStop, match="no hand-over"):
        give(stage, made, None)
    assert posts(stage) == 0


def test_a_hand_over_that_is_down_at_the_start_stops_it_before_the_first_pass(stage: Stage) -> None:
    stage.people(anna={})
    made = planned(stage, rows(["anna"])).writes
    hand = Kept()
    hand.down = True
    stage.clear_log()
    with pytest.raises(HandOverError, match="down"):
        give(stage, made, hand)
    assert (posts(stage), held(stage)) == (0, {})


@pytest.mark.parametrize("error", [HandOverError("full", remedy="make room"), OSError(28, "No space left"), None])
def test_one_that_fails_in_the_middle_leaves_no_pass_that_nobody_has(stage: Stage, error: Exception | None) -> None:
    stage.people(**{name: {} for name in EVERYBODY})
    made = planned(stage, rows(EVERYBODY)).writes
    hand = Kept()
    hand.fails = lambda _: error if len(hand.made_before_given) == 2 else None
    hand.forgets = error is None
    outcomes, applier = give(stage, made, hand)
    assert "hand-over failed" in applier.stopped
    done = outcomes[outcomes["outcome"] == "applied"]
    assert set(held(stage)) == set(done["user_principal_name"])
    assert all(works(stage, user_id(n.partition("@")[0]), hand.codes[n])[0] for n in held(stage))
    hand.fails, hand.forgets = lambda _: None, False
    outcomes, _ = give(stage, made, hand)
    assert set(outcomes["outcome"]) <= {"applied", "applied_with_note"}
    assert len(held(stage)) == len(EVERYBODY)


def test_a_lost_answer_is_a_pass_that_nobody_has_and_is_replaced(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    made = planned(stage, rows(["anna", "bert"])).writes
    stage.weather(fault_rate=0.5, faults=["inner-effect-then-504"], seed=3)
    hand = Kept()
    outcomes, _ = give(stage, made, hand)
    stage.weather(fault_rate=0.0)
    assert "applied_with_note" in set(outcomes["outcome"])
    assert outcomes.loc[outcomes["outcome"] == "applied_with_note", "detail"].str.contains("nobody has").all()
    for name in ("anna", "bert"):
        assert works(stage, user_id(name), hand.codes[f"{name}@contoso.example"])[0]


def intended(stage: Stage, made) -> None:
    """As a run leaves it that was killed right after its intents."""
    journal = Journal(stage.folder / "passes.sqlite")
    journal.intend([dict(row) | {"attempt": 1, "at": "2026-11-27T00:00:00Z"} for row in made.to_dict("records")])
    journal.close()


def test_a_kill_between_making_and_handing_over_is_made_again(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    made = planned(stage, rows(["anna", "bert"])).writes
    intended(stage, made)
    give_one(stage, "anna")
    lost = held(stage)["anna@contoso.example"]["id"]
    hand = Kept()
    outcomes, _ = give(stage, made, hand)
    assert set(outcomes["outcome"]) == {"applied_with_note"}
    assert held(stage)["anna@contoso.example"]["id"] != lost
    assert works(stage, user_id("anna"), hand.codes["anna@contoso.example"])[0]


def give_one(stage: Stage, name: str, minutes: int = 60) -> None:
    """Somebody, or a run that was killed, makes a pass whose code is lost."""
    fields = {
        "temporaryAccessPass": None, "startDateTime": stage.world.tenant.stamp(), "lifetimeInMinutes": minutes,
        "isUsableOnce": True, "isUsable": True, "methodUsabilityReason": "EnabledByPolicy",
    }  # fmt: skip
    tenant = stage.world.tenant
    tenant.put_pass(tenant.users[user_id(name)], f"lost-{name}-{minutes}", fields)


def test_somebody_elses_pass_is_not_written_over(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    made = planned(stage, rows(["anna", "bert"])).writes
    give_one(stage, "anna", 120)
    hand = Kept()
    outcomes, _ = give(stage, made, hand)
    assert dict(zip(outcomes["user_principal_name"].str[:4], outcomes["outcome"], strict=True)) == {
        "anna": "drifted", "bert": "applied"
    }  # fmt: skip
    assert held(stage)["anna@contoso.example"]["lifetimeInMinutes"] == 120


def test_what_an_earlier_go_made_and_is_not_approved_any_more_is_deleted(stage: Stage) -> None:
    stage.people(anna={}, bert={})
    made = planned(stage, rows(["anna", "bert"])).writes
    intended(stage, made)
    give_one(stage, "anna")
    give(stage, made[made["user_principal_name"].str.startswith("bert")], Kept())
    assert set(held(stage)) == {"bert@contoso.example"}
    said = Journal(stage.folder / "passes.sqlite").outcomes().set_index("user_principal_name")
    assert said.loc["anna@contoso.example", "outcome"] == "rejected"
    assert "was deleted" in said.loc["anna@contoso.example", "detail"]


def test_a_valid_pass_is_replaced_only_where_that_is_said(stage: Stage) -> None:
    from authops.source.passes import Rules

    stage.people(anna={})
    give_one(stage, "anna")
    kept = planned(stage, rows(["anna"]))
    assert list(kept.changes["reason"]) == ["has_pass"]
    replaced = planned(stage, rows(["anna"]), rules=Rules(recipient="desk", replace=True))
    assert list(replaced.writes["reason"]) == ["pass_replaced"]
    hand = Kept()
    give(stage, replaced.writes, hand)
    assert works(stage, user_id("anna"), hand.codes["anna@contoso.example"])[0]


def test_a_setting_that_no_hand_over_has_is_refused(stage: Stage, tmp_path: Path) -> None:
    stage.people(anna={})
    made = planned(stage, rows(["anna"]))
    users = pd.DataFrame(columns=list(USERS))
    with pytest.raises(ParameterError, match="is no setting"):
        handing(made, made.writes, users, "files", str(tmp_path), ["passwort x"], language="en")
    assert handing(made, made.writes, users, "", "", language="en") is None
    assert handing(made, made.writes.iloc[:0], users, "files", "", language="en") is None


def test_a_dry_run_tries_the_hand_over_and_makes_nothing(stage: Stage) -> None:
    stage.people(anna={})
    made = planned(stage, rows(["anna"])).writes
    hand = Kept()
    outcomes, _ = give(stage, made, hand, mode="dry-run")
    assert (set(outcomes["outcome"]), hand.tried, held(stage)) == ({"skipped"}, ["desk"], {})


def test_a_start_is_told_by_the_clock_where_the_person_is(stage: Stage) -> None:
    stage.people(anna={})
    made = planned(stage, "anna@contoso.example,2031-07-01 08:00,60,TRUE,manager desk\n").writes
    hand = Kept()
    give(stage, made, hand)
    (letter,) = hand.letters
    assert (letter.starts.isoformat(), letter.recipient) == ("2031-07-01T08:00:00+02:00", "manager desk")
    assert held(stage)["anna@contoso.example"]["startDateTime"] == "2031-07-01T06:00:00Z"
    assert letter.starts == datetime(2031, 7, 1, 6, tzinfo=UTC)


def test_the_kind_is_one_of_passes() -> None:
    assert (a_pass.KIND.name, a_pass.KIND.secret, a_pass.KIND.undone) == (KIND, True, False)


def test_of_those_that_fail_in_the_middle_only_the_lost_are_deleted_and_each_void_letter_is_named(stage: Stage) -> None:
    names = EVERYBODY[:20]
    stage.people(**{name: {} for name in names})
    made = planned(stage, "".join(f"{n}@contoso.example,,60,TRUE,desk {i % 2}\n" for i, n in enumerate(names))).writes
    hand = Kept()
    hand.loses = lambda letter: OSError(28, "No space left") if len(hand.codes) == 12 else None
    outcomes, applier = give(stage, made, hand)
    there = outcomes.set_index("user_principal_name")
    assert list(there["outcome"]).count("applied") == 12
    assert set(held(stage)) == set(hand.codes)
    for name, code in hand.codes.items():
        assert works(stage, user_id(name.partition("@")[0]), code)[0]
    lost = there[there["outcome"] != "applied"]
    assert applier.stopped.startswith("the hand-over failed: ")
    for name, row in lost.iterrows():
        recipient = a_pass.read(row["after"]).recipient
        assert f"a letter that reached {recipient} is void" in row["detail"]
        assert str(name) in applier.stopped.partition(f"{recipient} for ")[2].partition(";")[0]
    assert not any(name in applier.stopped for name in hand.codes)
    hand.loses = lambda _: None
    outcomes, _ = give(stage, made, hand)
    assert set(outcomes["outcome"]) <= {"applied", "applied_with_note"}
    assert set(held(stage)) == {f"{name}@contoso.example" for name in names}


def test_one_that_a_person_could_not_give_is_deleted_and_the_next_is_made(stage: Stage) -> None:
    stage.people(**{name: {} for name in EVERYBODY[:3]})
    made = planned(stage, rows(EVERYBODY[:3])).writes
    hand = Kept(at_once=1)
    hand.loses = lambda _: NotGivenError("it could not be given") if len(hand.made_before_given) == 2 else None
    outcomes, applier = give(stage, made, hand)
    assert (sorted(outcomes["outcome"]), applier.stopped) == (["applied", "applied", "rejected"], "")
    assert set(held(stage)) == set(hand.codes)
    assert len(hand.codes) == 2


def test_a_hand_over_that_a_person_ended_makes_no_further_pass(stage: Stage) -> None:
    stage.people(**{name: {} for name in EVERYBODY[:3]})
    hand = Kept(at_once=1)
    hand.ended = "asked to stop on the screen"
    outcomes, applier = give(stage, planned(stage, rows(EVERYBODY[:3])).writes, hand)
    assert (sorted(outcomes["outcome"]), applier.stopped) == (["applied", "skipped", "skipped"], hand.ended)
    assert set(held(stage)) == set(hand.codes)
