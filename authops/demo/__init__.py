"""The demo tenant: a stand-in for Microsoft Graph v1.0 and Entra login, for a first try, for learning and for tests.

It imports nothing from the rest of `authops`, so that client and stand-in can never share a mistake.
What it does not implement it answers with 501, naming the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ensure", "serve", "stop"]


def ensure(home: Path, **options: Any) -> Path:
    """Return the connection file of a running demo tenant in `home`, starting one in the background if needed."""
    # Imported late: importing the package must stay cheap.
    from authops.demo.wire.launcher import ensure as start

    return start(home, **options)


def stop(home: Path) -> bool:
    """Stop the demo tenant in `home`; true when one was running."""
    from authops.demo.wire.launcher import stop as end

    return end(home)


def serve(home: Path, **options: Any) -> None:
    """Run the demo tenant of `home` in the foreground until it is stopped."""
    from authops.demo.wire.server import serve as run

    run(home, **options)
