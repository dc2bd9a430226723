"""WANTED × CURRENT → what would be written, in which order, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.plan import guards, notes, plan, plan_file
from authops.plan.plan_file import approve, approved, digest, load, save, utc_now
from authops.words.errors import GuardStop, PlanError
from authops.words.frames import CHANGES, CURRENT, PROBLEMS, USERS, WANTED, empty, frame

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"


def row(user: str, *, force: bool = False, **wants: str | None) -> list[dict[str, Any]]:
    """Wanted rows: a number sets, "" removes, None leaves."""
    intent = {True: "set", False: "remove"}
    return [
        {
            "line": 2,
            "user": user,
            "method": method,
            "intent": "leave" if value is None else intent[bool(value)],
            "value": value or "",
            "overwrite": force,
            "note": "",
            "ticket": "",
        }
        for method, value in wants.items()
    ]


def has(user: str, *, default: str = "", others: int = 0, unread: str = "", **values: str) -> list[dict[str, Any]]:
    """Current rows of one person."""
    return [
        {
            "user_id": user,
            "method": method,
            "known": method != unread,
            "value": "" if method == unread else values.get(method, ""),
            "is_default": method == default,
            "others": others,
            "error": "",
        }
        for method in ("mobile", "alternateMobile", "office", "email")
    ]


def made(wants: list[dict[str, Any]], now: list[dict[str, Any]]) -> plan.Plan:
    ids = list(dict.fromkeys(c["user_id"] for c in now))
    people = [
        {name: user if kind == "text" else True for name, (kind, _) in USERS.items()} | {"asked": user, "error": ""}
        for user in ids
    ]
    users = pd.DataFrame(people, columns=[*USERS, "asked", "error"])
    return plan.make(frame(WANTED, wants), frame(CURRENT, now), users, empty(PROBLEMS))


def writes(made_plan: plan.Plan) -> list[tuple[str, str]]:
    found = made_plan.writes.sort_values("step")
    return list(zip(found["action"], found["method"], strict=True))


def reasons(made_plan: plan.Plan) -> dict[str, str]:
    return dict(zip(made_plan.changes["method"], made_plan.changes["reason"], strict=True))


def test_mobile_is_added_before_alternate() -> None:
    assert writes(made(row("u", office=C, alternateMobile=B, mobile=A), has("u"))) == [
        ("add", "mobile"),
        ("add", "alternateMobile"),
        ("add", "office"),
    ]


def test_alternate_is_removed_before_mobile() -> None:
    now = has("u", mobile=A, alternateMobile=B, office=C)
    assert writes(made(row("u", mobile="", alternateMobile="", office=""), now)) == [
        ("remove", "alternateMobile"),
        ("remove", "office"),
        ("remove", "mobile"),
    ]


def test_nobody_is_left_with_less_on_the_way() -> None:
    assert writes(made(row("u", mobile="", office=C), has("u", mobile=A))) == [("add", "office"), ("remove", "mobile")]


def test_a_default_goes_last_when_all_others_go() -> None:
    now = has("u", default="office", mobile=A, alternateMobile=B, office=C)
    assert writes(made(row("u", mobile="", alternateMobile="", office=""), now))[-1] == ("remove", "office")


@pytest.mark.parametrize(
    ("wants", "now", "method", "reason"),
    [
        (row("u", mobile=""), has("u", default="mobile", mobile=A, office=C), "mobile", "default_method"),
        (row("u", mobile=""), has("u", default="mobile", others=1, mobile=A), "mobile", "default_method"),
        (row("u", mobile=""), has("u", default="mobile", others=-1, mobile=A), "mobile", "default_method"),
        (row("u", mobile="", office=C), has("u", default="mobile", mobile=A), "mobile", "default_method"),
        (row("u", mobile=""), has("u", mobile=A, alternateMobile=B), "mobile", "mobile_held_by_alternate"),
        (row("u", alternateMobile=B), has("u"), "alternateMobile", "alternate_needs_mobile"),
        (row("u", mobile="", alternateMobile=B), has("u", mobile=A), "alternateMobile", "alternate_needs_mobile"),
        (row("u", mobile=A), has("u", unread="mobile"), "mobile", "current_unknown"),
        (row("u", mobile=""), has("u", unread="mobile"), "mobile", "current_unknown"),
    ],
)
def test_what_graph_would_refuse_is_said_beforehand(wants: Any, now: Any, method: str, reason: str) -> None:
    got = made(wants, now)
    assert reasons(got)[method] == reason
    assert method not in [m for _, m in writes(got)]


def test_a_default_alternate_holds_itself_and_the_mobile() -> None:
    now = has("u", default="alternateMobile", mobile=A, alternateMobile=B)
    assert writes(made(row("u", mobile="", alternateMobile=""), now)) == []


def test_an_alternate_joins_a_mobile_that_is_already_there() -> None:
    assert writes(made(row("u", alternateMobile=B), has("u", mobile=A))) == [("add", "alternateMobile")]


@pytest.mark.parametrize(
    ("force", "value", "expected"),
    [(True, A, []), (True, "+31612345678", []), (True, B, [("update", "mobile")]), (False, B, [])],
)
def test_only_a_forced_and_really_different_number_is_an_update(force: bool, value: str, expected: Any) -> None:
    assert writes(made(row("u", force=force, mobile=value), has("u", mobile="+316 12345678"))) == expected


def test_who_is_unknown_unread_or_named_twice_is_a_problem_not_a_change() -> None:
    users = pd.DataFrame([("id1", "a@c"), ("id1", "id1"), ("", "b@c")], columns=["user_id", "asked"]).assign(
        user_principal_name="", display_name="", account_enabled=True, user_type="", department="", country="", error=""
    )
    wants = frame(
        WANTED, [*row("a@c", mobile=A), *row("id1", mobile=B), *row("b@c", mobile=A), *row("gone@c", mobile=A)]
    )
    got = plan.make(wants, frame(CURRENT, has("id1")), users, empty(PROBLEMS))
    assert dict(zip(got.problems["user"], got.problems["rule"], strict=True)) == {
        "a@c": "duplicate_user",
        "id1": "duplicate_user",
        "b@c": "user_unreadable",
        "gone@c": "unknown_user",
    }
    assert got.changes.empty
    assert not got.complete


def test_a_row_with_a_problem_leaves_its_user_alone_under_another_name_too() -> None:
    users = pd.DataFrame([("id1", "a@c"), ("id1", "id1")], columns=["user_id", "asked"]).assign(
        user_principal_name="", display_name="", account_enabled=True, user_type="", department="", country="", error=""
    )
    wrong = frame(PROBLEMS, [{"line": 3, "user": "id1", "column": "Mobile", "rule": "not_a_number"}])
    got = plan.make(frame(WANTED, row("a@c", mobile=A)), frame(CURRENT, has("id1")), users, wrong)
    assert list(got.problems[["user", "rule"]].itertuples(index=False, name=None)) == [
        ("id1", "not_a_number"),
        ("a@c", "duplicate_user"),
    ]
    assert got.changes.empty


def test_who_is_unknown_is_shown_with_the_column_and_without_a_number() -> None:
    users = pd.DataFrame(columns=["user_id", "asked", "error", *USERS]).loc[:, lambda d: ~d.columns.duplicated()]
    wants = frame(WANTED, row("+31612345678", mobile=A))
    header = {"source": {"user column": "UPN"}}
    got = plan.make(wants, empty(CURRENT), users, empty(PROBLEMS), header)
    assert list(got.problems[["user", "column", "value"]].iloc[0]) == ["*********678", "UPN", "*********678"]


def test_the_reason_never_decides() -> None:
    got = made(row("u", force=True, mobile=B), has("u", mobile=A))
    blind = plan.Plan(got.changes.assign(reason=""), got.problems)
    assert list(blind.writes["change_id"]) == list(got.writes["change_id"])


def saved(folder: Path) -> plan.Plan:
    got = made([*row("u", mobile=A), *row("v", mobile=B)], [*has("u"), *has("v")])
    return save(plan.Plan(got.changes, got.problems, {"tenant_id": "t"}), folder, now=utc_now())


def test_a_saved_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    before = saved(tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).changes, before.changes)
    assert (tmp_path / "plan.parquet").stat().st_mode & 0o077 == 0


def saved_changes(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "plan.parquet")


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    edited = saved_changes(tmp_path)
    edited.loc[0, "after"] = "+31 600000000"
    edited.to_parquet(tmp_path / "plan.parquet")
    with pytest.raises(PlanError, match="edited after it was saved"):
        load(tmp_path)


def test_what_was_approved_is_exactly_what_may_be_applied(tmp_path: Path) -> None:
    got = saved(tmp_path)
    approve(got, tmp_path, ["c0000002"], by="frida", now=utc_now())
    assert list(approved(load(tmp_path), tmp_path, tenant_id="t", now=utc_now())["change_id"]) == ["c0000002"]


def test_an_approval_is_refused_for_another_tenant_plan_or_too_late(tmp_path: Path) -> None:
    got = saved(tmp_path)
    with pytest.raises(PlanError, match="holds no approval"):
        approved(got, tmp_path, tenant_id="t", now=utc_now())
    approve(got, tmp_path, ["c0000001"], by="frida", now=utc_now())
    with pytest.raises(PlanError, match="made for tenant t"):
        approved(got, tmp_path, tenant_id="other", now=utc_now())
    with pytest.raises(PlanError, match="expired"):
        approved(got, tmp_path, tenant_id="t", now=utc_now().replace(year=2099))
    other = plan.Plan(got.changes, got.problems, dict(got.header) | {"digest": "0"})
    with pytest.raises(PlanError, match="another plan"):
        approved(other, tmp_path, tenant_id="t", now=utc_now())
    with pytest.raises(PlanError, match="not changes of this plan"):
        approve(got, tmp_path, ["c9999999"], by="frida", now=utc_now())


def test_the_digest_sees_every_cell_and_every_word_of_the_header() -> None:
    got = made(row("u", mobile=A), has("u"))
    header = {"tenant_id": "t", "author": "frida", "expires_at": "2026-01-01", "rules": {"max_changes": 1}}
    changed = {
        digest(
            plan.Plan(
                got.changes.assign(**{name: got.changes[name].astype(object).map(lambda v: f"{v}!")}), got.problems
            ),
            header,
        )
        for name in CHANGES
    }
    changed |= {digest(got, header | {name: "else"}) for name in header}
    assert len(changed | {digest(got, header)}) == len(CHANGES) + len(header) + 1


@pytest.mark.parametrize("name", ["tenant_id", "author", "expires_at", "plan_id"])
def test_an_edited_header_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: "2099-01-01T00:00:00+00:00"}))
    with pytest.raises(PlanError, match="edited after it was saved"):
        load(tmp_path)


def test_a_plan_of_other_rules_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "RULES_VERSION", 1)
    saved(tmp_path)
    monkeypatch.undo()
    with pytest.raises(PlanError, match="made under other rules"):
        load(tmp_path)


def test_a_second_person_is_somebody_else_than_the_author(tmp_path: Path) -> None:
    got = made([*row("u", mobile=A)], [*has("u")])
    got = save(plan.Plan(got.changes, got.problems, {"tenant_id": "t", "author": "Frida"}), tmp_path, now=utc_now())
    ids = list(got.writes["change_id"])
    asked = {"tenant_id": "t", "now": utc_now(), "require_second_person": True}
    approve(got, tmp_path, ids, by="frida", now=utc_now())
    with pytest.raises(PlanError, match="a second person is required"):
        approved(got, tmp_path, **asked)
    approve(got, tmp_path, ids, by="gus", now=utc_now())
    assert list(approved(got, tmp_path, **asked)["change_id"]) == ids


@pytest.mark.parametrize(
    ("author", "approver"),
    [
        ("frida@laptop", "frida@server"),
        ("frida", "frida@server"),
        ("frida", " FRIDA "),
        ("frida", "fri\u200bda"),
        ("frida", "\uff46rida"),
        ("jos\u00e9@x", "jose\u0301@y"),
        ("CONTOSO\\frida", "frida"),
        ("frida", ""),
        ("", "gus"),
        ("frida", "@server"),
        ("frida, run 17", "frida, run 18"),
    ],
)
def test_one_person_by_two_names_or_none_is_no_second_person(tmp_path: Path, author: str, approver: str) -> None:
    got = made([*row("u", mobile=A)], [*has("u")])
    got = save(plan.Plan(got.changes, got.problems, {"tenant_id": "t", "author": author}), tmp_path, now=utc_now())
    approve(got, tmp_path, list(got.writes["change_id"]), by=approver, now=utc_now())
    with pytest.raises(PlanError, match="a second person is required"):
        approved(got, tmp_path, tenant_id="t", now=utc_now(), require_second_person=True)


@pytest.mark.parametrize(
    ("made_by", "approved_by", "fine"),
    [
        # (who is named, the operating system's account) of the plan and of its approval
        (("frida@pc", "frida@pc"), ("bob", "frida@pc"), False),  # AUTHOPS_AUTHOR=bob authops approve
        (("bob", "frida@pc"), ("frida@pc", "frida@pc"), False),
        (("frida@contoso.example", "fr@pc"), ("fr@pc", "fr@pc"), False),  # signed in, and approved on the console
        (("frida, run 1", "agent@vm"), ("bob, run 2", "agent@vm"), True),  # a pipeline names both
        (("frida@pc", "frida@pc"), ("bob@pc", "bob@pc"), True),
        (("frida@contoso.example", "frida@pc"), ("bob@contoso.example", "bob@pc"), True),
    ],
)
def test_a_name_is_no_second_person_beside_the_account_that_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_by: tuple[str, str], approved_by: tuple[str, str], fine: bool
) -> None:
    got = made([*row("u", mobile=A)], [*has("u")])
    header = {"tenant_id": "t", "author": made_by[0], "operator": made_by[1]}
    got = save(plan.Plan(got.changes, got.problems, header), tmp_path, now=utc_now())
    monkeypatch.setattr(plan_file, "operator", lambda: approved_by[1])
    approve(got, tmp_path, list(got.writes["change_id"]), by=approved_by[0], now=utc_now())
    asked = {"tenant_id": "t", "now": utc_now(), "require_second_person": True}
    if fine:
        assert len(approved(got, tmp_path, **asked)) == 1
        return
    with pytest.raises(PlanError, match="a second person is required"):
        approved(got, tmp_path, **asked)


def test_a_clock_that_went_back_makes_no_plan_young_again(tmp_path: Path) -> None:
    got = saved(tmp_path)
    approve(got, tmp_path, ["c0000001"], by="frida", now=utc_now() + timedelta(hours=3))
    with pytest.raises(PlanError, match="made or approved at") as raised:
        approved(got, tmp_path, tenant_id="t", now=utc_now() + timedelta(hours=2, minutes=50))
    assert "clock" in raised.value.remedy
    assert len(approved(got, tmp_path, tenant_id="t", now=utc_now() + timedelta(hours=2, minutes=56))) == 1


def test_a_plan_that_a_guard_stopped_is_approved_by_nobody(tmp_path: Path) -> None:
    got = made([*row("u", mobile=A)], [*has("u")])
    broken = guards.breaches(got, max_changes=0)
    got = save(plan.Plan(got.changes, got.problems, {"tenant_id": "t"}), tmp_path, now=utc_now(), broken=broken)
    with pytest.raises(GuardStop, match="max_changes: 1 writes"):
        approve(load(tmp_path), tmp_path, ["c0000001"], by="gus", now=utc_now())
    assert not (tmp_path / "approval.json").exists()


def noted(wants: list[dict[str, Any]], now: list[dict[str, Any]], **person: str) -> dict[str, str]:
    users = frame(
        USERS, [{"user_id": "u", "user_principal_name": "u@contoso.example", "account_enabled": True, **person}]
    )
    made_plan = plan.make(frame(WANTED, wants), frame(CURRENT, now), users.assign(asked="u", error=""), empty(PROBLEMS))
    return dict(zip(made_plan.changes["method"], made_plan.changes["note"], strict=True))


@pytest.mark.parametrize(
    ("wants", "now", "country", "notes"),
    [
        (row("u", mobile=A), has("u"), "DE", {"mobile": notes.ABROAD}),
        (row("u", mobile=A), has("u"), "NL", {"mobile": ""}),
        (row("u", mobile=A), has("u"), "", {"mobile": ""}),
        (row("u", mobile=A), has("u", mobile=A), "DE", {"mobile": ""}),
        (
            row("u", mobile=A, alternateMobile=A),
            has("u"),
            "NL",
            dict.fromkeys(("mobile", "alternateMobile"), notes.TWICE),
        ),
        (row("u", alternateMobile=A), has("u", mobile="+31612345678"), "NL", {"alternateMobile": notes.TWICE}),
        (row("u", email="U@contoso.example"), has("u"), "NL", {"email": notes.OWN}),
        (row("u", email="x@contoso.example"), has("u"), "NL", {"email": notes.OURS}),
        (row("u", email="x@mail.example"), has("u"), "NL", {"email": ""}),
    ],
)
def test_what_would_be_written_is_noted_where_a_person_should_look(
    wants: list[dict[str, Any]], now: list[dict[str, Any]], country: str, notes: dict[str, str]
) -> None:
    assert noted(wants, now, country=country) == notes


def test_a_ticket_stands_in_the_plan(tmp_path: Path) -> None:
    wants = [want | {"ticket": "CHG0001"} for want in row("u", mobile=A)]
    save(made(wants, has("u")), tmp_path, now=utc_now())
    assert list(load(tmp_path).changes["ticket"]) == ["CHG0001"]


def test_what_is_no_number_is_of_no_other_country() -> None:
    written = {"change_id": "1", "user_id": "u", "user_principal_name": "u@x.org", "action": "add", "after": "x"}
    kinds = ("temporaryAccessPass", "defaultMethod", "perUserMfaState")
    changes = frame(CHANGES, [{"line": 1, "step": 1, **written, "method": kind} for kind in kinds])
    assert set(notes.noted(changes, empty(CURRENT), ["NL"] * 3)["note"]) == {""}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "a.csv", "digest": "0123456789abcdef"}, "a.csv (0123456789ab)"),
        ({"undo of": "20261127-preview"}, "undo of 20261127-preview"),
    ],
)
def test_a_plan_says_what_it_was_made_from(tmp_path: Path, source: dict[str, str], said: str) -> None:
    planned = replace(made(row("u", mobile=A), has("u")), header={"source": source})
    sealed = save(planned, tmp_path, now=utc_now())
    assert plan_file.seal(sealed)["from"] == said
