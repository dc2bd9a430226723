"""Parameters are checked before anything runs: a mistyped safety switch must not pass."""

from pathlib import Path

import pytest

from authops import runbook
from authops.errors import ParameterError


def test_a_later_source_of_a_parameter_wins(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("default_region: BE\nmax_changes: 5\n")
    got = runbook.effective(["preview"], [tmp_path / "mine.yaml"], [("max_changes", "7")])["preview"]
    assert (got["default_region"], got["max_changes"], got["max_removals"]) == ("BE", 7, 0)


def test_one_file_serves_several_runbooks_each_gets_what_it_declares() -> None:
    file = Path(__file__).parents[2] / "parameters" / "onboarding.yaml"
    got = runbook.effective(["preview", "verify"], [file])
    assert Path(got["preview"]["source"]).is_absolute()
    assert "source" not in got["verify"]
    assert "mode" not in got["preview"]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("max_chnages", "5"), "did you mean max_changes"),
        (("mode", "apply"), "unknown parameter mode"),
        (("max_changes", "many"), "max_changes must be Optional"),
        (("max_changes", "true"), "max_changes must be Optional"),
        (("approve", "everything"), "approve must be one of none, all"),
        (("reveal_numbers", "perhaps"), "reveal_numbers must be bool"),
        (("source", "+31612345678"), "looks like a phone number"),
        (("client_secret", "x"), "secrets are never parameters"),
        (("run_dir", "/somewhere"), "set by the runner"),
    ],
)
def test_what_is_not_declared_or_does_not_fit_is_refused(pair: tuple[str, str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        runbook.effective(["preview"], [], [pair])


def test_null_must_be_written_to_lift_a_limit() -> None:
    assert runbook.effective(["preview"], [], [("max_changes", "null")])["preview"]["max_changes"] is None


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("approve: maybe\nmod: apply\n")
    with pytest.raises(ParameterError, match=r"approve must be one of.*unknown parameter mod"):
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])


def test_an_unknown_runbook_is_named() -> None:
    with pytest.raises(ParameterError, match="no runbook named 'aply'"):
        runbook.effective(["aply"])
