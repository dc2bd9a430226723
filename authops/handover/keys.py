"""Whose key a letter is sealed with: files in a folder, one a recipient, named after them.

`ann@contoso.example.pub` (also .age, .txt) holds age or SSH keys, one a line; `ann@contoso.example.pem` (also .crt,
.cer, .der) a certificate; `authorities/` holds those of who issued them. A key that others could have put there is
refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from authops.handover import age, smime
from authops.handover.handover import Letter
from authops.handover.letters import Written
from authops.words.errors import HandOverError

_AGE: Final = (".pub", ".age", ".txt")
_CERTIFICATE: Final = (".pem", ".crt", ".cer", ".der")
_PRIVATE: Final = (b"AGE-SECRET-KEY-", b"PRIVATE KEY-----")


class Seal(Protocol):
    """Closes a letter for one recipient."""

    how: str

    def suffix(self, written: Written) -> str:
        """What a sealed file's name ends in."""

    def close(self, letter: Letter, written: Written) -> bytes:
        """The letter, for the recipient's eyes only."""


SUFFIXES: Final = (".txt.age", ".html.age", ".pdf.age", ".eml")


class Keys:
    """The keys of a folder; each is read and checked once, and what was checked is what seals."""

    def __init__(self, folder: str, sender: str) -> None:
        if not folder:
            raise HandOverError("no folder of recipients' keys is named", remedy="name it in recipient_keys")
        self._folder, self._sender = Path(folder), sender
        self._known: dict[str, Seal] = {}

    def of(self, recipient: str) -> Seal:
        """The seal of this recipient. Raises `HandOverError` for no key, two of them, or one that cannot be used."""
        who = recipient.strip().casefold()
        if who not in self._known:
            self._known[who] = self._read(recipient, self._file(recipient))
        return self._known[who]

    def _file(self, recipient: str) -> Path:
        try:
            for folder in (self._folder, *self._folder.glob("authorities"), *self._folder.glob("authorities/*")):
                _nobody_elses(folder)
            files = [p for p in sorted(self._folder.iterdir()) if p.suffix.casefold() in (*_AGE, *_CERTIFICATE)]
        except OSError as error:
            raise HandOverError(
                f"the keys in {self._folder} cannot be read ({error.strerror})", remedy="check recipient_keys"
            ) from None
        found = [p for p in files if p.stem.casefold() == recipient.strip().casefold()]
        if len(found) == 1:
            return found[0]
        if found:
            raise HandOverError(
                f"{recipient} has {len(found)} keys in {self._folder}: {', '.join(p.name for p in found)}",
                remedy="leave the one that this person opens letters with",
            )
        raise HandOverError(
            f"{recipient} has no key in {self._folder}",
            remedy=f"put their age or SSH public key there as {recipient}.pub, or their certificate as {recipient}.pem",
        )

    def _read(self, recipient: str, path: Path) -> Seal:
        try:
            _nobody_elses(path)
            data = path.read_bytes()
        except OSError as error:
            raise HandOverError(
                f"{path} cannot be read ({error.strerror})", remedy="let this account read it"
            ) from None
        if any(sign in data for sign in _PRIVATE):
            raise HandOverError(
                f"{path} holds a private key, which belongs to its owner alone",
                remedy="take it away, consider it seen, and put the public key of a new one there",
            )
        if path.suffix.casefold() in _AGE:
            return age.seal(path, data)
        return smime.seal(path, data, recipient, self._sender)


def _nobody_elses(path: Path) -> None:
    """Raises `HandOverError` when others could have put another key there. Windows: its own permissions count."""
    if os.name != "posix":
        return
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise HandOverError(
            f"others may change {path} (uid {found.st_uid}, mode {found.st_mode & 0o777:04o}), and read letters by it",
            remedy=f"chmod go-w {path}, and look whether the keys are the recipients' own",
        )
