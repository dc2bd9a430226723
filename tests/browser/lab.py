"""A throw-away JupyterLab on the committed notebooks and a demo tenant, and a Chromium that can reach nothing else."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page, Playwright

from tests.running import ROOT, Tenant

SECONDS = 1000
PATIENCE = 60 * SECONDS
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAITING = "How it ended stands here once all cells have run."
ENDED = r"""([error, waiting]) => document.querySelector(error) || (
  [...document.querySelectorAll('.head:not([data-old]) .box')].some((box) => !box.textContent.includes(waiting)) &&
  ![...document.querySelectorAll('.ao-stop')].some((stop) => !stop.hidden))"""
# What a tab that comes back will find in the file.
KEPT = """async ([name, token]) => {
  const told = await fetch(`/api/contents/${name}?token=${token}`);
  return (await told.text()).includes("widget-view");
}"""
# One step down the notebook's list of cells, of which only those near the sight are on the page.
STEP = r"""async (outer, far) => {
  outer.scrollTo({ top: far });
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))));
  return outer.scrollHeight;
}"""


@dataclass
class Lab:
    """JupyterLab on a folder with copies of the notebooks; `runs` is where their run folders go."""

    url: str
    token: str
    notebooks: Path
    tenant: Tenant

    @property
    def runs(self) -> Path:
        return self.tenant.runs

    def notebook(self, name: str, **parameters: Any) -> str:
        """A fresh copy of a notebook with other defaults for some parameters, as an operator types them in."""
        book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        cell = next(c for c in book.cells if "parameters" in c.metadata.get("tags", []))
        for key, value in ({"connection": str(self.tenant.profile)} | parameters).items():
            cell.source, found = re.subn(
                rf"(?m)^({key}: .+?) = [^#]*(?=  #)", lambda m, v=value: f"{m[1]} = {v!r}", cell.source
            )
            assert found == 1, key
        copy = f"{name}-{secrets.token_hex(3)}.ipynb"
        nbformat.write(book, self.notebooks / copy)
        return copy

    def run(self) -> Path:
        """The latest run folder."""
        return max(p for p in self.runs.iterdir() if p.name[:8].isdigit())


@contextmanager
def serving(folder: Path, tenant: Tenant) -> Iterator[Lab]:
    """A JupyterLab for the time of a `with`, as it is without any setting of ours, on 127.0.0.1 only."""
    notebooks, config = folder / "notebooks", folder / "config" / "labconfig"
    for path in (notebooks, config):
        path.mkdir(parents=True)
    shutil.copytree(ROOT / "parameters", folder / "parameters")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    env = dict(
        os.environ,
        AUTHOPS_RUNS=str(tenant.runs),
        AUTHOPS_STATE=str(tenant.runs / "state"),
        AUTHOPS_AUTHOR="ann@contoso.example",
        JUPYTER_CONFIG_DIR=str(folder / "config"),
        JUPYTER_DATA_DIR=str(folder / "data"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
        JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
        IPYTHONDIR=str(folder / "ipython"),
    )
    words = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    words += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={notebooks}"]
    words += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    words += ["--LabApp.extension_manager=readonly"]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(words, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _until_served(f"{url}/api/status?token={token}", server, folder / "lab.log")
        yield Lab(url, token, notebooks, tenant)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _until_served(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 90
    while True:
        try:
            with opener.open(url, timeout=2):
                return
        except OSError:
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)


@contextmanager
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """A Chromium that finds no host but this one."""
    cut = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    opened = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *cut], headless=True)
    try:
        yield opened
    finally:
        opened.close()


@dataclass
class Watched:
    """A page, with every request that tried to leave this machine and every error of its console."""

    page: Page
    lab: Lab
    dark: bool = False
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda r: self.left.append(r.url) if not _stays(r.url) else None)
        self.page.on("pageerror", lambda e: self._wrong(str(e)))
        self.page.on("console", lambda m: self._wrong(m.text) if m.type == "error" else None)

    def _wrong(self, said: str) -> None:
        """JupyterLab drops what it asked of a kernel when it asks anew, and says so: that is no fault of ours."""
        if not said.startswith("Canceled future for "):
            self.errors.append(said)

    def open(self, notebook: str) -> None:
        """Open a notebook and wait until its kernel is there."""
        self.page.goto(f"{self.lab.url}/lab/tree/{notebook}?token={self.lab.token}&reset")
        self.connected()
        self.theme("JupyterLab Dark" if self.dark else "JupyterLab Light")

    def connected(self) -> None:
        """Wait until the status bar shows an idle kernel."""
        self.page.locator(".jp-Toolbar-kernelName", has_text="Python 3").first.wait_for()
        self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle")).wait_for()

    def menu(self, menu: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")

    def restart_and_run_all(self) -> None:
        """A fresh kernel, then everything; how it ended before counts no more."""
        self.page.evaluate("document.querySelectorAll('.head').forEach((head) => { head.dataset.old = 'yes'; })")
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        self.page.locator(".jp-Dialog").locator(".jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def theme(self, name: str) -> None:
        """Choose a theme as people do; JupyterLab remembers the last one."""
        if self.page.locator(f"body[data-jp-theme-name='{name}']").count():
            return
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")

    def kept(self, notebook: str) -> None:
        """Wait until the notebook's file holds what its cells showed."""
        self.page.wait_for_function(KEPT, arg=[notebook, self.lab.token])

    def reach(self, what: str) -> Locator:
        """Scroll through the notebook until something stands on the page, as a person does."""
        found, outer = self.page.locator(what), self.page.locator(".jp-WindowedPanel-outer:visible").first
        far, high = 0, 1
        while not found.count():
            assert far <= high, f"{what} is nowhere in the notebook"
            high = outer.evaluate(STEP, far)
            far += 500
        found.first.scroll_into_view_if_needed()
        return found

    def done(self) -> None:
        """Wait until every cell has run; an error in one of them is shown."""
        self.page.wait_for_function(ENDED, arg=[ERROR, WAITING])
        assert self.page.locator(ERROR).all_inner_texts() == []


def _stays(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:"))
