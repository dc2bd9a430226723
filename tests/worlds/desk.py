"""Who takes the codes of passes in a world, and what can go wrong with that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from authops.handover.handover import HandOver, Letter, Receipt
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
        self._points("hand-over tried")
        self.play.point("hand-over tried", "after")

    def _points(self, step: str) -> None:
        self.play.point(step, "before")
        self._says("refused", "breaks")

    def _says(self, refused: str, breaks: str) -> None:
        kinds = {luck.kind for luck in self.life.here}
        if breaks in kinds:
            raise OSError(5, "Input/output error")
        if refused in kinds:
            raise HandOverError("the desk takes nothing", remedy="ask it")

    async def _give(self, letters: Sequence[Letter]) -> list[Receipt]:
        self._points("hand-over")
        half = "half" in {luck.kind for luck in self.life.here}
        taken = letters[: len(letters) // 2] if half else letters
        for number, letter in enumerate(taken):
            self._takes(letter)
            if number == len(taken) // 2:
                self.play.point("hand-over", "within")
        self.play.point("hand-over", "after")
        self._says("half", "")
        self._says("delivered, and refused", "")
        missing = "no receipt" in {luck.kind for luck in self.life.here}
        return [
            Receipt(one.change_id, "desk", one.recipient, times.wall()) for one in (letters[1:] if missing else letters)
        ]

    def _takes(self, letter: Letter) -> None:
        told = Delivered(NOW.true(), self.life.name, letter.user_id, letter.change_id, letter.code.reveal())
        self.play.letters.append(told)
        self.play.say(f"the desk has a code for {self.play.who(letter.user_id)}")
