"""On the screen, one person at a time: only before a notebook that somebody looks at, and only while they look.

The code goes to the page as a message when it is asked for. It is in no trait, output or page, so nothing saves it; the
page (`static/screen.js`) shows it to who clicked and takes it away when they look elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import anywidget

from authops.handover.handover import HandOver, Letter, Receipt
from authops.words import console
from authops.words.author import operator
from authops.words.errors import HandOverError

_STATIC: Final = Path(__file__).parent / "static"
_MOST: Final = 50
_WORDS: Final = "Passes are shown here one at a time, while the run goes on and somebody looks."


class Board(anywidget.AnyWidget):
    """Where a pass is offered: who it is for is told, the code only when it is asked for."""

    _esm = (_STATIC / "screen.js").read_text("utf-8")
    _css = (_STATIC / "screen.css").read_text("utf-8")

    def __init__(self, said: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._said = said
        self.on_msg(self._heard)

    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        self._said(message)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": f"<p>{_WORDS}</p>", "text/plain": _WORDS}, metadata


class Screen(HandOver):
    """`screen`: a click shows a code, another says that it was handed over; without either it was not."""

    name = "screen"
    at_once = 1

    def __init__(self, now: Callable[[], datetime], *, appears_within: float = 20.0, patience: float = 900.0) -> None:
        if os.environ.get("AUTHOPS_HEADLESS") or not _before_somebody():
            raise HandOverError(
                "nobody sits before this run, so no code can be shown on a screen",
                remedy="run the notebook in JupyterLab, or name another hand_over",
            )
        self._now, self._within, self._patience = now, appears_within, patience
        self._board: Board | None = None
        self._there: asyncio.Event = asyncio.Event()
        self._letter: Letter | None = None
        self._number = 0
        self._answer: asyncio.Future[bool] | None = None

    async def ready(self, recipients: Sequence[str]) -> None:
        """Put the board up and wait until a page shows it. Raises `HandOverError`, also for more than people can do."""
        if len(recipients) > _MOST:
            raise HandOverError(
                f"{len(recipients):,} passes are too many to be shown one at a time (at most {_MOST})",
                remedy="name another hand_over, or approve fewer",
            )
        from IPython.display import display

        self.close()
        self._there.clear()
        self._board = Board(self._heard)
        display(self._board)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._within):
                await self._there.wait()
            return
        self.close()
        raise HandOverError(
            "no page shows the board that codes would stand on",
            remedy="run this cell in JupyterLab with the notebook in sight, or name another hand_over",
        )

    async def _give(self, letters: Sequence[Letter]) -> list[Receipt]:
        return [await self._one(letter) for letter in letters]

    async def _one(self, letter: Letter) -> Receipt:
        if self._board is None:
            raise HandOverError("the board is gone", remedy="run this cell again")
        self._letter, self._number = letter, self._number + 1
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._board.send(self._offer(letter))
            async with asyncio.timeout(self._patience):
                handed = await self._answer
        except TimeoutError:
            handed = False
        finally:
            self._letter, self._answer = None, None
            self._board.send({"kind": "done", "number": self._number})
        if not handed:
            raise HandOverError(
                f"the pass of {letter.user_principal_name} was not handed over",
                remedy="go on with the run when you can",
            )
        return Receipt(letter.change_id, self.name, f"shown to {operator()} for {letter.recipient}", self._now())

    def _offer(self, letter: Letter) -> dict[str, Any]:
        times = f"{letter.starts:%Y-%m-%d %H:%M} – {letter.expires:%Y-%m-%d %H:%M %z}"
        return {
            "kind": "offer",
            "number": self._number,
            "account": letter.user_principal_name,
            "name": " ".join(console.harmless(letter.display_name).split()),
            "recipient": letter.recipient,
            "times": f"{times}, {'once' if letter.once else 'as often as needed'}",
        }

    def _heard(self, message: Mapping[str, Any]) -> None:
        """What a page says; what is about another pass than the one offered says nothing."""
        kind = message.get("kind")
        if kind == "here":
            self._there.set()
            if self._letter and self._board:
                self._board.send(self._offer(self._letter))
        if self._letter is None or self._board is None or message.get("number") != self._number:
            return
        if kind == "show":
            code = self._letter.code.reveal()
            self._board.send({"kind": "code", "number": self._number, "view": message.get("view"), "code": code})
        elif kind in ("handed", "not") and self._answer is not None and not self._answer.done():
            self._answer.set_result(kind == "handed")

    def close(self) -> None:
        """Take the board down."""
        if self._board is not None:
            self._board.close()
            self._board = None


def _before_somebody() -> bool:
    """Whether a kernel runs this, and so somebody's page may be there; a script has nobody to show anything to."""
    kernel = sys.modules.get("IPython")
    shell = kernel.get_ipython() if kernel else None  # type: ignore[attr-defined]
    return getattr(shell, "kernel", None) is not None
