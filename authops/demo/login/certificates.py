"""The home's own certificates: authority, server, client, and an expired client to try a failure with."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_YEAR = dt.timedelta(days=365)


def client_files(home: Path) -> list[Path]:
    """Return the registered client certificates (PEM with key)."""
    return [home / "client.pem", home / "client-expired.pem"]


def prepare(home: Path, now: dt.datetime) -> None:
    """Make what is missing or about to expire, readable by the owner only."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    if not (home / "federation.pem").exists():
        write(home / "federation.pem", _key_pem(rsa.generate_private_key(65537, 2048)))
    ca = home / "ca.pem"
    if ca.exists() and x509.load_pem_x509_certificate(ca.read_bytes()).not_valid_after_utc - now > dt.timedelta(days=7):
        return
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _sign("authops demo CA", ca_key, None, ca_key, (now - _YEAR, now + 2 * _YEAR), None)
    server = _sign(
        "localhost", server_key, authority, ca_key, (now - dt.timedelta(days=1), now + _YEAR), Use.SERVER_AUTH
    )
    _client(home / "client.pem", (now - dt.timedelta(days=1), now + 2 * _YEAR))
    _client(home / "client-expired.pem", (now - _YEAR, now - dt.timedelta(days=1)))
    write(home / "server.pem", _pem(server, server_key))
    write(home / "signing.pem", _key_pem(rsa.generate_private_key(65537, 2048)))
    write(ca, authority.public_bytes(serialization.Encoding.PEM))


def _client(path: Path, valid: tuple[dt.datetime, dt.datetime]) -> None:
    key = rsa.generate_private_key(65537, 2048)
    write(path, _pem(_sign("authops demo client", key, None, key, valid, Use.CLIENT_AUTH), key))


def write(path: Path, data: bytes) -> None:
    """Write a file all at once, readable by its owner only."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)


def _key_pem(key: Key) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _pem(certificate: x509.Certificate, key: Key) -> bytes:
    return _key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _sign(
    name: str,
    key: Key,
    issuer: x509.Certificate | None,
    issuer_key: Key,
    valid: tuple[dt.datetime, dt.datetime],
    use: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer.subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=valid[0],
        not_valid_after=valid[1],
    )
    for extension, critical in _extensions(key, issuer_key, use):
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _extensions(key: Key, issuer_key: Key, use: x509.ObjectIdentifier | None) -> list[tuple[x509.ExtensionType, bool]]:
    ca = use is None
    shown: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=ca, path_length=0 if ca else None), True),
        (x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    ]
    if use is not None:
        shown.append((x509.ExtendedKeyUsage([use]), False))
    if use == Use.SERVER_AUTH:
        addresses = [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
        shown.append((x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), False))
    return shown
