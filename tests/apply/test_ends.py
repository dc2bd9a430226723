"""How an apply ended, in a status and in words, for every way it can end."""

from __future__ import annotations

import pandas as pd
import pytest

from authops.apply.ends import REHEARSED, ending, failed, not_made, tally
from authops.words.frames import OUTCOMES


def rows(*outcomes: str) -> pd.DataFrame:
    return pd.DataFrame({"outcome": list(outcomes), "detail": ""}, dtype="str")


@pytest.mark.parametrize(
    ("outcomes", "mode", "stopped", "status"),
    [
        ((), "apply", "", "nothing to do"),
        (("applied", "applied_with_note"), "apply", "", "done"),
        (("applied", "skipped"), "apply", "asked to stop", "attention"),
        (("applied", "applied"), "apply", "asked to stop", "done"),
        (("applied", "skipped"), "apply", "", "attention"),
        (("applied", "rejected"), "apply", "", "attention"),
        (("applied", "drifted"), "apply", "", "attention"),
        (("applied", "unknown"), "apply", "", "attention"),
        (("skipped", "skipped"), "dry-run", "", "done"),
        (("skipped", "drifted"), "dry-run", "", "attention"),
        (("skipped",), "dry-run", "asked to stop", "attention"),
    ],
)
def test_the_status_of_an_end(outcomes: tuple[str, ...], mode: str, stopped: str, status: str) -> None:
    found, said = ending(rows(*outcomes), mode, stopped)
    assert found == status
    assert ("go on with: authops run apply --resume RUN" in said) is (bool(stopped) and "skipped" in outcomes)
    assert said.startswith("dry run, nothing was written: ") is (mode == "dry-run" and bool(outcomes))


def test_a_dry_run_says_how_many_would_be_written_and_how() -> None:
    found = rows("skipped", "skipped", "skipped", "drifted")
    found.loc[[0, 1], "detail"] = REHEARSED
    said = "dry run, nothing was written: 2 would be written, 1 drifted, 1 skipped; to write: mode = apply"
    assert ending(found, "dry-run")[1] == said


def test_an_end_counts_what_became_of_the_changes() -> None:
    assert ending(rows("applied", "applied", "applied_with_note"), "apply")[1] == "2 applied, 1 applied with note"
    assert ending(rows(), "apply") == ("nothing to do", "nothing to do")


def test_what_somebody_has_to_look_at() -> None:
    everything = rows(*OUTCOMES)
    assert set(failed(everything)["outcome"]) == {"rejected", "drifted", "unknown"}
    assert set(not_made(everything)["outcome"]) == {"rejected", "drifted", "unknown", "skipped"}
    assert tally(everything) == dict.fromkeys(OUTCOMES, 1)
