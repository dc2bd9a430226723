"""A certificate file in any form that people have: used when it can be, refused in one sentence when it cannot."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from authops.graph import certificate
from authops.graph.connection import Connection, credential_of, sign_in
from authops.words.errors import ConnectionProfileError

NOW = datetime.now(UTC)
PASSWORD = "s3cretpass"
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)


def made(key: Any, name: str = "app", days: int = 730, since: int = -1) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    times = builder.not_valid_before(NOW + timedelta(days=since)).not_valid_after(NOW + timedelta(days=days))
    return times.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


LEAF, AUTHORITY = made(KEY), made(OTHER, "Corp-CA", 30)


def pem(*parts: Any, password: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    kept = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    blocks = [
        part.public_bytes(Encoding.PEM)
        if isinstance(part, x509.Certificate)
        else part.private_bytes(Encoding.PEM, form, kept)
        for part in parts
    ]
    return b"".join(blocks)


def pfx(key: Any, leaf: Any, password: str = "", more: Any = None) -> bytes:
    kept = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"app", key, leaf, more, kept)


def as_older_systems_write(key: Any, leaf: Any, password: str) -> bytes:
    form = PrivateFormat.PKCS12.encryption_builder().key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    kept = form.hmac_hash(hashes.SHA1()).build(password.encode())
    return pkcs12.serialize_key_and_certificates(b"app", key, leaf, None, kept)


def kept(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "app.pem"
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


GOOD: dict[str, tuple[bytes, str | None]] = {
    "key, then certificate": (pem(KEY, LEAF), None),
    "certificate, then key": (pem(LEAF, KEY), None),
    "authority first": (pem(KEY, AUTHORITY, LEAF), None),
    "chain after it": (pem(KEY, LEAF, AUTHORITY), None),
    "encrypted": (pem(KEY, LEAF, password=PASSWORD), PASSWORD),
    "encrypted, traditional": (pem(KEY, LEAF, password=PASSWORD, form=PrivateFormat.TraditionalOpenSSL), PASSWORD),
    "password for a key without": (pem(KEY, LEAF), PASSWORD),
    "traditional": (pem(KEY, LEAF, form=PrivateFormat.TraditionalOpenSSL), None),
    "Windows line ends": (pem(KEY, LEAF).replace(b"\n", b"\r\n"), None),
    "mark of UTF-8": (b"\xef\xbb\xbf" + pem(KEY, LEAF), None),
    "bag attributes": (b"Bag Attributes\n    friendlyName: app\n" + pem(KEY) + b"Bag Attributes\n" + pem(LEAF), None),
    "PFX": (pfx(KEY, LEAF, PASSWORD), PASSWORD),
    "PFX of older systems": (as_older_systems_write(KEY, LEAF, PASSWORD), PASSWORD),
    "PFX, password of another script": (pfx(KEY, LEAF, "pässwörd–密"), "pässwörd–密"),
    "one line": (pem(KEY, LEAF).replace(b"\n", b" "), None),
    "PFX without password": (pfx(KEY, LEAF), None),
    "PFX, authority in it": (pfx(KEY, LEAF, PASSWORD, [AUTHORITY]), PASSWORD),
    "renewed with the same key": (pem(KEY, made(KEY, days=-1, since=-9), LEAF), None),
}
BAD: dict[str, tuple[bytes, str | None, str]] = {
    "certificate alone": (pem(LEAF), None, "without its private key"),
    "certificate alone, DER": (LEAF.public_bytes(Encoding.DER), None, "without its private key"),
    "PFX without its key": (pfx(None, LEAF, PASSWORD), PASSWORD, "without its private key"),
    "key alone": (pem(KEY), None, "without its certificate"),
    "another key": (pem(OTHER, LEAF), None, "no certificate that belongs to its private key"),
    "encrypted, no password": (pem(KEY, LEAF, password=PASSWORD), None, "encrypted, and no password"),
    "encrypted, wrong password": (pem(KEY, LEAF, password=PASSWORD), "guess", "password is wrong or missing"),
    "PFX, wrong password": (pfx(KEY, LEAF, PASSWORD), "guess", "password is wrong or missing"),
    "PFX, no password": (pfx(KEY, LEAF, PASSWORD), None, "password is wrong or missing"),
    "PFX as text": (base64.b64encode(pfx(KEY, LEAF)), None, "neither PEM nor PFX"),
    "EC": (pem(e := ec.generate_private_key(ec.SECP256R1()), made(e)), None, r"not RSA \(EC\)"),
    "Ed25519": (pem(d := ed25519.Ed25519PrivateKey.generate(), made(d)), None, r"not RSA \(Ed25519\)"),
    "damaged key": (pem(KEY, LEAF).replace(b"MII", b"MIX", 1), None, "damaged private key"),
    "damaged certificate": (pem(KEY) + pem(LEAF).replace(b"MII", b"MXX", 1), None, "damaged certificate"),
    "no words of this": (b"hello", None, "neither PEM nor PFX"),
    "nothing": (b"", None, "neither PEM nor PFX"),
    "expired": (pem(KEY, made(KEY, days=-1, since=-9)), None, "expired on"),
    "not yet": (pem(KEY, made(KEY, since=2)), None, "counts from"),
}


@pytest.mark.parametrize("form", GOOD)
def test_every_usual_form_gives_the_keys_own_certificate(tmp_path: Path, form: str) -> None:
    data, password = GOOD[form]
    path = kept(tmp_path, data)
    assert x509.load_pem_x509_certificate(certificate.check(path, password)) == LEAF
    assert 729 <= certificate.days(path, password) <= 731


@pytest.mark.parametrize("form", BAD)
def test_what_cannot_be_used_is_refused_in_one_sentence(tmp_path: Path, form: str) -> None:
    data, password, said = BAD[form]
    with pytest.raises(ConnectionProfileError, match=said) as raised:
        certificate.check(kept(tmp_path, data), password)
    assert raised.value.remedy
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("form", BAD)
def test_no_form_ends_a_sign_in_otherwise_than_as_wrong_use(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, password, _ = BAD[form]
    monkeypatch.setenv("APP_PASSWORD", password or "")
    here = Connection(
        "mine", "global", "t.example", "c", "certificate", "https://graph.test", "https://login.test",
        kept(tmp_path, data), "APP_PASSWORD" if password else "",
    )  # fmt: skip
    for ask in (sign_in, credential_of):
        call: Callable[[Connection], Any] = ask
        with pytest.raises(ConnectionProfileError):
            call(here)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_a_key_that_somebody_else_owns_is_refused_whatever_its_mode(tmp_path: Path) -> None:
    path = kept(tmp_path, pem(KEY, LEAF))
    assert certificate.key_seen_by_others(path) == ""
    os.chown(path, 12345, -1)
    with pytest.raises(ConnectionProfileError, match="belongs to another user") as refused:
        certificate.check(path, None)
    assert f"chown root {path}" in refused.value.remedy
