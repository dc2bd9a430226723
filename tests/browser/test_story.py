"""The story of the retirement as one command: who would be stopped is not any more, and nobody lost their way in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser

from authops.apply import resume
from authops.plan import plan_file
from authops.plan.plan import irreversible
from authops.run.folder import of_tour
from tests import warm
from tests.browser.axe import serious
from tests.running import FULL_NUMBER, Tenant

STEPS = ("retirement", "passes-apply-verify", "cleanup", "retirement")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Path]]]:
    """The story's folder, and those of the runs in it, in their order."""
    runs, scratch = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("scratch")
    story = Tenant(Path(), runs, {"TMPDIR": str(scratch)}).command("story")
    done = warm.run(story, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(scratch.glob("authops-story-*")) == [], "its demo tenant is gone"
    (folder,) = runs.glob("*-story-*")
    yield folder, sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.name[:16])


def entries(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "outcome.json").read_text("utf-8"))["runbooks"])


def looks(steps: list[Path]) -> list[pd.DataFrame]:
    return [pd.read_parquet(step / "retirement.parquet").set_index("user_principal_name") for step in steps[::3]]


def test_it_is_the_real_runbooks_one_after_another_and_each_ended_well(told: tuple[Path, list[Path]]) -> None:
    folder, steps = told
    assert [re.sub(r"^[^-]+-(.+)-[0-9a-f]+$", r"\1", step.name) for step in steps] == list(STEPS)
    assert {entry["status"] for step in (folder, *steps) for entry in entries(step).values()} == {"done"}
    assert list(entries(steps[2])) == ["cleanup", "apply", "verify"]
    assert not FULL_NUMBER.search((folder / "0_story.ipynb").read_text("utf-8"))


def test_who_did_what_they_were_asked_is_not_stopped_any_more_and_nobody_lost_their_way_in(
    told: tuple[Path, list[Path]],
) -> None:
    before, after = looks(told[1])
    asked = before[(before["status"] == "blocked") & before["next_step"].isin(("pass", "register"))]
    left = set(after.index[after["status"] == "blocked"])
    for step in ("pass", "register"):
        names = sorted(asked.index[asked["next_step"] == step])
        assert len(names) > 2
        assert set(names) & left == {names[-1]}, "all but the one who did not come"
        assert after.loc[names[-1], "phones"], "who did not come keeps the phone"
    others = before.index[(before["status"] == "blocked") & ~before.index.isin(asked.index)]
    assert left == set(others) | {max(asked.index[asked["next_step"] == step]) for step in ("pass", "register")}
    held = before.index[before["status"].ne("nothing")]
    assert set(after.loc[held, "status"]) & {"nothing", "not known"} == set()


def test_a_phone_went_where_two_methods_that_last_are_left_and_what_is_gone_for_good_was_approved_by_its_number(
    told: tuple[Path, list[Path]],
) -> None:
    cleaned = told[1][2]
    _, after = looks(told[1])
    plan = pd.read_parquet(cleaned / "plan.parquet")
    phones = plan[plan["reason"].eq("superseded") & plan["action"].eq("remove")]
    assert after.loc[phones["user_principal_name"], "survivors"].str.split().str.len().min() >= 2
    assert after.loc[phones["user_principal_name"], "default_method"].isin(("sms", "voiceMobile")).sum() == 0
    assert {"superseded", "default_moved", "pass_expired", "leaver"} <= set(plan["reason"])
    lost = irreversible(plan).sum()
    assert json.loads((cleaned / "approval.json").read_text("utf-8"))["irreversible"] == lost > 2
    first = plan.reset_index().groupby(["user_id", "action"])["index"].min().unstack()
    both = first.dropna(subset=["remove", "update"])
    assert len(both)
    assert (both["update"] < both["remove"]).all(), "the default is moved before anything is removed"


def test_nobody_else_goes_on_with_what_it_left(told: tuple[Path, list[Path]]) -> None:
    folder, steps = told
    assert all(map(of_tour, (folder, *steps)))
    assert all(plan_file.closed(step) for step in steps[1:3])
    assert resume.offered(steps) == []


@pytest.mark.parametrize("theme", ("light", "dark"))
def test_its_page_asks_for_nothing_leads_to_each_run_and_axe_finds_nothing_serious(
    opened: Browser, told: tuple[Path, list[Path]], theme: Any, images: Path
) -> None:
    folder, steps = told
    page = opened.new_context(offline=True, color_scheme=theme, viewport={"width": 1280, "height": 900}).new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    address = (folder / "0_story.html").as_uri()
    page.goto(address)
    assert (asked, wrong) == ([address], [])
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator("svg[role=img] g[data-row]").evaluate_all("all => all.map(row => row.dataset.row)") == [
        "before",
        "after",
    ]
    leads = page.locator("a", has_text=re.compile(r"^\d{8}T")).evaluate_all("all => all.map(link => link.href)")
    assert {step.name for step in steps} == {link.split("/")[-2] for link in leads}
    assert all((folder / link.split("/")[-2] / link.split("/")[-1]).is_file() for link in leads)
    if theme == "light":
        below = page.locator("h2", has_text="About this page").bounding_box()
        assert below
        page.screenshot(
            path=str(images / "story.png"),
            full_page=True,
            clip={"x": 60, "y": 0, "width": 1160, "height": below["y"]},
        )
    page.context.close()
