"""People with keys of their own, letters to them, and a look at what lies on the disk."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authops.handover.handover import Code, HandOver, Letter
from authops.handover.opening import open as hand_over

ANN, BEN = "ann@contoso.example", "ben@contoso.example"
SECRET = "Zq7!xW4#kP"
_AT = datetime(2026, 11, 30, 8, tzinfo=ZoneInfo("Europe/Amsterdam"))


def letter(number: int = 1, recipient: str = ANN, code: str = SECRET, language: str = "en", name: str = "") -> Letter:
    """A pass for user `number`, to be given on by the recipient."""
    upn, until = f"user{number}@contoso.example", _AT.replace(hour=16)
    return Letter(
        f"c{number:07d}",
        f"id-{number}",
        upn,
        name or f"User {number}",
        recipient,
        Code(code),
        _AT,
        until,
        True,
        language,
    )


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def ann(keys: Path) -> pyrage.x25519.Identity:
    """Ann, who opens letters with age."""
    identity = pyrage.x25519.Identity.generate()
    (keys / f"{ANN}.pub").write_text(f"# Ann's laptop\n{identity.to_public()}\n")
    return identity


@pytest.fixture
def files(tmp_path: Path, keys: Path) -> Callable[..., HandOver]:
    """The hand-over `files` on this test's folders."""

    def opened(**other: str) -> HandOver:
        return hand_over("files", **{"folder": str(tmp_path / "out"), "recipient_keys": str(keys)} | other)

    return opened


@cache
def private_key(kind: str) -> Any:
    """A private key, made once: `rsa`, `another`, `small` (RSA of 1024 bits), `elliptic`."""
    if kind == "elliptic":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if kind == "small" else 2048)


def certificate(folder: Path, name: str, *extra: str, key: str = "rsa") -> tuple[Path, Path]:
    """(certificate, private key) of a person, as openssl makes it; the key lies beside the folder."""
    private, public = folder.parent / f"{name}.key", folder / f"{name}.pem"
    private.write_bytes(private_key(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    words = ["openssl", "req", "-x509", "-new", "-key", private, "-out", public, "-subj", "/CN=Somebody", *extra]
    subprocess.run(words, check=True, capture_output=True)
    return public, private


def spellings(code: str) -> list[bytes]:
    """How a code can lie in a file: as it is, in UTF-16, in hexadecimal, in base64 at each of three offsets."""
    plain = code.encode()
    shifted = [base64.b64encode(b"\0" * n + plain)[(0, 2, 3)[n] : -4] for n in range(3)]
    return [plain, code.encode("utf-16-le"), plain.hex().encode(), plain[::-1], *(s for s in shifted if len(s) >= 6)]


def holding(folders: Sequence[Path], code: str = SECRET) -> Iterator[Path]:
    """Every file below the folders that holds the code, however it is spelled."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place) / name
                if path.is_file() and any(spelled in held for held in _held(path) for spelled in spellings(code)):
                    yield path


def _held(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is packed in them: archives, streams of a PDF, whatever zlib unpacks at its start."""
    data = path.read_bytes()
    yield data
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            yield from (package.read(name) for name in package.namelist())
    streams = [data, *re.findall(rb"stream\r?\n(.*?)endstream", data, re.S)]
    for stream in streams:
        for window in (15, 31, -15):
            with suppress(zlib.error):
                yield zlib.decompressobj(window).decompress(stream)
