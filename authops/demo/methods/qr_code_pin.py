"""A QR code with its PIN: one a person, at an address without an id. Source: qrCodePinAuthenticationMethod (get,
delete); issuing one (PUT), its codes and its PIN by themselves are not here.
"""

from authops.demo.methods.kind import Kind

KIND = Kind(
    "qrCodePin", "qrCodePinMethod", "QR", single=True, nested=("standardQRCode", "temporaryQRCode", "pin"),
    elsewhere=("PUT", "PATCH"),
)  # fmt: skip
