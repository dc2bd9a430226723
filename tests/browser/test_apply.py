"""Apply in a real JupyterLab: progress, a clean stop, a kernel that dies, and going on."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.lab import ERROR, Watched
from tests.running import FULL_NUMBER, ROOT

MOVING = re.compile(r"\d+ of \d+ changes · [\d.,]+/s · .+ left · .*\d+ applied")


def settled(run: Path) -> int:
    with sqlite3.connect(f"file:{run / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        return int(journal.execute("select count(*) from outcomes").fetchone()[0])


def picture(watched: Watched, first: Locator, last: Locator, path: Path) -> None:
    """The cells from the one that shows `first` to the one that shows `last`."""
    boxes = [watched.page.locator(".jp-Cell", has=node).bounding_box() for node in (first, last)]
    top, bottom = boxes
    assert top
    assert bottom
    height = bottom["y"] + bottom["height"] - top["y"]
    watched.page.screenshot(path=str(path), clip=top | {"height": height})


def test_progress_stop_a_dead_kernel_and_going_on(watched: Watched, images: Path) -> None:
    tenant, page = watched.lab.tenant, watched.page
    code, said, run = tenant.run("preview", "-f", str(ROOT / "parameters" / "onboarding.yaml"), "-p", "approve", "all")
    assert code == 0, said
    assert run
    tenant.knob("log", "DELETE")
    tenant.knob("weather", "PUT", {"latency": 0.6})
    watched.open(watched.lab.notebook("3_apply", mode="apply"))
    watched.run_all()

    moving = page.locator(".ao .note", has_text=MOVING)
    moving.first.wait_for()
    stop = page.locator(".jupyter-button", has_text="Stop")
    stop.scroll_into_view_if_needed()
    picture(watched, stop, moving.first, images / "apply.png")
    stop.click()
    expect(page.get_by_text("stopping: what is in flight is settled first")).to_be_visible()
    watched.done()
    expect(page.get_by_text("stopped (asked to stop)").first).to_be_visible()
    first = settled(run)
    assert 0 < first < 118
    assert len(tenant.writes()) == first

    watched.restart_and_run_all()
    expect(page.locator(".jp-Notebook")).to_contain_text(f"{first:,} changes settled")
    moving.first.wait_for()
    watched.restart_and_run_all()
    tenant.knob("weather", "PUT", {"latency": 0.0})
    expect(page.locator(".jp-Notebook")).to_contain_text("goes on with")
    watched.done()
    expect(page.get_by_text(re.compile(r"^1\d\d applied")).first).to_be_visible()
    assert settled(run) == 118
    assert len(tenant.writes()) == 118
    assert not FULL_NUMBER.search(page.locator(".jp-Notebook").inner_text())


def test_what_goes_wrong_is_said_in_two_boxes_and_never_as_a_traceback(watched: Watched) -> None:
    watched.open(watched.lab.notebook("3_apply"))
    watched.run_all()
    boxes = watched.page.locator(".jp-OutputArea .ao .box")
    expect(boxes.first).to_contain_text("holds plan.json")
    expect(boxes.nth(1)).to_contain_text("run the notebook before this one first")
    expect(watched.page.locator(".jp-Notebook")).not_to_contain_text("Traceback")
    assert watched.page.locator(ERROR).count() == 0
