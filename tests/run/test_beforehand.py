"""What 0.2 seconds can tell is told before a kernel starts, and leaves no run folder behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from authops.__main__ import main
from authops.run import beforehand, execute
from tests.running import ROOT


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("preview -p source gone.csv", "gone.csv cannot be read"),
        ("audit -p scope_file gone.csv", "gone.csv cannot be read"),
        ("retirement -p prices gone.csv", "gone.csv cannot be read"),
        ("preview -p mapping nobody-s", "nobody-s.yaml is not there"),
        ("audit --connection nowhere", "no connection 'nowhere'"),
        ("audit --connection gone.yaml", "gone.yaml cannot be read"),
        ("preview apply -p hand_over screen", "nobody sits before a headless run"),
        ("apply -p mode apply", "run preview first"),
        ("audit verify", "apply first"),
    ],
)
def test_wrong_use_is_told_at_once(runs: Path, words: str, said: str) -> None:
    done = CliRunner().invoke(main, ["run", *words.split()])
    assert done.exit_code == 2
    assert said in done.output
    assert not runs.exists()


def test_a_run_folder_without_a_plan_is_no_place_to_apply(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = CliRunner().invoke(main, ["run", "apply", "--run-dir", str(tmp_path / "mine")])
    assert done.exit_code == 2
    assert "mine holds no plan" in done.output
    assert list((tmp_path / "mine").iterdir()) == []


def test_what_an_earlier_runbook_leaves_is_not_missed() -> None:
    file = {"source": str(ROOT / "parameters" / "onboarding.csv"), "connection": "demo"}
    beforehand.check(["preview", "apply", "verify"], {"preview": file, "apply": {}, "verify": {}}, None)


def test_a_folder_named_like_a_connection_does_not_shadow_it(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    given: list[object] = []
    monkeypatch.setattr(execute, "execute", lambda _books, parameters, *_a, **_k: given.append(parameters) or 0)
    assert CliRunner().invoke(main, ["run", "audit", "--connection", "demo"]).exit_code == 0
    assert given[0]["audit"]["connection"] == "demo"  # type: ignore[index]
    assert runs.exists()
