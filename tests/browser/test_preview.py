"""The review grid in a real JupyterLab: what was approved is exactly what is saved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from authops.plan import plan_file
from tests.browser.axe import serious
from tests.browser.lab import Watched
from tests.running import FULL_NUMBER, ROOT

ALL = re.compile(r" · ([\d,]+) of \1 rows match")
HOSTILE = "<img src=x onerror=document.title='owned'>@contoso.example"


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The sample file, and a row that names harm."""
    path = tmp_path / "wanted.csv"
    path.write_text((ROOT / "parameters" / "onboarding.csv").read_text("utf-8-sig") + f"{HOSTILE},+31612345678,,,,\n")
    return str(path)


def previewed(watched: Watched, source: str) -> Locator:
    watched.open(watched.lab.notebook("2_preview", source=source, allow_last=True))
    watched.run_all()
    return ready(watched)


def ready(watched: Watched) -> Locator:
    watched.done()
    grid = watched.reach(".ao-grid")
    grid.locator(".row[data-at='0']").wait_for()
    grid.locator(".body").scroll_into_view_if_needed()
    return grid


def approval(watched: Watched) -> dict[str, Any]:
    return dict(json.loads((watched.lab.run() / "approval.json").read_text("utf-8")))


def writes(watched: Watched) -> list[str]:
    return list(plan_file.load(watched.lab.run()).writes["change_id"])


def showing(grid: Locator, rows: str) -> None:
    """Wait until so many rows match."""
    expect(grid.locator(".status")).to_contain_text(f" · {rows} of ")


def column(grid: Locator, name: str) -> list[str]:
    return grid.locator(f".row .c.{name}").all_inner_texts()


def test_filter_exclude_three_approve_the_rest_and_save(watched: Watched, source: str, images: Path) -> None:
    grid = previewed(watched, source)
    page, rows = watched.page, grid.locator(".row[data-at]")
    expect(rows.first).to_have_attribute("aria-rowindex", "1")
    assert not FULL_NUMBER.search(grid.inner_text())

    grid.get_by_label("department").select_option("Sales")
    grid.locator(".chip.update").click()
    grid.locator(".chip.remove").click()
    grid.locator(".chip.problem").click()
    expect(grid.locator(".row .c.action").first).to_contain_text("add")
    assert set(column(grid, "department")) == {"Sales"}
    assert all("add" in words for words in column(grid, "action"))
    names = grid.locator(".row .c.user > div").all_text_contents()[:3]

    rows.nth(0).locator(".c.user").click()
    rows.nth(2).locator(".c.user").click(modifiers=["Shift"])
    expect(grid.locator(".row.selected")).to_have_count(3)
    grid.get_by_label("note of an exclusion").fill("left the company")
    grid.get_by_role("button", name="Exclude").nth(1).click()
    expect(grid.locator(".row.is-excluded")).to_have_count(3)
    expect(rows.first).to_contain_text("left the company")

    grid.get_by_role("button", name="Clear filters").click()
    expect(grid.get_by_label("department")).to_have_value("\u0000")
    expect(grid.locator(".status")).to_contain_text(ALL)
    grid.get_by_role("button", name="Approve").first.click()
    expect(grid.locator(".saved")).to_contain_text("not saved yet")
    grid.get_by_label("note of the approval").fill("CHG-4711")
    grid.get_by_role("button", name="Save approval").click()
    expect(grid.locator(".saved")).to_contain_text("✓ saved")

    saved, every = approval(watched), writes(watched)
    (out,) = saved["excluded"]
    assert len(out["change_ids"]) == 3
    assert out["note"] == "left the company"
    assert saved["note"] == "CHG-4711"
    assert saved["change_ids"] == sorted(set(every) - set(out["change_ids"]))
    people = plan_file.load(watched.lab.run()).changes.set_index("change_id")["user_principal_name"]
    assert names == list(people[out["change_ids"]])

    grid.get_by_label("search").fill("onerror")
    showing(grid, "1")
    expect(rows.first).to_contain_text("<img src=x onerror=")
    assert grid.locator("img").count() == 0
    assert page.title() != "owned"
    grid.get_by_label("search").fill("")
    grid.locator(".chip.keep").click()
    expect(grid.locator(".chip.keep")).to_have_attribute("aria-pressed", "true")
    grid.locator(".chip.keep").click()
    for kind in ("add", "update", "remove"):
        grid.locator(f".chip.{kind}").click()
    expect(grid.locator(".row.keep")).to_have_count(0)
    page.add_style_tag(content=".Toastify { display: none }")  # JupyterLab asks about news, and stands in the picture
    grid.screenshot(path=str(images / "preview.png"))
    assert serious(page, ".ao-grid") == []


def turned(grid: Locator, row: int, state: str) -> None:
    expect(grid.locator(f".row[data-at='{row}']")).to_have_class(re.compile(f"is-{state}"))


def test_everything_by_keyboard_in_the_dark(watched: Watched, source: str, images: Path) -> None:
    watched.dark = True
    grid = previewed(watched, source)
    page, body, press = watched.page, grid.locator(".body"), watched.page.keyboard.press
    before = cells(page)
    body.focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown"):
        press(key)
    expect(grid.locator(".row.selected")).to_have_count(3)
    press("n")
    page.keyboard.type("asked to wait")
    press("Enter")
    expect(grid.locator(".row.is-excluded")).to_have_count(3)
    press("Home")
    for key, state in ((" ", "approved"), (" ", "excluded"), ("z", "approved"), ("o", "open"), ("x", "excluded")):
        press(key)
        turned(grid, 0, state)
    press("r")
    expect(grid.locator(".row[data-at='0'] .after")).to_contain_text(FULL_NUMBER)
    press("r")
    expect(grid.locator(".row[data-at='0'] .after")).to_contain_text("***")
    press("End")
    body.scroll_into_view_if_needed()  # JupyterLab may still be measuring the cells above
    expect(grid.locator(".row.cursor")).to_be_in_viewport()
    press("/")
    page.keyboard.type("remove")
    press("Enter")
    showing(grid, "3")
    expect(body).to_be_focused()
    press("/")
    press("Escape")
    showing(grid, "128")
    press("Control+a")
    press("a")
    expect(grid.locator(".saved")).to_contain_text("118 approved")
    press("z")
    expect(grid.locator(".saved")).to_contain_text("taken back: 118 approved")
    expect(grid.locator(".row.is-excluded")).to_have_count(4)
    background = body.evaluate("node => getComputedStyle(node).backgroundColor")
    assert max(map(int, re.findall(r"\d+", background)[:3])) < 80
    page.add_style_tag(content=".Toastify { display: none }")  # JupyterLab asks about news, and stands in the picture
    grid.screenshot(path=str(images / "preview-dark.png"))
    assert serious(page, ".ao-grid") == []
    assert cells(page) == before


def test_what_is_decided_while_a_search_is_being_typed_touches_no_other_row(watched: Watched, source: str) -> None:
    grid = previewed(watched, source)
    body = grid.locator(".body")
    grid.evaluate("""grid => {
      const search = grid.querySelector(".search");
      search.value = "remove";
      search.dispatchEvent(new Event("input", { bubbles: true }));
      grid.querySelector(".yes").click();
    }""")
    expect(grid.locator(".saved")).to_contain_text("nothing was decided")
    showing(grid, "3")
    expect(grid.locator(".status")).to_contain_text("approved: 0 of")
    grid.get_by_role("button", name="Approve").first.click()
    expect(grid.locator(".saved")).to_contain_text("3 approved")
    body.focus()
    watched.page.keyboard.press("End")
    read = grid.locator(".row.cursor")
    expect(body).to_have_attribute("aria-activedescendant", str(read.get_attribute("id")))
    expect(read).to_have_attribute("aria-label", re.compile(r"remove .+ \w+, .*\*\*\*\d{3} → none, approved"))


def test_a_restarted_kernel_loses_no_decision(watched: Watched, source: str) -> None:
    grid = previewed(watched, source)
    grid.locator(".row[data-at='1'] .c.decision").click()
    expect(grid.locator(".row[data-at='1']")).to_have_class(re.compile("is-approved"))
    grid.locator(".row[data-at='2'] .c.decision").click()
    grid.locator(".row[data-at='2'] .c.decision").click()
    expect(grid.locator(".row[data-at='2']")).to_have_class(re.compile("is-excluded"))
    before = watched.lab.run()
    watched.restart_and_run_all()
    grid = ready(watched)
    expect(grid.locator(".saved")).to_contain_text(f"earlier decisions taken up again ({before.name})")
    expect(grid.locator(".row[data-at='1']")).to_have_class(re.compile("is-approved"))
    expect(grid.locator(".row[data-at='2']")).to_have_class(re.compile("is-excluded"))
    grid.get_by_role("button", name="Save approval").click()
    expect(grid.locator(".saved")).to_contain_text("✓ saved: 1 approved, 1 excluded")
    assert watched.lab.run() != before
    assert len(approval(watched)["change_ids"]) == 1


def test_a_reload_loses_nothing_and_nothing_unsaved_is_passed_over_and_a_closed_plan_stays_closed(
    watched: Watched, source: str
) -> None:
    notebook = watched.lab.notebook("2_preview", source=source)
    watched.open(notebook)
    watched.run_all()
    grid = ready(watched)
    grid.locator(".row[data-at='1'] .c.decision").click()
    turned(grid, 1, "approved")
    grid.locator(".row[data-at='2'] .c.decision").click()
    grid.locator(".row[data-at='2'] .c.user").click()
    grid.get_by_label("note of an exclusion").fill("on leave")
    grid.get_by_label("note of an exclusion").press("Enter")
    turned(grid, 2, "excluded")
    grid.get_by_label("note of the approval").fill("CHG-9")
    grid.get_by_role("button", name="Save approval").click()
    expect(grid.locator(".saved")).to_contain_text("✓ saved: 1 approved, 1 excluded")
    watched.menu("File", "Save Notebook")
    watched.kept(notebook)

    watched.page.reload()
    watched.connected()
    grid = watched.reach(".ao-grid")
    turned(grid, 1, "approved")
    expect(grid.locator(".row[data-at='2']")).to_contain_text("on leave")
    expect(grid.get_by_label("note of the approval")).to_have_value("CHG-9")

    run = watched.lab.run()
    told = json.loads((run / "outcome.json").read_text())["runbooks"]["preview"]["headline"]
    assert "approved: 1 by ann@contoso.example, 1 excluded" in told
    grid.locator(".row[data-at='3'] .c.decision").click()
    turned(grid, 3, "approved")
    apply = ("apply", "--run-dir", str(run), "-p", "mode", "apply")
    code, said, _ = watched.lab.tenant.run(*apply)
    assert code == 4
    assert "are not saved" in said
    grid.get_by_role("button", name="Take back").click()
    turned(grid, 3, "open")
    code, said, _ = watched.lab.tenant.run(*apply)
    assert code == 0, said
    grid.locator(".row[data-at='3'] .c.decision").click()
    expect(grid.locator(".saved")).to_contain_text("this plan was applied, and is closed since")
    expect(grid.get_by_role("button", name="Save approval")).to_be_disabled()
    assert len(approval(watched)["change_ids"]) == 1


def kinds(page: Page) -> list[str]:
    """The kinds of the cells in sight, and how many cells there are."""
    found = [re.search(r"jp-(\w+)Cell", cell.get_attribute("class") or "") for cell in page.locator(".jp-Cell").all()]
    return [kind[1] for kind in found if kind] + [cells(page)]


def cells(page: Page) -> str:
    """How many cells the notebook has, as the status bar says; those out of sight are not on the page."""
    return page.locator("#jp-main-statusbar").get_by_text(re.compile(r"Cell \d+/\d+")).inner_text().partition("/")[2]


def test_no_key_in_the_grid_reaches_the_notebook_and_a_grid_without_a_kernel_says_so(
    watched: Watched, source: str
) -> None:
    grid = previewed(watched, source)
    page = watched.page
    before = kinds(page)
    for name in ("search", "department", "note of an exclusion", "note of the approval", "changes"):
        grid.get_by_label(name, exact=True).focus()
        for key in ("Escape", "d", "d", "b", "m", "y", "Control+s"):
            page.keyboard.press(key)
    for button in grid.locator("button:enabled, summary").all():
        button.focus()
        for key in ("d", "d", "x", "m", "a", "b", "r", "y", "c", "v", "z"):
            page.keyboard.press(key)
    assert kinds(page) == before
    grid.get_by_role("button", name="Clear filters").click()
    expect(grid.locator(".status")).to_contain_text(ALL)
    grid.get_by_role("button", name="Approve all that match").click()
    expect(grid.locator(".sealing")).to_contain_text("Saving seals")
    watched.menu("Kernel", "Shut Down Kernel")
    page.locator("#jp-main-statusbar").get_by_text("No Kernel").wait_for()
    grid.get_by_role("button", name="Save approval").click()
    expect(grid.locator(".saved")).to_contain_text("The kernel does not answer")
    assert grid.locator("button:enabled").count() == 0
    assert not (watched.lab.run() / "approval.json").exists()
    watched.errors.clear()  # JupyterLab itself complains of the kernel that is gone
