"""The ASGI application: login, Graph and knobs behind one address. Also the in-process door."""

from __future__ import annotations

import asyncio
import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from authops.demo.login.tokens import Denied
from authops.demo.odata.calls import JSON_TYPE, Answer, Call, plain
from authops.demo.wire import batch
from authops.demo.wire.graph import Origin, Wire, weather_refusal
from authops.demo.wire.knobs import Knobs
from authops.demo.wire.sign_in import SignIn
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from authops.demo.faults.weather import Strike, Weather
    from authops.demo.login.endpoint import Login
    from authops.demo.login.tokens import Bearer
    from authops.demo.world.groups import Memberships
    from authops.demo.world.tenant import Tenant

_VERSIONS = ("v1.0", "beta")
_VERBS = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"]


class Front:
    """What stands before the wire: HTTP parsing, the bearer check, the outer weather."""

    def __init__(self, wire: Wire, login: Login) -> None:
        """Serve both."""
        self.wire, self.login = wire, login

    async def graph(self, request: Request) -> Response:
        """Answer one HTTP request to Graph."""
        origin = Origin(request.headers.get("client-request-id") or str(uuid.uuid4()))
        raw = await request.body()
        path = request.scope["raw_path"].decode("utf-8", "replace").partition("?")[0]
        version, _, rest = path.lstrip("/").partition("/")
        version, rest = version.lower(), rest.lstrip("/")
        if version not in _VERSIONS:
            return await _unknown(request)
        weather = self.wire.weather
        if delay := weather.delay():
            await asyncio.sleep(delay)
        strike = weather.strike("outer", f"{request.method} /{rest}")
        if strike and strike.kind == "hang":
            await _gone(request)
        if strike and strike.kind in ("reset-before", "hang"):
            return _cut_off()
        if strike and not strike.effect:
            return self._plain(self._struck(strike, request, f"/{rest}", origin), origin)
        answer = self._answer(request, version, f"/{rest}", raw, origin)
        if strike and strike.kind == "reset":
            return _cut_off()
        return self._plain(self._struck(strike, request, f"/{rest}", origin) if strike else answer, origin)

    def _struck(self, strike: Strike, request: Request, path: str, origin: Origin) -> Answer:
        headers = {"Retry-After": strike.retry_after} if strike.retry_after else {}
        no = weather_refusal(strike)
        return self._refuse(no, request.method, path, request.url.query, origin, headers)

    def _answer(self, request: Request, version: str, path: str, raw: bytes, origin: Origin) -> Answer:
        query = request.url.query
        bearer = self.login.bearer(request.headers.get("authorization"))
        refuse = partial(self._refuse, method=request.method, path=path, query=query, origin=origin)
        if isinstance(bearer, Denied):
            challenge = f'Bearer realm="", authorization_uri="{self.login.roots[0]}/common/oauth2/authorize"'
            challenge += f', error="insufficient_claims", claims="{bearer.claims}"' if bearer.claims else ""
            no = Refusal(401, "InvalidAuthenticationToken", bearer.text)
            return refuse(no, headers={"WWW-Authenticate": challenge})
        try:
            body = _json(raw, request.headers.get("content-type", ""))
            make = partial(self._call, bearer, version)
            if unquote(path).rstrip("/").lower() == "/$batch":
                return self._batch(request, body, origin, make)
        except Refusal as no:
            return refuse(no)
        headers = {k.lower(): v for k, v in request.headers.items()}
        return self.wire.answer(make(request.method, path, query, headers, body), origin)

    def _call(
        self,
        bearer: Bearer,
        version: str,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: Any,
    ) -> Call:
        wire = self.wire
        wire.reports.lag, wire.audits.lag = wire.weather.settings.report_lag, wire.weather.settings.audit_lag
        return Call(wire.tenant, wire.root, method, plain(path), query, headers, body, bearer, version=version)

    def _batch(self, request: Request, body: Any, origin: Origin, make: Callable[..., Call]) -> Answer:
        if request.method != "POST":
            raise Refusal(405, "methodNotAllowed", "A batch is a POST.")
        answer = batch.run(self.wire, body, origin.client_request_id, make)
        self.wire.record("POST", "/$batch", "", answer.status, str(uuid.uuid4()), origin)
        return answer

    def _refuse(
        self, no: Refusal, method: str, path: str, query: str, origin: Origin, headers: dict[str, str] | None = None
    ) -> Answer:
        request_id = str(uuid.uuid4())
        self.wire.record(method, path, query, no.status, request_id, origin)
        body = self.wire.error(no, request_id, origin.client_request_id)
        return Answer(no.status, body, {"request-id": request_id, **(headers or {})})

    def _plain(self, answer: Answer, origin: Origin) -> Response:
        headers = {"request-id": str(uuid.uuid4()), "client-request-id": origin.client_request_id, **answer.headers}
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        if isinstance(answer.body, str):
            return Response(answer.body, answer.status, headers)
        text = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False)
        return Response(text, answer.status, {"Content-Type": JSON_TYPE, "Cache-Control": "no-cache", **headers})


def _json(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if "json" not in content_type:
        raise Refusal(415, "UnsupportedMediaType", "A body needs Content-Type: application/json.")
    try:
        body = json.loads(raw)
        if b"\\ud" in raw.lower():
            # Half of a character is no text.
            json.dumps(body, ensure_ascii=False).encode()
        return body
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "BadRequest", "Unable to read JSON request payload.") from error


async def _gone(request: Request) -> None:
    """Wait until the client has given up (the body was read, so what comes next is its disconnection)."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.05)


def _cut_off() -> Response:
    """Return an answer that breaks off, as a dropped connection looks to a client."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"val'
        raise ConnectionResetError("the demo tenant's weather dropped this connection")

    return StreamingResponse(half(), headers={"Content-Length": "4096", "Content-Type": JSON_TYPE})


async def _unknown(request: Request) -> Response:
    text = f"The demo tenant does not implement {request.method} {request.url.path}."
    return JSONResponse({"error": {"code": "notImplemented", "message": text}}, 501)


def create_app(
    tenant: Tenant,
    memberships: Memberships,
    login: Login,
    weather: Weather,
    *,
    reset: Callable[..., None],
    stop: Callable[[], None] | None = None,
) -> Starlette:
    """Return the application; `reset` begins the world anew and `stop` ends the server, for the knobs."""
    wire = Wire(tenant, memberships, weather, login.roots[0])
    front, knobs = Front(wire, login), Knobs(wire, login, reset, stop)
    routes = [
        *knobs.routes(),
        *SignIn(login, tenant.stamp).routes(),
        Route("/{version}/{rest:path}", front.graph, methods=_VERBS),
        Route("/{rest:path}", _unknown, methods=_VERBS),
    ]
    app = Starlette(routes=routes)
    app.state.wire = wire
    return app
