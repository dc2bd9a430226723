"""Numbering plans, compiled from libphonenumber's own metadata: what it says of an ordinary number, many times faster.

Only plain mobile and fixed lines are answered here, and only where the library's rules leave one reading. Of everything
else nothing is said, and the library is asked: premium rates, shared country codes told apart by their leading digits,
numbers that might begin with a trunk prefix. `tests/unit/test_numbering.py` holds the two together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneMetadata

MOBILE: Final = "mobile"
FIXED: Final = "fixed"
EITHER: Final = "either"
_UNUSUAL: Final = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip
_ORDINARY: Final = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
_LONGEST_OWN_ZERO: Final = 10
NEVER: Final = re.compile(r"(?!)")
CODES: Final = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@dataclass(frozen=True)
class _Region:
    """What a region's numbers of one length look like."""

    general: re.Pattern[str]
    unusual: re.Pattern[str]
    fixed: re.Pattern[str]
    mobile: re.Pattern[str]
    same: bool


@dataclass(frozen=True)
class _Plan:
    """The regions behind one country code, but those that are known by their leading digits; for one length."""

    unclear: re.Pattern[str]
    regions: tuple[_Region, ...]


def split(digits: str) -> tuple[str, str]:
    """Country code and the rest of an international number's digits; ("", digits) when no country has that code."""
    for size in (2, 1, 3):
        if digits[:size] in CODES:
            return digits[:size], digits[size:]
    return "", digits


def kind(code: str, national: str) -> str:
    """MOBILE, FIXED or EITHER for a valid ordinary number; "" when the library has to be asked."""
    plan = plan_of(code, len(national))
    if plan is None or plan.unclear.match(national):
        return ""
    for region in plan.regions:
        if region.general.fullmatch(national):
            if region.unusual.fullmatch(national):
                return ""
            fixed, mobile = region.fixed.fullmatch(national), region.mobile.fullmatch(national)
            if fixed:
                return EITHER if mobile or region.same else FIXED
            if mobile and not region.same:
                return MOBILE
    return ""


@cache
def trunk(region: str) -> str:
    """The country code of a region whose national numbers simply have a 0 in front; "" for the others, and for none."""
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None)
    if metadata is None or metadata.national_prefix_for_parsing != "0" or metadata.national_prefix_transform_rule:
        return ""
    return str(metadata.country_code)


@cache
def untrunked(region: str) -> str:
    """The country code of a region in whose numbers no other prefix can hide, for numbers as they are; else ""."""
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None)
    if metadata is None or metadata.international_prefix != "00":
        return ""
    plain = metadata.national_prefix_for_parsing in (None, "0") and not begins_with_zero(calling_code(region))
    return calling_code(region) if plain else ""


@cache
def exits(region: str) -> re.Pattern[str]:
    """What is dialled for going abroad; where nobody says in which country, 00."""
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None)
    return re.compile((metadata.international_prefix if metadata else "00" if not region else None) or "(?!)")


def own_zero(code: str, national: str) -> bool:
    """Whether the zero in front is a part of it, as of Italy's landlines; long ones are mobiles with one more."""
    return len(national) <= _LONGEST_OWN_ZERO and begins_with_zero(code)


@cache
def begins_with_zero(code: str) -> bool:
    """Whether a country has numbers with a zero in front that is always dialled."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ())[:1]
    examples = [phonenumbers.example_number_for_type(r, kind) for r in regions for kind in _ORDINARY]
    return any(n is not None and phonenumbers.national_significant_number(n)[0] == "0" for n in examples)


def abroad(digits: str) -> bool:
    """Whether digits with a + in front could be a number at all: False is certain, True is not."""
    code, rest = split(digits)
    return bool(code) and (rest[:1] == "0" or not _never(code, len(rest)).match(rest))


@cache
def _never(code: str, length: int) -> re.Pattern[str]:
    """Rests of that length that are no number of any region behind the code, with a trunk prefix or without."""
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    known = [m for name in names if (m := PhoneMetadata.metadata_for_region(name, None)) is not None]
    if len(known) < max(len(names), 1):
        return NEVER
    prefixes = [m.national_prefix_for_parsing for m in known if m.national_prefix_for_parsing]
    general = [_compiled(length, m.general_desc).pattern for m in known]
    return re.compile("".join(f"(?!{p})" for p in prefixes) + "".join(f"(?!(?:{g})$)" for g in general))


@cache
def calling_code(region: str) -> str:
    """A region's country code, `NL` → `31`; "" for an unknown region."""
    return str(phonenumbers.country_code_for_region(region.upper()) or "")


@cache
def plan_of(code: str, length: int) -> _Plan | None:
    """None when the country has no numbers of that length."""
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ())
    known = [m for m in (PhoneMetadata.metadata_for_region(name, None) for name in names) if m is not None]
    if not known or not known[0].general_desc or length not in known[0].general_desc.possible_length:
        return None
    leading = [m.leading_digits for m in known if m.leading_digits is not None]
    prefix = known[0].national_prefix_for_parsing
    unclear = "|".join(f"(?:{p})" for p in [*leading, *([prefix] if prefix else [])])
    regions = tuple(_region(m, length) for m in known if m.leading_digits is None)
    return _Plan(re.compile(unclear) if unclear else NEVER, regions)


def _region(metadata: Any, length: int) -> _Region:
    return _Region(
        _compiled(length, metadata.general_desc),
        _compiled(length, *(getattr(metadata, name) for name in _UNUSUAL)),
        _compiled(length, metadata.fixed_line),
        _compiled(length, metadata.mobile),
        bool(metadata.same_mobile_and_fixed_line_pattern),
    )


def _compiled(length: int, *descriptions: Any) -> re.Pattern[str]:
    """One pattern for those of some descriptions that are possible in this length (none named: in any)."""
    parts = [
        d.national_number_pattern
        for d in descriptions
        if d is not None and d.national_number_pattern and (not d.possible_length or length in d.possible_length)
    ]
    return re.compile("|".join(f"(?:{part})" for part in parts)) if parts else NEVER
