"""Python's Graph clients, by name, in an environment of their own: one JSON line for each operation."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACE: dict[str, str] = json.loads(Path(os.environ["PLACE"]).read_text("utf-8"))
GRAPH, ADA = PLACE["graph_url"], PLACE["ada"]
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
PHONES = f"/users/{ADA}/authentication/phoneMethods"
REPORT = "/reports/authenticationMethods/userRegistrationDetails"
BATCH = {
    "requests": [{"id": "1", "method": "GET", "url": "/users?$top=1"}, {"id": "2", "method": "GET", "url": PHONES}]
}


def step(name: str, what: Callable[[], Any]) -> None:
    """Do one operation and say how it went."""
    try:
        what()
        print(json.dumps([name, "ok"]), flush=True)
    except Exception as error:
        print(json.dumps([name, f"{type(error).__name__}: {error}"[:200]]), flush=True)


def token() -> dict[str, Any]:
    """Sign in with the certificate through MSAL."""
    import msal

    pem = Path(PLACE["certificate_path"]).read_text("utf-8")
    body = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END", pem, re.DOTALL)
    import base64

    der = base64.b64decode(body[1]) if body else b""
    app = msal.ConfidentialClientApplication(
        PLACE["client_id"],
        authority=f"{PLACE['authority_url']}/{PLACE['tenant_id']}",
        client_credential={"private_key": pem, "thumbprint": hashlib.sha1(der).hexdigest()},
        instance_discovery=False,
    )
    found: dict[str, Any] = app.acquire_token_for_client([f"{GRAPH}/.default"])
    assert "access_token" in found, found
    return found


def bring_here() -> None:
    """Send what requests means for Graph's own address to the demo tenant."""
    import requests

    plainly = requests.adapters.HTTPAdapter.send

    def here(self: Any, request: Any, *args: Any, **more: Any) -> Any:
        request.url = request.url.replace("https://graph.microsoft.com", GRAPH)
        return plainly(self, request, *args, **more)

    requests.adapters.HTTPAdapter.send = here


def see(seen: Any, wanted: Any) -> None:
    """Compare, saying what was seen."""
    assert seen == wanted, f"saw {seen!r} instead of {wanted!r}"


def office365() -> None:
    """Office365-REST-Python-Client: its address is Graph's own, so requests are sent to the demo tenant instead."""
    from office365.graph_client import GraphClient

    bring_here()
    client = GraphClient(token)

    step("sign in", lambda: client.users.top(1).get().execute_query())
    step("list", lambda: see(len(client.users.top(5).get().execute_query()), 5))
    ada = client.users[ADA]
    step("read", lambda: see(ada.get().execute_query().properties["displayName"], "Ada Empty"))
    phones = ada.authentication.phone_methods
    step("add", lambda: phones.add(phoneNumber="+31 612345678", phoneType="mobile").execute_query())

    def change() -> None:
        phone = phones[MOBILE]
        phone.set_property("phoneNumber", "+31 612345679").update().execute_query()
        see(phones[MOBILE].get().execute_query().properties["phoneNumber"], "+31 612345679")

    step("change", change)
    step("delete", lambda: phones[MOBILE].delete_object().execute_query())

    def batch() -> None:
        users = client.users.top(1)
        client.load(users)
        client.load(client.groups)
        client.execute_batch()
        see(len(users), 1)

    step("batch", batch)
    step("report", lambda: client.reports.authentication_methods.user_registration_details.get().execute_query())


def o365() -> None:
    """O365: the directory through its own classes, the rest through its connection."""
    from O365 import Account
    from O365.connection import MSGraphProtocol
    from O365.utils import FileSystemTokenBackend

    class Demo(MSGraphProtocol):
        _protocol_url = f"{GRAPH}/"

    account = Account(
        (PLACE["client_id"], "unused"), auth_flow_type="credentials", tenant_id=PLACE["tenant_id"], protocol=Demo(),
        token_backend=FileSystemTokenBackend(token_path=os.environ["TMPDIR"]),
    )  # fmt: skip
    session = account.con.get_naive_session()
    held: dict[str, Any] = {}

    def sign_in() -> None:
        held.update(token())
        account.con.session = account.con.get_naive_session()
        account.con.session.headers["Authorization"] = f"Bearer {held['access_token']}"

    step("sign in", sign_in)

    def ask(method: str, path: str, body: Any = None) -> Any:
        con = account.con
        answer = con._internal_request(con.session, f"{GRAPH}/v1.0{path}", method, **({"json": body} if body else {}))
        return answer.json() if answer.content else None

    del session
    step("list", lambda: see(len(list(account.directory().get_users(limit=5))), 5))
    step("read", lambda: see(account.directory().get_user(ADA).display_name, "Ada Empty"))
    step("add", lambda: ask("post", PHONES, {"phoneNumber": "+31 612345678", "phoneType": "mobile"}))
    step("change", lambda: ask("patch", f"{PHONES}/{MOBILE}", {"phoneNumber": "+31 612345679"}))
    step("delete", lambda: ask("delete", f"{PHONES}/{MOBILE}"))
    step("batch", lambda: see([a["status"] for a in ask("post", "/$batch", BATCH)["responses"]], [200, 200]))
    step("report", lambda: ask("get", REPORT))


def sdk() -> None:
    """msgraph-sdk as its documentation begins: GraphServiceClient(credentials=…), with no address but its default."""
    import asyncio

    import httpx
    from azure.identity import CertificateCredential
    from msgraph import GraphServiceClient
    from msgraph.generated.models.authentication_phone_type import AuthenticationPhoneType
    from msgraph.generated.models.phone_authentication_method import PhoneAuthenticationMethod

    credential = CertificateCredential(
        PLACE["tenant_id"], PLACE["client_id"], PLACE["certificate_path"], authority=PLACE["authority_url"],
        disable_instance_discovery=True, connection_verify=PLACE["ca_bundle"],
    )  # fmt: skip

    plainly = httpx.AsyncHTTPTransport.handle_async_request

    async def here(self: Any, request: httpx.Request) -> httpx.Response:
        there = httpx.URL(GRAPH)
        request.url = request.url.copy_with(scheme=there.scheme, host=there.host, port=there.port)
        request.headers["Host"] = f"{there.host}:{there.port}"
        return await plainly(self, request)

    httpx.AsyncHTTPTransport.handle_async_request = here  # type: ignore[method-assign]

    def asked(what: Callable[[Any], Any]) -> Callable[[], Any]:
        async def once() -> Any:
            return await what(GraphServiceClient(credentials=credential))

        return lambda: asyncio.run(once())

    phone = PhoneAuthenticationMethod(phone_number="+31 612345678", phone_type=AuthenticationPhoneType.Mobile)
    other = PhoneAuthenticationMethod(phone_number="+31 612345679", phone_type=AuthenticationPhoneType.Mobile)

    def phones(client: Any) -> Any:
        return client.users.by_user_id(ADA).authentication.phone_methods

    step("sign in", lambda: credential.get_token("https://graph.microsoft.com/.default"))
    step("list", asked(lambda c: c.users.get()))
    step("read", asked(lambda c: c.users.by_user_id(ADA).get()))
    step("add", asked(lambda c: phones(c).post(phone)))
    step("change", asked(lambda c: phones(c).by_phone_authentication_method_id(MOBILE).patch(other)))
    step("delete", asked(lambda c: phones(c).by_phone_authentication_method_id(MOBILE).delete()))
    step("report", asked(lambda c: c.reports.authentication_methods.user_registration_details.get()))


if __name__ == "__main__":
    {"office365": office365, "o365": o365, "sdk": sdk}[sys.argv[1]]()
