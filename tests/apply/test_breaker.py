"""When so much goes wrong that an apply should stop: counted to the write."""

from __future__ import annotations

import pytest

from authops.apply.breaker import Breaker


def opens_at(outcomes: list[str], **limits: float | int | None) -> int:
    """After how many outcomes it opened; 0 when it did not."""
    breaker = Breaker(**limits)
    for count, outcome in enumerate(outcomes, 1):
        breaker.count(outcome)
        if breaker.why:
            return count
    return 0


@pytest.mark.parametrize(
    ("outcomes", "limits", "at"),
    [
        (["rejected"] * 30, {"consecutive": 20, "share": None}, 20),
        (["unknown"] * 30, {"consecutive": 1, "share": None}, 1),
        (["applied"] * 9 + ["rejected"], {"consecutive": 0, "share": None}, 10),
        (["applied"] * 90, {"consecutive": 0, "share": 0.0}, 0),
        (["rejected"] * 30, {"consecutive": None, "share": None}, 0),
        (["rejected", "rejected", "applied"] * 10, {"consecutive": 3, "share": None}, 0),
        # What was not written neither counts nor interrupts the row.
        (["rejected", "drifted", "skipped"] * 3, {"consecutive": 3, "share": None}, 7),
        (["applied", "rejected"] * 50, {"consecutive": None, "share": 0.5}, 50),
        (["applied"] * 40 + ["rejected"] * 20, {"consecutive": None, "share": 0.2}, 50),
        # By the least it may be far above.
        (["applied", "rejected"] * 30, {"consecutive": None, "share": 0.2}, 50),
        # The write that makes it fifty may be a good one.
        (["rejected"] * 10 + ["applied"] * 40, {"consecutive": None, "share": 0.2}, 50),
        (["applied_with_note"] * 50, {"consecutive": 1, "share": 0.01}, 0),
    ],
)
def test_it_opens_with_the_write_that_reaches_the_limit(
    outcomes: list[str], limits: dict[str, float | int | None], at: int
) -> None:
    assert opens_at(outcomes, **limits) == at


def test_by_default_twenty_in_a_row_or_a_fifth_of_fifty_open_it() -> None:
    row = Breaker()
    for _ in range(19):
        row.count("rejected")
    assert row.why == ""
    row.count("rejected")
    assert "20 writes in a row" in row.why
    share = Breaker()
    for number in range(50):
        assert share.why == ""
        share.count("unknown" if number % 5 == 4 else "applied")
    assert "10 of 50 writes failed" in share.why


def test_a_share_is_looked_at_after_every_write_from_the_least_on() -> None:
    breaker = Breaker(consecutive=None, share=0.2, least=50)
    for _ in range(60):
        breaker.count("applied")
    for _ in range(14):
        breaker.count("rejected")
    assert breaker.why == ""
    breaker.count("rejected")
    assert "15 of 75 writes failed" in breaker.why
