"""What the three phones have in common (Graph: phoneAuthenticationMethod)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from authops.graph.answer import text
from authops.methods.kind import Kind, Order, Policy
from authops.phone.column import read_all
from authops.phone.number import Number, shown_whole
from authops.phone.spelling import PhoneProblem

GRAPH_TYPE: Final = "#microsoft.graph.phoneAuthenticationMethod"
READS: Final = (
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
    "UserAuthMethod-Phone.Read.All",
    "UserAuthMethod-Phone.ReadWrite.All",
)
WRITES: Final = ("UserAuthenticationMethod.ReadWrite.All", "UserAuthMethod-Phone.ReadWrite.All")
PROFILE: Final = ("mobilePhone", "businessPhones")


def phone(
    name: str,
    label: str,
    method_id: str,
    columns: tuple[str, ...],
    order: Order,
    policies: tuple[Policy, ...],
    **more: Any,
) -> Kind:
    """A phone of this `phoneType`: a second factor that Microsoft stops delivering to."""

    def parse(texts: Sequence[str], regions: Sequence[str], joined: bool) -> Iterator[Number | PhoneProblem]:
        return read_all(texts, regions, method="office" if name == "office" else "mobile", joined=joined)

    def body(value: str) -> Mapping[str, Any]:
        return {"phoneNumber": value, "phoneType": name}

    return Kind(
        name, label, "phones", GRAPH_TYPE, method_id, "phoneMethods", parse, body, _value, shown_whole, columns, order,
        policies, READS, WRITES, profile=PROFILE, factor=True, retires=True, **more,
    )  # fmt: skip


def _value(item: Mapping[str, Any]) -> str:
    return text(item, "phoneNumber")
