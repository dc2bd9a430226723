"""Numbers: what goes out, what is equal, what is hidden, what is refused."""

import pytest

from authops.phone.number import fold, normalise, read, same
from authops.phone.spelling import PhoneProblem
from authops.words.redaction import mask


@pytest.mark.parametrize(
    ("text", "region", "method", "spelled"),
    [
        ("+31612345678", "", "mobile", "+31 612345678"),
        ("+31 6 1234 5678", "", "mobile", "+31 612345678"),
        ("0031612345678", "", "mobile", "+31 612345678"),
        ("06-12345678", "NL", "mobile", "+31 612345678"),
        ("+31 (0)6 12345678", "", "mobile", "+31 612345678"),
        ("\u200e+31\u00a06\u00a012345678\u202c", "", "mobile", "+31 612345678"),
        ("(206) 555-0123", "US", "mobile", "+1 2065550123"),
        ("020 624 1111 ext 12", "NL", "office", "+31 206241111x12"),
        ("+39 06 6982", "", "office", "+39 066982"),
        ("(+31) 6 12345678", "", "mobile", "+31 612345678"),
        ("00 31 6 12345678", "", "mobile", "+31 612345678"),
        ("+31612345678.0", "", "mobile", "+31 612345678"),
        ("612345678,0", "NL", "mobile", "+31 612345678"),
        ("0\uff1612345678", "NL", "mobile", "+31 612345678"),
        ("+49 (0)30/1234567", "", "office", "+49 301234567"),
    ],
)
def test_every_usual_spelling_goes_out_as_graph_wants_it(text: str, region: str, method: str, spelled: str) -> None:
    assert normalise(text, region=region, method=method) == spelled


@pytest.mark.parametrize(
    ("text", "region", "method", "rule"),
    [
        ("06 12345678", "", "mobile", "no_country_code"),
        ("612345678", "", "mobile", "no_country_code"),
        ("call me", "NL", "mobile", "not_a_number"),
        ("+31 6 12345678 / +31 6 87654321", "", "mobile", "not_a_number"),
        ("+31 6 CALLMENOW", "", "mobile", "not_a_number"),
        ("0800FLOWERS", "NL", "mobile", "not_a_number"),
        ("3.16E+10", "NL", "mobile", "number_mangled"),
        ("3,16123E+10", "NL", "mobile", "number_mangled"),
        ("+31 ******678", "", "mobile", "number_masked"),
        ("+31 6123", "", "mobile", "impossible_number"),
        ("0612", "NL", "mobile", "impossible_number"),
        ("06 00000000", "NL", "mobile", "invalid_number"),
        ("+31 612345678x12", "", "mobile", "extension_not_allowed"),
        ("+999 12345678", "", "mobile", "not_a_number"),
        ("31612345678.0", "", "mobile", "plus_lost"),
        ("+ 612345678", "NL", "mobile", "no_country_code"),
        ("+31 61234567", "", "mobile", "impossible_number"),
        ("+31 6123456789", "", "mobile", "impossible_number"),
        ("+31 612345678/9", "", "mobile", "not_a_number"),
        ("030 123456/57", "DE", "office", "not_a_number"),
        ("020 6241111;0206242112", "NL", "office", "not_a_number"),
        ("020 6241111x12345678", "NL", "office", "not_a_number"),
        ("030 1234567\u00b9", "DE", "office", "not_a_number"),
        ("2026-11-24", "DE", "office", "not_a_number"),
        ("2026-11-24T00:00:00", "", "office", "not_a_number"),
        ("24-11-2026", "DE", "office", "not_a_number"),
    ],
)
def test_what_is_not_surely_a_number_is_refused(text: str, region: str, method: str, rule: str) -> None:
    with pytest.raises(PhoneProblem) as caught:
        normalise(text, region=region, method=method)
    assert caught.value.rule == rule


def test_a_number_that_names_its_country_may_be_new_or_fictional_and_is_noted() -> None:
    assert normalise("+1 5555551234") == "+1 5555551234"
    assert read("+1 5555551234").note
    assert not read("+31 612345678").note


def test_spelling_is_no_difference_and_a_digit_is() -> None:
    assert fold("+31612345678") == fold("+31 6 1234 5678")
    assert fold("+31 206241111x12") == fold("+31206241111X12") == fold("+31 20 624-1111 ext. 12")
    assert fold("+1 (555) 555-1234") == fold("+1 5555551234")
    assert fold("a.b-c@x.example") != fold("abc@x.example")
    assert fold("+31 612345678") != fold("+31 612345679")


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("+31 612345678", "+31 ******678"),
        ("+31612345678", "*********678"),
        ("+31 206241111x12", "+31 *********x12"),
        ("+1 23", "+1 **"),
        ("12345", "*****"),
        ("frida@example.org", "f****@example.org"),
        ("", ""),
    ],
)
def test_a_masked_value_shows_its_end_only(value: str, masked: str) -> None:
    assert mask(value) == masked


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("112", "short_number"),
        ("+31 112", "short_number"),
        ("+49 110", "short_number"),
        ("+49 112", "short_number"),
        ("+49 116117", "short_number"),
        ("0900 1234567", "premium_number"),
        ("0612", "impossible_number"),
    ],
)
def test_numbers_that_are_nobodys_phone_are_refused(text: str, rule: str) -> None:
    with pytest.raises(PhoneProblem) as caught:
        normalise(text, region="NL")
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("text", "method", "note"),
    [
        ("+31 206241111", "mobile", "a landline"),
        ("+31 206241111", "alternateMobile", "a landline"),
        ("+31 206241111", "office", ""),
        ("+31 612345678", "office", ""),
        ("+31 8001234", "mobile", "toll-free"),
        ("+31 8001234", "office", ""),
        ("+1 5555551234", "mobile", "not a number that its country is known to give out"),
        ("tel:+31-6-12345678", "mobile", ""),
    ],
)
def test_what_a_person_should_look_at_is_noted(text: str, method: str, note: str) -> None:
    found = read(text, method=method).note
    assert note in found
    assert bool(found) == bool(note)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("+44 7400123079", "+44 (0)7400 123079", True),
        ("+31 612345678", "+31 612345679", False),
        ("+1 2065550100x12", "+1 206-555-0100 ext. 12", True),
        ("+31 612345678", "+31 (6) 12.34.56.7 (8)", True),
        ("Anna@x.example", "anna@X.example", True),
        ("", "", True),
        ("", "+31 612345678", False),
    ],
)
def test_two_spellings_are_one_value_or_not(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is alike
    assert same(other, one) is alike
    assert (fold(one) == fold(other)) is alike
