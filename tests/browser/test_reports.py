"""Every notebook's page as a manager opens it: no network, no error, no full number; summary first; it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from authops.demo import ensure, stop
from tests.browser.axe import serious
from tests.homes import furnished
from tests.running import FULL_NUMBER, ROOT, Tenant

HARM = "<img src=x onerror=document.title='owned'>"
HARMFUL = ("milo.wants@contoso.example", "elin.eligible@contoso.example")  # one to write to, one to look at
PICTURES = {"1_audit": "audit.png", "7_retirement": "retirement.png"}
PAGES = ("0_tour", "1_audit", "2_preview", "3_apply", "4_verify", "5_undo", "6_campaign", "7_retirement")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Path], set[str]]]:
    """Every runbook run once on one tenant: the page of each, and the digits of every number anybody there has.

    The retirement on one of 2026, where people have passkeys.
    """
    homes, runs = [tmp_path_factory.mktemp("home") for _ in range(2)], tmp_path_factory.mktemp("runs")
    years = ("2025", "2026")
    pages: dict[str, Path] = {}
    numbers: set[str] = set()
    try:
        tenant, later = (_peopled(h, runs, year) for h, year in zip(homes, years, strict=True))
        file = str(ROOT / "parameters" / "onboarding.yaml")
        for where, words in (
            (tenant, ["audit", "preview", "apply", "verify", "-f", file, "-p", "scope", "everybody"]),
            (tenant, ["undo", "-p", "approve", "none", "-p", "max_removals", "500"]),
            (tenant, ["campaign", "-p", "state", "enabled"]),
            (tenant, ["tour"]),
            (later, ["retirement"]),
            (later, ["retirement"]),  # once more, with what moved: see below
            (tenant, ["audit", "-p", "scope", "everybody"]),  # once more, with what moved
        ):
            numbers |= digits(where)
            _leave(where) if words == ["retirement"] and "7_retirement" in pages else None
            code, said, folder = where.run(*words)
            assert code == 0, said
            assert folder
            pages |= {page.stem: page for page in folder.glob("*.html")}
            numbers |= digits(where)
        yield pages, numbers
    finally:
        for home in homes:
            stop(home)


def _leave(tenant: Tenant) -> None:
    """Some who hold a phone and nothing else leave."""
    users = tenant.knob("state")["users"]
    going = [u["userPrincipalName"] for u in users if {m["kind"] for m in u["methods"]} == {"password", "phone"}][1:12]
    tenant.knob("staff", "POST", {"change": {key: {"accountEnabled": False} for key in going}})


def _peopled(home: Path, runs: Path, year: str) -> Tenant:
    """A tenant with people of that year, some of whom have names that would do harm; in the picture none has."""
    tenant = Tenant(ensure(furnished(home), users=400, population=year), runs)
    tenant.env = {"AUTHOPS_DEMO_HOME": str(home)}
    harmful = {"displayName": HARM, "department": HARM}
    tenant.knob("staff", "POST", {"change": dict.fromkeys(HARMFUL[: 2 if year == "2025" else 1], harmful)})
    return tenant


def digits(tenant: Tenant) -> set[str]:
    """National digits of every method's and every profile's number, as they would stand in a page without blanks."""
    told = str(tenant.knob("state"))
    csv = (ROOT / "parameters" / "onboarding.csv").read_text("utf-8")
    found = re.findall(r"\+\d{1,3} ?[\d ().-]{6,}\d", told + csv)
    return {re.sub(r"\D", "", number)[-8:] for number in found}


@pytest.fixture
def browser(opened: Browser) -> Browser:
    return opened


def page_of(browser: Browser, path: Path, **options: Any) -> tuple[Any, list[str], list[str]]:
    """The page, what it asked for besides itself, and what it complained of."""
    page = browser.new_context(offline=True, **options).new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    return page, [url for url in asked if url != path.as_uri()], said


def test_there_is_a_page_for_every_notebook(written: tuple[dict[str, Path], set[str]]) -> None:
    assert set(written[0]) == {*PAGES, "index"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_complains_of_nothing_and_gives_no_number_away(
    browser: Browser, written: tuple[dict[str, Path], set[str]], name: str
) -> None:
    pages, numbers = written
    page, asked, said = page_of(browser, pages[name])
    assert (asked, said) == ([], [])
    assert page.locator("img").count() == 0
    assert HARM in page.locator("body").text_content() or name in ("3_apply", "4_verify", "6_campaign")
    assert page.title() != "owned"
    shown = page.content() + page.locator("body").inner_text()
    assert not FULL_NUMBER.search(shown)
    assert len(numbers) > 300
    bare = re.sub(r"[\s().\-]", "", shown)
    assert [number for number in numbers if number in bare] == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_manager_sees_the_end_first_and_never_the_code(
    browser: Browser, written: tuple[dict[str, Path], set[str]], name: str
) -> None:
    page, _, _ = page_of(browser, written[0][name], viewport={"width": 1280, "height": 900})
    box = page.locator(".celltag_outcome .box").first.bounding_box()
    assert box
    assert box["y"] + box["height"] < 900
    first = page.locator("main table").first.bounding_box()
    assert first
    assert box["y"] < first["y"]
    assert page.locator("a[href*='.ipynb']").count() == 0
    text = page.locator("body").inner_text()
    assert "ao." not in text.replace("ao.campaign", "")
    assert "import authops" not in text
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.context.close()


@pytest.mark.parametrize("name", ("1_audit", "6_campaign", "7_retirement"))
def test_charts_are_drawn_and_say_their_figures_in_both_themes(
    browser: Browser, written: tuple[dict[str, Path], set[str]], name: str, images: Path
) -> None:
    for theme in ("light", "dark"):
        page, _, said = page_of(browser, written[0][name], color_scheme=theme)
        parts = page.locator("svg[role=img] rect")
        assert parts.count() > 5
        assert max(parts.evaluate_all("all => all.map(part => part.getBoundingClientRect().width)")) > 20
        colours = parts.evaluate_all("all => [...new Set(all.map(part => getComputedStyle(part).fill))]")
        assert len(colours) > 3
        assert re.search(r"\d+ of \d+", page.locator("svg[role=img] g > title").first.text_content())
        assert said == []
        if name in PICTURES and theme == "light":
            below = page.locator("h2", has_text="About this page").bounding_box()
            page.screenshot(
                path=str(images / PICTURES[name]),
                full_page=True,
                clip={"x": 60, "y": 0, "width": 1160, "height": below["y"]},
            )
        page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_prints_on_paper_with_nothing_cut_off(
    browser: Browser, written: tuple[dict[str, Path], set[str]], name: str
) -> None:
    page, _, _ = page_of(browser, written[0][name], viewport={"width": 690, "height": 980}, color_scheme="dark")
    page.emulate_media(media="print")
    wide = page.evaluate(
        """[...document.querySelectorAll('main svg, main .tile, main .box, main h2, main table')]
           .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert wide == []
    ink = page.locator("h1").evaluate("e => getComputedStyle(e).color")
    assert ink == "rgb(0, 0, 0)"
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()


@pytest.mark.parametrize("theme", ("light", "dark"))
def test_axe_finds_nothing_serious_on_any_page(
    browser: Browser, written: tuple[dict[str, Path], set[str]], theme: str
) -> None:
    found = {}
    for name, path in written[0].items():
        page, _, _ = page_of(browser, path, color_scheme=theme)
        found[name] = serious(page)
        page.context.close()
    assert found == {name: [] for name in written[0]}


def test_every_page_leads_to_the_others_of_its_run_and_says_tenant_and_day(
    browser: Browser, written: tuple[dict[str, Path], set[str]]
) -> None:
    page, _, _ = page_of(browser, written[0]["3_apply"], viewport={"width": 1024, "height": 768})
    for words in ("Contoso", "UTC", re.compile(r"\d+ changes, by")):
        assert page.locator("main").get_by_text(words).first.bounding_box()["y"] < 700
    page.locator("nav.pages a", has_text="this run").click()
    page.get_by_role("link", name="audit", exact=True).click()
    assert page.locator("h1").inner_text().startswith("Audit")
    page.locator("details.contents").click()
    page.locator("details.contents a").last.click()
    assert "#" in page.url
    page.context.close()


def test_pages_stay_small(written: tuple[dict[str, Path], set[str]]) -> None:
    """Lists on a page end after some rows, so that a page of many people is hardly larger than one of few."""
    sizes = {name: page.stat().st_size for name, page in written[0].items()}
    assert max(sizes.values()) < 1_000_000, sizes
