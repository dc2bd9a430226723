"""What the digits of a number can mean: every reading that people's habits allow, not only the likely one.

A + that a spreadsheet took, a country's own exit code, 00 where it is none, a country code that stands there twice, a
zero that is dialled at home only: each is a reading, and a number is taken only when no other of them is a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from authops.phone import numbering
from authops.phone.spelling import PhoneProblem, Spelling
from authops.words.redaction import mask

_TRUNK: Final = "(0)"
# What is dialled for going abroad where it is not 00: only these are looked for when nobody says in which country.
_EXITS: Final = ("0011", "001", "002", "005", "006", "007", "008", "009")
_WITH_ITS_ZERO: Final = 10
SURELY_ABROAD: Final = 11  # digits; few countries' own numbers are that long
_CALLED: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
_REMEDY: Final = "write the one that is meant as +CC and its number"


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing that digits can mean. `rule`: what is wrong with a text for which this is the other reading; `groups`:
    how digits stand together where it is meant.
    """

    number: PhoneNumber
    rule: str = "two_readings"
    groups: tuple[list[str], ...] = ()

    @property
    def spelled(self) -> str:
        """As Graph spells it."""
        return spelled(self.number)

    @property
    def valid(self) -> bool:
        """Whether its country gives out such numbers."""
        return phonenumbers.is_valid_number(self.number)


class TwoReadings(PhoneProblem):
    """A text that can be two numbers. `literal` is the one that it says, as it stands there."""

    def __init__(self, literal: PhoneNumber, other: Reading) -> None:
        said = f"can be read in two ways, as {mask(spelled(literal))} or {mask(other.spelled)}"
        super().__init__(other.rule, said, _REMEDY)
        self.literal = literal


def spelled(number: PhoneNumber) -> str:
    """As Graph spells it, without an extension."""
    return f"+{number.country_code} {phonenumbers.national_significant_number(number)}"


def digits(number: PhoneNumber) -> str:
    """Country code and national number."""
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def stored(written: Spelling) -> PhoneNumber:
    """What a number with + says that another tool has stored, right or wrong. Raises `PhoneProblem` for none."""
    plain = [r for digits in _digits(written) for r in _parsed(f"+{digits}")]
    if not plain:
        raise PhoneProblem("not_a_number", "cannot be read as a number")
    return next((r for r in plain if r.valid), plain[-1]).number


def the_one(written: Spelling, region: str, *, joined: bool = False) -> tuple[PhoneNumber, bool]:
    """The number that is meant, and whether it names its country itself. Raises `PhoneProblem`: none, or two.

    `joined`: the country code comes from a column of its own, so it is an assumption, too.
    """
    if written.international:
        return _with_plus(written, joined), True
    return _without_plus(written, region)


def _with_plus(written: Spelling, joined: bool) -> PhoneNumber:
    """A number with its +: what it says, unless that is another number's spelling, too."""
    plain = [r for digits in _digits(written) for r in _parsed(f"+{digits}")]
    if not plain:
        raise PhoneProblem("not_a_number", "cannot be read as a number (invalid country code)", "write +CC")
    meant = _best(plain)
    _refuse_others(meant, [r for digits in _digits(written) for r in _twice(digits, meant, joined=joined)])
    return meant.number


def _best(plain: list[Reading]) -> Reading:
    """With (0): the reading that is a number, with the zero or without it."""
    good = [r for r in plain if r.valid] or [r for r in plain if long_enough(r.number)] or plain[-1:]
    _refuse_others(good[0], good[1:])
    return good[0]


def _refuse_others(meant: Reading, others: Iterable[Reading]) -> None:
    if other := next((r for r in others if r.spelled != meant.spelled), None):
        raise TwoReadings(meant.number, other)


def _twice(digits: str, meant: Reading, *, joined: bool = False) -> Iterator[Reading]:
    """What else digits with a + can be: the country code twice, an exit code behind it or 0011 in it, a zero too many;
    where the code comes from elsewhere, also a number with its own.
    """
    code, rest = numbering.split(digits)
    bare = rest.lstrip("0")
    guesses = [f"+{code}{bare.removeprefix(code)}"] if bare.startswith(code) else []
    guesses += [f"+{digits[2:]}"] if digits.startswith("11") else []
    guesses += [f"+{bare}"] if (joined and not mobile(meant.number)) or rest.startswith("00") else []
    yield from (r for guess in guesses for r in _parsed(guess) if r.valid)
    if rest.startswith("0"):
        own = meant.valid and numbering.own_zero(code, rest)
        without = [r for zeros in _fewer_zeros(rest) for r in _parsed(f"+{code}{zeros}")]
        yield from (r for r in without if r.valid and not (own and mobile(r.number)))


def _fewer_zeros(digits: str) -> list[str]:
    """Without one of the zeros in front, without two, and so on."""
    return [digits[n:] for n in range(1, len(digits) - len(digits.lstrip("0")) + 1)]


def _without_plus(written: Spelling, region: str) -> tuple[PhoneNumber, bool]:
    """A number without +, by all that may be meant; what can only be a lost + is refused, too, and said to be one."""
    dialled, lost = list(_dialled(written, region)), list(_lost(written, region))
    abroad = [*_behind_exits(written, region)]
    told = [*abroad, *_national(written, region)]
    good = [r for r in told if r.valid]
    good = [r for r in good if _groups(written.body) in r.groups] or good
    for meant in good[:1] or told[:1]:
        after = [*(digits for prefix, digits in dialled if region or prefix == "00"), *_digits(written)]
        twice = [r for digits in after for r in _twice(digits, meant) if digits[0] != "0"]
        rivals = [r for r in lost if _rival(r, meant, written, region)] if good else []
        _refuse_others(meant, [*good[1:], *rivals, *(twice if good or dialled else [])])
    if good:
        return good[0].number, False
    if any(r.valid for r in lost):
        said = "begins with a country code, but without +; a spreadsheet may have taken it"
        raise PhoneProblem("plus_lost", said, _REMEDY)
    if not region and not dialled:
        raise PhoneProblem("no_country_code", "no country code; write +CC or set default_region")
    if not told:
        raise PhoneProblem("not_a_number", "cannot be read as a number")
    exits = written.digits.startswith("00") and numbering.exits(region).fullmatch("00")
    return told[0].number, bool(abroad and exits)


def _behind_exits(written: Spelling, region: str) -> Iterator[Reading]:
    for prefix, digits in _dialled(written, region):
        for found in _parsed(f"+{digits}"):
            code, *rest = _groups(phonenumbers.format_number(found.number, PhoneNumberFormat.INTERNATIONAL))
            yield replace(found, groups=([prefix, code, *rest], [prefix + code, *rest]))


def _dialled(written: Spelling, region: str) -> Iterator[tuple[str, str]]:
    """(prefix, digits behind it): 00, and what is dialled for going abroad, all that the country has; and Australia's
    0011, which is taken for 00 and 1 1.
    """
    own = numbering.exits(region)
    for digits in _digits(written):
        sizes = {n for n in range(1, 9) if own.fullmatch(digits[:n])} | {2 * digits.startswith("00")}
        sizes |= {len(e) for e in (_EXITS if not region else _EXITS[:1]) if digits.startswith(e)}
        yield from ((digits[:size], digits[size:]) for size in sorted(sizes - {0}) if digits[size:])


def _national(written: Spelling, region: str) -> Iterator[Reading]:
    """As a number of this country; where a spreadsheet took a zero that belongs to it, with that, too."""
    own = numbering.calling_code(region)
    for digits in _digits(written) if region else []:
        if not (_TRUNK in written.body and digits[0] != "0"):
            yield from map(_at_home, _parsed(digits, region))
            if digits[0] != "0" and len(digits) < _WITH_ITS_ZERO and numbering.begins_with_zero(own):
                yield from map(_at_home, _parsed(f"0{digits}", region))


def _at_home(found: Reading) -> Reading:
    first, *rest = _groups(phonenumbers.format_number(found.number, PhoneNumberFormat.NATIONAL))
    return replace(found, groups=([first, *rest], [first.lstrip("0"), *rest]))


def _lost(written: Spelling, region: str) -> Iterator[Reading]:
    """Readings with a + in front that is not there; of a mobile, also behind a zero that is dialled at home."""
    home = numbering.calling_code(region)
    for digits in _digits(written):
        if digits[:1] != "0":
            yield from _parsed(f"+{digits}", rule="plus_lost")
        elif home and digits[1:].startswith(home):
            yield from (r for r in _parsed(f"+{digits[1:]}") if mobile(r.number))


def _rival(other: Reading, meant: Reading, written: Spelling, region: str) -> bool:
    """Whether a + may really be missing: there is such a number; or it is one by its length, and it has this country's
    own code, or the other is long and no mobile. How the digits are grouped can speak for the other.
    """
    if _grouped(written, meant, other.number):
        return False
    if other.valid:
        return other.rule == "plus_lost" or not mobile(meant.number)
    own = str(other.number.country_code) == numbering.calling_code(region)
    long = len(written.digits) >= SURELY_ABROAD and not mobile(meant.number)
    return (own or long) and long_enough(other.number)


def _grouped(written: Spelling, meant: Reading, other: PhoneNumber) -> bool:
    """Whether digits stand in groups as in `meant`, dialled at home, and not as in `other`."""
    groups = _groups(written.body)
    if len(groups) < 2 or groups not in meant.groups:
        return False
    home = phonenumbers.format_number(meant.number, PhoneNumberFormat.NATIONAL)
    abroad = phonenumbers.format_number(other, PhoneNumberFormat.INTERNATIONAL).removeprefix("+")
    return groups != _groups(abroad) or (home == written.body != abroad) or _nowhere(other)


def _nowhere(number: PhoneNumber) -> bool:
    """Whether its code is no country's: +800, satellites."""
    return phonenumbers.region_code_for_country_code(number.country_code or 0) == "001"


def _groups(text: str) -> list[str]:
    return re.findall("[0-9]+", text)


def mobile(number: PhoneNumber) -> bool:
    """Whether it is a mobile, or may be one."""
    return phonenumbers.number_type(number) in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def _digits(written: Spelling) -> list[str]:
    """The digits that were written; a (0) is dialled at home only, so: with it, and without."""
    if _TRUNK not in written.body.replace(" ", ""):
        return [written.digits]
    head, _, tail = written.body.replace(" ", "").partition(_TRUNK)
    without = Spelling(head + tail).digits
    return [written.digits, without] if any(map(str.isdigit, head)) else [written.digits]


def _parsed(text: str, region: str = "", rule: str = "two_readings") -> Iterator[Reading]:
    """The library's reading, if it has one."""
    try:
        yield Reading(phonenumbers.parse(text, region.upper() or None), rule)
    except phonenumbers.NumberParseException:
        return


def long_enough(number: PhoneNumber) -> bool:
    """Whether the country has mobiles or landlines of that length, dialled with all their digits."""
    reasons = (phonenumbers.is_possible_number_for_type_with_reason(number, kind) for kind in _CALLED)
    return phonenumbers.ValidationResult.IS_POSSIBLE in reasons
