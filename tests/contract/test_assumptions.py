"""Everything nobody could confirm: each assumption is seen from outside, with its default and with each alternative."""

import pytest

from authops.demo.world.assumptions import ALL
from tests.contract import test_throttle
from tests.contract.test_rules import MOBILE, OFFICE, add, phones

NOBODY = "00000000-0000-0000-0000-000000000000"
DETAILS = "/reports/authenticationMethods/userRegistrationDetails"
POLICY = "/policies/authenticationMethodsPolicy"
CAMPAIGN = "authenticationMethodsRegistrationCampaign"
PASSKEY = [{"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "fido2"}]
OPTED = {"passkeyDynamicMigration": False}
TAKEN = "+31 612340013"

# Seen without HTTP, where time can be turned.
ELSEWHERE = {
    "authentication_bucket": test_throttle.test_unconfirmed_which_limit_binds_authentication_methods,
    "throttle_shape": test_throttle.test_unconfirmed_a_window_fills_up_at_once,
    "throttled_requests_count": test_throttle.test_requests_that_are_refused_count_too,
}


def authentication(door, name, rest):
    return f"/users/{door.user(name)}/authentication/{rest}"


def email(door, name, address):
    return door.call("POST", authentication(door, name, "emailMethods"), json={"emailAddress": address})


def preference(door, wanted):
    path = authentication(door, "Ben Mobile", "signInPreferences")
    body = {"userPreferredMethodForSecondaryAuthentication": wanted}
    return door.call("PATCH", f"{door.root}/beta{path}", json=body)


def weather(door, **settings):
    assert door.call("PUT", "/_demo/weather", json=settings).status_code == 200


# What is asked; the answer's status and code are the value.
REFUSALS = {
    "post_existing_type": lambda d: add(d, "Ben Mobile", "+31 612345678"),
    "alternate_without_mobile": lambda d: add(d, "Ada Empty", "+31 612345678", "alternateMobile"),
    "malformed_number": lambda d: add(d, "Ada Empty", "12"),
    "second_email": lambda d: email(d, "Finn Full", "a@b.example"),
    "malformed_email": lambda d: email(d, "Ada Empty", "nobody"),
    "method_not_found": lambda d: d.call("GET", f"{phones(d, 'Ada Empty')}/{MOBILE}"),
    "user_not_found": lambda d: d.call("GET", f"/users/{NOBODY}/authentication/methods"),
    "mobile_before_alternate": lambda d: d.call("DELETE", f"{phones(d, 'Cleo Both')}/{MOBILE}"),
    "sms_outside_policy": lambda d: d.call("POST", f"{phones(d, 'Ben Mobile')}/{MOBILE}/enableSmsSignIn"),
    "sms_wrong_type": lambda d: d.call("POST", f"{phones(d, 'Eva Office')}/{OFFICE}/enableSmsSignIn"),
    "preference_unregistered": lambda d: preference(d, "push"),
    "generic_method_write": lambda d: d.call("DELETE", authentication(d, "Ben Mobile", f"methods/{MOBILE}")),
    "method_verb": lambda d: d.call("PUT", f"{phones(d, 'Ben Mobile')}/{MOBILE}", json={}),
}


def stored_though_taken(door):
    assert add(door, "Milo Wants", TAKEN).status_code == 409
    return bool(door.phones("Milo Wants"))


def default_after_first_phone(door):
    assert add(door, "Ada Empty", "+31 612345678").status_code == 201
    return door.state()["Ada Empty"]["default"]


def default_beside_an_email(door):
    assert email(door, "Ben Mobile", "a@b.example").status_code == 201
    return door.call("DELETE", f"{phones(door, 'Ben Mobile')}/{MOBILE}").status_code


def refusal_of_the_default(door):
    answer = door.call("DELETE", f"{phones(door, 'Dirk Default')}/{MOBILE}")
    return answer.json()["error"]["message"].split()[0]


def id_sent_back(door):
    body = {"id": MOBILE, "phoneNumber": "+31 612345678"}
    return door.call("PATCH", f"{phones(door, 'Ben Mobile')}/{MOBILE}", json=body).status_code


def largest_page(door):
    return door.call("GET", f"{DETAILS}?$top=99999").json()["error"]["message"].split("1 and ")[1].split()[0]


def eligible_is_admin(door):
    door.call("POST", "/_demo/reset")
    rows = door.call("GET", f"{DETAILS}?$filter=isAdmin eq true").json()["value"]
    return "Elin Eligible" in {row["userDisplayName"] for row in rows}


def correlation(door):
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    headers = {"client-request-id": NOBODY}
    made = door.call("POST", phones(door, "Ada Empty"), json=body, headers=headers)
    told = door.call("GET", "/auditLogs/directoryAudits?$top=1").json()["value"][0]["correlationId"]
    return {NOBODY: "client-request-id", made.headers["request-id"]: "request-id"}[told]


def record_of_a_deletion(door):
    assert door.call("DELETE", f"{phones(door, 'Ben Mobile')}/{MOBILE}").status_code == 204
    query = "?$filter=loggedByService eq 'Authentication Methods'"
    (record,) = door.call("GET", f"/auditLogs/directoryAudits{query}").json()["value"]
    return record


def property_names(door):
    changed = record_of_a_deletion(door)["targetResources"][0]["modifiedProperties"]
    return [bool(value["displayName"]) for value in changed]


def without_premium(door):
    weather(door, licence="none")
    return door.call("GET", DETAILS).status_code


def campaign(door, **part):
    body = {"registrationEnforcement": {CAMPAIGN: part}}
    return door.call("PATCH", POLICY, json=body).status_code


def opt_out_read(door):
    """What beta shows of the opt-out, asked for by name and with all of the policy."""
    beta = f"{door.root}/beta{POLICY}"
    answers = [door.call("GET", beta + more) for more in ("?$select=optOutSettings", "")]
    return [a.json().get("optOutSettings", "none") if a.status_code == 200 else a.status_code for a in answers]


def masked(door):
    weather(door, masked=True)
    return door.phones("Ben Mobile")["mobile"]


def counts(door, comma=","):
    arguments = f"(includedUserTypes='all'{comma}includedUserRoles='all')"
    return door.call("GET", f"/reports/authenticationMethods/usersRegisteredByMethod{arguments}").status_code


def throttled_batch(door):
    part = {"method": "GET", "url": authentication(door, "Ben Mobile", "methods")}
    weather(door, throttle="documented", limits={"reads_units": 1})
    answer = door.call("POST", "/$batch", json={"requests": [{**part, "id": "1"}, {**part, "id": "2"}]})
    return answer.status_code, sorted(inner["status"] for inner in answer.json()["responses"])


def batch_without_body(door):
    url = f"{phones(door, 'Lara Signin')}/{MOBILE}/disableSmsSignIn"
    return door.batch({"id": "1", "method": "POST", "url": url}).status_code


def pass_for_ada(door, **policy):
    kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration"
    where = f"{POLICY}/authenticationMethodConfigurations/TemporaryAccessPass"
    door.call("PATCH", where, json={"@odata.type": kind, **policy})
    asked = {"isUsableOnce": False}
    return door.call("POST", authentication(door, "Ada Empty", "temporaryAccessPassMethods"), json=asked).status_code


def pass_outside(door):
    return pass_for_ada(door, excludeTargets=[{"id": door.user("Ada Empty"), "targetType": "user"}])


def status(path):
    return lambda door: door.call("GET", path).status_code


def plain_counts(door):
    return {door.call("GET", f"/{what}?$count=true").status_code for what in ("users", "groups")}


# What is looked at, and what is seen with each value.
SEEN = {
    "pass_outside_policy": (pass_outside, {"given": 201, "refused": 400}),
    "pass_policy_off": (lambda d: pass_for_ada(d, state="disabled"), {"refused": 400, "given": 201}),
    "pass_once_by_policy": (lambda d: pass_for_ada(d, isUsableOnce=True), {"made": 201, "refused": 400}),
    "sms_taken_text": (
        lambda d: add(d, "Milo Wants", TAKEN).json()["error"]["message"],
        {"The phone number is already in use for SMS sign-in.": "The phone number is already in use for SMS sign-in."}
        | {"Somebody has it.": "Somebody has it."},
    ),
    "sms_taken_stores": (stored_though_taken, {"yes": True, "no": False}),
    "first_phone_becomes_default": (default_after_first_phone, {"yes": MOBILE, "no": None}),
    "others_than_default": (default_beside_an_email, {"mfa": 204, "any": 400}),
    "default_refusal_text": (refusal_of_the_default, {"phone": "The", "general": "Cannot"}),
    "spaceless_number": (
        lambda d: add(d, "Ada Empty", "+31612345678").status_code,
        {"accepted": 201, "refused": 400},
    ),
    "leading_zero": (
        lambda d: add(d, "Ada Empty", "+31 0612345678").status_code,
        {"refused": 400, "accepted": 201},
    ),
    "read_only_sent": (id_sent_back, {"refused": 400, "ignored": 204}),
    "created_date_time": (
        lambda d: "createdDateTime" in d.call("GET", phones(d, "Ben Mobile")).json()["value"][0],
        {"present": True, "absent": False},
    ),
    "phone_filter": (
        lambda d: d.call("GET", f"{phones(d, 'Ben Mobile')}?$filter=phoneType eq 'mobile'").status_code,
        {"works": 200, "refused": 400},
    ),
    "count_without_header": (plain_counts, {"refused": {400}, "ignored": {200}}),
    "per_user_mfa_in_users": (status("/users?$select=perUserMfaState"), {"works": 200, "refused": 400}),
    "organization_by_user_read": (status("/organization"), {"yes": 200, "no": 403}),
    "report_page_size": (
        lambda d: len(d.call("GET", DETAILS).json()["value"]),
        {"100": 100, "500": 138, "999": 138},
    ),
    "report_max_top": (largest_page, {"999": "999", "100": "100", "500": "500", "10000": "10000"}),
    "report_is_admin_filter": (status(f"{DETAILS}?$filter=isAdmin eq true"), {"works": 200, "refused": 400}),
    "tenant_licence": (status(DETAILS), {"premium": 200, "p1": 200, "free": 403}),
    "registered_by_application": (counts, {"works": 200, "refused": 403}),
    "report_admin": (eligible_is_admin, {"active": False, "active-or-eligible": True}),
    "audit_correlation": (correlation, {name: name for name in ("client-request-id", "request-id")}),
    "audit_property_names": (property_names, {"present": [True] * 3, "absent": [False] * 3}),
    "audit_deleted_reason": (
        lambda d: record_of_a_deletion(d)["resultReason"],
        {text: text for text in ("Admin deleted phone method for user", "Gone.")},
    ),
    "report_without_premium": (without_premium, {"refused": 403, "answered": 200}),
    "campaign_passkey": (lambda d: campaign(d, includeTargets=PASSKEY), {"refused": 400, "accepted": 200}),
    "campaign_enforce": (
        lambda d: campaign(d, enforceRegistrationAfterAllowedSnoozes=True),
        {"refused": 400, "accepted": 200},
    ),
    "opt_out_read": (
        opt_out_read,
        {"selected": [OPTED, "none"], "shown": [OPTED, OPTED], "absent": ["none", "none"]}
        | {"null": [None, None], "refused": [400, "none"]},
    ),
    "qr_code_pin_in_v1": (
        lambda d: d.call("GET", authentication(d, "Ada Empty", "qrCodePinMethod")).status_code,
        {"yes": 404, "no": 501},
    ),
    "masked_number": (masked, {"stars": "+31 *********", "last-two": "+31 *******01"}),
    "batch_write_without_body": (batch_without_body, {"refused": 400, "accepted": 200}),
    "throttled_batch": (throttled_batch, {"200": (200, [200, 429]), "424": (424, [200, 429])}),
    "arguments_without_comma": (lambda d: counts(d, comma=""), {"accepted": 200, "refused": 400}),
}


def test_every_assumption_is_looked_at_with_all_its_values() -> None:
    assert {*REFUSALS, *SEEN, *ELSEWHERE} == {a.name for a in ALL}
    for assumption in ALL:
        values = {assumption.default, *assumption.alternatives} - {"*"}
        assert values <= set(SEEN.get(assumption.name, ((), values))[1]), assumption.name


@pytest.mark.parametrize("name", REFUSALS)
def test_assumes_a_refusal(inside, name) -> None:
    (assumption,) = (a for a in ALL if a.name == name)
    for value in (assumption.default, *assumption.alternatives):
        inside.assume(**{name: value})
        answer = REFUSALS[name](inside)
        assert f"{answer.status_code} {answer.json()['error']['code']}" == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in SEEN for value in SEEN[name][1]])
def test_assumes_what_is_seen(inside, name, value) -> None:
    look, expected = SEEN[name]
    default = next(a.default for a in ALL if a.name == name)
    if value != default:
        inside.assume(**{name: value})
    assert look(inside) == expected[value]


def test_unknown_values_are_refused(inside) -> None:
    for name, value in (("report_max_top", "many"), ("report_page_size", "7"), ("sms_taken_stores", "perhaps")):
        assert inside.call("PUT", "/_demo/assumptions", json={name: value}).status_code == 400
