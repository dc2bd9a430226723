"""Who runs this: what the operating system knows, and what a pipeline says of who asked it to."""

from __future__ import annotations

import getpass
import os
import platform


def operator() -> str:
    """The account that runs this process, as the operating system knows it; no variable (LOGNAME) changes that."""
    return f"{_account()}@{platform.node()}"


def author() -> str:
    """Who is recorded: `AUTHOPS_AUTHOR` (a pipeline's requester), else the operating system's account."""
    return os.environ.get("AUTHOPS_AUTHOR", "").strip() or operator()


def _account() -> str:
    try:
        if os.name == "posix":
            import pwd

            return pwd.getpwuid(os.geteuid()).pw_name
        return os.getlogin()
    except (KeyError, OSError):
        return f"uid {os.geteuid()}" if os.name == "posix" else getpass.getuser()
