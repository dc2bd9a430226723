"""The notebooks, run headlessly as a scheduler runs them, on a demo tenant over HTTPS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from authops.demo import ensure, stop
from tests.homes import furnished
from tests.running import FULL_NUMBER, HEADER, ROOT, Tenant


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    home = tmp_path_factory.mktemp("home")
    yield Tenant(ensure(furnished(home)), tmp_path_factory.mktemp("runs"))
    stop(home)


@pytest.fixture(scope="module")
def job(tenant: Tenant) -> tuple[int, str, Path]:
    """The whole job on the sample file, once."""
    file = ROOT / "parameters" / "onboarding.yaml"
    code, said, folder = tenant.run("audit", "preview", "apply", "verify", "-f", str(file), "-p", "allow_last", "true")
    assert folder, said
    return code, said, folder


def test_the_whole_job_ends_well_and_leaves_what_it_promises(job: tuple[int, str, Path]) -> None:
    code, said, folder = job
    assert code == 0, said
    outcome = json.loads((folder / "outcome.json").read_text())
    assert (outcome["status"], outcome["exit_code"]) == ("done", 0)
    assert [r["status"] for r in outcome["runbooks"].values()] == ["done"] * 4
    planned = outcome["runbooks"]["preview"]["counts"]
    applied = outcome["runbooks"]["apply"]["counts"]
    assert sum(applied.values()) == sum(planned.get(a, 0) for a in ("add", "update", "remove")) > 50
    assert all(planned[a] for a in ("add", "update", "remove", "keep", "blocked", "problems"))
    files = {"plan.parquet", "plan.json", "journal.sqlite", "outcomes.parquet", "failed.csv", "log.jsonl"}
    pages = {f"{stem}{end}" for stem in ("1_audit", "2_preview", "3_apply", "4_verify") for end in (".ipynb", ".html")}
    assert files | pages <= {p.name for p in folder.iterdir()}
    assert folder.stat().st_mode & 0o077 == 0


def test_no_full_number_leaves_the_plan_the_journal_and_the_failed_rows(job: tuple[int, str, Path]) -> None:
    _, said, folder = job
    published = [p for p in folder.iterdir() if p.suffix in (".html", ".ipynb", ".jsonl", ".json")]
    assert len(published) >= 10
    assert [p.name for p in published if FULL_NUMBER.search(p.read_text("utf-8"))] == []
    assert not FULL_NUMBER.search(said)


def test_the_pages_ask_nobody_for_anything(job: tuple[int, str, Path]) -> None:
    for page in job[2].glob("*.html"):
        text = page.read_text("utf-8")
        assert "<script" not in text
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
        assert "default-src 'none'" in text


def test_headless_no_widget_is_built(job: tuple[int, str, Path]) -> None:
    assert [p.name for p in job[2].glob("*.ipynb") if "widget" in p.read_text("utf-8")] == []


def test_the_same_file_again_changes_nothing(job: tuple[int, str, Path], tenant: Tenant) -> None:
    tenant.knob("log", "DELETE")
    file = ROOT / "parameters" / "onboarding.yaml"
    code, said, folder = tenant.run("preview", "apply", "verify", "-f", str(file))
    assert code == 0, said
    assert folder
    assert json.loads((folder / "outcome.json").read_text())["status"] == "nothing to do"
    assert tenant.writes() == []


@pytest.fixture
def small(tenant: Tenant, tmp_path: Path) -> Path:
    """Three good rows for people without a phone, and one with a problem."""
    people = [u for u in tenant.knob("state")["users"] if not any(m["kind"] == "phone" for m in u["methods"])]
    names = [u["userPrincipalName"] for u in people if not u["deleted"] and "#" not in u["userPrincipalName"]][:3]
    rows = "".join(f"{name},+31 61234567{n},,,,\n" for n, name in enumerate(names))
    path = tmp_path / "small.csv"
    path.write_text(HEADER + rows + "nobody@contoso.example,+31612345678,,,,\n")
    tenant.knob("log", "DELETE")
    return path


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["-p", "approve", "all", "-p", "mode", "apply", "-p", "max_changes", "2"], 4, "max_changes"),
        (["-p", "approve", "all", "-p", "mode", "apply", "-p", "on_problem", "stop"], 4, "on_problem"),
        (["-p", "mode", "apply"], 2, "holds no approval"),
        (["-p", "approve", "all"], 0, "dry run, nothing was written: 3 would be written; to write: mode = apply"),
        (["-p", "mode", "aply"], 2, "mode must be one of dry-run, apply"),
    ],
)
def test_nothing_is_written_that_was_not_asked_for(
    tenant: Tenant, small: Path, words: list[str], code: int, expected: str
) -> None:
    found, said, _ = tenant.run("preview", "apply", "-p", "source", str(small), *words)
    assert expected in said
    assert found == code, said
    assert tenant.writes() == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.csv", b"", "is empty"),
        ("no_upn.csv", b"Name,Mobile\nfrida,+31612345678\n", "has no user column"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "is not a text file"),
        (".", b"", "is a directory"),
    ],
)
def test_a_wrong_file_is_one_clear_message(
    tenant: Tenant, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    if name != ".":
        path.write_bytes(content)
    code, said, _ = tenant.run("preview", "-p", "source", str(path))
    assert code == 2
    assert said.count(expected) == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changes", "code", "expected"),
    [
        ({"certificate_path": "client-expired.pem"}, 2, "expired on"),
        ({"tenant_id": "11111111-2222-3333-4444-555555555555"}, 1, "tenant"),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, 1, "AADSTS700016"),
        ({"authority_url": "https://127.0.0.1:9"}, 1, "check the network"),
        ({"graph_url": "https://127.0.0.1:9"}, 1, "127.0.0.1"),
        ({"certficate_path": "x.pem"}, 2, "did you mean certificate_path"),
        ({"client_secret": "abc"}, 2, "looks like a secret"),
    ],
)
def test_a_wrong_connection_is_one_clear_message(
    tenant: Tenant, small: Path, tmp_path: Path, changes: dict[str, str], code: int, expected: str
) -> None:
    if "certificate_path" in changes:
        changes = {"certificate_path": str(tenant.profile.parent / changes["certificate_path"])}
    profile = tenant.changed(tmp_path, **changes)
    found, said, _ = tenant.run("preview", "-p", "source", str(small), connection=profile)
    assert found == code, said
    assert expected in said
    assert "Traceback" not in said
    assert tenant.writes() == []


def test_a_missing_permission_is_named_as_such(tmp_path: Path) -> None:
    home = tmp_path / "home"
    poor = Tenant(ensure(furnished(home), users=20, granted=["User.Read.All"]), tmp_path)
    try:
        path = tmp_path / "one.csv"
        name = poor.knob("state")["users"][0]["userPrincipalName"]
        path.write_text(HEADER + f"{name},+31612345678,,,,\n")
        code, said, _ = poor.run("preview", "-p", "source", str(path))
    finally:
        stop(home)
    assert code == 1
    assert "HTTP 403" in said
    assert "ask the administrator for the permission" in said
