"""Sign-ins of beta: with the method, filtered by time, for who may read them."""

from __future__ import annotations

import pytest

BETA = "/beta/auditLogs/signIns"


def beta(door, query="", token=None):
    return door.call("GET", f"{door.root}{BETA}{query}", token)


def test_sign_ins_of_beta_tell_the_method_and_mask_the_number(inside) -> None:
    rows = beta(inside, "?$top=200").json()["value"]
    assert rows
    assert [row["createdDateTime"] for row in rows] == sorted((row["createdDateTime"] for row in rows), reverse=True)
    texts = [row for row in rows if row["mfaDetail"]["authMethod"] == "Text message"]
    assert {row["mfaDetail"]["authDetail"] for row in texts} == {"+XX XXXXXXX11"}
    assert all(row["authenticationDetails"][1]["succeeded"] for row in rows)


def test_sign_ins_are_filtered_by_time_and_paged(inside) -> None:
    everything = beta(inside, "?$top=1000").json()["value"]
    middle = everything[len(everything) // 2]["createdDateTime"]
    late = beta(inside, f"?$filter=createdDateTime ge {middle}&$top=1000").json()["value"]
    assert [row["id"] for row in late] == [row["id"] for row in everything if row["createdDateTime"] >= middle]
    page = beta(inside, "?$top=5").json()
    assert len(page["value"]) == 5
    assert "signIns" in page["@odata.nextLink"]


@pytest.mark.parametrize("query", ["?$top=1001", "?$filter=appDisplayName eq 'x'", "?$search=x"])
def test_a_query_that_is_none_is_refused(inside, query) -> None:
    assert beta(inside, query).status_code in (400, 501)


def test_sign_ins_need_a_licence(inside) -> None:
    inside.assume(tenant_licence="free")
    try:
        answer = beta(inside)
    finally:
        inside.assume(tenant_licence="premium")
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    )
