"""Parameters → the hand-over they ask for; what it needs is loaded only then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from authops.handover.handover import HandOver
from authops.words.errors import HandOverError, ParameterError

KINDS: Final = ("files",)


def utc_now() -> datetime:
    """The time, as receipts have it."""
    return datetime.now(UTC)


def open(
    kind: str,
    *,
    folder: str = "",
    recipient_keys: str = "",
    letter: str = "text",
    letter_templates: str = "",
    sender: str = "",
    now: Callable[[], datetime] = utc_now,
) -> HandOver:
    """The hand-over named `kind`. Raises `HandOverError` for none, or without what it needs; `ParameterError`."""
    if not kind:
        raise HandOverError(
            "no hand-over is named, and without one no pass is made", remedy=f"name one of {', '.join(KINDS)}"
        )
    if kind not in KINDS:
        raise ParameterError(f"{kind!r} is no hand-over", remedy=f"there is {', '.join(KINDS)}")
    from authops.handover.files import Files
    from authops.handover.folder import Folder
    from authops.handover.keys import Keys
    from authops.handover.letters import Letters

    return Files(Folder(folder), Keys(recipient_keys, sender), Letters(letter, letter_templates), now)
