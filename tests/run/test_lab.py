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
    env = os.environ | {"AUTHOPS_DEMO_HOME": str(home)} | {f"JUPYTER_{n}": str(home / n.lower()) for n in names}
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
    assert "/lab/tree/0_tour.ipynb?token=" in started[1]
    assert _settings(page)["treePath"] == "0_tour.ipynb"


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
