"""The registration campaign on a demo tenant: who is asked and why; a change written once or not at all."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from authops.audit import coverage
from authops.campaign import registration
from authops.demo.methods.policy import defaults
from authops.graph.client import Graph
from authops.tenant import directory
from authops.words.errors import GuardStop, ParameterError, PlanError
from tests.apply.conftest import Stage, user_id

PEOPLE = {
    "phone": {"mobile": "+31 612345670"},
    "app": {"mobile": "+31 612345671", "app": "yes"},
    "none": {},
    "boss": {"mobile": "+31 612345672"},
    "glass": {"mobile": "+31 612345673"},
}


def on(stage: Stage, ask: Callable[[Graph], Awaitable[Any]]) -> Any:
    async def done() -> Any:
        async with stage.graph() as graph:
            return await ask(graph)

    return stage.run(done())


def reasons(stage: Stage, **change: Any) -> dict[str, str]:
    """Name → reason under the settings after a change."""

    async def ask(graph: Graph) -> dict[str, str]:
        policy = await registration.read(graph)
        people = await directory.people(graph)
        data = coverage.join(await directory.registrations(graph), people, set())
        settings = await registration.changed(graph, policy.settings, **change)
        found = await registration.reasons(graph, policy, settings, data)
        return {u.partition("@")[0]: r for u, r in zip(data["user_principal_name"], found, strict=True)}

    return dict(on(stage, ask))


def configure(stage: Stage, **fields: Any) -> None:
    """Change whom the policy lets use Authenticator."""
    made = defaults(str(stage.world.tenant.meta["seed"]))
    made["configurations"]["MicrosoftAuthenticator"] |= fields
    stage.world.tenant.meta["policy"] = made


@pytest.fixture
def tenant(stage: Stage) -> Stage:
    stage.people(**PEOPLE)
    return stage


def test_microsoft_managed_asks_who_has_a_phone_and_no_app(tenant: Stage) -> None:
    assert reasons(tenant) == {
        "phone": "asked",
        "app": "has it",
        "none": "no second factor",
        "boss": "asked",
        "glass": "asked",
    }


def test_excluded_beats_included_and_a_disabled_account_is_asked_nothing(tenant: Stage) -> None:
    person = tenant.world.tenant.users[user_id("boss")]
    person.profile["accountEnabled"] = False
    found = reasons(tenant, include=["group: Sales"], exclude=["user: glass@contoso.example"])
    assert (found["phone"], found["glass"], found["boss"]) == ("asked", "excluded", "disabled account")
    assert reasons(tenant, include=["user: glass@contoso.example"])["phone"] == "not included"
    assert set(reasons(tenant, state="disabled").values()) == {"campaign off"}


def test_a_group_counts_at_any_depth(tenant: Stage) -> None:
    assert reasons(tenant, exclude=["group: All staff"])["phone"] == "excluded"


def test_a_passkey_is_another_thing_than_authenticator(tenant: Stage) -> None:
    assert reasons(tenant, state="enabled", method="fido2")["app"] == "asked"


def test_who_may_not_use_authenticator_is_not_asked(tenant: Stage) -> None:
    configure(tenant, excludeTargets=[{"id": user_id("phone"), "targetType": "user"}])
    found = reasons(tenant)
    assert (found["phone"], found["boss"]) == ("not allowed", "asked")
    configure(tenant, state="disabled")
    assert reasons(tenant)["boss"] == "not allowed"


def test_who_is_not_in_the_report_is_unknown(tenant: Stage) -> None:
    async def ask(graph: Graph) -> pd.Series[str]:
        policy = await registration.read(graph)
        people = await directory.people(graph)
        nobody = (await directory.registrations(graph)).iloc[:0]
        return await registration.reasons(graph, policy, policy.settings, coverage.join(nobody, people, set()))

    assert set(on(tenant, ask)) == {"unknown"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"snooze_days": 15}, "snooze_days is 15"),
        ({"include": ["everybody"]}, "target 'everybody' is not known"),
        ({"exclude": ["user: nobody@contoso.example"]}, "no user 'nobody@contoso.example'"),
    ],
)
def test_a_change_that_cannot_be_is_refused_before_anything_is_sent(
    tenant: Stage, change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ParameterError, match=expected):
        reasons(tenant, **change)
    assert patches(tenant) == 0


def patches(stage: Stage) -> int:
    return sum(row["method"] == "PATCH" for row in stage.log())


def settings(stage: Stage) -> Any:
    async def ask(graph: Graph) -> Any:
        return (await registration.read(graph)).settings

    return on(stage, ask)


def carry_out(stage: Stage, before: Any, mode: str = "apply", **change: Any) -> registration.Outcome:
    async def ask(graph: Graph) -> registration.Outcome:
        after = await registration.changed(graph, before, **change)
        kept = registration.Kept(stage.folder, {"tenant_id": "t", "before": before, "after": after})
        return await registration.carry_out(graph, before, after, mode, kept, sleep=stage.pause)

    return on(stage, ask)  # type: ignore[no-any-return]


def kept(stage: Stage) -> dict[str, Any]:
    return dict(json.loads((stage.folder / registration.NAME).read_text()))


def test_written_once_read_back_and_recorded(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, before, state="enabled", snooze_days=3)
    assert (result.outcome, patches(tenant)) == ("applied", 1)
    assert result.request_id
    now = settings(tenant)
    assert (now["state"], now["snoozeDurationInDays"]) == ("enabled", 3)
    assert now["includeTargets"] == before["includeTargets"]
    assert (kept(tenant)["before"], kept(tenant)["outcome"]) == (before, "applied")
    assert (tenant.folder / registration.NAME).stat().st_mode & 0o077 == 0


def test_a_dry_run_and_an_equal_campaign_write_nothing(tenant: Stage) -> None:
    before = settings(tenant)
    assert carry_out(tenant, before, "dry-run", state="enabled").outcome == "dry run"
    assert carry_out(tenant, before, state="default").outcome == "nothing to do"
    assert (patches(tenant), settings(tenant)) == (0, before)


def test_settings_that_somebody_changed_meanwhile_are_not_written_over(tenant: Stage) -> None:
    before = settings(tenant)
    carry_out(tenant, before, snooze_days=7)
    result = carry_out(tenant, before, state="enabled")
    assert (result.outcome, patches(tenant)) == ("drifted", 1)
    assert settings(tenant)["state"] == "default"


@pytest.mark.parametrize(
    ("fault", "outcome", "state"),
    [
        ("inner-effect-then-500", "applied_with_note", "enabled"),
        ("inner-503", "unknown", "default"),
    ],
)
def test_a_bad_answer_is_never_written_again_and_what_happened_is_read(
    tenant: Stage, fault: str, outcome: str, state: str
) -> None:
    before = settings(tenant)

    async def ask(graph: Graph) -> registration.Outcome:
        after = await registration.changed(graph, before, state="enabled")

        def intend() -> None:
            tenant.world.weather.change(
                {"fault_rate": 1.0, "faults": [fault], "most": 1, "match": "authenticationMethodsPolicy"}
            )

        return await registration.apply(graph, before, after, intend=intend, sleep=tenant.pause)

    result = on(tenant, ask)
    assert (result.outcome, patches(tenant)) == (outcome, 1)
    assert result.detail
    assert settings(tenant)["state"] == state


def test_what_graph_refuses_is_rejected_in_its_own_words(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, before, method="fido2")
    assert (result.outcome, settings(tenant)) == ("rejected", before)
    assert "microsoftAuthenticator" in result.detail
    assert kept(tenant)["outcome"] == "rejected"


def test_taken_back_where_nobody_changed_it_since(tenant: Stage, tmp_path: Path) -> None:
    before = settings(tenant)
    carry_out(tenant, before, state="enabled")
    now = settings(tenant)
    for name in (str(tenant.folder), tenant.folder.name, str(tenant.folder / registration.NAME)):
        assert registration.restored(name, tenant.folder.parent, now, "t") == before
    with pytest.raises(PlanError, match="tenant"):
        registration.restored(str(tenant.folder), tmp_path, now, "other")
    with pytest.raises(PlanError, match="changed the campaign since"):
        registration.restored(str(tenant.folder), tmp_path, {**now, "snoozeDurationInDays": 9}, "t")
    with pytest.raises(ParameterError, match="no campaign"):
        registration.restored("nowhere", tmp_path, now, "t")


def test_only_the_change_that_was_looked_at_within_the_limit() -> None:
    nudges = pd.DataFrame({"change": ["newly asked"] * 3 + ["still asked"]})
    one = registration.seal("t", {"state": "default"}, {"state": "enabled"})
    assert one != registration.seal("u", {"state": "default"}, {"state": "enabled"})
    assert one == registration.seal("t", {"@odata.x": 1, "state": "default"}, {"state": "enabled"})
    registration.guard(nudges, one, one, 3)
    registration.guard(nudges, one, one, None)
    with pytest.raises(ParameterError, match=one):
        registration.guard(nudges, one, "", None)
    with pytest.raises(GuardStop, match="3 people would be asked anew"):
        registration.guard(nudges, one, one, 2)
    with pytest.raises(GuardStop):
        registration.guard(nudges, one, one, 0)
