"""What may be asked of collections besides reading them whole: search, delta, selection, expansion, times."""

import pytest

EVENTUAL = {"ConsistencyLevel": "eventual"}
ROLES = "/roleManagement/directory/roleAssignments"
AUDITS = "/auditLogs/directoryAudits"


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["displayName"] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"displayName:shared"', ["Jack Shared", "Kim Shared"]),
        ('"displayName:shared ki"', ["Kim Shared"]),
        ('"userPrincipalName:ben.mobile" OR "displayName:hugo adm"', ["Ben Mobile", "Hugo Admin"]),
        ('"displayName:shared" AND "userPrincipalName:jack"', ["Jack Shared"]),
        ('"displayName:hared"', []),
    ],
)
def test_search_needs_the_header_on_every_page(door, text, found) -> None:
    query = {"$search": text, "$select": "displayName", "$top": "1"}
    assert door.call("GET", "/users", params=query).status_code == 400
    page = door.call("GET", "/users", params=query, headers=EVENTUAL)
    seen = names(page)
    while link := page.json().get("@odata.nextLink"):
        assert door.call("GET", link).status_code == 400
        page = door.call("GET", link, headers=EVENTUAL)
        seen += names(page)
    assert sorted(seen) == found


@pytest.mark.parametrize("text", ["ben", '"ben"', '"mood:Ams"', '"displayName:"', '"displayName:a" AND'])
def test_a_search_that_is_none_is_refused(door, text) -> None:
    assert door.call("GET", "/users", params={"$search": text}, headers=EVENTUAL).status_code == 400


def test_delta_from_now_on_and_of_some_people(door) -> None:
    begun = door.call("GET", "/users/delta", params={"$deltatoken": "latest"}).json()
    assert begun["value"] == []
    ben = door.user("Ben Mobile")
    some = door.call("GET", "/users/delta", params={"$filter": f"id eq '{ben}'", "$select": "displayName"}).json()
    assert [row["displayName"] for row in some["value"]] == ["Ben Mobile"]
    upns = [door.state()[name]["userPrincipalName"] for name in ("Ben Mobile", "Ada Empty")]
    moved = {upn: {"department": "Legal"} for upn in upns}
    assert door.call("POST", "/_demo/staff", json={"change": moved}).status_code == 200
    since = door.call("GET", begun["@odata.deltaLink"])
    assert sorted(names(since)) == ["Ada Empty", "Ben Mobile"]
    assert names(door.call("GET", some["@odata.deltaLink"])) == ["Ben Mobile"]


def staff(door, **life) -> None:
    assert door.call("POST", "/_demo/staff", json=life).status_code == 200


def test_delta_tells_next_time_what_changed_while_pages_were_read(door) -> None:
    page = door.call("GET", "/users/delta?$select=displayName,department&$top=60").json()
    seen = [row["id"] for row in page["value"]]
    first = next(u for u in door.state().values() if u["id"] == seen[0])
    gone = next(u for u in door.state().values() if u["id"] == seen[1])
    staff(door, change={first["userPrincipalName"]: {"department": "Legal"}}, leave=[gone["userPrincipalName"]])
    staff(door, hire=[{"displayName": "Nele Nieuw"}])
    while "@odata.nextLink" in page:
        page = door.call("GET", page["@odata.nextLink"]).json()
        seen += [row["id"] for row in page["value"]]
    assert len(seen) == len(set(seen)) == 150
    since = door.call("GET", page["@odata.deltaLink"]).json()["value"]
    told = {row["id"]: row.get("department", row.get("@removed")) for row in since}
    assert told.pop(first["id"]) == "Legal"
    assert told.pop(gone["id"]) == {"reason": "changed"}
    assert len(told) == 1


def test_delta_tells_only_what_changed_when_it_is_asked_to(door) -> None:
    link = door.call("GET", "/users/delta?$deltatoken=latest").json()["@odata.deltaLink"]
    ben = door.state()["Ben Mobile"]
    staff(door, change={ben["userPrincipalName"]: {"jobTitle": "Buyer"}}, hire=[{"displayName": "Nele Nieuw"}])
    whole = {row["id"]: row for row in door.call("GET", link).json()["value"]}
    told = {row["id"]: row for row in door.call("GET", link, headers={"Prefer": "return=minimal"}).json()["value"]}
    assert whole[ben["id"]]["displayName"] == "Ben Mobile"
    assert told.pop(ben["id"]) == {"id": ben["id"], "jobTitle": "Buyer"}
    assert [row["displayName"] for row in told.values()] == ["Nele Nieuw"]


def test_delta_names_fifty_people_at_most_and_by_id_only(door) -> None:
    ids = [u["id"] for u in door.state().values() if not u["deleted"]]

    def asked(filter_: str) -> int:
        return door.call("GET", "/users/delta", params={"$filter": filter_, "$select": "id"}).status_code

    assert asked(" or ".join(f"id eq '{i}'" for i in ids[:50])) == 200
    assert asked(" or ".join(f"id eq '{i}'" for i in ids[:51])) == 400
    assert asked("displayName eq 'Ben Mobile'") == 400
    assert asked(f"id eq '{ids[0]}' and accountEnabled eq true") == 400


@pytest.mark.parametrize("token", ["abc", "1.2", "20260101-1.x", ""])
def test_a_delta_token_that_is_none_is_410(door, token) -> None:
    assert door.call("GET", f"/users/delta?$deltatoken={token}").status_code == 410


def test_a_delta_link_from_before_a_reset_is_410(door) -> None:
    link = door.call("GET", "/users/delta?$deltatoken=latest").json()["@odata.deltaLink"]
    door.call("POST", "/_demo/reset")
    assert door.call("GET", link).status_code == 410


def test_every_property_of_a_user_can_be_selected(door) -> None:
    # What the metadata has beyond the population: empty, or for one user at a time only.
    names = "identityParentId,isManagementRestricted,licenseAssignmentStates,provisionedPlans,customSecurityAttributes"
    (row,) = door.call("GET", f"/users?$top=1&$select={names}").json()["value"]
    assert (row["identityParentId"], row["provisionedPlans"]) == (None, [])
    assert door.call("GET", "/users?$select=deviceEnrollmentLimit").status_code == 501


def test_a_query_without_options_is_none(door) -> None:
    path = f"/users/{door.user('Ben Mobile')}/authentication/phoneMethods"
    assert len(door.call("GET", f"{door.root}/v1.0{path}?&").json()["value"]) == 1


def test_a_filter_that_counts_is_an_advanced_query(door) -> None:
    path = "/users?$filter=assignedLicenses/$count ne 0&$count=true&$top=999"
    counted = door.call("GET", path, headers=EVENTUAL).json()["value"]
    assert 0 < len(counted) < 150
    assert door.call("GET", path).status_code == 400


def test_a_filter_by_what_is_a_property_and_cannot_be_filtered_here_is_named_as_missing(door) -> None:
    answer = door.call("GET", "/users?$filter=passwordProfile eq 'x'")
    assert answer.status_code == 501
    assert "passwordProfile" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/%24batch", "/$batch/"])
def test_a_batch_is_known_in_every_spelling(door, path) -> None:
    body = {"requests": [{"id": "1", "method": "GET", "url": "/users?$top=1"}]}
    assert door.call("POST", f"{door.root}/v1.0{path}", json=body).status_code == 200


def test_assignments_are_selected_and_expanded(door) -> None:
    (row,) = door.call("GET", ROLES, params={"$select": "principalId", "$top": "1"}).json()["value"]
    assert set(row) == {"principalId"}
    (row,) = door.call("GET", ROLES, params={"$expand": "roleDefinition", "$top": "1"}).json()["value"]
    assert row["roleDefinition"]["id"] == row["roleDefinitionId"]
    assert door.call("GET", ROLES, params={"$select": "nonsense"}).status_code == 400


def test_a_member_that_is_a_group_is_selected_as_well(door) -> None:
    groups = {g["displayName"]: g["id"] for g in door.call("GET", "/groups").json()["value"]}
    rows = door.call("GET", f"/groups/{groups['All staff']}/members?$select=id").json()["value"]
    assert all(set(row) == {"@odata.type", "id"} for row in rows)


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0000000Z", "2026-01-01T02:00:00+02:00"]
)
def test_audit_records_are_found_by_time_in_any_spelling_and_one_by_one(door, moment) -> None:
    path = f"/users/{door.user('Ada Empty')}/authentication/phoneMethods"
    assert door.call("POST", path, json={"phoneNumber": "+31 612345678", "phoneType": "mobile"}).status_code == 201
    rows = door.call("GET", AUDITS, params={"$filter": f"activityDateTime ge {moment}"}).json()["value"]
    assert len(rows) == 2
    assert door.call("GET", AUDITS, params={"$filter": f"activityDateTime le {moment}"}).json()["value"] == []
    oldest = door.call("GET", AUDITS, params={"$orderby": "activityDateTime asc"}).json()["value"]
    assert [row["id"] for row in oldest] == [row["id"] for row in rows[::-1]]
    assert door.call("GET", f"{AUDITS}/{rows[0]['id']}").json()["id"] == rows[0]["id"]
    assert door.call("GET", f"{AUDITS}/nobody").status_code == 404


def test_batch_takes_null_for_left_out_and_an_address_within_a_query(door) -> None:
    ben = door.user("Ben Mobile")
    first = {"id": "1", "method": "get", "url": f"/users/{ben}?$select=id", "headers": None, "body": None}
    second = {"id": "2", "method": "GET", "url": "/users?$filter=displayName eq 'https://x'&$select=id"}
    answers = {a["id"]: a for a in door.batch(first, second).json()["responses"]}
    assert (answers["1"]["body"]["id"], answers["2"]["body"]["value"]) == (ben, [])
    for url in ("https://other.test/users", f"{door.root}/v1.0/users"):
        assert door.batch({"id": "1", "method": "GET", "url": url}).status_code == 400


def test_a_batch_in_a_batch_is_not_there(door) -> None:
    headers = {"Content-Type": "application/json"}
    (inner,) = door.batch({"id": "1", "method": "POST", "url": "/$batch", "headers": headers, "body": {}}).json()[
        "responses"
    ]
    assert inner["status"] == 501


def test_one_failure_fails_the_rest_of_a_sequence(door) -> None:
    ask = {"method": "GET", "url": "/users?$top=1"}
    broken = {"id": "a", "method": "GET", "url": "/users/nobody@x.example"}
    answers = door.batch(broken, {**ask, "id": "b", "dependsOn": ["A"]}, {**ask, "id": "c", "dependsOn": ["b"]}).json()
    assert {a["id"]: a["status"] for a in answers["responses"]} == {"a": 404, "b": 424, "c": 424}


def test_unconfirmed_a_tenant_without_licence_has_no_report(door) -> None:
    door.assume(tenant_licence="free")
    answer = door.call("GET", "/reports/authenticationMethods/userRegistrationDetails")
    code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_unconfirmed_counts_may_be_refused_to_an_application(door) -> None:
    where = "/reports/authenticationMethods/usersRegisteredByMethod(includedUserTypes='all',includedUserRoles='all')"
    assert door.call("GET", where).status_code == 200
    door.assume(registered_by_application="refused")
    assert door.call("GET", where).status_code == 403
