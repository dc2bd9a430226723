"""Not known means held: the one place where it is decided what becomes of what a guard could not be told.

What is not known of one person holds that person; what is not known of anybody stops the plan. Whoever reads for a
guard says it here and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from authops.words.errors import GraphError, GraphUnreachable

# What a guard depends on → the reason that holds a person of whom it is not known (plan.HOLDS), and the permission to
# ask for when nothing of it may be read.
REASONS: Final = {
    "person": "person_unread",
    "allow_disabled": "account_unknown",
    "allow_guests": "guest_unknown",
    "allow_unusable": "policy_unknown",
}
REMEDIES: Final = {
    "allow_admins": "ask for RoleManagement.Read.Directory and GroupMember.Read.All, or set allow_admins",
    "allow_unusable": "ask for Policy.Read.AuthenticationMethod, or set allow_unusable",
    "protect_groups": "correct the name, or ask for GroupMember.Read.All",
    "protect_users": "correct the name, or ask for User.Read.All",
}


@dataclass
class Unknown:
    """What the guards of one plan could not be told. `held`: rows of HELD; `stops`: guard → why, and what to do."""

    held: list[Mapping[str, str]] = field(default_factory=list)
    _why: dict[str, list[str]] = field(default_factory=dict)

    def of(self, users: Iterable[str], what: str, method: str = "") -> None:
        """Of these people it is not known: they are held."""
        self.held += [{"user_id": user, "method": method, "reason": REASONS[what]} for user in users]

    def of_all(self, guard: str, why: str) -> None:
        """Whoever it is about might be anybody: the plan stops."""
        self._why.setdefault(guard, []).append(why)

    @contextmanager
    def asking(self, guard: str, what: str) -> Iterator[None]:
        """What Graph refuses, or answers so that nothing can be made of it, is not known, whatever its status."""
        try:
            yield
        except GraphError as error:
            self.of_error(guard, what, error)

    def of_error(self, guard: str, what: str, error: GraphError) -> None:
        """The same, of a refusal that was caught elsewhere."""
        self.of_all(guard, f"{what}: {said(error)}")

    @property
    def stops(self) -> Mapping[str, str]:
        """Guard → why it could not be judged, and what to do."""
        return {guard: f"{'; '.join(dict.fromkeys(why))}; {REMEDIES[guard]}" for guard, why in self._why.items()}


def said(error: GraphError) -> str:
    """A refusal in one line: status, Graph's code and message, its request id."""
    silent = "no answer" if isinstance(error, GraphUnreachable) else ""
    facts = [f"HTTP {error.status}" if error.status else silent, error.code, error.message]
    asked = f" (request-id {error.request_id})" if error.request_id else ""
    return " ".join(fact for fact in facts if fact) + asked
