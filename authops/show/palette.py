"""Which colour means what, on every page alike: how well somebody stands, what a change does, what is not known.

How well people stand goes from light blue to dark red, so that best and worst stay apart in grey and without red and
green; a letter says it once more.
"""

from __future__ import annotations

from typing import Final

# How well somebody stands, best first; each darker than the one before.
STANDS: Final = {
    "best": "#8cc8f0", "good": "#479fda", "weak": "#ad6c0a", "bad": "#8a3b0c", "worst": "#5a0f1e", "dark": "#c9ced4",
}  # fmt: skip
# What happens to a change, and what is merely told.
DOES: Final = {
    "add": "#2da44e", "update": "#d4a017", "remove": "#e5484d", "keep": "#8b949e", "blocked": "#8e5cd9",
    "bar": "#3b82f6", "also": "#a9c4f5", "many": "#7a8ca5", "few": "#b9c4d3", "some": "#52627a",
}  # fmt: skip
_LIGHT_INK: Final = ("bad", "worst", "some")
MARKS: Final = {
    "passwordless": "P", "app or key": "A", "phone only": "T", "no lasting factor": "E", "nothing": "0", "unknown": "?",
    "covered": "C", "reset only": "R", "blocked": "B", "not known": "?", "disabled": "D",
    "asked elsewhere": "E", "excluded": "X", "not included": "I", "profile not eligible": "L", "no phone": "P",
    "no second factor": "0",
}  # fmt: skip
VARIABLES: Final = ";".join(f"--{name}:{colour}" for name, colour in (STANDS | DOES).items())
CLASSES: Final = "".join(
    f".ao .{css}{{--c:var(--{name});--t:color-mix(in srgb,var(--{name}) 14%,transparent)}}"
    for name in (STANDS | DOES)
    for css in ("info" if name == "bar" else name,)
)


def ink(colour: str) -> str:
    """The class of text that is read on a colour."""
    return "in light" if colour in _LIGHT_INK else "in"


def mark(name: str) -> str:
    """The letter that says the same as a colour."""
    return MARKS.get(name, name[:1].upper())
