"""Passkeys. Source: fido2AuthenticationMethod (list, get, delete); creating one (creationOptions, POST) is not here."""

from authops.demo.methods.kind import Kind

KIND = Kind("fido2", "fido2Methods", "Passkey", elsewhere=("POST",))
