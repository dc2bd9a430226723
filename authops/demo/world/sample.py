"""The sample CSV: mostly ordinary rows, and at least one that reaches each rule of the format."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

from authops.demo.world import people
from authops.demo.world.tenant import ALTERNATE, MOBILE, OFFICE, User

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ("UPN", "Mobile", "AlternateMobile", "OfficePhone", "ForcedUpdate", "ForcedRemoval")
ROWS = 200
Row = tuple[str, str, str, str, str, str]


def rows(count: int = ROWS) -> list[Row]:
    """Return about `count` rows from the default population."""
    _, users = people.generate()
    told = {u.profile["displayName"]: u for u in users if u.story}
    dice = random.Random(people.SEED + 1)
    crowd = [u for u in users if not u.story and not u.deleted]
    chosen = sorted(dice.sample(range(len(crowd)), count - len(_special(told, crowd))))
    ordinary = [_ordinary(crowd[n], dice) for n in chosen if n >= _RESERVED]
    special = _special(told, crowd)
    mixed = [*ordinary, *special[:-1]]
    dice.shuffle(mixed)
    return [*mixed, special[-1]]


_RESERVED = 12


def _number(user: User, method_id: str) -> str:
    method = user.methods.get(method_id)
    return str(method.fields["phoneNumber"]) if method else ""


def _ordinary(user: User, dice: random.Random) -> Row:
    """Return a good row: add what is missing, keep, respell or update what is there."""
    country = user.profile["country"]
    mobile = _number(user, MOBILE)
    luck = dice.random()
    if not mobile or luck < 0.25:
        mobile = people.number(country, dice)
    elif luck < 0.6:
        code, digits = mobile.split(" ")
        mobile = dice.choice((mobile, f"{code}{digits}", f"{code} {digits[:2]} {digits[2:5]} {digits[5:]}"))
    alternate = _number(user, ALTERNATE) or (people.number(country, dice) if dice.random() < 0.1 else "")
    office = _number(user, OFFICE) or (people.number(country, dice, office=True) if dice.random() < 0.15 else "")
    return (user.profile["userPrincipalName"], mobile, alternate, office, dice.choice(("TRUE", "FALSE")), "FALSE")


def _special(told: dict[str, User], crowd: list[User]) -> list[Row]:
    """Return the rows with a point; the last repeats a user."""

    def upn(name: str) -> str:
        return str(told[name].profile["userPrincipalName"])

    def other(n: int) -> str:
        return str(crowd[n].profile["userPrincipalName"])

    return [
        # add, update, keep without force
        (upn("Ada Empty"), "06 12345678", "", "", "FALSE", "FALSE"),
        (upn("Otto Synced"), "+31 612345014", "", "", "TRUE", "FALSE"),
        (upn("Hugo Admin"), "+31 612345009", "", "", "FALSE", "FALSE"),
        # the same number, spelled as people spell
        (upn("Ben Mobile"), "06 12340001", "", "", "TRUE", "FALSE"),
        (upn("Jack Shared"), "0031612340011", "", "", "TRUE", "FALSE"),
        (upn("Kim Shared"), "+31 (0)6-1234-0011", "", "", "TRUE", "FALSE"),
        (upn("Ivy Disabled"), "06-12340010", "", "", "FALSE", "FALSE"),
        # removals: both phones, the default while others exist, the default that is the last, nothing there
        (upn("Cleo Both"), "", "", "", "FALSE", "TRUE"),
        (upn("Dirk Default"), "", "", "", "FALSE", "TRUE"),
        (upn("Lara Signin"), "", "", "", "FALSE", "TRUE"),
        (upn("Finn Full"), "", "", "", "FALSE", "FALSE"),
        (upn("Svc Backup"), "", "", "", "FALSE", "TRUE"),
        # an SMS sign-in number that a soft-deleted user still holds
        (upn("Milo Wants"), "+31 612340013", "", "", "FALSE", "FALSE"),
        (upn("Gina Guest"), "+49 15123000801", "", "", "TRUE", "FALSE"),
        (upn("Eva Office"), "", "", "+31 207940005x13", "TRUE", "FALSE"),
        # problems: user, numbers, flags, order, extension on a mobile
        ("nobody.here@contoso.example", "+31 612345099", "", "", "FALSE", "FALSE"),
        (other(0), "call me", "", "", "FALSE", "FALSE"),
        (other(1), "12", "", "", "FALSE", "FALSE"),
        (other(2), "+31 999999999999", "", "", "FALSE", "FALSE"),
        (other(3), "+31 612345103", "", "", "maybe", "FALSE"),
        (other(4), "+31 612345104x5", "", "", "FALSE", "FALSE"),
        (_bare(crowd), "", "+31 612345105", "", "FALSE", "FALSE"),
        (other(5), "", "", "+31 20 5551234x12", "TRUE", "no"),
        (other(6), "+31 612345106", "", "", "yes", "0"),
        (upn("Ada Empty"), "+31 612345001", "", "", "FALSE", "FALSE"),
    ]


def _bare(crowd: list[User]) -> str:
    """Return a user without any phone: an alternate alone cannot be added for them."""
    found = next(u for u in crowd[7:_RESERVED] + crowd[::-1] if not u.mfa())
    return str(found.profile["userPrincipalName"])


def write(path: Path) -> None:
    """Write the sample file (UTF-8 with a byte-order mark, so that Excel reads the names)."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        out.writerows(rows())
