"""The bricks of every picture: a view, its one style sheet, tiles, tables, bars, the line that moves.

Text in, escaped HTML out: whatever comes from a file or from Graph passes `text`. Nothing here runs script or loads
anything, and nothing here knows a frame.
"""

from __future__ import annotations

import html
import logging
import math
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from authops.show import palette
from authops.words import console
from authops.words.figures import number

_log = logging.getLogger("authops.progress")
# Characters that turn the reading direction could make a number or a name look like another one.
_TURNING: Final = {ord(c): "\ufffd" for c in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}

STYLE: Final = (
    """<style>
.ao{--ink:var(--jp-content-font-color1,var(--page-ink,#1f2328));
--dim:color-mix(in srgb,var(--ink) 74%,transparent);
--rule:var(--jp-border-color2,var(--page-rule,#d1d9e0));--soft:rgba(128,140,155,.1);"""
    + palette.VARIABLES
    + """;color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;margin:.4em 0 .8em;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
"""
    + palette.CLASSES
    + """
.ao .tiles{display:flex;flex-wrap:wrap;gap:10px}
.ao .tile{min-width:92px;padding:10px 14px;border-radius:6px;border:1px solid var(--rule);border-top:5px solid var(--c);
background:var(--t);break-inside:avoid;color:inherit;text-decoration:none}
.ao .tile b{display:block;font-size:26px;line-height:1.15;font-weight:650;font-variant-numeric:tabular-nums}
.ao .tile small{display:block;color:var(--dim);font-size:12px}
.ao .tile.zero{background:none;border-top-color:var(--rule)}.ao .tile.zero b{color:var(--dim);font-weight:400}
.ao .wide{overflow-x:auto;margin-top:.6em}
.ao table{border-collapse:collapse;font-size:13px;margin:0;border:0;color:inherit;table-layout:auto}
.ao th,.ao td{padding:4px 10px!important;text-align:left!important;vertical-align:top;border:0;
border-bottom:1px solid var(--rule)!important;max-width:34em;white-space:normal!important;overflow-wrap:break-word}
.ao thead{display:table-header-group}.ao thead th,.ao .tight{white-space:nowrap!important}
.ao thead th{color:var(--dim);font-weight:600;border-bottom-width:2px!important;overflow-wrap:normal}
.ao tbody th{font-weight:600;overflow-wrap:normal}.ao tbody tr{background:none;break-inside:avoid}
.ao td.n,.ao th.n{text-align:right!important;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.ao td.long,.ao tbody th+td{overflow-wrap:anywhere}.ao td.long{min-width:13em}
.ao td.who{overflow-wrap:anywhere}
.ao tbody tr[class]>:first-child,.ao tbody th{white-space:nowrap!important}
.ao tbody tr[class]{background:var(--t)!important}.ao tbody tr[class]>:first-child{box-shadow:inset 4px 0 0 var(--c)}
.ao .v{font-family:ui-monospace,SFMono-Regular,Consolas,monospace;white-space:nowrap}
.ao .v.wraps{white-space:normal;overflow-wrap:anywhere}
.ao .none,.ao .dim,.ao .was{color:var(--dim)}.ao .none{font-style:italic}
.ao .gone{text-decoration:line-through}
.ao .sign{display:inline-block;width:1.2em;font-weight:700;font-family:ui-monospace,Consolas,monospace}
.ao .note{margin:.5em 0 0;color:var(--dim);font-size:13px}
.ao .box{border-left:4px solid var(--c);background:var(--t);padding:8px 14px;border-radius:4px}
.ao .box.add::before{content:"\\2713\\a0"}.ao .box.update::before{content:"!\\a0"}
.ao .box.remove::before{content:"\\2717\\a0"}.ao .box::before{font-weight:700}
.ao .box+.box{margin-top:6px}.ao .head .box{font-size:17px}.ao .head table{margin-top:.4em}
.ao .track{height:10px;border-radius:5px;background:var(--soft);overflow:hidden;max-width:640px;margin:.35em 0}
.ao .track i{display:block;height:100%;background:var(--bar)}.ao svg{max-width:100%;height:auto;display:block}
.ao svg text{fill:var(--ink);font:13px system-ui,-apple-system,"Segoe UI",sans-serif}.ao svg .dim{fill:var(--dim)}
@media screen{.ao .wide{container-type:inline-size}@container (max-width:860px){.ao .folds thead{display:none}
.ao .folds tr{display:flex;flex-wrap:wrap;gap:1px 18px;padding:6px 12px;border-bottom:1px solid var(--rule)}
.ao .folds td{display:block;padding:0!important;border:0!important;min-width:0;max-width:100%;
text-align:left!important;overflow-wrap:anywhere}
.ao .folds td:empty{display:none}.ao .folds td.long{flex-basis:100%}.ao .folds td::before{content:attr(data-head)" ";
color:var(--dim);font-size:12px}.ao .folds td:first-child::before,.ao .folds td.who::before{content:none}
.ao .folds td.n:first-child::before{content:attr(data-head)" "}
.ao .folds td:first-child,.ao .folds td.who{font-weight:600}.ao .folds tr[class]{box-shadow:inset 4px 0 0 var(--c)}
.ao .folds tr[class]>:first-child{box-shadow:none}.ao .folds br{display:none}}}
</style>"""
)

_WORD: Final = 24
# Columns of sentences, which are given room before names and words.
_LONG_TEXTS: Final = ("message", "detail", "reason", "meaning", "what")
_MANY: Final = 5
_NAME: Final = 40
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, repr=False)
class View:
    """A finished picture: HTML for a notebook, plain text for a log."""

    html: str
    plain: str

    def _repr_html_(self) -> str:
        return f'<div class="ao">{STYLE}{self.html}</div>'

    def __str__(self) -> str:
        return self.plain

    __repr__ = __str__


def text(value: object) -> str:
    """Escaped for HTML, and without characters that turn the reading direction."""
    return html.escape(straight(value), quote=True)


def straight(value: object) -> str:
    """Without characters that turn the reading direction; for what is not HTML."""
    return str(value).translate(_TURNING)


def tight(words: str, most: int = _WORD) -> str:
    """A text of at most so many letters stays on one line."""
    return f'<span class="tight">{text(words)}</span>' if len(words) <= most else text(words)


def tile(label: str, count: int, kind: str, note: str = "") -> str:
    """One big number with its word; `kind` is the colour's class."""
    css = f"tile {kind}" + ("" if count else " zero")
    more = f"<small>{text(note)}</small>" if note else ""
    return f'<div class="{css}" data-pick="{text(label)}"><b>{number(count)}</b>{text(label)}{more}</div>'


def tiles(parts: Iterable[str]) -> str:
    """Tiles side by side."""
    return f'<div class="tiles">{"".join(parts)}</div>'


def table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, right: Iterable[str] = ()) -> str:
    """A table of (row class, cells already HTML); columns named in `right` are aligned as numbers.

    Where there is little room a row of many cells, of a person or with a sentence, becomes a block.
    """
    right = set(right)
    css = [_column(head, right) for head in heads]
    fold = len(heads) > _MANY and not {"long", "who"}.isdisjoint(css)
    marks = [f' data-head="{text(h)}"' if fold else "" for h in heads]
    head = "".join(f"<th{_class(c)}>{text(h)}</th>" for h, c in zip(heads, css, strict=True))
    body = "".join(_row(kind, cells, css, marks) for kind, cells in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table{_class("folds" if fold else "")}>{inner}</table></div>'


def _column(head: str, right: Collection[str]) -> str:
    """What a column holds decides how much room it gets before others."""
    return "n" if head in right else "long" if head in _LONG_TEXTS else "who" if head == "user" else ""


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _row(row: str, cells: Sequence[str], css: Sequence[str], marks: Sequence[str]) -> str:
    kinds = (_kept(cell) if kind == "who" else kind for kind, cell in zip(css, cells, strict=True))
    inner = "".join(f"<td{_class(k)}{m}>{cell}</td>" for k, m, cell in zip(kinds, marks, cells, strict=True))
    return f"<tr{_class(row)}>{inner}</tr>"


def _kept(cell: str) -> str:
    """The class of a person's cell: a name that is not very long is not broken."""
    longest = max(len(html.unescape(_TAG.sub("", line))) for line in cell.split("<br>"))
    return "who tight" if longest <= _NAME else "who"


def pairs(mapping: Mapping[str, str]) -> str:
    """A key/value table."""
    body = "".join(f"<tr><th>{text(k)}</th><td>{text(v)}</td></tr>" for k, v in mapping.items())
    return f'<div class="wide"><table><tbody>{body}</tbody></table></div>'


def facts_of(told: Mapping[str, str]) -> View:
    """A few facts, each a word and what it is."""
    wide = max(map(len, told), default=0)
    return View(pairs(told), "\n".join(f"{name.ljust(wide)}  {value}" for name, value in told.items()))


def note(sentence: str) -> str:
    """A quiet line under a picture."""
    return f'<p class="note">{text(sentence)}</p>'


def box(sentence: str, kind: str) -> str:
    """A coloured box with one sentence."""
    return f'<div class="box {kind}">{text(sentence)}</div>'


def failure(name: str, said: str) -> str:
    """What broke and the remedy, in a box each; `name` is the error's, `said` its text, the remedy from line two on."""
    happened, _, remedy = said.partition("\n")
    lead = "Stopped" if name == "GuardStop" else f"It broke: {name}"
    return box(f"{lead}: {happened}", "remove") + (box(remedy.strip(), "info") if remedy else "")


def track(share: float) -> str:
    """A bar of progress, 0 … 1."""
    return f'<div class="track"><i style="width:{min(max(share, 0), 1):.1%}"></i></div>'


def bars(rows: Sequence[tuple[str, float, str, str]], *, title: str) -> str:
    """Horizontal bars as inline SVG, of (label, share 0 … 1, words at the right, colour's CSS variable)."""
    height, left = 26 * len(rows) + 8, min(20 + 8 * max((len(row[0]) for row in rows), default=0), 310)
    drawn = "".join(_bar(left, 26 * i + 6, *row) for i, row in enumerate(rows))
    told = "; ".join(f"{label}: {words}" for label, _, words, _ in rows)
    wide = left + _LONG + 170
    return (
        f'<svg role="img" aria-label="{text(title)}" viewBox="0 0 {wide} {height}" width="{wide}" height="{height}">'
        f"<title>{text(title)}</title><desc>{text(told)}</desc>{drawn}</svg>"
    )


_LONG = 260


def _bar(left: int, y: int, label: str, share: float, words: str, colour: str) -> str:
    long = 0.0 if math.isnan(share) else _LONG * min(max(share, 0.0), 1.0)
    return (
        f'<text x="{left - 10}" y="{y + 13}" text-anchor="end">{text(label)}</text>'
        f'<rect x="{left}" y="{y}" width="{_LONG}" height="16" rx="3" style="fill:var(--soft)"/>'
        f'<rect x="{left}" y="{y}" width="{long:.1f}" height="16" rx="3" style="fill:var(--{colour})"/>'
        f'<text x="{left + _LONG + 10}" y="{y + 13}">{text(words)}</text>'
    )


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The same for a log: columns of text, two blanks apart."""
    cells = [list(heads)] + [[str(c).translate(_TURNING) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def progress(
    done: int,
    total: int = 0,
    counts: Mapping[str, int] | None = None,
    *,
    started: float,
    now: float,
    label: str = "done",
    ended: bool = False,
    already: int = 0,
) -> View:
    """One bar with rate and time left, or, once `ended`, the time it took; `total` 0 means that it is not known.

    `already`: how many were done at `started`.
    """
    seconds = max(now - started, 0.0)
    rate = (done - already) / seconds if seconds else 0.0
    said = [f"{number(done)} of {number(total)} {label}" if total else f"{number(done)} {label}"]
    if rate:
        said.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        waiting = done < total and not ended
        said.append(f"{_left((total - done) / rate)} left" if waiting else f"in {_left(seconds)}")
    said += [f"{number(n)} {name.replace('_', ' ')}" for name, n in (counts or {}).items() if n]
    line = " · ".join(said)
    return View((track(done / total) if total else "") + note(line), line)


def _left(seconds: float) -> str:
    return _duration(seconds) if seconds >= 1 else "less than a second"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


class Progress:
    """One line that moves: a single display handle in a notebook (at most 5 updates a second), and a log line
    of `authops.progress` every `every` seconds, which is what a headless run shows.

    Hand `tick` (or `counted`) to whatever does the work, and call `done` at the end, so that the last figure is true.
    """

    def __init__(
        self,
        label: str,
        total: int = 0,
        *,
        already: int = 0,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        display: Callable[[View], Any] | None = None,
    ) -> None:
        self.label, self.total, self._every, self._clock = label, total, every, clock
        self._already = already
        self._started = self._logged = clock()
        self._drawn, self._ended = float("-inf"), False
        self._done, self._counts, self._current = 0, dict[str, int](), True
        self._display = display or _notebook_display()
        self._handle: Any = None

    def tick(self, done: int) -> None:
        """So many are done by now."""
        self.counted(done, self._counts)

    def counted(self, done: int, counts: Mapping[str, int]) -> None:
        """So many are done by now, in these sorts."""
        self._done, self._counts = done, dict(counts)
        now = self._clock()
        if now - self._drawn >= 0.2:
            self._draw(now)
        if now - self._logged >= self._every:
            self._logged = now
            _log.info("%s", self.view(now))

    def done(self) -> None:
        """The last figure, shown and logged."""
        self._ended, now = True, self._clock()
        self._draw(now)
        _log.info("%s", self.view(now))

    def view(self, now: float) -> View:
        """The state as a picture."""
        moved = {"started": self._started, "now": now}
        return progress(
            self._done, self.total, self._counts, label=self.label, ended=self._ended, already=self._already, **moved
        )

    def _draw(self, now: float) -> None:
        self._drawn = now
        if self._handle is not None:
            self._handle.update(self.view(now))
        elif self._display:
            self._handle = self._display(self.view(now))


def show(view: View) -> None:
    """Show a picture in the notebook, if there is one."""
    display = _notebook_display()
    if display:
        display(view)


def passing(sentence: str) -> Callable[[], None]:
    """Show a sentence until it is taken away by what is returned, so that no saved notebook holds it."""
    display = _notebook_display()
    if display is None:
        return console.ask(sentence)
    handle = display(View(box(sentence, "info"), sentence))
    return lambda: handle.update(View("", ""))


def notebook_shell() -> Any:
    """IPython's shell where there is a kernel, else None."""
    try:
        shell = import_module("IPython").get_ipython()
    except ImportError:
        return None
    return shell if hasattr(shell, "kernel") else None


def _notebook_display() -> Callable[[View], Any] | None:
    """IPython's display with a handle, when there is a kernel; without one nothing is drawn."""
    if notebook_shell() is None:
        return None
    show = import_module("IPython.display").display
    return lambda view: show(view, display_id=True)
