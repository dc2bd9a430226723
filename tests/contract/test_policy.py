"""The authentication methods policy: read, changed, returned; and what it does to SMS sign-in."""

import pytest

POLICY = "/policies/authenticationMethodsPolicy"
SMS = f"{POLICY}/authenticationMethodConfigurations/Sms"
SMS_TYPE = "#microsoft.graph.smsAuthenticationMethodConfiguration"
CAMPAIGN = "authenticationMethodsRegistrationCampaign"


@pytest.fixture
def allowed(door):
    """May write the policy, which the demo's registration may not by default."""
    granted = door.call("GET", "/_demo/sign-in").json()["granted"]
    door.call("PUT", "/_demo/sign-in", json={"granted": [*granted, "Policy.ReadWrite.AuthenticationMethod"]})
    yield token(door)
    door.call("PUT", "/_demo/sign-in", json={"granted": granted})


def token(door) -> str:
    """A token that knows of the new permission."""
    from azure.identity import CertificateCredential
    from conftest import credential

    if door.world is not None:
        return door.world.login.issue_token()
    return credential(door.profile, CertificateCredential).get_token(f"{door.root}/.default").token


def campaign(door) -> dict:
    return door.call("GET", POLICY).json()["registrationEnforcement"][CAMPAIGN]


def test_the_campaign_is_changed_in_part_and_answered_with_the_policy(door, allowed) -> None:
    body = {"registrationEnforcement": {CAMPAIGN: {"state": "enabled", "snoozeDurationInDays": 3}}}
    answer = door.call("PATCH", POLICY, token=allowed, json=body)
    assert (answer.status_code, answer.json()["id"]) == (200, "authenticationMethodsPolicy")
    found = campaign(door)
    assert (found["state"], found["snoozeDurationInDays"]) == ("enabled", 3)
    assert found["includeTargets"][0]["targetedAuthenticationMethod"] == "microsoftAuthenticator"
    (record,) = door.call("GET", "/auditLogs/directoryAudits").json()["value"]
    assert record["activityDisplayName"] == "Authentication Methods Policy Update"


@pytest.mark.parametrize(
    "wrong",
    [
        {"snoozeDurationInDays": 15},
        {"state": "on"},
        {"enforceRegistrationAfterAllowedSnoozes": True},
        {"includeTargets": [{"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "sms"}]},
    ],
)
def test_a_campaign_that_cannot_be_is_refused_and_nothing_changes(door, allowed, wrong) -> None:
    before = campaign(door)
    body = {"registrationEnforcement": {CAMPAIGN: wrong}}
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 400
    assert campaign(door) == before


def test_a_configuration_is_changed_with_its_type_and_returned_to_default(door, allowed) -> None:
    assert door.call("PATCH", SMS, token=allowed, json={"state": "disabled"}).status_code == 400
    changed = door.call("PATCH", SMS, token=allowed, json={"@odata.type": SMS_TYPE, "state": "disabled"})
    assert (changed.status_code, changed.content) == (204, b"")
    assert door.call("GET", SMS).json()["state"] == "disabled"
    assert door.call("DELETE", SMS, token=allowed).status_code == 204
    assert door.call("GET", SMS).json()["state"] == "enabled"
    assert door.call("GET", f"{POLICY}/authenticationMethodConfigurations/Nonsense").status_code == 404


def test_sms_sign_in_follows_the_policy(door, allowed) -> None:
    def state(name: str, number: str) -> str:
        phones = f"/users/{door.user(name)}/authentication/phoneMethods"
        made = door.call("POST", phones, json={"phoneNumber": number, "phoneType": "mobile"})
        assert made.status_code == 201, made.text
        return made.json()["smsSignInState"]

    assert state("Milo Wants", "+31 612345670") == "ready"
    everybody = {"targetType": "group", "id": "all_users", "isRegistrationRequired": False, "isUsableForSignIn": True}
    door.call("PATCH", SMS, token=allowed, json={"@odata.type": SMS_TYPE, "includeTargets": [everybody]})
    assert state("Ada Empty", "+31 612345671") == "ready"
    door.call("PATCH", SMS, token=allowed, json={"@odata.type": SMS_TYPE, "state": "disabled"})
    assert state("Svc Backup", "+31 612345672") == "notAllowedByPolicy"


def test_writing_needs_its_own_permission(door) -> None:
    assert door.call("PATCH", POLICY, json={}).status_code == 403
    assert door.call("GET", SMS).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"registrationEnforcement": None},
        {"registrationEnforcement": {CAMPAIGN: None}},
        {"registrationEnforcement": {CAMPAIGN: {"includeTargets": None}}},
        {"registrationEnforcement": {CAMPAIGN: {"includeTargets": ["all_users"]}}},
        {"registrationEnforcement": {CAMPAIGN: {"excludeTargets": [{}]}}},
        {"registrationEnforcement": {CAMPAIGN: {"snoozeDurationInDays": True}}},
    ],
)
def test_a_body_of_another_shape_is_400(door, allowed, wrong) -> None:
    before = campaign(door)
    assert door.call("PATCH", POLICY, token=allowed, json=wrong).status_code == 400
    assert campaign(door) == before
    body = {"@odata.type": SMS_TYPE, "includeTargets": None}
    assert door.call("PATCH", SMS, token=allowed, json=body).status_code == 400


def test_configurations_are_listed_as_the_policy_shows_them(door) -> None:
    listed = door.call("GET", f"{POLICY}/authenticationMethodConfigurations").json()["value"]
    assert listed == door.call("GET", POLICY).json()["authenticationMethodConfigurations"]
    types = {row["id"]: row["@odata.type"] for row in listed}
    assert types["QRCodePin"] == "#microsoft.graph.qrCodePinAuthenticationMethodConfiguration"
    assert types["X509Certificate"] == "#microsoft.graph.x509CertificateAuthenticationMethodConfiguration"


def test_unconfirmed_the_limit_of_snoozes_on_v1(door, allowed) -> None:
    body = {"registrationEnforcement": {CAMPAIGN: {"enforceRegistrationAfterAllowedSnoozes": True}}}
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 400
    door.assume(campaign_enforce="present")
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 200
    assert campaign(door)["enforceRegistrationAfterAllowedSnoozes"] is True
