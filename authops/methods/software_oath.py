"""Codes from an app; its secret is never read (Graph: softwareOathAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device(
    "softwareOath", "app for codes", "softwareOathMethods", "SoftwareOATH", factor=True, preferred="oath",
)  # fmt: skip
