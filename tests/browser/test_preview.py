"""The review grid in a real JupyterLab: what was approved is exactly what is saved."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.lab import Watched


def previewed(watched: Watched, **parameters: object) -> None:
    watched.open(watched.lab.notebook("2_preview", **parameters))
    watched.run_all()
    watched.page.locator(".ao-grid .row[data-at='0']").wait_for()
    watched.done()


def test_filter_exclude_three_approve_the_rest_and_save(watched: Watched, images: Path) -> None:
    previewed(watched)
    watched.page.locator(".ao-grid").screenshot(path=str(images / "x.png"))
    watched.page.screenshot(path=str(images / "y.png"))
