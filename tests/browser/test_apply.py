"""Apply in a real JupyterLab: progress, a tab that is closed and comes back, a clean stop, a kernel that dies."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.lab import ERROR, Watched
from tests.running import FULL_NUMBER, ROOT, Tenant

MOVING = re.compile(r"\d+ of \d+ changes · [\d.,]+/s · .+ left · .*\d+ applied")


def settled(run: Path) -> int:
    with sqlite3.connect(f"file:{run / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        return int(journal.execute("select count(*) from outcomes").fetchone()[0])


def approved(tenant: Tenant) -> Path:
    """A run with an approved plan of 118 changes."""
    words = ("-f", str(ROOT / "parameters" / "onboarding.yaml"), "-p", "approve", "all", "-p", "allow_last", "true")
    code, said, run = tenant.run("preview", *words)
    assert code == 0, said
    assert run
    tenant.knob("log", "DELETE")
    return run


def found_by_another_kernel(watched: Watched, run: Path) -> None:
    """Another notebook finds the apply that goes on in the first, and stops it."""
    tenant = watched.lab.tenant
    tenant.knob("weather", "PUT", {"latency": 12.0})
    other = Watched(watched.page.context.new_page(), watched.lab)
    other.open(watched.lab.notebook("3_apply"))
    other.run_all()
    head = other.page.locator(".head")
    head.locator(".note", has_text=re.compile(r"\d+ of 118 changes")).wait_for()
    expect(head).to_contain_text("ann@contoso.example (process ")
    expect(head).to_contain_text(f"run {run}")
    other.page.locator(".ao-stop").click()
    expect(head).to_contain_text("stopping: what is in flight is settled first, there")
    tenant.knob("weather", "PUT", {"latency": 0.9})
    for one in (other, watched):
        one.done()
        expect(one.page.locator(".head")).to_contain_text("stopped (asked to stop)")
        expect(one.page.locator(".head")).not_to_contain_text("stopping")
        assert one.page.locator(".ao-stop:visible").count() == 0
    expect(head).to_contain_text("118 changes, by ")
    assert (other.left, other.errors) == ([], [])
    other.page.close()


def test_progress_a_closed_tab_stop_a_dead_kernel_and_going_on(watched: Watched, images: Path) -> None:
    tenant = watched.lab.tenant
    run = approved(tenant)
    tenant.knob("weather", "PUT", {"latency": 4.0})
    notebook = watched.lab.notebook("3_apply", mode="apply")
    watched.open(notebook)
    watched.run_all()
    moving = watched.page.locator(".head .note", has_text=MOVING)
    moving.wait_for()  # it came into view, however far down Run All went
    watched.page.locator(".jp-Cell", has=moving).screenshot(path=str(images / "apply.png"))
    watched.kept(notebook)

    # the tab is closed in the middle; another finds the apply, and stops it
    watched.page.close()
    watched.page = page = watched.page.context.new_page()
    watched.__post_init__()
    page.goto(f"{watched.lab.url}/lab/tree/{notebook}?token={watched.lab.token}&reset")
    head, anew = page.locator(".head"), page.locator(".head:not([data-old]) .note", has_text=MOVING)
    anew.wait_for()
    page.locator(".ao-stop").click()
    tenant.knob("weather", "PUT", {"latency": 0.9})
    expect(head).to_contain_text(re.compile(r"stopping: what is in flight is settled first|stopped \(asked to stop\)"))
    watched.done()
    expect(head).to_contain_text("stopped (asked to stop)")
    expect(head).not_to_contain_text("stopping")
    expect(head).to_contain_text("Contoso")
    expect(head).to_contain_text("118 changes, by ")
    assert page.locator(".ao-stop:visible").count() == 0
    first = settled(run)
    assert 0 < first < 118
    assert len(tenant.writes()) == first

    tenant.knob("weather", "PUT", {"latency": 2.0})
    watched.restart_and_run_all()
    anew.wait_for()
    watched.reach(f"text=/{first:,} changes settled/")
    watched.restart_and_run_all()
    anew.wait_for()

    found_by_another_kernel(watched, run)
    assert first < settled(run) < 118
    assert len(tenant.writes()) == settled(run)

    tenant.knob("weather", "PUT", {"latency": 0.0})
    watched.restart_and_run_all()
    watched.done()
    expect(head).to_contain_text(re.compile(r"1\d\d applied"))
    assert settled(run) == 118
    assert len(tenant.writes()) == 118
    assert not FULL_NUMBER.search(page.locator(".jp-Notebook").inner_text())

    # run once more after the end: it says so, and lets go
    watched.restart_and_run_all()
    watched.done()
    expect(head.locator(".box").first).to_contain_text("was already applied")
    assert len(tenant.writes()) == 118
    assert {"3_apply.html", "3_apply.ipynb", "index.html"} <= {path.name for path in run.iterdir()}


def test_what_goes_wrong_is_said_in_two_boxes_at_the_head_and_never_as_a_traceback(watched: Watched) -> None:
    watched.open(watched.lab.notebook("3_apply"))
    watched.run_all()
    watched.done()
    boxes = watched.page.locator(".head .box")
    expect(boxes.first).to_be_in_viewport()
    expect(boxes.first).to_contain_text("holds plan.json")
    expect(boxes.nth(1)).to_contain_text("run the notebook before this one first")
    expect(watched.page.locator(".jp-Notebook")).not_to_contain_text("Traceback")
    assert watched.page.locator(ERROR).count() == 0

    # a slip in the cell of parameters, which runs before anything of a run is there
    slip = watched.lab.notebooks / watched.lab.notebook("3_apply")
    slip.write_text(slip.read_text("utf-8").replace('mode: str = \\"dry-run\\"', "mode: str = dry run"))
    watched.open(slip.name)
    watched.run_all()
    watched.done()
    expect(boxes.first).to_be_in_viewport()
    expect(boxes.first).to_contain_text("It broke: SyntaxError: line 2 of the cell cannot be read")
    expect(boxes.nth(1)).to_contain_text("text stands between quotes")
    assert watched.page.locator(ERROR).count() == 0
