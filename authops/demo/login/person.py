"""A person as the login knows one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

GLOBAL = "Global Administrator"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in: whether at all, with which directory roles, in which session."""

    id: str
    upn: str
    name: str
    enabled: bool = True
    guest: bool = False
    roles: tuple[str, ...] = ()
    role_ids: tuple[str, ...] = ()
    session: int = 0

    @property
    def admin(self) -> bool:
        """Whether this person may consent for others."""
        return GLOBAL in self.roles


class People(Protocol):
    """Where people are looked up."""

    def find(self, key: str) -> Person | None:
        """Return whoever has this id or user principal name."""

    def some(self) -> list[Person]:
        """Return people to choose from: administrators first, then a few others."""


class Nobody:
    """A tenant without people."""

    def find(self, key: str) -> Person | None:  # noqa: ARG002
        """Return nobody."""
        return None

    def some(self) -> list[Person]:
        """Return nobody."""
        return []
