"""What every kind of method says of itself: the face that plan, apply, verify, audit and the documentation rely on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authops.graph import requests
from authops.graph.answer import Request
from authops.phone.number import Number, same
from authops.phone.spelling import PhoneProblem

# One slot a person, undone exactly · a code that exists once · many a person, removed for good · a value to move.
FAMILIES: Final = ("value", "pass", "device", "state")


@dataclass(frozen=True)
class Policy:
    """A configuration of the tenant's methods policy that lets a method be used.

    `flag`: a property of it that has to be true as well, such as `isOfficePhoneAllowed`; "" for none.
    """

    configuration: str
    flag: str = ""


@dataclass(frozen=True)
class Order:
    """Where the writes of a kind stand among all writes of one person: adds and updates first, then what is removed."""

    add: int
    update: int
    remove: int

    @property
    def ranks(self) -> dict[str, int]:
        """Action → rank."""
        return {"add": self.add, "update": self.update, "remove": self.remove}


def _never(_value: str) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """One kind of method.

    `label`: what people call it, `sort`: it and its like, as permissions know them.
    `method_id`: Graph's id of it, the same for everybody. `collection`: its segment under `/users/{id}/authentication`.
    `parse`: a column of a source, the country of each row, whether columns were joined → values as Graph spells them,
    or what is wrong with them. `whole`: whether a value is certainly not a masked one.
    `body`: a value → what is sent. `value`: an item of Graph's answer → its value, "" when the answer does not show it.
    `columns`: a source's columns (folded) that mean it.
    `profile`: properties of a directory profile that may feed it; `usual`: the one where people expect it.
    `beside`: the kind it lives only beside. `twin`: a kind that should not hold the same number.
    `policies`: of which one has to allow it.
    `report`: its name in the registration report, `defaults`: the report's names of it as default method.
    `preferred`: beta's word for a device of it as default method.
    `factor`: satisfies MFA. `retires`: Microsoft stops delivering it (message centre MC1426371). `resists`: phishing.
    `signs_in`: the policy may make it a first factor, and then it must be nobody else's.
    `family`: one of FAMILIES. `undone`: what is taken away can be put back exactly. `secret`: a code that Graph tells
    once, so whoever sees that it is there does not have it.
    `key`: a value → Graph's id of it, for a kind whose `method_id` is "". `equal`: whether two values are one;
    `spent`: whether a value serves nobody any more, so that another may take its place.
    `many`: a person may have several, told apart by Graph's id (`key`). `entity`: it is read as one entity, not as an
    item of a list. `within`: the kind whose property it is. `settable`: words that a list may set, each with Graph's.
    `version`: beta where v1.0 does not have it.
    `address`: an e-mail address, else a phone number; `landline`: that is as good for it as a mobile.
    `reads`, `writes`: application permissions of which any one opens it, least first.
    """

    name: str
    label: str
    sort: str
    graph_type: str
    method_id: str
    collection: str
    parse: Callable[[Sequence[str], Sequence[str], bool], Iterator[Number | PhoneProblem]]
    body: Callable[[str], Mapping[str, Any]]
    value: Callable[[Mapping[str, Any]], str]
    whole: Callable[[str], bool]
    columns: tuple[str, ...]
    order: Order
    policies: tuple[Policy, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    family: str = "value"
    profile: tuple[str, ...] = ()
    usual: str = ""
    landline: bool = False
    beside: str = ""
    twin: str = ""
    report: str = ""
    defaults: tuple[str, ...] = ()
    preferred: str = ""
    factor: bool = False
    retires: bool = False
    resists: bool = False
    address: bool = False
    signs_in: bool = False
    undone: bool = True
    secret: bool = False
    version: str = "v1.0"
    key: Callable[[str], str] = str
    equal: Callable[[str, str], bool] = same
    spent: Callable[[str], bool] = _never
    many: bool = False
    entity: bool = False
    within: str = ""
    settable: tuple[tuple[str, str], ...] = ()

    def loses(self, action: str, before: str) -> bool:
        """Whether a write takes away what nobody can give back; what is over serves nobody, so nothing is lost."""
        return not self.undone and action in ("update", "remove") and not self.spent(before)

    @property
    def is_beta(self) -> bool:
        """Whether only Graph's beta has it."""
        return self.version == "beta"

    @property
    def place(self) -> tuple[str, str]:
        """Where it is read, with whatever else is read there: version, and segment under `/authentication`."""
        return self.version, self.collection

    def reading(self, user_id: str) -> Request:
        """GET of what a person has of it, and of the kinds that stand beside it."""
        return Request("GET", self._collection(user_id), beta=self.is_beta)

    def writing(self, action: str, user_id: str, value: str, before: str = "") -> Request:
        """The one request of an add (POST), update (PATCH) or remove (DELETE); a new pass replaces another (POST)."""
        path = self._collection(user_id)
        if action == "add" or (action == "update" and self.family == "pass"):
            return Request("POST", path, json.dumps(self.body(value)))
        one = f"{path}/{self.method_id or self.key(before)}"
        return Request("PATCH", one, json.dumps(self.body(value))) if action == "update" else Request("DELETE", one)

    def _collection(self, user_id: str) -> str:
        return requests.authentication(user_id, self.collection)

    def same(self, one: str, other: str) -> bool:
        """Whether two values are equal, however they are spelled."""
        return self.equal(one, other)

    def is_in(self, item: Mapping[str, Any]) -> bool:
        """Whether an item of Graph's answer is of this kind: by its id, or, where ids are its own, by its type."""
        if self.method_id:
            return str(item.get("id") or "").casefold() == self.method_id
        return str(item.get("@odata.type") or "") == self.graph_type

    def tells(self, item: Mapping[str, Any]) -> bool:
        """Whether an item of Graph's answer says enough of it to be known."""
        return bool(self.value(item))
