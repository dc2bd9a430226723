"""The letter as a PDF to print: one page of A4, drawn in memory with the fonts that every reader has."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from authops.handover.page import Page

_BLACK: Final = 0.1
_GREY: Final = 0.35
_MARGIN: Final = 62.0
_VALUES: Final = 200.0
_ROOM: Final = 330.0


def writes(words: str) -> bool:
    """Whether those fonts have every letter of it (Windows-1252)."""
    return _shown(words) == words


def of(page: Page) -> bytes:
    """The page as a PDF file; a page that is too long is refused by none of ours, and cut at its foot."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, lang=page.language)
    canvas.setTitle(_shown(page.title))
    canvas.setCreator("authops")
    _draw(_Pen(canvas, *A4), page)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


class _Pen:
    """Writes paragraphs from the top of a sheet down."""

    def __init__(self, canvas: Any, width: float, height: float) -> None:
        self._canvas, self._right, self.y = canvas, width - _MARGIN, height - _MARGIN

    def write(self, words: str, font: str, size: float, ink: float = _BLACK, left: float = _MARGIN) -> None:
        from reportlab.lib.utils import simpleSplit

        self._canvas.setFillGray(ink)
        self._canvas.setFont(font, size)
        for line in simpleSplit(_shown(words), font, size, self._right - left):
            self.y -= size * 1.4
            self._canvas.drawString(left, self.y, line)
        self.y -= 6

    def rule(self) -> None:
        self._canvas.setStrokeGray(0.8)
        self._canvas.line(_MARGIN, self.y, self._right, self.y)
        self.y -= 10


def _draw(pen: _Pen, page: Page) -> None:
    pen.write(page.hand_on, "Helvetica", 9, _GREY)
    pen.rule()
    pen.write(page.title, "Helvetica-Bold", 17)
    pen.y -= 6
    pen.write(page.greeting, "Helvetica", 11)
    pen.write(page.intro, "Helvetica", 11)
    pen.y -= 6
    for number, (label, value) in enumerate(page.facts):
        top = pen.y
        font, size = ("Courier-Bold", _large(value)) if number == 1 else ("Helvetica", 11.0)
        pen.write(label, "Helvetica", 11, _GREY)
        pen.y, below = top, pen.y
        pen.write(value, font, size, left=_VALUES)
        pen.y = min(pen.y, below)
    pen.y -= 6
    for number, step in enumerate(page.steps, 1):
        pen.write(f"{number}. {step}", "Helvetica", 11)
    pen.rule()
    pen.write(page.warning, "Helvetica", 9, _GREY)


def _large(code: str) -> float:
    """As large as a code fits on one line: a letter of Courier is six tenths of its size wide."""
    return min(17.0, _ROOM / (0.6 * max(len(code), 1)))


def _shown(words: str) -> str:
    return words.encode("cp1252", "replace").decode("cp1252")
