"""Windows Hello for Business (Graph: windowsHelloForBusinessAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "windowsHelloForBusiness", "Windows Hello", "windowsHelloForBusinessMethods", "WindowsHello", factor=True,
    resists=True, shown=("displayName", "keyStrength"),
)  # fmt: skip
