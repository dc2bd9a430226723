"""The e-mail address: for resetting a password only, never a second factor (Graph: emailAuthenticationMethod)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from authops.graph.answer import text
from authops.methods.kind import Kind, Order, Policy
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem

_MASKS: Final = re.compile("[*•●∙…]")
# RFC 5321 without quoted names and addresses of machines, which nobody resets a password with.
_WORD: Final = r"[\w!#$%&*+/=?^`{|}~-][\w!#$%&'*+/=?^`{|}~-]*"
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_ADDRESS: Final = re.compile(rf"(?=.{{1,254}}$)(?=[^@]{{1,64}}@){_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


def _parse(texts: Sequence[str], _regions: Sequence[str], _joined: bool) -> Iterator[Number | PhoneProblem]:
    return map(_address, texts)


def _address(text: str) -> Number | PhoneProblem:
    return Number(text) if _ADDRESS.fullmatch(text) else PhoneProblem("not_an_address", "not an e-mail address")


def _whole(value: str) -> bool:
    return not _MASKS.search(value)


def _body(value: str) -> Mapping[str, Any]:
    return {"emailAddress": value}


def _value(item: Mapping[str, Any]) -> str:
    return text(item, "emailAddress")


KIND: Final = Kind(
    "email",
    "e-mail address",
    "e-mail methods",
    "#microsoft.graph.emailAuthenticationMethod",
    "3ddfcfc8-9383-446f-83cc-3ab9be4be18f",
    "emailMethods",
    _parse,
    _body,
    _value,
    _whole,
    ("email", "emailaddress", "alternateemail"),
    Order(add=6, update=7, remove=60),
    (Policy("Email"),),
    (
        "UserAuthenticationMethod.Read.All",
        "UserAuthenticationMethod.ReadWrite.All",
        "UserAuthMethod-Email.Read.All",
        "UserAuthMethod-Email.ReadWrite.All",
    ),
    ("UserAuthenticationMethod.ReadWrite.All", "UserAuthMethod-Email.ReadWrite.All"),
    profile=("mail", "otherMails"),
    report="email",
    address=True,
)
