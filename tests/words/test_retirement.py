"""The days of the retirement: one file, each with its source, overridable since Microsoft moves them."""

from __future__ import annotations

import pytest

from authops.words.errors import ParameterError
from authops.words.retirement import COHORTS, cohort, dates, is_external

FEB, JULY = "2027-02-01", "2027-07-01"


def test_every_date_has_its_source_and_whom_it_is_for() -> None:
    when = dates()
    assert (when.everybody, when.later) == (FEB, JULY)
    assert when.as_of
    assert all(row["source"] and row["whom"] and row["what"] for row in when.rows)
    assert [row["date"] for row in when.rows] == sorted(row["date"] for row in when.rows)


def test_a_date_that_microsoft_moves_is_overridden_in_words() -> None:
    moved = dates(["everybody 2027-03-01"])
    assert (moved.everybody, moved.later) == ("2027-03-01", JULY)


@pytest.mark.parametrize(
    "said", ["someday 2027-03-01", "everybody 1 March", "everybody", "", "later 20270301", "later 2027-01-01"]
)
def test_an_override_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ParameterError, match="dates"):
        dates([said])


@pytest.mark.parametrize("cloud", ["usgov", "usgov-dod", "china"])
def test_other_clouds_have_no_day_until_somebody_names_one(cloud: str) -> None:
    assert (dates(cloud=cloud).everybody, dates(cloud=cloud).later) == ("", "")
    assert dates(["everybody 2027-10-01", "later 2028-01-01"], cloud=cloud).everybody == "2027-10-01"


@pytest.mark.parametrize(
    ("external", "global_admin", "who", "day"),
    [
        ("no", "no", "everybody", FEB),
        ("yes", "no", "external user", JULY),
        ("yes", "unknown", "external user", JULY),
        ("no", "active", "Global Administrator", JULY),
        ("unknown", "active", "Global Administrator", JULY),
        ("no", "eligible", "eligible Global Administrator", FEB),
        ("unknown", "eligible", "not known", FEB),
        ("unknown", "no", "not known", FEB),
        ("no", "unknown", "not known", FEB),
    ],
)
def test_who_is_later_for_sure_is_later_and_everybody_else_is_not(
    external: str, global_admin: str, who: str, day: str
) -> None:
    found = cohort(external=external, global_admin=global_admin)
    assert (found, dates().of(found)) == (who, day)
    assert found in COHORTS


def test_an_external_user_is_known_by_another_home() -> None:
    names = ["anna_fabrikam.example#EXT#@contoso.example", "anna@contoso.example", ""]
    assert list(map(is_external, names)) == ["yes", "no", "unknown"]
