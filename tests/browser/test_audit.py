"""The audit in a real JupyterLab: drilled down by its controls; names that mean harm stay names."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import Watched

HARM = "<img src=x onerror=document.title='owned'>"


def test_an_analyst_drills_down_to_one_person(watched: Watched) -> None:
    page, tenant = watched.page, watched.lab.tenant
    harmful = {"displayName": HARM, "department": HARM}
    tenant.knob("staff", "POST", {"change": {"elin.eligible@contoso.example": harmful}})
    watched.open(watched.lab.notebook("1_audit"))
    watched.run_all()
    watched.done()
    expect(page.locator(".head")).to_contain_text("can use multifactor sign-in")
    watched.reach(".jp-OutputArea .tile")
    watched.reach(".widget-dropdown")
    page.get_by_label("only", exact=True).select_option(HARM)
    heading = page.locator("h4", has_text="people:")
    expect(heading).to_have_text(f"1 people: department {HARM}, wherever they stand")
    page.get_by_label("standing").select_option("nothing")
    expect(heading).to_contain_text("0 people")
    page.get_by_label("standing").select_option("phone only")
    listed = page.locator(".jp-OutputArea", has=heading)
    expect(listed.locator("tbody tr", has_text="elin.eligible@contoso.example")).to_be_visible()
    page.get_by_label("by", exact=True).select_option("country")
    expect(heading).to_contain_text("people: everybody, by country, phone only")
    page.get_by_label("name", exact=True).press_sequentially("elin.elig")  # while it is typed
    expect(heading).to_have_text("1 people: everybody, by country, phone only")
    page.locator("svg [data-row] text", has_text="NL").first.click()
    expect(page.get_by_label("only", exact=True)).to_have_value("NL")
    page.get_by_label("name", exact=True).fill("")
    page.get_by_label("and by", exact=True).select_option("role")
    expect(heading).to_contain_text("people: country NL, by role, phone only")
    page.locator("svg [data-row] text", has_text="Helpdesk Administrator").first.click()
    expect(page.get_by_label("and only", exact=True)).to_have_value("Helpdesk Administrator")
    listed.locator(".tile", has_text="no lasting factor").click()
    expect(heading).to_have_text("0 people: country NL, role Helpdesk Administrator, no lasting factor")
    page.get_by_role("button", name="Export what is shown").click()
    expect(page.locator(".jp-OutputArea").get_by_text("shown-standing.csv")).to_be_visible()
    assert (watched.lab.run() / "shown-standing.csv").exists()
    assert page.locator(".jp-Notebook img[src='x']").count() == 0
    assert page.title() != "owned"
