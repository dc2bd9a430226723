"""Many tenants: whose turn it is, and one truthful table of what became of them."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from authops.__main__ import main
from authops.apply.journal import Journal
from authops.graph.connection import Connection
from authops.run import fleet, outcome, run, runs
from authops.run.tenants import Tenant, Tenants
from authops.words.errors import ParameterError
from authops.words.frames import CHANGES


def tenants(*names: str, at_once: int = 2, application: str = "") -> Tenants:
    return Tenants(tuple(Tenant(n, n, application or n) for n in names), at_once, 1)


def most_at_once(of: Tenants) -> tuple[int, int]:
    """(in all, as one application)."""
    here: Counter[str] = Counter()
    seen: list[tuple[int, int]] = []

    async def work(tenant: Tenant) -> None:
        here[tenant.application] += 1
        for _ in range(3):
            seen.append((here.total(), max(here.values())))
            await asyncio.sleep(0)
        here[tenant.application] -= 1

    asyncio.run(fleet.in_turns(of, work))
    assert len(seen) == 3 * len(of.all)
    return max(a for a, _ in seen), max(b for _, b in seen)


def test_so_many_at_once_in_all_and_fewer_as_one_application() -> None:
    assert most_at_once(tenants("a", "b", "c", "d", "e", at_once=3)) == (3, 1)
    assert most_at_once(tenants("a", "b", "c", "d", "e", at_once=3, application="same")) == (1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fleet.prepare(tenants("anna", "bert", "cleo", "dora"), ["preview", "apply"], tmp_path)
    outcome.record(tmp_path / "anna", "preview", "done", "2 changes", {"add": 2})
    outcome.record(tmp_path / "anna", "apply", "attention", "1 of 2 rejected", {"applied": 1, "rejected": 1})
    outcome.record(tmp_path / "bert", "preview", "stopped", "max_changes", {"add": 9000})
    outcome.record(tmp_path / "cleo", "preview", "done", "1 change", {"add": 1})
    return tmp_path


def failed_notebook(path: Path, name: str, said: str) -> None:
    error = nbformat.v4.new_output("error", ename=name, evalue=said, traceback=[said])
    cell = nbformat.v4.new_code_cell("await it", outputs=[error])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)


def test_one_table_worst_first_with_every_count_and_the_worst_exit_code(folder: Path) -> None:
    outcome.record(folder / "cleo", "apply", "done", "1 applied", {"applied": 1})
    outcome.record(folder / "dora", "preview", "nothing to do", "no changes")
    outcome.record(folder / "dora", "apply", "nothing to do", "no changes")
    whole, code = fleet.gather(folder)
    assert code == 4
    assert list(whole["tenant"]) == ["bert", "anna", "cleo", "dora"]
    assert list(whole["status"]) == ["stopped", "attention", "done", "nothing to do"]
    assert whole["headline"][1] == "1 of 2 rejected"
    with (folder / "fleet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["tenant"]: row for row in csv.DictReader(file)}
    assert (rows["anna"]["apply_applied"], rows["anna"]["apply_rejected"], rows["dora"]["apply_applied"]) == (
        "1",
        "1",
        "",
    )
    kept = json.loads((folder / "fleet.json").read_text())
    assert (kept["status"], kept["exit_code"], kept["counts"]["done"]) == ("stopped", 4, 1)
    assert (folder / "fleet.csv").stat().st_mode & 0o077 == 0


def test_what_left_no_outcome_broke_and_its_notebook_says_why(folder: Path) -> None:
    failed_notebook(folder / "cleo" / "3_apply.ipynb", "GraphUnreachable", "no answer at all")
    failed_notebook(folder / "dora" / "2_preview.ipynb", "GuardStop", "max_share: too many")
    whole, code = fleet.gather(folder)
    found = whole.set_index("tenant")
    assert code == 1
    assert tuple(found.loc["cleo", ["status", "headline"]]) == ("broke", "GraphUnreachable: no answer at all")
    assert tuple(found.loc["dora", ["status", "headline"]]) == ("stopped", "GuardStop: max_share: too many")
    assert "no answer at all" in (folder / "cleo" / "3_apply.html").read_text("utf-8")
    assert json.loads((folder / "cleo" / "outcome.json").read_text())["exit_code"] == 1


def test_a_tenant_that_was_never_begun_is_not_well(folder: Path) -> None:
    whole, code = fleet.gather(folder)
    found = whole.set_index("tenant")
    assert code == 1
    assert tuple(found.loc["dora", ["status", "headline"]]) == ("broke", "2_preview.ipynb was never begun")
    assert tuple(found.loc["cleo", ["status", "headline"]]) == ("broke", "3_apply.ipynb was never begun")
    assert found.loc["bert", "status"] == "stopped", "what follows a stop is not expected to have run"


def test_gathered_again_it_says_the_same(folder: Path) -> None:
    first, second = fleet.gather(folder), fleet.gather(folder)
    assert first[1] == second[1]
    assert first[0].drop(columns="ended_at").equals(second[0].drop(columns="ended_at"))


def test_a_folder_without_a_fleet_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"holds no fleet\.json"):
        fleet.gather(tmp_path)


def test_tasks_hold_what_papermill_needs_and_a_refused_tenant_stays_out(tmp_path: Path) -> None:
    wrong = Tenant("bert", "demo", "x", {"max_chagnes": 3})
    both = Tenants((Tenant("anna", "demo", "x", {"max_changes": 3}), wrong), 1, 1)
    fleet.prepare(both, ["preview", "apply"], tmp_path)
    (anna,) = fleet.tasks(both, ["preview", "apply"], [], [("max_changes", "5")], tmp_path)
    assert anna["tenant"] == "anna"
    assert anna["runbooks"]["apply"]["output_nb"] == str(tmp_path / "anna" / "3_apply.ipynb")
    given = anna["runbooks"]["preview"]["parameters"]
    assert (given["connection"], given["max_changes"], given["run_dir"]) == ("demo", 5, str(tmp_path / "anna"))
    refused = json.loads((tmp_path / "bert" / "outcome.json").read_text())
    assert (refused["status"], refused["exit_code"]) == ("wrong use", 2)
    assert "did you mean max_changes" in refused["runbooks"]["preview"]["headline"]


@pytest.mark.parametrize("value", ["+31 612345678", "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dy.x"])
def test_a_number_or_a_secret_of_a_tenant_is_written_nowhere(tmp_path: Path, value: str) -> None:
    both = Tenants((Tenant("anna", "demo", "x"), Tenant("bert", "demo", "x", {"source": [{"deep": value}]})), 1, 1)
    fleet.prepare(both, ["preview"], tmp_path)
    assert [task["tenant"] for task in fleet.tasks(both, ["preview"], [], [], tmp_path)] == ["anna"]
    said: list[str] = []
    fleet.run_all(Tenants(both.all[1:], 1, 1), ["preview"], [], tmp_path, said.append)
    assert said[0].startswith("  bert: wrong use (exit code 2) · source looks like a ")
    table, _ = fleet.gather(tmp_path)
    assert list(table["status"]) == ["broke", "wrong use"]
    left = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert value not in left + "".join(said)


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_asks_all_to_stop_as_a_signal_does(tmp_path: Path, number: signal.Signals) -> None:
    """The tenants' processes have sessions of their own, so nobody else would tell them."""
    of = tenants("anna", "bert")
    fleet.prepare(of, ["audit"], tmp_path)
    said: list[str] = []
    crew = fleet._Crew(["audit"], [], tmp_path, said.append)
    with crew.signals():
        os.kill(os.getpid(), number)
        asyncio.run(fleet.in_turns(of, crew.run))
    assert said == ["  stopping: 0 tenants are told, no other is begun"]
    assert fleet.gather(tmp_path)[0]["headline"].tolist() == ["1_audit.ipynb was never begun"] * 2


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder: one run of its own, and a later fleet of two."""
    monkeypatch.setenv("AUTHOPS_RUNS", str(tmp_path))
    both = tmp_path / "20261125T020000Z-fleet-apply-0a1b2c"
    alone = tmp_path / "20261125T010000Z-apply-0a1b2c"
    both.mkdir()
    alone.mkdir()
    fleet.prepare(tenants("anna", "bert"), ["apply"], both)
    for folder, tenant in ((alone, "A"), (both / "anna", "A"), (both / "bert", "B")):
        journal = Journal(folder / "journal.sqlite")
        journal.note(tenant_id=tenant, begun_at="2026-11-25T01:00:00+00:00")
        journal.intend([dict.fromkeys(CHANGES, "") | {"line": 2, "change_id": "c1", "attempt": 1, "at": "2026-11-25"}])
        journal.close()
    return both


def undoing(tenant: str) -> run.Run:
    return run.Run("undo", Path(), Connection("mine", "custom", tenant, "c", "certificate", "https://g", "https://g"))


def test_a_tenant_of_a_fleet_is_a_run_like_any_other(apart: Path) -> None:
    names = [past.name for past in runs.runs(apart.parent)]
    assert names == [f"{apart.name}/anna", f"{apart.name}/bert", "20261125T010000Z-apply-0a1b2c"]
    assert run.find(f"{apart.name}/bert") == apart / "bert"


def test_undo_without_a_name_takes_the_latest_of_its_own_tenant(apart: Path) -> None:
    assert undoing("A").earlier("").folder == apart / "anna"
    assert undoing("B").earlier("").folder == apart / "bert"
    with pytest.raises(ParameterError, match="wrote to tenant C"):
        undoing("C").earlier("")


def test_a_fleet_names_its_connections_itself(tmp_path: Path) -> None:
    for words in (["--connection", "demo"], ["--run-dir", str(tmp_path)], ["--resume", "x"]):
        done = CliRunner().invoke(main, ["run", "audit", "--tenants", "t.yaml", *words])
        assert (done.exit_code, "--tenants names the connections" in done.output) == (2, True)


def test_an_engine_asks_for_tasks_before_and_for_the_table_after(tmp_path: Path) -> None:
    file, folder = tmp_path / "tenants.yaml", tmp_path / "fleet"
    file.write_text("tenants: {anna: {connection: demo}, bert: {connection: demo, parameters: {max_share: many}}}\n")
    words = [
        "fleet",
        "tasks",
        "preview",
        "apply",
        "--tenants",
        str(file),
        "-p",
        "mode",
        "apply",
        "--folder",
        str(folder),
    ]
    for _ in range(2):  # an engine repeats its tasks
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        told = json.loads(done.output)
        assert (told["folder"], [one["tenant"] for one in told["tasks"]]) == (str(folder), ["anna"])
        assert told["tasks"][0]["runbooks"]["apply"]["parameters"]["mode"] == "apply"
    assert CliRunner().invoke(main, [*words, "-p", "tennant", "x"]).exit_code == 2
    outcome.record(folder / "anna", "preview", "done", "1 change")
    outcome.record(folder / "anna", "apply", "done", "1 applied")
    done = CliRunner().invoke(main, ["fleet", "gather", str(folder)])
    assert done.exit_code == 2
    assert "2 tenants: 1 wrong use · 1 done" in done.output
    assert "max_share must be Optional[float]" in done.output
