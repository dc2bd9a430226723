"""The reserved path `/_demo/`: what tests and the curious may look at and turn. This machine only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authops.demo.methods import temporary_access_pass
from authops.demo.world.staff import Staff
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from authops.demo.login.endpoint import Login
    from authops.demo.wire.graph import Wire
    from authops.demo.world.tenant import User

_LOCAL = ("127.0.0.1", "::1", "testclient")


class Knobs:
    """The knobs of one running demo tenant."""

    def __init__(self, wire: Wire, login: Login, reset: Callable[..., None], stop: Callable[[], None] | None) -> None:
        """Turn the knobs of `wire` and `login`."""
        self.wire, self.login, self._reset, self._stop = wire, login, reset, stop

    @property
    def _staff(self) -> Staff:
        return Staff(self.wire.tenant, self.wire.audits)

    def routes(self) -> list[Route]:
        """Return the table of knobs."""
        table: list[tuple[str, Callable[[Request], Awaitable[Any]], list[str]]] = [
            ("health", self.health, ["GET"]),
            ("log", self.log, ["GET", "DELETE"]),
            ("reset", self.reset, ["POST"]),
            ("weather", self.weather, ["GET", "PUT"]),
            ("assumptions", self.assumptions, ["GET", "PUT"]),
            ("throttle", self.throttle, ["GET"]),
            ("sign-in", self.sign_in, ["GET", "PUT"]),
            ("revoke", self.revoke, ["POST"]),
            ("staff", self.staff, ["POST"]),
            ("pass", self.passes, ["GET", "POST"]),
            ("state", self.state, ["GET"]),
            ("stop", self.stop, ["POST"]),
        ]
        return [Route(f"/_demo/{name}", self._guarded(knob), methods=verbs) for name, knob, verbs in table]

    def _guarded(self, knob: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            # A web page that resolves its own name to this machine must not reach the knobs.
            known = f"https://{request.headers.get('host', '')}" in self.login.roots
            if not known or (request.client and request.client.host not in _LOCAL):
                return JSONResponse({"error": "the knobs answer this machine only"}, 403)
            try:
                return JSONResponse(await knob(request))
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return guarded

    async def health(self, _request: Request) -> dict[str, Any]:
        """Tell that it lives, and who it is."""
        meta = self.wire.tenant.meta
        return {"status": "ok", "pid": os.getpid(), **{k: meta[k] for k in ("tenant_id", "users", "seed")}}

    async def log(self, request: Request) -> dict[str, Any]:
        """Return the request log; DELETE clears it."""
        rows = list(self.wire.log)
        if request.method == "DELETE":
            self.wire.log.clear()
            return {"cleared": len(rows)}
        return {"requests": rows}

    async def reset(self, request: Request) -> dict[str, Any]:
        """Begin anew, with other users or another seed if the body says so."""
        body = await request.json() if await request.body() else {}
        self._reset(**body)
        self.wire.log.clear()
        return await self.health(request)

    async def weather(self, request: Request) -> dict[str, Any]:
        """Return the weather; PUT changes what it names."""
        if request.method == "PUT":
            return self.wire.weather.change(await request.json())
        return self.wire.weather.report()

    async def throttle(self, _request: Request) -> dict[str, Any]:
        """Return what each bucket let through and refused."""
        return self.wire.throttle.report()

    async def sign_in(self, request: Request) -> dict[str, Any]:
        """Return token lifetime and poll interval (seconds), and the permissions granted; PUT changes what it names."""
        if request.method == "PUT":
            body = await request.json()
            if "granted" in body:
                self.login.grant(body["granted"])
            self.login.lifetime = float(body.get("lifetime", self.login.lifetime))
            self.login.interval = int(body.get("interval", self.login.interval))
        known = {"lifetime": self.login.lifetime, "interval": self.login.interval}
        return {**known, "granted": list(self.login.registration.permissions)}

    async def revoke(self, _request: Request) -> dict[str, Any]:
        """Make every token issued so far worthless."""
        self.login.revoke()
        return {"status": "revoked"}

    async def assumptions(self, request: Request) -> dict[str, Any]:
        """Return the assumptions; PUT changes those it names."""
        if request.method == "PUT":
            self.wire.tenant.assume.change(await request.json())
        return {"assumptions": self.wire.tenant.assume.listing()}

    async def staff(self, request: Request) -> dict[str, Any]:
        """Let people join, leave, move or register, or somebody else change a phone; see `Staff.turn`."""
        try:
            return self._staff.turn(await request.json())
        except Refusal as no:
            raise ValueError(no.message) from no

    async def passes(self, request: Request) -> dict[str, Any]:
        """Tell the ids of all passes that were ever given; POST lets a `user` (object id) sign in with a `code`.

        And `register` a kind of method; it tells whether the code served.
        """
        if request.method == "GET":
            return {"given": self.wire.tenant.passes_given}
        return temporary_access_pass.sign_in(self._staff, self.wire.policies, await request.json())

    async def state(self, _request: Request) -> dict[str, Any]:
        """Return every user's methods as they truly are."""
        return {"users": [_truth(u) for u in self.wire.tenant.users.values()]}

    async def stop(self, _request: Request) -> dict[str, Any]:
        """End the server."""
        if self._stop is None:
            raise ValueError("this demo tenant runs in process; there is no server to stop")
        self._stop()
        return {"status": "stopping"}


def _truth(user: User) -> dict[str, Any]:
    names = ("userPrincipalName", "displayName", "userType", "accountEnabled")
    methods = [{"id": m.id, "kind": m.kind, **m.fields} for m in user.methods.values()]
    flags = {"deleted": user.deleted, "admin": user.admin, "sms_policy": user.sms_policy, "story": user.story}
    return {"id": user.id, **{n: user.profile[n] for n in names}, "default": user.default, **flags, "methods": methods}
