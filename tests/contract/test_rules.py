"""What Graph's method endpoints accept and refuse, through both doors."""

import json

import pytest

MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
ALTERNATE = "b6332ec1-7057-4abe-9331-3d72feddfe41"
OFFICE = "e37fc753-ff3b-4958-9484-eaa9425c82bc"


def phones(door, name):
    return f"/users/{door.user(name)}/authentication/phoneMethods"


def add(door, name, number, kind="mobile"):
    return door.call("POST", phones(door, name), json={"phoneNumber": number, "phoneType": kind})


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_add_change_remove(door):
    added = add(door, "Ada Empty", "+31 612345678")
    assert added.status_code == 201
    assert added.json()["id"] == MOBILE
    changed = door.call("PATCH", f"{phones(door, 'Ada Empty')}/{MOBILE}", json={"phoneNumber": "+31 612345679"})
    assert (changed.status_code, changed.content) == (204, b"")
    assert door.phones("Ada Empty") == {"mobile": "+31 612345679"}
    assert door.call("DELETE", f"{phones(door, 'Ada Empty')}/{MOBILE}").status_code == 204
    assert door.phones("Ada Empty") == {}


def test_phone_type_is_fixed(door):
    body = {"phoneNumber": "+31 612345679", "phoneType": "office"}
    assert door.call("PATCH", f"{phones(door, 'Ben Mobile')}/{MOBILE}", json=body).status_code == 400


def test_sms_state_may_not_be_sent(door):
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile", "smsSignInState": "ready"}
    assert door.call("POST", phones(door, "Ada Empty"), json=body).status_code == 400


def test_annotations_of_what_was_read_may_be_sent_back(door):
    read = door.call("GET", f"{phones(door, 'Ben Mobile')}/{MOBILE}").json()
    body = {k: v for k, v in read.items() if k.startswith(("@", "phone"))}
    assert "@odata.context" in body
    assert door.call("PATCH", f"{phones(door, 'Ben Mobile')}/{MOBILE}", json=body).status_code == 204


def test_default_is_refused_while_others_exist(door):
    refused = door.call("DELETE", f"{phones(door, 'Dirk Default')}/{MOBILE}")
    assert error(refused) == (400, "badRequest")
    assert "matches the user's current default authentication method" in refused.json()["error"]["message"]
    assert refused.json()["error"]["innerError"]["message"] == refused.json()["error"]["message"]


def test_an_app_that_is_the_default_is_refused_in_the_other_words(door):
    auth = f"/users/{door.user('Finn Full')}/authentication"
    (app,) = door.call("GET", f"{auth}/microsoftAuthenticatorMethods").json()["value"]
    refused = door.call("DELETE", f"{auth}/microsoftAuthenticatorMethods/{app['id']}")
    assert error(refused) == (400, "badRequest")
    assert refused.json()["error"]["message"].startswith("Cannot delete default method with other methods configured.")


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"phoneType": "\\ud800"}', b"\xff", b"{"])
def test_a_body_that_is_no_json_is_400_however_it_is_broken(door, raw):
    headers = {"Content-Type": "application/json"}
    for path in ("/$batch", phones(door, "Ada Empty")):
        assert error(door.call("POST", path, content=raw, headers=headers)) == (400, "BadRequest")


def test_default_may_go_once_it_is_the_last(door):
    assert door.call("DELETE", f"{phones(door, 'Ben Mobile')}/{MOBILE}").status_code == 204


def test_default_may_be_changed(door):
    body = {"phoneNumber": "+31 612345679", "phoneType": "mobile"}
    assert door.call("PATCH", f"{phones(door, 'Dirk Default')}/{MOBILE}", json=body).status_code == 204


def test_alternate_before_mobile_on_removal(door):
    refused = door.call("DELETE", f"{phones(door, 'Finn Full')}/{MOBILE}")
    assert "without first deleting alternate mobile number" in refused.json()["error"]["message"]
    assert door.call("DELETE", f"{phones(door, 'Finn Full')}/{ALTERNATE}").status_code == 204
    assert door.call("DELETE", f"{phones(door, 'Finn Full')}/{MOBILE}").status_code == 204


def test_number_taken_for_sms_sign_in_is_409_yet_stored(door):
    answer = add(door, "Milo Wants", "+31 612340013")
    assert error(answer) == (409, "phoneNumberNotUnique")
    assert door.phones("Milo Wants") == {"mobile": "+31 612340013"}
    assert door.call("GET", f"/users/{door.user('Nora Gone')}").status_code == 404


def test_ordinary_numbers_may_be_shared(door):
    assert add(door, "Ada Empty", "+31 612340011").status_code == 201


def test_sms_sign_in_on_and_off(door):
    path = f"{phones(door, 'Lara Signin')}/{MOBILE}"
    assert door.call("POST", f"{path}/disableSmsSignIn").status_code == 204
    assert door.call("GET", path).json()["smsSignInState"] == "notEnabled"
    assert door.call("POST", f"{path}/enableSmsSignIn").status_code == 204
    assert door.call("GET", path).json()["smsSignInState"] == "ready"


@pytest.mark.parametrize("number", ["0612345678", "+31 6 12345678", "+31-612345678", "+999 1234567", "+31 12", "ring"])
def test_malformed_numbers_are_refused(door, number):
    assert add(door, "Ada Empty", number).status_code == 400


def test_extension_on_office_only(door):
    assert add(door, "Ada Empty", "+31 612345678x12").status_code == 400
    assert add(door, "Ada Empty", "+31 207940001x12", "office").status_code == 201


def test_email_is_one_per_user(door):
    path = f"/users/{door.user('Ada Empty')}/authentication/emailMethods"
    assert door.call("POST", path, json={"emailAddress": "a@b.example"}).status_code == 201
    only = "3ddfcfc8-9383-446f-83cc-3ab9be4be18f"
    assert door.call("PATCH", f"{path}/{only}", json={"emailAddress": "c@b.example"}).status_code == 204
    assert door.call("GET", f"{path}/{only}").json()["emailAddress"] == "c@b.example"
    assert door.call("DELETE", f"{path}/{only}").status_code == 204


def test_guest_is_found_by_id_and_encoded_name(door):
    upn = door.state()["Gina Guest"]["userPrincipalName"]
    assert door.call("GET", f"/users/{upn.replace('#', '%23')}").status_code == 200
    assert door.call("GET", f"/users/{upn}").status_code == 404


@pytest.mark.parametrize("verb", ["DELETE", "PATCH", "PUT"])
def test_a_method_without_its_type_is_read_and_never_written(door, verb):
    path = f"/users/{door.user('Ben Mobile')}/authentication/methods/{MOBILE}"
    body = {} if verb == "DELETE" else {"json": {"phoneNumber": "+31 612345679"}}
    answer = door.call(verb, path, **body)
    assert error(answer) == (404, "UnknownError")
    assert "No HTTP resource was found that matches the request URI" in answer.json()["error"]["message"]
    shown = door.call("GET", path).json()
    assert (shown["@odata.type"], shown["phoneNumber"]) == (
        "#microsoft.graph.phoneAuthenticationMethod",
        "+31 612340001",
    )


def test_ids_and_segments_are_not_told_apart_by_case(door):
    user = door.user("Ben Mobile")
    upper = f"/users/{user.upper()}/authentication/phonemethods/{MOBILE.upper()}"
    assert door.call("GET", upper).json()["id"] == MOBILE
    assert door.call("DELETE", upper).status_code == 204
    assert door.call("GET", f"/users('{user}')/authentication/phoneMethods").json()["value"] == []


@pytest.mark.parametrize("phone", [ALTERNATE, OFFICE])
def test_removing_another_phone_leaves_the_sms_sign_in_number_taken(door, phone):
    kind = {ALTERNATE: "alternateMobile", OFFICE: "office"}[phone]
    number = "+31 207940099" if phone == OFFICE else "+31 612349999"
    assert add(door, "Lara Signin", number, kind).status_code == 201
    assert door.call("DELETE", f"{phones(door, 'Lara Signin')}/{phone}").status_code == 204
    assert error(add(door, "Milo Wants", "+31 612340012")) == (409, "phoneNumberNotUnique")


def test_what_only_a_person_may_do_is_refused_to_an_application(door):
    password = "28c10230-6103-485e-b985-444c60001490"
    auth = f"/users/{door.user('Ben Mobile')}/authentication"
    for segment in ("methods", "passwordMethods"):
        assert error(door.call("POST", f"{auth}/{segment}/{password}/resetPassword", json={})) == (403, "accessDenied")
    assert error(door.call("GET", "/me/authentication/phoneMethods")) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("verb", "where"),
    [
        ("PUT", f"phoneMethods/{MOBILE}"),
        ("PATCH", "phoneMethods"),
        ("POST", "softwareOathMethods"),
        ("PATCH", f"temporaryAccessPassMethods/{MOBILE}"),
        ("DELETE", f"passwordMethods/{MOBILE}"),
        ("POST", "methods"),
    ],
)
def test_assumes_a_verb_that_a_method_does_not_have_is_refused_as_a_generic_write(door, verb, where):
    path = f"/users/{door.user('Ben Mobile')}/authentication/{where}"
    body = {} if verb == "DELETE" else {"json": {"phoneNumber": "+31 612345679"}}
    answer = door.call(verb, path, **body)
    assert error(answer) == (404, "UnknownError")
    said = json.loads(answer.json()["error"]["message"])
    assert said["Message"].startswith("No HTTP resource was found that matches the request URI 'https://mface.")
    assert said["MessageDetail"] == "No type was found that matches the controller named 'users'."
    assert door.phones("Ben Mobile") == {"mobile": "+31 612340001"}


@pytest.mark.parametrize("verb", ["HEAD", "OPTIONS"])
def test_a_verb_that_is_not_there_is_501(door, verb):
    answer = door.call(verb, f"{phones(door, 'Ben Mobile')}/{MOBILE}")
    assert answer.status_code == 501
    assert verb == "HEAD" or f"{verb} /users/" in answer.json()["error"]["message"]


def test_permissions_by_workload(inside_door, world):
    token = world.login.issue_token(permissions=["UserAuthMethod-Phone.Read.All"])
    path = phones(inside_door, "Ben Mobile")
    assert inside_door.call("GET", path, token).status_code == 200
    refused = inside_door.call("DELETE", f"{path}/{MOBILE}", token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "accessDenied")
    assert error(inside_door.call("GET", "/users", token)) == (403, "Authorization_RequestDenied")


def test_unauthenticated_is_401(door):
    answer = door.call("GET", "/users", token="nonsense")
    assert error(answer) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_expired_token_is_401(inside_door, world):
    assert inside_door.call("GET", "/users", world.login.issue_token(lifetime=-1)).status_code == 401


def test_request_ids(door):
    answer = door.call("GET", "/users?$top=1", headers={"client-request-id": "abc"})
    assert answer.headers["client-request-id"] == "abc"
    assert answer.headers["request-id"]


def test_assumes_refusals_can_be_switched(door):
    assert error(add(door, "Ben Mobile", "+31 612345678")) == (400, "badRequest")
    door.assume(post_existing_type="409 conflict", alternate_without_mobile="409 conflict")
    assert error(add(door, "Ben Mobile", "+31 612345678")) == (409, "conflict")
    assert error(add(door, "Ada Empty", "+31 612345678", "alternateMobile")) == (409, "conflict")


def test_assumes_unregistered_method_is_404(door):
    assert door.call("GET", f"{phones(door, 'Ada Empty')}/{OFFICE}").status_code == 404


def test_assumes_space_is_restored(door):
    assert add(door, "Ada Empty", "+31612345678").json()["phoneNumber"] == "+31 612345678"
    door.assume(spaceless_number="refused")
    assert add(door, "Milo Wants", "+31612345678").status_code == 400


def test_assumes_first_phone_becomes_default(door):
    add(door, "Ada Empty", "+31 612345678")
    assert door.state()["Ada Empty"]["default"] == MOBILE


def test_unknown_assumption_is_refused(door):
    assert door.call("PUT", "/_demo/assumptions", json={"nonsense": "1"}).status_code == 400
