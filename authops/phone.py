"""Numbers: parse, validate, spell for Graph, fold for comparing, mask. Refuse, never guess.

Graph wants `+{country code} {number}`, with `x{extension}` on office phones only (Graph: phoneAuthenticationMethod).
It may store what other tools wrote without the space, so values are compared folded.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers

_WELL_FORMED: Final = re.compile(r"\+[0-9 ().\-/]+(?:\s*(?:x|ext\.?)\s*[0-9]{1,7})?", re.IGNORECASE)
_SHOWN: Final = 3


class PhoneProblem(ValueError):
    """Why a text is not a number Graph may be given; `rule` is the code, the text is for people."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def normalise(text: str, *, region: str = "", method: str = "mobile") -> str:
    """A number in any usual spelling → `+CC NNN`, with `xEXT` for office.

    `region` (two letters) reads numbers without a country code; "" refuses them. Raises `PhoneProblem`. A number that
    names its country itself need only be possible (`doubt` tells the rest); one read in `region` must be valid too.
    """
    plain = _plain(text)
    number = _parse(plain, region)
    _refuse_unusable(number, method, given_country=plain.startswith(("+", "00")))
    spelled = f"+{number.country_code} {phonenumbers.national_significant_number(number)}"
    return f"{spelled}x{number.extension}" if number.extension else spelled


def _plain(text: str) -> str:
    """Without the invisible characters that spreadsheets and address books leave behind."""
    folded = unicodedata.normalize("NFKC", text)
    shown = "".join(" " if c.isspace() else c for c in folded if unicodedata.category(c) not in ("Cf", "Cc"))
    return "".join("-" if unicodedata.category(c) == "Pd" else c for c in shown).strip()


def _parse(text: str, region: str) -> phonenumbers.PhoneNumber:
    if re.search(r"[0-9]([.,][0-9]+)?E\+?[0-9]+", text, re.IGNORECASE):
        raise PhoneProblem("number_mangled", "a spreadsheet turned the number into 1.23E+10; format the column as text")
    if re.search(r"[*•#]", text):
        raise PhoneProblem("number_masked", "a masked number is not a number")
    international = text.startswith(("+", "00"))
    if not international and _lost_its_plus(text, region):
        raise PhoneProblem("plus_lost", "begins with a country code, but without +; a spreadsheet may have taken it")
    if not international and not region:
        raise PhoneProblem("no_country_code", "no country code; write +CC or set default_region")
    text = "+" + text[2:] if text.startswith("00") else text
    if international and not _WELL_FORMED.fullmatch(text):
        raise PhoneProblem("not_a_number", "contains more than a number")
    if re.search(r"[^\W\d_]", re.sub(r"(?i)\s*(?:x|ext\.?)\s*[0-9]+$", "", text)):
        raise PhoneProblem("not_a_number", "contains letters")
    try:
        return phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException as error:
        raise PhoneProblem("not_a_number", f"cannot be read as a number ({error._msg.lower().rstrip('.')})") from error


def _lost_its_plus(text: str, region: str) -> bool:
    """Bare digits that are a valid number with + in front, and none in the default region."""
    digits = re.sub(r"[ ().\-/]", "", text)
    if not re.fullmatch(r"[1-9][0-9]{8,14}", digits):
        return False
    try:
        valid = phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
        here = bool(region) and phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
    return valid and not here


def doubt(value: str) -> str:
    """Why a person should look at a normalised number; "" for none. New ranges and fictional numbers look like this."""
    valid = phonenumbers.is_valid_number(phonenumbers.parse(value))
    return "" if valid else "not a number that its country is known to give out"


def _refuse_unusable(number: phonenumbers.PhoneNumber, method: str, *, given_country: bool) -> None:
    if number.extension and method != "office":
        raise PhoneProblem("extension_not_allowed", "only an office phone may have an extension")
    if not phonenumbers.is_possible_number(number):
        raise PhoneProblem("impossible_number", "has too few or too many digits for its country")
    if not given_country and not phonenumbers.is_valid_number(number):
        raise PhoneProblem("invalid_number", "is not a number that its country gives out")


def fold(value: str) -> str:
    """The form in which two spellings of one value are equal: no white space, lower case."""
    return "".join(value.split()).lower()


def mask(value: str) -> str:
    """`+31 612345678` → `+31 ******678`; an address keeps its first letter and its domain. Length is kept."""
    if "@" in value:
        local, _, domain = value.partition("@")
        return f"{local[:1]}{'*' * max(len(local) - 1, 2)}@{domain}"
    code, space, rest = value.partition(" ") if re.match(r"\+[0-9]{1,3} ", value) else ("", "", value)
    keep = _SHOWN if len(rest) > 2 * _SHOWN else 0
    return code + space + "*" * (len(rest) - keep) + (rest[-keep:] if keep else "")
