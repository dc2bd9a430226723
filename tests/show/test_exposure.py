"""The retirement as a page shows it: figures that add up, days that pass, texts that stay texts, widgets that pick."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from authops.audit import cost, exposure_trend, retirement
from authops.show import explore, exposure
from authops.words.frames import DIFFERENCES, HOLDERS, empty, frame
from authops.words.retirement import dates
from tests.audit.test_retirement import ADMIN, ELIGIBLE, EXTERNAL, GLOBAL, PHONE, USUAL

WHEN, TODAY = dates(), dt.date(2026, 11, 26)
EVIL = "<img src=x onerror=alert(1)>"


def people(*rows: dict[str, Any], **more: str) -> pd.DataFrame:
    named = [
        USUAL | {"user_id": f"u{n}", "user_principal_name": f"user{n}@x.org", "department": f"Department {n % 3}"} | row
        for n, row in enumerate(rows)
    ]
    return retirement.exposure(frame(HOLDERS, [row | more for row in named]), WHEN)


HIT = people(
    {"methods": PHONE},
    {"methods": PHONE, **EXTERNAL},
    {"methods": PHONE, **GLOBAL},
    {"methods": PHONE, **ELIGIBLE},
    {"methods": f"{PHONE} passKeySynced"},
    {"methods": "microsoftAuthenticatorPush"},
    {"methods": ""},
    {"methods": PHONE, "account": "disabled"},
    {"known": "not in the report; HTTP 500"},
)


def test_the_countdown_says_both_days_every_tile_and_global_administrators_apart() -> None:
    seen = exposure.countdown(HIT, WHEN, TODAY)
    assert "67 days until 2027-02-01" in seen.plain
    assert "217 days until 2027-07-01" in seen.plain
    assert "4 people have a phone and nothing that lasts; 2 of them are administrators" in seen.plain
    assert "Global Administrators: 1 active, 1 eligible" in seen.plain
    for tile in ("2 blocked on 2027-02-01", "2 blocked on 2027-07-01", "1 only password reset is lost", "1 covered",
                 "1 nothing registered", "1 disabled", "1 not known"):  # fmt: skip
        assert tile in seen.plain
    assert WHEN.as_of in seen.html


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (dt.date(2027, 1, 31), "1 day until"),
        (dt.date(2027, 2, 1), "0 days until"),
        (dt.date(2027, 2, 11), "10 days past"),
    ],
)
def test_a_day_comes_and_passes(today: dt.date, said: str) -> None:
    assert f"{said} 2027-02-01" in exposure.countdown(HIT, WHEN, today).plain


def test_a_day_that_nobody_has_named_is_said_to_be_none() -> None:
    elsewhere = dates(cloud="usgov")
    assert "a day not named yet" in exposure.countdown(HIT, elsewhere, TODAY).plain
    assert "a day not named yet" in exposure.by_itself(HIT, elsewhere, TODAY).plain


def test_what_microsoft_does_by_itself_names_the_day_the_people_and_the_source() -> None:
    seen = exposure.by_itself(HIT, dates(["everybody 2027-03-01"]), TODAY)
    rows = seen.plain.splitlines()[1:]
    assert [row[:10] for row in rows] == ["2026-09-01", "2026-10-30", "2026-11-09", "2027-03-01", "2027-07-01"]
    assert "2 are stopped" in rows[3]
    assert all("Learn" in row or "MC" in row for row in rows)


def test_administrators_who_may_be_one_are_no_good_news() -> None:
    assert (
        "every administrator has what lasts"
        in exposure.exposed_administrators(people({"methods": "passKeySynced", **ADMIN})).plain.casefold()
    )
    assert (
        "1 of 1 who are, or may be"
        in exposure.exposed_administrators(people({"methods": PHONE, "admin": "unknown"})).plain
    )
    assert "Nobody is known" in exposure.exposed_administrators(people({"methods": PHONE})).plain


def test_names_and_departments_stay_texts_in_every_picture() -> None:
    evil = people({"methods": PHONE, **ADMIN}, {"methods": ""}, department=EVIL, user_principal_name=EVIL)
    moved = exposure_trend.differences(evil.iloc[:0], evil)
    prices = [cost.Price("*", EVIL, "sms", cost.Decimal("0.1"), EVIL, EVIL, EVIL)]
    for view in (
        exposure.countdown(evil, WHEN, TODAY),
        exposure.exposed_administrators(evil),
        exposure.exposure_dimensions(evil),
        exposure.to_act_on(evil),
        exposure.exposure_moves(moved),
        exposure.costs(cost.table(evil, prices, 20), 20),
    ):
        assert "<img" not in view.html


def test_nothing_to_show_is_said() -> None:
    assert "Nobody stands otherwise" in exposure.exposure_moves(empty(DIFFERENCES)).plain
    assert "No price file" in exposure.costs(cost.table(HIT, [], 20), 20).plain
    assert (
        "first look"
        in exposure.exposure_trend_view(
            exposure_trend.over_time([("2026-11-26T08:00:00+00:00", exposure_trend.counted(HIT))])
        ).plain
    )


def test_two_looks_are_lines_and_a_table() -> None:
    looks = [(f"2026-11-{day}T08:00:00+00:00", exposure_trend.counted(HIT)) for day in (19, 26)]
    seen = exposure.exposure_trend_view(exposure_trend.over_time(looks))
    assert seen.html.count("<polyline") == 4
    assert "11-19" in seen.html


def test_drilling_down_picks_whom_it_says() -> None:
    it = explore.ExposureDrillDown(HIT)
    assert len(it.chosen) == len(HIT)
    it.value.value = "Department 1"
    assert set(it.chosen["department"]) == {"Department 1"}
    it.standing.value = "blocked"
    assert set(it.chosen["status"]) == {"blocked"}
    it.dimension.value = "cohort"
    assert it.value.options[0] == explore.EVERYBODY
    it.value.value = "external user"
    assert list(it.chosen["user_principal_name"]) == ["user1@x.org"]
    assert "user1@x.org" in it._list.value
