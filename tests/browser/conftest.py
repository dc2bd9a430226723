"""One JupyterLab and one demo tenant for each worker; a Chromium for each file, and in it a fresh context a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from authops.demo import ensure, stop
from tests.browser.lab import PATIENCE, Lab, Watched, browser, serving
from tests.homes import furnished
from tests.running import Tenant

expect.set_options(timeout=PATIENCE)
MISSING = (
    "the browser tests need Chromium; install it: `make chromium` (Debian, Ubuntu: apt-get install chromium), or name"
    " one in CHROMIUM"
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Without one the tests are skipped, but in CI that is a failure."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return found


@pytest.fixture(scope="module")
def opened(chromium: str) -> Iterator[Browser]:
    """Of one file only: while it is open, Playwright's event loop runs in this thread, and no other could."""
    with sync_playwright() as playwright, browser(playwright, chromium) as running:
        yield running


@pytest.fixture(scope="session")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    runs = tmp_path_factory.mktemp("runs")
    try:
        with serving(tmp_path_factory.mktemp("lab"), Tenant(ensure(furnished(home), users=500), runs)) as running:
            yield running
    finally:
        stop(home)


@pytest.fixture
def watched(opened: Browser, lab: Lab) -> Iterator[Watched]:
    """A page that must not ask anybody else for anything, nor complain."""
    lab.tenant.knob("reset", "POST")
    for folder in lab.runs.iterdir():
        shutil.rmtree(folder)
    context = opened.new_context(viewport={"width": 1500, "height": 1100})
    seen = Watched(context.new_page(), lab)
    yield seen
    context.close()
    assert seen.left == []
    assert seen.errors == []


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: into `AUTHOPS_IMAGES` (`make images`), else nowhere that stays."""
    told = os.environ.get("AUTHOPS_IMAGES")
    return Path(told) if told else tmp_path_factory.mktemp("images")
