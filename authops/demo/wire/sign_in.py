"""The login over HTTP: endpoints for programs, and the two pages for people."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from authops.demo.login import clients, pages
from authops.demo.login.refusal import LoginError, NotHere
from authops.demo.login.tokens import Denied

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from authops.demo.login.endpoint import Login

_DECLINED = "the user canceled the authentication"
_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class SignIn:
    """What `login` says, over HTTP."""

    def __init__(self, login: Login, stamp: Callable[[], str]) -> None:
        """Serve `login`; `stamp` is the time as it is written."""
        self.login, self._stamp = login, stamp

    def routes(self) -> list[Route]:
        """Return the table of addresses."""
        t = "/{tenant}/oauth2/v2.0"
        return [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self.metadata),
            Route("/{tenant}/.well-known/openid-configuration", self.metadata),
            Route("/{tenant}/discovery/v2.0/keys", self.keys),
            Route("/common/discovery/instance", self.instance),
            Route(f"{t}/token", self.token, methods=_VERBS),
            Route(f"{t}/devicecode", self.device_code, methods=_VERBS),
            Route(f"{t}/authorize", self.authorize, methods=["GET", "POST"]),
            Route(f"{t}/logout", self.signed_out, methods=["GET", "POST"]),
            Route("/devicelogin", self.device_page, methods=["GET", "POST"]),
            Route("/common/oauth2/nativeclient", self.native),
            Route("/oidc/userinfo", self.userinfo, methods=["GET", "POST"]),
            # The Azure CLI asks which tenants and subscriptions there are: this one, and none.
            Route("/tenants", self.tenants),
            Route("/subscriptions", self.subscriptions),
            Route("/{slash:path}metadata/endpoints", self.endpoints),
        ]

    async def token(self, request: Request) -> Response:
        """Answer a token request."""
        form = await _form(request)
        return self._json(lambda: self.login.token(_posted(request), form))

    async def device_code(self, request: Request) -> Response:
        """Answer a device authorization request."""
        form, root = await _form(request), self._root(request)
        return self._json(lambda: self.login.begin_device(_posted(request), form, root))

    async def metadata(self, request: Request) -> Response:
        """Answer OpenID discovery."""
        return self._json(lambda: self.login.metadata(request.path_params["tenant"], self._root(request)))

    async def instance(self, request: Request) -> Response:
        """Answer instance discovery."""
        address = request.query_params.get("authorization_endpoint", "")
        return self._json(lambda: self.login.instance(address, self._root(request)))

    async def keys(self, _request: Request) -> Response:
        """Answer the signing keys."""
        return JSONResponse(self.login.keys())

    async def userinfo(self, request: Request) -> Response:
        """Tell who the bearer is (OpenID)."""
        bearer = self.login.bearer(request.headers.get("authorization"))
        person = None if isinstance(bearer, Denied) else self.login.people.find(bearer.person)
        if person is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": person.id, "name": person.name, "email": person.upn})

    async def signed_out(self, request: Request) -> Response:
        """End a session, of which the demo login keeps none."""
        there = request.query_params.get("post_logout_redirect_uri", "")
        try:
            clients.check_redirect(there, "", self.login.roots)
        except LoginError:
            return HTMLResponse(pages.said("Signed out", "You signed out of your account."))
        return RedirectResponse(there, 302)

    async def native(self, _request: Request) -> Response:
        """Show the page that native clients read their answer from."""
        return HTMLResponse(pages.said("Signed in", "You may close this page."))

    async def tenants(self, request: Request) -> Response:
        """List the tenants of whoever asks Azure Resource Manager."""
        ids = self.login.registration
        row = {"id": f"/tenants/{ids.tenant_id}", "tenantId": ids.tenant_id, "displayName": ids.name}
        return self._managed(request, [row | {"defaultDomain": ids.domains[0] if ids.domains else None}])

    async def subscriptions(self, request: Request) -> Response:
        """List the Azure subscriptions: none."""
        return self._managed(request, [])

    async def endpoints(self, request: Request) -> Response:
        """Tell a cloud's addresses, as Azure Resource Manager tells the Azure CLI that registers one."""
        root = self._root(request)
        login = {"loginEndpoint": root, "audiences": [f"{root}/"], "tenant": "common", "identityProvider": "AAD"}
        names = dict.fromkeys(("resourceManager", "microsoftGraphResourceId", "graphAudience", "portal"), f"{root}/")
        return JSONResponse({"name": "AuthopsDemo", "authentication": login, "suffixes": {}, **names})

    def _managed(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        denied = self.login.mint.refuse(request.headers.get("authorization"), (*self.login.roots, *clients.MANAGEMENT))
        if denied:
            return JSONResponse({"error": {"code": "AuthenticationFailed", "message": denied.text}}, 401)
        return JSONResponse({"value": rows})

    async def authorize(self, request: Request) -> Response:
        """Show who may sign in and what is asked; then bring the answer to the application."""
        asked = dict(parse_qsl(request.url.query)) | ({} if request.method == "GET" else await _form(request))
        try:
            self.login.check_authorization(request.path_params["tenant"], asked)
        except (LoginError, NotHere) as no:
            # Nowhere to send it to that could be trusted.
            return HTMLResponse(pages.said("Sorry, but we’re having trouble signing you in.", self._text(no)), 400)
        user, answer = asked.pop("user", ""), asked.pop("answer", "")
        if answer == "decline":
            return self._refused(asked, LoginError("access_denied", 65004, _DECLINED))
        if asked.get("prompt") == "none":
            text = "Session information is not sufficient for single-sign-on."
            return self._refused(asked, LoginError("login_required", 50058, text))
        if request.method == "GET" or not user:
            return HTMLResponse(self._choose("", asked, asked.get("login_hint", "")))
        try:
            person = self.login.enter(user, asked["client_id"], asked["scope"])
        except LoginError as no:
            return self._refused(asked, no)
        return self._brought(asked, {"code": self.login.grants.authorize(asked, person)})

    def _choose(self, action: str, asked: dict[str, str], hint: str = "") -> str:
        names = clients.split_scope(asked["scope"], self.login.graph)
        _, client = self.login.client(asked["client_id"], "common")
        return pages.choose(action, client, [*names[1], *names[2]], self.login.people.some(), asked, hint)

    def _refused(self, asked: dict[str, str], no: LoginError) -> Response:
        return self._brought(asked, {"error": no.error, "error_description": self._text(no)})

    def _brought(self, asked: dict[str, str], values: dict[str, str]) -> Response:
        values |= {"state": asked["state"]} if "state" in asked else {}
        values["session_state"] = str(uuid.uuid4())
        if asked.get("response_mode") == "form_post":
            return HTMLResponse(pages.answer_form(asked["redirect_uri"], values))
        sign = "#" if asked.get("response_mode") == "fragment" else "&" if "?" in asked["redirect_uri"] else "?"
        return RedirectResponse(f"{asked['redirect_uri']}{sign}{urlencode(values)}", 302)

    async def device_page(self, request: Request) -> Response:
        """Take the code of a device, then let somebody sign in for it."""
        asked = dict(request.query_params) | ({} if request.method == "GET" else await _form(request))
        if not asked.get("otc"):
            return HTMLResponse(pages.enter_code("/devicelogin"))
        try:
            device = self.login.grants.waiting(asked["otc"])
            if asked.get("answer") == "decline":
                device.declined = True
                return HTMLResponse(pages.said("Declined", "You may close this page."))
            if request.method == "GET" or not asked.get("user"):
                shown = {"otc": asked["otc"], "client_id": device.client_id, "scope": device.scope}
                return HTMLResponse(self._choose("/devicelogin", shown))
            device.person = self.login.enter(asked["user"], device.client_id, device.scope)
        except LoginError as no:
            return HTMLResponse(pages.enter_code("/devicelogin", asked["otc"], self._text(no)), 400)
        text = f"You signed in as {device.person.upn}. You may close this page."
        return HTMLResponse(pages.said("Signed in", text))

    def _root(self, request: Request) -> str:
        here = f"https://{request.headers.get('host', '')}"
        return here if here in self.login.roots else self.login.roots[0]

    def _text(self, no: LoginError | NotHere) -> str:
        return f"AADSTS{no.number}: {no.text}" if isinstance(no, LoginError) else _not_here(no)

    def _json(self, ask: Callable[[], dict[str, Any]]) -> Response:
        try:
            return JSONResponse(ask(), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
        except (LoginError, NotHere) as no:
            return self.refusal(no)

    def refusal(self, no: LoginError | NotHere) -> Response:
        """Return a refusal in OAuth's shape."""
        stamp = self._stamp().replace("T", " ")
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        ids = {"timestamp": stamp, "trace_id": trace, "correlation_id": correlation}
        if isinstance(no, NotHere):
            return JSONResponse({"error": "not_implemented", "error_description": _not_here(no), **ids}, 501)
        text = f"{self._text(no)} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        said = {"error": no.error, "error_description": text, "error_codes": [no.number], **ids}
        where = f"{self.login.roots[0]}/error?code={no.number}"
        return JSONResponse({**said, "error_uri": where}, no.status, {"Cache-Control": "no-store"})


def _not_here(no: NotHere) -> str:
    return f"The demo login does not implement {no}."


def _posted(request: Request) -> str:
    """Return the tenant of a request that has to be a POST."""
    if request.method != "POST":
        text = f"The endpoint only accepts POST requests. Received a {request.method} request."
        raise LoginError("invalid_request", 900561, text)
    return str(request.path_params["tenant"])


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
