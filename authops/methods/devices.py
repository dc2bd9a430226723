"""What all devices have in common: many a person, told apart by Graph's id, removed and never brought back.

Sources: Graph's resource of each type; that none of them can be registered for somebody, as authops would have to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authops.graph import requests
from authops.graph.answer import Request, text
from authops.methods.kind import Kind, Order
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem

_ALL: Final = "UserAuthenticationMethod"
_REFUSED: Final = PhoneProblem("not_a_number", "nobody's device can be written in a file")
# How what Graph says of a passkey is said to people.
_SAID: Final = {"deviceBound": "bound to its device", "notAttested": "not attested"}


@dataclass(frozen=True)
class Device(Kind):
    """A kind that people register themselves. Its value says which one it is, and ends in `#` and Graph's id.

    `segment`: where one is deleted, under `/users/{id}/authentication`. `single`: a person has one at most, at an
    address without an id.
    """

    segment: str = ""
    single: bool = False

    def writing(self, action: str, user_id: str, _value: str, before: str = "") -> Request:
        """The one request of a removal."""
        if action != "remove" or not id_of(before):
            raise ValueError(f"a {self.label} is removed by its id, or not written at all: {action}")
        where = requests.authentication(user_id, self.segment)
        return Request("DELETE", where if self.single else f"{where}/{id_of(before)}", beta=self.is_beta)


def device(name: str, label: str, segment: str, permission: str, **more: Any) -> Device:
    """A kind of device; `permission`: the middle of its narrower permissions; `shown`: what tells one from others."""
    reads = tuple(f"{p}.{verb}.All" for p in (_ALL, f"UserAuthMethod-{permission}") for verb in ("Read", "ReadWrite"))
    shown = more.pop("shown", ("displayName",))

    def value(item: Mapping[str, Any]) -> str:
        said = described(item, shown) or label
        return f"{said} #{text(item, 'id')}" if text(item, "id") else ""

    return Device(
        name, label, f"{label}s", f"#microsoft.graph.{name}AuthenticationMethod", "", "methods", _parse, _body, value,
        _whole, (), Order(add=90, update=90, remove=52), (), reads, (reads[1], reads[3]), family="device",
        undone=False, many=True, segment=segment, key=id_of, equal=_both, **more,
    )  # fmt: skip


def described(item: Mapping[str, Any], names: Sequence[str]) -> str:
    """What tells one from the others: its name, model, whether attested and bound, since when."""
    said = [_SAID.get(text(item, name), text(item, name)) for name in names]
    since = text(item, "createdDateTime")[:10]
    return ", ".join([*(part for part in dict.fromkeys(said) if part), *([f"since {since}"] if since else [])])


def id_of(value: str) -> str:
    """A value → Graph's id, "" for what is none."""
    said, mark, found = value.rpartition("#")
    return found if mark and said else ""


def _both(one: str, other: str) -> bool:
    """Both are there, or neither is: what it is called says nothing, and the id is its slot's."""
    return bool(one) == bool(other)


def _parse(texts: Sequence[str], _regions: Sequence[str], _joined: bool) -> Iterator[Number | PhoneProblem]:
    return iter([_REFUSED] * len(texts))


def _body(_value: str) -> Mapping[str, Any]:
    return {}


def _whole(_value: str) -> bool:
    return True
