"""The authentication methods policy: read, changed, returned; and what it does to SMS sign-in."""

import pytest

POLICY = "/policies/authenticationMethodsPolicy"
SMS = f"{POLICY}/authenticationMethodConfigurations/Sms"
SMS_TYPE = "#microsoft.graph.smsAuthenticationMethodConfiguration"
NOBODY = "11111111-2222-3333-4444-555555555555"
CAMPAIGN = "authenticationMethodsRegistrationCampaign"


@pytest.fixture
def allowed(door) -> str:
    """May write the policy, as the demo's registration may."""
    return token(door)


@pytest.fixture
def forbidden(door):
    """May read the policy only."""
    granted = door.call("GET", "/_demo/sign-in").json()["granted"]
    fewer = [name for name in granted if name != "Policy.ReadWrite.AuthenticationMethod"]
    door.call("PUT", "/_demo/sign-in", json={"granted": fewer})
    yield token(door)
    door.call("PUT", "/_demo/sign-in", json={"granted": granted})


def token(door) -> str:
    """A token that knows of the new permission."""
    from azure.identity import CertificateCredential

    from tests.contract.conftest import credential

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
        {"includeTargets": [{"id": "all_users", "targetType": "group"}]},
        {"includeTargets": {"id": "all_users", "targetType": "group"}},
        {"excludeTargets": [{"id": "all_users", "targetType": "everybody"}]},
        {"excludeTargets": [{"id": "all_users", "targetType": "user"}]},
        {"excludeTargets": [{"id": "Sales", "targetType": "group"}]},
        {"excludeTargets": [{"id": NOBODY, "targetType": "group", "targetedAuthenticationMethod": "fido2"}]},
        {"snoozeDurationInDays": True},
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


def test_targets_are_replaced_whole_and_the_rest_is_kept(door, allowed) -> None:
    kept = campaign(door)["includeTargets"]
    away = [{"id": NOBODY, "targetType": "group"}]
    body = {"registrationEnforcement": {CAMPAIGN: {"excludeTargets": away}}}
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 200
    assert (campaign(door)["includeTargets"], campaign(door)["excludeTargets"]) == (kept, away)
    body["registrationEnforcement"][CAMPAIGN] = {"excludeTargets": []}
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 200
    assert campaign(door)["excludeTargets"] == []


@pytest.mark.parametrize(
    ("assumption", "part"),
    [
        (
            "campaign_passkey",
            {"includeTargets": [{"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "fido2"}]},
        ),
        ("campaign_enforce", {"enforceRegistrationAfterAllowedSnoozes": True}),
    ],
)
def test_assumes_what_a_campaign_on_v1_does_not_have_yet(door, allowed, assumption, part) -> None:
    body = {"registrationEnforcement": {CAMPAIGN: part}}
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 400
    door.assume(**{assumption: "accepted"})
    assert door.call("PATCH", POLICY, token=allowed, json=body).status_code == 200
    assert part.items() <= campaign(door).items()


def test_writing_needs_its_own_permission(door, forbidden) -> None:
    assert door.call("PATCH", POLICY, token=forbidden, json={}).status_code == 403
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
