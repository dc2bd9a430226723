"""The registration campaign on a demo tenant: who is asked and why; a change written once or not at all."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops.audit import coverage
from authops.campaign import asked, registration, rules, writing
from authops.campaign.remarks import OPT_OUT, meaning, opt_out
from authops.demo.methods.policy import defaults
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.tenant import directory
from authops.words.errors import GraphError, GuardStop, ParameterError, PlanError
from tests.apply.conftest import ROOT, Stage, Token, stage, user_id

__all__ = ["stage"]
PEOPLE = {
    "phone": {"mobile": "+31 612345670"},
    "app": {"mobile": "+31 612345671", "app": "yes"},
    "none": {},
    "boss": {"mobile": "+31 612345672"},
    "glass": {"mobile": "+31 612345673"},
}
NOBODY = "11111111-2222-3333-4444-555555555555"
AUTHENTICATOR = {"state": "enabled", "method": "microsoftAuthenticator"}


def on(stage: Stage, ask: Callable[[Graph], Awaitable[Any]], graph: Graph | None = None) -> Any:
    async def done() -> Any:
        async with graph or stage.graph() as way:
            return await ask(way)

    return stage.run(done())


def reasons(stage: Stage, **change: Any) -> dict[str, str]:
    """Name → reason under the settings after a change."""

    async def ask(graph: Graph) -> dict[str, str]:
        policy = await registration.read(graph)
        people = await directory.people(graph)
        data = coverage.join(await directory.registrations(graph), people, set())
        settings = await registration.changed(graph, policy, **change)
        found = await asked.reasons(graph, policy, settings, data)
        return {u.partition("@")[0]: r for u, r in zip(data["user_principal_name"], found, strict=True)}

    return dict(on(stage, ask))


def configure(stage: Stage, configuration: str = "MicrosoftAuthenticator", **fields: Any) -> None:
    """Change whom the policy lets use something."""
    made = stage.world.tenant.meta.get("policy") or defaults(str(stage.world.tenant.meta["seed"]))
    made["configurations"][configuration] |= fields
    stage.world.tenant.meta["policy"] = made


def include(stage: Stage, *targets: Mapping[str, Any], **fields: Any) -> None:
    """Change the campaign itself."""
    made = stage.world.tenant.meta.get("policy") or defaults(str(stage.world.tenant.meta["seed"]))
    made["campaign"] |= {"includeTargets": list(targets)} if targets else {}
    made["campaign"] |= fields
    stage.world.tenant.meta["policy"] = made


@pytest.fixture
def tenant(stage: Stage) -> Stage:
    stage.people(**PEOPLE)
    return stage


def test_microsoft_managed_asks_for_a_passkey_whoever_has_a_second_factor(tenant: Stage) -> None:
    """Whatever method the setting still names: Authenticator."""
    assert reasons(tenant) == {
        "phone": "asked",
        "app": "asked",
        "none": "no second factor",
        "boss": "asked",
        "glass": "asked",
    }


def test_authenticator_is_asked_for_of_who_has_a_phone_and_not_the_app(tenant: Stage) -> None:
    found = reasons(tenant, **AUTHENTICATOR)
    assert (found["phone"], found["app"], found["none"]) == ("asked", "has it", "no second factor")


def test_without_passkeys_microsoft_managed_asks_for_authenticator(tenant: Stage) -> None:
    configure(tenant, "Fido2", state="disabled")
    found = reasons(tenant)
    assert (found["phone"], found["app"]) == ("asked", "has it")
    configure(tenant, "Fido2", state="enabled", isSelfServiceRegistrationAllowed=False)
    assert reasons(tenant)["app"] == "has it"


def test_what_becomes_of_who_may_not_use_passkeys_where_others_may_is_not_known(tenant: Stage) -> None:
    configure(tenant, "Fido2", excludeTargets=[{"id": user_id("phone"), "targetType": "user"}])
    found = reasons(tenant)
    assert (found["phone"], found["boss"]) == ("unknown", "asked")
    configure(tenant, state="disabled")
    assert reasons(tenant)["phone"] == "not allowed", "neither the one nor the other"


def test_excluded_beats_included_and_a_disabled_account_is_asked_nothing(tenant: Stage) -> None:
    person = tenant.world.tenant.users[user_id("boss")]
    person.profile["accountEnabled"] = False
    found = reasons(tenant, include=["group: Sales"], exclude=["user: glass@contoso.example"])
    assert (found["phone"], found["glass"], found["boss"]) == ("asked", "excluded", "disabled account")
    assert reasons(tenant, include=["user: glass@contoso.example"])["phone"] == "not included"
    assert set(reasons(tenant, state="disabled").values()) == {"campaign off"}


def test_guests_are_asked_for_authenticator_and_never_for_a_passkey(tenant: Stage) -> None:
    tenant.world.tenant.users[user_id("boss")].profile["userType"] = "Guest"
    assert reasons(tenant)["boss"] == reasons(tenant, state="enabled", method="fido2")["boss"] == "guest"
    assert reasons(tenant, **AUTHENTICATOR)["boss"] == "asked"


def test_a_group_counts_at_any_depth(tenant: Stage) -> None:
    assert reasons(tenant, exclude=["group: All staff"])["phone"] == "excluded"


def test_whom_an_unreadable_group_means_is_not_known(tenant: Stage) -> None:
    gone = {"id": NOBODY, "targetType": "group", "targetedAuthenticationMethod": "fido2"}
    include(tenant, gone)
    assert reasons(tenant)["phone"] == "unknown"
    assert reasons(tenant)["none"] == "no second factor", "that is known, whoever is in the group"
    include(tenant, {**gone, "id": "all_users"}, excludeTargets=[{"id": NOBODY, "targetType": "group"}])
    assert reasons(tenant)["phone"] == "unknown"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("any", "asked"), ("push", "asked"), ("deviceBasedPush", "not allowed"), ("new", "unknown"), (None, "unknown")],
)
def test_authenticator_is_asked_for_where_its_mode_has_notifications(
    tenant: Stage, mode: str | None, expected: str
) -> None:
    target: dict[str, Any] = {"id": "all_users", "targetType": "group"}
    configure(tenant, includeTargets=[target | ({} if mode is None else {"authenticationMode": mode})])
    assert reasons(tenant, **AUTHENTICATOR)["phone"] == expected


PROFILE = "22222222-2222-3333-4444-555555555555"
KEYS = {"isEnforced": True, "enforcementType": "allow", "aaGuids": ["2fc0579f-8113-47ea-b116-bb5a8db9202a"]}
ANY_KEY: dict[str, Any] = {"isEnforced": False, "enforcementType": "allow", "aaGuids": []}
PLAIN = {"id": PROFILE, "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "disabled"}


@pytest.mark.parametrize(
    ("profile", "managed", "enabled"),
    [
        ({**PLAIN, "keyRestrictions": ANY_KEY}, "asked", "asked"),
        ({**PLAIN, "keyRestrictions": KEYS}, "profile not eligible", "asked"),
        ({**PLAIN, "keyRestrictions": {**KEYS, "enforcementType": "block"}}, "asked", "asked"),
        ({**PLAIN, "keyRestrictions": {**KEYS, "aaGuids": ["90A3CCDF-635C-4729-A248-9B709135078F"]}}, "asked", "asked"),
        ({**PLAIN, "keyRestrictions": KEYS, "attestationEnforcement": "registrationOnly"}, "asked", "asked"),
        (PLAIN, "unknown", "asked"),
        ({**PLAIN, "keyRestrictions": ANY_KEY, "attestationEnforcement": "new"}, "unknown", "asked"),
        ({**PLAIN, "keyRestrictions": ANY_KEY, "passkeyTypes": "new"}, "unknown", "asked"),
        ({**PLAIN, "id": NOBODY}, "unknown", "asked"),
    ],
)
def test_a_passkey_profile_counts_where_microsoft_manages(
    tenant: Stage, profile: Mapping[str, Any], managed: str, enabled: str
) -> None:
    target = {"id": "all_users", "targetType": "group", "allowedPasskeyProfiles": [PROFILE]}
    configure(tenant, "Fido2", passkeyProfiles=[profile], includeTargets=[target])
    assert reasons(tenant)["phone"] == managed
    assert reasons(tenant, state="enabled", method="fido2")["phone"] == enabled


def test_a_target_that_does_not_tell_its_profiles_lets_nobody_be_called_asked(tenant: Stage) -> None:
    target = {"id": "all_users", "targetType": "group"}
    configure(tenant, "Fido2", passkeyProfiles=[{**PLAIN, "keyRestrictions": ANY_KEY}], includeTargets=[target])
    assert reasons(tenant)["phone"] == reasons(tenant, state="enabled", method="fido2")["phone"] == "unknown"


def test_who_is_not_in_the_report_is_unknown(tenant: Stage) -> None:
    async def ask(graph: Graph) -> pd.Series[str]:
        people = await directory.people(graph)
        nobody = (await directory.registrations(graph)).iloc[:0]
        return await asked.verdicts(graph, coverage.join(nobody, people, set()))

    assert set(on(tenant, ask)) == {"unknown"}


@pytest.mark.parametrize("missing", ["state", "includeTargets", "excludeTargets"])
def test_a_campaign_that_came_in_part_is_not_known_and_nothing_is_written_over_it(tenant: Stage, missing: str) -> None:
    include(tenant)
    del tenant.world.tenant.meta["policy"]["campaign"][missing]
    with pytest.raises(GraphError, match="not known"):
        settings(tenant)

    async def ask(graph: Graph) -> asked.Forecast:
        people = coverage.join(await directory.registrations(graph), await directory.people(graph), set())
        return await asked.forecast(graph, people)

    found = on(tenant, ask)
    assert (set(found.reasons), found.opt_out) == ({"unknown"}, "not known")
    assert "not known" in found.remarks[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"snooze_days": 15}, "snooze_days is 15"),
        ({"state": "on"}, "state is on"),
        ({"method": "sms"}, "method is sms"),
        ({"opt_out": "yes"}, "opt_out is yes"),
        ({"include": ["everybody"]}, "target 'everybody' is not known"),
        ({"exclude": ["user: nobody@contoso.example"]}, "no user 'nobody@contoso.example'"),
    ],
)
def test_a_change_that_cannot_be_is_refused_before_anything_is_sent(
    tenant: Stage, change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ParameterError, match=expected):
        reasons(tenant, **change)
    assert patches(tenant) == []


def patches(stage: Stage) -> list[str]:
    """The version that each PATCH of the policy went to, in order."""
    return [row["version"] for row in stage.log() if row["method"] == "PATCH"]


def settings(stage: Stage) -> Any:
    async def ask(graph: Graph) -> Any:
        return (await registration.read(graph)).settings

    return on(stage, ask)


def way(stage: Stage, transport: httpx.AsyncBaseTransport, token: str) -> Graph:
    connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
    return Graph.connect(connection, transport=transport, tokens=Token(token), sleep=stage.pause, clock=stage.clock)


def reader(stage: Stage) -> Graph:
    """A way to the tenant for who may read the policy only."""
    login = stage.world.login
    fewer = [name for name in login.registration.permissions if name != "Policy.ReadWrite.AuthenticationMethod"]
    return way(stage, httpx.ASGITransport(stage.world.app), login.issue_token(permissions=fewer))


def carry_out(
    stage: Stage, mode: str = "apply", before: Any = None, through: Graph | None = None, **change: Any
) -> writing.Outcome:
    """What becomes of a change; `before`: settings that were read earlier than now."""

    async def ask(graph: Graph) -> writing.Outcome:
        policy = await registration.read(graph)
        stands = before or policy.settings
        known = registration.Policy(stands, policy.configurations, policy.opt_out_unread)
        after = await registration.changed(graph, known, **change)
        kept = writing.Kept(stage.folder, {"tenant_id": "t", "before": stands, "after": after})
        return await writing.carry_out(graph, stands, after, mode, kept, sleep=stage.pause)

    return on(stage, ask, through)  # type: ignore[no-any-return]


def kept(stage: Stage) -> dict[str, Any]:
    return dict(json.loads((stage.folder / registration.NAME).read_text()))


def restored(stage: Stage) -> Any:
    return registration.restored(str(stage.folder), stage.folder.parent, settings(stage), "t")


def test_written_once_read_back_and_recorded(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, state="enabled", snooze_days=3)
    assert (result.outcome, patches(tenant)) == ("applied", ["v1.0"])
    assert result.request_id
    now = settings(tenant)
    assert (now["state"], now["snoozeDurationInDays"]) == ("enabled", 3)
    assert now["includeTargets"] == before["includeTargets"]
    assert (kept(tenant)["before"], kept(tenant)["outcome"]) == (before, "applied")
    assert (tenant.folder / registration.NAME).stat().st_mode & 0o077 == 0


def test_a_dry_run_and_an_equal_campaign_write_nothing(tenant: Stage) -> None:
    before = settings(tenant)
    assert carry_out(tenant, "dry-run", state="enabled", opt_out="on").outcome == "dry run"
    assert carry_out(tenant, state="default", opt_out="off").outcome == "nothing to do"
    assert (patches(tenant), settings(tenant)) == ([], before)


def test_settings_that_somebody_changed_meanwhile_are_not_written_over(tenant: Stage) -> None:
    before = settings(tenant)
    carry_out(tenant, snooze_days=7)
    result = carry_out(tenant, before=before, state="enabled")
    assert (result.outcome, patches(tenant)) == ("drifted", ["v1.0"])
    assert settings(tenant)["state"] == "default"


@pytest.mark.parametrize("assumed", ["refused", "accepted"])
def test_a_campaign_for_passkeys_goes_to_beta_which_surely_takes_it(tenant: Stage, assumed: str) -> None:
    tenant.world.tenant.assume.change({"campaign_passkey": assumed})
    assert carry_out(tenant, state="enabled", method="fido2").outcome == "applied"
    assert patches(tenant) == ["beta"]
    assert carry_out(tenant, include=["group: Sales"]).outcome == "applied"
    (target,) = settings(tenant)["includeTargets"]
    assert target["targetedAuthenticationMethod"] == "fido2", "whom it is widened to is asked for the same"


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

    async def ask(graph: Graph) -> writing.Outcome:
        after = await registration.changed(graph, await registration.read(graph), state="enabled")

        def intend() -> None:
            tenant.world.weather.change({"fault_rate": 1.0, "faults": [fault], "most": 1, "match": "PATCH /policies"})

        return await writing.apply(graph, before, after, intend=intend, sleep=tenant.pause)

    result = on(tenant, ask)
    assert (result.outcome, patches(tenant)) == (outcome, ["v1.0"])
    assert result.detail
    assert settings(tenant)["state"] == state


def test_what_graph_refuses_is_rejected_in_its_own_words(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, through=reader(tenant), state="enabled")
    assert (result.outcome, settings(tenant)) == ("rejected", before)
    assert "403" in result.detail
    assert kept(tenant)["outcome"] == "rejected"


def test_taken_back_where_nobody_changed_it_since(tenant: Stage, tmp_path: Path) -> None:
    before = settings(tenant)
    carry_out(tenant, state="enabled")
    now = settings(tenant)
    for name in (str(tenant.folder), tenant.folder.name, str(tenant.folder / registration.NAME)):
        assert registration.restored(name, tenant.folder.parent, now, "t") == before
    with pytest.raises(PlanError, match="tenant"):
        registration.restored(str(tenant.folder), tmp_path, now, "other")
    with pytest.raises(PlanError, match="changed the campaign since"):
        registration.restored(str(tenant.folder), tmp_path, {**now, "snoozeDurationInDays": 9}, "t")
    with pytest.raises(ParameterError, match="no campaign"):
        registration.restored("nowhere", tmp_path, now, "t")


def test_a_record_from_before_there_was_an_opt_out_is_taken_back_and_leaves_it_alone(tenant: Stage) -> None:
    carry_out(tenant, state="enabled")
    record = kept(tenant)
    for when in ("before", "after", "found"):
        del record[when][OPT_OUT]
    (tenant.folder / registration.NAME).write_text(json.dumps(record))
    assert restored(tenant) == {**record["before"], OPT_OUT: False}


def test_only_the_change_that_was_looked_at_within_the_limit() -> None:
    nudges = pd.DataFrame({"change": ["newly asked"] * 3 + ["still asked"]})
    one = registration.seal("t", {"state": "default"}, {"state": "enabled"})
    assert one != registration.seal("u", {"state": "default"}, {"state": "enabled"})
    assert one == registration.seal("t", {"@odata.x": 1, "state": "default"}, {"state": "enabled"})
    assert one != registration.seal("t", {"state": "default"}, {"state": "enabled", OPT_OUT: True})
    writing.guard(nudges, one, one, 3)
    writing.guard(nudges, one, one, None)
    with pytest.raises(ParameterError, match=one):
        writing.guard(nudges, one, "", None)
    with pytest.raises(GuardStop, match="3 people would be asked anew"):
        writing.guard(nudges, one, one, 2)
    with pytest.raises(GuardStop):
        writing.guard(nudges, one, one, 0)


def test_of_whom_it_is_not_known_counts_as_asked_anew(tenant: Stage) -> None:
    people = pd.DataFrame({name: ["x"] * 5 for name in ("user_id", "user_principal_name", "department", "admin")})
    before = pd.Series(["campaign off", "unknown", "asked", "asked elsewhere", "asked"])
    after = pd.Series(["unknown", "unknown", "unknown", "asked", "has it"])
    nudges = writing.compare(people.assign(standing="x"), before, after)
    assert list(nudges["change"]) == ["not known"] * 3 + ["still asked", "no longer asked"]
    with pytest.raises(GuardStop, match="of 3 it is not known"):
        writing.guard(nudges, "s", "s", 2)
    writing.guard(nudges, "s", "s", 3)
    assert writing.tally(nudges)["not_known"] == 3


# The opt-out of the passkey migration (facts of 2026, §0.3): beta only, and in no metadata.


class Door(httpx.AsyncBaseTransport):
    """The demo tenant, which answers what is of beta as it is told, from a moment on."""

    def __init__(self, stage: Stage, status: int, verb: str, after: int = 0) -> None:
        self.inner, self.status, self.verb = httpx.ASGITransport(stage.world.app), status, verb
        self.after, self.refused = after, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        parts = body.get("requests", [])
        ours = [part for part in parts if part["method"] == self.verb] if parts else request.method == self.verb
        if "/beta/" not in str(request.url) or not ours:
            return await self.inner.handle_async_request(request)
        self.refused += 1
        if self.refused <= self.after:
            return await self.inner.handle_async_request(request)
        said = {"error": {"code": "accessDenied", "message": "Insufficient privileges"}}
        if not parts:
            return httpx.Response(self.status, json=said)
        answers = [{"id": part["id"], "status": self.status, "body": said} for part in parts]
        return httpx.Response(200, json={"responses": answers})


def through(stage: Stage, status: int, verb: str, after: int = 0) -> Graph:
    """A way to the tenant on which beta answers a verb with that status, after so many good answers."""
    return way(stage, Door(stage, status, verb, after), stage.world.login.issue_token())


@pytest.mark.parametrize("read", ["selected", "shown", "absent", "null", "refused"])
def test_whether_the_tenant_opted_out_is_known_where_graph_shows_it_and_else_not_known(
    tenant: Stage, read: str
) -> None:
    tenant.world.tenant.assume.change({"opt_out_read": read})
    found = on(tenant, registration.read)
    if read in ("selected", "shown"):
        assert (found.settings[OPT_OUT], found.opt_out_unread) == (False, "")
        return
    assert OPT_OUT not in found.settings
    assert found.opt_out_unread
    with pytest.raises(GuardStop, match="is not known"):
        carry_out(tenant, opt_out="on")
    assert carry_out(tenant, state="enabled").outcome == "applied", "the campaign does not need it"
    assert patches(tenant) == ["v1.0"]
    assert restored(tenant)["state"] == "default"


def test_who_may_not_read_beta_does_not_know_whether_the_tenant_opted_out(tenant: Stage) -> None:
    found = on(tenant, registration.read, through(tenant, 403, "GET"))
    assert OPT_OUT not in found.settings
    assert opt_out(found.settings) == "not known"
    assert "Insufficient privileges" in found.opt_out_unread
    assert any("Insufficient privileges" in line for line in meaning(found.settings, found.opt_out_unread))


def test_opting_out_is_one_request_to_beta_read_back_recorded_and_exactly_taken_back(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, opt_out="on")
    assert (result.outcome, patches(tenant)) == ("applied", ["beta"])
    assert settings(tenant) == {**before, OPT_OUT: True}
    assert kept(tenant)["after"][OPT_OUT] is True
    assert reasons(tenant)["phone"] == "opted out"
    assert restored(tenant) == before
    assert carry_out(tenant, opt_out="off").outcome == "applied"
    assert settings(tenant) == before
    assert restored(tenant) == {**before, OPT_OUT: True}


def test_campaign_and_opt_out_are_one_change_of_two_requests(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, state="enabled", opt_out="on")
    assert (result.outcome, patches(tenant)) == ("applied", ["beta", "v1.0"])
    assert settings(tenant) == {**before, "state": "enabled", OPT_OUT: True}
    assert restored(tenant) == before


def test_an_opt_out_that_somebody_changed_meanwhile_is_drift(tenant: Stage) -> None:
    before = settings(tenant)
    carry_out(tenant, opt_out="on")
    for change in ({"opt_out": "on"}, {"state": "enabled"}):
        assert carry_out(tenant, before=before, **change).outcome == "drifted"
    assert (patches(tenant), settings(tenant)["state"]) == (["beta"], "default")
    with pytest.raises(PlanError, match="changed the campaign since"):
        registration.restored(str(tenant.folder), tenant.folder, {**before, "snoozeDurationInDays": 9}, "t")


def test_a_tenant_where_beta_refuses_the_opt_out_keeps_everything_as_it_was(tenant: Stage) -> None:
    before = settings(tenant)
    result = carry_out(tenant, through=through(tenant, 403, "PATCH"), state="enabled", opt_out="on")
    assert result.outcome == "rejected"
    assert "Insufficient privileges" in result.detail
    assert (patches(tenant), settings(tenant)) == ([], before)


def test_an_opt_out_that_can_no_longer_be_read_is_not_written(tenant: Stage) -> None:
    result = carry_out(tenant, through=through(tenant, 403, "GET", after=1), opt_out="on")
    assert (result.outcome, patches(tenant)) == ("drifted", [])


def test_half_a_change_is_called_so_and_can_be_taken_back(tenant: Stage) -> None:
    before = settings(tenant)

    async def ask(graph: Graph) -> writing.Outcome:
        policy = await registration.read(graph)
        after = await registration.changed(graph, policy, state="enabled", opt_out="on")
        record = writing.Kept(tenant.folder, {"tenant_id": "t", "before": before, "after": after})
        begun: list[bool] = []

        def intend() -> None:
            record.note(outcome="unknown")
            if begun:
                tenant.world.weather.change(
                    {"fault_rate": 1.0, "faults": ["inner-503"], "most": 1, "match": "PATCH /policies"}
                )
            begun.append(True)

        found = await writing.apply(graph, before, after, intend=intend, sleep=tenant.pause)
        record.note(outcome=found.outcome, found=dict(found.found))
        return found

    result = on(tenant, ask)
    assert result.outcome == "partly applied"
    assert "the opt-out is changed" in result.detail
    assert settings(tenant) == result.found == {**before, OPT_OUT: True}
    assert writing.ending(result, pd.DataFrame({"change": []}), "s")[0] == "attention"
    assert restored(tenant) == before
    assert patches(tenant) == ["beta", "v1.0"]


def test_the_page_says_what_microsoft_sets_by_itself_and_who_is_never_asked() -> None:
    told = {state: " ".join(meaning({"state": state, OPT_OUT: True})) for state in rules.STATES}
    assert "Microsoft managed" in told["default"]
    assert "whoever may set one up" in told["default"]
    assert "does not say" in told["default"]
    assert "not known" in " ".join(meaning({"state": "enabled"}))
    assert "three times" in " ".join(meaning({"state": "enabled", "enforceRegistrationAfterAllowedSnoozes": True}))
    assert "switched on all the same" in told["disabled"]
    assert all(word in said for said in told.values() for word in ("guests", "Linux", "Android", "Conditional Access"))
