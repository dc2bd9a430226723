"""What every hand-over says and does: letters in, receipts out, and a code that nothing shows."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn

from authops.words.errors import HandOverError

_HIDDEN: Final = "‹code›"


class Code:
    """The code of a pass, for a hand-over only: never printed, formatted, pickled or copied."""

    __slots__ = ("_held",)

    def __init__(self, text: str) -> None:
        self._held = bytearray(text, "utf-8")

    def reveal(self) -> str:
        """The code itself; only a hand-over may ask. Raises `HandOverError` for one that was wiped."""
        if not any(self._held):
            raise HandOverError("the code is gone from memory", remedy="a new pass has to be made")
        return self._held.decode("utf-8")

    def wipe(self) -> None:
        """Overwrite it; what Python copied meanwhile is its own to free."""
        self._held[:] = bytes(len(self._held))

    def __repr__(self) -> str:
        return _HIDDEN

    def __format__(self, _spec: str) -> str:
        return _HIDDEN

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a code is neither pickled nor copied")


@dataclass(frozen=True)
class Letter:
    """One pass for one person: `starts` and `expires` in the time zone in which they are told; `recipient` gives it on.

    `language` is `en`, `nl` or `de`.
    """

    change_id: str
    user_id: str
    user_principal_name: str
    display_name: str
    recipient: str
    code: Code
    starts: datetime
    expires: datetime
    once: bool
    language: str = "en"


@dataclass(frozen=True)
class Receipt:
    """That a code was handed over: `how` (the kind), `where` (file or receipt), `at` (UTC). Never a code."""

    change_id: str
    how: str
    where: str
    at: datetime


def _forget(_receipt: Receipt) -> None:
    """Nobody asks."""


class NotGivenError(HandOverError):
    """A person says of this one pass that nobody got its code; others may get theirs."""


def _always() -> bool:
    return True


class HandOver(ABC):
    """A way to hand codes over. `at_once`: how many passes may be made before they are handed over.

    Whoever waits for a person asks `go_on`, and gives up when it says no; `ended` says why no more may be made.
    """

    name: str
    at_once: int = 20
    go_on: Callable[[], bool] = staticmethod(_always)
    ended: str = ""

    @abstractmethod
    async def ready(self, recipients: Sequence[str]) -> None:
        """Try it for real before the first pass is made, with a recipient for each pass that will be.

        Raises `HandOverError` with what is wrong and the remedy.
        """

    async def give(self, letters: Sequence[Letter], done: Callable[[Receipt], None] = _forget) -> list[Receipt]:
        """Hand these over, and return when that lasts; the codes are wiped however it ends.

        Giving again for the same change replaces what stands there. `done` is told each receipt once its code lies
        where it belongs. Raises `HandOverError` when not all have one: the passes of the others are to be replaced.
        """
        receipts: list[Receipt] = []

        def lasts(receipt: Receipt) -> None:
            receipts.append(receipt)
            done(receipt)

        try:
            await self._give(letters, lasts)
            order = [letter.change_id for letter in letters]
            return sorted(receipts, key=lambda receipt: order.index(receipt.change_id))
        except HandOverError as error:
            problem = type(error)(error.message, remedy=error.remedy)
        except asyncio.CancelledError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            # Its text may hold what it failed at.
            problem = HandOverError(f"the letters could not be handed over ({type(error).__name__})")
        finally:
            for letter in letters:
                letter.code.wipe()
        raise problem  # out here no frame that held a code hangs on it

    @abstractmethod
    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None: ...

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds."""
