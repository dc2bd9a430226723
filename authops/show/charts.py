"""Charts as inline SVG: parts of a whole side by side, and lines over time. No script, nothing loaded, they print.

Each part carries its words as a tooltip; the same figures always stand beside the chart as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from unicodedata import east_asian_width

from authops.show import palette
from authops.show.views import text
from authops.words.figures import number

_LONG, _RIGHT, _ROW = 420, 80, 28
_WIDE, _HIGH, _BASE = 500, 200, 30
# Small letters that a label has room for, and pixels of each.
_LETTERS, _LETTER = 38.0, 8
# Pixels that a share with its letter, or the letter alone, needs inside its part.
_ROOM, _ROOM_OF_A_LETTER = 44, 13
_APART = 84  # pixels between two labels of the axis
_LEGEND: Final = (
    '<span class="key" data-pick="{name}"><i class="{ink}" style="background:var(--{colour})">{mark}</i>{name}</span>'
)
STYLE: Final = (
    "<style>.ao .key{display:inline-flex;align-items:center;gap:6px;margin:0 16px 4px 0;font-size:13px}"
    ".ao .key i{min-width:16px;height:16px;border-radius:3px;display:inline-grid;place-items:center;font:700 11px/1 "
    "system-ui,sans-serif;color:#0b0d10;outline:1px solid var(--line)}.ao .key i.light{color:#fff}"
    ".ao .legend{margin:.3em 0 .5em}.ao svg .in{fill:#0b0d10;font-size:12px}.ao svg .in.light{fill:#fff}"
    ".ao{--line:color-mix(in srgb,var(--ink) 45%,transparent)}.ao svg .part{stroke:var(--line);stroke-width:1}"
    ".ao svg .casing{fill:none;stroke:var(--line);stroke-width:4.5}.ao svg{break-inside:avoid}</style>"
)


def legend(colours: Mapping[str, str]) -> str:
    """Which colour means what; `colours`: name → CSS variable of the style sheet."""
    keys = "".join(
        _LEGEND.format(colour=colour, name=text(name), mark=palette.mark(name), ink=palette.ink(colour))
        for name, colour in colours.items()
    )
    return f'{STYLE}<div class="legend">{keys}</div>'


def stacked(rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, str], *, title: str) -> str:
    """One bar of full length per (label, name → count), divided by share; how many there are stands at the right."""
    height = _ROW * len(rows) + 6
    left = round(16 + _LETTER * min(max((sum(map(_width, label)) for label, _ in rows), default=0), _LETTERS))
    drawn = "".join(_stack(left, _ROW * i + 4, label, parts, colours) for i, (label, parts) in enumerate(rows))
    told = "; ".join(f"{label}: {_told(parts)}" for label, parts in rows)
    return _svg(drawn, left + _LONG + _RIGHT, height, title, told)


def _told(parts: Mapping[str, int]) -> str:
    return ", ".join(f"{number(count)} {name}" for name, count in parts.items() if count) or "nobody"


def _stack(left: int, y: int, label: str, parts: Mapping[str, int], colours: Mapping[str, str]) -> str:
    total = sum(parts.values())
    drawn, x = [], float(left)
    for name, count in parts.items():
        wide = _LONG * count / total if total else 0.0
        if wide:
            drawn.append(_part(x, y, wide, name, count, total, colours[name]))
        x += wide
    return (
        f'<g data-row="{text(label)}"><text x="{left - 10}" y="{y + 15}" text-anchor="end">'
        f"<title>{text(label)}</title>{text(_short(label))}</text>"
        f"{''.join(drawn)}</g>"
        f'<text x="{left + _LONG + 10}" y="{y + 15}" class="dim">{number(total)}</text>'
    )


def _part(x: float, y: int, wide: float, name: str, count: int, total: int, colour: str) -> str:
    words = f"{name}: {number(count)} of {number(total)} ({count / total:.1%})"
    mark = palette.mark(name)
    inside = f"{mark} {count / total:.0%}" if wide > _ROOM else mark if wide > _ROOM_OF_A_LETTER else ""
    middle = f'x="{x + wide / 2:.1f}" y="{y + 15}" text-anchor="middle"'
    label = f'<text class="{palette.ink(colour)}" {middle}>{inside.strip()}</text>' if inside else ""
    return (
        f'<g data-pick="{text(name)}"><title>{text(words)}</title>'
        f'<rect class="part" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="22" '
        f'style="fill:var(--{colour})"/>{label}</g>'
    )


def lines(
    moments: Sequence[str],
    series: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    *,
    title: str,
    times: Sequence[float] = (),
) -> str:
    """Shares (0 … 1) over moments as one line per series, with the last value at its end.

    `times`: when each moment was, in any unit; without them they stand at equal distances.
    """
    top = _top(series)
    xs = _places(times or range(len(moments)))
    drawn = _axis(moments, xs, top)
    drawn += "".join(_line(xs, list(values), name, colours[name], top) for name, values in series.items())
    told = "; ".join(f"{name}: {values[0]:.0%} → {values[-1]:.0%}" for name, values in series.items() if values)
    return _svg(drawn + _ends(series, colours, xs[-1], top), _WIDE + 220, _HIGH + 50, title, told)


def _places(times: Sequence[float]) -> list[float]:
    first, span = times[0], times[-1] - times[0]
    return [_BASE + 20 + (_WIDE - _BASE - 40) * ((t - first) / span if span else 0.5) for t in times]


def _top(series: Mapping[str, Sequence[float]]) -> float:
    """The share at the top of the axis: the next quarter above everything."""
    highest = max((v for values in series.values() for v in values), default=1.0)
    return max(0.25, -(-highest * 4 // 1) / 4)


def _y(share: float, top: float) -> float:
    return 12 + (_HIGH - 12) * (1 - share / top)


def _axis(moments: Sequence[str], xs: Sequence[float], top: float) -> str:
    rules = "".join(
        f'<path d="M{_BASE + 12} {_y(s, top):.1f}H{_WIDE}" style="stroke:var(--rule)"/>'
        f'<text class="dim" x="{_BASE + 6}" y="{_y(s, top) + 4:.1f}" text-anchor="end">{s:.0%}</text>'
        for s in (0, top / 2, top)
    )
    shown: list[int] = []
    for i in reversed(range(len(moments))):
        if not shown or xs[shown[-1]] - xs[i] >= _APART:
            shown.append(i)
    return rules + "".join(
        f'<text class="dim" x="{xs[i]:.1f}" y="{_HIGH + 24}" text-anchor="middle">{text(moments[i])}</text>'
        for i in shown
    )


def _line(xs: Sequence[float], values: Sequence[float], name: str, colour: str, top: float) -> str:
    points = " ".join(f"{x:.1f},{_y(v, top):.1f}" for x, v in zip(xs, values, strict=True))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{_y(v, top):.1f}" r="3.5" style="fill:var(--{colour})">'
        f"<title>{text(f'{name}: {v:.1%}')}</title></circle>"
        for x, v in zip(xs, values, strict=True)
    )
    line = f'<polyline points="{points}" style="fill:none;stroke:var(--{colour});stroke-width:2.5"/>'
    return f'<path class="casing" d="M{points.replace(" ", "L")}"/>{line}{dots}'


def _ends(series: Mapping[str, Sequence[float]], colours: Mapping[str, str], x: float, top: float) -> str:
    """Names at the ends of the lines, moved apart so that none covers another or the axis."""
    ends = sorted((_y(values[-1], top), name, values[-1]) for name, values in series.items() if values)
    places: list[float] = []
    for y, _, _ in ends:
        places.append(max(y, places[-1] + 16 if places else 0.0))
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - 16 if i + 1 < len(places) else _HIGH)
    return "".join(
        f'<rect class="part" x="{x + 11:.1f}" y="{place - 7:.1f}" width="14" height="14" rx="3" '
        f'style="fill:var(--{colours[name]})"/><text class="{palette.ink(colours[name])}" x="{x + 18:.1f}" '
        f'y="{place + 4:.1f}" text-anchor="middle">{palette.mark(name)}</text>'
        f'<text x="{x + 31:.1f}" y="{place + 4:.1f}">{text(f"{value:.0%} {name}")}</text>'
        for place, (_, name, value) in zip(places, ends, strict=True)
    )


def _short(label: str) -> str:
    """As much of a label as fits beside its bar; capitals and East Asian characters are wider."""
    room = _LETTERS
    for at, letter in enumerate(label):
        room -= _width(letter)
        if room < 0:
            return f"{label[: at - 1]}…"
    return label


def _width(letter: str) -> float:
    return 2 if east_asian_width(letter) in "WF" else 1.4 if letter.isupper() else 1


def _svg(drawn: str, width: int, height: int, title: str, told: str) -> str:
    return (
        f'<svg role="img" aria-label="{text(title)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><title>{text(title)}</title><desc>{text(told)}</desc>{drawn}</svg>'
    )
