"""What stands on a letter, from top to bottom, and two of its forms: lines of text, and a page to print."""

from __future__ import annotations

import html
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_SHEET: Final = Path(__file__).parent / "templates" / "letter.html"
_LINES: Final = ("subject", "hand_on", "title", "greeting", "intro", "warning")


@dataclass(frozen=True)
class Page:
    """A letter's words; the second of its facts is the code."""

    language: str
    subject: str
    hand_on: str
    title: str
    greeting: str
    intro: str
    warning: str
    steps: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = field(repr=False)


def text(page: Page) -> str:
    """The letter as lines of text."""
    width = max(len(label) for label, _ in page.facts)
    facts = [f"  {label:<{width}}  {value}" for label, value in page.facts]
    steps = [f"  {n}. {step}" for n, step in enumerate(page.steps, 1)]
    blocks = [[page.hand_on], [page.title], [page.greeting], [page.intro], facts, steps, [page.warning]]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def sheet(page: Page) -> str:
    """The letter as a page to print, that loads nothing and runs nothing."""
    sorts = ("", " class=code", "", "", "")
    facts = [
        f"<tr><th>{html.escape(label)}</th><td{sort}>{html.escape(value)}</td></tr>"
        for (label, value), sort in zip(page.facts, sorts, strict=True)
    ]
    said = {name: html.escape(str(getattr(page, name))) for name in ("language", *_LINES)}
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in page.steps)
    return string.Template(_SHEET.read_text("utf-8")).substitute(said, facts="".join(facts), steps=steps)
