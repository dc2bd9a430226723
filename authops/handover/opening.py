"""Parameters → the hand-over they ask for; what it needs is loaded only then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from authops.handover.handover import HandOver
from authops.words.errors import HandOverError, ParameterError

KINDS: Final = ("files", "workbook", "webhook", "screen")
_PR_SET_DUMPABLE: Final = 4


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
    password_env: str = "",
    webhook_url_env: str = "",
    webhook_secret_env: str = "",
    webhook_ca: str = "",
    screen_minutes: str = "10",
    screen_seconds: str = "60",
    screen_copy: str = "no",
    interactive: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> HandOver:
    """The hand-over named `kind`. Raises `HandOverError` for none, or without what it needs; `ParameterError`.

    `interactive`: whether a person sits before this run.
    """
    if not kind:
        raise HandOverError(
            "no hand-over is named, and without one no pass is made", remedy=f"name one of {', '.join(KINDS)}"
        )
    if kind not in KINDS:
        raise ParameterError(f"{kind!r} is no hand-over", remedy=f"there is {', '.join(KINDS)}")
    if os.environ.get("SSLKEYLOGFILE"):
        raise HandOverError(
            "SSLKEYLOGFILE is set, so whoever has that file could read the codes that travel",
            remedy="take it out of the environment and run again; no pass was made",
        )
    no_cores()
    if kind == "webhook":
        from authops.handover.webhook import Webhook

        return Webhook(webhook_url_env, webhook_secret_env, webhook_ca, now)
    if kind == "screen":
        return _screen(screen_minutes, screen_seconds, screen_copy, interactive, now)
    from authops.handover.folder import Folder

    if kind == "workbook":
        from authops.handover.workbook import Workbook

        return Workbook(Folder(folder), password_env, now)
    from authops.handover.files import Files
    from authops.handover.keys import Keys
    from authops.handover.letters import Letters

    return Files(Folder(folder), Keys(recipient_keys, sender), Letters(letter, letter_templates), now)


def _screen(minutes: str, seconds: str, copy: str, interactive: bool, now: Callable[[], datetime]) -> HandOver:
    if not interactive:
        raise HandOverError(
            "codes are shown on a screen to whoever sits before it, and before this run nobody does",
            remedy="run 3_apply in JupyterLab (authops lab), or name another hand_over: no pass was made",
        )
    most = {"screen_minutes": (minutes, 60), "screen_seconds": (seconds, 600)}
    for name, (said, limit) in most.items():
        if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= limit:
            raise ParameterError(f"{name} {said[:20]!r} is no whole number", remedy=f"from 1 to {limit}")
    if copy not in ("yes", "no"):
        raise ParameterError(f"screen_copy {copy[:20]!r} is neither yes nor no", remedy="write yes or no")
    from authops.handover.board import Board
    from authops.handover.screen import Screen

    return Screen(Board(), now, minutes=int(minutes), seconds=int(seconds), copy=copy == "yes")


def no_cores() -> None:
    """A process that holds codes leaves no picture of its memory when it dies; Windows keeps none by itself.

    One byte, and not none: a handler that the kernel pipes cores to is then left out as well (core(5)). On Linux nobody
    else of the same account may look into it either (prctl(2), PR_SET_DUMPABLE).
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard != 0 else 0, hard))
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
