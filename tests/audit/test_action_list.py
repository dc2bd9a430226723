"""What comes out of the retirement, given to preview unchanged, plans what it should."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.audit import action_list, retirement
from authops.demo.wire.build import build
from authops.words.frames import CONTACTS, HOLDERS, frame
from authops.words.retirement import dates
from tests.apply.conftest import ROOT, Stage
from tests.audit.test_exposure_counted import look
from tests.audit.test_retirement import ADMIN, ASKED, EXTERNAL, PHONE, PROFILE, USUAL

TODAY = dt.date(2026, 11, 26)
NUMBERS = {"mobile": "+31 612345678", "office": "+31 207940000"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made = Stage(tmp_path_factory.mktemp("stage"))
    made.world = build(tmp_path_factory.mktemp("people"), (ROOT,), users=200, population="2026")
    return made


@pytest.fixture(scope="module")
def exposed(stage: Stage) -> pd.DataFrame:
    found, people = look(stage.world)
    action_list.write(people, found.contacts, dates(), stage.folder, today=TODAY)
    return people


def test_phones_that_may_go_are_planned_as_removals_of_just_those_phones(stage: Stage, exposed: pd.DataFrame) -> None:
    made = stage.planned(stage.folder / action_list.PHONES)
    going = exposed[(exposed["next_step"] == "retire phone") & (exposed["account"] == "enabled")]
    assert made.problems.empty
    assert len(going) > 10
    touched = made.changes[made.changes["before"] != ""]
    assert set(touched["action"]) <= {"remove", "blocked"}
    assert set(touched.loc[touched["action"] == "blocked", "reason"]) <= {"default_method", "mobile_held_by_alternate"}
    owned = {user: set(phones) for user, phones in stage.phones().items()}
    for user_id, part in touched.groupby("user_id"):
        assert set(part["method"]) == owned[str(user_id)]
    assert set(touched["user_id"]) == set(going["user_id"])


def test_values_worth_registering_are_planned_as_additions(stage: Stage, exposed: pd.DataFrame) -> None:
    made = stage.planned(stage.folder / action_list.REGISTER)
    assert set(made.problems["rule"]) <= {"ambiguous_number", "impossible_number", "invalid_number",
                                                       "no_country_code", "plus_lost"}  # fmt: skip
    assert len(made.writes) > 10
    assert set(made.writes["action"]) == {"add"}
    lost = exposed.loc[exposed["reset"].isin(("lost", "profile only")), "user_id"]
    assert set(made.writes["user_id"]) <= set(lost)
    mails = made.writes[made.writes["method"] == "email"]
    assert len(mails)
    assert all("@" in value for value in mails["after"])


def people(*rows: dict[str, Any]) -> pd.DataFrame:
    named = [{"user_id": f"u{n}", "user_principal_name": f"u{n}@contoso.example"} for n in range(len(rows))]
    return retirement.exposure(
        frame(HOLDERS, [USUAL | name | row for name, row in zip(named, rows, strict=True)]), dates()
    )


def contacts(**rows: dict[str, str]) -> pd.DataFrame:
    return frame(CONTACTS, [{"user_id": user, **row} for user, row in rows.items()])


def test_an_address_comes_before_a_number_and_a_number_only_until_its_day() -> None:
    exposed = people(
        {"methods": "", **PROFILE},
        {"methods": "", **PROFILE},
        {"methods": "", **PROFILE},
        {"methods": PHONE},
        {"methods": "microsoftAuthenticatorPush", **PROFILE},
        {"methods": "", **PROFILE, "account": "disabled"},
    )
    known = contacts(
        u0=NUMBERS | {"email": "u0@mail.example"},
        u1=NUMBERS,
        u2={"office": NUMBERS["office"]},
        u3=NUMBERS,
        u4=NUMBERS,
        u5=NUMBERS,
    )
    found = action_list.register(exposed, known, dates(), TODAY).set_index("UPN")
    assert found.to_dict("index") == {
        "u0@contoso.example": {"Mobile": "", "OfficePhone": "", "Email": "u0@mail.example"},
        "u1@contoso.example": {"Mobile": NUMBERS["mobile"], "OfficePhone": "", "Email": ""},
        "u2@contoso.example": {"Mobile": "", "OfficePhone": NUMBERS["office"], "Email": ""},
    }
    late = action_list.register(exposed, known, dates(), dt.date(2027, 2, 1))
    assert list(late["UPN"]) == ["u0@contoso.example"]


def test_a_pass_is_for_whom_no_campaign_reaches_and_never_for_an_administrator_or_an_external_user() -> None:
    exposed = people(
        {"methods": PHONE}, {"methods": PHONE, **ASKED}, {"methods": PHONE, **ADMIN}, {"methods": PHONE, **EXTERNAL}
    )
    assert list(action_list.passes(exposed)["UPN"]) == ["u0@contoso.example"]


def test_a_number_in_a_file_is_no_formula_and_files_are_their_owners(tmp_path: Path) -> None:
    action_list.write(people({"methods": "", **PROFILE}), contacts(u0=NUMBERS), dates(), tmp_path, today=TODAY)
    assert "'+31" in (tmp_path / action_list.REGISTER).read_text("utf-8-sig")
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
