"""The review grid: time to the first usable row, and to filter, sort, search and decide, in the kernel and in Chromium.

.venv/bin/python -m bench.grid                 # 20,000 and 200,000 rows; needs Chromium (make chromium)
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
from playwright.sync_api import Page, expect, sync_playwright

from authops.plan import guards
from authops.plan.plan import Plan
from authops.words.frames import CHANGES, PROBLEMS, USERS, empty, type_of
from tests.browser.lab import PATIENCE, Watched, browser, serving
from tests.running import ROOT, Tenant

SIZES = (20_000, 200_000)


def plan_of(count: int) -> tuple[Plan, pd.DataFrame]:
    """A plan of so many changes, and its people (USERS) in twelve departments."""
    at = np.arange(count)
    action = np.array(["add", "update", "remove", "keep", "blocked"])[at % 5]
    numbers = pd.Series(at).map("+31 6{:08d}".format)
    frame = {"change_id": pd.Series(at).map("c{:07d}".format), "line": at + 2, "step": (at % 5 < 3).astype(int)}
    frame |= {"user_id": pd.Series(at).map("u{}".format), "display_name": pd.Series(at).map("Person {}".format)}
    frame["user_principal_name"] = pd.Series(at).map(lambda n: f"person{n}@contoso{n % 7}.example")
    frame |= {"method": np.array(["mobile", "office"])[at % 2], "action": action, "reason": "overwrite_allowed"}
    frame |= {
        "before": numbers.where(at % 5 != 0, ""),
        "after": numbers.where(at % 5 != 2, ""),
        "note": "",
        "ticket": "",
    }
    changes = pd.DataFrame(frame)[list(CHANGES)].astype({k: type_of[kind] for k, (kind, _) in CHANGES.items()})
    people = pd.DataFrame(dict.fromkeys(USERS, ""), index=changes.index).assign(
        user_id=changes["user_id"], department=pd.Series(at % 12).map("Department {}".format)
    )
    return Plan(changes, empty(PROBLEMS), {"tenant_id": "t", "digest": "bench"}), people


def timed(what: str, deed: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    result = deed()
    print(f"  {what:<44}{(time.perf_counter() - begun) * 1000:>9,.0f} ms", flush=True)
    return result


def kernel(count: int) -> None:
    """What the kernel does, without a browser: a message in, an answer out."""
    from authops.show.review import review_plan

    plan, people = plan_of(count)
    print(f"kernel, {count:,} changes")
    with tempfile.TemporaryDirectory() as folder:
        clock = lambda: datetime(2026, 1, 1, tzinfo=UTC)  # noqa: E731
        options = {"by": "bench", "now": clock}
        broken = guards.breaches(plan)
        grid = timed("the cell", lambda: review_plan(plan, Path(folder), broken, people, **options))
        view = 1

        def asks(do: str, **more: Any) -> None:
            nonlocal view
            view = grid._answer({"do": do, "from": 0, "count": 60, "view": view} | more)["view"]

        timed("a window of 60 rows", lambda: asks("look", **{"from": count // 2}))
        timed(
            "filter by action and department",
            lambda: asks("filter", filters={"action": ["add"], "department": ["Department 3"]}),
        )
        timed("first search", lambda: asks("filter", words="person12"))
        timed("search", lambda: asks("filter", words="+316000012"))
        timed("no filter", lambda: asks("filter"))
        timed("sort by user", lambda: asks("sort", column="user"))
        timed("approve all that match, written down", lambda: asks("decide", act="approve", ranges=None))
        timed("exclude one", lambda: asks("decide", act="exclude", ranges=[[7, 8]]))
        timed("take back", lambda: asks("undo"))


def in_browser(watched: Watched, count: int) -> None:
    """The same in JupyterLab: from Shift-Enter in the cell to the first row on the screen, and from a click on."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    book.cells = [
        nbformat.v4.new_code_cell(
            f"import sys, tempfile; sys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\nimport authops as ao\n"
            f"from bench.grid import plan_of\nplan, people = plan_of({count})\nfolder = Path(tempfile.mkdtemp())\n"
            "breaches, review = ao.plan.breaches(plan), ao.show.review"
        ),
        nbformat.v4.new_code_cell("review.review_plan(plan, folder, breaches, people, by='bench')"),
    ]
    name = f"grid{count}.ipynb"
    nbformat.write(book, watched.lab.notebooks / name)
    watched.open(name)
    page = watched.page
    grid, cell = page.locator(".ao-grid"), page.locator(".jp-CodeCell")
    cell.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(cell.nth(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    cell.nth(1).locator(".cm-content").click()
    print(f"Chromium, {count:,} changes")

    def matching(words: str) -> None:
        expect(grid.locator(".status")).to_contain_text(words)

    def first_row() -> None:
        page.keyboard.press("Shift+Enter")
        grid.locator(".row[data-at='0']").wait_for()

    def filtered() -> None:
        grid.get_by_label("department").select_option("Department 3")
        matching(f"{sum(n % 12 == 3 and n % 5 < 3 for n in range(count)):,} of")

    def searched() -> None:
        grid.get_by_label("search").fill("person12345")
        expect(grid.locator(".row[data-at='0']")).to_contain_text("person12345")

    def approved() -> None:
        grid.get_by_role("button", name="Approve").first.click()
        expect(grid.locator(".saved")).to_contain_text("approved")

    def scrolled() -> None:
        grid.locator(".body").evaluate("body => { body.scrollTop = body.scrollHeight / 2; }")
        expect(grid.locator(".row.wait")).to_have_count(0)

    timed("the cell, to its first row", first_row)
    timed("filter by department", filtered)
    grid.get_by_label("department").select_option("\u0000")
    timed("search (150 ms of it waiting for more letters)", searched)
    grid.get_by_role("button", name="Clear filters").click()
    matching(f"{count:,} of")
    timed("to the middle", scrolled)
    timed("approve all", approved)
    print(f"  rows in the page: {grid.locator('.row').count()}, frame at scrolling: {frames(page):.0f} ms at worst")


def frames(page: Page) -> float:
    """The longest time between two frames while a second of wheel scrolling goes on."""
    return float(
        page.locator(".ao-grid .body").evaluate(
            """body => new Promise((done) => { let worst = 0, last = performance.now(), first = last;
               const step = (now) => { worst = Math.max(worst, now - last); last = now; body.scrollTop += 120;
                 now - first < 1000 ? requestAnimationFrame(step) : done(worst); };
               requestAnimationFrame(step); })"""
        )
    )


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    for size in sizes:
        kernel(size)
    chromium = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if chromium is None:
        sys.exit("no Chromium, so nothing was measured in a browser; install it: make chromium")
    expect.set_options(timeout=PATIENCE)
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        browser(playwright, chromium) as opened,
    ):
        runs = Path(folder) / "runs"
        runs.mkdir()
        with serving(Path(folder) / "lab", Tenant(Path(), runs)) as lab:
            for size in sizes:
                context = opened.new_context(viewport={"width": 1500, "height": 1100})
                in_browser(Watched(context.new_page(), lab), size)
                context.close()
