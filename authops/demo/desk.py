"""The demo tenant's own hand: a service desk that opens its letters, and people who do what they are asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from authops.demo.wire import launcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "desk"
_SUFFIX = ".txt.age"
_CODE = re.compile(r"^ +Pass +(\S+)$", re.MULTILINE)


class Desk:
    """The service desk of the demo tenant in `home`; its private key is never on disk."""

    def __init__(self, home: Path) -> None:
        """Make its key, and a folder for letters beside that of the keys they are sealed with."""
        import pyrage

        self.home, self.keys, self.letters = home, home / "keys", home / "letters"
        self._key = pyrage.x25519.Identity.generate()
        self.keys.mkdir(mode=0o700)
        (self.keys / f"{NAME}.pub").write_text(f"{self._key.to_public()}\n", encoding="ascii")

    def hand_out(self, registers: Mapping[str, Sequence[str]]) -> list[str]:
        """Give these people their letters: each signs in with its code and registers these kinds. Returns who could."""
        ids = {user["userPrincipalName"]: user["id"] for user in self._turn("state")["users"]}
        codes = self._codes()
        came = []
        for upn in sorted(codes.keys() & registers.keys()):
            seen = self._turn("pass", {"user": ids[upn], "code": codes[upn]})
            if seen["accepted"]:
                self.register({upn: registers[upn]})
                came.append(upn)
        return came

    def register(self, registers: Mapping[str, Sequence[str]]) -> None:
        """These people register these kinds, in their own name."""
        asked = [{"user": upn, "kind": kind} for upn, kinds in registers.items() for kind in kinds]
        self._turn("staff", {"register": asked})

    def weather(self, **told: float) -> None:
        """Let reports and reads of the tenant be late, say."""
        self._turn("weather", told, "PUT")

    def _codes(self) -> dict[str, str]:
        """Whose letter opens to which code."""
        import pyrage

        opened = {path.name: pyrage.decrypt(path.read_bytes(), [self._key]).decode() for path in self._sealed()}
        found = {name: _CODE.search(said) for name, said in opened.items()}
        return {name.removesuffix(_SUFFIX): code[1] for name, code in found.items() if code}

    def _sealed(self) -> list[Path]:
        return sorted(self.letters.rglob(f"*{_SUFFIX}"))

    def _turn(self, knob: str, body: Any = None, method: str = "") -> dict[str, Any]:
        return launcher.turn(self.home, knob, body, method)
