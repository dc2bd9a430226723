"""Request in, Graph's JSON out: routes as one table, permission checks, error bodies, headers, and the request log."""

from __future__ import annotations

import random
import re
import uuid
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from authops.demo import delta, directory, methods, reports
from authops.demo import permissions as p
from authops.demo.audits import Actor, Audits
from authops.demo.calls import JSON_TYPE, Answer, Call, function_arguments
from authops.demo.groups import Groups, list_definitions
from authops.demo.other_methods import (
    COLLECTIONS,
    adder,
    change_preferences,
    change_requirements,
    deleter,
    get_preferences,
    get_requirements,
    getter,
    lister,
)
from authops.demo.policies import Policies
from authops.demo.tenant import Refusal
from authops.demo.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.tenant import Tenant
    from authops.demo.weather import Strike, Weather

_LOG_LENGTH = 200_000
_METHODS = "/users/{}/authentication/"
_VERBS = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Route:
    """One supported request: `{}` in the template stands for a key."""

    method: str
    template: str
    handler: Callable[..., Answer]
    permissions: frozenset[str]
    refusal: tuple[str, str]
    version: str = "v1.0"


@dataclass(slots=True)
class Origin:
    """Where a request came from, for the log: its ids, and its batch if it has one."""

    client_request_id: str
    batch: str | None = None
    inner_id: str | None = None


def _table(wire: Wire) -> list[Route]:
    report, groups, policies, audits = wire.reports, wire.groups, wire.policies, wire.audits
    user, auth = "/users/{}", "/users/{}/authentication"
    phones, emails = f"{auth}/phoneMethods", f"{auth}/emailMethods"
    details = "/reports/authenticationMethods/userRegistrationDetails"
    policy = "/policies/authenticationMethodsPolicy"
    configuration = f"{policy}/authenticationMethodConfigurations/{{}}"
    counts = "/reports/authenticationMethods/usersRegisteredBy{}(includedUserTypes='{{}}',includedUserRoles='{{}}')"
    directory_roles = "/roleManagement/directory"
    user_cast = "microsoft.graph.user"
    rows: list[tuple[str, str, Callable[..., Answer], frozenset[str], tuple[str, str]]] = [
        ("GET", "/users", directory.list_users, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/users/$count", directory.count_users, p.USERS_FULL, p.DIRECTORY_REFUSAL),
        ("GET", user, directory.get_user, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/organization", directory.get_organization, p.ORGANIZATION, p.DIRECTORY_REFUSAL),
        ("GET", f"{auth}/methods", methods.list_methods, p.METHODS, p.AUTHENTICATION_REFUSAL),
        ("GET", phones, methods.list_phones, p.PHONE_READ, p.AUTHENTICATION_REFUSAL),
        ("POST", phones, methods.add_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{phones}/{{}}", methods.get_phone, p.PHONE_READ, p.AUTHENTICATION_REFUSAL),
        ("PATCH", f"{phones}/{{}}", methods.change_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", f"{phones}/{{}}", methods.delete_phone, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("POST", f"{phones}/{{}}/enableSmsSignIn", methods.enable_sms, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("POST", f"{phones}/{{}}/disableSmsSignIn", methods.disable_sms, p.PHONE_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", emails, methods.list_emails, p.EMAIL_READ, p.AUTHENTICATION_REFUSAL),
        ("POST", emails, methods.add_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{emails}/{{}}", methods.get_email, p.EMAIL_READ, p.AUTHENTICATION_REFUSAL),
        ("PATCH", f"{emails}/{{}}", methods.change_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", f"{emails}/{{}}", methods.delete_email, p.EMAIL_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", details, report.list_all, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", f"{details}/{{}}", report.get, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", counts.format("Method"), partial(reports.by_method, report), p.REPORTS, p.REPORT_REFUSAL),
        ("GET", counts.format("Feature"), partial(reports.by_feature, report), p.REPORTS, p.REPORT_REFUSAL),
        ("GET", "/auditLogs/directoryAudits", audits.list_all, p.REPORTS, p.REPORT_REFUSAL),
        ("GET", policy, policies.get, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("PATCH", policy, policies.change, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", configuration, policies.get_configuration, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("PATCH", configuration, policies.change_configuration, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("DELETE", configuration, policies.reset_configuration, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL),
        ("GET", "/users/delta", delta.delta, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", f"{user}/licenseDetails", directory.licence_details, p.USERS, p.DIRECTORY_REFUSAL),
        ("GET", "/subscribedSkus", directory.list_skus, p.LICENCES, p.DIRECTORY_REFUSAL),
        ("GET", "/groups", groups.list_groups, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}", groups.get_group, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}/members", groups.members, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"/groups/{{}}/members/{user_cast}", groups.member_users, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", "/groups/{}/transitiveMembers", groups.transitive, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"/groups/{{}}/transitiveMembers/{user_cast}", groups.transitive_users, p.GROUPS, p.DIRECTORY_REFUSAL),
        ("GET", f"{directory_roles}/roleAssignments", groups.assignments, p.ROLES, p.DIRECTORY_REFUSAL),
        ("GET", f"{directory_roles}/roleDefinitions", list_definitions, p.ROLES, p.DIRECTORY_REFUSAL),
        (
            "GET", f"{directory_roles}/roleEligibilityScheduleInstances", groups.eligibilities, p.ELIGIBILITY,
            p.DIRECTORY_REFUSAL,
        ),
        (
            "POST", f"{auth}/temporaryAccessPassMethods", adder(policies),
            p.of_collection("temporaryAccessPassMethods")[1], p.AUTHENTICATION_REFUSAL,
        ),
        ("GET", f"{auth}/methods/{{}}", methods.get_method, p.METHODS, p.AUTHENTICATION_REFUSAL),
        ("GET", f"{configuration.rpartition('/')[0]}", policies.list_all, p.POLICY, p.AUTHENTICATION_REFUSAL),
        ("GET", "/auditLogs/directoryAudits/{}", audits.get, p.REPORTS, p.REPORT_REFUSAL),
    ]  # fmt: skip
    for what, count in (("Method", reports.by_method), ("Feature", reports.by_feature)):
        whole = counts.format(what).partition("(")[0]
        rows.append(("GET", whole, partial(count, report), p.REPORTS, p.REPORT_REFUSAL))
    for segment in ("methods", "passwordMethods"):
        reset = f"{auth}/{segment}/{{}}/resetPassword"
        rows.append(("POST", reset, methods.not_writable, p.NOBODY, p.AUTHENTICATION_REFUSAL))
    for verb in ("PATCH", "PUT", "DELETE"):
        one = f"{auth}/methods/{{}}"
        rows.append((verb, one, methods.not_writable, p.METHODS_WRITE, p.AUTHENTICATION_REFUSAL))
    for segment in COLLECTIONS:
        where, key = f"{auth}/{segment}", f"{auth}/{segment}/{{}}"
        read, write = p.of_collection(segment)
        rows.append(("GET", where, lister(segment), read, p.AUTHENTICATION_REFUSAL))
        rows.append(("GET", key, getter(segment), read, p.AUTHENTICATION_REFUSAL))
        if segment != "passwordMethods":
            rows.append(("DELETE", key, deleter(segment), write, p.AUTHENTICATION_REFUSAL))
    preferences, requirements = f"{auth}/signInPreferences", f"{auth}/requirements"
    beta: list[tuple[str, str, Callable[..., Answer], frozenset[str], tuple[str, str], str]] = [
        ("GET", preferences, get_preferences, p.METHODS, p.AUTHENTICATION_REFUSAL, "beta"),
        ("PATCH", preferences, partial(change_preferences, audits), p.METHODS_WRITE, p.AUTHENTICATION_REFUSAL, "beta"),
        ("GET", requirements, get_requirements, p.MFA_STATE_READ, p.AUTHENTICATION_REFUSAL, "beta"),
        ("PATCH", requirements, change_requirements, p.POLICY_WRITE, p.AUTHENTICATION_REFUSAL, "beta"),
    ]
    return [*(Route(*row) for row in rows), *(Route(*row) for row in beta)]


class Wire:
    """Graph's front: one tenant, the routes, the weather and the log."""

    def __init__(self, tenant: Tenant, weather: Weather, root: str, seed: int = 1) -> None:
        """Serve `tenant` under `root`, the address that links and contexts begin with."""
        self.tenant, self.weather, self.root = tenant, weather, root
        self.reports, self.groups, self.audits = reports.Reports(), Groups(), Audits(tenant)
        self.policies = Policies(tenant, self.audits)
        self.dice = random.Random(seed)
        # Asked anew each time: a test may hand the tenant another clock.
        self.throttle = Throttle(lambda: tenant.now(), lambda: int(tenant.meta["users"]), tenant.assume)  # noqa: PLW0108
        weather.throttled_by(self.throttle)
        self.log: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)
        self._routes: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Route]]] = {}
        for route in sorted(_table(self), key=lambda r: r.template.count("{}")):
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
        self.record(call.method, call.path, call.query, answer.status, request_id, origin)
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
        self.audits.actor = Actor(origin.client_request_id if theirs else request_id, self.tenant.meta["client_id"])
        try:
            return self._dispatch(call)
        except Refusal as no:
            return Answer(no.status, self.error(no, request_id, origin.client_request_id))

    def _dispatch(self, call: Call) -> Answer:
        call.masked, call.licence = self.weather.settings.masked, self.weather.settings.licence
        if self.weather.settings.short_pages and (empty := _empty_page(call)):
            return empty
        path = function_arguments(call)
        for pattern, route in self._routes.get((call.version, call.method, path.count("/")), ()):
            if found := pattern.fullmatch(path):
                self._permit(route, call)
                return route.handler(call, *map(unquote, found.groups()))
        self._refuse_verb(call, path)
        if path == "/me" or path.startswith("/me/"):
            raise Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
        what = f"{call.method} {call.path}" if call.version == "v1.0" else f"{call.method} /{call.version}{call.path}"
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")

    def _refuse_verb(self, call: Call, path: str) -> None:
        """Refuse a verb that methods of that kind do not have (Graph's metadata: what can be inserted, updated)."""
        ours = (routes for key, routes in self._routes.items() if key[0] == call.version and key[2] == path.count("/"))
        for pattern, route in (pair for routes in ours for pair in routes):
            # An external method can be registered through Graph, only not here.
            known = route.template.startswith(_METHODS) and "/external" not in route.template
            if known and call.method in _VERBS and pattern.fullmatch(path):
                self._permit(route, call)
                raise methods.no_resource(call, "method_verb", path.lstrip("/"))

    def _permit(self, route: Route, call: Call) -> None:
        wanted = route.permissions
        if route.template == "/organization" and self.tenant.assume["organization_by_user_read"] == "yes":
            wanted = wanted | p.USERS_FULL
        if not wanted & call.permissions:
            raise Refusal(403, *route.refusal)
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

    def record(self, method: str, path: str, query: str, status: int, request_id: str, origin: Origin) -> None:
        """Write one line of the request log."""
        parts = path.split("/", 3)
        self.log.append(
            {
                "time": self.tenant.stamp(),
                "method": method,
                "path": f"{path}?{query}" if query else path,
                "status": status,
                "user": unquote(parts[2]) if len(parts) > 2 and parts[1] == "users" else None,
                "batch": origin.batch,
                "id": origin.inner_id,
                "request_id": request_id,
                "client_request_id": origin.client_request_id,
            }
        )


_WEATHER_TEXTS = {
    429: ("TooManyRequests", "Please retry again later."),
    409: ("phoneNumberNotUnique", "The phone number is already in use for SMS sign-in."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The gateway received an invalid response."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The request timed out."),
}


_EMPTY = "empty-"


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


__all__ = ["JSON_TYPE", "Origin", "Route", "Wire", "weather_refusal"]
