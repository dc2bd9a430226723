"""Sealed with age (age-encryption.org), to X25519 or SSH keys: `age -d -i KEY FILE` opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authops.handover.handover import Letter
from authops.handover.letters import Written
from authops.words.errors import HandOverError

_KINDS: Final = "an age key (age1…), ssh-ed25519 or ssh-rsa of 2048 bits or more, a line each"


@dataclass(frozen=True)
class Age:
    """The keys of one recipient; each of them opens the letter."""

    keys: tuple[Any, ...]
    how = "age"

    def suffix(self, written: Written) -> str:
        """`.pdf.age` for a PDF."""
        return f".{written.suffix}.age"

    def close(self, _letter: Letter, written: Written) -> bytes:
        """The letter as an age file."""
        import pyrage

        return bytes(pyrage.encrypt(written.data, list(self.keys)))


def seal(path: Path, data: bytes) -> Age:
    """The seal of the public keys in a file. Raises `HandOverError` for one that is damaged or of another kind."""
    try:
        lines = [line.strip() for line in data.decode("utf-8").splitlines()]
    except UnicodeDecodeError:
        lines = [""]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise HandOverError(f"{path} holds no public key", remedy=f"it should hold {_KINDS}")
    return Age(tuple(_key(path, number, key) for number, key in enumerate(keys, 1)))


def _key(path: Path, number: int, key: str) -> Any:
    import pyrage

    recipient = pyrage.ssh.Recipient if key.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return recipient.from_str(key)
    except pyrage.RecipientError as error:
        why = str(error).partition("(")[2].rstrip(")") or str(error)
    raise HandOverError(f"key {number} of {path} cannot be used: {why}", remedy=f"it should be {_KINDS}")
