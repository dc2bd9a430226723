"""Who takes the codes of passes in a world, and what can go wrong with that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from authops.handover.handover import HandOver, Letter, NotGivenError, Receipt
from authops.words.errors import HandOverError
from tests.worlds import times
from tests.worlds.times import NOW


@dataclass(frozen=True)
class Delivered:
    """A code that a recipient has: through which life, for whom, and when."""

    at: float
    life: str
    user: str
    change_id: str
    code: str


class Desk(HandOver):
    """A service desk that takes letters, unless bad luck has it: what it was given it has, whatever it says."""

    name = "desk"

    def __init__(self, life: Any) -> None:
        self.life, self.play, self.at_once = life, life.play, life.play.world.at_once

    async def ready(self, recipients: Sequence[str]) -> None:
        self._before("hand-over tried")
        self.play.point("hand-over tried", "after")

    def _before(self, step: str) -> None:
        self.play.point(step, "before")
        if self._has("breaks"):
            raise OSError(5, "Input/output error")
        self._refuses("refused")

    def _has(self, kind: str) -> bool:
        return any(luck.kind == kind for luck in self.life.here)

    def _refuses(self, kind: str) -> None:
        if self._has(kind):
            raise HandOverError("the desk takes nothing", remedy="ask it")

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        self._before("hand-over")
        if self._has("declined"):
            raise NotGivenError("the desk says that nobody got it", remedy="ask it")
        half = len(letters) // 2
        for number, letter in enumerate(letters):
            if number == half:
                self.play.point("hand-over", "within")
                self._refuses("half")
            self._takes(letter)
            if number == half:
                self._refuses("delivered, and refused")
            if number or not self._has("no receipt"):
                done(Receipt(letter.change_id, "desk", letter.recipient, times.wall()))
        self.play.point("hand-over", "after")

    def _takes(self, letter: Letter) -> None:
        told = Delivered(NOW.true(), self.life.name, letter.user_id, letter.change_id, letter.code.reveal())
        self.play.letters.append(told)
        self.play.say(f"the desk has a code for {self.play.who(letter.user_id)}")
