"""What all states have in common: one a person, moved from one word to another, and back.

Sources: Graph beta, signInPreferences and strongAuthenticationRequirements; v1.0, phoneAuthenticationMethod.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authops.graph.answer import Request, text
from authops.methods.kind import Kind, Order
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem

_REFUSED: Final = PhoneProblem("not_a_number", "a state has no column of its own")


@dataclass(frozen=True)
class State(Kind):
    """A value that is moved; `field`: the property that holds it, `nothing`: its words for none."""

    field: str = ""
    nothing: tuple[str, ...] = ()

    def writing(self, action: str, user_id: str, value: str, _before: str = "") -> Request:
        """The PATCH that sets it; a state cannot be taken away."""
        if action == "remove":
            raise ValueError(f"the {self.label} can be changed, not removed")
        return Request("PATCH", self.reading(user_id).path, json.dumps({self.field: value}), beta=self.is_beta)

    def loses(self, _action: str, before: str) -> bool:
        """A state that had no word cannot be without one again."""
        return not before or not self.undone

    def is_in(self, item: Mapping[str, Any]) -> bool:
        """An entity is all about it."""
        return self.entity or super().is_in(item)

    def tells(self, item: Mapping[str, Any]) -> bool:
        """What is left out is not known, never "no"."""
        return bool(text(item, self.field))


def state(
    name: str, label: str, collection: str, field: str, order: Order, *, make: Callable[..., State] = State, **more: Any
) -> State:
    """A state: `collection` is where it is read, `field` the property that holds it."""
    nothing = more.pop("nothing", ())

    def value(item: Mapping[str, Any]) -> str:
        told = text(item, field)
        return "" if told in nothing else told

    more = {"sort": label, "method_id": "", "equal": _alike, **more}
    return make(
        name=name, label=label, graph_type="", collection=collection, parse=_parse, body=_body, value=value,
        whole=_whole, columns=(), order=order, policies=(), family="state", field=field, nothing=nothing, **more,
    )  # fmt: skip


def _alike(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _parse(texts: Sequence[str], _regions: Sequence[str], _joined: bool) -> Iterator[Number | PhoneProblem]:
    return iter([_REFUSED] * len(texts))


def _body(_value: str) -> Mapping[str, Any]:
    return {}


def _whole(_value: str) -> bool:
    return True
