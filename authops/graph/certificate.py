"""The certificate an application signs in with: whether it can be read, is still valid, and its key is ours alone.

A file is read here in any usual form, and Entra's library is handed the key and the key's own certificate: of a file
with several certificates it would take the first, which may be an authority's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from authops.words.author import operator
from authops.words.errors import ConnectionProfileError

_FORMS: Final = "it should be PEM with the private key, or PFX with certificate_password_env"
_LOCKED: Final = "name the variable that holds its password in certificate_password_env"
_EXPORT: Final = "export it with its private key: PEM, or PFX with certificate_password_env"
_BEGIN: Final = b"-----BEGIN "
_PEM_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----.*?-----END (?:TRUSTED )?CERTIFICATE-----", re.S
)
_PEM_KEY: Final = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.S)


@dataclass(frozen=True)
class _Pair:
    """A private key and the certificate that belongs to it."""

    key: Any
    certificate: Any


def check(path: str, password: str | None) -> bytes:
    """The key and its certificate, as PEM for memory only.

    Raises `ConnectionProfileError` for a key that others may use or own, for what is no key and certificate of a kind
    that Entra takes, and for a certificate that has expired or does not count yet.
    """
    if seen := key_seen_by_others(path):
        raise ConnectionProfileError(seen, remedy=key_remedy(path))
    pair, now = _read(path, password), datetime.now(UTC)
    until, since = pair.certificate.not_valid_after_utc, pair.certificate.not_valid_before_utc
    if until < now:
        raise ConnectionProfileError(
            f"the certificate {path} expired on {until:%Y-%m-%d}",
            remedy="make a new one and register it with the application",
        )
    if since > now:
        raise ConnectionProfileError(
            f"the certificate {path} counts from {since:%Y-%m-%d %H:%M} UTC on, and it is {now:%Y-%m-%d %H:%M} here",
            remedy="set this machine's clock right, or use the certificate that counts today",
        )
    return _pem(pair)


def days(path: str, password: str | None) -> float:
    """Days until it expires. Raises `ConnectionProfileError`."""
    left = _read(path, password).certificate.not_valid_after_utc - datetime.now(UTC)
    return float(left.total_seconds() / 86400)


def key_seen_by_others(path: str) -> str:
    """Who else on this machine may use the private key, in words; "" for nobody. Windows: modes tell nothing.

    PostgreSQL's rule for its keys: ours or root's, 0600 or less, 0640 when it is root's. That lets pass what systemd's
    LoadCredential and a volume of secrets hand over.
    """
    if os.name != "posix":
        return ""
    try:
        found = Path(path).stat()
    except OSError:
        return ""  # nobody at all; reading it says why
    if found.st_uid not in (0, os.geteuid()):
        whose = f"uid {found.st_uid}, mode {found.st_mode & 0o777:04o}"
        return f"the private key {path} belongs to another user of this machine ({whose}), who can use it"
    others = found.st_mode & 0o777 & ~(0o740 if found.st_uid == 0 else 0o700)
    who = [words for bits, words in ((0o070, "its group"), (0o007, "everybody")) if others & bits]
    said = f"{' and '.join(who)} on this machine can use the private key {path}"
    return f"{said} (mode {found.st_mode & 0o777:04o})" if who else ""


def key_remedy(path: str) -> str:
    """What to do about a key that others may use: whose it has to be, and how it is made so."""
    strange = os.name == "posix" and Path(path).stat().st_uid not in (0, os.geteuid())
    give = f"chown {operator().partition('@')[0].removeprefix('uid ')} {path}, " if strange else ""
    return f"{give}chmod 600 {path}, and consider the key seen: renew it"


def _read(path: str, password: str | None) -> _Pair:
    secret = password.encode() if password else None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})", "let this account read it") from None
    key, certificates = _in_pem(path, data, secret) if _BEGIN in data else _in_pfx(path, data, secret)
    _entra_takes(path, key)
    return _Pair(key, _of_key(path, key, certificates))


def _in_pem(path: str, data: bytes, secret: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography import x509

    keys = [match[0] for match in _PEM_KEY.finditer(data)]
    try:
        found = [x509.load_pem_x509_certificate(match[0]) for match in _PEM_CERTIFICATE.finditer(data)]
    except ValueError:
        raise _unusable(path, "holds a damaged certificate", _FORMS) from None
    if not keys:
        raise _unusable(path, "holds a certificate without its private key" if found else "holds no key", _EXPORT)
    return _key(path, keys[0], secret), found


def _key(path: str, block: bytes, secret: bytes | None) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = b"ENCRYPTED" in block
    if encrypted and secret is None:
        raise _unusable(path, "holds a private key that is encrypted, and no password was named", _LOCKED)
    try:
        # Azure's library proves the numbers of a key; here they need not be.
        return load_pem_private_key(block, secret if encrypted else None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted:
            raise _wrong_password(path) from None
        raise damaged(path) from None


def _in_pfx(path: str, data: bytes, secret: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        found = pkcs12.load_pkcs12(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        try:
            x509.load_der_x509_certificate(data)
        except ValueError:
            raise (
                _wrong_password(path) if _is_der(data) else _unusable(path, "is neither PEM nor PFX", _FORMS)
            ) from None
        raise _unusable(path, "holds a certificate without its private key", _EXPORT) from None
    if found.key is None:
        raise _unusable(path, "holds a certificate without its private key", _EXPORT)
    return found.key, [own.certificate for own in (found.cert, *found.additional_certs) if own is not None]


def _is_der(data: bytes) -> bool:
    """Whether it begins as a PFX does."""
    return data[:1] == b"\x30"


def _entra_takes(path: str, key: Any) -> None:
    """Entra checks a signed assertion with RSA only (certificate-credentials: PS256 or RS256)."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        raise _unusable(
            path,
            f"holds a private key that is not RSA ({_kind(key)}), and Entra takes no other for signing in",
            "make an RSA key of 2048 bits or more and its certificate, and register that with the application",
        )


def _kind(key: Any) -> str:
    name = type(key).__name__.removesuffix("PrivateKey")
    return {"EllipticCurve": "EC", "ECPrivateKey": "EC"}.get(name, name)


def _of_key(path: str, key: Any, certificates: Sequence[Any]) -> Any:
    """The certificate that the key belongs to; of several the first that counts today, as after a renewal."""
    mine = [one for one in certificates if _public(one.public_key()) == _public(key.public_key())]
    if not certificates:
        raise _unusable(
            path, "holds a private key without its certificate", "put the certificate beside the key, as PEM"
        )
    if not mine:
        raise _unusable(
            path, "holds no certificate that belongs to its private key", "put the key's own certificate in"
        )
    now = datetime.now(UTC)
    return next((one for one in mine if one.not_valid_before_utc <= now <= one.not_valid_after_utc), mine[0])


def _public(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _pem(pair: _Pair) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return bytes(key + pair.certificate.public_bytes(Encoding.PEM))


def damaged(path: str) -> ConnectionProfileError:
    """What is raised for a private key that is none."""
    return _unusable(path, "holds a damaged private key", _FORMS)


def _wrong_password(path: str) -> ConnectionProfileError:
    return _unusable(
        path,
        "cannot be opened: its password is wrong or missing, or the file is damaged",
        "look at what the variable that certificate_password_env names holds; else export the file again",
    )


def _unusable(path: str, why: str, remedy: str) -> ConnectionProfileError:
    return ConnectionProfileError(f"{path} {why}", remedy=remedy)
