"""Ordinary numbers of a whole column: as each of them is read alone, by the library, or left to be."""

from __future__ import annotations

from collections import defaultdict

import pytest

from authops.phone import number as reading
from authops.phone import numbering, ordinary
from authops.phone.column import read_all
from authops.phone.number import Number
from authops.phone.spelling import PhoneProblem
from tests.phone.test_readings import REGIONS, examples, plain, risky


def alone(text: str, region: str, method: str) -> Number | str:
    try:
        return reading._read(text, region, method)
    except PhoneProblem as problem:
        return problem.rule


@pytest.mark.parametrize("method", ["mobile", "office"])
def test_over_all_regions_a_column_is_read_as_its_cells_are(method: str) -> None:
    columns: dict[str, list[str]] = defaultdict(list)
    for region in REGIONS:
        for _, n in examples(region).values():
            for text, home in [*plain(n, region), *risky(n, region)]:
                columns[home].append(text)
    read = 0
    for home, texts in columns.items():
        got = ordinary.read(texts, home, method)
        read += sum(number is not None for number in got)
        wrong = [(t, home) for t, n in zip(texts, got, strict=True) if n is not None and n != alone(t, home, method)]
        assert wrong == []
    assert read > 2_000


@pytest.mark.parametrize(
    ("text", "region", "value"),
    [
        ("+31 612345678", "", "+31 612345678"),
        ("+31612345678", "DE", "+31 612345678"),
        ("+49 151 1234-5678", "", "+49 15112345678"),
        ("0612345678", "NL", "+31 612345678"),
        ("06 1234 5678", "NL", "+31 612345678"),
        ("0031 6 12345678", "NL", "+31 612345678"),
        ("+1 2065550100", "", "+1 2065550100"),
    ],
)
def test_spellings_of_lists_need_no_second_look(text: str, region: str, value: str) -> None:
    found = ordinary.read(["", text, "nobody's"], region, "mobile")
    assert [n and n.value for n in found] == [None, value, None]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0612345678", ""), ("0031612345678", ""), ("0031612345678", "US"), ("0011479223456", "AU"),
        ("+31 0612345678", ""), ("+49 4915123456789", ""), ("+49 30 123456 -- 61", ""), ("+31 612345678x1", ""),
        ("+31 612345678 0612345679", "NL"), ("+31 612345678\n", ""), ("\u0660612345678", "NL"), ("+900 12345678", ""),
        ("+", ""), ("00", "NL"), ("612345678", "NL"),
    ],
)  # fmt: skip
def test_what_leaves_a_doubt_is_left_to_be_asked(text: str, region: str) -> None:
    assert ordinary.read([text], region, "mobile") == [None]


def test_a_landline_is_told_where_a_mobile_is_wanted() -> None:
    assert [n and bool(n.note) for n in ordinary.read(["+31 201234567"] * 2, "", "mobile")] == [True, True]
    assert ordinary.read(["+31 201234567"], "", "office") == [Number("+31 201234567")]


def test_each_row_is_read_in_its_own_country() -> None:
    texts = ["0612345678", "06-12345678", "07911 123456", "0151 12345678", "nobody", "0612345678"]
    found = list(read_all(texts, ["NL", "NL", "GB", "DE", "NL", "FR"], method="mobile"))
    values = [n.value if isinstance(n, Number) else n.rule for n in found]
    mobiles = ["+31 612345678", "+31 612345678", "+44 7911123456", "+49 15112345678", "not_a_number", "+33 612345678"]
    assert values == mobiles


def test_every_plan_can_be_asked_for_a_column() -> None:
    """A pattern of the metadata that Arrow's expressions do not know would stop the reading of its whole column."""
    for code in sorted(numbering.CODES):
        for size in range(4, 16):
            ordinary.read([f"+{code}{'234567890123456'[:size]}"], "", "mobile")
