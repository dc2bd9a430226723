"""A number has one reading, or it is refused: over every region, kind and spelling, also dialled from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from authops.phone import number as reading
from authops.phone.column import AS_ITS_COLUMN, read_all
from authops.phone.number import Number, fold, read, shown_whole
from authops.phone.spelling import PhoneProblem

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
HOMES = ("DE", "US", "IT", "AU", "HK", "TH", "RU", "ID", "BR")
EXITS = ("00", "011", "0011", "001", "009", "810", "0021")
PHONES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
Cell = tuple[str, str, str]


def examples(region: str) -> dict[str, tuple[int, phonenumbers.PhoneNumber]]:
    found = ((k, phonenumbers.example_number_for_type(region, k)) for k in (1, 0, 3, 5, 6, 8, 9))
    return {phonenumbers.format_number(n, PhoneNumberFormat.E164): (k, n) for k, n in found if n is not None}


def plain(n: phonenumbers.PhoneNumber, region: str) -> Iterator[tuple[str, str]]:
    for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966):
        yield from ((phonenumbers.format_number(n, form), home) for home in ("", region, "DE"))
    yield phonenumbers.format_number(n, PhoneNumberFormat.NATIONAL), region


def risky(n: phonenumbers.PhoneNumber, region: str) -> Iterator[tuple[str, str]]:
    code, rest = str(n.country_code), phonenumbers.national_significant_number(n)
    whole = phonenumbers.format_number(n, PhoneNumberFormat.INTERNATIONAL)
    zero = (f"+{code} (0){rest}", f"+{code} 0{rest}", f"+0{code} {rest}", f"{code} (0){rest}")
    twice = (f"+{code} {code}{rest}", f"+{code}{code}{rest}", f"+{code} 00{code}{rest}", f"00{code} {code}{rest}")
    decimal = (f"+{code} {rest}.0", f"+{code}.0 {rest}.0", f"+{code} {rest[:-2]} {rest[-2:]}.0", f"{whole},0")
    for text in (*zero, *twice, *decimal, f"00{code}{rest}", whole.translate(ARABIC)):
        yield from ((text, home) for home in ("", region))
    for home in dict.fromkeys((region, *HOMES)):
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(home, None)
        exits = [e for e in EXITS if metadata and re.fullmatch(metadata.international_prefix or "", e)]
        yield from ((text, home) for text in (f"{code}{rest}", whole[1:], *(f"{e} {whole[1:]}" for e in exits)))


def value(text: str, region: str) -> str:
    try:
        return read(text, region=region, method="office").value
    except PhoneProblem as problem:
        return problem.rule


def is_refusal(got: str) -> bool:
    return not got.startswith("+")


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 12))])
def test_over_all_regions_the_right_number_or_a_refusal(part: int) -> None:
    wrong, unread, bare, refused = [], [], 0, 0
    for region in REGIONS[part::12]:
        for kind, n in examples(region).values():
            rest = phonenumbers.national_significant_number(n)
            meant = f"+{n.country_code} {rest}"
            unread += [(text, home) for text, home in plain(n, region) if value(text, home) != meant]
            cells = [*risky(n, region)] if kind in PHONES else []
            wrong += [(t, h, got) for t, h in cells if (got := value(t, h)) != meant and not is_refusal(got)]
            if kind in PHONES:
                bare, refused = bare + 1, refused + is_refusal(got := value(rest, region))
                assert is_refusal(got) or got == meant
    assert (wrong, unread) == ([], [])
    assert refused <= 0.15 * bare


def test_the_sweep_is_wide() -> None:
    of_a_region = [(k, n, region) for region in REGIONS for k, n in examples(region).values()]
    cells = sum(len([*plain(n, r), *(risky(n, r) if k in PHONES else ())]) for k, n, r in of_a_region)
    assert cells > 35_000


@pytest.mark.parametrize(
    "between", [";", ", ", " / ", "|", " & ", "\n", "\t", " - ", "-", "  ", "#", "x", " or ", " und ", "."]
)
def test_over_all_regions_two_numbers_in_a_cell_are_never_one(between: str) -> None:
    read_ = []
    for region in REGIONS:
        for kind, n in examples(region).values():
            whole, home = (
                phonenumbers.format_number(n, f) for f in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
            )
            other = f"{home[:-1]}{(int(home[-1]) + 1) % 10}"
            cells = [f"{one}{between}{other}" for one in (whole, home)] if kind in PHONES else []
            read_ += [cell for cell in cells if not is_refusal(value(cell, region))]
    assert read_ == []


def test_over_all_regions_at_least_95_of_100_bare_national_numbers_are_read() -> None:
    bare = [
        (phonenumbers.national_significant_number(n), r)
        for r in REGIONS
        for k, n in examples(r).values()
        if k in PHONES
    ]
    assert sum(is_refusal(value(text, region)) for text, region in bare) <= 0.05 * len(bare)


@pytest.mark.parametrize("part", range(8))
def test_without_the_library_nothing_is_read_that_has_another_reading(part: int) -> None:
    for region in REGIONS[part::8]:
        for kind, n in examples(region).values():
            for text, home in [*plain(n, region), *risky(n, region)] if kind in PHONES else []:
                quick = reading._ordinary(text, home, "mobile")
                assert quick is None or quick == reading._read(text, home, "mobile"), (text, home)


@pytest.mark.parametrize(
    ("text", "region", "got"),
    [
        ("4915123000801", "DE", "plus_lost"),
        ("447911123456", "DE", "plus_lost"),
        ("49 (0)30 1234567", "DE", "plus_lost"),
        ("0011 47 922 34 567", "AU", "two_readings"),
        ("001479223456 7", "SG", "two_readings"),
        ("030 123456 / 654321", "DE", "not_a_number"),
        ("089 1234/089 5678", "DE", "not_a_number"),
        ("+49 30 123456-0/-61", "", "not_a_number"),
        ("+49 30 12345 (030 12346)", "", "not_a_number"),
        ("+62 812 3456 / 7890", "", "not_a_number"),
        ("+43 66412345 67.0", "", "number_mangled"),
        ("+43.0 6641234567.0", "", "+43 6641234567"),
        ("+49 49 170 1234567", "", "two_readings"),
        ("+39 (0)347 1234567", "", "+39 3471234567"),
        ("+39 (0)6 6982 1234", "", "+39 0669821234"),
        ("+39 0347 1234567", "", "two_readings"),
        ("٠٥٠١٢٣٤٥٦٧", "AE", "+971 501234567"),
        ("tel:+12065550100;ext=12", "", "+1 2065550100x12"),
        ("+1 206 555 0100 #12", "", "+1 2065550100x12"),
        ("+1 206-555-0100 extension 12", "", "+1 2065550100x12"),
        ("+1 206 555 0100, ext. 12", "", "+1 2065550100x12"),
        ("+1 206 555 0100 (x12)", "", "+1 2065550100x12"),
        ("020 6241111 toestel 12", "NL", "+31 206241111x12"),
        ("020 6241111 tst. 12", "NL", "+31 206241111x12"),
        ("030 1234567 Durchwahl 12", "DE", "not_a_number"),
        ("+1 (206) 555-0100, 1234", "", "not_a_number"),
        ("x1234", "US", "not_a_number"),
        ("+376 312345#312346", "", "not_a_number"),
        ("+683 7012x7013", "", "not_a_number"),
        ("+685 22123 - 22124", "", "not_a_number"),
        ("+49 30 12345\n67", "", "not_a_number"),
        ("030 12345\t67", "DE", "not_a_number"),
        ("+49 30 12345\u202867", "", "not_a_number"),
        ("+436641234....", "", "number_masked"),
        ("+436641234----", "", "number_masked"),
        ("+436641234…", "", "number_masked"),
        ("31 12 2024", "AT", "not_a_number"),
        ("20.12.34", "NC", "+687 201234"),
        ("712345.000", "DE", "number_mangled"),
        ("000247 40123", "DE", "invalid_number"),
        ("+39 (00)0212345678", "", "two_readings"),
    ],
)
def test_what_people_have_in_their_lists(text: str, region: str, got: str) -> None:
    assert value(text, region) == got


def test_a_refusal_names_both_readings_masked_and_what_to_write() -> None:
    with pytest.raises(PhoneProblem, match=r"\+49 \*+801 or \+49 \*+801") as caught:
        read("4915123000801", region="DE")
    assert "+CC" in caught.value.remedy
    assert "15123000801" not in str(caught.value)


def test_a_column_that_speaks_one_way_decides_and_a_lost_plus_in_it_spoils_that() -> None:
    clear = [f"139{n:08d}" for n in range(11111111, 11111131)]
    told = [*read_all([*clear, "13123456789"], ["CN"] * 21, method="mobile")]
    assert isinstance(told[-1], Number)
    assert told[-1] == Number("+86 13123456789", AS_ITS_COLUMN)
    spoilt = [*read_all([*clear, "13123456789", "31612345678"], ["CN"] * 22, method="mobile")]
    assert isinstance(spoilt[-2], PhoneProblem)
    assert isinstance(next(read_all(["13123456789"], ["CN"], method="mobile")), PhoneProblem)


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        ("+44 07400 123079", "+44 7400123079"),
        ("+44 (0)7400 123007", "+44 7400123007"),
        ("+49 015112345006", "+49 15112345006"),
        ("+39 (0)347 1234567", "+39 3471234567"),
        ("+49 3012345678 ;ext=12", "+49 3012345678x12"),
        ("+39 06 6982 1234", "+39 0669821234"),
    ],
)
def test_stored_with_a_zero_that_is_dialled_at_home_it_is_the_same_number(stored: str, same: str) -> None:
    assert fold(stored) == fold(same)
    assert fold(stored) != fold(f"{same[:-1]}3")


@pytest.mark.parametrize(
    "text", ["+XX XXXXXXX12", "***", "+31 ••••••78", "+31 78", "XXX-XXX-1234", "+00 000000012", "12"]
)
def test_what_is_not_certainly_a_number_is_none(text: str) -> None:
    assert not shown_whole(text)


@pytest.mark.parametrize("text", ["+31 612345678", "+1 2065550100x12", "+44 (0)7400 123007", "0612345678"])
def test_what_is_stored_whole_is_shown_whole(text: str) -> None:
    assert shown_whole(text)
