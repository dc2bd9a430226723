"""Tokens that show codes, in beta only (Graph: hardwareOathAuthenticationMethod). Removing one unassigns it."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "hardwareOath", "hardware token", "hardwareOathMethods", "HardwareOATH", factor=True, version="beta",
    preferred="oath",
)  # fmt: skip
