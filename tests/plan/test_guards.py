"""Guards that hold a row, and guards that stop the plan: all judged, all named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from authops.apply.breaker import Breaker
from authops.plan import guards, plan
from authops.words.errors import GuardStop, ParameterError
from authops.words.frames import CHANGES, HELD, PROBLEMS, empty, frame

A, B = "+31 612345678", "+31 687654321"


def change(user: str, method: str = "mobile", action: str = "add", **more: Any) -> dict[str, Any]:
    before = "" if action == "add" else A
    after = "" if action == "remove" else before if action in ("keep", "blocked") else B
    names = {"user_id": user, "user_principal_name": user, "display_name": user, "method": method}
    values = {"action": action, "before": before, "after": after, "reason": "no_method", "note": "", "step": 1}
    return {"change_id": f"{user}-{method}", "line": 2} | names | values | more


def planned(*rows: dict[str, Any]) -> plan.Plan:
    return plan.Plan(frame(CHANGES, rows), empty(PROBLEMS))


def held(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return frame(HELD, [dict(zip(HELD, row, strict=True)) for row in rows])


def test_a_held_person_is_not_written_to_at_all_and_others_are() -> None:
    made = planned(change("a"), change("a", "office", "remove"), change("b"))
    got = guards.hold(made, held(("a", "", "administrator")))
    assert list(got.writes["change_id"]) == ["b-mobile"]
    rows = got.held.set_index("change_id")
    assert list(rows["reason"]) == ["administrator", "administrator"]
    assert (rows["after"] == rows["before"]).all()
    assert (rows["step"] == 0).all()
    assert guards.held_counts(got) | {"administrator": 2} == dict.fromkeys(plan.HOLDS, 0) | {"administrator": 2}


def test_a_held_method_may_still_be_removed() -> None:
    made = planned(change("a", "mobile", "update"), change("a", "office", "remove"), change("a", "email"))
    got = guards.hold(made, held(("a", "mobile", "unusable_method"), ("a", "office", "unusable_method")))
    assert list(got.writes["change_id"]) == ["a-office", "a-email"]


def test_what_writes_nothing_keeps_its_own_reason() -> None:
    made = planned(change("a", action="keep", reason="equal_number"))
    assert list(guards.hold(made, held(("a", "", "guest"))).changes["reason"]) == ["equal_number"]


def test_nobody_held_changes_nothing() -> None:
    made = planned(change("a"))
    pd.testing.assert_frame_equal(guards.hold(made, held()).changes, made.changes)


def names(plan_: plan.Plan, **limits: Any) -> list[str]:
    return list(guards.breaches(plan_, **limits)["guard"])


TWO = planned(change("a"), change("b", action="remove"), change("c", action="keep"))
MANY = planned(*(change(f"u{n}") for n in range(60)))
VALID, USED = (f"pass from 2026-11-30T07:00:00Z, 60 min, once, {state} #p1" for state in ("valid", "used"))
PASS = "temporaryAccessPass"
# What nobody can give back, and, beside it, what somebody can: a new pass is deleted, a used one served its time.
LOST = planned(
    change("a", "fido2", "remove", before="Key #k1"),
    change("a", "hardwareOath", "remove", before="Token #t1"),
    change("b", PASS, "remove", before=VALID),
    change("c", PASS, "update", before=VALID),
    change("d", "defaultMethod", "add", before=""),
)
GIVEN = planned(
    change("a", "mobile", "remove"),
    change("b", PASS, "add", after="pass from now, 60 min, once, to desk"),
    change("c", PASS, "update", before=USED),
    change("d", PASS, "remove", before=USED),
    change("e", "smsSignIn", "update", before="ready", after="notEnabled"),
    change("f", "fido2", "blocked", before="Key #k1"),
)


@pytest.mark.parametrize(
    ("made", "limits", "broken"),
    [
        (TWO, {"max_changes": 0}, ["max_changes"]),
        (TWO, {"max_changes": 1}, ["max_changes"]),
        (TWO, {"max_changes": 2}, []),
        (TWO, {"max_changes": 3}, []),
        (TWO, {"max_changes": None}, []),
        (TWO, {"on_problem": "stop"}, []),
        (TWO, {"max_removals": 0}, ["max_removals"]),
        (TWO, {"max_removals": 1}, []),
        (TWO, {"max_changes": 0, "max_removals": 0}, ["max_changes", "max_removals"]),
        (LOST, {"max_irreversible": 4, "approve": "all"}, ["max_irreversible"]),
        (LOST, {"max_irreversible": 5, "approve": "all"}, []),
        (LOST, {"max_irreversible": None, "approve": "all"}, []),
        (LOST, {"max_irreversible": 0}, []),
        (GIVEN, {"max_irreversible": 0, "approve": "all"}, []),
        (GIVEN, {"max_lifetime": 59}, ["max_lifetime"]),
        (GIVEN, {"max_lifetime": 60}, []),
        (GIVEN, {"max_lifetime": 61}, []),
        (GIVEN, {"max_lifetime": None}, []),
        (MANY, {"max_share": 0.5, "tenant_size": 100}, ["max_share"]),
        (MANY, {"max_share": 0.6, "tenant_size": 101}, []),
        (MANY, {"max_share": 0.6, "tenant_size": 100}, []),
        (MANY, {"max_share": 0.0, "tenant_size": 100}, ["max_share"]),
        (MANY, {"max_share": None, "tenant_size": 100}, []),
        (MANY, {"max_share": 0.5, "tenant_size": None}, ["max_share"]),
        (MANY, {"max_share": None, "tenant_size": None}, []),
        (MANY, {"max_share": 0.5, "tenant_size": 0}, ["max_share"]),
        (MANY, {"max_share": 0.5, "tenant_size": 120}, []),
        (TWO, {"max_share": 0.5, "tenant_size": None}, []),
        (TWO, {"max_share": 0.1, "tenant_size": 3}, []),
        (TWO, {"max_share": 0, "tenant_size": 3}, ["max_share"]),
        (TWO, {"max_share": 0.0, "tenant_size": None}, ["max_share"]),
        (planned(change("c", action="keep")), {"max_share": 0, "tenant_size": 3}, []),
        (TWO, {"min_certificate_days": 7, "certificate_days": 6.9}, ["min_certificate_days"]),
        (TWO, {"min_certificate_days": 7, "certificate_days": 7.1}, []),
        (TWO, {"min_certificate_days": 7, "certificate_days": None}, []),
        (TWO, {"min_certificate_days": None, "certificate_days": 0.1}, []),
        (TWO, {"unread": {"allow_admins": "HTTP 403"}}, ["allow_admins"]),
        (TWO, {"held": held(("a", "", "administrator"))}, ["protected"]),
        (TWO, {"held": held(("c", "", "administrator"))}, []),
        (TWO, {"held": held()}, []),
    ],
)
def test_every_broken_guard_is_named_and_no_other(made: plan.Plan, limits: dict[str, Any], broken: list[str]) -> None:
    assert names(made, **limits) == broken
    if broken:
        with pytest.raises(GuardStop, match=broken[0]):
            guards.enforce(guards.breaches(made, **limits))
    else:
        guards.enforce(guards.breaches(made, **limits))


@dataclass(frozen=True)
class Seen:
    held: pd.DataFrame
    unread: Mapping[str, str]
    sms_sign_in: frozenset[str] = frozenset()
    may_sign_in: frozenset[str] = frozenset()


def test_limits_name_all_that_a_plan_breaks_and_keep_those_of_the_plan() -> None:
    limits = guards.Limits(max_changes=1, max_removals=None, max_share=0, min_certificate_days=7)
    seen = Seen(held(("a", "", "administrator")), {"allow_admins": "HTTP 403"})
    broken = limits.broken(TWO, seen, 100, 3.0)
    told = {"max_changes", "protected", "max_share", "allow_admins", "min_certificate_days"}
    assert set(broken["guard"]) == told
    assert limits.facts() == {"max_changes": 1, "max_removals": None, "max_share": 0, "max_irreversible": 0}
    none = guards.Limits(max_changes=None, max_removals=None, max_share=None, min_certificate_days=None)
    assert none.broken(TWO, Seen(held(), {}), None, None).empty


@pytest.mark.parametrize(("then", "said"), [(100, "allowed 100"), (None, "allowed any number"), (1, "")])
def test_a_limit_that_was_another_at_the_preview_is_told_with_it(then: int | None, said: str) -> None:
    """A preview by hand allows a hundred removals, an apply on schedule none."""
    limits = guards.Limits(max_changes=None, max_removals=1, max_share=None, min_certificate_days=None)
    rules = {"rules": {"max_removals": then, "max_changes": 5, "protect": {}}}
    made = plan.Plan(pd.concat([TWO.changes, planned(change("d", action="remove")).changes]), TWO.problems, rules)
    (message,) = limits.broken(made, Seen(held(), {}), 100, None)["message"]
    assert message.startswith("2 removals in the whole plan, 1 allowed")
    assert message.endswith(f"; the preview {said}") if said else "preview" not in message


def test_whom_a_guard_holds_since_the_preview_is_said_by_name_and_why() -> None:
    reasons = held(*((f"u{n}", "", "administrator") for n in range(7)))
    (message,) = guards.breaches(MANY, held=reasons)["message"]
    assert "7 approved changes that became protected" in message
    assert "line 2, u0 (administrator); line 2, u1 (administrator)" in message
    assert message.endswith("u4 (administrator) and 2 more")


def test_a_problem_stops_the_plan_only_when_asked_to() -> None:
    problem = {"line": 2, "user": "x", "column": "", "value": "", "rule": "no_user", "message": ""}
    made = plan.Plan(TWO.changes, frame(PROBLEMS, [problem]))
    assert names(made) == []
    assert names(made, on_problem="stop") == ["on_problem"]


def test_one_number_of_two_who_sign_in_by_sms_is_blocked_for_both_and_others_may_share() -> None:
    made = planned(
        change("a", after="+31 612345678"),
        change("b", after="+31 612345678", action="update", before="+31 612345679"),
        change("c", after="+31 612345678"),
        change("d", after="+31 612345677"),
        change("e", "office", after="+31 612345678"),
    )
    got = guards.sign_in(made, frozenset({"a", "b", "d", "e"})).changes.set_index("user_id")
    assert list(got.index[got["reason"] == "shared_sign_in"]) == ["a", "b"]
    assert got.loc["b", "after"] == "+31 612345679"
    assert list(got["note"].ne("")) == [False, False, False, True, False]


def test_a_number_that_somebody_keeps_is_not_given_to_another_who_signs_in_by_sms() -> None:
    kept = change("a", action="keep", before="+31612345678", after="+31612345678", step=0, reason="equal_number")
    got = guards.sign_in(planned(kept, change("b", after="+31 612345678")), frozenset({"a", "b"}))
    assert list(got.changes["action"]) == ["keep", "blocked"]


def test_an_alternate_stays_planned_beside_a_held_method_that_is_no_mobile() -> None:
    got = guards.hold(
        planned(change("a", "office"), change("a", "alternateMobile", "update")),
        held(("a", "office", "unusable_method")),
    )
    assert list(got.writes["method"]) == ["alternateMobile"]


def test_who_is_held_as_a_whole_holds_no_method_of_an_empty_name() -> None:
    made = planned(change("a", ""), change("b", "office"))
    got = guards.hold(made, held(("b", "", "guest"), ("a", "office", "unusable_method")))
    assert list(got.writes["user_id"]) == ["a"]


def test_only_what_a_guard_blocked_is_counted_as_held() -> None:
    made = planned(change("a", action="keep", reason="administrator"), change("b"))
    assert set(guards.held_counts(made).values()) == {0}
    assert guards.held_counts(guards.hold(made, held(("b", "", "administrator"))))["administrator"] == 1


def test_a_breach_has_its_figures_and_none_where_nothing_was_read() -> None:
    unread = guards.breaches(TWO, unread={"max_share": "of a reason"}).iloc[0]
    unsized = guards.breaches(MANY, max_share=0.5, tenant_size=None).iloc[0]
    assert [int(unread[name]) for name in ("limit", "selected", "population")] == [0, 0, 0]
    none = guards.breaches(TWO, max_share=0, tenant_size=3).iloc[0]
    assert [int(none[name]) for name in ("limit", "selected", "population")] == [0, 2, 3]
    unread_none = guards.breaches(TWO, max_share=0).iloc[0]
    assert [int(unread_none[name]) for name in ("limit", "selected", "population")] == [0, 2, 0]
    certificate = guards.breaches(TWO, min_certificate_days=9, certificate_days=2.5).iloc[0]
    assert [int(certificate[name]) for name in ("limit", "selected", "population")] == [9, 2, 0]
    assert (float(unsized["limit"]), int(unsized["selected"]), int(unsized["population"])) == (0.5, 60, 0)


@pytest.mark.parametrize("number", [1, guards._NAMED, guards._NAMED + 1])
def test_more_are_said_where_there_are_more(number: int) -> None:
    made = planned(*(change(f"u{n}") for n in range(number)))
    (said,) = guards.breaches(made, held=held(*((f"u{n}", "", "guest") for n in range(number))))["message"]
    assert said.count("(guest)") == min(number, guards._NAMED)
    assert (" and 1 more" in said, " more" in said) == (number > guards._NAMED,) * 2


def test_an_alternate_planned_beside_a_held_mobile_is_held_too() -> None:
    made = planned(change("a"), change("a", "alternateMobile"), change("a", "office"))
    got = guards.hold(made, held(("a", "mobile", "unusable_method")))
    assert list(got.writes["method"]) == ["office"]
    assert list(got.changes["reason"])[1] == "alternate_needs_mobile"
    assert list(got.changes["step"]) == [0, 0, 1]


@pytest.mark.parametrize("other", [change("a", "mobile", "update"), change("a", "email")])
def test_an_alternate_stays_planned_where_its_mobile_is_there_or_what_is_held_is_none(other: dict[str, Any]) -> None:
    got = guards.hold(planned(other, change("a", "alternateMobile")), held(("a", other["method"], "unusable_method")))
    assert list(got.writes["method"]) == ["alternateMobile"]


def test_people_who_sign_in_by_sms_may_lose_their_mobiles_together() -> None:
    made = planned(change("a", action="remove"), change("b", action="remove"))
    assert len(guards.sign_in(made, frozenset({"a", "b"})).writes) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, -0.5, float("-inf"), True, "5"])
@pytest.mark.parametrize(
    "limit", ["max_changes", "max_removals", "max_irreversible", "max_share", "min_certificate_days"]
)
def test_what_limits_nothing_is_no_limit(limit: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=limit):
        guards.breaches(TWO, **{limit: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, -0.5, 1.5, True])
def test_a_breaker_that_never_opens_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="max_failure_share"):
        Breaker(20, value)


def test_a_share_is_at_most_all_of_them() -> None:
    assert names(TWO, max_share=1) == []
    with pytest.raises(ParameterError, match="a share is at most 1"):
        guards.breaches(TWO, max_share=50)


@pytest.mark.parametrize(("users", "broken"), [(49, []), (50, ["max_share"])])
def test_fifty_people_are_no_more_few(users: int, broken: list[str]) -> None:
    assert names(planned(*(change(f"u{n}") for n in range(users))), max_share=0.1, tenant_size=100) == broken


def test_a_certificate_that_is_good_for_just_the_days_wanted_is_good() -> None:
    assert names(TWO, min_certificate_days=7, certificate_days=7.0) == []
    (left,) = guards.breaches(TWO, min_certificate_days=7, certificate_days=-3.0)["selected"]
    assert left == 0


def test_a_number_that_is_somebodys_outside_of_the_plan_is_blocked_and_what_was_not_seen_is_noted() -> None:
    made = planned(change("a", after="+31 612345678"), change("b", after="+31 612345677"), change("c"))
    who = frozenset({"a", "b"})
    got = guards.sign_in(made, who, taken=frozenset({"+31612345678"}), unseen=True).changes.set_index("user_id")
    assert list(got["action"]) == ["blocked", "add", "add"]
    assert [("not known whether" in note) for note in got["note"]] == [False, True, False]


def test_of_whom_it_is_not_known_whether_they_sign_in_by_sms_one_number_is_blocked_and_nothing_is_noted() -> None:
    made = planned(change("a", after="+31 612345678"), change("b", after="+31 612345678"), change("c"))
    got = guards.sign_in(made, frozenset(), frozenset({"a", "b", "c"})).changes
    assert list(got["action"]) == ["blocked", "blocked", "add"]
    assert set(got["note"]) == {""}


def test_a_guard_that_stops_a_later_attempt_heads_with_what_was_written() -> None:
    broken = guards.breaches(TWO, max_changes=0)
    with pytest.raises(GuardStop, match=r"^max_changes: ") as first:
        guards.enforce(broken)
    assert first.value.remedy.endswith(
        "nothing was written; if the plan is right, raise the limit in words: -p max_changes 2"
    )
    with pytest.raises(GuardStop) as other:
        guards.enforce(guards.breaches(TWO, max_share=0))
    assert other.value.remedy.endswith("raise the limit in words")
    with pytest.raises(GuardStop, match=r"^50 applied; max_changes: ") as later:
        guards.enforce(broken, before="50 applied")
    assert "nothing more was written" in later.value.remedy
