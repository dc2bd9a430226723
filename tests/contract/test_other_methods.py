"""Methods that are neither phone nor e-mail, and which one is the default."""

import pytest

BETA = "/beta"


def methods(door, name: str) -> dict[str, str]:
    found = door.call("GET", f"/users/{door.user(name)}/authentication/methods").json()["value"]
    return {row["@odata.type"].removeprefix("#microsoft.graph."): row["id"] for row in found}


def beta(door, method: str, user: str, **options):
    return door.call(method, f"{door.root}/beta/users/{user}/authentication/signInPreferences", **options)


def test_each_kind_has_its_collection_and_is_deleted_there(door) -> None:
    auth = f"/users/{door.user('Finn Full')}/authentication"
    key = methods(door, "Finn Full")["fido2AuthenticationMethod"]
    listed = door.call("GET", f"{auth}/fido2Methods").json()["value"]
    assert [row["id"] for row in listed] == [key]
    assert door.call("GET", f"{auth}/fido2Methods/{key}").json()["model"] == "YubiKey 5"
    assert door.call("DELETE", f"{auth}/methods/{key}").status_code == 404
    assert door.call("DELETE", f"{auth}/microsoftAuthenticatorMethods/{key}").status_code == 404
    assert door.call("DELETE", f"{auth}/fido2Methods/{key}").status_code == 204
    assert "fido2AuthenticationMethod" not in methods(door, "Finn Full")


def test_the_default_app_cannot_be_deleted_while_others_exist(door) -> None:
    key = methods(door, "Finn Full")["microsoftAuthenticatorAuthenticationMethod"]
    auth = f"/users/{door.user('Finn Full')}/authentication"
    refused = door.call("DELETE", f"{auth}/microsoftAuthenticatorMethods/{key}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "badRequest")


def test_a_password_is_listed_and_cannot_be_deleted(door) -> None:
    auth = f"/users/{door.user('Ben Mobile')}/authentication"
    (password,) = door.call("GET", f"{auth}/passwordMethods").json()["value"]
    assert password["password"] is None
    assert door.call("DELETE", f"{auth}/passwordMethods/{password['id']}").status_code == 404
    assert len(door.call("GET", f"{auth}/passwordMethods").json()["value"]) == 1


def test_a_pass_is_shown_once_and_replaces_the_earlier(door) -> None:
    passes = f"/users/{door.user('Ada Empty')}/authentication/temporaryAccessPassMethods"
    first = door.call("POST", passes, json={"lifetimeInMinutes": 60, "isUsableOnce": True}).json()
    assert len(first["temporaryAccessPass"]) == 8
    assert (first["isUsable"], first["methodUsabilityReason"]) == (True, "EnabledByPolicy")
    second = door.call("POST", passes, json={"startDateTime": "2099-01-01T00:00:00Z"}).json()
    assert (second["isUsable"], second["methodUsabilityReason"]) == (False, "NotYetValid")
    (kept,) = door.call("GET", passes).json()["value"]
    assert (kept["id"], kept["temporaryAccessPass"]) == (second["id"], None)
    assert door.call("DELETE", f"{passes}/{second['id']}").status_code == 204
    assert door.call("GET", passes).json()["value"] == []


WRONG = [
    {"lifetimeInMinutes": 5},
    {"lifetimeInMinutes": 9999},
    {"lifetimeInMinutes": True},
    {"isUsable": True},
    {"isUsableOnce": "yes"},
    {"startDateTime": 5},
    {"startDateTime": "tomorrow"},
    [],
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_pass_outside_the_policy_is_refused(door, wrong) -> None:
    passes = f"/users/{door.user('Ada Empty')}/authentication/temporaryAccessPassMethods"
    assert door.call("POST", passes, json=wrong).status_code == 400


def test_a_pass_begins_ends_and_follows_the_policy(inside_door, world) -> None:
    passes = f"/users/{inside_door.user('Ada Empty')}/authentication/temporaryAccessPassMethods"
    clock = world.tenant.stamp

    def reason(at: str) -> str:
        world.tenant.stamp = lambda: at
        return inside_door.call("GET", passes).json()["value"][0]["methodUsabilityReason"]

    body = {"startDateTime": "2031-05-01T10:00:00.000Z", "lifetimeInMinutes": 60}
    assert inside_door.call("POST", passes, json=body).status_code == 201
    try:
        times = ("2031-05-01T09:59:59Z", "2031-05-01T10:00:00Z", "2031-05-01T10:59:59Z", "2031-05-01T11:00:00Z")
        assert [reason(at) for at in times] == ["NotYetValid", "EnabledByPolicy", "EnabledByPolicy", "Expired"]
        token = world.login.issue_token(permissions=["Policy.ReadWrite.AuthenticationMethod"])
        where = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/TemporaryAccessPass"
        kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration"
        off = {"@odata.type": kind, "state": "disabled"}
        assert inside_door.call("PATCH", where, token, json=off).status_code == 204
        assert reason("2031-05-01T10:30:00Z") == "DisabledByPolicy"
    finally:
        world.tenant.stamp = clock
        inside_door.call("DELETE", where, token)


POLICY = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/TemporaryAccessPass"


def pass_policy(door, **part) -> None:
    kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration"
    assert door.call("PATCH", POLICY, json={"@odata.type": kind, **part}).status_code == 204


def used(door, user: str, code: str, **more) -> tuple[bool, str]:
    told = door.call("POST", "/_demo/pass", json={"user": door.user(user), "code": code, **more}).json()
    return told["accepted"], told["reason"]


def test_a_one_time_pass_serves_once_and_what_it_registered_stays(door) -> None:
    passes = f"/users/{door.user('Ada Empty')}/authentication/temporaryAccessPassMethods"
    made = door.call("POST", passes, json={"isUsableOnce": True}).json()
    assert used(door, "Ada Empty", "another") == (False, "WrongCode")
    assert used(door, "Ada Empty", made["temporaryAccessPass"], register="fido2") == (True, "EnabledByPolicy")
    assert used(door, "Ada Empty", made["temporaryAccessPass"]) == (False, "OneTimeUsed")
    (kept,) = door.call("GET", passes).json()["value"]
    assert (kept["id"], kept["isUsable"], kept["methodUsabilityReason"]) == (made["id"], False, "OneTimeUsed")
    assert door.call("DELETE", f"{passes}/{made['id']}").status_code == 204
    assert "fido2AuthenticationMethod" in methods(door, "Ada Empty")


def test_people_use_their_pass_and_register_in_their_own_name(door) -> None:
    ada = door.user("Ada Empty")
    passes = f"/users/{ada}/authentication/temporaryAccessPassMethods"
    body = {"pass": [{"user": ada, "kind": "fido2", "displayName": "Blue key"}]}
    assert door.call("POST", "/_demo/staff", json=body).status_code == 400  # nobody gave her one
    door.call("POST", passes, json={"isUsableOnce": True})
    assert door.call("POST", "/_demo/staff", json=body).status_code == 200
    assert door.call("GET", passes).json()["value"][0]["methodUsabilityReason"] == "OneTimeUsed"
    (key,) = door.call("GET", f"/users/{ada}/authentication/fido2Methods").json()["value"]
    assert (key["displayName"], bool(key["aaGuid"])) == ("Blue key", True)
    again = door.call("POST", "/_demo/staff", json=body)
    assert (again.status_code, "OneTimeUsed" in again.text) == (400, True)
    own = [r for r in door.call("GET", "/auditLogs/directoryAudits").json()["value"] if r["operationType"] == "Add"]
    found = [(r["activityDisplayName"], (r["initiatedBy"]["user"] or {}).get("userPrincipalName")) for r in own]
    assert found == [
        ("User registered security info", "ada.empty@contoso.example"), ("Admin registered security info", None),
    ]  # fmt: skip


def test_whom_the_pass_policy_leaves_out_cannot_use_a_pass(door) -> None:
    passes = f"/users/{door.user('Ada Empty')}/authentication/temporaryAccessPassMethods"
    pass_policy(door, excludeTargets=[{"id": door.user("Ada Empty"), "targetType": "user"}])
    made = door.call("POST", passes, json={}).json()
    assert (made["isUsable"], made["methodUsabilityReason"]) == (False, "DisabledByPolicy")
    assert used(door, "Ada Empty", made["temporaryAccessPass"]) == (False, "DisabledByPolicy")


def test_an_external_guest_is_given_no_pass(door) -> None:
    guests = door.call("GET", "/users?$filter=userType eq 'Guest'&$top=999").json()["value"]
    outside = next(g["id"] for g in guests if "#EXT#" in g["userPrincipalName"])
    refused = door.call("POST", f"/users/{outside}/authentication/temporaryAccessPassMethods", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "badRequest")
    assert "external guest" in refused.json()["error"]["message"]


def test_who_is_at_risk_is_listed_where_the_tenant_has_p2(door) -> None:
    risky = "/identityProtection/riskyUsers"
    body = {"risk": {"ada.empty@contoso.example": "atRisk", "ben.mobile@contoso.example": "remediated"}}
    assert door.call("POST", "/_demo/staff", json=body).status_code == 200
    assert len(door.call("GET", risky).json()["value"]) == 2
    asked = "riskState eq 'atRisk' or riskState eq 'confirmedCompromised'"
    (one,) = door.call("GET", f"{risky}?$filter={asked}&$select=id").json()["value"]
    assert one == {"id": door.user("Ada Empty")}
    door.call("PUT", "/_demo/assumptions", json={"tenant_licence": "p1"})
    assert door.call("GET", risky).status_code == 403


def test_every_collection_has_its_narrower_permission(inside_door, world) -> None:
    from authops.demo.login.permissions import of_family
    from authops.demo.methods.kinds import KINDS

    auth = f"/users/{inside_door.user('Hugo Admin')}/authentication"
    for kind in (kind for kind in KINDS if kind.since == "v1.0" and not kind.single):
        segment, (reads, writes) = kind.segment, of_family(kind.family)
        narrow = next(name for name in reads - writes if name.startswith("UserAuthMethod-"))
        token = world.login.issue_token(permissions=[narrow])
        shown = inside_door.call("GET", f"{auth}/{segment}", token)
        assert shown.status_code == 200, narrow
        for row in shown.json()["value"] if segment != "passwordMethods" else []:
            assert inside_door.call("DELETE", f"{auth}/{segment}/{row['id']}", token).status_code == 403
        other = world.login.issue_token(permissions=["UserAuthMethod-Phone.ReadWrite.All"])
        assert inside_door.call("GET", f"{auth}/{segment}", other).status_code == 403


def test_per_user_multifactor_state_is_beta_and_the_policys(inside_door, world) -> None:
    where = f"{inside_door.root}/beta/users/{inside_door.user('Ben Mobile')}/authentication/requirements"
    token = world.login.issue_token(permissions=["Policy.ReadWrite.AuthenticationMethod"])
    other = world.login.issue_token(permissions=["UserAuthenticationMethod.ReadWrite.All"])
    assert inside_door.call("GET", where, other).status_code == 403
    assert inside_door.call("GET", where, token).json()["perUserMfaState"] == "disabled"
    assert inside_door.call("PATCH", where, token, json={"perUserMfaState": "enforced"}).status_code == 204
    assert inside_door.call("GET", where, token).json()["perUserMfaState"] == "enforced"
    assert inside_door.call("PATCH", where, token, json={"perUserMfaState": "on"}).status_code == 400


def test_system_preferred_is_kept_and_shown_in_the_report(door) -> None:
    user, name = door.user("Ben Mobile"), "isSystemPreferredAuthenticationMethodEnabled"
    assert beta(door, "PATCH", user, json={name: False}).status_code == 204
    assert beta(door, "GET", user).json()[name] is False
    report = door.call("GET", f"/reports/authenticationMethods/userRegistrationDetails/{user}").json()
    assert (report[name], report["userPreferredMethodForSecondaryAuthentication"]) == (False, "sms")
    assert beta(door, "PATCH", user, json={name: "no"}).status_code == 400


def test_the_default_is_changed_in_beta_only(door) -> None:
    user = door.user("Dirk Default")
    assert beta(door, "GET", user).json()["userPreferredMethodForSecondaryAuthentication"] == "sms"
    wanted = {"userPreferredMethodForSecondaryAuthentication": "push"}
    assert beta(door, "PATCH", user, json=wanted).status_code == 204
    assert beta(door, "GET", user).json()["userPreferredMethodForSecondaryAuthentication"] == "push"
    phone = f"/users/{user}/authentication/phoneMethods/3179e48a-750b-4051-897c-87b9720928f7"
    assert door.call("DELETE", phone).status_code == 204
    on_v1 = door.call("GET", f"/users/{user}/authentication/signInPreferences")
    assert on_v1.status_code == 501


def test_a_change_of_the_default_has_its_audit_record(door) -> None:
    user = door.user("Dirk Default")
    wanted = {"userPreferredMethodForSecondaryAuthentication": "push"}
    assert beta(door, "PATCH", user, json=wanted).status_code == 204
    (record,) = door.call("GET", "/auditLogs/directoryAudits").json()["value"]
    assert record["activityDisplayName"] == "PATCH UserAuthMethod.PatchSignInPreferencesAsync"
    assert (record["category"], record["targetResources"][0]["id"]) == ("ApplicationManagement", user)
    unregistered = wanted | {"isSystemPreferredAuthenticationMethodEnabled": False}
    assert beta(door, "PATCH", door.user("Ben Mobile"), json=unregistered).status_code == 400
    assert beta(door, "GET", door.user("Ben Mobile")).json()["isSystemPreferredAuthenticationMethodEnabled"] is True
    assert len(door.call("GET", "/auditLogs/directoryAudits").json()["value"]) == 1


def test_voice_can_be_the_default_of_a_mobile(door) -> None:
    user = door.user("Ben Mobile")
    beta(door, "PATCH", user, json={"userPreferredMethodForSecondaryAuthentication": "voiceMobile"})
    assert beta(door, "GET", user).json()["userPreferredMethodForSecondaryAuthentication"] == "voiceMobile"


def test_assumes_an_unregistered_default_is_refused(door) -> None:
    wanted = {"userPreferredMethodForSecondaryAuthentication": "push"}
    assert beta(door, "PATCH", door.user("Ben Mobile"), json=wanted).status_code == 400


@pytest.mark.parametrize(
    "arguments",
    [
        "includedUserTypes=%27all%27,includedUserRoles=%27all%27",
        "includedUserRoles='all',%20includedUserTypes='all'",
        "includedUserTypes='all'%2CincludedUserRoles='all'",
    ],
)
def test_arguments_come_in_any_order_and_encoding(door, arguments) -> None:
    answer = door.call("GET", f"{door.root}/v1.0/reports/authenticationMethods/usersRegisteredByMethod({arguments})")
    assert (answer.status_code, answer.json()["userRoles"]) == (200, "all")


@pytest.mark.parametrize("what", ["usersRegisteredByMethod", "usersRegisteredByFeature()"])
def test_counts_without_arguments_are_of_everybody(door, what) -> None:
    answer = door.call("GET", f"/reports/authenticationMethods/{what}").json()
    assert (answer["userTypes"], answer["userRoles"], answer["totalUserCount"]) == ("all", "all", 138)


def test_the_report_counts_by_method_and_feature(door) -> None:
    by = "(includedUserTypes='all',includedUserRoles='all')"
    methods = door.call("GET", f"/reports/authenticationMethods/usersRegisteredByMethod{by}").json()
    counts = {row["authenticationMethod"]: row["userCount"] for row in methods["userRegistrationMethodCounts"]}
    details = []
    url = "/reports/authenticationMethods/userRegistrationDetails?$top=999"
    details += door.call("GET", url).json()["value"]
    assert counts["mobilePhone"] == sum("mobilePhone" in row["methodsRegistered"] for row in details)
    features = door.call("GET", f"/reports/authenticationMethods/usersRegisteredByFeature{by}").json()
    found = {row["feature"]: row["userCount"] for row in features["userRegistrationFeatureCounts"]}
    assert found["mfaCapable"] == sum(row["isMfaCapable"] for row in details)
    assert features["totalUserCount"] == len(details)
    wrong = "(includedUserTypes='robots',includedUserRoles='all')"
    assert door.call("GET", f"/reports/authenticationMethods/usersRegisteredByMethod{wrong}").status_code == 400
