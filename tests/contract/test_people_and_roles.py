"""Groups, roles, licences, delta: who somebody is; and what happens to people while time goes by."""

import pytest

EVENTUAL = {"ConsistencyLevel": "eventual"}


def rows(door, path: str, **options) -> list[dict]:
    found, url = [], path
    while url:
        answer = door.call("GET", url.replace(f"{door.root}/v1.0", ""), **options)
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        url = answer.json().get("@odata.nextLink", "")
    return found


def group(door, name: str) -> str:
    return str(rows(door, f"/groups?$filter=displayName eq '{name}'")[0]["id"])


def test_nested_groups_are_seen_only_by_transitive_members(door) -> None:
    everybody = group(door, "All staff")
    direct = rows(door, f"/groups/{everybody}/members")
    assert {row["@odata.type"] for row in direct} == {"#microsoft.graph.group"}
    deep = rows(door, f"/groups/{everybody}/transitiveMembers?$top=50")
    people = {row["id"] for row in deep if row["@odata.type"] == "#microsoft.graph.user"}
    assert len(people) > 100
    cast = f"/groups/{everybody}/transitiveMembers/microsoft.graph.user?$count=true&$top=50&$select=id"
    assert {row["id"] for row in rows(door, cast, headers=EVENTUAL)} == people


def test_the_cast_needs_the_header_on_every_page(door) -> None:
    cast = f"/groups/{group(door, 'All staff')}/transitiveMembers/microsoft.graph.user"
    assert door.call("GET", f"{cast}?$count=true").status_code == 400
    assert door.call("GET", cast, headers=EVENTUAL).status_code == 400
    first = door.call("GET", f"{cast}?$count=true&$top=5", headers=EVENTUAL).json()
    following = first["@odata.nextLink"].replace(f"{door.root}/v1.0", "")
    assert first["@odata.count"] > 100
    assert door.call("GET", following).status_code == 400
    assert "@odata.count" not in door.call("GET", following, headers=EVENTUAL).json()


def test_an_unknown_group_is_404(door) -> None:
    answer = door.call("GET", "/groups/00000000-0000-0000-0000-000000000000/members")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "Request_ResourceNotFound")


def test_roles_are_held_directly_through_a_group_and_by_eligibility(door) -> None:
    state = door.state()
    active = rows(door, "/roleManagement/directory/roleAssignments?$expand=principal")
    kinds = {row["principalId"]: row["principal"]["@odata.type"] for row in active}
    assert kinds[state["Hugo Admin"]["id"]] == "#microsoft.graph.user"
    assert kinds[group(door, "Helpdesk operators")] == "#microsoft.graph.group"
    assert state["Elin Eligible"]["id"] not in kinds
    eligible = rows(door, "/roleManagement/directory/roleEligibilityScheduleInstances")
    assert [row["principalId"] for row in eligible] == [state["Elin Eligible"]["id"]]
    truth = door.call("GET", "/_demo/state").json()["users"]
    admins = {user["id"] for user in truth if user["admin"] and not user["deleted"]}
    operators = {row["id"] for row in rows(door, f"/groups/{group(door, 'Helpdesk operators')}/members")}
    assert admins == {key for key in kinds if "user" in kinds[key]} | operators


def test_assumes_the_report_shows_active_admins_only(door) -> None:
    def admins() -> set[str]:
        found = rows(door, "/reports/authenticationMethods/userRegistrationDetails?$filter=isAdmin eq true")
        return {row["userDisplayName"] for row in found}

    assert "Elin Eligible" not in admins()
    door.assume(report_admin="active-or-eligible")
    door.call("POST", "/_demo/reset")
    assert "Elin Eligible" in admins()


def test_licences_of_a_user_and_of_the_tenant(door) -> None:
    (licence,) = rows(door, f"/users/{door.user('Ben Mobile')}/licenseDetails")
    assert licence["servicePlans"][0]["servicePlanName"] == "AAD_PREMIUM"
    assert licence["skuPartNumber"] in {sku["skuPartNumber"] for sku in rows(door, "/subscribedSkus")}


def test_licences_of_the_tenant_need_their_own_permission(inside_door, world) -> None:
    refused = inside_door.call("GET", "/subscribedSkus", world.login.issue_token(permissions=["User.Read.All"]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("licence", "plans"), [("none", []), ("P1", ["AAD_PREMIUM"]), ("P2", ["AAD_PREMIUM", "AAD_PREMIUM_P2"])]
)
def test_the_tenant_has_the_licence_it_is_told(door, licence, plans) -> None:
    granted = door.call("GET", "/_demo/sign-in").json()["granted"]
    door.call("PUT", "/_demo/sign-in", json={"granted": [*granted, "LicenseAssignment.Read.All"]})
    door.call("PUT", "/_demo/weather", json={"licence": licence})
    try:
        skus = door.call("GET", "/subscribedSkus", token=fresh_token(door)).json()["value"]
    finally:
        door.call("PUT", "/_demo/sign-in", json={"granted": granted})
    assert [plan["servicePlanName"] for sku in skus for plan in sku["servicePlans"]] == plans
    assert door.call("PUT", "/_demo/weather", json={"licence": "P3"}).status_code == 400


def test_assumes_the_report_is_refused_without_premium(door) -> None:
    door.call("PUT", "/_demo/weather", json={"licence": "none"})
    refused = door.call("GET", "/reports/authenticationMethods/userRegistrationDetails?$top=1")
    assert (refused.status_code, refused.json()["error"]["code"].rpartition("_")[2]) == (
        403,
        "RequestFromNonPremiumTenantOrB2CTenant",
    )
    door.assume(report_without_premium="answered")
    assert door.call("GET", "/reports/authenticationMethods/userRegistrationDetails?$top=1").status_code == 200


def fresh_token(door) -> str:
    """A token that knows of permissions granted since."""
    from azure.identity import CertificateCredential

    from tests.contract.conftest import credential

    if door.world is not None:
        return door.world.login.issue_token()
    return credential(door.profile, CertificateCredential).get_token(f"{door.root}/.default").token


def test_delta_tells_who_came_went_and_moved(door) -> None:
    def follow(url: str) -> tuple[list[dict], str]:
        found = []
        while True:
            page = door.call("GET", url.replace(f"{door.root}/v1.0", "")).json()
            found += page["value"]
            if "@odata.deltaLink" in page:
                return found, page["@odata.deltaLink"]
            url = page["@odata.nextLink"]

    everybody, link = follow("/users/delta?$select=id,displayName,department")
    assert len(everybody) == 150
    assert follow(link)[0] == []
    life = {"hire": [{"displayName": "Nele Nieuw", "department": "Sales"}], "leave": ["jack.shared@contoso.example"]}
    life["change"] = {"ben.mobile@contoso.example": {"department": "Legal", "mobilePhone": "+31 612340099"}}
    gone = door.user("Jack Shared")
    assert door.call("POST", "/_demo/staff", json=life).status_code == 200
    changed, link = follow(link)
    assert {row.get("displayName"): row.get("department") for row in changed if "@removed" not in row} == {
        "Nele Nieuw": "Sales",
        "Ben Mobile": "Legal",
    }
    assert [row["id"] for row in changed if "@removed" in row] == [gone]
    assert follow(link)[0] == []


def test_a_delta_link_of_another_life_is_410(door) -> None:
    answer = door.call("GET", "/users/delta?$deltatoken=1-2.3")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "syncStateNotFound")


def test_who_left_is_not_found_and_who_joined_is(door) -> None:
    door.call("POST", "/_demo/staff", json={"leave": ["ben.mobile@contoso.example"]})
    assert door.call("GET", "/users/ben.mobile@contoso.example").status_code == 404
    made = door.call("POST", "/_demo/staff", json={"hire": [{"displayName": "Nele Nieuw"}]}).json()["hired"][0]
    methods = rows(door, f"/users/{made['id']}/authentication/methods")
    assert [row["@odata.type"] for row in methods] == ["#microsoft.graph.passwordAuthenticationMethod"]
    assert door.call("GET", f"/users/{made['userPrincipalName']}").json()["displayName"] == "Nele Nieuw"


@pytest.mark.parametrize(
    "wrong",
    [{"hire": [{}]}, {"leave": ["nobody@x"]}, {"fire": []}, {"change": {"ben.mobile@contoso.example": {"x": 1}}}],
)
def test_a_life_that_makes_no_sense_is_refused(door, wrong) -> None:
    assert door.call("POST", "/_demo/staff", json=wrong).status_code == 400
