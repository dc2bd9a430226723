"""Seeded trouble, as data: latency, faults, reads that lag behind writes, throttling. Fair by default.

Each Graph request asks once (`inner`), each HTTP request asks once more (`outer`). A YAML file may hold any of it.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from authops.demo.faults.throttle import Throttle

_STATUS = {"429": 429, "429-fraction": 429, "429-bare": 429, "500": 500, "502": 502, "503": 503, "504": 504}
_EFFECT = {"effect-then-500": 500, "effect-then-504": 504}
# 409-stored: the answer of a number that is taken for SMS sign-in, with the phone stored; writes only.
_STORED = "inner-409-stored"
# reset: the connection breaks after the effect. hang: no answer ever, until the client gives up.
_CONNECTION = {"reset": True, "reset-before": False, "hang": False}
KINDS = (
    *(f"{scope}-{kind}" for scope in ("inner", "outer") for kind in (*_STATUS, *_EFFECT)),
    _STORED,
    *_CONNECTION,
)

LICENCES = ("none", "P1", "P2")


@dataclass(slots=True)
class Settings:
    """What the weather is; `most` ends the faults after so many, `match` aims them at addresses containing it."""

    latency: float = 0.0
    jitter: float = 0.0
    fault_rate: float = 0.0
    faults: list[str] = field(default_factory=lambda: ["inner-429", "inner-503", "outer-429", "outer-503"])
    retry_after: float = 1.0
    lag: float = 0.0
    report_lag: float = 0.0
    audit_lag: float = 0.0
    throttle: str = "off"
    limits: dict[str, float] = field(default_factory=dict)
    retry_after_style: str = "integer"
    masked: bool = False
    licence: str = "P1"
    short_pages: bool = False
    most: int | None = None
    match: str = ""
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: the status to answer, whether the request takes effect first, what Retry-After says."""

    kind: str
    status: int
    effect: bool
    retry_after: str | None


class Weather:
    """The weather in force, with its dice."""

    def __init__(self, **settings: Any) -> None:
        """Begin with fair weather, changed by `settings`."""
        self.settings, self.throttle = Settings(), None
        self.change(settings)

    throttle: Throttle | None

    def throttled_by(self, throttle: Throttle) -> None:
        """Let these buckets follow the settings."""
        self.throttle = throttle
        s = self.settings
        throttle.switch(s.throttle, s.limits, s.retry_after_style)

    def delay(self) -> float:
        """Return the seconds this HTTP request takes on its way."""
        s = self.settings
        return s.latency + (self._dice.random() * s.jitter if s.jitter else 0.0)

    def change(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Change what is named, restart the dice and the count; refuse what is unknown."""
        unknown = set(settings) - {f.name for f in fields(Settings)}
        unknown |= set(settings.get("faults", [])) - set(KINDS)
        if unknown:
            raise ValueError(f"unknown weather {sorted(unknown)}; faults are {', '.join(KINDS)}")
        wanted = Settings(**{**asdict(self.settings), **settings})
        if wanted.licence not in LICENCES:
            raise ValueError(f"licence is one of {', '.join(LICENCES)}")
        if self.throttle and set(settings) & {"throttle", "limits", "retry_after_style"}:
            self.throttle.switch(wanted.throttle, wanted.limits, wanted.retry_after_style)
        self.settings = wanted
        self._dice, self._struck = random.Random(self.settings.seed), 0
        return self.report()

    def report(self) -> dict[str, Any]:
        """Return the settings in force."""
        return asdict(self.settings)

    def strike(self, scope: str, address: str) -> Strike | None:
        """Return the fault that hits this request, if any."""
        s = self.settings
        if not s.fault_rate or s.match not in address or (s.most is not None and self._struck >= s.most):
            return None
        kinds = [k for k in s.faults if k.startswith(scope) or (k in _CONNECTION and scope == "outer")]
        if address.startswith("GET"):
            kinds = [k for k in kinds if k != _STORED]
        if not kinds or self._dice.random() >= s.fault_rate:
            return None
        self._struck += 1
        return self._strike(self._dice.choice(kinds))

    def _strike(self, kind: str) -> Strike:
        name = kind.partition("-")[2]
        status = _STATUS.get(name) or _EFFECT.get(name) or 0
        seconds = self.settings.retry_after
        after = {
            "429": str(max(1, round(seconds))),
            "503": str(max(1, round(seconds))),
            "429-fraction": f"{seconds + 0.128:.3f}",
        }
        if kind in _CONNECTION:
            return Strike(kind, 0, _CONNECTION[kind], None)
        if kind == _STORED:
            return Strike(kind, 409, effect=True, retry_after=None)
        return Strike(kind, status, name in _EFFECT, after.get(name))


def read(path: Path) -> dict[str, Any]:
    """Return the weather a YAML file describes. Raises ValueError for what is no weather."""
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no weather: write one `name: value` to a line")
    Weather(**content)
    return content
