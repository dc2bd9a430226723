"""What a kind of method says of itself that is listed and deleted, and has nothing else of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of method: Graph's type without `AuthenticationMethod`, and where it stands under `/authentication`."""

    name: str
    segment: str
    # The middle of its narrower permissions: UserAuthMethod-….Read.All.
    family: str
    deletable: bool = True
    # The first version that knows it: what is beta's is not listed in v1.0 either.
    since: str = "v1.0"
    # Properties that beta alone shows, and those that only its own address shows (navigation properties).
    beta: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    # Whether a person has one at most, at an address without an id.
    single: bool = False
    # What a registration through Graph has to name; nothing: it cannot be made there.
    needed: tuple[str, ...] = ()
    # What Graph serves of it and this tenant does not: answered 501, never in Graph's words for what it lacks.
    elsewhere: tuple[str, ...] = ()
