"""Coverage figures and findings: nobody is called uncovered who was only not read."""

import pandas as pd
import pytest

from authops.audit import coverage
from authops.words.frames import COVERAGE, PEOPLE, REGISTRATIONS, USERS, empty, frame

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


def person(name: str, **more: object) -> dict[str, object]:
    return user(name) | {"licences": "E3"} | more


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


def test_who_holds_a_role_is_an_administrator_also_where_the_report_does_not_say_so(tenant: Tenant) -> None:
    registrations, people = tenant
    ids = dict(zip(people["user_principal_name"], people["user_id"], strict=True))
    roles = {ids[name] for name in ids if name.startswith(("phone", "gone"))}
    data = coverage.figures(registrations, people, roles)
    assert figure(data, "admins with SMS or voice only") == (2, 2)


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


def test_a_temporary_pass_or_a_mail_address_beside_a_phone_is_no_second_factor(tenant: Tenant) -> None:
    seen = frame(REGISTRATIONS, [registration("phone", "mobilePhone temporaryAccessPass email securityQuestion")])
    assert figure(coverage.figures(seen, tenant[1]), "second factor by phone only") == (1, 1)


@pytest.fixture
def covered() -> pd.DataFrame:
    people = [
        person("phone", department="Sales"),
        person("app", department="Sales", licences="E3 E5"),
        person("key", department="Sales"),
        person("mail", department="", country=""),
        person("none", user_type="Guest", licences=""),
        person("admin", department="IT"),
        person("gone", account_enabled=False),
        person("new", user_type=""),
    ]
    seen = [
        registration("phone", "mobilePhone officePhone"),
        registration("app", "mobilePhone someFutureMethod"),
        registration("key", "mobilePhone passKeySynced", is_passwordless_capable=True),
        registration("mail", "email temporaryAccessPass"),
        registration("none"),
        registration("admin", "mobilePhone"),
        registration("elsewhere", "mobilePhone"),
    ]
    return coverage.join(frame(REGISTRATIONS, seen), frame(PEOPLE, people), {"admin", "gone"})


def column(data: pd.DataFrame, name: str) -> dict[str, str]:
    return dict(zip(data["user_id"], data[name], strict=True))


def test_everybody_stands_somewhere_once(covered: pd.DataFrame) -> None:
    assert column(covered, "standing") == {
        "phone": "phone only",
        "app": "app or key",
        "key": "passwordless",
        "mail": "no lasting factor",
        "none": "nothing",
        "admin": "phone only",
        "gone": "unknown",
        "new": "unknown",
    }
    assert list(covered.columns) == list(COVERAGE)


def test_what_the_report_leaves_out_is_unknown_and_never_no(covered: pd.DataFrame) -> None:
    out = covered[covered["user_id"].isin(["gone", "new"])]
    for flag in ("mfa_capable", "passwordless_capable", "sspr_capable"):
        assert set(out[flag]) == {"unknown"}
    assert column(covered, "mfa_capable")["none"] == "no"
    assert coverage.left_out(covered) == {"disabled": 1, "enabled, yet not in the report": 1}


def test_who_is_an_admin_comes_from_roles_and_without_them_from_the_report_alone(covered: pd.DataFrame) -> None:
    assert column(covered, "admin") == dict.fromkeys(column(covered, "admin"), "no") | {"admin": "yes", "gone": "yes"}
    seen = frame(REGISTRATIONS, [registration("a", is_admin=True), registration("b")])
    people = frame(PEOPLE, [person("a"), person("b"), person("c")])
    assert column(coverage.join(seen, people, None), "admin") == {"a": "yes", "b": "no", "c": "unknown"}
    told = coverage.join(seen, people, {"c"}, {"c": "Reports Reader"})
    assert column(told, "roles") == {"a": "not known", "b": "no role", "c": "Reports Reader"}
    assert column(coverage.join(seen, people, None), "roles")["c"] == "not known"


def test_counted_by_department_licence_and_what_is_not_set(covered: pd.DataFrame) -> None:
    by = coverage.by(covered, "department").set_index("value")
    assert by.loc["Sales", ["users", "passwordless", "app or key", "phone only"]].tolist() == [3, 1, 1, 1]
    assert by.loc[coverage.NOT_SET, "users"] == 4
    assert by["users"].sum() == len(covered)
    licences = coverage.by(covered, "licence").set_index("value")["users"]
    assert licences.to_dict() == {"E3": 7, "E5": 1, coverage.NOT_SET: 1}
    assert coverage.by(covered, "user type").set_index("value")["users"].to_dict() == {
        "Member": 6,
        "Guest": 1,
        "unknown": 1,
    }
    assert set(coverage.members(covered, "licence", "E5")["user_id"]) == {"app"}
    assert set(coverage.members(covered, "country", coverage.NOT_SET)["user_id"]) == {"mail"}


def test_gaps_name_administrators_first_and_nobody_who_is_only_not_known(covered: pd.DataFrame) -> None:
    assert list(coverage.gaps(covered)["user_id"]) == ["admin", "none", "mail", "phone"]


def test_no_people_no_coverage() -> None:
    nobody = coverage.join(empty(REGISTRATIONS), empty(PEOPLE), None)
    assert nobody.empty
    assert coverage.by(nobody, "department").empty
    assert coverage.gaps(nobody).empty


def test_the_headline_carries_who_has_nothing_and_the_administrators(tenant: Tenant, covered: pd.DataFrame) -> None:
    said = "3 of 4 users in the report (75.0 %) can use multifactor sign-in; 2 of 6 are not in the report"
    good = covered.assign(standing="app or key")
    assert coverage.ending(*tenant, good) == ("done", said)
    assert not coverage.worrying(good)
    nobody = good.assign(standing=good["standing"].where(good["user_id"] != "none", "nothing"))
    assert coverage.ending(*tenant, nobody)[1] == f"{said}; 1 have nothing"
    admin = good.assign(standing=good["standing"].where(good["admin"] != "yes", "phone only"))
    assert coverage.ending(*tenant, admin)[1] == f"{said}; 2 of 2 administrators rely on phones, or on less"
    assert coverage.worrying(nobody)
    assert coverage.worrying(admin)
