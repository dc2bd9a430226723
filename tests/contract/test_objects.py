"""Objects of the directory whatever their type: by id, cast, filtered, expanded; and Conditional Access.

Sources: directoryobject-get, -getbyids, -checkmemberobjects; group-list-members, user-list-memberof;
aad-advanced-queries; conditionalaccessroot-list-policies, identitysecuritydefaultsenforcementpolicy-get.
"""

from dataclasses import replace

import pytest

from authops.demo.world.roles import ROLES

EVENTUAL = {"ConsistencyLevel": "eventual"}
ADMIN = ROLES["Global Administrator"]
POLICIES = "/identity/conditionalAccess/policies"


@pytest.fixture
def door(inside):
    """A tenant whose application may read what is asked here."""
    granted = inside.call("GET", "/_demo/sign-in").json()["granted"]
    grant(inside, [*granted, "Directory.Read.All", "Policy.Read.All"])
    yield replace(inside, token=inside.world.login.issue_token())
    grant(inside, granted)


def grant(door, names):
    assert door.call("PUT", "/_demo/sign-in", json={"granted": names}).status_code == 200


def group(door, name) -> str:
    rows = door.call("GET", "/groups", params={"$filter": f"displayName eq '{name}'"}).json()["value"]
    return rows[0]["id"]


def found(door, path, **query):
    answer = door.call("GET", path, params={"$count": "true", **query}, headers=EVENTUAL)
    assert answer.status_code == 200, answer.text
    return [row["displayName"] for row in answer.json()["value"]]


def test_an_object_is_found_by_its_id_whatever_it_is(door) -> None:
    ids = [door.user("Hugo Admin"), group(door, "Engineering"), ADMIN]
    types = [door.call("GET", f"/directoryObjects/{key}").json()["@odata.type"] for key in ids]
    assert types == [f"#microsoft.graph.{name}" for name in ("user", "group", "directoryRole")]
    assert door.call("GET", f"/directoryObjects/{door.root[-3:]}").json()["error"]["code"] == "Request_ResourceNotFound"
    asked = {"Ids": [*ids, ids[0], "11111111-1111-1111-1111-111111111111"], "types": ["user", "Group"]}
    rows = door.call("POST", "/directoryObjects/getByIds", json=asked).json()["value"]
    assert [row["id"] for row in rows] == ids[:2]
    everything = door.call("POST", "/directoryObjects/microsoft.graph.getByIds", json={"ids": ids}).json()["value"]
    assert len(everything) == 3
    for wrong in ({}, {"ids": []}, {"ids": "x"}, {"ids": ["x"] * 1001}):
        assert door.call("POST", "/directoryObjects/getByIds", json=wrong).status_code == 400


def test_objects_need_the_directorys_permission(inside_door) -> None:
    token = inside_door.world.login.issue_token(permissions=["User.Read.All"])
    assert inside_door.call("GET", f"/directoryObjects/{ADMIN}", token).status_code == 403


def test_members_are_cast_to_one_type_or_named_as_unknown(door) -> None:
    staff, hugo = group(door, "All staff"), door.user("Hugo Admin")
    groups = door.call("GET", f"/groups/{staff}/members/microsoft.graph.group").json()["value"]
    assert groups
    assert all("@odata.type" in row for row in groups)
    assert door.call("GET", f"/groups/{staff}/members/microsoft.graph.user").json()["value"] == []
    for nothing in ("device", "servicePrincipal", "orgContact"):
        assert door.call("GET", f"/groups/{staff}/members/graph.{nothing}").json()["value"] == []
    assert door.call("GET", f"/groups/{staff}/members/microsoft.graph.unicorn").status_code == 501
    assert door.call("GET", f"/groups/{staff}/transitiveMembers/microsoft.graph.user").status_code == 400
    roles = door.call("GET", f"/users/{hugo}/memberOf/microsoft.graph.directoryRole").json()["value"]
    assert [row["displayName"] for row in roles] == ["Global Administrator"]
    holders = door.call("GET", f"/directoryRoles(roleTemplateId='{ADMIN}')/members/microsoft.graph.user").json()[
        "value"
    ]
    assert "Hugo Admin" in [row["displayName"] for row in holders]


def test_members_are_filtered_searched_and_sorted_as_an_advanced_query(door) -> None:
    where = f"/groups/{group(door, 'Engineering')}/members"
    assert found(door, where, **{"$filter": "startswith(displayName,'Ben Mob')"}) == ["Ben Mobile"]
    cast = f"{where}/microsoft.graph.user"
    disabled = found(door, cast, **{"$filter": "accountEnabled eq false", "$orderby": "displayName desc"})
    assert "Ivy Disabled" in disabled
    assert disabled == sorted(disabled, reverse=True)
    assert found(door, where, **{"$search": '"displayName:shared"', "$orderby": "displayName"}) == [
        "Jack Shared", "Kim Shared",
    ]  # fmt: skip
    mine = f"/users/{door.user('Hugo Admin')}/transitiveMemberOf/microsoft.graph.group"
    assert "All staff" in found(door, mine, **{"$search": '"displayName:all"', "$select": "displayName,id"})
    for option in ({"$filter": "startswith(displayName,'B')"}, {"$search": '"displayName:b"'}):
        assert door.call("GET", where, params=option).status_code == 400
        assert door.call("GET", where, params=option, headers=EVENTUAL).status_code == 400
    by_what_users_have = {"$filter": "accountEnabled eq true", "$count": "true"}
    assert door.call("GET", where, params=by_what_users_have, headers=EVENTUAL).status_code == 501


def test_what_another_type_has_is_left_out_of_a_mixed_collection(door) -> None:
    where = f"/groups/{group(door, 'Engineering')}/members"
    rows = door.call("GET", where, params={"$select": "id,displayName,groupTypes,mail"}).json()["value"]
    assert {name for name in rows[0] if "@odata" not in name} == {"id", "displayName", "mail"}
    assert door.call("GET", where, params={"$select": "id,mood"}).status_code == 400


def test_members_are_expanded(door) -> None:
    roles = door.call("GET", "/directoryRoles", params={"$expand": "members($select=id,displayName)"}).json()["value"]
    admins = next(role for role in roles if role["id"] == ADMIN)["members"]
    assert {
        "@odata.type": "#microsoft.graph.user",
        "id": door.user("Hugo Admin"),
        "displayName": "Hugo Admin",
    } in admins
    one = door.call("GET", f"/directoryRoles/{ADMIN}?$expand=Members").json()
    assert len(one["members"]) == len(admins)
    query = {"$expand": "members", "$select": "displayName", "$filter": "displayName eq 'Engineering'"}
    (engineering,) = door.call("GET", "/groups", params=query).json()["value"]
    assert set(engineering) == {"displayName", "members"}
    assert 1 <= len(engineering["members"]) <= 20
    assert door.call("GET", f"/groups/{group(door, 'Engineering')}?$expand=owners").json()["owners"] == []
    for wrong in ("members($expand=memberOf)", "team", "members,owners"):
        assert door.call("GET", "/groups", params={"$expand": wrong}).status_code == 501


def test_groups_and_roles_named_are_checked(door) -> None:
    hugo, engineering = door.user("Hugo Admin"), group(door, "Engineering")
    asked = {"ids": [engineering, ADMIN, "11111111-1111-1111-1111-111111111111"]}
    found = door.call("POST", f"/users/{hugo}/checkMemberObjects", json=asked).json()["value"]
    assert sorted(found) == sorted([engineering, ADMIN])
    assert door.call("POST", f"/users/{hugo}/checkMemberObjects", json={"ids": []}).status_code == 400


def test_functions_and_actions_are_called_with_their_namespace_as_well(door) -> None:
    assert door.call("GET", "/users/microsoft.graph.delta?$deltatoken=latest").status_code == 200
    groups = f"/users/{door.user('Hugo Admin')}/microsoft.graph.getMemberGroups"
    assert door.call("POST", groups, json={"securityEnabledOnly": False}).json()["value"]


def test_several_properties_sort(door) -> None:
    query = {
        "$orderby": "displayName desc, userPrincipalName",
        "$select": "displayName,userPrincipalName",
        "$top": "999",
    }
    rows = door.call("GET", "/users", params=query).json()["value"]
    assert [row["displayName"].lower() for row in rows] == sorted(
        (row["displayName"].lower() for row in rows), reverse=True
    )
    assert door.call("GET", "/users", params={"$orderby": "department"}).status_code == 501
    assert door.call("GET", "/users", params={"$orderby": "mood"}).status_code == 400


def test_an_enumeration_may_be_written_with_its_type(door) -> None:
    phones = f"/users/{door.user('Cleo Both')}/authentication/phoneMethods"
    typed = {"$filter": "phoneType eq microsoft.graph.authenticationPhoneType'mobile'"}
    assert [row["phoneType"] for row in door.call("GET", phones, params=typed).json()["value"]] == ["mobile"]


def test_conditional_access_says_who_must_use_multifactor(door) -> None:
    rows = door.call("GET", POLICIES).json()["value"]
    everybody = next(row for row in rows if row["displayName"] == "Require multifactor authentication for all users")
    assert (everybody["state"], everybody["grantControls"]["builtInControls"]) == ("enabled", ["mfa"])
    users = everybody["conditions"]["users"]
    assert (users["includeUsers"], users["excludeGroups"]) == (["All"], [group(door, "Break glass")])
    assert door.call("GET", f"{POLICIES}/{everybody['id'].upper()}").json()["conditions"] == everybody["conditions"]
    assert {row["state"] for row in rows} == {"enabled", "disabled", "enabledForReportingButNotEnforced"}
    strength = next(s for row in rows if (s := row["grantControls"]["authenticationStrength"]))
    assert "fido2" in strength["allowedCombinations"]
    picked = door.call("GET", POLICIES, params={"$filter": "state eq 'disabled'", "$select": "id,state"}).json()[
        "value"
    ]
    assert [set(row) for row in picked] == [{"id", "state"}]
    assert door.call("GET", f"{door.root}/beta{POLICIES}").status_code == 200
    assert door.call("GET", f"{POLICIES}/{ADMIN}").status_code == 404
    defaults = door.call("GET", "/policies/identitySecurityDefaultsEnforcementPolicy").json()
    assert (defaults["id"], defaults["isEnabled"]) == ("00000000-0000-0000-0000-000000000005", False)


def test_what_a_tenant_allows_everybody_and_what_roles_there_could_be(door) -> None:
    told = door.call("GET", "/policies/authorizationPolicy?$select=allowedToUseSSPR,guestUserRoleId").json()
    assert {name for name in told if "@odata" not in name} == {"allowedToUseSSPR", "guestUserRoleId"}
    assert door.call("GET", f"{door.root}/beta/policies/authorizationPolicy").status_code == 501
    assert door.call("GET", "/identity/conditionalAccess/namedLocations").json()["value"] == []
    templates = {row["id"]: row["displayName"] for row in door.call("GET", "/directoryRoleTemplates").json()["value"]}
    assert templates == {role: name for name, role in ROLES.items()}
    assert door.call("GET", f"/directoryRoleTemplates/{ADMIN}").json()["displayName"] == "Global Administrator"
    assert door.call("GET", f"/directoryRoleTemplates/{door.user('Ada Empty')}").status_code == 404


@pytest.mark.parametrize("permission", ["Policy.Read.ConditionalAccess", "Policy.Read.All"])
def test_conditional_access_has_its_own_permission(inside_door, permission) -> None:
    login = inside_door.world.login
    assert inside_door.call("GET", POLICIES, login.issue_token(permissions=[permission])).status_code == 200
    refused = inside_door.call("GET", POLICIES, login.issue_token(permissions=["Policy.Read.AuthenticationMethod"]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AccessDenied")
    assert "required scopes are missing in the token" in refused.json()["error"]["message"]


def test_conditional_access_is_only_read(door) -> None:
    body = {"displayName": "Mine", "state": "disabled"}
    key = door.call("GET", POLICIES).json()["value"][0]["id"]
    asked = (("POST", POLICIES), ("PATCH", f"{POLICIES}/{key}"), ("DELETE", f"{POLICIES}/{key}"))
    assert [door.call(verb, where, json=body).status_code for verb, where in asked] == [501] * 3
