"""The Temporary Access Pass: a code that exists once (Graph: temporaryAccessPassAuthenticationMethod).

As a value it is a sentence without the code: `pass from 2026-11-30T07:00:00Z, 480 min, once, to desk` is wanted,
`pass from 2026-11-30T07:00:00Z, 480 min, once, valid #ID` is there. A person has one at most; another replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authops.graph.answer import flag, text
from authops.methods.kind import Kind, Order, Policy
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem

NAME: Final = "temporaryAccessPass"
CONFIGURATION: Final = "TemporaryAccessPass"
NOW: Final = "now"
# What Graph lets a policy allow at most, in minutes.
SHORTEST, LONGEST = 10, 43_200
# Graph's methodUsabilityReason (an open list) → the word in a value.
STATES: Final = {
    "EnabledByPolicy": "valid",
    "NotYetValid": "not yet valid",
    "OneTimeUsed": "used",
    "Expired": "expired",
    "DisabledByPolicy": "off by policy",
}
_OVER: Final = ("used", "expired")
_VALUE: Final = re.compile(
    r"pass from (?P<start>\S+), (?P<minutes>\d+) min, (?P<often>once|many times)"
    r"(?:, to (?P<recipient>.*)|, (?P<state>[^#]*?) #(?P<id>\S+))?"
)


@dataclass(frozen=True)
class Pass:
    """One pass, wanted (`recipient`) or there (`state`, `id`). `start`: None = from the moment it is made."""

    start: datetime | None
    minutes: int
    once: bool
    recipient: str = ""
    state: str = ""
    id: str = ""

    @property
    def value(self) -> str:
        """The sentence that plan and journal hold."""
        often = "once" if self.once else "many times"
        there = f", {self.state} #{self.id}" if self.id else f", to {self.recipient}" if self.recipient else ""
        return f"pass from {_written(self.start)}, {self.minutes} min, {often}{there}"

    @property
    def expires(self) -> datetime | None:
        """When it ends by itself; None while its start is not known."""
        return self.start + timedelta(minutes=self.minutes) if self.start else None


def read(value: str) -> Pass | None:
    """A value → the pass; None for "" and for what is none."""
    found = _VALUE.fullmatch(value)
    if not found:
        return None
    start = None if found["start"] == NOW else datetime.fromisoformat(found["start"])
    said = (found["recipient"] or "", found["state"] or "", found["id"] or "")
    return Pass(start, int(found["minutes"]), found["often"] == "once", *said)


def _written(start: datetime | None) -> str:
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if start else NOW


def _body(value: str) -> Mapping[str, Any]:
    one = read(value)
    if one is None:
        return {}
    start = {"startDateTime": _written(one.start)} if one.start else {}
    return start | {"lifetimeInMinutes": one.minutes, "isUsableOnce": one.once}


def shown(item: Mapping[str, Any]) -> str:
    """An item of Graph's answer → its value; "" when the answer does not tell all of it. Never the code."""
    minutes, once, key = item.get("lifetimeInMinutes"), flag(item, "isUsableOnce"), text(item, "id")
    start = _moment(text(item, "startDateTime"))
    if not isinstance(minutes, int) or once is None or start is None or not key:
        return ""
    reason = text(item, "methodUsabilityReason")
    state = STATES.get(reason) or reason or ("valid" if flag(item, "isUsable") else "not told")
    return Pass(start, minutes, once, state=state, id=key).value


def _moment(told: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def same(one: str, other: str) -> bool:
    """The same pass, by Graph's id, or, where one is only wanted, one like it: start, lifetime and how often."""
    if one == other:
        return True
    a, b = read(one), read(other)
    if a is None or b is None:
        return False
    if a.id and b.id:
        return a.id == b.id
    begun = None in (a.start, b.start) or _written(a.start) == _written(b.start)
    return begun and (a.minutes, a.once) == (b.minutes, b.once)


def over(value: str) -> bool:
    """Whether a pass is used up or has expired."""
    found = read(value)
    return found is not None and found.state in _OVER


def valid(value: str) -> bool:
    """Whether a pass can be used now."""
    found = read(value)
    return found is not None and found.state == STATES["EnabledByPolicy"]


def _key(value: str) -> str:
    found = read(value)
    return found.id if found else ""


def _parse(texts: Sequence[str], _regions: Sequence[str], _joined: bool) -> Iterator[Number | PhoneProblem]:
    for said in texts:
        yield Number(said) if read(said) else PhoneProblem("not_a_pass", "not a pass")


def _whole(_value: str) -> bool:
    return True


KIND: Final = Kind(
    NAME,
    "Temporary Access Pass",
    "Temporary Access Passes",
    "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
    "",
    "temporaryAccessPassMethods",
    _parse,
    _body,
    shown,
    _whole,
    (),
    Order(add=12, update=13, remove=62),
    (Policy(CONFIGURATION),),
    (
        "UserAuthMethod-TAP.Read.All",
        "UserAuthMethod-TAP.ReadWrite.All",
        "UserAuthenticationMethod.Read.All",
        "UserAuthenticationMethod.ReadWrite.All",
    ),
    ("UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"),
    family="pass",
    report=NAME,
    factor=True,
    undone=False,
    secret=True,
    key=_key,
    equal=same,
    spent=over,
)
