"""Numbers: parse, validate, spell for Graph, fold for comparing. One reading, or it is refused.

Graph wants `+{country code} {number}`, with `x{extension}` on office phones only (Graph: phoneAuthenticationMethod).
It may store what other tools wrote without the space, so values are compared folded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from authops.phone import numbering, readings, spelling
from authops.phone.spelling import PhoneProblem, Spelling

_ASCII: Final = frozenset("0123456789")
_AS_GRAPH_SPELLS: Final = re.compile(r"\+([1-9][0-9]{0,2}) ([0-9]{4,14})")
_ORDINARY: Final = re.compile(r"(\+|00?|)(?!.*--)([1-9][0-9 \-]*)(?<=[0-9])")
# A zero behind white space may begin a second number.
_SECOND: Final = re.compile(r"[ \-]0[0-9]*[ \-]?[0-9]{3,}")
_BEFORE_ZERO: Final = re.compile(r"[ .\-/]+(?=0)")
_GAP: Final = re.compile(r"[ .\-/]+")
_A_NUMBER: Final = 5
_CERTAIN: Final = re.compile(r"\+?[0-9 ().\-/]+(?:(?:x|;ext=|ext\.?) *[0-9]{1,7})?", re.IGNORECASE)
_SHORTEST: Final = 7
_SEPARATORS: Final = str.maketrans("", "", " -")
_PUNCTUATION: Final = str.maketrans("", "", "-.()/")
_ODD: Final = {
    PhoneNumberType.TOLL_FREE: "a toll-free number, nobody's own phone",
    PhoneNumberType.SHARED_COST: "a shared-cost number, nobody's own phone",
    PhoneNumberType.UAN: "a company's number, nobody's own phone",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
LANDLINE: Final = "a landline: it can be called, but gets no text message"
_DOUBTED: Final = "not a number that its country is known to give out"


class Number(NamedTuple):
    """A number as Graph spells it, and what a person should look at (`note`, or "")."""

    value: str
    note: str = ""


def read(text: str, *, region: str = "", method: str = "mobile", joined: bool = False) -> Number:
    """A number in any usual spelling → `+CC NNN`, with `xEXT` for office, and a note. Raises `PhoneProblem`.

    `region` (two letters) reads numbers without a country code; "" refuses them. `joined`: text and country code come
    from two columns. A number that names its country itself need only be possible (the note tells the rest); one read
    in `region` must be valid too. What has two readings is refused.
    """
    return (None if joined else _ordinary(text, region, method)) or _read(text, region, method, joined)


def normalise(text: str, *, region: str = "", method: str = "mobile") -> str:
    """`read` without the note."""
    return read(text, region=region, method=method).value


def _ordinary(text: str, region: str, method: str) -> Number | None:
    """What needs no library: an ordinary mobile or landline in a spelling that leaves one reading."""
    if spelled := _AS_GRAPH_SPELLS.fullmatch(text):
        code, national = spelled.groups()
    elif spelled := _ORDINARY.fullmatch(text):
        if _SECOND.search(text):
            return None
        code, national = _parts(spelled[1], spelled[2], region)
    else:
        return None
    if not code or national.startswith(code) or (national.startswith("0") and numbering.abroad(code + national[1:])):
        return None
    kind = numbering.kind(code, national)
    return (
        Number(f"+{code} {national}", LANDLINE if kind == numbering.FIXED and method != "office" else "")
        if kind
        else None
    )


def _parts(prefix: str, written: str, region: str) -> tuple[str, str]:
    """Country code and national number; ("", …) where there may be another reading."""
    digits = written.translate(_SEPARATORS)
    if prefix == "+":
        return numbering.split(digits)
    if prefix == "00":
        sure = numbering.exits(region).pattern == "00" and (region or not numbering.abroad(digits[1:]))
        return numbering.split(digits) if sure else ("", digits)
    if prefix == "0":
        return ("" if numbering.exits(region).match(f"0{digits}") else numbering.trunk(region)), digits
    sure = "-" not in written and len(digits) < readings.SURELY_ABROAD and not numbering.abroad(digits)
    return (numbering.untrunked(region) if sure else ""), digits


@lru_cache(100_000)
def _read(text: str, region: str, method: str, joined: bool = False) -> Number:
    written = spelling.of(text)
    number, names_country = readings.the_one(written, region, joined=joined)
    _refuse_second(written, region)
    _refuse_more(written, number)
    if written.extension and method != "office":
        raise PhoneProblem("extension_not_allowed", "only an office phone may have an extension")
    found = taken(number, method, names_country=names_country)
    return Number(f"{found.value}x{written.extension}", found.note) if written.extension else found


def taken(number: PhoneNumber, method: str, *, names_country: bool = False) -> Number:
    """What the library has read, if it is anybody's phone. Raises `PhoneProblem`."""
    _refuse_unusable(number, names_country)
    return Number(readings.spelled(number), _note(number, method))


def _refuse_second(written: Spelling, region: str) -> None:
    """Two numbers side by side, each of which stands for itself."""
    head, slash, _ = written.body.rpartition("/")
    parted = [slash and [head]]
    parted += [[written.body[: m.start()], written.body[m.end() :]] for m in _BEFORE_ZERO.finditer(written.body)]
    for parts in filter(None, parted):
        if all(_stands(Spelling(part.strip()), region) for part in parts):
            raise PhoneProblem("not_a_number", "contains two numbers", "keep one")


def _refuse_more(written: Spelling, number: PhoneNumber) -> None:
    """A number of few digits with another behind it: joined they may look possible, or the other like an extension."""
    if written.extension and _number_itself(written.extension, number):
        raise PhoneProblem("not_a_number", "contains two numbers, or a number and a long extension", "keep one")
    gaps = [*_GAP.finditer(written.body)] if written.international else []
    if gaps and not phonenumbers.is_valid_number(number):
        parts = ((Spelling(written.body[: g.start()]), Spelling(written.body[g.end() :])) for g in gaps)
        if any(_same_country(head, tail, number) for head, tail in parts):
            raise PhoneProblem("not_a_number", "contains two numbers", "keep one")


def _number_itself(extension: str, number: PhoneNumber) -> bool:
    """Whether an extension is as long as the number before it, or a number of the same country."""
    if len(extension) >= len(phonenumbers.national_significant_number(number)):
        return True
    return _stands(Spelling(extension), phonenumbers.region_code_for_number(number) or "")


def _same_country(head: Spelling, tail: Spelling, number: PhoneNumber) -> bool:
    """Whether both parts of a number that its country does not give out are numbers of that country."""
    home = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return _stands(head, home) and _stands(tail, home)


def _stands(written: Spelling, region: str) -> bool:
    try:
        return len(written.digits) >= _A_NUMBER and phonenumbers.is_valid_number(readings.the_one(written, region)[0])
    except PhoneProblem:
        return False


def _refuse_unusable(number: PhoneNumber, names_country: bool) -> None:
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        raise PhoneProblem("premium_number", "a premium-rate number: each call would be charged")
    if phonenumbers.is_valid_number(number):
        return
    if phonenumbers.is_valid_short_number(number):
        raise PhoneProblem("short_number", "a short number, as emergency and information services have")
    if not readings.long_enough(number):
        raise PhoneProblem("impossible_number", "has too few or too many digits for its country")
    if not names_country:
        raise PhoneProblem("invalid_number", "is not a number that its country gives out")


def _note(number: PhoneNumber, method: str) -> str:
    """Why a person should look at it. New ranges and fictional numbers look invalid."""
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return _DOUBTED
    if method == "office":
        return ""
    return LANDLINE if kind == PhoneNumberType.FIXED_LINE else _ODD.get(kind, "")


def shown_whole(value: str) -> bool:
    """Whether an answer certainly holds a number, and none that somebody masked: masks have no one shape."""
    digits = "".join(filter(str.isdigit, value))
    if len(digits) < _SHORTEST or not _CERTAIN.fullmatch(value):
        return False
    return not value.startswith("+") or bool(numbering.split(digits)[0])


def same(one: str, other: str) -> bool:
    """Whether two spellings are of one value. Another digit at the end is another number, which is soon seen."""
    if one == other:
        return True
    end, another = one[-1:], other[-1:]
    return (end == another or not (end in _ASCII and another in _ASCII)) and fold(one) == fold(other)


def fold(value: str) -> str:
    """The form in which two spellings of one value are equal: no white space, lower case; a number without punctuation
    or the zero that is dialled at home only, and with `x` before its extension.
    """
    compact = "".join(value.split()).lower()
    if "@" in compact:
        return compact
    if compact.startswith("+") and compact[1:].isdecimal() and numbering.kind(*numbering.split(compact[1:])):
        return compact
    return _folded(compact)


@lru_cache(100_000)
def _folded(compact: str) -> str:
    plain = compact.translate(_PUNCTUATION).replace(";ext=", "x").replace("ext", "x")
    if not compact.startswith("+"):
        return plain
    try:
        written = spelling.of(compact)
        number = readings.stored(written)
    except PhoneProblem:
        return plain
    return f"+{readings.digits(number)}" + (f"x{written.extension}" if written.extension else "")
