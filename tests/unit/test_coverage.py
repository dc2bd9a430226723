"""Coverage figures and findings: nobody is called uncovered who was only not read."""

import pandas as pd
import pytest

from authops import coverage
from authops.frames import CURRENT, REGISTRATIONS, USERS, empty, frame

Tenant = tuple[pd.DataFrame, pd.DataFrame]


def user(name: str, **more: object) -> dict[str, object]:
    row = {
        "user_id": name,
        "user_principal_name": f"{name}@x.org",
        "display_name": name,
        "account_enabled": True,
        "user_type": "Member",
        "department": "",
        "country": "NL",
    }
    return row | more


def registration(name: str, methods: str = "", **more: object) -> dict[str, object]:
    row = {
        "user_id": name,
        "user_principal_name": f"{name}@x.org",
        "user_type": "member",
        "is_admin": False,
        "is_mfa_capable": bool(methods),
        "is_passwordless_capable": False,
        "is_sspr_capable": False,
        "methods_registered": methods,
        "default_method": "",
    }
    return row | more


def state(name: str, method: str, value: str, known: bool = True) -> dict[str, object]:
    return {
        "user_id": name,
        "method": method,
        "known": known,
        "value": value,
        "is_default": False,
        "others": 0,
        "error": "",
    }


@pytest.fixture
def tenant() -> Tenant:
    users = frame(
        USERS,
        [
            user("phone"),
            user("app"),
            user("none", user_type="Guest"),
            user("admin"),
            user("gone", account_enabled=False),
            user("new"),
        ],
    )
    seen = frame(
        REGISTRATIONS,
        [
            registration("phone", "mobilePhone officePhone email"),
            registration("app", "mobilePhone microsoftAuthenticatorPush someFutureMethod"),
            registration("none", is_admin=False),
            registration("admin", "mobilePhone", is_admin=True),
            registration("elsewhere", "mobilePhone"),
        ],
    )
    return seen, users


def figure(data: pd.DataFrame, measure: str) -> tuple[int, int]:
    row = data.set_index("measure").loc[measure]
    return int(row["users"]), int(row["population"])


def test_figures(tenant: Tenant) -> None:
    data = coverage.figures(*tenant)
    assert figure(data, "MFA-capable") == (3, 4)
    assert figure(data, "method mobilePhone") == (3, 4)
    assert figure(data, "method someFutureMethod") == (1, 4)
    assert figure(data, "second factor by phone only") == (2, 4)
    assert figure(data, "admins with SMS or voice only") == (1, 1)
    assert data.set_index("measure").loc["MFA-capable", "share"] == 0.75


def test_whoever_is_not_in_the_report_is_not_without_methods(tenant: Tenant) -> None:
    data = coverage.figures(*tenant)
    assert figure(data, "nothing registered") == (1, 4)
    assert figure(data, "not in the report") == (2, 6)
    assert figure(data, "not in the report, though enabled") == (1, 6)


def test_an_empty_report_leaves_nobody_judged(tenant: Tenant) -> None:
    data = coverage.figures(empty(REGISTRATIONS), tenant[1])
    assert figure(data, "nothing registered") == (0, 0)
    assert figure(data, "not in the report") == (6, 6)
    assert data.set_index("measure")["share"].isna()["MFA-capable"]


def test_by_user_type(tenant: Tenant) -> None:
    data = coverage.by_user_type(*tenant)
    assert list(data.columns) == ["user_type", *coverage.FIGURES]
    assert figure(data[data["user_type"] == "Guest"], "nothing registered") == (1, 1)
    assert figure(data[data["user_type"] == "Member"], "MFA-capable") == (3, 3)
    assert coverage.by_user_type(empty(REGISTRATIONS), empty(USERS)).empty


def test_ending(tenant: Tenant) -> None:
    said = "3 of 4 users in the report can use multifactor sign-in; 2 of 6 are not in the report"
    assert coverage.ending(*tenant) == ("done", said)


def test_number_findings(tenant: Tenant) -> None:
    current = frame(
        CURRENT,
        [
            state("phone", "mobile", "+31 612345678"),
            state("app", "mobile", "+31612345678"),
            state("none", "mobile", "0612345678"),
            state("admin", "mobile", "+31 99"),
            state("new", "mobile", ""),
            state("new", "alternateMobile", "+44 7911123456"),
            state("gone", "mobile", "", known=False),
            state("gone", "alternateMobile", "+44 7911123457"),
            state("app", "email", "app@y.org"),
            state("phone", "email", "app@y.org"),
        ],
    )
    data = coverage.number_findings(current, tenant[1])
    found = {(r["user_id"], r["finding"]) for r in data.to_dict("records")}
    assert found == {
        ("phone", "shared_number"),
        ("app", "shared_number"),
        ("none", "no_country_code"),
        ("admin", "impossible_number"),
        ("new", "lone_alternate"),
    }
    assert not data["value"].str.contains(r"\d{5}").any()
    assert set(data["user_principal_name"]) == {"phone@x.org", "app@x.org", "none@x.org", "admin@x.org", "new@x.org"}


def test_no_numbers_no_findings(tenant: Tenant) -> None:
    assert coverage.number_findings(empty(CURRENT), tenant[1]).empty
