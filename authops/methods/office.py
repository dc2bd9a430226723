"""The office phone: calls only, the one phone that may have an extension."""

from __future__ import annotations

from typing import Final

from authops.methods.kind import Order, Policy
from authops.methods.phones import phone

KIND: Final = phone(
    "office",
    "office phone",
    "e37fc753-ff3b-4958-9484-eaa9425c82bc",
    ("officephone", "office"),
    Order(add=4, update=5, remove=59),
    (Policy("Voice", flag="isOfficePhoneAllowed"),),
    usual="businessPhones",
    landline=True,
    report="officePhone",
    defaults=("voiceOffice",),
)
