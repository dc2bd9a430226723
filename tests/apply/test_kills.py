"""An apply that is killed again and again, in a storm, ends as planned: nothing lost, nothing twice, nothing blind."""

from __future__ import annotations

import asyncio

import pytest

from bench.chaos import chaos, left, take_back, touched
from bench.stand import sins, tenant


@pytest.mark.parametrize("seed", [1])
def test_killed_resumed_right_in_the_end_and_taken_back(seed: int) -> None:
    with tenant(80) as stand:
        before = stand.phones()
        got = chaos(stand, 80, 6, seed)
        assert got.killed.total() >= 3
        assert got.wrong == []
        assert got.unattributed == []
        assert got.sins == dict.fromkeys(sins([]), 0)
        assert set(got.outcomes) <= {"applied", "applied_with_note"}
        assert sum(got.outcomes.values()) == 80
        theirs = touched(stand, 5)
        stayed = left(*asyncio.run(take_back(stand)))
        after = stand.phones()
        assert {user for user, why in stayed.items() if why == "not_as_written"} == set(theirs)
        assert set(stayed.values()) <= {"not_as_written", "default_method", "rejected"}
        whole = {user: phones for user, phones in before.items() if user not in stayed}
        assert {user: after[user] for user in whole} == whole
        assert {user: after[user]["mobile"] for user in theirs} == theirs
