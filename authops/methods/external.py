"""Another vendor's second factor, registered by configuration (Graph: externalAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device("external", "external method", "externalAuthenticationMethods", "External", factor=True)
