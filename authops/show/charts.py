"""Charts as inline SVG: parts of a whole side by side, and lines over time. No script, nothing loaded, they print.

Each part carries its words as a tooltip; the same figures always stand beside the chart as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from unicodedata import east_asian_width

from authops.show.views import text
from authops.words.figures import number

_LEFT, _LONG, _RIGHT, _ROW = 230, 470, 140, 28
_WIDE, _HIGH, _BASE = 620, 200, 30
_LEGEND: Final = '<span class="key"><i style="background:var(--{colour})"></i>{name}</span>'
STYLE: Final = (
    "<style>.ao .key{display:inline-flex;align-items:center;gap:6px;margin:0 16px 4px 0;font-size:13px}"
    ".ao .key i{width:12px;height:12px;border-radius:3px;display:inline-block}"
    ".ao .legend{margin:.3em 0 .5em}.ao svg .in{fill:#0b0d10;font-size:12px}.ao svg{break-inside:avoid}</style>"
)


def legend(colours: Mapping[str, str]) -> str:
    """Which colour means what; `colours`: name → CSS variable of the style sheet."""
    keys = "".join(_LEGEND.format(colour=colour, name=text(name)) for name, colour in colours.items())
    return f'{STYLE}<div class="legend">{keys}</div>'


def stacked(rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, str], *, title: str) -> str:
    """One bar of full length per (label, name → count), divided by share; how many there are stands at the right."""
    height = _ROW * len(rows) + 6
    drawn = "".join(_stack(_ROW * i + 4, label, parts, colours) for i, (label, parts) in enumerate(rows))
    return _svg(drawn, _LEFT + _LONG + _RIGHT, height, title)


def _stack(y: int, label: str, parts: Mapping[str, int], colours: Mapping[str, str]) -> str:
    total = sum(parts.values())
    drawn, x = [], float(_LEFT)
    for name, count in parts.items():
        wide = _LONG * count / total if total else 0.0
        if wide:
            drawn.append(_part(x, y, wide, name, count, total, colours[name]))
        x += wide
    return (
        f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{text(_short(label))}</text>{"".join(drawn)}'
        f'<text x="{_LEFT + _LONG + 10}" y="{y + 15}" class="dim">{number(total)}</text>'
    )


def _part(x: float, y: int, wide: float, name: str, count: int, total: int, colour: str) -> str:
    words = f"{name}: {number(count)} of {number(total)} ({count / total:.1%})"
    inside = f"{count / total:.0%}"
    label = f'<text class="in" x="{x + wide / 2:.1f}" y="{y + 15}" text-anchor="middle">{inside}</text>'
    return (
        f'<g><title>{text(words)}</title><rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="22" '
        f'style="fill:var(--{colour})"/>{label if wide > 34 else ""}</g>'
    )


def lines(
    moments: Sequence[str], series: Mapping[str, Sequence[float]], colours: Mapping[str, str], *, title: str
) -> str:
    """Shares (0 … 1) over moments as one line per series, with the last value at its end."""
    count, top = len(moments), _top(series)
    xs = [_BASE + 20 + (_WIDE - _BASE - 40) * (i / (count - 1) if count > 1 else 0.5) for i in range(count)]
    drawn = _axis(moments, xs, top)
    drawn += "".join(_line(xs, list(values), name, colours[name], top) for name, values in series.items())
    return _svg(drawn + _ends(series, xs[-1], top), _WIDE + 220, _HIGH + 50, title)


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
    step = max(1, -(-len(moments) // 7))
    shown = [i for i in range(len(moments)) if (len(moments) - 1 - i) % step == 0]
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
    return f'<polyline points="{points}" style="fill:none;stroke:var(--{colour});stroke-width:2.5"/>{dots}'


def _ends(series: Mapping[str, Sequence[float]], x: float, top: float) -> str:
    """Names at the ends of the lines, moved apart so that none covers another or the axis."""
    ends = sorted((_y(values[-1], top), name, values[-1]) for name, values in series.items() if values)
    places: list[float] = []
    for y, _, _ in ends:
        places.append(max(y, places[-1] + 16 if places else 0.0))
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - 16 if i + 1 < len(places) else _HIGH)
    return "".join(
        f'<text x="{x + 14:.1f}" y="{place + 4:.1f}">{text(f"{value:.0%} {name}")}</text>'
        for place, (_, name, value) in zip(places, ends, strict=True)
    )


def _short(label: str) -> str:
    """As much of a label as fits beside its bar; capitals and East Asian characters are wider."""
    room = 31.0
    for at, letter in enumerate(label):
        room -= 2 if east_asian_width(letter) in "WF" else 1.4 if letter.isupper() else 1
        if room < 0:
            return f"{label[: at - 1]}…"
    return label


def _svg(drawn: str, width: int, height: int, title: str) -> str:
    return (
        f'<svg role="img" aria-label="{text(title)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><title>{text(title)}</title>{drawn}</svg>'
    )
