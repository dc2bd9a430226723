"""Findings about numbers: each kind, none about what was not read, and no number whole."""

import pandas as pd

from authops.audit import quality
from authops.words.frames import AUDITS, DETAILS, PEOPLE, PROFILES, empty, frame


def detail(name: str, method: str, value: str = "", **more: object) -> dict[str, object]:
    row = {"user_id": name, "user_principal_name": f"{name}@x.org", "method": method, "known": True, "value": value}
    return row | {"is_default": False, "sms_sign_in": "", "created_at": "", "error": ""} | more


def profile(name: str, mobile: str = "", *business: str) -> dict[str, str]:
    return {"user_id": name, "mobile_phone": mobile, "business_phones": "\n".join(business)}


def person(name: str, country: str = "NL") -> dict[str, object]:
    texts = dict.fromkeys(("display_name", "department", "licences"), "")
    names = {"user_id": name, "user_principal_name": f"{name}@x.org", "user_type": "Member", "country": country}
    return {**texts, **names, "account_enabled": True}


def found(details: list[dict[str, object]], profiles: list[dict[str, str]] = []) -> set[tuple[str, str]]:  # noqa: B006
    people = frame(PEOPLE, [person(str(d["user_id"])) for d in details])
    data = quality.findings(frame(DETAILS, details), people, frame(PROFILES, profiles))
    assert set(data["finding"]) <= set(quality.RULES)
    assert not data[["value", "message"]].apply(lambda c: c.str.contains(r"\d{5}")).any().any()
    return {(row.user_id, row.finding) for row in data.itertuples()}


def test_each_kind_of_number_that_deserves_a_look() -> None:
    details = [
        detail("ann", "mobile", "+31 612345678"),
        detail("bob", "mobile", "+31612345678"),
        detail("cas", "mobile", "0612345671"),
        detail("dan", "mobile", "+31 99"),
        detail("eva", "alternateMobile", "+31 612345672"),
        detail("fay", "mobile", "+31 207940005"),
        detail("gus", "office", "+31 207940006x12"),
        detail("han", "mobile", "+1 5555551234"),
        detail("ida", "mobile", "+31 612345673"),
    ]
    assert found(details) == {
        ("ann", "shared_number"),
        ("bob", "shared_number"),
        ("cas", "no_country_code"),
        ("dan", "impossible_number"),
        ("eva", "lone_alternate"),
        ("fay", "landline_as_mobile"),
        ("han", "doubtful_number"),
    }


def test_a_number_both_mobile_and_landline_is_no_landline() -> None:
    assert found([detail("amy", "mobile", "+1 2065550100")]) <= {("amy", "doubtful_number")}
    assert found([detail("amy", "mobile", "+1 2064567890")]) == set()


def test_the_same_number_twice_at_one_person_is_not_shared() -> None:
    assert found([detail("ann", "mobile", "+31 612345678"), detail("ann", "alternateMobile", "+31 612345678")]) == set()


def test_another_number_than_in_the_profile_however_it_is_typed_there() -> None:
    details = [detail(name, "mobile", "+31 612345678") for name in ("ann",)]
    assert found(details, [profile("ann", "06-12345678")]) == set()
    assert found(details, [profile("ann", "0031 6 12 34 56 78")]) == set()
    assert found(details, [profile("ann", "06-87654321")]) == {("ann", "differs_from_profile")}
    assert found(details, [profile("ann", "ask at the desk")]) == set()
    assert found(details, [profile("bob", "06-87654321")]) == set()
    office = [detail("ann", "office", "+31 207940005")]
    assert found(office, [profile("ann", "", "020 7940009", "020 7940005")]) == set()
    assert found(office, [profile("ann", "", "020 7940009")]) == {("ann", "differs_from_profile")}


def test_what_could_not_be_read_and_what_is_no_number_is_no_finding() -> None:
    unread = detail("ann", "", known=False, error="HTTP 403")
    mail = [detail(name, "email", "a@b.org") for name in ("bob", "cas")]
    assert found([unread, *mail, detail("dan", ""), detail("eva", "fido2")]) == set()
    assert quality.findings(empty(DETAILS), empty(PEOPLE), empty(PROFILES)).empty


def test_last_change_is_the_audit_logs_latest_word_else_when_it_was_registered() -> None:
    details = frame(
        DETAILS,
        [
            detail("ann", "mobile", "+31 612345678", created_at="2026-01-01T00:00:00Z"),
            detail("bob", "mobile", "+31 612345679", created_at="2026-01-01T00:00:00Z"),
        ],
    )
    record = dict.fromkeys(AUDITS, "") | {"user_id": "ann", "method": "mobile"}
    audits = frame(
        AUDITS,
        [record | {"at": "2026-03-01T00:00:00Z", "by": "helpdesk"}, record | {"at": "2026-02-01T00:00:00Z", "by": "x"}],
    )
    data = quality.last_changed(details, audits)
    assert list(data["changed_at"]) == ["2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert list(data["changed_by"]) == ["helpdesk", ""]


def test_what_leaves_in_a_file_is_masked() -> None:
    data = quality.masked(
        frame(DETAILS, [detail("ann", "mobile", "+31 612345678"), detail("ann", "email", "ann@b.org")])
    )
    assert list(data["value"]) == ["+31 ******678", "a**@b.org"]


def test_counts() -> None:
    assert quality.counts(pd.DataFrame({"finding": ["a", "b", "a"]})) == {"a": 2, "b": 1}
