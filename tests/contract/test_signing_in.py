"""Signing in as a person: device code and authorization code against the demo login, and what a person then may do."""

import base64
import hashlib
import json
import re
import ssl
import threading
import webbrowser
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential

MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
REDIRECT = "http://localhost:8400"


@pytest.fixture
def login(inside):
    return Person(inside)


class Person:
    """Somebody at the demo login, without a browser: what a page's form would send is sent."""

    def __init__(self, door) -> None:
        self.door = door
        self.tenant = door.world.tenant.meta["tenant_id"]
        self.client_id = door.world.tenant.meta["client_id"]
        self.scope = f"{door.root}/.default openid profile offline_access"

    def post(self, path, **form):
        return self.door.call("POST", f"{self.door.root}{path}", data=form)

    def oauth(self, endpoint, tenant="common", **form):
        return self.post(f"/{tenant}/oauth2/v2.0/{endpoint}", **{"client_id": self.client_id, **form})

    def begin(self, **form):
        return self.oauth("devicecode", **{"scope": self.scope, **form}).json()

    def redeem(self, begun, **form):
        kind = "urn:ietf:params:oauth:grant-type:device_code"
        return self.oauth("token", grant_type=kind, device_code=begun["device_code"], **form)

    def upn(self, name):
        return self.door.state()[name]["userPrincipalName"]

    def enter(self, begun, name, answer="accept"):
        return self.post("/devicelogin", otc=begun["user_code"], user=self.upn(name), answer=answer)

    def tokens(self, name, scope=None, **form):
        begun = self.begin(scope=scope or self.scope)
        assert self.enter(begun, name).status_code == 200
        return self.redeem(begun, **form).json()

    def appoint(self, name, *roles):
        body = {"appoint": {self.upn(name): list(roles)}}
        assert self.door.call("POST", "/_demo/staff", json=body).status_code == 200


def refused(answer):
    body = answer.json()
    assert {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"} <= set(body)
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return answer.status_code, body["error"], body["error_codes"][0]


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_a_device_waits_until_somebody_enters_its_code(login) -> None:
    begun = login.begin()
    assert (begun["interval"], begun["expires_in"]) == (5, 900)
    assert begun["user_code"] in begun["message"]
    assert begun["verification_uri"] in begun["message"]
    assert refused(login.redeem(begun)) == (400, "authorization_pending", 70016)
    page = login.door.call("GET", begun["verification_uri"], params={"otc": begun["user_code"]})
    assert login.upn("Hugo Admin") in page.text
    assert login.enter(begun, "Hugo Admin").status_code == 200
    answer = login.redeem(begun, client_info="1").json()
    assert {"access_token", "refresh_token", "id_token", "client_info", "scope", "ext_expires_in"} <= set(answer)
    said = claims(answer["access_token"])
    assert (said["upn"], said["idtyp"], said["app_displayname"]) == (login.upn("Hugo Admin"), "user", "authops demo")
    assert "UserAuthenticationMethod.ReadWrite.All" in said["scp"].split()
    assert "62e90394-69f5-4237-9190-012177145e10" in said["wids"]
    assert refused(login.redeem(begun)) == (400, "bad_verification_code", 70018)


def test_a_device_redeems_its_code_by_the_shorter_name_of_the_grant_too(login) -> None:
    begun = login.begin()
    assert login.enter(begun, "Hugo Admin").status_code == 200
    answer = login.oauth("token", grant_type="device_code", device_code=begun["device_code"])
    assert claims(answer.json()["access_token"])["upn"] == login.upn("Hugo Admin")


def test_the_azure_cli_registers_a_cloud_and_lists_one_tenant_without_subscription(login) -> None:
    told = login.door.call("GET", f"{login.door.root}//metadata/endpoints?api-version=2022-09-01").json()
    scope = f"{told['authentication']['audiences'][0]}/.default offline_access openid profile"
    held = login.tokens("Hugo Admin", scope)["access_token"]
    assert login.door.call("GET", f"{login.door.root}/tenants", held).json()["value"][0]["tenantId"] == login.tenant
    assert login.door.call("GET", f"{login.door.root}/subscriptions", held).json()["value"] == []
    assert login.door.call("GET", f"{login.door.root}/subscriptions", "none").status_code == 401


def test_a_code_is_declined_wrong_or_expired(login) -> None:
    begun = login.begin()
    assert login.post("/devicelogin", otc="WRONGCODE", user=login.upn("Ada Empty")).status_code == 400
    assert login.enter(begun, "Ada Empty", answer="decline").status_code == 200
    assert refused(login.redeem(begun)) == (400, "authorization_declined", 70000)
    grants = login.door.world.login.grants
    late = login.begin()
    was, grants.now = grants.now, lambda: was() + 901
    try:
        assert refused(login.redeem(late)) == (400, "expired_token", 70020)
    finally:
        grants.now = was


@pytest.mark.parametrize(
    ("who", "scope", "number"),
    [
        ("Ivy Disabled", "{root}/.default", "AADSTS50057"),
        ("nobody@contoso.example", "{root}/.default", "AADSTS50034"),
        ("Ada Empty", "{root}/Directory.ReadWrite.All", "AADSTS90094"),
        ("Ada Empty", "{root}/nonsense", "AADSTS650053"),
    ],
)
def test_who_may_not_sign_in_is_told_why_on_the_page(login, who, scope, number) -> None:
    begun = login.begin(scope=scope.format(root=login.door.root))
    user = who if "@" in who else login.upn(who)
    page = login.post("/devicelogin", otc=begun["user_code"], user=user)
    assert (page.status_code, number in page.text) == (400, True)


def pkce(login, verifier="v" * 43, **changed):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"client_id": login.client_id, "response_type": "code", "redirect_uri": REDIRECT, "scope": login.scope}
    asked |= {"state": "s&1", "code_challenge": challenge, "code_challenge_method": "S256", "nonce": "n"}
    return {**asked, **changed}


def where(login, asked, **form):
    url = f"{login.door.root}/common/oauth2/v2.0/authorize"
    method = "POST" if form else "GET"
    return login.door.call(method, url, params=asked, **({"data": form} if form else {}))


def test_an_authorization_code_is_redeemed_once_by_whoever_can_prove_it_asked(login) -> None:
    asked = pkce(login)
    assert "User principal name" in where(login, asked).text.replace("user", "User")
    there = where(login, asked, user=login.upn("Hugo Admin"), answer="accept")
    assert there.status_code == 302
    found = {k: v[0] for k, v in parse_qs(urlsplit(there.headers["location"]).query).items()}
    assert found["state"] == "s&1"
    form = {"grant_type": "authorization_code", "code": found["code"], "redirect_uri": REDIRECT}
    answer = login.oauth("token", **form, code_verifier="v" * 43)
    assert claims(answer.json()["id_token"])["nonce"] == "n"
    assert refused(login.oauth("token", **form, code_verifier="v" * 43)) == (400, "invalid_grant", 54005)


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"code_verifier": "w" * 43}, 501481),
        ({"redirect_uri": "http://localhost:8401"}, 500112),
        ({"client_id": CLI}, 700005),
        ({"code": "other"}, 54005),
    ],
)
def test_a_code_that_does_not_fit_is_refused(login, changed, number) -> None:
    there = where(login, pkce(login), user=login.upn("Ada Empty"), answer="accept")
    code = parse_qs(urlsplit(there.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": "v" * 43}
    assert refused(login.oauth("token", **{**form, **changed}))[2] == number


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({"redirect_uri": "https://evil.example/"}, 400, "AADSTS50011"),
        ({"redirect_uri": "http://localhost@evil.example/"}, 400, "AADSTS50011"),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, 400, "AADSTS700016"),
        ({"scope": "https://other.example/.default"}, 400, "AADSTS500011"),
        ({"response_type": "token"}, 400, "does not implement response_type=token"),
    ],
)
def test_an_authorization_request_that_cannot_be_answered_says_so_and_goes_nowhere(
    login, changed, status, word
) -> None:
    page = where(login, pkce(login, **changed))
    assert (page.status_code, word in page.text) == (status, True)


def test_somebody_may_cancel_and_a_session_is_never_there(login) -> None:
    declined = where(login, pkce(login), answer="decline")
    assert "error=access_denied" in declined.headers["location"]
    silent = where(login, pkce(login, prompt="none", response_mode="fragment"))
    assert "#error=login_required" in silent.headers["location"]


def test_a_refresh_token_follows_its_person(login) -> None:
    held = login.tokens("Hugo Admin")["refresh_token"]
    ask = {"grant_type": "refresh_token", "scope": f"{login.door.root}/User.Read"}
    assert claims(login.oauth("token", **ask, refresh_token=held).json()["access_token"])["scp"] == "User.Read"
    assert refused(login.oauth("token", **ask, refresh_token="x"))[1] == "invalid_grant"
    assert refused(login.oauth("token", **ask, refresh_token=held, client_id=CLI))[2] == 700005
    login.door.call("POST", "/_demo/staff", json={"change": {login.upn("Hugo Admin"): {"accountEnabled": False}}})
    assert refused(login.oauth("token", **ask, refresh_token=held))[2] == 50057


def test_login_errors_have_the_shape_of_oauth(login) -> None:
    ask = {"grant_type": "client_credentials", "scope": f"{login.door.root}/.default"}
    assert refused(login.oauth("token", login.tenant, **ask, client_secret="x")) == (401, "invalid_client", 7000215)
    assert refused(login.oauth("token", login.tenant, **ask))[2] == 7000218
    assert refused(login.oauth("token", "common", **ask, client_secret="x"))[2] == 50059
    assert refused(login.oauth("token", login.tenant, grant_type="none"))[:2] == (400, "unsupported_grant_type")
    assert refused(login.door.call("GET", f"{login.door.root}/common/oauth2/v2.0/token"))[2] == 900561
    assert refused(login.oauth("devicecode", login.tenant))[2] == 900144
    other = login.oauth("token", login.tenant, grant_type="password")
    assert (other.status_code, other.json()["error"]) == (501, "not_implemented")


@pytest.mark.parametrize("tenant", ["common", "organizations", "tenant", "contoso.example"])
def test_what_discovery_names_works(login, tenant) -> None:
    tenant = login.tenant if tenant == "tenant" else tenant
    told = login.door.call("GET", f"{login.door.root}/{tenant}/v2.0/.well-known/openid-configuration").json()
    issuer = login.tenant if tenant in ("contoso.example", login.tenant) else "{tenantid}"
    assert told["issuer"] == f"{login.door.root}/{issuer}/v2.0"
    statuses = {
        name: login.door.call("GET", url).status_code for name, url in told.items() if name.endswith("endpoint")
    }
    assert statuses == {
        "token_endpoint": 400,
        "authorization_endpoint": 400,
        "device_authorization_endpoint": 400,
        "end_session_endpoint": 200,
        "userinfo_endpoint": 401,
    }
    assert login.door.call("GET", told["jwks_uri"]).json()["keys"]
    instance = f"{login.door.root}/common/discovery/instance"
    found = login.door.call("GET", instance, params={"authorization_endpoint": told["authorization_endpoint"]})
    assert login.door.call("GET", found.json()["tenant_discovery_endpoint"]).json() == told
    # A client whose address is fixed asks about Microsoft's.
    fixed = {"authorization_endpoint": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"}
    assert login.door.call("GET", instance, params=fixed).json()["tenant_discovery_endpoint"]
    assert login.door.call("GET", instance, params={"authorization_endpoint": "https://a.example/b"}).status_code == 400


def phones(login, name):
    return f"/users/{login.door.user(name)}/authentication/phoneMethods"


def test_an_authentication_administrator_sees_masked_numbers_and_no_administrators(login) -> None:
    login.appoint("Otto Synced", "Authentication Administrator")
    token = login.tokens("Otto Synced")["access_token"]
    seen = login.door.call("GET", phones(login, "Ben Mobile"), token).json()["value"][0]["phoneNumber"]
    assert "*" in seen
    assert "612340001" not in seen
    listed = login.door.call("GET", phones(login, "Ben Mobile").replace("phoneMethods", "methods"), token)
    assert "612340001" not in listed.text
    for verb, path in (("GET", ""), ("DELETE", f"/{MOBILE}")):
        answer = login.door.call(verb, phones(login, "Hugo Admin") + path, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "accessDenied")
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    assert login.door.call("POST", phones(login, "Ada Empty"), token, json=body).status_code == 201
    login.appoint("Eva Office", "Reports Reader")
    assert login.door.call("GET", phones(login, "Eva Office"), token).status_code == 200


@pytest.mark.parametrize(
    ("role", "read", "write", "masked"),
    [
        ("Global Administrator", 200, 204, False),
        ("Privileged Authentication Administrator", 200, 204, False),
        ("Global Reader", 200, 403, False),
        ("Helpdesk Administrator", 403, 403, None),
        (None, 403, 403, None),
    ],
)
def test_the_role_decides_what_is_seen_and_written_of_others(login, role, read, write, masked) -> None:
    login.appoint("Otto Synced", *([role] if role else []))
    token = login.tokens("Otto Synced")["access_token"]
    path = phones(login, "Ben Mobile")
    answer = login.door.call("GET", path, token)
    assert answer.status_code == read
    if masked is not None:
        assert ("*" in answer.text) is masked
    changed = login.door.call("PATCH", f"{path}/{MOBILE}", token, json={"phoneNumber": "+31 612349999"})
    assert changed.status_code == write


def test_what_was_not_consented_to_is_not_there(login) -> None:
    scope = f"{login.door.root}/User.Read.All"
    token = login.tokens("Hugo Admin", scope)["access_token"]
    assert login.door.call("GET", "/users?$top=1", token).status_code == 200
    assert login.door.call("GET", phones(login, "Ben Mobile"), token).status_code == 403


def test_me_is_whoever_signed_in(login) -> None:
    scope = f"{login.door.root}/User.Read {login.door.root}/UserAuthenticationMethod.Read"
    token = login.tokens("Ben Mobile", scope)["access_token"]
    me = login.door.call("GET", "/me?$select=displayName,department,mobilePhone", token).json()
    assert (me["displayName"], me["mobilePhone"]) == ("Ben Mobile", "+31 612340001")
    own = login.door.call("GET", "/me/authentication/phoneMethods", token).json()["value"]
    assert own[0]["phoneNumber"] == "+31 612340001"
    assert login.door.call("GET", "/users", token).status_code == 403
    body = {"phoneNumber": "+31 612345678", "phoneType": "office"}
    assert login.door.call("POST", "/me/authentication/phoneMethods", token, json=body).status_code == 403
    assert login.door.call("GET", f"{login.door.root}/oidc/userinfo", token).json()["name"] == "Ben Mobile"


def test_what_somebody_is_in_may_be_asked_by_whoever_may_read_it(login) -> None:
    mine = login.tokens("Ben Mobile", f"{login.door.root}/User.Read")["access_token"]
    for path in ("/me/memberOf", "/me/memberOf/microsoft.graph.group"):
        assert login.door.call("GET", path, mine).json()["value"]
    asked = {"securityEnabledOnly": False}
    groups = login.door.call("POST", "/me/getMemberGroups", mine, json=asked).json()["value"]
    assert (
        login.door.call("POST", "/me/checkMemberObjects", mine, json={"ids": groups[:1]}).json()["value"] == groups[:1]
    )
    others = f"/users/{login.door.user('Hugo Admin')}/getMemberGroups"
    assert login.door.call("POST", others, mine, json=asked).status_code == 403
    login.appoint("Otto Synced", "Global Reader")
    reader = login.tokens("Otto Synced", f"{login.door.root}/User.Read.All")["access_token"]
    assert login.door.call("POST", others, reader, json=asked).json()["value"]


def test_deleting_a_method_of_ones_own_is_named_as_missing(login) -> None:
    mine, scope = f"/me/authentication/phoneMethods/{MOBILE}", f"{login.door.root}/UserAuthMethod-Phone.ReadWrite"
    token = login.tokens("Hugo Admin", scope)["access_token"]
    assert login.door.call("DELETE", mine, token).status_code == 501
    assert login.door.call("DELETE", f"{phones(login, 'Ben Mobile')}/{MOBILE}", token).status_code == 403


def test_reports_and_policy_have_their_own_roles(login) -> None:
    report, policy = "/reports/authenticationMethods/userRegistrationDetails", "/policies/authenticationMethodsPolicy"
    for role, expected in (("Reports Reader", (200, 403)), ("Authentication Policy Administrator", (403, 200))):
        login.appoint("Otto Synced", role)
        token = login.tokens("Otto Synced")["access_token"]
        assert tuple(login.door.call("GET", path, token).status_code for path in (report, policy)) == expected


def test_the_audit_log_names_the_person(login) -> None:
    token = login.tokens("Hugo Admin")["access_token"]
    body = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    assert login.door.call("POST", phones(login, "Ada Empty"), token, json=body).status_code == 201
    rows = login.door.call("GET", "/auditLogs/directoryAudits").json()["value"]
    who = [row["initiatedBy"]["user"] for row in rows if row["loggedByService"] == "Authentication Methods"]
    assert who[0]["userPrincipalName"] == login.upn("Hugo Admin")


def test_signing_out_everywhere_ends_tokens_and_refresh_tokens(login) -> None:
    answer = login.tokens("Ben Mobile", claims=json.dumps({"access_token": {"xms_cc": {"values": ["cp1"]}}}))
    user = login.door.world.tenant.find(login.upn("Ben Mobile"))
    assert login.door.call("GET", "/me", answer["access_token"]).status_code == 200
    login.door.world.tenant.sign_out(user)
    denied = login.door.call("GET", "/me", answer["access_token"])
    assert (denied.status_code, "insufficient_claims" in denied.headers["www-authenticate"]) == (401, True)
    ask = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert refused(login.oauth("token", **ask))[2] == 50173
    assert login.door.call("GET", "/me", login.tokens("Ben Mobile")["access_token"]).status_code == 200


# azure-identity's own credentials, over HTTPS: the browser is somebody who fills in the page's form.


@pytest.fixture
def profile(https_door, https):
    assert https_door.call("POST", "/_demo/reset").status_code == 200
    assert https_door.call("PUT", "/_demo/sign-in", json={"interval": 1}).status_code == 200
    yield yaml.safe_load((https.home / "connection.yaml").read_text())
    https_door.call("PUT", "/_demo/sign-in", json={"interval": 5})


def options(profile):
    return {
        "authority": profile["authority_url"], "tenant_id": profile["tenant_id"], "client_id": profile["client_id"],
        "disable_instance_discovery": True, "connection_verify": profile["ca_bundle"],
    }  # fmt: skip


def browser(profile):
    return httpx.Client(verify=ssl.create_default_context(cafile=profile["ca_bundle"]), trust_env=False)


def test_azure_identity_signs_in_by_device_code(profile, https_door) -> None:
    upn = https_door.state()["Hugo Admin"]["userPrincipalName"]

    def prompt(where, code, _until):
        with browser(profile) as page:
            assert page.post(where, data={"otc": code, "user": upn, "answer": "accept"}).status_code == 200

    credential = DeviceCodeCredential(**options(profile), prompt_callback=prompt)
    token = credential.get_token(f"{profile['graph_url']}/.default").token
    assert claims(token)["upn"] == upn
    assert https_door.call("GET", "/me", token).json()["userPrincipalName"] == upn


def test_azure_identity_signs_in_by_browser(profile, https_door, monkeypatch) -> None:
    upn = https_door.state()["Hugo Admin"]["userPrincipalName"]

    def opened(url, *_args, **_more):
        def fill_in():
            with browser(profile) as page:
                answer = page.post(url, data={"user": upn, "answer": "accept"})
                if answer.status_code == 302:
                    httpx.get(answer.headers["location"], trust_env=False)
                else:
                    there = re.search(r'<form method="post" action="([^"]+)"', answer.text)
                    sent = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
                    httpx.post(there[1], data=sent, trust_env=False)

        threading.Thread(target=fill_in).start()
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setattr(webbrowser, "get", lambda *_: type("Browser", (), {"open": staticmethod(opened)}))
    token = InteractiveBrowserCredential(**options(profile)).get_token(f"{profile['graph_url']}/.default").token
    assert claims(token)["upn"] == upn


def test_azure_identity_is_told_that_somebody_declined(profile) -> None:
    def prompt(where, code, _until):
        with browser(profile) as page:
            page.post(where, data={"otc": code, "answer": "decline"})

    credential = DeviceCodeCredential(**options(profile), prompt_callback=prompt)
    with pytest.raises(ClientAuthenticationError, match="declined"):
        credential.get_token(f"{profile['graph_url']}/.default")
