"""Request in, Graph's JSON out: the way to a route, permission checks, error bodies, headers, and the request log."""

from __future__ import annotations

import random
import re
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from authops.demo.directory.groups import Groups
from authops.demo.faults.throttle import Throttle
from authops.demo.login import permissions as p
from authops.demo.methods import base, kinds
from authops.demo.methods.policy import Policies
from authops.demo.odata.calls import JSON_TYPE, Answer, Call, bare, function_arguments, metadata
from authops.demo.reports import registration
from authops.demo.reports.audits import Audits
from authops.demo.wire.authority import Authority, own_path
from authops.demo.wire.routes import Route, Served, table
from authops.demo.world.actor import Actor
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.faults.weather import Strike, Weather
    from authops.demo.world.groups import Memberships
    from authops.demo.world.tenant import Tenant

_LOG_LENGTH = 200_000
_METHODS = "/users/{}/authentication/"
# What stands where a key might, and is none.
_WORDS = frozenset(
    {
        "$count", "$ref", "$value", "delta", "microsoft.graph.delta", "getbyids", "validateproperties",
        "creationoptions", "microsoft.graph.creationoptions",
    }
)  # fmt: skip
_VERBS = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class Origin:
    """Where a request came from, for the log: its ids, and its batch if it has one."""

    client_request_id: str
    batch: str | None = None
    inner_id: str | None = None


class Wire:
    """Graph's front: one tenant, the routes, the weather and the log."""

    def __init__(self, tenant: Tenant, memberships: Memberships, weather: Weather, root: str, seed: int = 1) -> None:
        """Serve `tenant` under `root`, the address that links and contexts begin with."""
        self.tenant, self.weather, self.root = tenant, weather, root
        self.reports, self.groups, self.audits = registration.Reports(), Groups(memberships), Audits(tenant)
        self.policies = Policies(tenant, self.audits)
        self.policies.members = lambda group: memberships.deep(group) if group in memberships.groups else ()
        self.authority, self.memberships = Authority(tenant, memberships), memberships
        self.dice = random.Random(seed)
        # Asked anew each time: a test may hand the tenant another clock.
        self.throttle = Throttle(lambda: tenant.now(), lambda: int(tenant.meta["users"]), tenant.assume)  # noqa: PLW0108
        weather.throttled_by(self.throttle)
        self.log: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)
        self._routes: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Route]]] = {}
        served = Served(self.reports, self.groups, self.policies, self.audits)
        for route in sorted(table(served), key=lambda r: r.template.count("{}")):
            pattern = re.compile(re.escape(route.template).replace(r"\{\}", "([^/]+)"), re.IGNORECASE)
            key = route.version, route.method, route.template.count("/")
            self._routes.setdefault(key, []).append((pattern, route))

    def answer(self, call: Call, origin: Origin) -> Answer:
        """Answer one request, alone or from a batch: weather, permission, world, log."""
        request_id = str(uuid.uuid4())
        who = f"{self.tenant.meta['client_id']}/{self.tenant.meta['tenant_id']}"
        passed, headers = self.throttle.ask(call.method, call.path, call.query, who)
        answer = self._weathered(call, request_id, origin) if passed else self._throttled(request_id, origin)
        ids = {"request-id": request_id, "client-request-id": origin.client_request_id}
        answer.headers = {**ids, **headers, **answer.headers}
        self.record(call.method, call.path, call.query, answer.status, request_id, origin, call.version)
        return answer

    def _weathered(self, call: Call, request_id: str, origin: Origin) -> Answer:
        strike = self.weather.strike("inner", f"{call.method} {call.path}")
        if strike and not strike.effect:
            return self._refused(strike, request_id, origin)
        answer = self._really(call, request_id, origin)
        # Only what Graph did can be answered as if it had not.
        return self._refused(strike, request_id, origin) if strike and answer.status < 400 else answer

    def _throttled(self, request_id: str, origin: Origin) -> Answer:
        return Answer(429, self.error(Refusal(429, *_WEATHER_TEXTS[429]), request_id, origin.client_request_id))

    def _really(self, call: Call, request_id: str, origin: Origin) -> Answer:
        theirs = self.tenant.assume["audit_correlation"] == "client-request-id"
        person = self.tenant.find(call.bearer.person)
        correlation, upn = (
            origin.client_request_id if theirs else request_id,
            person.profile["userPrincipalName"] if person else "",
        )
        self.audits.actor = Actor(correlation, self.tenant.meta["client_id"], upn)
        try:
            return self._dispatch(call)
        except Refusal as no:
            return Answer(no.status, self.error(no, request_id, origin.client_request_id))

    def _dispatch(self, call: Call) -> Answer:
        call.masked, call.licence = self.weather.settings.masked, self.weather.settings.licence
        if self.weather.settings.short_pages and (empty := _empty_page(call)):
            return empty
        wanted = metadata(call)
        answer = self._routed(call, own_path(call, function_arguments(call)))
        if wanted == "none":
            answer.body = bare(answer.body)
            answer.headers["Content-Type"] = JSON_TYPE.replace("metadata=minimal", "metadata=none")
        return answer

    def _routed(self, call: Call, path: str) -> Answer:
        found = self._found(call, path)
        if found is None and call.method == "GET" and path.lower().endswith("/$count"):
            return self._number(call, path[: -len("/$count")])
        if found is None:
            self._refuse_verb(call, path)
            raise _not_here(call)
        route, keys = found
        self._permit(route, call, keys)
        return route.handler(call, *map(unquote, keys))

    def _found(self, call: Call, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """Return the route to this request, in beta also one of v1.0; a word of OData's is nobody's key."""
        for version in dict.fromkeys((call.version, "v1.0")):
            for pattern, route in self._routes.get((version, call.method, path.count("/")), ()):
                matched = pattern.fullmatch(path)
                if matched and not any(_word(key) in _WORDS for key in matched.groups()):
                    return route, matched.groups()
        return None

    def _number(self, call: Call, path: str) -> Answer:
        """Answer how many a collection of the directory has, as plain text: an advanced query by nature."""
        found = self._found(call, path)
        if found is None or found[0].refusal != p.DIRECTORY_REFUSAL or found[0].template.endswith("{}"):
            raise _not_here(call)
        if not call.eventual:
            raise Refusal(400, "Request_BadRequest", "$count is not currently supported.")
        self._permit(found[0], call, found[1])
        call.number = True
        answer = found[0].handler(call, *map(unquote, found[1]))
        return (
            answer
            if isinstance(answer.body, str)
            else Answer(body=str(len(answer.body["value"])), headers={"Content-Type": "text/plain"})
        )

    def _refuse_verb(self, call: Call, path: str) -> None:
        """Refuse a verb that methods of that kind do not have (Graph's metadata: what can be inserted, updated)."""
        versions = (call.version, "v1.0")
        ours = (routes for key, routes in self._routes.items() if key[0] in versions and key[2] == path.count("/"))
        for pattern, route in (pair for routes in ours for pair in routes):
            segment = route.template.removeprefix(_METHODS).partition("/")[0]
            known = route.template.startswith(_METHODS) and not kinds.elsewhere(segment, call.method)
            if known and call.method in _VERBS and (found := pattern.fullmatch(path)):
                self._permit(route, call, found.groups())
                raise base.no_resource(call, "method_verb", path.lstrip("/"))

    def _permit(self, route: Route, call: Call, keys: tuple[str, ...]) -> None:
        self.authority.permit(route, call, keys)
        premium = call.licence != "none" or self.tenant.assume["report_without_premium"] == "answered"
        if route.template.startswith("/reports/") and not premium:
            raise Refusal(403, *p.PREMIUM_REFUSAL)

    def _refused(self, strike: Strike, request_id: str, origin: Origin) -> Answer:
        headers = {"Retry-After": strike.retry_after} if strike.retry_after else {}
        return Answer(strike.status, self.error(weather_refusal(strike), request_id, origin.client_request_id), headers)

    def error(self, no: Refusal, request_id: str, client_request_id: str) -> dict[str, Any]:
        """Return Graph's error body."""
        ids = {"date": self.tenant.stamp()[:19], "request-id": request_id, "client-request-id": client_request_id}
        inner = {"message": no.message, **ids} if no.code[:1].islower() else ids
        if no.status == 429:
            inner = {"code": "429", **ids, "message": "Please retry after", "status": "429"}
        return {"error": {"code": no.code, "message": no.message, "innerError": inner}}

    def record(
        self, method: str, path: str, query: str, status: int, request_id: str, origin: Origin, version: str = "v1.0"
    ) -> None:
        """Write one line of the request log."""
        parts = path.split("/", 3)
        self.log.append(
            {
                "time": self.tenant.stamp(),
                "method": method,
                "version": version,
                "path": f"{path}?{query}" if query else path,
                "status": status,
                "user": unquote(parts[2]) if len(parts) > 2 and parts[1] == "users" else None,
                "batch": origin.batch,
                "id": origin.inner_id,
                "request_id": request_id,
                "client_request_id": origin.client_request_id,
            }
        )


def _not_here(call: Call) -> Refusal:
    what = f"{call.method} {call.path}" if call.version == "v1.0" else f"{call.method} /{call.version}{call.path}"
    return Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")


_WEATHER_TEXTS = {
    429: ("TooManyRequests", "Please retry again later."),
    409: ("phoneNumberNotUnique", "The phone number is already in use for SMS sign-in."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The gateway received an invalid response."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The request timed out."),
}


_EMPTY = "empty-"
# An alternate key in a segment of its own: Graph has some of these, this tenant serves them in parentheses.
_NAMED = re.compile(r"^[a-z]+=.*")


def _word(key: str) -> str:
    """Return what stands where a key might, without a function's arguments."""
    return _NAMED.sub("$ref", unquote(key).partition("(")[0].lower())


def _empty_page(call: Call) -> Answer | None:
    """Return a page with nothing but a link before each page of a collection; the link leads to the page itself."""
    if call.path not in ("/users", "/reports/authenticationMethods/userRegistrationDetails"):
        return None
    token = call.options.get("$skiptoken", "")
    if not token.startswith(_EMPTY):
        link = call.next_link(_EMPTY + token)
        return Answer(body={"@odata.context": call.context(call.path[1:]), "@odata.nextLink": link, "value": []})
    rest = token.removeprefix(_EMPTY)
    pairs = [(k, v) for k, v in parse_qsl(call.query, keep_blank_values=True) if k != "$skiptoken"]
    call.query = urlencode([*pairs, *([("$skiptoken", rest)] if rest else [])], safe="$,()'/:")
    return None


def weather_refusal(strike: Strike) -> Refusal:
    """Return what a fault says."""
    return Refusal(strike.status, *_WEATHER_TEXTS[strike.status])


__all__ = ["JSON_TYPE", "Origin", "Wire", "weather_refusal"]
