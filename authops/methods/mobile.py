"""The mobile: text messages and calls, and, where the policy says so, signing in by SMS."""

from __future__ import annotations

from typing import Final

from authops.methods.kind import Order, Policy
from authops.methods.phones import phone

KIND: Final = phone(
    "mobile",
    "mobile phone",
    "3179e48a-750b-4051-897c-87b9720928f7",
    ("mobile", "mobilephone"),
    Order(add=0, update=1, remove=61),
    (Policy("Sms"), Policy("Voice")),
    usual="mobilePhone",
    report="mobilePhone",
    defaults=("sms", "voiceMobile"),
    signs_in=True,
)
