"""The shape of a phone number as the phone method takes it, and the spelling it gives back.

Source: phoneAuthenticationMethod resource (`+{country code} {number}x{extension}`, extension on office only).
"""

from __future__ import annotations

import re

_SPACED = re.compile(r"\+([1-9]\d{0,2}) (\d{4,14})(x\d{1,7})?", re.ASCII)
_TIGHT = re.compile(r"\+([1-9]\d{6,14})(x\d{1,7})?", re.ASCII)
_TWO = """20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58
60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"""
_CODES = frozenset(["1", "7", *_TWO.split()])
_THREE_FIRST = frozenset(
    [
        "21",
        "22",
        "23",
        "24",
        "25",
        "26",
        "29",
        "35",
        "37",
        "38",
        "42",
        "50",
        "59",
        "67",
        "68",
        "69",
        "80",
        "85",
        "87",
        "88",
        "96",
        "97",
        "99",
    ]
)
# Plans where a zero after the country code belongs to the number.
_KEEPS_ZERO = frozenset({"39", "378", "379", "225", "241", "242"})
_MAX_DIGITS = 15


def country_code(digits: str) -> str | None:
    """Return the ITU country code that `digits` begins with (E.164: the codes are prefix-free)."""
    if digits[:2] in _THREE_FIRST and digits[:3] != "999":
        return digits[:3]
    return next((digits[:n] for n in (1, 2) if digits[:n] in _CODES), None)


def parse(text: str, *, tight: bool, zero: bool, extension: bool) -> str | None:
    """Return the number as Graph stores it, or None when its shape is refused."""
    code, number, tail = _split(text, tight)
    if not code or country_code(code + number) != code or len(code + number) > _MAX_DIGITS:
        return None
    if number.startswith("0") and not zero and code not in _KEEPS_ZERO:
        return None
    if tail and not extension:
        return None
    return f"+{code} {number}{tail}"


def _split(text: str, tight: bool) -> tuple[str, str, str]:
    if spaced := _SPACED.fullmatch(text):
        return spaced[1], spaced[2], spaced[3] or ""
    found = _TIGHT.fullmatch(text) if tight else None
    code = country_code(found[1]) if found else None
    return (code, found[1][len(code) :], found[2] or "") if found and code else ("", "", "")


def fold(text: str) -> str:
    """Return the form in which two spellings of one number are the same."""
    return text.replace(" ", "").split("x")[0]
