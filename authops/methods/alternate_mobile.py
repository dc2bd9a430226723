"""The alternate mobile: calls only, and only beside a mobile (Graph: create phoneMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.kind import Order, Policy
from authops.methods.phones import phone

KIND: Final = phone(
    "alternateMobile",
    "alternate mobile phone",
    "b6332ec1-7057-4abe-9331-3d72feddfe41",
    ("alternatemobile", "alternatemobilephone"),
    Order(add=2, update=3, remove=58),
    (Policy("Voice"),),
    beside="mobile",
    twin="mobile",
    report="alternateMobilePhone",
    defaults=("voiceAlternateMobile",),
)
