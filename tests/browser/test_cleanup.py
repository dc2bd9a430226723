"""What nobody can give back, in a real JupyterLab: approved by its number, typed; a wrong number saves nothing."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from authops.plan import plan_file
from tests.browser.axe import serious
from tests.browser.lab import Watched
from tests.browser.test_preview import approval, ready


def test_what_cannot_be_taken_back_is_saved_only_with_its_number_typed(watched: Watched) -> None:
    rules = {"phones_with": 1, "leavers_after": 60, "max_removals": 1000}
    watched.open(watched.lab.notebook("9_cleanup", **rules))
    watched.run_all()
    grid = ready(watched)
    plan = plan_file.load(watched.lab.run())
    every = len(plan.irreversible)
    assert every > 5
    number, save, said = grid.get_by_label("how many cannot be taken back"), "Save approval", grid.locator(".saved")

    expect(number).to_be_hidden()
    expect(grid.locator(".status")).to_contain_text(f" · {len(plan.writes)} of ")
    grid.get_by_role("button", name="Approve all that match").click()
    expect(number).to_be_visible()
    expect(grid.locator(".sealing")).to_contain_text(f"{every} of them cannot be taken back: type that number.")
    assert serious(watched.page, ".ao-grid") == []
    for wrong, told in (("", "their number was not typed"), (str(every + 1), f"{every + 1} was typed")):
        number.fill(wrong)
        grid.get_by_role("button", name=save).click()
        expect(said).to_contain_text(f"not saved: {every} of these cannot be taken back, and {told}")
        expect(number).to_have_value("")
        assert not (watched.lab.run() / "approval.json").exists()

    grid.get_by_label("undo").select_option("never")
    expect(grid.locator(".status")).to_contain_text(f" · {every} of ")
    assert set(grid.locator(".row .c.undo").all_inner_texts()) == {"never"}
    grid.locator(".row[data-at='0'] .c.user").click()
    grid.get_by_role("button", name="Exclude").nth(1).click()
    expect(grid.locator(".row[data-at='0']")).to_have_class(re.compile("is-excluded"))
    number.fill(str(every))
    grid.get_by_role("button", name=save).click()
    expect(said).to_contain_text(f"not saved: {every - 1} of these cannot be taken back, and {every} was typed")
    number.press_sequentially(str(every - 1))
    grid.get_by_role("button", name=save).click()
    expect(said).to_contain_text(
        f"✓ saved: {len(plan.writes) - 1} approved, 1 excluded, {every - 1} cannot be taken back"
    )
    assert approval(watched)["irreversible"] == every - 1
    assert len(approval(watched)["change_ids"]) == len(plan.writes) - 1
    watched.theme("JupyterLab Dark")
    assert serious(watched.page, ".ao-grid") == []
    told = json.loads((watched.lab.run() / "outcome.json").read_text("utf-8"))["runbooks"]["cleanup"]["headline"]
    assert f"approved: {len(plan.writes) - 1} by ann@contoso.example, 1 excluded" in told
