"""Whole columns are judged as a person would judge one user by hand; what was applied has nothing left to do."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from authops.methods.kinds import KINDS, values
from authops.plan import plan
from authops.words.frames import CURRENT, PROBLEMS, USERS, WANTED, WRITES, empty, frame

NUMBERS = ("+31 612345678", "+31612345678", "+31 687654321", "+31 206241111x7")
ORDER = [
    ("add", "mobile"), ("update", "mobile"), ("add", "alternateMobile"), ("update", "alternateMobile"),
    ("add", "office"), ("update", "office"), ("add", "email"), ("update", "email"),
    ("remove", "alternateMobile"), ("remove", "office"), ("remove", "email"), ("remove", "mobile"),
]  # fmt: skip
Person = dict[str, Any]

wants = st.one_of(
    st.just(("leave", "")), st.just(("remove", "")), st.sampled_from(NUMBERS).map(lambda number: ("set", number))
)
people = st.fixed_dictionaries({
    "wants": st.dictionaries(st.sampled_from(values()), wants, min_size=1),
    "has": st.dictionaries(st.sampled_from(values()), st.sampled_from(NUMBERS)),
    "unread": st.sets(st.sampled_from(values()), max_size=1),
    "default": st.sampled_from(("", "mobile", "alternateMobile", "office")),
    "others": st.sampled_from((-1, 0, 0, 1)),
    "force": st.booleans(),
})  # fmt: skip


def alone(now: str, intent: str, value: str, force: bool) -> tuple[str, str]:
    """(action, reason) of one method that is known, before the rules that look at the whole user."""
    if intent == "leave":
        return "keep", "blank_left_alone"
    if intent == "remove":
        return ("remove", "blank_removes") if now else ("keep", "nothing_to_remove")
    if not now:
        return "add", "no_method"
    if now.replace(" ", "") == value.replace(" ", ""):
        return "keep", "equal_number"
    return ("update", "overwrite_allowed") if force else ("keep", "overwrite_not_allowed")


def by_hand(person: Person) -> dict[str, tuple[str, str, int]]:
    """Method → (action, reason, step) of one user: the rules of docs/reference.md, one after another."""
    has = {m: v for m, v in person["has"].items() if m not in person["unread"]}
    found = {m: alone(has.get(m, ""), *want, person["force"]) for m, want in person["wants"].items()}
    found |= {m: ("blocked", "current_unknown") for m in person["unread"] if m in found}
    in_the_end = dict.fromkeys(has, True)
    for method, (action, _) in found.items():
        if action in ("add", "update", "remove"):
            in_the_end[method] = action != "remove"
    default = person["default"]
    if found.get(default, ("",))[0] == "remove":
        phones = any(in_the_end.get(m) for m in ("mobile", "alternateMobile", "office") if m != default)
        if phones or default == "alternateMobile" or person["others"] != 0:
            found[default], in_the_end[default] = ("blocked", "default_method"), True
    mobile, alternate = found.get("mobile", ("", "")), found.get("alternateMobile", ("", ""))
    if mobile[0] == "remove" and in_the_end.get("alternateMobile") and alternate[0] != "add":
        found["mobile"], in_the_end["mobile"] = ("blocked", "mobile_held_by_alternate"), True
    if alternate[0] in ("add", "update") and not in_the_end.get("mobile"):
        found["alternateMobile"] = ("blocked", "alternate_needs_mobile")
    writes = [m for m in found if found[m][0] in WRITES]
    writes.sort(key=lambda m: (found[m][0] == "remove" and m == default, ORDER.index((found[m][0], m))))
    return {m: (*found[m], writes.index(m) + 1 if m in writes else 0) for m in found}


def planned(everybody: list[Person]) -> plan.Plan:
    ids = [f"u{number}" for number in range(len(everybody))]
    wanted = [
        {"line": n + 2, "user": user, "method": m, "intent": intent, "value": value, "overwrite": person["force"]}
        for n, (user, person) in enumerate(zip(ids, everybody, strict=True))
        for m, (intent, value) in person["wants"].items()
    ]
    current = [
        {
            "user_id": user,
            "method": m,
            "known": m not in person["unread"],
            "value": "" if m in person["unread"] else person["has"].get(m, ""),
            "is_default": m == person["default"],
            "others": person["others"],
        }
        for user, person in zip(ids, everybody, strict=True)
        for m in KINDS
    ]
    users = [{"user_id": user, "user_principal_name": user, "account_enabled": True} for user in ids]
    found = frame(USERS, users).assign(asked=ids, error="")
    return plan.make(frame(WANTED, wanted), frame(CURRENT, current), found, empty(PROBLEMS))


@settings(max_examples=40, deadline=None)
@given(st.lists(people, min_size=1, max_size=30))
def test_columns_are_judged_like_people_by_hand(everybody: list[Person]) -> None:
    rows = planned(everybody).changes
    for number, person in enumerate(everybody):
        mine = rows[rows["user_id"] == f"u{number}"]
        judged = zip(mine["method"], mine["action"], mine["reason"], mine["step"], strict=True)
        assert {m: (action, reason, step) for m, action, reason, step in judged} == by_hand(person)


def applied(person: Person, changes: pd.DataFrame) -> Person:
    """The person after all writes of the plan."""
    has = dict(person["has"])
    for row in changes[changes["action"].isin(WRITES)].to_dict("records"):
        has[row["method"]] = row["after"]
    has = {m: v for m, v in has.items() if v}
    return person | {"has": has, "default": person["default"] if person["default"] in has else ""}


@settings(max_examples=40, deadline=None)
@given(st.lists(people, min_size=1, max_size=30))
def test_what_was_applied_has_nothing_left_to_do(everybody: list[Person]) -> None:
    made = planned(everybody).changes
    later = [applied(person, made[made["user_id"] == f"u{n}"]) for n, person in enumerate(everybody)]
    assert planned(later).writes.empty


@settings(max_examples=20, deadline=None)
@given(st.lists(people, min_size=1, max_size=30))
def test_a_row_says_what_there_is_and_what_there_will_be(everybody: list[Person]) -> None:
    rows = planned(everybody).changes
    assert len(rows) == sum(len(person["wants"]) for person in everybody)
    quiet = rows[~rows["action"].isin(WRITES)]
    assert (quiet["before"] == quiet["after"]).all()
    assert (rows.loc[rows["action"] == "add", "before"] == "").all()
    assert (rows.loc[rows["action"] == "remove", "after"] == "").all()
    assert rows["change_id"].is_unique


def test_of_many_what_is_listed_goes_and_what_is_not_listed_is_not_there() -> None:
    """Ids in whatever case; of somebody whose methods are not known, none of them is."""
    asked = [("a", "k2"), ("a", "K1"), ("a", "k3"), ("a", "k4"), ("b", "k5"), ("b", "k6"), ("b", "k1")]
    wanted = [
        {"line": n, "user": user, "method": "fido2", "method_id": one, "intent": "remove"}
        for n, (user, one) in enumerate(asked)
    ]
    rows = [("a", "", True, ""), ("a", "k1", True, "Key #k1"), ("b", "", False, ""), ("a", "k2", True, "Key #k2")]
    current = [
        {"user_id": user, "method": "fido2", "method_id": one, "known": known, "value": value}
        | {"is_default": False, "others": 0}
        for user, one, known, value in rows
    ]
    users = frame(USERS, [{"user_id": user, "user_principal_name": user} for user in "ab"])
    found = users.assign(asked=list("ab"), error="")
    made = plan.make(frame(WANTED, wanted), frame(CURRENT, current), found, empty(PROBLEMS)).changes
    told = zip(made["method_id"], made["reason"], made["before"], made["step"], strict=True)
    assert sorted(told) == [
        ("K1", "blank_removes", "Key #k1", 2), ("k1", "current_unknown", "", 0), ("k2", "blank_removes", "Key #k2", 1),
        ("k3", "nothing_to_remove", "", 0), ("k4", "nothing_to_remove", "", 0), ("k5", "current_unknown", "", 0),
        ("k6", "current_unknown", "", 0),
    ]  # fmt: skip
    none = plan.make(frame(WANTED, wanted[:1]), frame(CURRENT, current[:1]), found, empty(PROBLEMS)).changes
    assert list(none["reason"]) == ["nothing_to_remove"]
