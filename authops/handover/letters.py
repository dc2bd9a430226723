"""What a letter says, in the person's language, and its forms: a text, a page to print, a PDF; one page a person.

The words stand in `templates/LANGUAGE.yaml`, or in a folder of one's own with such files.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from authops.handover import pdf
from authops.handover.handover import Letter
from authops.handover.page import Page, sheet, text
from authops.words import console, yaml_file
from authops.words.errors import HandOverError, ParameterError

FORMS: Final = ("text", "html", "pdf")
_OURS: Final = Path(__file__).parent / "templates"
_ONCE: Final = ("subject", "hand_on", "title", "greeting", "intro", "warning")
_LABELS: Final = ("account", "code", "starts", "expires", "uses", "once", "often")
_TRANSLATE: Final = f"copy {_OURS / 'en.yaml'} and translate it"
_PLACES: Final = frozenset({"name", "account", "recipient"})


@dataclass(frozen=True)
class Written:
    """A letter in its form, for a seal to close over; what a mail around it may say stands beside it."""

    suffix: str
    mime: str
    subject: str
    hand_on: str
    data: bytes = field(repr=False)


class Letters:
    """Writes letters in one form. Raises `HandOverError` for templates that cannot be used."""

    def __init__(self, form: str = "text", templates: str = "") -> None:
        if form not in FORMS:
            raise ParameterError(f"{form!r} is no form of a letter", remedy=f"there is {', '.join(FORMS)}")
        self._form = form
        own = sorted(Path(templates).glob("*.yaml")) if templates else []
        if templates and not own:
            raise HandOverError(f"no letter stands in {templates}", remedy="put LANGUAGE.yaml there, or name no folder")
        self._words = {path.stem: _read(path) for path in (*sorted(_OURS.glob("*.yaml")), *own)}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are words for."""
        return tuple(self._words)

    def page(self, letter: Letter) -> Page:
        """What the letter says. Raises `HandOverError` for a language without words."""
        if letter.language not in self._words:
            there = ", ".join(self.languages)
            raise HandOverError(f"there is no letter in {letter.language!r}", remedy=f"there is {there}")
        return _page(self._words[letter.language], letter, self._name(letter))

    def _name(self, letter: Letter) -> str:
        """What the person is called; their account, where the form has not every letter of the name."""
        name = _plain(letter.display_name)
        return name if self._form != "pdf" or pdf.writes(name) else ""

    def written(self, letter: Letter) -> Written:
        """The letter in its form."""
        page = self.page(letter)
        if self._form == "pdf":
            return Written("pdf", "application/pdf", page.subject, page.hand_on, pdf.of(page))
        suffix, mime, said = ("txt", "text/plain", text) if self._form == "text" else ("html", "text/html", sheet)
        return Written(suffix, mime, page.subject, page.hand_on, said(page).encode("utf-8"))


def _read(path: Path) -> Mapping[str, Any]:
    words = yaml_file.read_texts(path, remedy=_TRANSLATE)
    if not isinstance(words, dict):
        raise HandOverError(f"{path} holds no lines of a letter", remedy=_TRANSLATE)
    missing = [name for name in (*_ONCE, *_LABELS) if not (isinstance(words.get(name), str) and words[name])]
    steps = words.get("steps")
    if missing or not isinstance(steps, list):
        raise HandOverError(f"{path} does not say {(*missing, 'steps')[0]}", remedy=_TRANSLATE)
    for line in (*(words[name] for name in (*_ONCE, *_LABELS)), *steps):
        _has_its_places(path, str(line))
    return words


def _has_its_places(path: Path, line: str) -> None:
    try:
        places = {name for _, name, _, _ in string.Formatter().parse(line) if name is not None}
    except ValueError:
        places = {line}
    if strange := places - _PLACES:
        known = ", ".join(f"{{{place}}}" for place in sorted(_PLACES))
        raise HandOverError(f"{path}: nothing is called {{{min(strange)}}}", remedy=f"a line may hold {known}")


def _page(words: Mapping[str, Any], letter: Letter, name: str) -> Page:
    account = _plain(letter.user_principal_name)
    about = {"name": name or account, "account": account, "recipient": _plain(letter.recipient)}
    said = {name: str(words[name]).format(**about) for name in (*_ONCE, *_LABELS)}
    values = (
        account,
        letter.code.reveal(),
        _moment(letter.starts, letter.language),
        _moment(letter.expires, letter.language),
        said["once" if letter.once else "often"],
    )
    labels = [said[name] for name in ("account", "code", "starts", "expires", "uses")]
    steps = tuple(str(step).format(**about) for step in words["steps"])
    facts = tuple(zip(labels, values, strict=True))
    return Page(letter.language, **{name: said[name] for name in _ONCE}, steps=steps, facts=facts)


def _plain(words: str) -> str:
    """A name on one line, without what turns the reading direction."""
    return " ".join(console.harmless(words).split())


def _moment(at: datetime, language: str) -> str:
    """`Monday, November 30, 2026, 08:00 (UTC+01:00)`, as the language writes its days."""
    from babel.core import UnknownLocaleError
    from babel.dates import format_date

    try:
        day = format_date(at.date(), "full", locale=language)
    except (UnknownLocaleError, ValueError):
        day = at.date().isoformat()
    offset = at.strftime("%z") or "+0000"
    return f"{day}, {at:%H:%M} (UTC{offset[:3]}:{offset[3:5]})"
