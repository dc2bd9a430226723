"""Real clients against the demo tenant: azure-identity signs in, msgraph-sdk's typed models read every answer."""

import asyncio

import httpx
import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential
from kiota_abstractions.serialization import AdditionalDataHolder, Parsable
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.authentication_phone_type import AuthenticationPhoneType
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.phone_authentication_method import PhoneAuthenticationMethod

from authops.demo import ensure, stop
from authops.demo.wire.server import Threaded
from tests.contract.conftest import credential
from tests.contract.test_rules import MOBILE


@pytest.fixture(params=["the SDK's own default", "a custom address"])
def profile(https, request):
    """Where the tenant is; the SDK's own default address, `…/v1.0/`, sends every request as `/v1.0//users`."""
    known = yaml.safe_load((https.home / "connection.yaml").read_text())
    return {**known, "default": request.param == "the SDK's own default"}


def sdk(profile, https_door):
    if profile["default"]:
        return _default(profile, https_door)
    host = profile["graph_url"].removeprefix("https://")
    provider = AzureIdentityAuthenticationProvider(
        credential(profile, CertificateCredential),
        scopes=[f"{profile['graph_url']}/.default"],
        allowed_hosts=[host, "127.0.0.1"],
    )
    client = httpx.AsyncClient(verify=https_door.verify, trust_env=False)
    adapter = GraphRequestAdapter(provider, client=client)
    adapter.base_url = f"{profile['graph_url']}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def _default(profile, https_door):
    """`GraphServiceClient(credentials=…)` as its documentation begins, led here by its transport alone."""
    client = GraphServiceClient(credentials=credential(profile, CertificateCredential))
    here = httpx.URL(profile["graph_url"])
    inner = httpx.AsyncHTTPTransport(verify=https_door.verify)

    class Led(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            request.url = request.url.copy_with(scheme=here.scheme, host=here.host, port=here.port)
            request.headers["Host"] = f"{here.host}:{here.port}"
            return await inner.handle_async_request(request)

    client.request_adapter._http_client._transport.pipeline._transport = Led()
    return client


def unknown(found, path="$"):
    """Return every property the typed model did not know."""
    if isinstance(found, list):
        return [u for n, item in enumerate(found) for u in unknown(item, f"{path}[{n}]")]
    if not isinstance(found, Parsable):
        return []
    extra = found.additional_data if isinstance(found, AdditionalDataHolder) else {}
    own = [f"{path}.{name}" for name in extra if "@odata" not in name]
    inside = [u for k, v in vars(found).items() if k != "backing_store" for u in unknown(v, f"{path}.{k}")]
    stored = getattr(found, "backing_store", None)
    pairs = stored.enumerate_() if stored else []
    return own + inside + [u for k, v in pairs if k != "additionalData" for u in unknown(v, f"{path}.{k}")]


def test_every_answer_fits_the_typed_models(profile, https_door):
    ids = [u["id"] for u in https_door.state().values() if not u["deleted"]]

    https_door.call("POST", "/_demo/reset")
    granted = https_door.call("GET", "/_demo/sign-in").json()["granted"]
    https_door.call(
        "PUT", "/_demo/sign-in", json={"granted": [*granted, "LicenseAssignment.Read.All", "Policy.Read.All"]}
    )
    phone = {"phoneNumber": "+31 612345678", "phoneType": "mobile"}
    empty = https_door.user("Ada Empty")
    assert https_door.call("POST", f"/users/{empty}/authentication/phoneMethods", json=phone).status_code == 201

    async def read():
        graph = sdk(profile, https_door)
        answers = [await graph.users.get(), await graph.organization.get(), await graph.users.by_user_id(ids[0]).get()]
        answers.append(await graph.policies.authentication_methods_policy.get())
        answers.append(await graph.reports.authentication_methods.user_registration_details.get())
        for user_id in ids[:60]:
            authentication = graph.users.by_user_id(user_id).authentication
            answers.append(await authentication.methods.get())
            answers.append(await authentication.phone_methods.get())
            answers.append(await authentication.email_methods.get())
            answers.append(await authentication.platform_credential_methods.get())
            answers.append(await authentication.external_authentication_methods.get())
        roles, groups = graph.role_management.directory, await graph.groups.get()
        answers += [
            groups,
            await graph.subscribed_skus.get(),
            await graph.users.by_user_id(ids[0]).license_details.get(),
        ]
        answers += [await graph.users.delta.get(), await graph.audit_logs.directory_audits.get()]
        answers += [await roles.role_assignments.get(), await roles.role_eligibility_schedule_instances.get()]
        answers += [await roles.role_definitions.get(), await roles.role_assignment_schedule_instances.get()]
        answers += [
            await roles.role_eligibility_schedules.get(),
            await graph.identity.conditional_access.policies.get(),
        ]
        answers.append(await graph.policies.identity_security_defaults_enforcement_policy.get())
        for group in groups.value:
            answers.append(await graph.groups.by_group_id(group.id).transitive_members.get())
        counted = graph.reports.authentication_methods
        how = {"included_user_roles": "all", "included_user_types": "all"}
        by_method = "users_registered_by_method_with_included_user_types_with_included_user_roles"
        by_feature = "users_registered_by_feature_with_included_user_types_with_included_user_roles"
        # The SDK's own builder leaves out the comma between the two arguments.
        address = "https://graph.microsoft.com" if profile["default"] else profile["graph_url"]
        where = f"{address}/v1.0/reports/authenticationMethods/usersRegisteredBy"
        arguments = "(includedUserTypes='all',includedUserRoles='all')"
        answers.append(await getattr(counted, by_method)(**how).with_url(f"{where}Method{arguments}").get())
        answers.append(await getattr(counted, by_feature)(**how).with_url(f"{where}Feature{arguments}").get())
        answers.append(await graph.policies.authentication_methods_policy.authentication_method_configurations.get())
        configurations = graph.policies.authentication_methods_policy.authentication_method_configurations
        for name in ("Sms", "Voice", "Email", "Fido2", "MicrosoftAuthenticator", "TemporaryAccessPass", "SoftwareOath"):
            answers.append(await configurations.by_authentication_method_configuration_id(name).get())
        return answers

    answers = asyncio.run(read())
    https_door.call("PUT", "/_demo/sign-in", json={"granted": granted})
    assert [u for a in answers for u in unknown(a)] == []
    kinds = {type(m).__name__ for a in answers for m in (getattr(a, "value", None) or [])}
    assert {"FidoAuthenticationMethod", "Fido2AuthenticationMethod"} & kinds


def test_typed_writes(profile, https_door):
    https_door.call("POST", "/_demo/reset")
    user_id = https_door.user("Ada Empty")

    async def write():
        phones = sdk(profile, https_door).users.by_user_id(user_id).authentication.phone_methods
        phone = PhoneAuthenticationMethod(phone_number="+31 612345678", phone_type=AuthenticationPhoneType.Mobile)
        added = await phones.post(phone)
        phone.phone_number = "+31 612345679"
        await phones.by_phone_authentication_method_id(MOBILE).patch(phone)
        changed = await phones.by_phone_authentication_method_id(MOBILE).get()
        await phones.by_phone_authentication_method_id(MOBILE).delete()
        with pytest.raises(ODataError) as missing:
            await phones.by_phone_authentication_method_id(MOBILE).get()
        return added, changed, missing.value

    added, changed, missing = asyncio.run(write())
    assert (added.id, changed.phone_number) == (MOBILE, "+31 612345679")
    assert missing.response_status_code == 404
    assert missing.error.inner_error.request_id


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, "AADSTS700016"),
        ({"certificate_path": "client-expired.pem"}, "AADSTS700027"),
        ({"certificate_path": "stranger"}, "AADSTS700027"),
    ],
)
def test_sign_in_is_refused(profile, https, tmp_path, changed, number):
    if changed.get("certificate_path") == "client-expired.pem":
        changed = {"certificate_path": str(https.home / "client-expired.pem")}
    if changed.get("certificate_path") == "stranger":
        changed = {"certificate_path": _stranger(tmp_path)}
    with pytest.raises(ClientAuthenticationError, match=number):
        credential(profile, CertificateCredential, **changed).get_token(profile["graph_url"] + "/.default")


def _stranger(folder):
    import datetime as dt

    from authops.demo.login import certificates

    certificates.prepare(folder / "other", dt.datetime.now(dt.UTC))
    return str(folder / "other" / "client.pem")


def test_unknown_tenant(profile, https_door):
    wrong = "22222222-2222-2222-2222-222222222222"
    with pytest.raises(ClientAuthenticationError, match="authority configuration"):
        credential(profile, CertificateCredential, tenant_id=wrong).get_token(profile["graph_url"] + "/.default")
    answer = https_door.call("GET", f"{https_door.root}/{wrong}/v2.0/.well-known/openid-configuration")
    assert "AADSTS90002" in answer.json()["error_description"]


@pytest.mark.parametrize(("scope", "number"), [("/User.Read", "AADSTS70011"), (".example/.default", "AADSTS500011")])
def test_bad_scope(profile, scope, number):
    with pytest.raises(ClientAuthenticationError, match=number):
        credential(profile, CertificateCredential).get_token(profile["graph_url"] + scope)


def test_state_and_port_survive_a_restart(tmp_path):
    with Threaded(tmp_path, users=20) as first:
        port = first.port
    with Threaded(tmp_path) as second:
        assert second.port == port
    with pytest.raises(ValueError, match="already holds 20 users"):
        Threaded(tmp_path, users=30)


def test_writes_survive_a_kill(tmp_path):
    import json
    import os
    import signal
    import ssl

    from tests.contract.conftest import Door

    def door():
        connection = yaml.safe_load(ensure(tmp_path, users=20).read_text())
        token = credential(connection, CertificateCredential).get_token(connection["graph_url"] + "/.default").token
        return Door(connection["graph_url"], None, ssl.create_default_context(cafile=connection["ca_bundle"]), token)

    first = door()
    url = f"/users/{first.user('Ben Mobile')}/authentication/phoneMethods/{MOBILE}"
    assert first.call("PATCH", url, json={"phoneNumber": "+31 612345099"}).status_code == 204
    os.kill(json.loads((tmp_path / "server.json").read_text())["pid"], signal.SIGKILL)
    try:
        assert door().phones("Ben Mobile") == {"mobile": "+31 612345099"}
    finally:
        assert stop(tmp_path)
