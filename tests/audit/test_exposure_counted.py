"""The tiles of a demo tenant of 500 people of 2026, counted a second way from what the tenant itself holds."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from authops import campaign
from authops.audit import action_list, retirement
from authops.demo.wire.build import World, build
from authops.demo.world.tenant import Method, User
from authops.graph.client import Graph
from authops.graph.connection import Connection
from authops.source import passes as asked_for_passes
from authops.tenant import holders
from authops.words.retirement import dates
from tests.apply.conftest import ROOT, Token, no_pause

LASTING = {
    "microsoftAuthenticator", "softwareOath", "hardwareOath", "fido2", "windowsHelloForBusiness", "platformCredential",
    "external",
}  # fmt: skip
RESETTING = {"microsoftAuthenticator", "softwareOath", "hardwareOath", "email"}
APP = Method("a0000000-0000-4000-8000-000000000001", "microsoftAuthenticator", {"displayName": "Phone"}, None)


def tile(user: User) -> str:
    """What the facts say of somebody, without a line of the package."""
    kinds = {m.kind for m in user.methods.values()}
    phones = {m.fields["phoneType"] for m in user.methods.values() if m.kind == "phone"}
    if not user.profile["accountEnabled"]:
        return "disabled"
    if kinds & LASTING:
        told = any(user.profile[name] for name in ("mobilePhone", "businessPhones", "otherMails"))
        gone = bool(phones & {"mobile", "office"}) or told
        return "reset only" if gone and not kinds & RESETTING else "covered"
    if not phones:
        return "nothing"
    top = user.appointed == ["Global Administrator"] or user.profile["displayName"] == "Hugo Admin"
    return "blocked later" if top or "#EXT#" in user.profile["userPrincipalName"] else "blocked"


class Deaf(httpx.AsyncBaseTransport):
    """The demo tenant, which answers of some people's methods only that it cannot."""

    def __init__(self, world: World, unread: Iterable[str]) -> None:
        self.inner, self.unread = httpx.ASGITransport(world.app), set(unread)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if not str(request.url).endswith("/$batch"):
            return answer
        paths = {part["id"]: part["url"] for part in json.loads(request.content)["requests"]}
        body = json.loads(await answer.aread())
        for part in body["responses"]:
            if any(who in paths[part["id"]] for who in self.unread):
                part |= {"status": 400, "body": {"error": {"code": "badRequest", "message": "odd"}}}
        return httpx.Response(200, json=body)


def look(world: World, unread: Iterable[str] = ()) -> tuple[holders.Holders, pd.DataFrame]:
    async def done() -> tuple[holders.Holders, pd.DataFrame]:
        connection = Connection("t", "custom", "t", "c", "certificate", ROOT, ROOT)
        tokens = Token(world.login.issue_token())
        async with Graph.connect(connection, transport=Deaf(world, unread), tokens=tokens, sleep=no_pause) as graph:
            found = await holders.read(graph)
            return found, await campaign.verdicts(graph, retirement.as_coverage(found.people))

    found, verdicts = asyncio.run(done())
    return found, retirement.exposure(found.people.assign(campaign=verdicts), dates())


def counted(people: Iterable[User]) -> dict[str, int]:
    found = Counter(map(tile, people))
    return {name: found[name] for name in ("blocked", "blocked later", "reset only", "covered", "nothing", "disabled")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(tmp_path_factory.mktemp("demo"), (ROOT,), users=500, population="2026")


@pytest.fixture(scope="module")
def seen(world: World) -> tuple[holders.Holders, pd.DataFrame]:
    return look(world)


def test_every_tile_is_what_the_tenant_itself_holds(world: World, seen: Any) -> None:
    found, exposed = seen
    assert found.unread == {}
    tiles = retirement.tally(exposed)
    assert tiles == counted(world.tenant.living()) | {"not known": 0}
    assert all(tiles[name] >= 3 for name in tiles if name != "not known"), "a population that meets every tile"


def test_every_person_is_in_the_tile_of_their_own(world: World, seen: Any) -> None:
    exposed = seen[1].set_index("user_id")
    late = exposed["cohort"].isin(("Global Administrator", "external user"))
    own = exposed["status"].mask((exposed["status"] == "blocked") & late, "blocked later")
    assert own.to_dict() == {user.id: tile(user) for user in world.tenant.living()}


def test_policy_scope_is_resolved_through_groups_and_is_not_who_has_a_phone(world: World, seen: Any) -> None:
    exposed = seen[1].set_index("user_id")
    for user in world.tenant.living():
        inside = user.profile["department"] in ("Sales", "Operations") and user.profile["userType"] != "Guest"
        assert (exposed["in_sms"][user.id] == "yes") == (inside or user.sms_policy)
        assert exposed["in_voice"][user.id] == "no"
    outside = exposed[(exposed["scope"] == "neither") & (exposed["status"] == "blocked")]
    legacy = exposed[exposed["scope"] == "per-user MFA"]
    assert len(outside)
    assert set(legacy["per_user_mfa"]) == {"enabled", "enforced"}


def test_whom_a_group_that_cannot_be_read_means_is_not_known_and_their_tile_is_the_same(world: World) -> None:
    """Scope is one thing, what somebody holds another: nobody changes tiles, and nobody is called outside or asked."""
    gone = {"id": "11111111-2222-3333-4444-555555555555", "targetType": "group"}
    kept = world.tenant.meta["policy"]
    sms = {**kept["configurations"]["Sms"], "includeTargets": [gone | {"isUsableForSignIn": False}]}
    include = [gone | {"targetedAuthenticationMethod": "fido2"}]
    configurations = {**kept["configurations"], "Sms": sms}
    changed = {"configurations": configurations, "campaign": {**kept["campaign"], "includeTargets": include}}
    world.tenant.meta["policy"] = kept | changed
    try:
        found, exposed = look(world)
    finally:
        world.tenant.meta["policy"] = kept
    assert retirement.tally(exposed) == counted(world.tenant.living()) | {"not known": 0}
    assert set(exposed["in_sms"]) == {"unknown"}
    assert set(exposed["scope"]) == {"not known", "per-user MFA"}
    assert "in_sms" in found.unread["targets of the policy"]
    hit = exposed[exposed["status"] == "blocked"]
    assert set(hit["campaign"]) <= {"unknown", "excluded", "guest", "not allowed", "profile not eligible"}
    assert "unknown" in set(hit["campaign"])
    assert "register" not in set(hit["next_step"])


APART = ("Research", "Legal", "Finance")
STAFF = (*APART, "Sales", "Engineering", "Support", "Operations", "Marketing", "People")


def second_opinion(user: User) -> str | None:
    """Whether the campaign of 2026 asks somebody, from what the tenant holds; None: not told in a line."""
    kinds = {m.kind for m in user.methods.values()}
    profile = user.profile
    if not profile["accountEnabled"]:
        return "disabled account"
    if profile["userType"] == "Guest" or profile["department"] in APART:
        return None
    if profile["department"] not in STAFF:
        return "not included"
    if kinds <= {"password", "phone"} and "phone" in kinds:
        return "asked"
    if kinds <= {"password", "email"}:
        return "no second factor"
    if kinds <= {"password", "phone", "microsoftAuthenticator", "email"}:
        return "asked"
    return None


def test_whom_the_campaign_asks_is_what_the_tenant_itself_holds(world: World, seen: Any) -> None:
    said = seen[1].set_index("user_id")["campaign"]
    own = {user.id: opinion for user in world.tenant.living() if (opinion := second_opinion(user))}
    assert said[list(own)].to_dict() == own
    assert Counter(own.values())["asked"] >= 50
    active = [user for user in world.tenant.living() if user.profile["accountEnabled"]]
    guests = {user.id for user in active if user.profile["userType"] == "Guest"}
    asked = {user for user, word in said.items() if word in ("asked", "asked elsewhere")}
    keys = {user.id for user in active for m in user.methods.values() if m.fields.get("displayName") == "Security key"}
    free = {user.id for user in active if user.profile["department"] != "Finance"}
    assert not asked & guests
    assert keys & free
    assert not asked & keys & free, "a security key ends it everywhere"
    by_department = {name: {u.id for u in active if u.profile["department"] == name} - guests for name in APART}
    assert set(said[list(by_department["Legal"])]) == {"excluded"}
    research = by_department["Research"]
    assert not asked & research
    assert "unknown" in set(said[list(research)]), "a phone, and Authenticator, of which Microsoft does not say"


def test_new_people_and_those_who_cannot_be_read_are_in_none_of_the_wrong_tiles(tmp_path: Path) -> None:
    world = build(tmp_path / "demo", (ROOT,), users=120, population="2026")
    world.weather.change({"report_lag": 3600})
    before = counted(world.tenant.living())
    assert retirement.tally(look(world)[1]) == before | {"not known": 0}
    hidden = [u for u in world.tenant.living() if u.profile["accountEnabled"] and tile(u) == "nothing"][:2]
    new = [_hire(world, name) for name in ("Nele Nieuw", "Piet Phone", "Paul Phone")]
    world.tenant.add_phone(new[1], "mobile", "+31 612345678")
    world.tenant.add_phone(new[2], "mobile", "+31 612345679")
    world.tenant._write(new[2], APP)
    unread = [new[0].id, *(u.id for u in hidden)]
    found, exposed = look(world, unread)
    own = exposed.set_index("user_id")["status"]
    assert own[new[0].id] == "not known"
    assert retirement.tally(exposed)["not known"] == 1, "of the others the report still tells"
    assert (own[new[1].id], own[new[2].id]) == ("blocked", "covered")
    assert retirement.tally(exposed)["blocked"] == before["blocked"] + 1
    assert retirement.tally(exposed)["covered"] == before["covered"] + 1
    assert len(found.people) == 123


def _hire(world: World, name: str) -> User:
    from authops.demo.world import people

    user = people.newcomer({"displayName": name}, str(world.tenant.meta["seed"]))
    world.tenant.join(user)
    return user


def test_without_a_licence_for_the_report_the_tiles_are_the_same(tmp_path: Path) -> None:
    world = build(tmp_path / "demo", (ROOT,), users=120, population="2026", assume={"tenant_licence": "free"})
    found, exposed = look(world)
    assert "registration report" in found.unread
    tiles = retirement.tally(exposed)
    # Graph v1.0 shows no hardware tokens, and only the report knows whether password reset is enabled.
    assert tiles["blocked"] >= counted(world.tenant.living())["blocked"]
    assert tiles["not known"] == 0


def test_without_p2_nobody_is_eligible_and_nothing_else_changes(tmp_path: Path) -> None:
    world = build(tmp_path / "demo", (ROOT,), users=120, population="2026", assume={"tenant_licence": "p1"})
    found, exposed = look(world)
    assert found.unread == {}
    assert "eligible" not in set(exposed["global_admin"])
    assert retirement.tally(exposed) == counted(world.tenant.living()) | {"not known": 0}


def test_every_file_names_whom_the_frame_names(seen: Any, tmp_path: Path) -> None:
    found, exposed = seen
    action_list.write(exposed, found.contacts, dates(), tmp_path, today=pd.Timestamp("2026-11-26").date())
    listed = pd.read_csv(tmp_path / action_list.ACTIONS, keep_default_na=False)
    assert list(listed["UPN"]) == list(exposed.loc[exposed["next_step"] != "nothing", "user_principal_name"])
    passes = pd.read_csv(tmp_path / action_list.PASSES, keep_default_na=False)
    assert list(passes.columns) == ["UPN", "Start", "LifetimeMinutes", "Once", "Recipient"]
    assert set(passes["UPN"]) == set(exposed.loc[exposed["next_step"] == "pass", "user_principal_name"])
    assert not set(passes["UPN"]) & set(exposed.loc[exposed["admin"] != "no", "user_principal_name"])
    taken = asked_for_passes.read(tmp_path / action_list.PASSES)
    assert set(taken.wanted["user"]) == set(passes["UPN"]), "8_passes takes the file as it is"
    assert taken.problems.empty
    group = (tmp_path / action_list.CAMPAIGN).read_text().splitlines()
    assert group[0] == "version:v1.0"
    assert set(group[2:]) <= set(exposed.loc[exposed["status"] == "blocked", "user_id"])
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o077 == 0
