"""Passes on the screen of a real JupyterLab: shown to one person at a time, gone when looked away, kept nowhere."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import serious
from tests.browser.lab import Watched
from tests.handover.conftest import holding
from tests.running import Tenant

KIND = "temporaryAccessPass"
# The browser's own timer, which a test can hasten for the 45 seconds that a code stands there.
HASTY = """(() => {
  const real = window.setTimeout;
  window.setTimeout = (what, after, ...more) => real(what, after === 45000 && window.hasty ? 200 : after, ...more);
})()"""
READ = """() => [...document.querySelectorAll('.ao-board .sign b')].map((b) => b.textContent).join('')"""


def planned(tenant: Tenant, folder: Path) -> dict[str, str]:
    """A plan of passes for three people, approved: UPN → object id."""
    users = {u["userPrincipalName"]: u for u in tenant.knob("state")["users"]}
    fit = [
        name for name, u in users.items()
        if u["accountEnabled"] and not (u["admin"] or u["deleted"] or "#EXT#" in name) and u["userType"] == "Member"
    ]  # fmt: skip
    names = fit[:3]
    (folder / "passes.csv").write_text("UPN,Recipient\n" + "".join(f"{name},desk\n" for name in names))
    told = {"source": folder / "passes.csv", "approve": "all", "on_registered": "allow", "on_existing": "replace"}
    code, said, _ = tenant.run("passes", *[w for name, value in told.items() for w in ("-p", name, str(value))])
    assert code == 0, said
    return {name: users[name]["id"] for name in names}


def held(tenant: Tenant) -> dict[str, str]:
    """Object id → the id of the pass that is there."""
    found = tenant.knob("state")["users"]
    return {u["id"]: m["id"] for u in found for m in u["methods"] if m["kind"] == KIND}


def read(page: Page) -> str:
    """Show the code, and read it as a person does: all of it at once."""
    page.locator(".ao-board").get_by_role("button", name="Show the code").click()
    return str(page.wait_for_function(READ).json_value())


def covered(page: Page, said: str) -> None:
    """Nothing of the code is on the page any more, and why."""
    expect(page.locator(".ao-board .sign")).to_have_count(0)
    expect(page.locator(".ao-board")).to_contain_text(said)


@contextmanager
def silenced(folder: Path) -> Iterator[None]:
    """The kernel of a JupyterLab says nothing for a while."""
    every = [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.is_file()]
    kernels = [path.parent for path in every if f"{folder}/runtime/kernel-".encode() in path.read_bytes()]
    kernel = int(max(kernels, key=lambda process: process.stat().st_ctime).name)  # tests before this one left theirs
    os.kill(kernel, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(kernel, signal.SIGCONT)


def look_away(page: Page, folder: Path) -> str:
    """The first code, shown again after each way to look away."""
    code = read(page)
    for leave in ("blur", "pagehide"):
        page.evaluate(f"window.dispatchEvent(new Event('{leave}'))")
        covered(page, "You looked away")
        assert code not in page.content()
        assert read(page) == code
    page.keyboard.press("Escape")
    covered(page, "Covered.")
    page.evaluate("window.hasty = true")
    assert read(page) == code
    covered(page, "its time is over")
    page.evaluate("window.hasty = false")
    assert read(page) == code
    with silenced(folder):
        covered(page, "The kernel does not answer")
        expect(page.locator(".ao-board").get_by_role("button", name="Handed over, next")).to_be_disabled()
    expect(page.locator(".ao-board").get_by_role("button", name="Handed over, next")).to_be_enabled()
    return code


def on_two_pages(watched: Watched, notebook: str) -> str:
    """The third code: a second page of the same notebook takes the look over."""
    page, code = watched.page, read(watched.page)
    other = page.context.new_page()
    other.goto(f"{watched.lab.url}/lab/tree/{notebook}?token={watched.lab.token}")
    expect(other.locator(".ao-board h2")).to_contain_text("Pass 3 of 3")
    assert other.locator(".sign").count() == 0
    assert read(other) == code
    expect(page.locator(".ao-board .sign")).to_have_count(0)
    other.close()
    page.bring_to_front()
    return code


@pytest.mark.slow
def test_one_at_a_time_gone_when_looked_away_and_nothing_of_it_is_kept(
    watched: Watched, tmp_path: Path, images: Path
) -> None:
    lab, tenant, page = watched.lab, watched.lab.tenant, watched.page
    before = held(tenant)
    people = list(planned(tenant, tmp_path).values())
    settings = ["screen_seconds 45"]
    notebook = lab.notebook("3_apply", mode="apply", hand_over="screen", hand_over_settings=settings)
    page.add_init_script(HASTY)
    watched.open(notebook)
    watched.run_all()
    board = page.locator(".ao-board")
    given = board.get_by_role("button", name="Handed over, next")

    # covered until it is asked for, one pass made, and no receipt before it was seen
    expect(board.locator("h2")).to_contain_text("Pass 1 of 3")
    expect(board.get_by_role("button", name="Show the code")).to_be_focused()
    expect(given).to_be_disabled()
    assert board.locator(".sign").count() == 0
    assert len(set(held(tenant)) - set(before)) == 1
    codes = [look_away(page, lab.notebooks.parent)]
    assert read(page) == codes[0]
    words = board.locator(".sign small").all_inner_texts()
    assert len(words) == len(codes[0])
    assert all(re.fullmatch(r"(capital|small) [A-Z]?[a-z-]+(, a letter)?|[a-z ]+(, a digit)?", w) for w in words), words
    assert serious(page, ".ao-board") == []
    board.screenshot(path=str(images / "screen.png"), mask=[board.locator(".code")])
    given.click()

    # the second by the keyboard alone; it cannot be given, and its pass is deleted
    expect(board.locator("h2")).to_contain_text("Pass 2 of 3")
    covered(page, "The code is covered")
    page.keyboard.press("Enter")
    codes.append(str(page.wait_for_function(READ).json_value()))
    for _ in range(4):  # cover it, handed over, and stop, could not
        page.keyboard.press("Tab")
    expect(board.get_by_role("button", name="Could not give it", exact=True)).to_be_focused()
    page.keyboard.press("Enter")

    expect(board.locator("h2")).to_contain_text("Pass 3 of 3")
    codes.append(on_two_pages(watched, notebook))
    assert read(page) == codes[2]
    given.click()
    expect(board).to_have_count(0)
    watched.done()
    expect(page.locator(".head .box").first).to_contain_text("2 applied")
    expect(page.locator(".head .box").first).to_contain_text("1 rejected")

    # whose was handed over gets in by it, whose was not has none
    assert set(held(tenant)) - set(before) == {people[0], people[2]}
    let_in = [
        tenant.knob("pass", "POST", {"user": u, "code": c})["accepted"] for u, c in zip(people, codes, strict=True)
    ]
    assert let_in == [True, False, True]

    # saved as people save it, with a checkpoint; nothing that the run, Jupyter or IPython keep holds a code
    watched.menu("File", "Save Notebook")
    watched.kept(notebook)
    assert "widget-state" not in (lab.notebooks / notebook).read_text("utf-8")
    for code in codes:
        assert list(holding([lab.notebooks.parent, lab.runs, tmp_path], code)) == []
