"""Whether a person still has a way in: what of their methods satisfies multifactor sign-in, now and after a removal.

Pure, and asked twice: when a plan is made, and right before each write, of what Graph shows then. What is not
understood may be anything, so it holds the person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authops.methods import temporary_access_pass
from authops.methods.kinds import KINDS
from authops.methods.reported import Meaning, meanings, of_type

# What a row may ask to hold right before its write, as well as its value being what the plan saw.
SURVIVOR: Final = "survivor"
SURVIVORS: Final = "survivors:"
WAY_IN: Final = "survivor_or_pass"
COVERED: Final = "covered"
DISABLED: Final = "disabled"
DISABLED_ACCOUNT: Final = "disabled_account"
LAST: Final = "last_survivor"
FEW: Final = "too_few_survivors"
UNREAD: Final = "methods_unread"
NO_WAY_IN: Final = "no_pass"
_PASS: Final = temporary_access_pass.NAME


def excused(condition: str, reason: str) -> bool:
    """Whether a guard's reason does not hold a row: one that is about disabled accounts only, and so asked."""
    return reason == DISABLED_ACCOUNT and DISABLED in condition.split()


@dataclass(frozen=True)
class Held:
    """One method of a person: Graph's id, the report's name, and what it is good for; None: not understood.

    `opens`: it is a pass that can be used now.
    """

    id: str
    name: str
    meaning: Meaning | None
    opens: bool = False

    @property
    def stands(self) -> bool:
        """It satisfies MFA, and does not end by itself."""
        return self.meaning is not None and self.meaning.factor and self.name != _PASS

    @property
    def lasts(self) -> bool:
        """It goes on satisfying MFA after Microsoft stops delivering text messages and calls."""
        return self.stands and self.meaning is not None and self.meaning.lasts


def read(items: Iterable[Mapping[str, Any]]) -> list[Held]:
    """Items of `/authentication/methods` → what a person holds, without the password."""
    known = meanings()
    named = [(str(i.get("id") or "").casefold(), of_type(i), temporary_access_pass.valid(_shown(i))) for i in items]
    return [Held(key, name, known.get(name) if key else None, opens) for key, name, opens in named if name]


def _shown(item: Mapping[str, Any]) -> str:
    return temporary_access_pass.shown(item) if temporary_access_pass.KIND.is_in(item) else ""


def understood(held: Iterable[Held]) -> bool:
    """Whether all of it is understood."""
    return all(one.meaning is not None for one in held)


def graph_id(method: str, method_id: str, value: str) -> str:
    """Graph's id of a method: its own, the one that everybody's has, or what its value says."""
    return (method_id or KINDS[method].method_id or KINDS[method].key(value)).casefold()


def refused(held: Sequence[Held], going: Collection[str], condition: str) -> str:
    """Why none of `going` (Graph's ids) may go under a row's condition; "" when it may.

    One of LAST, FEW, NO_WAY_IN, UNREAD. What goes later is no survivor now, so that nothing depends on the order or
    on how soon a removal shows.
    """
    asked = [code for code in condition.split() if code.startswith(SURVIVOR)]
    if not asked:
        return ""
    if not understood(held):
        return UNREAD
    # One that is listed twice is one.
    left = list({one.id: one for one in held if one.id not in going}.values())
    wanted = max((int(code.removeprefix(SURVIVORS)) for code in asked if code.startswith(SURVIVORS)), default=0)
    if sum(one.lasts for one in left) < wanted:
        return FEW
    if not any(one.stands for one in held) or any(one.stands for one in left):
        return ""
    if WAY_IN in asked:
        return "" if any(one.opens for one in left) else NO_WAY_IN
    return LAST
