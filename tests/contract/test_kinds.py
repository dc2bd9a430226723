"""Every kind of method by itself: what v1.0 and beta show of it, who may read it, what is refused.

Sources: the API pages of each method type, v1.0 and beta; Graph metadata.
"""

import pytest

from authops.demo.methods.kinds import KINDS

BASE = {"id", "createdDateTime"}
# What v1.0 documents of each kind besides, and what beta does.
SHOWN = {
    "fido2": {"displayName", "aaGuid", "model", "attestationCertificates", "attestationLevel", "passkeyType"},
    "microsoftAuthenticator": {"displayName", "deviceTag", "phoneAppVersion"},
    "softwareOath": {"secretKey"},
    "windowsHelloForBusiness": {"displayName", "keyStrength"},
    "platformCredential": {"displayName", "keyStrength", "platform"},
    "external": {"displayName", "configurationId"},
    "temporaryAccessPass": {
        "temporaryAccessPass", "startDateTime", "lifetimeInMinutes", "isUsableOnce", "isUsable",
        "methodUsabilityReason",
    },
    "password": {"password"},
    "hardwareOath": {"device"},
    "qrCodePin": {"standardQRCode", "temporaryQRCode", "pin"},
}  # fmt: skip
IN_BETA = {"microsoftAuthenticator": {"clientAppName"}}
SERVED = [pytest.param(kind, version, id=f"{kind.name}-{version}")
          for kind in KINDS for version in ("v1.0", "beta") if version == "beta" or kind.since == "v1.0"]  # fmt: skip


def register(door, name, kind, **fields):
    """Let somebody register a method of that kind, as only the person can."""
    if kind != "password":
        told = {"register": [{"user": door.user(name), "kind": kind, **fields}]}
        assert door.call("POST", "/_demo/staff", json=told).status_code == 200
    rows = door.state()[name]["methods"]
    return next(row["id"] for row in rows if row["kind"] == kind)


def where(door, kind, version, name="Ada Empty"):
    return f"{door.root}/{version}/users/{door.user(name)}/authentication/{kind.segment}"


@pytest.mark.parametrize(("kind", "version"), SERVED)
def test_each_kind_shows_what_its_version_documents(inside, kind, version) -> None:
    key = register(inside, "Ada Empty", kind.name)
    address = where(inside, kind, version)
    one = inside.call("GET", address if kind.single else f"{address}/{key}").json()
    used = {"lastUsedDateTime"} if version == "beta" else set()
    expected = BASE | SHOWN[kind.name] | used | (IN_BETA.get(kind.name, set()) if version == "beta" else set())
    assert {name for name in one if "@odata" not in name} == expected
    rows = inside.call("GET", f"{address.rsplit('/', 1)[0]}/methods").json()["value"]
    (mine,) = (row for row in rows if row["id"] == key)
    assert mine.pop("@odata.type") == f"#microsoft.graph.{kind.name}AuthenticationMethod"
    assert set(mine) == expected - set(kind.nested)
    if not kind.single:
        assert inside.call("GET", address).json()["value"] == [mine]


@pytest.mark.parametrize(("kind", "version"), SERVED)
def test_each_kind_is_deleted_where_it_stands_and_is_gone(inside, kind, version) -> None:
    key = register(inside, "Ada Empty", kind.name)
    address = where(inside, kind, version) + ("" if kind.single else f"/{key}")
    answer = inside.call("DELETE", address).status_code
    assert answer == (204 if kind.deletable else 404)
    gone = inside.call("GET", address)
    assert (gone.status_code, kind.name in str(inside.state()["Ada Empty"]["methods"])) == (
        (404, False) if kind.deletable else (200, True)
    )
    if kind.deletable:
        assert inside.call("DELETE", address).json()["error"]["code"] == "resourceNotFound"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_has_its_own_permissions(inside_door, kind) -> None:
    door = inside_door
    assert door.call("POST", "/_demo/reset").status_code == 200
    key = register(door, "Ada Empty", kind.name)
    address = where(door, kind, "beta") + ("" if kind.single else f"/{key}")

    def asked(method, permission):
        return door.call(method, address, door.world.login.issue_token(permissions=[permission])).status_code

    other = next(k.family for k in KINDS if k is not kind)
    narrow = f"UserAuthMethod-{kind.family}"
    assert asked("GET", f"UserAuthMethod-{other}.ReadWrite.All") == 403
    assert [asked("GET", f"{narrow}.{verb}.All") for verb in ("Read", "ReadWrite")] == [200, 200]
    assert asked("GET", "UserAuthenticationMethod.Read.All") == 200
    if kind.deletable:
        assert [asked("DELETE", f"{narrow}.{verb}.All") for verb in ("Read", "ReadWrite")] == [403, 204]


def test_what_only_beta_knows_is_not_listed_in_v1(inside) -> None:
    key = register(inside, "Ada Empty", "hardwareOath")
    auth = f"/users/{inside.user('Ada Empty')}/authentication"
    types = [row["@odata.type"] for row in inside.call("GET", f"{auth}/methods").json()["value"]]
    assert types == ["#microsoft.graph.passwordAuthenticationMethod"]
    assert inside.call("GET", f"{auth}/methods/{key}").status_code == 404
    assert inside.call("GET", f"{auth}/hardwareOathMethods").status_code == 501


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("POST", "fido2Methods"),
        ("GET", "fido2Methods/creationOptions"),
        ("GET", "fido2Methods/creationOptions(challengeTimeoutInMinutes=10)"),
        ("GET", "fido2Methods/microsoft.graph.creationOptions(challengeTimeoutInMinutes=10)"),
        ("POST", "hardwareOathMethods"),
        ("POST", "hardwareOathMethods/assignAndActivateBySerialNumber"),
        ("PUT", "qrCodePinMethod"),
        ("PATCH", "qrCodePinMethod/pin"),
        ("GET", "qrCodePinMethod/standardQRCode"),
        ("GET", "operations/1"),
    ],
)
def test_what_graph_does_with_a_kind_and_this_tenant_does_not_is_named(inside, method, rest) -> None:
    asked = f"{inside.root}/beta/users/{inside.user('Ada Empty')}/authentication/{rest}"
    answer = inside.call(method, asked, **({} if method == "GET" else {"json": {}}))
    assert answer.status_code == 501
    assert rest in answer.json()["error"]["message"]


def test_an_external_method_is_registered_by_configuration_and_name(inside) -> None:
    address = f"/users/{inside.user('Ada Empty')}/authentication/externalAuthenticationMethods"
    wanted = {"configurationId": "b2f5a1de-7c10-4f5b-9a53-0d8b8f1e6c11", "displayName": "Adatum"}
    odd = {"configurationId": "", "displayName": "Adatum"}
    for wrong in ({}, {"displayName": "Adatum"}, odd, {**wanted, "phoneNumber": "+31 612345678"}):
        assert inside.call("POST", address, json=wrong).status_code == 400
    typed = {"@odata.type": "#microsoft.graph.externalAuthenticationMethod", **wanted}
    added = inside.call("POST", address, json=typed)
    assert added.status_code == 201
    (listed,) = inside.call("GET", address).json()["value"]
    assert {name: listed[name] for name in ("id", *wanted)} == {"id": added.json()["id"], **wanted}
    assert inside.call("PATCH", f"{address}/{listed['id']}", json=wanted).status_code == 501
    assert inside.call("DELETE", f"{address}/{listed['id']}").status_code == 204


def test_the_report_names_what_each_kind_is(inside) -> None:
    names = {
        "hardwareOath": "hardwareOneTimePasscode", "qrCodePin": "qrCode", "windowsHelloForBusiness": None,
        "softwareOath": "softwareOneTimePasscode", "external": "externalAuthMethod",
    }  # fmt: skip
    for kind in names:
        register(inside, "Ada Empty", kind)
    register(inside, "Ada Empty", "fido2", passkeyType="synced", attestationLevel="notAttested")
    report = f"/reports/authenticationMethods/userRegistrationDetails/{inside.user('Ada Empty')}"
    found = inside.call("GET", report).json()
    expected = {name or kind for kind, name in names.items()} | {"passKeySynced"}
    assert set(found["methodsRegistered"]) == expected
    assert (found["isMfaRegistered"], found["isPasswordlessCapable"]) == (True, True)


def test_a_qr_code_alone_is_one_factor(inside) -> None:
    register(inside, "Ada Empty", "qrCodePin")
    report = f"/reports/authenticationMethods/userRegistrationDetails/{inside.user('Ada Empty')}"
    assert inside.call("GET", report).json()["isMfaCapable"] is False


def test_nobody_registers_what_there_is_not(inside) -> None:
    told = {"register": [{"user": inside.user("Ada Empty"), "kind": "telepathy"}]}
    assert inside.call("POST", "/_demo/staff", json=told).status_code == 400
