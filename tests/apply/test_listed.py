"""A list of methods (`UPN, Method, Id, Action`): what each row is read as, and what becomes of it in the tenant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.plan import removals
from authops.plan.plan import Plan
from authops.source import find_people, method_list
from authops.tenant import holdings, subjects
from authops.words.errors import SourceError
from tests.apply import cleaned
from tests.apply.cleaned import person
from tests.apply.conftest import IDS, Stage, user_id

HEADER = "UPN,Method,Id,Action,Ticket\n"
ID = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
# A row without its person → what it is read as (method, id, intent, value), or the rule that it breaks.
ROWS: list[tuple[str, tuple[str, str, str, str] | str]] = [
    ("mobile,,remove", ("mobile", "", "remove", "")),
    ("MOBILE,3179e48a-750b-4051-897c-87b9720928f7,Remove", ("mobile", IDS["mobile"], "remove", "")),
    ("Authenticator app," + ID + ",remove", ("microsoftAuthenticator", ID, "remove", "")),
    ("fido2," + ID.upper() + ",REMOVE", ("fido2", ID.upper(), "remove", "")),
    ("temporaryAccessPass," + ID + ",remove", ("temporaryAccessPass", ID, "remove", "")),
    ("defaultMethod,,set Push", ("defaultMethod", "", "set", "push")),
    ("per-user MFA,,set disabled", ("perUserMfaState", "", "set", "disabled")),
    ("smsSignIn,,set off", ("smsSignIn", "", "set", "notEnabled")),
    ("signInSessions,,revoke", ("signInSessions", "", "set", "")),
    ("fido2,,remove", "no_method_id"),
    ("mobile," + ID + ",remove", "wrong_method_id"),
    ("palmReader,,remove", "unknown_method"),
    (",,remove", "unknown_method"),
    ("mobile,,", "unknown_action"),
    ("mobile,,delete", "unknown_action"),
    ("mobile,,set off", "unknown_action"),
    ("mobile,,revoke", "unknown_action"),
    ("defaultMethod,,remove", "unknown_action"),
    ("signInSessions,,remove", "unknown_action"),
    ("defaultMethod,,set fido2", "unknown_word"),
    ("smsSignIn,,set ready", "unknown_word"),
    ("mobile,,remove,CHG1,more", "ragged_row"),
]


def written(folder: Path, *rows: str) -> Path:
    path = folder / "list.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_what_each_row_is_read_as(tmp_path: Path) -> None:
    source = method_list.read(written(tmp_path, *(f"p{n}@x.example,{row}" for n, (row, _) in enumerate(ROWS))))
    wanted = source.wanted.set_index("user")[["method", "method_id", "intent", "value"]]
    read = {user: tuple(row) for user, row in zip(wanted.index, wanted.to_numpy().tolist(), strict=True)}
    broken = dict(zip(source.problems["user"], source.problems["rule"], strict=True))
    expected = {f"p{n}@x.example": said for n, (_, said) in enumerate(ROWS)}
    assert read | broken == expected
    assert list(source.problems["line"]) == [n + 2 for n, (_, said) in enumerate(ROWS) if isinstance(said, str)]


def test_a_row_with_a_problem_leaves_its_whole_person_alone_and_twice_is_one(tmp_path: Path) -> None:
    rows = ["a@x.example,mobile,,remove", "A@x.example,fido2,,remove", "b@x.example,office,,remove",
            "b@x.example,office,,remove", ",mobile,,remove", "c@x.example,office,,remove"]  # fmt: skip
    source = method_list.read(written(tmp_path, *rows))
    assert list(source.wanted["user"]) == ["c@x.example"]
    said = ["other_row", "no_method_id", "duplicate_row", "duplicate_row", "no_user"]
    assert list(source.problems["rule"]) == said


@pytest.mark.parametrize("header", ["UPN,Method,Id\n", "Mobile,Action\n", "UPN,Method,Kind,Action\n"])
def test_a_list_without_its_columns_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(header + "a@x.example,mobile,remove,x\n", "utf-8")
    with pytest.raises(SourceError):
        method_list.read(path)


def planned(stage: Stage, path: Path, **more: Any) -> Plan:
    """As the runbook does it."""

    async def done() -> Plan:
        async with stage.graph() as graph:
            listed, named = await find_people(graph, method_list.read(path), tick=lambda _: None)
            ids = {user for user in named["user_id"] if user}
            who = await subjects.people(graph, last_seen=False, only=ids, tick=lambda _: None)
            states = method_list.states(listed)
            held = await holdings.read(graph, list(who["user_id"]), states=states, tick=lambda _: None)
            who, _ = await subjects.standing(graph, who, held, coverage="perUserMfaState" in states)
            people = removals.people(who, held.held)
            asked = method_list.asked(listed, named, people, **more)
            users = who.assign(asked=who["user_id"], error="")
            return removals.make(asked, people, held.current, users, {"source": listed.facts}, listed.problems)

    return stage.run(done())


PEOPLE = [
    person("keys", ["mobile", "fido2", "fido2.2"], ""),
    person("only", ["mobile"], "sms"),
    person("moved", ["mobile", "microsoftAuthenticator"], "sms"),
    person("legacy", ["mobile", "softwareOath"], "", mfa="enforced"),
    person("renewed", ["temporaryAccessPass", "fido2"], ""),
]


def listed(tmp_path: Path) -> Path:
    rows = [
        f"keys@contoso.example,fido2,{cleaned.key('keys', 'fido2.2')},remove,CHG7",
        "only@contoso.example,mobile,,remove",
        "moved@contoso.example,mobile,,remove",
        "moved@contoso.example,defaultMethod,,set push",
        "legacy@contoso.example,perUserMfaState,,set disabled",
        "legacy@contoso.example,signInSessions,,revoke",
        f"renewed@contoso.example,temporaryAccessPass,{ID},remove",
        "nobody@contoso.example,mobile,,remove",
        f"{user_id('only')},office,,remove",
    ]
    return written(tmp_path, *rows)


def outcome(plan: Plan) -> dict[tuple[str, str], str]:
    rows = plan.changes
    names = rows["user_principal_name"].str.partition("@")[0]
    return dict(zip(zip(names, rows["method"], strict=True), rows["action"] + " " + rows["reason"], strict=True))


def test_a_list_is_planned_and_applied_as_it_says_and_nobody_loses_the_last_way_in(
    stage: Stage, tmp_path: Path
) -> None:
    stage.world.tenant.populate(PEOPLE)
    plan = planned(stage, listed(tmp_path))
    assert outcome(plan) == {
        ("keys", "fido2"): "remove listed",
        ("moved", "mobile"): "remove listed",
        ("moved", "defaultMethod"): "update listed",
        ("legacy", "perUserMfaState"): "update listed",
        ("legacy", "signInSessions"): "update listed",
    }
    rules = dict(zip(plan.problems["user"], plan.problems["rule"], strict=True))
    assert rules == {
        "only@contoso.example": "duplicate_user", user_id("only"): "duplicate_user",
        "renewed@contoso.example": "other_method", "nobody@contoso.example": "unknown_user",
    }  # fmt: skip
    assert plan.changes.set_index("method").loc["fido2", ["line", "ticket"]].tolist() == [2, "CHG7"]
    stage.clear_log()
    outcomes: pd.DataFrame = cleaned.applied(stage, plan.writes)
    assert set(outcomes["outcome"]) == {"applied"}
    wrote = cleaned.writes(stage)
    assert wrote[user_id("keys")] == [f"DELETE fido2Methods/{cleaned.key('keys', 'fido2.2')}"]
    assert [w.partition("/")[0] for w in wrote[user_id("moved")]] == ["PATCH signInPreferences", "DELETE phoneMethods"]
    assert wrote[user_id("legacy")] == ["POST revokeSignInSessions", "PATCH requirements"]
    assert set(wrote) == {user_id(name) for name in ("keys", "moved", "legacy")}


@pytest.mark.parametrize(("allowed", "said"), [(False, "blocked last_survivor"), (True, "remove listed")])
def test_the_last_way_in_goes_only_where_that_is_allowed(
    stage: Stage, tmp_path: Path, allowed: bool, said: str
) -> None:
    stage.world.tenant.populate(PEOPLE)
    path = written(tmp_path, "only@contoso.example,mobile,,remove")
    plan = planned(stage, path, allow_last=allowed)
    assert outcome(plan) == {("only", "mobile"): said}
    assert len(cleaned.applied(stage, plan.writes)) == int(allowed)
