"""Passes in a storm, killed again and again, also inside the hand-over: one letter each, and it works."""

from __future__ import annotations

import pytest

from bench.passes import chaos
from bench.stand import tenant


@pytest.mark.slow
def test_killed_and_gone_on_with_each_has_one_letter_that_works_and_no_file_holds_a_code() -> None:
    with tenant(60) as stand:
        got = chaos(stand, 40, 5, seed=2)
    assert got.bad == {"not one letter": [], "does not work": [], "others": [], "files with a code": []}
    assert got.killed.total() >= 2
    assert set(got.outcomes) <= {"applied", "applied_with_note"}
    assert sum(got.outcomes.values()) == 40 <= got.searched
