"""What the command line explains and opens."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from authops.__main__ import main
from authops.run import outcome, publish, runbook


def test_help_beside_a_runbook_explains_its_parameters() -> None:
    said = CliRunner().invoke(main, ["run", "preview", "--help"])
    assert said.exit_code == 0
    words = " ".join(said.output.split())
    for name in set(runbook.declared("preview")) - {"run_dir"}:
        assert f" {name} " in words
    assert "a CSV, .xlsx or .json file, or the word profile" in words
    assert "max_removals most removals in a plan; 0 allows none, null means no limit [0]" in words
    assert "hand_over" not in words
    assert "name a runbook before --help" in CliRunner().invoke(main, ["run", "--help"]).output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path))
    made = tmp_path / "20260102T030405Z-audit-preview-a1b2c3"
    made.mkdir()
    outcome.record(made, "audit", "done", "all <is> well")
    outcome.record(made, "preview", "stopped", "max_changes says no")
    outcome.add(made, tenant="Contoso", tenant_id="t-1")
    outcome.end(made)
    for name in ("1_audit", "2_preview"):
        (made / f"{name}.html").write_text('<main><nav class="pages"></nav></main>')
    (made / "failed.csv").write_text("UPN\n")
    (made / "plan.parquet").write_text("")
    publish.index(made)
    return made


def test_a_run_has_a_first_page_that_leads_to_all_others(folder: Path) -> None:
    page = (folder / "index.html").read_text("utf-8")
    for words in ("Contoso (t-1)", "all &lt;is&gt; well", "max_changes says no", 'href="1_audit.html"', "failed.csv"):
        assert words in page
    assert "plan.parquet" not in page
    assert "<script" not in page
    audit = (folder / "1_audit.html").read_text("utf-8")
    assert '<a href="index.html">this run</a> · <b>audit</b> · <a href="2_preview.html">preview</a>' in audit


def test_runs_opens_the_latest_or_one_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
    (folder.parent / "20250101T000000Z-audit-0").mkdir()
    for words in (["runs", "--open"], ["runs", "--open", folder.name]):
        assert CliRunner().invoke(main, words).exit_code == 0
    assert opened == [(folder / "index.html").as_uri()] * 2
    for name, why in (("20250101T000000Z-audit-0", "has no page yet"), ("nobody-s", "there is no run")):
        done = CliRunner().invoke(main, ["runs", "--open", name])
        assert (done.exit_code, why in done.output) == (2, True)
