"""The contract of the seed's CSV: one row and what a person has → exactly these writes, in this order, and this end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.apply.conftest import IDS, Stage, user_id

A, B, C = "+31 612345678", "+31 687654321", "+31 206241111"
A2, B2, C2 = "+31 612345679", "+31 687654322", "+31 206241112"
ADD = ("POST", "phoneMethods")


def change(method: str) -> tuple[str, str]:
    return ("PATCH", IDS[method])


def drop(method: str) -> tuple[str, str]:
    return ("DELETE", IDS[method])


M, L, O = "mobile", "alternateMobile", "office"  # noqa: E741
NOW_M, NOW_ML, NOW_MLO, NOW_MO = {M: A}, {M: A, L: B}, {M: A, L: B, O: C}, {M: A, O: C}

# name: (cells after UPN, what the person has, the writes, what the person has in the end)
CASES: dict[str, tuple[str, dict[str, str], list[tuple[str, str]], dict[str, str]]] = {
    "add_mobile": (f"{A},,,,", {}, [ADD], {M: A}),
    "add_all": (f"{A},{B},{C},,", {}, [ADD, ADD, ADD], {M: A, L: B, O: C}),
    "add_office": (f",,{C},,", {}, [ADD], {O: C}),
    "add_office_ext": (f",,{C}x12,,", {}, [ADD], {O: C + "x12"}),
    "add_alternate": (f",{B},,,", NOW_M, [ADD], NOW_ML),
    "add_alternate_beside": (f"{A},{B},,,", NOW_M, [ADD], NOW_ML),
    "add_from_national": ("06 12345678,,,,", {}, [ADD], {M: A}),
    "add_from_zeros": ("0031 6 12345678,,,,", {}, [ADD], {M: A}),
    "add_from_dashes": ("06-1234-5678,,(020) 624 1111,,", {}, [ADD, ADD], {M: A, O: C}),
    "add_with_flags_on": (f"{A},,,TRUE,TRUE", {}, [ADD], {M: A}),
    "alternate_alone": (f",{B},,,", {}, [], {}),
    "alternate_alone_forced": (f",{B},,TRUE,TRUE", {}, [], {}),
    "alternate_alone_office_goes_on": (f",{B},{C},,", {}, [ADD], {O: C}),
    "equal": (f"{A},,,,", NOW_M, [], NOW_M),
    "equal_forced": (f"{A},,,TRUE,", NOW_M, [], NOW_M),
    "equal_other_spelling": ("06-12345678,,,TRUE,", NOW_M, [], NOW_M),
    "equal_spelled_in_graph": (f"{A},,,TRUE,", {M: "+31612345678"}, [], {M: "+31612345678"}),
    "equal_all": (f"{A},{B},{C},TRUE,TRUE", NOW_MLO, [], NOW_MLO),
    "differs": (f"{A2},,,,", NOW_M, [], NOW_M),
    "differs_false": (f"{A2},,,FALSE,", NOW_M, [], NOW_M),
    "differs_forced": (f"{A2},,,TRUE,", NOW_M, [change(M)], {M: A2}),
    "differs_forced_1": (f"{A2},,,1,", NOW_M, [change(M)], {M: A2}),
    "differs_forced_yes": (f"{A2},,,Yes,", NOW_M, [change(M)], {M: A2}),
    "all_differ_forced": (f"{A2},{B2},{C2},TRUE,", NOW_MLO, [change(M), change(L), change(O)], {M: A2, L: B2, O: C2}),
    "alternate_differs": (f"{A},{B2},,TRUE,", NOW_ML, [change(L)], {M: A, L: B2}),
    "office_loses_extension": (f",,{C},TRUE,", {O: C + "x12"}, [change(O)], {O: C}),
    "update_and_add": (f"{A2},{B},,TRUE,", NOW_M, [change(M), ADD], {M: A2, L: B}),
    "default_updated": (f"{A2},,,TRUE,", NOW_MO | {"default": M}, [change(M)], {M: A2, O: C}),
    "blank_left": (",,,,", NOW_MLO, [], NOW_MLO),
    "blank_left_false": (",,,TRUE,FALSE", NOW_MLO, [], NOW_MLO),
    "blank_removes_nothing": (",,,,TRUE", {}, [], {}),
    "blank_removes_all": (",,,,TRUE", NOW_MLO, [drop(L), drop(O), drop(M)], {}),
    "blank_removes_pair": (",,,,yes", NOW_ML, [drop(L), drop(M)], {}),
    "blank_removes_office": (f"{A},{B},,,TRUE", NOW_MLO, [drop(O)], NOW_ML),
    "blank_removes_alternate": (f"{A},,{C},,1", NOW_MLO, [drop(L)], NOW_MO),
    "blank_mobile_alternate_stays": (f",{B},,,TRUE", NOW_ML, [], NOW_ML),
    "blank_mobile_alternate_changes": (f",{B2},,TRUE,TRUE", NOW_ML, [change(L)], {M: A, L: B2}),
    "blank_mobile_alternate_new": (f",{B},,,TRUE", NOW_M, [drop(M)], {}),
    "default_kept_beside_office": (f",,{C},,TRUE", NOW_MO | {"default": M}, [], NOW_MO),
    "default_kept_beside_app": (",,,,TRUE", NOW_M | {"default": M, "app": "yes"}, [], NOW_M),
    "default_last_of_all": (",,,,TRUE", NOW_MLO | {"default": M}, [drop(L), drop(O), drop(M)], {}),
    "default_office_last": (",,,,TRUE", NOW_MO | {"default": O}, [drop(M), drop(O)], {}),
    "default_alone": (",,,,TRUE", NOW_M | {"default": M}, [drop(M)], {}),
    "other_than_default": (f"{A},,,,TRUE", NOW_MO | {"default": M}, [drop(O)], NOW_M),
    "default_alternate_holds": (",,,,TRUE", NOW_ML | {"default": L}, [], NOW_ML),
    "swap_mobile_for_office": (f",,{C},,TRUE", NOW_M, [ADD, drop(M)], {O: C}),
    "swap_default_for_office": (f",,{C},,TRUE", NOW_M | {"default": M}, [ADD], NOW_MO),
    "update_and_remove": (f"{A2},,,TRUE,TRUE", NOW_MLO, [change(M), drop(L), drop(O)], {M: A2}),
    "bad_number": ("+31 6123,,,TRUE,", NOW_M, [], NOW_M),
    "bad_number_spares_the_rest": (f"{A2},not a number,{C},TRUE,", NOW_M, [], NOW_M),
    "bad_flag": (f"{A2},,,maybe,", NOW_M, [], NOW_M),
    "bad_removal_flag": (",,,,WAAR", NOW_M, [], NOW_M),
    "mobile_with_extension": (f"{A2}x5,,,TRUE,", NOW_M, [], NOW_M),
}


@pytest.fixture(scope="module")
def done(wide_stage: Stage) -> dict[str, Any]:
    """Every case at once: the table as one file, planned and applied; then planned again."""
    stage = wide_stage
    stage.people(**{name: has for name, (_, has, _, _) in CASES.items()})
    rows = "".join(f"{name}@contoso.example,{cells}\n" for name, (cells, _, _, _) in CASES.items())
    stage.clear_log()
    outcomes = stage.apply(stage.plan(rows).writes)
    return {"writes": stage.writes(), "phones": stage.phones(), "outcomes": outcomes, "again": stage.plan(rows)}


@pytest.mark.parametrize("name", CASES)
def test_a_row_causes_exactly_these_writes_and_this_end(name: str, done: dict[str, Any]) -> None:
    _, _, writes, end = CASES[name]
    assert done["writes"].get(user_id(name), []) == writes
    assert done["phones"][user_id(name)] == end


def test_every_planned_write_is_known_to_be_applied(done: dict[str, Any]) -> None:
    assert set(done["outcomes"]["outcome"]) == {"applied"}
    assert len(done["outcomes"]) == sum(len(writes) for _, _, writes, _ in CASES.values())


def test_the_same_file_again_plans_the_deferred_case_only(done: dict[str, Any]) -> None:
    assert done["again"].writes.empty


def test_the_table_is_worth_its_name() -> None:
    assert len(CASES) >= 40
    assert asyncio.iscoroutinefunction(Stage.pause)
