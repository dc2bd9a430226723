"""A workbook with a password for each recipient, a service desk say: Excel and LibreOffice open it.

Encrypted in memory (ECMA-376 agile, AES-256); a workbook that is there is opened with the same password and added to.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from authops.handover import sheet
from authops.handover.folder import Folder, fits, name_of
from authops.handover.handover import HandOver, Letter, Receipt
from authops.words import console
from authops.words.errors import HandOverError
from authops.words.redaction import the_variable

HEAD: Final = ("account", "name", "pass", "usable from", "usable until", "how often", "object id")
_SHORTEST: Final = 12
_ROW: Final = 400  # bytes of a row in the file, generously


class Workbook(HandOver):
    """`workbook`: one workbook a recipient, all with one password, that stands in a variable of the environment."""

    name = "workbook"

    def __init__(self, folder: Folder, password_env: str, now: Callable[[], datetime]) -> None:
        self._folder, self._named, self._now = folder, password_env, now
        self._one_at_a_time = threading.Lock()

    async def ready(self, recipients: Sequence[str]) -> None:
        """Lock a workbook and open it again, in memory; open those that are there. Raises `HandOverError`."""
        await asyncio.to_thread(self._try, list(recipients))

    def _try(self, recipients: list[str]) -> None:
        password = self._password()
        if _opened(_locked([HEAD], password), password) != [list(HEAD)]:
            raise HandOverError("a workbook that was locked does not open again", remedy="this is a fault of authops")
        for who in dict.fromkeys(recipients):
            fits(who)
        self._folder.ready(len(recipients) * _ROW + len(set(recipients)) * (64 << 10))
        for who in dict.fromkeys(recipients):
            self._there(self._path(who), password)

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        await asyncio.to_thread(self._put_all, letters, done)

    def _put_all(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        password = self._password()
        with self._one_at_a_time:
            for who in dict.fromkeys(letter.recipient for letter in letters):
                theirs = [letter for letter in letters if letter.recipient == who]
                self._add(who, theirs, password)
                place = str(self._folder.path / self._path(who))
                for letter in theirs:
                    done(Receipt(letter.change_id, self.name, place, self._now()))

    def _add(self, who: str, letters: Sequence[Letter], password: str) -> None:
        ids = {letter.user_id for letter in letters}
        former = [row for row in self._there(self._path(who), password)[1:] if row[-1] not in ids]
        self._folder.put(self._path(who), _locked([HEAD, *former, *map(_row, letters)], password))

    def _there(self, place: Path, password: str) -> list[list[str]]:
        """What a workbook holds already, our columns only."""
        path = self._folder.path / place
        if not path.exists():
            return [list(HEAD)]
        try:
            rows = _opened(path.read_bytes(), password)
        except Exception as error:
            why = (
                "has another password, or was altered"
                if type(error).__name__ == "InvalidKeyError"
                else "cannot be opened"
            )
            raise HandOverError(
                f"{path}, which is there already, {why}",
                remedy=f"put its own password into {self._named}, or move the workbook away",
            ) from None
        columns = [rows[0].index(name) for name in HEAD if name in rows[0]] if rows else []
        if len(columns) < len(HEAD):
            raise HandOverError(f"{path} is none of ours: a column is missing", remedy="move it away")
        return [[row[at] for at in columns] for row in rows]

    @staticmethod
    def _path(who: str) -> Path:
        return Path(f"{name_of(who)}.xlsx")

    def _password(self) -> str:
        if not self._named.isidentifier():
            raise HandOverError(
                "password_env is no name of a variable", remedy="name the variable, never write the password here"
            )
        password = os.environ.get(self._named, "")
        if len(password) < _SHORTEST:
            raise HandOverError(
                f"{the_variable(self._named, 'password_env')} holds no password of {_SHORTEST} characters or more",
                remedy="set a long one, and tell it to the service desk by another way than the workbook",
            )
        return password


def _row(letter: Letter) -> tuple[str, ...]:
    return (
        letter.user_principal_name,
        " ".join(console.harmless(letter.display_name).split()),
        letter.code.reveal(),
        f"{letter.starts:%Y-%m-%d %H:%M %z}",
        f"{letter.expires:%Y-%m-%d %H:%M %z}",
        "once" if letter.once else "often",
        letter.user_id,
    )


def _locked(rows: Sequence[Sequence[str]], password: str) -> bytes:
    from msoffcrypto.format.ooxml import OOXMLFile

    out: Any = BytesIO()
    OOXMLFile(BytesIO(sheet.made(rows[0], rows[1:], HEAD.index("pass")))).encrypt(password, out)
    return bytes(out.getvalue())


def _opened(data: bytes, password: str) -> list[list[str]]:
    import msoffcrypto

    file = msoffcrypto.OfficeFile(BytesIO(data))
    file.load_key(password=password)  # a wrong one fails the check of the whole
    out: Any = BytesIO()
    file.decrypt(out, verify_integrity=True)
    return sheet.read(out.getvalue())
