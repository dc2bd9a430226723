"""Numbers: parse, validate, spell for Graph, fold for comparing, mask. Refuse, never guess.

Graph wants `+{country code} {number}`, with `x{extension}` on office phones only (Graph: phoneAuthenticationMethod).
It may store what other tools wrote without the space, so values are compared folded.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from authops.phone import numbering

_WELL_FORMED: Final = re.compile(r"\+?[0-9 ().\-/]+(?:\s*(?:x|ext\.?)\s*[0-9]{1,7})?", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"(\+?[0-9]{5,})[.,]0+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?|[0-9]{1,2}([-/.])[0-9]{1,2}\2(19|20)[0-9]{2}")
_AS_GRAPH_SPELLS: Final = re.compile(r"\+([1-9][0-9]{0,2}) ([0-9]{4,14})")
_ORDINARY: Final = re.compile(r"(\+|00?)([1-9][0-9 \-]*)")
_SEPARATORS: Final = str.maketrans("", "", " -")
_PUNCTUATION: Final = str.maketrans("", "", "-.()/")
_ODD: Final = {
    PhoneNumberType.TOLL_FREE: "a toll-free number, nobody's own phone",
    PhoneNumberType.SHARED_COST: "a shared-cost number, nobody's own phone",
    PhoneNumberType.UAN: "a company's number, nobody's own phone",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
_CALLED: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
_LANDLINE: Final = "a landline: it can be called, but gets no text message"
_DOUBTED: Final = "not a number that its country is known to give out"


class PhoneProblem(ValueError):
    """Why a text is not a number Graph may be given; `rule` is the code, the text is for people."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Number:
    """A number as Graph spells it, and what a person should look at (`note`, or "")."""

    value: str
    note: str = ""


def read(text: str, *, region: str = "", method: str = "mobile") -> Number:
    """A number in any usual spelling → `+CC NNN`, with `xEXT` for office, and a note. Raises `PhoneProblem`.

    `region` (two letters) reads numbers without a country code; "" refuses them. A number that names its country itself
    need only be possible (the note tells the rest); one read in `region` must be valid too.
    """
    return _ordinary(text, region, method) or _read(text, region, method)


def normalise(text: str, *, region: str = "", method: str = "mobile") -> str:
    """`read` without the note."""
    return read(text, region=region, method=method).value


def _ordinary(text: str, region: str, method: str) -> Number | None:
    """What needs no library: an ordinary mobile or landline in a spelling that leaves one reading."""
    if spelled := _AS_GRAPH_SPELLS.fullmatch(text):
        code, national = spelled.groups()
    elif spelled := _ORDINARY.fullmatch(text):
        digits = spelled[2].translate(_SEPARATORS)
        code, national = (numbering.trunk(region), digits) if spelled[1] == "0" else numbering.split(digits)
    else:
        return None
    kind = numbering.kind(code, national) if code else ""
    if not kind:
        return None
    return Number(f"+{code} {national}", _LANDLINE if kind == numbering.FIXED and method != "office" else "")


@lru_cache(100_000)
def _read(text: str, region: str, method: str) -> Number:
    plain = _undone(_plain(text).removeprefix("tel:"))
    number = _parse(plain, region)
    _refuse_unusable(number, method, given_country=plain.startswith(("+", "00")))
    spelled = f"+{number.country_code} {phonenumbers.national_significant_number(number)}"
    return Number(f"{spelled}x{number.extension}" if number.extension else spelled, _note(number, method))


def _plain(text: str) -> str:
    """Without the invisible characters that spreadsheets and address books leave behind."""
    if text.isascii() and text.isprintable():
        return text.strip()
    folded = "".join(c if unicodedata.category(c) == "No" else unicodedata.normalize("NFKC", c) for c in text)
    shown = "".join(" " if c.isspace() else c for c in folded if unicodedata.category(c) not in ("Cf", "Cc"))
    return "".join("-" if unicodedata.category(c) == "Pd" else c for c in shown).strip()


def _undone(text: str) -> str:
    """Without what can be taken back for certain: the decimals of a number cell, the brackets of `(+31)`."""
    decimal = _DECIMAL.fullmatch(text)
    return decimal[1] if decimal else re.sub(r"^\((\+[0-9]{1,3})\)", r"\1 ", text)


def _parse(text: str, region: str) -> PhoneNumber:
    _refuse_mangled(text)
    international = text.startswith(("+", "00"))
    if not international and _lost_its_plus(text, region):
        raise PhoneProblem("plus_lost", "begins with a country code, but without +; a spreadsheet may have taken it")
    if re.match(r"\+\s", text):
        raise PhoneProblem("no_country_code", "nothing stands between the + and the number; write +CC")
    if not _WELL_FORMED.fullmatch(text) or re.search(r"/\s*[0-9]{1,3}$", text):
        letters = not any(map(str.isdigit, text)) and any(map(str.isalpha, text))
        raise PhoneProblem("not_a_number", "holds no digit" if letters else "contains more than a number")
    if not international and not region:
        raise PhoneProblem("no_country_code", "no country code; write +CC or set default_region")
    text = "+" + text[2:].lstrip() if text.startswith("00") else text
    try:
        return phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException as error:
        raise PhoneProblem("not_a_number", f"cannot be read as a number ({error._msg.lower().rstrip('.')})") from error


def _refuse_mangled(text: str) -> None:
    if re.search(r"[0-9]([.,][0-9]+)?E\+?[0-9]+", text, re.IGNORECASE):
        raise PhoneProblem("number_mangled", "a spreadsheet turned the number into 1.23E+10; format the column as text")
    if text.startswith("="):
        raise PhoneProblem("not_a_number", "a formula that was never calculated; open and save it in a spreadsheet")
    if re.fullmatch(r"#[A-Z0-9/]+[!?]?", text):
        raise PhoneProblem("not_a_number", "an error value of a spreadsheet")
    if re.search(r"[*•#]", text):
        raise PhoneProblem("number_masked", "a masked number is not a number")
    if _DATE.fullmatch(text):
        raise PhoneProblem("not_a_number", "a date, or made one by a spreadsheet; format the column as text")


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


def _refuse_unusable(number: PhoneNumber, method: str, *, given_country: bool) -> None:
    if number.extension and method != "office":
        raise PhoneProblem("extension_not_allowed", "only an office phone may have an extension")
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        raise PhoneProblem("premium_number", "a premium-rate number: each call would be charged")
    if phonenumbers.is_valid_number(number):
        return
    if phonenumbers.is_valid_short_number(number):
        raise PhoneProblem("short_number", "a short number, as emergency and information services have")
    if not _long_enough(number):
        raise PhoneProblem("impossible_number", "has too few or too many digits for its country")
    if not given_country:
        raise PhoneProblem("invalid_number", "is not a number that its country gives out")


def _long_enough(number: PhoneNumber) -> bool:
    """Whether the country has mobiles or landlines of that length, dialled with all their digits."""
    reasons = (phonenumbers.is_possible_number_for_type_with_reason(number, kind) for kind in _CALLED)
    return phonenumbers.ValidationResult.IS_POSSIBLE in reasons


def _note(number: PhoneNumber, method: str) -> str:
    """Why a person should look at it. New ranges and fictional numbers look invalid."""
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return _DOUBTED
    if method == "office":
        return ""
    return _LANDLINE if kind == PhoneNumberType.FIXED_LINE else _ODD.get(kind, "")


def fold(value: str) -> str:
    """The form in which two spellings of one value are equal: no white space, lower case; a number without punctuation
    and with `x` before its extension.
    """
    plain = "".join(value.split()).lower()
    return plain if "@" in plain else plain.translate(_PUNCTUATION).replace("ext", "x")
