"""How the login says no, in OAuth's shape and with Entra's number. Source: reference-error-codes."""

from __future__ import annotations


class LoginError(Exception):
    """A refusal with its AADSTS number."""

    def __init__(self, error: str, number: int, text: str, status: int = 400) -> None:
        """Keep OAuth's error name, Entra's number and text."""
        super().__init__(text)
        self.error, self.number, self.text, self.status = error, number, text, status


class NotHere(Exception):
    """What the demo login does not implement: told by name, never in Entra's words."""


def missing(name: str) -> LoginError:
    """Return the refusal of a request that lacks a parameter."""
    return LoginError("invalid_request", 900144, f"The request body must contain the following parameter: '{name}'.")


def bad_assertion(text: str) -> LoginError:
    """Return the refusal of a client assertion."""
    return LoginError("invalid_client", 700027, f"{text} Client assertion is invalid.", 401)
