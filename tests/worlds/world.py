"""One seed, one world: who is there, what is wanted of them, within which rules, and what goes wrong."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.running import ROOT
from tests.worlds import luck
from tests.worlds.luck import Luck
from tests.worlds.sky import GUARDED_DEPARTMENT, KEY_MODEL, OLD_KEY_MODEL, Person, upn

HEADERS = {
    "numbers": ("UPN", "Mobile", "AlternateMobile", "OfficePhone", "Email", "ForcedUpdate", "ForcedRemoval"),
    "passes": ("UPN", "Start", "LifetimeMinutes", "Once", "Recipient"),
}  # fmt: skip
_CLEANUP = ROOT / "notebooks" / "9_cleanup.ipynb"
_NO_LIMITS = {"max_removals": 1000, "max_irreversible": None, "max_share": None}
# How often a world is about what.
_ABOUT = {"numbers": 6, "passes": 2, "cleanup": 2}
# Worlds in a row that begin alike, so that one preview serves them all.
_ALIKE = 16
_SIZES = (1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 8, 8, 10, 12, 20, 40)


@dataclass(frozen=True)
class World:
    """Everything that decides how a world goes; the same for the same seed."""

    seed: int
    people: tuple[Person, ...]
    rows: tuple[tuple[str, ...], ...]
    luck: tuple[Luck, ...]
    preview: dict[str, Any] = field(default_factory=dict)
    apply: dict[str, Any] = field(default_factory=dict)
    assume: dict[str, str] = field(default_factory=dict)
    resumes: int = 1
    pause: float = 30.0
    undo: bool = False
    undo_early: bool = False
    verify: bool = True
    about: str = "numbers"
    at_once: int = 20

    @classmethod
    def of(cls, seed: int) -> World:
        """Sixteen seeds in a row begin alike: the same people and rows; then each has its own luck."""
        group = (seed - 1) // _ALIKE
        dice = random.Random(f"people {group}")
        about = dice.choices(list(_ABOUT), list(_ABOUT.values()))[0]
        about = about if about != "cleanup" or _CLEANUP.exists() else "numbers"
        count = dice.choice(_SIZES)
        people = tuple(_person(number, dice, rich=about == "cleanup") for number in range(count))
        of, rules = _ABOUTS[about]
        rows = tuple(row for person in people for row in of(person, dice))
        preview, assume = rules(dice), _assumed(dice)
        dice = random.Random(f"world {seed}")
        script = luck.drawn(dice, count, about)
        return cls(
            seed,
            people,
            rows,
            script,
            preview,
            _of_apply(dice),
            assume,
            dice.choice((0, 1, 1, 2)),
            dice.choice((2.0, 30.0, 30.0, 3000.0)),
            dice.random() < 0.12 or any(one.runbook == "undo" for one in script),
            dice.random() < 0.05,
            dice.random() < 0.15,
            about,
            dice.choice((1, 3, 20, 20)),
        )

    @property
    def book(self) -> str:
        """The runbook that plans."""
        return "preview" if self.about == "numbers" else self.about

    @property
    def group(self) -> int:
        return (self.seed - 1) // _ALIKE

    @property
    def begins_as(self) -> str:
        """What a preview of it stands on."""
        return repr((self.group, self.about, self.people, self.rows, self.preview, self.assume))

    def write_source(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADERS.get(self.about, ()), *self.rows])

    def given(self, runbook: str, source: Path, of: Path | None) -> dict[str, Any]:
        """The parameters of a runbook."""
        if runbook == "preview":
            return {"source": str(source), "approve": "all", "max_removals": 1000, **self.preview}
        if runbook == "passes":
            return {"source": str(source), "approve": "all", "recipient": "desk", "max_share": None, **self.preview}
        if runbook == "cleanup":
            return {"approve": "all", **_NO_LIMITS, **self.preview}
        if runbook == "undo":
            return {"run": str(of), "approve": "all", **_NO_LIMITS}
        more = {"max_share": None} if self.about != "numbers" else {}
        return {"mode": "apply", "max_removals": 1000, **self.apply, **more} if runbook == "apply" else {}


def number_of(person: int, slot: int, version: int = 0) -> str:
    """Numbers that nobody else in a world has."""
    return f"+31 6{1 + version}{slot}{person:02d}{(7919 * (person + 41 * slot + 1)) % 10000:04d}"


_ABLE = ("mobile", "alternateMobile", "office", "microsoftAuthenticator", "softwareOath")


def _person(number: int, dice: random.Random, *, rich: bool = False) -> Person:
    has: dict[str, str] = {}
    if dice.random() < 0.55:
        has["mobile"] = number_of(number, 1)
        if dice.random() < 0.35:
            has["alternateMobile"] = number_of(number, 2)
    if dice.random() < 0.25:
        has["office"] = number_of(number, 3) + dice.choice(("", "x12"))
    if dice.random() < 0.25:
        has["email"] = f"old{number}@mail.example"
    apps = tuple(app for app in ("microsoftAuthenticator", "softwareOath", "fido2") if dice.random() < 0.2)
    if rich:
        more = ("microsoftAuthenticator", "softwareOath", "fido2", "fido2.2", "windowsHelloForBusiness")
        apps = tuple(app for app in more if dice.random() < 0.4)
    able = [name for name in (*has, *apps) if name in _ABLE]
    role = dice.random()
    return Person(
        number,
        has,
        apps,
        dice.choice(able) if able and dice.random() < 0.8 else "",
        admin=role < 0.08,
        eligible=0.08 < role < 0.11,
        guest=0.11 < role < 0.15,
        disabled=0.15 < role < (0.3 if rich else 0.19),
        protected=0.3 < role < 0.36,
        signs_in=dice.random() < 0.1,
    )


def _rows(person: Person, dice: random.Random) -> list[tuple[str, ...]]:
    if dice.random() < 0.08:
        return []
    cells = [
        _cell(person, slot, kind, dice) for kind, slot in enumerate(("mobile", "alternateMobile", "office", "email"), 1)
    ]
    flags = [dice.choice(("TRUE", "TRUE", "", "FALSE")), dice.choice(("TRUE", "TRUE", "", ""))]
    name = person.upn if dice.random() < 0.9 else dice.choice((person.id, person.upn.upper(), "nobody@contoso.example"))
    row = (name, *cells, *flags)
    return [row, row] if dice.random() < 0.02 else [row]


def _cell(person: Person, slot: str, kind: int, dice: random.Random) -> str:
    roll = dice.random()
    if roll < 0.4:
        return ""
    if slot == "email":
        return f"new{person.number}@mail.example" if roll < 0.95 else "nothing"
    if roll < 0.5:
        return person.has.get(slot, "")
    if roll < 0.53:
        return dice.choice(("12", "+31", "nope", "0900 1234"))
    wanted = number_of(person.number, kind, 1)
    return (
        wanted
        if roll < 0.8
        else dice.choice((wanted.replace("+31 ", "0"), wanted.replace("+31 ", "0031 "), wanted.replace(" ", "")))
    )


def _of_preview(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {"on_retiring": "note", "default_region": "NL"}
    if dice.random() < 0.6:
        given["protect_groups"] = [GUARDED_DEPARTMENT]
    if dice.random() < 0.3:
        given["protect_users"] = [upn(dice.randrange(3))]
    for name in ("allow_admins", "allow_guests", "allow_disabled", "allow_unusable"):
        if dice.random() < 0.12:
            given[name] = True
    if dice.random() < 0.3:
        given["on_existing"] = "update"
    if dice.random() < 0.15:
        given["on_blank"] = "remove"
    if dice.random() < 0.05:
        given["max_changes"] = dice.choice((0, 1, 3))
    if dice.random() < 0.05:
        given["on_problem"] = "stop"
    if dice.random() < 0.2:
        given["match"] = ["mail"]
    return given


def _passes(person: Person, dice: random.Random) -> list[tuple[str, ...]]:
    if dice.random() < 0.1:
        return []
    start = dice.choice(("", "", "", "", "tomorrow 08:00", "in 2h", "in 2h", "yesterday"))
    minutes = dice.choice(("", "60", "60", "60", "480", "480", "5"))
    return [
        (
            person.upn,
            start,
            minutes,
            dice.choice(("TRUE", "", "FALSE")),
            dice.choice(("", "desk", "desk", "desk", "manager")),
        )
    ]


def _of_passes(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if dice.random() < 0.85:
        given["on_registered"] = "allow"
    if dice.random() < 0.5:
        given["protect_groups"] = [GUARDED_DEPARTMENT]
    if dice.random() < 0.3:
        given["on_existing"] = "replace"
    for name in ("allow_guests", "allow_disabled", "allow_risky"):
        if dice.random() < 0.2:
            given[name] = True
    return given


def _of_cleanup(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {"phones_with": dice.choice((0, 1, 1, 2, 2)), "expired_passes": False}
    if dice.random() < 0.5:
        given["passkey_models"] = [OLD_KEY_MODEL, *([KEY_MODEL] if dice.random() < 0.4 else [])]
    for name in ("unattested_passkeys", "move_defaults", "sms_sign_in_off"):
        if dice.random() < 0.4:
            given[name] = True
    if dice.random() < 0.5:
        given["leavers_after"] = 180
    if dice.random() < 0.5:
        given["protect_groups"] = [GUARDED_DEPARTMENT]
    return given


def _nothing(_person: Person, _dice: random.Random) -> list[tuple[str, ...]]:
    return []


def _of_apply(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if dice.random() < 0.3:
        given["max_failures_in_a_row"] = dice.choice((None, 1, 2))
    return given


def _assumed(dice: random.Random) -> dict[str, str]:
    changed = {
        "sms_taken_stores": ("yes", "no"),
        "first_phone_becomes_default": ("yes", "no"),
        "others_than_default": ("mfa", "any"),
        "created_date_time": ("present", "absent"),
        "throttled_batch": ("200", "424"),
    }
    return {name: dice.choice(values) for name, values in changed.items() if dice.random() < 0.3}


_ABOUTS = {"numbers": (_rows, _of_preview), "passes": (_passes, _of_passes), "cleanup": (_nothing, _of_cleanup)}
