"""What a sheet shows of a number: Excel's number formats, as far as phone numbers meet them.

A format may put `+33 ` or zeros in front of a value; whoever looks at the sheet sees those. Of a format that is not
known here nothing is said, and the cell is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<slot>[0#?])|(?P<mark>[.,;%@])|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)(-?[0-9.]+)")
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le, ">=": operator.ge, "<>": operator.ne, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
_PLAIN: Final = re.compile(r"general|@|[#,]*0(\.0+)?(e\+0+)?|#+", re.IGNORECASE)
Token = tuple[str, str]


def plain(form: str) -> bool:
    """Whether a format shows nothing but the value's own digits."""
    return bool(_PLAIN.fullmatch(form))


def shown(form: str, value: int) -> str | None:
    """A whole number as a sheet shows it; None where that cannot be told."""
    section = _section(form, value)
    if section is None:
        return None
    parts = _parts(section)
    return None if parts is None else _filled(parts, str(abs(value)))


def shown_text(form: str, text: str) -> str:
    """A text as a sheet shows it: the section with an @ may put something around it."""
    section = next((s for s in _sections(form) if ("mark", "@") in s), None)
    if section is None:
        return text
    return "".join(text if (kind, said) == ("mark", "@") else _literal(kind, said) for kind, said in section)


@lru_cache(1_000)
def _sections(form: str) -> list[list[Token]]:
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(form):
        kind = str(match.lastgroup)
        if (kind, match[kind]) == ("mark", ";"):
            sections.append([])
        else:
            sections[-1].append((kind, match[kind]))
    return sections


def _section(form: str, value: int) -> list[Token] | None:
    """The part of a format that is for this number."""
    sections = _sections(form)
    conditions = [next((c for k, s in p if k == "bracket" and (c := _CONDITION.fullmatch(s))), None) for p in sections]
    if any(conditions):
        fitting = (
            p for p, c in zip(sections, conditions, strict=True) if c is None or _COMPARE[c[1]](value, float(c[2]))
        )
        return next(fitting, None)
    if value < 0:
        return sections[1] if len(sections) > 1 else None
    return sections[2] if value == 0 and len(sections) > 2 else sections[0]


def _parts(section: list[Token]) -> list[Token] | None:
    """Slots and literals of a section; None when it does more than put digits in their places."""
    last = max((n for n, (kind, _) in enumerate(section) if kind in ("slot", "general")), default=-1)
    point = next((n for n, token in enumerate(section) if token == ("mark", ".")), len(section))
    if last < 0 or any(kind != "slot" for kind, _ in section[point + 1 : last]):
        return None
    parts: list[Token] = []
    for place, (kind, said) in enumerate(section):
        if kind == "slot" and place > point:
            continue  # the decimals of a whole number
        if kind in ("slot", "general"):
            parts.append((kind, said))
        elif kind == "mark":
            if said in "%@" or (said == "," and place > last):
                return None
        elif kind == "literal" and (said.isalpha() or said == "/"):
            return None
        else:
            parts.append(("literal", _literal(kind, said)))
    return parts


def _literal(kind: str, said: str) -> str:
    if kind == "bracket":
        return said[1:].partition("-")[0] if said.startswith("$") else ""
    return {"space": " ", "fill": "", "mark": ""}.get(kind, said)


def _filled(parts: list[Token], digits: str) -> str:
    slots = sum(kind == "slot" for kind, _ in parts)
    if not slots:
        return "".join(digits if kind == "general" else said for kind, said in parts)
    spare, left = digits[: -slots or None] if len(digits) > slots else "", digits[-slots:]
    blank = slots - len(left)
    out, used = "", 0
    for kind, said in parts:
        if kind != "slot":
            out += said
            continue
        if used < blank:
            out += {"0": "0", "?": " "}.get(said, "")
        else:
            out += (spare if used == 0 else "") + left[used - blank]
        used += 1
    return out
