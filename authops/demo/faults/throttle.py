"""Graph's throttling: token buckets per application and tenant, what each request costs, what a 429 says.

Source: throttling, throttling-limits (identity and access; its reports; conditional access). There is one
application and one tenant here; the larger limits, over all tenants of an application and over all applications of a
tenant, never bind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.world.assumptions import Assumptions

MODES = ("off", "documented")
STYLES = ("integer", "fraction", "missing")
LIMITS = ("reads_units", "writes_burst", "writes_per_second", "reports", "authentication")
_AUTHENTICATION = re.compile(r"/users/[^/]+/authentication(/|$)", re.IGNORECASE)
_REPORTS = re.compile(r"/(reports|auditLogs)/", re.IGNORECASE)
_IDENTITY = re.compile(
    r"/(users|groups|directoryRoles|directoryObjects|domains|organization|subscribedSkus|roleManagement|directory)(/|$)",
    re.IGNORECASE,
)
_ACCESS = re.compile(r"/identity/conditionalAccess(/|$)", re.IGNORECASE)
_COSTS = (
    (re.compile(r"/groups/[^/]+/transitiveMembers"), 5),
    (re.compile(r"/groups/[^/]+/members"), 3),
    (re.compile(r"/subscribedSkus$"), 3),
    (re.compile(r"/users$|/users/[^/]+/(memberOf|licenseDetails)"), 2),
)


@dataclass(slots=True)
class Bucket:
    """So many at once, refilled with so many each second; `window` > 0: filled up at the end of each window instead."""

    capacity: float
    per_second: float
    information: str
    window: float = 0.0
    tokens: float = -1.0
    at: float = 0.0
    allowed: float = 0.0
    refused: int = 0
    since: float = -1.0

    def ask(self, cost: float, now: float, *, counts: bool) -> float:
        """Return 0 when `cost` may pass, else the seconds until it might; what is refused may count all the same."""
        if self.since < 0:
            self.since, self.at, self.tokens = now, now, self.capacity
        self._fill(now)
        if self.tokens >= cost:
            self.tokens -= cost
            self.allowed += cost
            return 0.0
        self.refused += 1
        if counts:
            # Never more than ten seconds' worth in debt, or a client could never come back.
            self.tokens = max(self.tokens - cost, -10 * self.per_second)
        return self._until(cost, now)

    def _fill(self, now: float) -> None:
        if not self.window:
            self.tokens = min(self.capacity, self.tokens + self.per_second * (now - self.at))
        elif now // self.window > self.at // self.window:
            self.tokens = self.capacity
        self.at = now

    def _until(self, cost: float, now: float) -> float:
        return self.window - now % self.window if self.window else (cost - self.tokens) / self.per_second

    @property
    def used(self) -> float:
        """The share of the limit in use: above 1 while refused requests count."""
        return 1 - self.tokens / self.capacity

    def report(self, now: float) -> dict[str, float]:
        """Return the figures for the knob; `could_allow` is what the bucket would have let through by now."""
        seconds = max(now - self.since, 0.0) if self.since >= 0 else 0.0
        figures = {"capacity": self.capacity, "per_second": self.per_second, "allowed": self.allowed}
        return {**figures, "refused": self.refused, "could_allow": self.capacity + self.per_second * seconds}


class Throttle:
    """The buckets of one tenant; `now` tells seconds, `size` the number of users."""

    def __init__(self, now: Callable[[], float], size: Callable[[], int], assume: Assumptions) -> None:
        """Begin with full buckets, switched off."""
        self._now, self._size, self._assume = now, size, assume
        self.style, self.buckets = "integer", dict[str, Bucket]()

    def switch(self, mode: str, limits: dict[str, float], style: str) -> None:
        """Switch on or off, with full buckets; `limits` overrides documented figures (LIMITS)."""
        if mode not in MODES or style not in STYLES or set(limits) - set(LIMITS):
            raise ValueError(f"throttle is one of {MODES}, retry_after_style of {STYLES}, limits of {LIMITS}")
        self.style = style
        self.buckets = self._documented(limits) if mode == "documented" else {}

    def _documented(self, limits: dict[str, float]) -> dict[str, Bucket]:
        size = self._size()
        units = limits.get("reads_units", 3500 if size < 50 else 5000 if size <= 500 else 8000)
        burst, per_second = limits.get("writes_burst", 3000), limits.get("writes_per_second", 20)
        reports, methods = limits.get("reports", 5), limits.get("authentication", 5)
        window = self._assume["throttle_shape"] == "window"
        return {
            "identity": Bucket(units, units / 10, "ResourceUnitLimitExceeded", 10 if window else 0),
            "writes": Bucket(burst, per_second, "WriteLimitExceeded", burst / per_second if window else 0),
            "reports": Bucket(reports, reports / 10, "ResourceUnitLimitExceeded", 10 if window else 0),
            # One a second for the tenant, and a refusal does not say how long to wait.
            "conditional_access": Bucket(1, 1, "ResourceUnitLimitExceeded"),
            "authentication": Bucket(methods, methods / 10, "ResourceUnitLimitExceeded", 10 if window else 0),
        }

    def ask(self, method: str, path: str, query: str, who: str) -> tuple[bool, dict[str, str]]:
        """Return whether the request may pass, and the headers its answer carries; `who` is `app/tenant`."""
        headers: dict[str, str] = {}
        passed = True
        for name, cost in self._charges(method, path, query):
            bucket = self.buckets[name]
            wait = bucket.ask(cost, self._now(), counts=self._assume["throttled_requests_count"] == "yes")
            if name == "identity":
                headers["x-ms-resource-unit"] = str(cost)
            if bucket.used >= 0.8:
                headers["x-ms-throttle-limit-percentage"] = f"{min(bucket.used, 1.8):.2f}"
                headers["x-ms-throttle-scope"] = f"Tenant_Application/{_scope(name)}/{who}"
            if wait:
                told = {} if name == "conditional_access" else self._retry_after(wait)
                headers |= {"x-ms-throttle-information": bucket.information, **told}
                passed = False
                break
        return passed, headers

    def _charges(self, method: str, path: str, query: str) -> list[tuple[str, int]]:
        if not self.buckets:
            return []
        kind = "identity" if _IDENTITY.match(path) else "none"
        if _AUTHENTICATION.match(path):
            assumed = self._assume["authentication_bucket"]
            kind = "authentication" if assumed == "own" else assumed
        if _REPORTS.match(path):
            kind = "reports"
        if _ACCESS.match(path):
            kind = "conditional_access"
        if kind == "none":
            return []
        if kind in ("reports", "authentication", "conditional_access"):
            return [(kind, 1)]
        return [("identity", cost(method, path, query)), *([("writes", 1)] if method != "GET" else [])]

    def _retry_after(self, seconds: float) -> dict[str, str]:
        if self.style == "missing":
            return {}
        return {"Retry-After": f"{seconds:.3f}" if self.style == "fraction" else str(max(1, round(seconds + 0.499)))}

    def report(self) -> dict[str, Any]:
        """Return every bucket's figures."""
        return {name: bucket.report(self._now()) for name, bucket in self.buckets.items()}


def _scope(name: str) -> str:
    return {"writes": "Write", "reports": "Read"}.get(name, "ReadWrite")


def cost(method: str, path: str, query: str) -> int:
    """Return the resource units of a request (throttling-limits: identity and access)."""
    if method != "GET":
        return 1
    base = next((units for pattern, units in _COSTS if pattern.match(path)), 1)
    options = query.replace("%24", "$")
    top = re.search(r"\$top=(\d+)", options)
    base += ("$expand=" in options) - ("$select=" in options) - bool(top and int(top[1]) < 20)
    return max(base, 1)
