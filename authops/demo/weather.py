"""Seeded trouble, as data: latency, faults, and reads that lag behind writes. Fair by default.

Each Graph request asks once (`inner`), each HTTP request asks once more (`outer`). The throttling buckets of a
later issue fit in beside `strike`: same question, same answer.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_STATUS = {"429": 429, "429-fraction": 429, "429-bare": 429, "500": 500, "503": 503, "504": 504}
_EFFECT = {"effect-then-500": 500, "effect-then-504": 504}
KINDS = (*(f"{scope}-{kind}" for scope in ("inner", "outer") for kind in (*_STATUS, *_EFFECT)), "reset")


@dataclass(slots=True)
class Settings:
    """What the weather is; `most` ends the faults after so many, `match` aims them at addresses containing it."""

    latency: float = 0.0
    fault_rate: float = 0.0
    faults: list[str] = field(default_factory=lambda: ["inner-429", "inner-503", "outer-429", "outer-503"])
    retry_after: float = 1.0
    lag: float = 0.0
    report_lag: float = 0.0
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
        self.settings = Settings()
        self.change(settings)

    def change(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Change what is named, restart the dice and the count; refuse what is unknown."""
        unknown = set(settings) - {f.name for f in fields(Settings)}
        unknown |= set(settings.get("faults", [])) - set(KINDS)
        if unknown:
            raise ValueError(f"unknown weather {sorted(unknown)}; faults are {', '.join(KINDS)}")
        self.settings = Settings(**{**asdict(self.settings), **settings})
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
        kinds = [k for k in s.faults if k.startswith(scope) or (k == "reset" and scope == "outer")]
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
        return Strike(kind, status, kind == "reset" or name in _EFFECT, after.get(name))
