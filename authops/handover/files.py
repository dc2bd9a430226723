"""A sealed file for each person, in a folder of each recipient: only the recipient's own key opens it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from authops.handover.folder import Folder, fits, name_of
from authops.handover.handover import Code, HandOver, Letter, Receipt
from authops.handover.keys import SUFFIXES, Keys, Seal
from authops.handover.letters import Letters


class Files(HandOver):
    """`files`: age files or S/MIME mails, as each recipient's key has it. Nothing unsealed touches the disk."""

    name = "files"

    def __init__(self, folder: Folder, keys: Keys, letters: Letters, now: Callable[[], datetime]) -> None:
        self._folder, self._keys, self._letters, self._now = folder, keys, letters, now

    async def ready(self, recipients: Sequence[str]) -> None:
        """Seal a letter for each of them, in memory, and try the folder with room for all. Raises `HandOverError`."""
        await asyncio.to_thread(self._try, list(recipients))

    def _try(self, recipients: list[str]) -> None:
        largest = 4096
        for who in dict.fromkeys(recipients):
            fits(who)
            largest = max(largest, *(len(sealed) for sealed in self._probes(who)))
        self._folder.ready(len(recipients) * (largest + 4096))

    def _probes(self, who: str) -> list[bytes]:
        seal = self._keys.of(who)
        probe = probe_letter(who, self._now())
        return [self._closed(seal, replace(probe, language=name))[1] for name in self._letters.languages]

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        await asyncio.to_thread(self._put_all, letters, done)

    def _put_all(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        for letter in letters:
            done(self._put(letter))

    def _put(self, letter: Letter) -> Receipt:
        seal = self._keys.of(letter.recipient)
        suffix, sealed = self._closed(seal, letter)
        place = Path(name_of(letter.recipient)) / name_of(letter.user_principal_name)
        path = self._folder.put(place.with_name(place.name + suffix), sealed)
        for other in SUFFIXES:
            if other != suffix:
                path.with_name(place.name + other).unlink(missing_ok=True)
        return Receipt(letter.change_id, seal.how, str(path), self._now())

    def _closed(self, seal: Seal, letter: Letter) -> tuple[str, bytes]:
        written = self._letters.written(letter)
        return seal.suffix(written), seal.close(letter, written)


def probe_letter(recipient: str, now: datetime) -> Letter:
    """A letter of nobody with a code of nothing, as long as a letter gets."""
    code = Code("-" * 48)
    return Letter("probe", "", "probe" * 22, "Probe " * 20, recipient, code, now, now + timedelta(days=30), once=True)
