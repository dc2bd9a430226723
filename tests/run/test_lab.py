"""`authops lab`, as a newcomer starts it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from authops.demo import stop
from authops.run import lab

EMPTY_HANDED = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """(JupyterLab, the address it tells)."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    env = (
        os.environ
        | {"AUTHOPS_DEMO_HOME": str(home), "AUTHOPS_RUNS": str(home / "work" / "runs")}
        | {f"JUPYTER_{n}": str(home / n.lower()) for n in names}
    )
    words = [sys.executable, "-m", "authops", "lab", "--no-browser", "--port", str(port)]
    said: list[str] = []
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line):
                    break
            assert found, "".join(said)
            yield process, found[0]
        finally:
            process.kill()
            stop(home)


@pytest.fixture(scope="module")
def page(started: tuple[subprocess.Popen[str], str]) -> str:
    """Its first page; it tells its address a little before it listens there."""
    while True:
        try:
            with EMPTY_HANDED.open(started[1]) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            assert started[0].poll() is None
            time.sleep(0.05)


def test_it_opens_on_the_tour(started: tuple[subprocess.Popen[str], str], page: str) -> None:
    assert "/lab/tree/notebooks/0_tour.ipynb?token=" in started[1]
    assert _settings(page)["treePath"] == "notebooks/0_tour.ipynb"


def test_it_asks_nothing_about_news(page: str) -> None:
    assert _settings(page)["news"] == {"disabled": True}


@pytest.mark.usefixtures("page")
def test_it_serves_only_this_machine(started: tuple[subprocess.Popen[str], str]) -> None:
    listening = [c for c in psutil.Process(started[0].pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_a_port_and_no_browser_are_handed_on(tmp_path: Path) -> None:
    words = lab.command(tmp_path, port=8899, browser=False)
    assert {"--ServerApp.port=8899", "--no-browser"} <= set(words)
    assert not {"--no-browser"} & set(lab.command(tmp_path))


def _settings(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="jupyter-config-data" type="application/json">(.+?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def project(root: Path) -> Path:
    for name, text in (("notebooks/1_audit.ipynb", "first"), ("parameters/connections/demo.yaml", "cloud: demo")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_people_work_on_copies_and_see_parameters_and_runs(tmp_path: Path) -> None:
    source, runs = project(tmp_path / "project"), tmp_path / "runs"
    home = lab.furnish(tmp_path / "lab", source, runs)
    assert {path.name for path in home.iterdir()} >= {"notebooks", "parameters", "runs"}
    (runs / "20260101T000000Z-audit-1").mkdir()
    assert (home / "runs" / "20260101T000000Z-audit-1").is_dir()
    mine = home / "notebooks" / "1_audit.ipynb"
    mine.write_text("with outputs")
    lab.furnish(home, source, runs)
    assert mine.read_text() == "with outputs"
    assert (source / "notebooks" / "1_audit.ipynb").read_text() == "first"
    (source / "notebooks" / "1_audit.ipynb").write_text("second")
    lab.furnish(home, source, runs)
    assert mine.read_text() == "second"
    assert [path.read_text() for path in mine.parent.glob("1_audit of *.ipynb")] == ["with outputs"]


def test_the_checkout_ignores_where_people_work() -> None:
    assert "/lab/" in (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()


def test_nobody_is_asked_about_news(tmp_path: Path) -> None:
    told = lab.quiet(tmp_path)
    (folder,) = told["JUPYTER_CONFIG_PATH"].split(os.pathsep)[:1]
    settings = json.loads((Path(folder) / "labconfig" / "default_setting_overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
