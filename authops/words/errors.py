"""Everything that can go wrong, as one family; each error says what happened and what to do.

AuthopsError            exit code 1, the runbook broke
├── UsageError          exit code 2, wrong use: parameters, files
│   ├── SourceError     the CSV cannot be read, or a column is missing
│   ├── ConnectionProfileError   the connection profile is wrong
│   ├── ParameterError  a parameter is unknown, of the wrong type, or not allowed
│   └── PlanError       the plan file was edited, is expired, belongs elsewhere, or was applied already
├── SignInError         Entra refused the credential, or cannot be reached
├── GraphError          Graph refused a request, or answered something unusable
│   ├── GraphUnreachable   no answer at all
│   ├── GraphPagesError    a list whose next pages lead to another host, or nowhere
│   └── GraphNameError     exit code 2, what a parameter names is not there, or twice
├── FrameError          a frame lacks a declared column: a fault of ours
├── JournalError        the journal cannot be written or read
├── GuardStop           exit code 4, a guard stopped the plan before any write
└── HandOverError       exit code 4, a pass's code cannot be handed over, so no pass is made
"""

from __future__ import annotations


class AuthopsError(Exception):
    """What happened, and the remedy in one sentence."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.remedy}" if self.remedy else self.message


class UsageError(AuthopsError):
    """Wrong use; nothing was read or written."""

    exit_code = 2


class SourceError(UsageError):
    """The source of wanted values cannot be used at all."""


class ConnectionProfileError(UsageError):
    """The connection profile is missing, misspelt or unsafe."""


class ParameterError(UsageError):
    """A runbook parameter is unknown, has the wrong type or a value that is not allowed."""


class PlanError(UsageError):
    """A plan or approval file may not be used as it is."""


class SignInError(AuthopsError):
    """Entra ID gave no token."""


class GraphError(AuthopsError):
    """Graph refused a request; its own code, message and request id are kept.

    Attributes: `status` (HTTP, 0 when there was no answer), `code`, `request_id`, `client_request_id`,
    `request` (method and path, never a body).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        client_request_id: str = "",
        request: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.client_request_id = client_request_id
        self.request = request

    def __str__(self) -> str:
        silent = "no answer" if isinstance(self, GraphUnreachable) else ""
        facts = [f"HTTP {self.status}" if self.status else silent, self.code, self.message]
        text = " · ".join(part for part in facts if part)
        if self.request:
            text = f"{self.request}: {text}"
        if self.request_id:
            text += f" (request-id {self.request_id})"
        return f"{text}\n  → {self.remedy}" if self.remedy else text


class GraphNotSent(GraphError):
    """A request that was not sent after all: nothing happened."""


class GraphUnreachable(GraphError):
    """Connection refused, name not found, TLS failure or time-out: it is not known what Graph did."""


class GraphPagesError(GraphError):
    """A list cannot be followed to its end: to another host, in a circle, or for ever. What was read is not all."""


class GraphNameError(GraphError):
    """What a parameter names is not in the tenant, or more than once: wrong use."""

    exit_code = 2


class FrameError(AuthopsError):
    """A frame does not have its declared shape: a fault in the package, not of the operator."""


class JournalError(AuthopsError):
    """The journal cannot be written; no write leaves without a journalled intent."""


class GuardStop(AuthopsError):
    """A guard stopped the plan; nothing was written."""

    exit_code = 4


class HandOverError(AuthopsError):
    """A pass's code cannot be handed over, or it is not known whether it was; no code is in the text."""

    exit_code = 4


def exit_code_of(class_name: str) -> int:
    """The exit code of an error known by its name only; anything that is not ours broke."""
    kind = globals().get(class_name)
    return kind.exit_code if isinstance(kind, type) and issubclass(kind, AuthopsError) else 1
