"""Parameters → the hand-over they ask for; what it needs is loaded only then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from authops.handover.handover import HandOver
from authops.words.errors import HandOverError, ParameterError

KINDS: Final = ("files", "workbook", "webhook")


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
    now: Callable[[], datetime] = utc_now,
) -> HandOver:
    """The hand-over named `kind`. Raises `HandOverError` for none, or without what it needs; `ParameterError`."""
    if not kind:
        raise HandOverError(
            "no hand-over is named, and without one no pass is made", remedy=f"name one of {', '.join(KINDS)}"
        )
    if kind not in KINDS:
        raise ParameterError(f"{kind!r} is no hand-over", remedy=f"there is {', '.join(KINDS)}")
    no_cores()
    if kind == "webhook":
        from authops.handover.webhook import Webhook

        return Webhook(webhook_url_env, webhook_secret_env, webhook_ca, now)
    from authops.handover.folder import Folder

    if kind == "workbook":
        from authops.handover.workbook import Workbook

        return Workbook(Folder(folder), password_env, now)
    from authops.handover.files import Files
    from authops.handover.keys import Keys
    from authops.handover.letters import Letters

    return Files(Folder(folder), Keys(recipient_keys, sender), Letters(letter, letter_templates), now)


def no_cores() -> None:
    """A process that holds codes leaves no picture of its memory when it dies; Windows keeps none by itself.

    One byte, and not none: a handler that the kernel pipes cores to is then left out as well (core(5)).
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard != 0 else 0, hard))
