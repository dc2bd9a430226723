"""On screen, to one person at a time: who looks is asked whether it was handed over before another pass is made.

A code travels only when a page asks for it, sealed to a key that the page made for that one look: what lies between,
the other tabs of this notebook as well, holds nothing that can be read. It is no state of a widget and no output.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from authops.handover.handover import HandOver, Letter, NotGivenError, Receipt
from authops.words.errors import HandOverError

_EVERY: Final = 0.5  # seconds after which whoever waits looks up
_SMALLEST: Final = 2048
STOPPED: Final = "asked to stop on the screen"


class Board(Protocol):
    """What stands before a person: `tell` goes to every page of it, `heard` is called with what a page says."""

    heard: Callable[[Mapping[str, Any]], None]

    def tell(self, message: dict[str, Any]) -> None:
        """Say this to every page."""

    def close(self) -> None:
        """Take it away."""


class Screen(HandOver):
    """`screen`: `minutes` without a word of anybody mean that nobody looks; `seconds` is how long a code stands there.

    `copy`: whether a code may be copied.
    """

    name = "screen"
    at_once = 1

    def __init__(
        self,
        board: Board,
        now: Callable[[], datetime],
        *,
        minutes: float = 10,
        seconds: float = 60,
        copy: bool = False,
        patience: float = 30,
    ) -> None:
        self._board, self._now, self._copy = board, now, copy
        self._minutes, self._seconds, self._patience = minutes, seconds, patience
        self._number = self._of = 0
        self._turn, self._letter, self._seen, self._pressed = "", None, False, 0.0
        self._here: asyncio.Future[bool] | None = None
        self._said: asyncio.Future[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        board.heard = self._heard

    _letter: Letter | None

    async def ready(self, recipients: Sequence[str]) -> None:
        """Ask whether a page is there that can show codes. Raises `HandOverError`."""
        self._number, self._of = 0, len(recipients)
        self._loop = asyncio.get_running_loop()
        self._here = self._loop.create_future()
        self._board.tell({"what": "anybody"})
        try:
            fits = await asyncio.wait_for(self._here, self._patience)
        except TimeoutError:
            raise HandOverError(
                "no page answers that could show a code",
                remedy="open this notebook in JupyterLab and run it there, or name another hand_over",
            ) from None
        if not fits:
            raise HandOverError(
                "this page came over plain http, so its browser cannot take a sealed code",
                remedy="open JupyterLab by https, or on this machine itself (http://127.0.0.1 or localhost)",
            )

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        for letter in letters:
            try:
                said = await self._answer(letter)
            finally:
                letter.code.wipe()
                self._letter, turn = None, self._turn
                self._board.tell({"what": "away", "turn": turn})
            if said.endswith("-and-stop"):
                self.ended = STOPPED
            if said.startswith("not-given"):
                raise NotGivenError("it could not be given, as was said on the screen")
            done(Receipt(letter.change_id, self.name, "acknowledged", self._now()))

    async def _answer(self, letter: Letter) -> str:
        """What a person says of this one. Raises `NotGivenError` when a stop comes first, `HandOverError` for none."""
        self._loop = asyncio.get_running_loop()
        self._number += 1
        self._turn, self._letter, self._seen = secrets.token_hex(8), letter, False
        self._said, self._pressed = self._loop.create_future(), self._loop.time()
        self._board.tell(self._card())
        while not self._said.done():
            await asyncio.wait({self._said}, timeout=_EVERY)
            if self._said.done():
                break
            if not self._seen and not self.go_on():
                raise NotGivenError("it was asked to stop before anybody saw the code")
            if self._loop.time() - self._pressed > self._minutes * 60:
                raise HandOverError(
                    f"nobody said within {self._minutes:g} minutes whether it was handed over",
                    remedy="go on when somebody is there to hand codes over",
                )
        return self._said.result()

    def _card(self) -> dict[str, Any]:
        """Whose pass it is; not the code."""
        one = self._letter
        if one is None:
            return {"what": "away", "turn": self._turn}
        return {
            "what": "card",
            "turn": self._turn,
            "number": self._number,
            "of": max(self._of, self._number),
            "name": one.display_name or one.user_principal_name,
            "account": one.user_principal_name,
            "recipient": one.recipient,
            "starts": f"{one.starts:%Y-%m-%d %H:%M %z}",
            "expires": f"{one.expires:%Y-%m-%d %H:%M %z}",
            "once": one.once,
            "seconds": self._seconds,
            "copy": self._copy,
            "seen": self._seen,
        }

    def _heard(self, message: Mapping[str, Any]) -> None:
        """A page says something, in whatever thread the kernel hears it."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._act, dict(message))

    def _act(self, message: Mapping[str, Any]) -> None:
        do, mine = message.get("do"), message.get("turn") == self._turn and self._letter is not None
        if do == "here":
            if self._here and not self._here.done():
                self._here.set_result(bool(message.get("secure")))
            self._board.tell(self._card())
        elif not mine:
            self._board.tell({"what": "away", "turn": str(message.get("turn"))})
        elif do == "beat":
            self._board.tell({"what": "alive", "turn": self._turn, "view": message.get("view")})
        else:
            self._press(str(do), message)

    def _press(self, do: str, message: Mapping[str, Any]) -> None:
        """What a person did about the code that waits."""
        self._pressed = self._loop.time() if self._loop else 0.0
        if do == "show" and self._letter:
            sealed = _sealed(self._letter, str(message.get("key")))
            self._board.tell({"what": "code", "turn": self._turn, "view": message.get("view"), "sealed": sealed})
        elif do == "seen":
            self._seen = True
        elif self._said and not self._said.done() and do.startswith(("given", "not-given")[not self._seen :]):
            self._said.set_result(do)

    def close(self) -> None:
        """Take the board away."""
        self._board.close()


def _sealed(letter: Letter, key: str) -> str:
    """The code, sealed to the key (RSA, DER in base64) that a page made for this look; "" for no such key."""
    try:
        public = load_der_public_key(base64.b64decode(key, validate=True))
    except ValueError:
        return ""
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < _SMALLEST:
        return ""
    how = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return base64.b64encode(public.encrypt(letter.code.reveal().encode(), how)).decode()
