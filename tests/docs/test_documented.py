"""docs/reference.md holds every closed list of words, and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from authops.__main__ import main
from authops.audit import coverage, exposure_trend, quality, retirement, trend
from authops.campaign import rules
from authops.demo.directory.groups import Groups
from authops.demo.faults import weather
from authops.demo.methods.policy import Policies
from authops.demo.reports.audits import Audits
from authops.demo.reports.registration import Reports
from authops.demo.wire import knobs as knobs_module
from authops.demo.wire import routes
from authops.demo.world import people
from authops.demo.world.groups import Memberships
from authops.demo.world.tenant import Tenant
from authops.methods import kinds
from authops.methods.kind import FAMILIES
from authops.plan import guards, plan
from authops.run import notify, outcome, runbook
from authops.source import method_list, passes, wanted
from authops.words import frames
from authops.words.retirement import COHORTS

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")


def commands(group: click.Group, words: str = "authops") -> set[str]:
    found: set[str] = set()
    for name, command in group.commands.items():
        inner = f"{words} {name}"
        found |= commands(command, inner) if isinstance(command, click.Group) else {inner}
    return found


def options(group: click.Group) -> set[str]:
    found: set[str] = set()
    for command in group.commands.values():
        if isinstance(command, click.Group):
            found |= options(command)
        found |= {p.opts[0] for p in command.params if isinstance(p, click.Option)}
    return found


def table(heading: str) -> set[str]:
    """The words in the first column under a heading."""
    part = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    body = next(p for p in part if p.startswith(f"{heading}\n"))
    return set(re.findall(r"^\| `([^`]+)`", body, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Commands", commands(main)),
        ("Parameters", {p for rb in runbook.RUNBOOKS for p in runbook.declared(rb)}),
        ("Actions", set(frames.ACTIONS)),
        ("Reasons", set(plan.REASONS)),
        ("Outcomes", set(frames.OUTCOMES)),
        ("Exit codes", {str(code) for code in outcome.EXIT_CODES}),
        ("Guards", set(guards.GUARDS)),
        ("Problem rules", set(wanted.RULES)),
        ("Problem rules of passes", set(passes.RULES)),
        ("Problem rules of a clean-up's list", set(method_list.RULES)),
        ("Standings", set(coverage.STANDINGS)),
        ("Who a campaign asks", set(rules.REASONS)),
        ("Statuses of the retirement", set(retirement.STATUSES)),
        ("Cohorts of the retirement", set(COHORTS)),
        ("Next steps", set(retirement.STEPS)),
        ("Password reset", set(retirement.RESETS)),
        ("Moves", set(exposure_trend.KINDS)),
    ],
)
def test_the_page_names_what_the_code_has_and_nothing_else(heading: str, words: set[str]) -> None:
    assert table(heading) == words


def test_the_page_shows_every_kind_of_method_with_what_it_says_of_itself() -> None:
    assert kinds.markdown() in PAGE
    assert {kind.family for kind in kinds.KINDS.values()} <= set(FAMILIES)


def test_every_finding_and_movement_of_an_audit_is_on_the_page() -> None:
    words = {*quality.RULES, *trend.KINDS}
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_every_option_of_the_command_line_is_on_the_page() -> None:
    assert [o for o in options(main) if f"`{o}" not in PAGE] == []


def test_exit_codes_are_those_a_status_can_have() -> None:
    assert set(outcome.STATUSES.values()) == set(outcome.EXIT_CODES)


def test_every_pinned_behaviour_of_the_demo_tenant_names_a_test_that_exists() -> None:
    here = Path(__file__).parents[2]
    page = (here / "docs" / "demo-tenant.md").read_text("utf-8")
    known = {
        name
        for file in (here / "tests" / "contract").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named <= known
    assert len(named) > 60


def test_every_knob_and_weather_is_on_the_demo_tenants_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo-tenant.md").read_text("utf-8")
    knobs = re.findall(r'\("([\w-]+)", self\.\w+, \[', (Path(knobs_module.__file__)).read_text("utf-8"))
    assert [knob for knob in knobs if f"| `{knob}` |" not in page] == []
    assert [kind for kind in weather.KINDS if kind.removeprefix("inner-").removeprefix("outer-") not in page] == []
    assert [f.name for f in fields(weather.Settings) if f"`{f.name}`" not in page and f"{f.name}:" not in page] == []


def test_the_page_on_unattended_runs_names_every_word_a_notification_may_use() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    assert [word for word in notify.WORDS if f"`{{{word}}}`" not in page] == []
    assert [word for word in (*notify.KINDS, *notify.OCCASIONS) if word not in page] == []
    told = re.findall(r"`(done|nothing to do|broke|unfinished|wrong use|attention|stopped)`", page)
    assert set(told) == set(outcome.STATUSES)


def test_the_page_of_the_demo_tenant_lists_every_request_that_is_served() -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo-tenant.md").read_text("utf-8")
    listed = set(re.findall(r"^    (\w+ /\S+)$", page.split("<!-- routes -->")[1], re.MULTILINE))
    tenant = Tenant(*people.generate(1), now=lambda: 0.0, stamp=lambda: "")
    audits = Audits(tenant)
    served = routes.Served(Reports(), Groups(Memberships(tenant)), Policies(tenant, audits), audits)
    assert listed == {f"{route.method} {route.template}" for route in routes.table(served)}
