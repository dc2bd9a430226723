"""What is answered without the library is what the library says."""

from __future__ import annotations

import random
from itertools import product

import phonenumbers
import pytest

from authops.phone import number as reading
from authops.phone import numbering

KINDS = {
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "either",
}


def nearby(code: int, dice: random.Random) -> set[str]:
    """Numbers of a country of every type, and ones that begin alike: longer, shorter, with a trunk prefix."""
    found = set()
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        for kind in range(11):
            example = phonenumbers.example_number_for_type(region, kind)
            digits = phonenumbers.national_significant_number(example) if example else ""
            for kept in range(1, len(digits) + 1):
                tail = "".join(str(dice.randrange(10)) for _ in digits[kept:])
                found |= {digits[:kept] + tail, digits[:kept] + tail[1:], f"0{digits[:kept]}{tail}"}
    return found


def test_a_plan_says_what_the_library_says_or_nothing() -> None:
    for code in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE):
        for national in nearby(code, random.Random(code)):
            kind = numbering.kind(str(code), national)
            if kind:
                number = phonenumbers.parse(f"+{code} {national}")
                assert phonenumbers.is_valid_number(number), number
                assert phonenumbers.is_possible_number(number), number
                assert (number.country_code, phonenumbers.national_significant_number(number)) == (code, national)
                assert KINDS[phonenumbers.number_type(number)] == kind, number


@pytest.mark.parametrize("region", ["NL", "DE", "BE", "FR", "GB", "US", "PL", "IT", "ES", "SE", "IN"])
def test_ordinary_mobiles_are_answered(region: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    national = phonenumbers.national_significant_number(number)
    assert numbering.kind(str(number.country_code), national) in ("mobile", "either")


def test_every_spelling_reads_the_same_on_both_ways() -> None:
    kinds = phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE
    for region, kind in product(sorted(phonenumbers.SUPPORTED_REGIONS), kinds):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        digits = phonenumbers.national_significant_number(number)
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        spellings = [f"+{number.country_code} {digits}", f"00{number.country_code}{digits}", national, f"0{digits}"]
        for text in spellings:
            quick = reading._ordinary(text, region, "mobile")
            if quick is not None:
                assert quick == reading._read(text, region, "mobile"), (region, text)
