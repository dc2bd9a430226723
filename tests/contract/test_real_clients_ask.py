"""What real clients ask, and how they write it: names in any case, documented queries, counts, beta."""

import pytest

EVENTUAL = {"ConsistencyLevel": "eventual"}
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
DETAILS = "/reports/authenticationMethods/userRegistrationDetails"


def phones(door, name):
    return f"/users/{door.user(name)}/authentication/phoneMethods"


def beta(door, method, path, **more):
    return door.call(method, f"{door.root}/beta{path}", **more)


def rows(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def granted(door, *permissions):
    """A token with these permissions as well."""
    assert door.world is not None
    known = door.world.login.registration.permissions
    return door.world.login.issue_token(permissions=[*known, *permissions])


# -- how it is written


@pytest.mark.parametrize(
    "path", ["//users?$top=1", "//users//?$top=1", "/USERS?$TOP=1", "/users?top=1", "/users/?%24top=1"]
)
def test_slashes_and_names_of_options_in_any_spelling(door, path) -> None:
    assert len(rows(door.call("GET", f"{door.root}/v1.0{path}"))) == 1
    assert len(rows(door.call("GET", f"{door.root}/V1.0{path}"))) == 1


def test_a_batch_addresses_with_slashes_and_capitals_as_well(door) -> None:
    answers = door.batch(
        {"id": "1", "method": "GET", "url": "//Users?$Top=1&$Select=Id"},
        {"id": "2", "method": "GET", "url": "users?$top=1"},
    ).json()["responses"]
    assert [a["status"] for a in answers] == [200, 200]
    assert {tuple(a["body"]["value"][0]) for a in answers} & {("id",)}


@pytest.mark.parametrize(
    "query",
    [
        "$select=Id,DISPLAYNAME&$filter=DisplayName eq 'ben mobile'",
        "$filter=startsWith(displayname,'BEN MOB')&$select=id,displayName",
        "$Filter=USERTYPE EQ 'member' AND ACCOUNTENABLED eq TRUE&$select=id,displayname&$top=999",
        "$orderBy=DisplayName DESC&$top=999&$select=id,displayName",
    ],
)
def test_names_of_properties_in_any_case_and_answers_as_graph_writes_them(door, query) -> None:
    found = rows(door.call("GET", f"/users?{query}"))
    assert set(found[0]) == {"id", "displayName"}
    assert "Ben Mobile" in {row["displayName"] for row in found}


@pytest.mark.parametrize(
    "body",
    [
        {"PhoneNumber": "+31 612345678", "PHONETYPE": "Mobile"},
        {
            "phoneNumber": "+31 612345678",
            "phoneType": "MOBILE",
            "@odata.type": "microsoft.graph.phoneAuthenticationMethod",
        },
        {
            "phoneNumber": "+31 612345678",
            "phoneType": "mobile",
            "@Odata.Type": "#Microsoft.Graph.PhoneAuthenticationMethod",
        },
    ],
)
def test_names_and_kinds_in_a_body_in_any_case(door, body) -> None:
    answer = door.call("POST", phones(door, "Ada Empty"), json=body)
    assert (answer.status_code, answer.json().get("phoneType")) == (201, "mobile")


def test_the_other_bodies_in_any_case(door) -> None:
    ben = f"/users/{door.user('Ben Mobile')}/authentication"
    assert door.call("POST", f"{ben}/emailMethods", json={"EmailAddress": "a@b.example"}).status_code == 201
    assert door.call("POST", f"{ben}/temporaryAccessPassMethods", json={"LifetimeInMinutes": 60}).status_code == 201
    preferred = {"UserPreferredMethodForSecondaryAuthentication": "VoiceMobile"}
    assert beta(door, "PATCH", f"{ben}/signInPreferences", json=preferred).status_code == 204
    assert beta(door, "PATCH", f"{ben}/requirements", json={"PerUserMfaState": "Enforced"}).status_code == 204
    assert beta(door, "GET", f"{ben}/requirements").json()["perUserMfaState"] == "enforced"
    sms = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/sms"
    changed = {"@odata.type": "microsoft.graph.SmsAuthenticationMethodConfiguration", "State": "Disabled"}
    assert door.call("PATCH", sms, json=changed).status_code == 204
    assert door.call("GET", sms).json()["state"] == "disabled"


@pytest.mark.parametrize("upn", ["Sean.O''Connor@contoso.example", "Sean.O%27%27Connor@contoso.example"])
def test_a_quote_in_a_key_is_written_twice(door, upn) -> None:
    hire = {"hire": [{"displayName": "Sean O'Connor", "userPrincipalName": "sean.o'connor@contoso.example"}]}
    assert door.call("POST", "/_demo/staff", json=hire).status_code == 200
    assert door.call("GET", f"/users('{upn}')").json()["displayName"] == "Sean O'Connor"


def test_metadata_is_left_out_when_none_is_wanted(door) -> None:
    header = {"Accept": "application/json;odata.metadata=none"}
    answer = door.call("GET", "/users?$top=1", headers=header)
    assert "odata.metadata=none" in answer.headers["content-type"]
    assert set(answer.json()) == {"@odata.nextLink", "value"}
    assert "@odata.context" in door.call("GET", "/users?$top=1&$format=json").json()
    asked = {"$format": "application/json;odata.metadata=none"}
    assert "@odata.context" not in door.call("GET", "/users?$top=1", params=asked, headers=header).json()
    full = [{"headers": {"Accept": f"application/json;{name}=full"}} for name in ("odata.metadata", "metadata")]
    for more in (*full, {"params": {"$format": "atom"}}, {"params": {"$format": "json;odata.metadata=full"}}):
        refused = door.call("GET", "/users", **more)
        assert (refused.status_code, refused.json()["error"]["code"]) == (501, "notImplemented")


# -- documented queries


@pytest.mark.parametrize(
    "query",
    [
        "startsWith(mobilePhone,'+31')",
        "officeLocation eq 'Amsterdam'",
        "startswith(officeLocation,'Ams')",
        "employeeType eq null",
        "proxyAddresses/any(p:p eq 'SMTP:ben.mobile@contoso.example')",
        "proxyAddresses/any(p:startsWith(p,'smtp:ben'))",
        "identities/any(c:c/issuerAssignedId eq 'ben.mobile@contoso.example' and c/issuer eq 'contoso.example')",
        "businessPhones/any(p:startsWith(p,'+'))",
        "otherMails/any(m:startsWith(m,'a'))",
        "createdDateTime ge 2020-01-01",
        "department in ('Sales','Legal')",
        "perUserMfaState eq 'disabled'",
        "onPremisesSyncEnabled eq true and userType eq 'Member'",
    ],
)
def test_documented_filters_of_users(door, query) -> None:
    assert rows(door.call("GET", "/users", params={"$filter": query, "$select": "id"}))


@pytest.mark.parametrize(
    "query",
    [
        "endsWith(mail,'@contoso.example')",
        "not(startsWith(displayName,'A'))",
        "accountEnabled ne true",
        "not businessPhones/any()",
        "assignedLicenses/$count eq 0",
        "mobilePhone ne null",
    ],
)
def test_documented_advanced_filters_of_users(door, query) -> None:
    asked = {"$filter": query, "$select": "id", "$count": "true"}
    assert rows(door.call("GET", "/users", params=asked, headers=EVENTUAL))
    assert door.call("GET", "/users", params=asked).status_code == 400


def test_users_in_the_order_of_their_creation(door) -> None:
    dates = [
        row["createdDateTime"]
        for row in rows(door.call("GET", "/users?$orderby=createdDateTime&$select=createdDateTime"))
    ]
    assert dates == sorted(dates)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '"displayName:shared" AND ("userPrincipalName:kim" OR "userPrincipalName:jack")',
            ["Jack Shared", "Kim Shared"],
        ),
        ('("displayName:ben" OR "displayName:ada") AND "displayName:mobile"', ["Ben Mobile"]),
        ('"DisplayName:ada empty"', ["Ada Empty"]),
    ],
)
def test_search_with_parentheses(door, text, found) -> None:
    answer = door.call("GET", "/users", params={"$search": text}, headers=EVENTUAL)
    assert sorted(row["displayName"] for row in rows(answer)) == found


def test_counting_without_the_header_is_passed_over(door) -> None:
    assert "@odata.count" not in door.call("GET", "/users?$count=true").json()
    door.assume(count_without_header="refused")
    assert door.call("GET", "/users?$count=true").status_code == 400


def test_groups_with_all_their_properties_and_filters(door) -> None:
    found = rows(door.call("GET", "/groups?$select=mail,visibility,groupTypes,mailNickname,createdDateTime"))
    assert set(found[0]) == {"mail", "visibility", "groupTypes", "mailNickname", "createdDateTime"}
    assert rows(door.call("GET", "/groups?$filter=groupTypes/any(c:c eq 'Unified')")) == []
    assert rows(door.call("GET", "/groups?$filter=startsWith(displayName,'sales') and securityEnabled eq true"))
    assert rows(door.call("GET", "/groups?$orderby=displayName&$top=2"))[0]["displayName"] == "All staff"
    assert rows(door.call("GET", '/groups?$search="displayName:break"', headers=EVENTUAL))
    assert door.call("GET", "/groups?$select=nonsense").status_code == 400


@pytest.mark.parametrize("query", ["userPreferredMethodForSecondaryAuthentication eq 'push'", "userType eq 'guest'"])
def test_the_report_is_filtered_by_the_preferred_method_and_the_kind_of_user(door, query) -> None:
    assert rows(door.call("GET", DETAILS, params={"$filter": query}))


@pytest.mark.parametrize(("moment", "many"), [("2020-01-01", 2), ("2999-01-01", 0)])
def test_audit_records_since_a_date(door, moment, many) -> None:
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    assert door.call("POST", phones(door, "Ada Empty"), json=body).status_code == 201
    asked = {"$filter": f"activityDateTime ge {moment}"}
    assert len(rows(door.call("GET", "/auditLogs/directoryAudits", params=asked))) == many


# -- counts, and words that are nobody's key


@pytest.mark.parametrize(
    "path",
    ["/groups", "/users", "/groups/{group}/members", "/groups/{group}/transitiveMembers", "/users/{ben}/memberOf"],
)
def test_collections_of_the_directory_are_counted(inside, path) -> None:
    group = next(g["id"] for g in rows(inside.call("GET", "/groups")) if g["displayName"] == "All staff")
    path = path.format(group=group, ben=inside.user("Ben Mobile"))
    counted = inside.call("GET", f"{path}/$count", headers=EVENTUAL)
    assert counted.headers["content-type"].startswith("text/plain")
    assert int(counted.text) == len(rows(inside.call("GET", f"{path}?$top=999")))
    assert inside.call("GET", f"{path}/$count").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/groups/delta", "/groups/delta()", "/users/getByIds", "/users/{ben}/authentication/phoneMethods/$count",
     "/groups/$ref", "/directory/administrativeUnits", "/directory/deletedItems",
     "/identityGovernance/privilegedAccess/group/assignmentSchedules"],
)  # fmt: skip
def test_what_is_not_here_is_named(inside, path) -> None:
    path = path.format(ben=inside.user("Ben Mobile"))
    answer = inside.call("GET", path)
    assert answer.status_code == 501
    assert path.removesuffix("()") in answer.json()["error"]["message"]


# -- the directory


def test_roles_have_members_and_members_have_roles(inside) -> None:
    roles = {row["displayName"]: row for row in rows(inside.call("GET", "/directoryRoles"))}
    admin = roles["Global Administrator"]
    for path in (f"/directoryRoles/{admin['id']}", f"/directoryRoles(roleTemplateId='{admin['roleTemplateId']}')"):
        assert inside.call("GET", path).json()["displayName"] == "Global Administrator"
        members = rows(inside.call("GET", f"{path}/members?$select=id,displayName"))
        assert [m["displayName"] for m in members] == ["Hugo Admin"]
    hugo = inside.user("Hugo Admin")
    seen = {row["@odata.type"] for row in rows(inside.call("GET", f"/users/{hugo}/memberOf"))}
    assert seen == {"#microsoft.graph.directoryRole", "#microsoft.graph.group"}
    deep = {row["displayName"] for row in rows(inside.call("GET", f"/users/{hugo}/transitiveMemberOf"))}
    assert {"Global Administrator", "All staff"} <= deep
    ids = rows(inside.call("POST", f"/users/{hugo}/getMemberGroups", json={"securityEnabledOnly": True}))
    groups = rows(
        inside.call("GET", f"/users/{hugo}/transitiveMemberOf/microsoft.graph.group?$count=true", headers=EVENTUAL)
    )
    assert set(ids) == {group["id"] for group in groups}
    asked = {"groupIds": [ids[0], "00000000-0000-0000-0000-000000000000"]}
    assert rows(inside.call("POST", f"/users/{hugo}/checkMemberGroups", json=asked)) == ids[:1]
    definition = inside.call("GET", f"/roleManagement/directory/roleDefinitions/{admin['id']}").json()
    assert definition["displayName"] == "Global Administrator"
    known = rows(inside.call("GET", "/roleManagement/directory/roleDefinitions?$filter=displayName eq 'Global Reader'"))
    assert len(known) == 1


def test_a_profile_is_changed(inside) -> None:
    token, ada = granted(inside, "User.ReadWrite.All"), inside.user("Ada Empty")
    body = {"MobilePhone": "+31 612345000", "jobTitle": "Buyer", "businessPhones": ["+31 20 7940001"]}
    assert inside.call("PATCH", f"/users/{ada}", token, json=body).status_code == 204
    row = inside.call("GET", f"/users/{ada}?$select=mobilePhone,jobTitle,businessPhones").json()
    assert (row["mobilePhone"], row["jobTitle"], row["businessPhones"]) == (
        "+31 612345000",
        "Buyer",
        ["+31 20 7940001"],
    )
    for wrong in ({"nonsense": 1}, {"businessPhones": ["1", "2"]}, {"accountEnabled": "yes"}, {"displayName": None}):
        assert inside.call("PATCH", f"/users/{ada}", token, json=wrong).status_code == 400
    assert inside.call("PATCH", f"/users/{ada}", token, json={"passwordProfile": {}}).status_code == 501
    otto = inside.user("Otto Synced")
    assert inside.call("PATCH", f"/users/{otto}", token, json={"mobilePhone": None}).status_code == 400
    assert inside.call("PATCH", f"/users/{ada}", json=body).status_code == 403
    narrow = granted(inside, "User-Phone.ReadWrite.All")
    assert inside.call("PATCH", f"/users/{ada}", narrow, json={"mobilePhone": None}).status_code == 204
    assert inside.call("PATCH", f"/users/{ada}", narrow, json={"jobTitle": "x"}).status_code == 403


def test_sessions_are_revoked(inside) -> None:
    ada = inside.user("Ada Empty")
    path = f"/users/{ada}/revokeSignInSessions"
    narrow = inside.world.login.issue_token(permissions=["User.Read.All"])
    assert inside.call("POST", path, narrow).status_code == 403
    answer = inside.call("POST", path, granted(inside, "User.RevokeSessions.All"))
    assert (answer.status_code, answer.json()["value"]) == (200, True)
    assert inside.call("GET", f"/users/{ada}?$select=signInSessionsValidFromDateTime").json()[
        "signInSessionsValidFromDateTime"
    ]


def test_sign_in_activity_needs_its_permission_its_licence_and_smaller_pages(inside) -> None:
    path = "/users?$select=displayName,signInActivity"
    found = rows(inside.call("GET", f"{path}&$top=500"))
    assert any("signInActivity" in row for row in found)
    assert not all("signInActivity" in row for row in found)
    assert inside.call("GET", f"{path}&$top=999").status_code == 400
    old = rows(inside.call("GET", "/users?$filter=signInActivity/lastSignInDateTime le 2026-01-01T00:00:00Z&$top=500"))
    assert 0 < len(old) < 150
    without = inside.world.login.issue_token(permissions=["User.Read.All"])
    assert inside.call("GET", path, without).status_code == 403
    inside.call("PUT", "/_demo/weather", json={"licence": "none"})
    assert inside.call("GET", path).status_code == 403


def test_managers_are_expanded(inside) -> None:
    found = rows(inside.call("GET", "/users?$expand=manager($select=id,displayName)&$select=id,department&$top=999"))
    with_one = [row for row in found if "manager" in row]
    assert with_one
    assert len(with_one) < len(found)
    row = with_one[0]
    assert set(row["manager"]) == {"@odata.type", "id", "displayName"}
    assert inside.call("GET", f"/users/{row['id']}/manager").json()["id"] == row["manager"]["id"]
    reports = rows(inside.call("GET", f"/users/{row['manager']['id']}/directReports?$select=id&$top=999"))
    assert row["id"] in {each["id"] for each in reports}
    assert "manager" in inside.call("GET", f"/users/{row['id']}?$expand=Manager").json()


def test_the_organization_and_its_domains(inside) -> None:
    tenant = rows(inside.call("GET", "/organization"))[0]["id"]
    assert inside.call("GET", f"/organization/{tenant}?$select=id,displayName").json()["id"] == tenant
    assert inside.call("GET", "/organization/nobody").status_code == 404
    token = granted(inside, "Domain.Read.All")
    assert [row["id"] for row in rows(inside.call("GET", "/domains", token))] == ["contoso.example", "fabrikam.example"]
    assert inside.call("GET", "/domains/contoso.example", token).json()["isDefault"] is True
    assert inside.call("GET", "/domains").status_code == 403


# -- beta


@pytest.mark.parametrize(
    "path",
    ["/users?$top=1", "/groups", "/users/{ben}/authentication/methods", "/users/{ben}/authentication/phoneMethods",
     DETAILS, "/policies/authenticationMethodsPolicy", "/auditLogs/directoryAudits",
     "/roleManagement/directory/roleAssignments",
     "/users/{ben}/authentication", "/organization", "/directoryRoles", "/subscribedSkus"],
)  # fmt: skip
def test_beta_serves_what_v1_serves(inside, path) -> None:
    answer = beta(inside, "GET", path.format(ben=inside.user("Ben Mobile")))
    assert answer.status_code == 200, answer.text
    assert answer.json()["@odata.context"].startswith(f"{inside.root}/beta/")


def test_beta_says_more_of_users_methods_and_reports(inside) -> None:
    ben = inside.user("Ben Mobile")
    assert "accountEnabled" in beta(inside, "GET", f"/users/{ben}").json()
    assert "accountEnabled" not in inside.call("GET", f"/users/{ben}").json()
    assert beta(inside, "GET", f"{DETAILS}/{ben}").json()["defaultMfaMethod"] == "mobilePhone"
    assert "lastUsedDateTime" in rows(beta(inside, "GET", f"/users/{ben}/authentication/methods"))[0]
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    path = f"/users/{inside.user('Ada Empty')}/authentication/phoneMethods"
    assert beta(inside, "POST", path, json=body).status_code == 201


def test_opting_out_of_the_passkey_migration_is_beta_only(inside) -> None:
    policy = "/policies/authenticationMethodsPolicy"
    assert "optOutSettings" not in inside.call("GET", policy).json()
    assert beta(inside, "GET", f"{policy}?$select=optOutSettings").json()["optOutSettings"] == {
        "passkeyDynamicMigration": False
    }
    body = {"optOutSettings": {"passkeyDynamicMigration": True}}
    assert inside.call("PATCH", policy, json=body).status_code == 400
    assert beta(inside, "PATCH", policy, json=body).status_code in (200, 204)
    told = beta(inside, "GET", f"{policy}?$select=optOutSettings").json()
    assert told["optOutSettings"] == {"passkeyDynamicMigration": True}
    campaign = {"includeTargets": [{"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "fido2"}]}
    wanted = {"registrationEnforcement": {"authenticationMethodsRegistrationCampaign": campaign}}
    assert inside.call("PATCH", policy, json=wanted).status_code == 400
    assert beta(inside, "PATCH", policy, json=wanted).status_code == 200
