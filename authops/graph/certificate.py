"""The certificate an application signs in with: whether it can be read, is still valid, and its key is ours alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from authops.words.errors import ConnectionProfileError


def check(path: str, password: str | None) -> None:
    """Raises `ConnectionProfileError` for a key that others may use, and a certificate that is none or has expired."""
    if seen := key_seen_by_others(path):
        raise ConnectionProfileError(seen, remedy=f"chmod 600 {path}, and consider the key seen: renew it")
    until = _read(path, password).not_valid_after_utc
    if until < datetime.now(UTC):
        raise ConnectionProfileError(
            f"the certificate {path} expired on {until:%Y-%m-%d}",
            remedy="make a new one and register it with the application",
        )


def days(path: str, password: str | None) -> float:
    """Days until it expires. Raises `ConnectionProfileError`."""
    return float((_read(path, password).not_valid_after_utc - datetime.now(UTC)).total_seconds() / 86400)


def key_seen_by_others(path: str) -> str:
    """Who else on this machine may use the private key, in words; "" for nobody. Windows: modes tell nothing.

    PostgreSQL's rule for its keys: 0600 or less, 0640 when it is root's. That lets pass what systemd's LoadCredential
    and a volume of secrets hand over.
    """
    if os.name != "posix":
        return ""
    found = Path(path).stat()
    others = found.st_mode & 0o777 & ~(0o740 if found.st_uid == 0 else 0o700)
    who = [words for bits, words in ((0o070, "its group"), (0o007, "everybody")) if others & bits]
    said = f"{' and '.join(who)} on this machine can use the private key {path}"
    return f"{said} (mode {found.st_mode & 0o777:04o})" if who else ""


def _read(path: str, password: str | None) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    secret = password.encode() if password else None
    try:
        data = Path(path).read_bytes()
        pem = b"-----BEGIN" in data
        found = x509.load_pem_x509_certificate(data) if pem else pkcs12.load_pkcs12(data, secret).cert
        certificate = found if isinstance(found, x509.Certificate) else getattr(found, "certificate", None)
        assert certificate is not None
    except (OSError, ValueError, AssertionError) as error:
        raise ConnectionProfileError(
            f"{path} holds no usable certificate ({type(error).__name__})",
            remedy="it should be PEM with the private key, or PFX with certificate_password_env",
        ) from None
    return certificate
