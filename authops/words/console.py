"""What is said on the console. One that is closed, full, or lacks a letter never decides how a run ends."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import click

_OBEYED: Final = ("Cc", "Cf")


def prepare() -> None:
    """Show another letter in the place of one that the console's encoding lacks; open to nowhere what came closed.

    Else the next file that is opened becomes the standard output of a kernel, which dies of it.
    """
    for number in (0, 1, 2):
        with suppress(OSError):
            os.fstat(number)
            continue
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(words: str) -> None:
    """A line on the console, as long as somebody takes it."""
    try:
        click.echo(harmless(words))
    except (OSError, ValueError):
        _forget()
    except RuntimeError:
        pass  # a signal came in the middle of another line; the log has this one


def harmless(words: str) -> str:
    """What a terminal only shows: nothing that it would obey, or that turns the reading direction."""
    return "".join("\ufffd" if unicodedata.category(c) in _OBEYED and c not in "\n\t" else c for c in words)


def ask(words: str) -> Callable[[], None]:
    """A line for the person at the terminal, past an output that goes into a file; it cannot be taken back."""
    with suppress(OSError, ValueError, RuntimeError):
        click.echo(f"  {words}", err=sys.stderr.isatty() and not sys.stdout.isatty())
    return lambda: None


def _forget() -> None:
    """Let what is still said go nowhere, also at the interpreter's end: `| head`, a lost terminal."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
