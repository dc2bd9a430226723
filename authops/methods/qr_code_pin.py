"""A QR code with a PIN: a first factor of frontline people, one each (Graph: qrCodePinAuthenticationMethod)."""

from __future__ import annotations

from typing import Final

from authops.methods.devices import device

KIND: Final = device("qrCodePin", "QR code", "qrCodePinMethod", "QR", single=True, shown=())
