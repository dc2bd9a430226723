"""The registration campaign: whom Entra asks, after a sign-in with a second factor, to set up something better.

Settings are a mapping as Graph gives it, without annotations. Who is asked follows Microsoft's own description (Entra:
how to run a registration campaign): include minus exclude, groups at any depth; not who has it already; not who has no
second factor, since the question comes after one. `enabled` asks everybody included, `default` (Microsoft managed) only
who uses text messages or calls, which is read here as: has a phone registered.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from authops.graph import requests
from authops.graph.client import Graph
from authops.methods.kinds import reported_phones
from authops.tenant import directory
from authops.words import disk
from authops.words.errors import GraphError, GuardStop, ParameterError, PlanError
from authops.words.frames import COVERAGE, NUDGES, check

Settings = Mapping[str, Any]
NAME: Final = "campaign.json"
EVERYBODY: Final = "all_users"
STATES: Final = ("default", "enabled", "disabled")
REASONS: Final = {
    "asked": "is asked at a sign-in with a second factor",
    "has it": "already has what the campaign asks for",
    "excluded": "is excluded, which beats included",
    "not included": "is not among those to be asked",
    "not allowed": "the policy does not let them use Authenticator",
    "no phone": "Microsoft managed asks only who uses text messages or calls",
    "no second factor": "has none, and the question comes after one",
    "disabled account": "cannot sign in",
    "unknown": "not in the registration report, so nothing is known",
    "campaign off": "the campaign is switched off",
}
_NO_FACTOR: Final = ("nothing", "no lasting factor")
_WHEN: Final = {"now": "before", "then": "after"}
_NOT_DONE: Final = ("refused", "again")
_PAUSES: Final = (0.0, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Policy:
    """What the authentication methods policy says here: the campaign, and whom Authenticator is for."""

    settings: Settings
    authenticator: Mapping[str, Any]


async def read(graph: Graph) -> Policy:
    """The campaign as it is (Policy.Read.AuthenticationMethod)."""
    policy = await graph.page(requests.methods_policy())
    enforcement = policy.get("registrationEnforcement") or {}
    settings = enforcement.get("authenticationMethodsRegistrationCampaign") or {}
    configurations = policy.get("authenticationMethodConfigurations") or []
    authenticator: Settings = next((c for c in configurations if c.get("id") == "MicrosoftAuthenticator"), {})
    return Policy(_plain(settings), authenticator)


def _plain(value: Any) -> Any:
    """Without annotations, and with targets in an order of their own, so that equal settings are equal."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if "@odata" not in k}
    if isinstance(value, list):
        return sorted(map(_plain, value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


async def target(graph: Graph, name: str) -> dict[str, str]:
    """`all_users`, `group: NAME`, or `user: UPN` → Graph's target. Raises `ParameterError`, `GraphError` (404)."""
    kind, _, who = (part.strip() for part in name.partition(":"))
    if name == EVERYBODY:
        return {"id": EVERYBODY, "targetType": "group"}
    if kind == "group" and who:
        return {"id": await directory.group_id(graph, who), "targetType": "group"}
    if kind == "user" and who:
        found = await directory.find_users(graph, [who])
        if len(found) == 1 and found["user_id"].iloc[0]:
            return {"id": str(found["user_id"].iloc[0]), "targetType": "user"}
        raise ParameterError(f"no user {who!r} was found", remedy="name a UPN or an object id")
    raise ParameterError(f"target {name!r} is not known", remedy="write all_users, group: NAME or user: UPN")


async def names(graph: Graph, people: pd.DataFrame, *settings: Settings) -> dict[str, str]:
    """Whom the targets of these settings name: id → UPN or group name; a group that is gone keeps its id."""
    lists = [s.get(key) or [] for s in settings for key in ("includeTargets", "excludeTargets")]
    ids = {str(one["id"]): one.get("targetType") for targets in lists for one in targets}
    users = dict(zip(people["user_id"], people["user_principal_name"], strict=True))
    asked = {requests.group(i): i for i, kind in ids.items() if kind == "group" and i != EVERYBODY}
    groups = {asked[a.request]: str(a.body.get("displayName") or "") async for a in graph.send(asked)}
    return {i: users.get(i) or groups.get(i) or i for i in ids}


async def changed(
    graph: Graph,
    settings: Settings,
    *,
    state: str = "keep",
    snooze_days: int | None = None,
    method: str = "keep",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Settings:
    """The settings after the change: what is not named is kept. Targets by name; an empty list keeps those there are.

    Raises `ParameterError` for days outside 0 … 14 (Graph: authenticationMethodsRegistrationCampaign).
    """
    if snooze_days is not None and not 0 <= snooze_days <= 14:
        raise ParameterError(f"snooze_days is {snooze_days}", remedy="0 asks at every sign-in, 14 is the most")
    after = dict(settings)
    after |= {} if state == "keep" else {"state": state}
    after |= {} if snooze_days is None else {"snoozeDurationInDays": snooze_days}
    targets = [await target(graph, name) for name in include] or list(settings.get("includeTargets") or [])
    asked_for = {"targetedAuthenticationMethod": method} if method != "keep" else {}
    usual = {"targetedAuthenticationMethod": "microsoftAuthenticator"}
    after["includeTargets"] = [usual | t | asked_for for t in targets]
    after["excludeTargets"] = [await target(graph, n) for n in exclude] or list(settings.get("excludeTargets") or [])
    return cast("Settings", _plain(after))


@dataclass(frozen=True)
class Reach:
    """Whom a target list names, groups resolved; `everybody` when all users are meant."""

    everybody: bool
    some: frozenset[str]

    def has(self, user: str) -> bool:
        """Whether it names that user."""
        return self.everybody or user in self.some


async def _reach(graph: Graph, targets: Iterable[Mapping[str, Any]]) -> Reach:
    some: set[str] = set()
    for one in targets:
        if one.get("targetType") == "user":
            some.add(str(one["id"]))
        elif one.get("id") != EVERYBODY:
            some |= await directory.group_users(graph, str(one["id"]))
    return Reach(any(t.get("id") == EVERYBODY for t in targets), frozenset(some))


async def reasons(graph: Graph, policy: Policy, settings: Settings, coverage: pd.DataFrame) -> pd.Series[str]:
    """For each person of COVERAGE one of REASONS under these settings. GroupMember.Read.All."""
    include = list(settings.get("includeTargets") or [])
    wanted: dict[str, list[Mapping[str, Any]]] = {}
    for one in include:
        wanted.setdefault(str(one.get("targetedAuthenticationMethod") or "microsoftAuthenticator"), []).append(one)
    included = {method: await _reach(graph, targets) for method, targets in wanted.items()}
    excluded = await _reach(graph, settings.get("excludeTargets") or [])
    allowed = await _allowed(graph, policy.authenticator)
    state = str(settings.get("state") or "default")
    rows = _records(check(coverage, COVERAGE))
    found = [_reason(row, state, included, excluded, allowed) for row in rows]
    return pd.Series(found, index=coverage.index, dtype="str")


async def _allowed(graph: Graph, authenticator: Mapping[str, Any]) -> Callable[[str], bool]:
    """Who may use Authenticator for notifications; a policy that says nothing allows everybody."""
    if not authenticator:
        return lambda _: True
    if authenticator.get("state") != "enabled":
        return lambda _: False
    targets = [t for t in authenticator.get("includeTargets") or [] if t.get("authenticationMode") != "deviceBasedPush"]
    some, never = await _reach(graph, targets), await _reach(graph, authenticator.get("excludeTargets") or [])
    return lambda user: some.has(user) and not never.has(user)


def _reason(
    row: Mapping[str, Any],
    state: str,
    included: Mapping[str, Reach],
    excluded: Reach,
    allowed: Callable[[str], bool],
) -> str:
    user, methods = row["user_id"], set(row["methods"].split())
    wanted = [method for method, reach in included.items() if reach.has(user)]
    if state == "disabled":
        return "campaign off"
    if row["account"] == "disabled":
        return "disabled account"
    if excluded.has(user) or not wanted:
        return "excluded" if excluded.has(user) else "not included"
    if row["standing"] == "unknown":
        return "unknown"
    missing = [method for method in wanted if not _has(methods, method)]
    if not missing:
        return "has it"
    if row["standing"] in _NO_FACTOR:
        return "no second factor"
    if state == "default" and not methods & reported_phones():
        return "no phone"
    return "asked" if missing != ["microsoftAuthenticator"] or allowed(user) else "not allowed"


def _has(methods: set[str], wanted: str) -> bool:
    prefixes = ("passKey", "fido2") if wanted == "fido2" else ("microsoftAuthenticator",)
    return any(method.startswith(prefixes) for method in methods)


def compare(coverage: pd.DataFrame, before: pd.Series[str], after: pd.Series[str]) -> pd.DataFrame:
    """Each person with the reason before and after, and what that changes (NUDGES)."""
    was, will = before == "asked", after == "asked"
    change = pd.Series("", index=coverage.index, dtype="str")
    change = (
        change.mask(was & will, "still asked").mask(~was & will, "newly asked").mask(was & ~will, "no longer asked")
    )
    data = coverage.assign(before=before, after=after, change=change)
    return data[list(NUDGES)].astype("str").reset_index(drop=True)


def seal(tenant_id: str, before: Settings, after: Settings) -> str:
    """What names exactly this change of exactly these settings of this tenant; apply wants to hear it."""
    words = json.dumps([tenant_id, _plain(before), _plain(after)], sort_keys=True)
    return f"campaign-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def guard(nudges: pd.DataFrame, sealed: str, approved: str, max_newly: int | None) -> None:
    """May it be written? Raises `ParameterError` when another change was approved, `GuardStop` beyond the limit."""
    if approved != sealed:
        raise ParameterError(
            f"this change is {sealed}, and parameter seal says {approved or 'nothing'}",
            remedy=f"look at the dry run; when it is what you want: -p seal {sealed}",
        )
    newly = int((nudges["change"] == "newly asked").sum())
    if max_newly is not None and newly > max_newly:
        raise GuardStop(
            f"max_newly is {max_newly:,}, and {newly:,} people would be asked anew",
            remedy="nothing was written; include fewer, or raise max_newly",
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a change: an outcome as apply uses it (or `dry run`, `nothing to do`), and Graph's words."""

    outcome: str
    found: Settings
    detail: str = ""
    request_id: str = ""


async def apply(
    graph: Graph,
    before: Settings,
    after: Settings,
    *,
    intend: Callable[[], object],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Outcome:
    """Read again, refuse drift, call `intend`, PATCH once, read back until Graph shows it. Raises `GraphError` only
    while nothing was written yet.

    Only what changes is not enough: a list of targets is replaced whole, so the whole campaign is sent.
    """
    request = requests.change_campaign(after)
    # The turn first, however long it takes; what is read then is fresh.
    _, sent_at = await graph.pace.turn([request])
    now = (await read(graph)).settings
    if now != _plain(before):
        graph.pace.give_back("writes", 1)
        return Outcome("drifted", now, "somebody changed the campaign since it was read; nothing was written")
    intend()
    (answer,) = await graph.write([request], sent_at)
    detail = str(answer.error or "")
    try:
        found = await _read_back(graph, after, sleep if answer.happened not in _NOT_DONE else None)
    except GraphError as error:
        return Outcome("unknown", {}, f"{detail} and it could not be read back: {error}".strip(), answer.request_id)
    if found == _plain(after):
        return Outcome("applied_with_note" if detail else "applied", found, detail, answer.request_id)
    rejected = answer.happened in _NOT_DONE
    words = detail or "Graph accepted it and does not show it (yet); read again later"
    return Outcome("rejected" if rejected else "unknown", found, words, answer.request_id)


async def _read_back(graph: Graph, after: Settings, sleep: Callable[[float], Awaitable[object]] | None) -> Settings:
    """The campaign as Graph shows it: once, or, where it may still come, until it is there or half a minute is over."""
    found: Settings = {}
    for pause in _PAUSES if sleep else (0.0,):
        if sleep and pause:
            await sleep(pause)
        found = (await read(graph)).settings
        if found == _plain(after):
            break
    return found


@dataclass(frozen=True)
class Kept:
    """The record of a change (NAME in the run folder), from which it can be taken back."""

    folder: Path
    facts: Mapping[str, Any]

    def note(self, **more: Any) -> Path:
        """Write the facts and what is known by now, for its owner only, and surely on the disk."""
        path = self.folder / NAME
        new = path.with_suffix(".new")
        with open(disk.fresh(new), "w", encoding="utf-8") as file:
            json.dump({**self.facts, **more}, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        return path


def restored(name: str, runs: Path, settings: Settings, tenant_id: str) -> Settings:
    """The settings from before an earlier run (a folder, its name, or the file itself), where they are still its own.

    Raises `ParameterError` when there is none, `PlanError` for another tenant, or when somebody changed them since.
    """
    places = [Path(name), Path(name) / NAME, runs / name / NAME]
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        raise ParameterError(f"no {NAME} in {name!r}", remedy="name the run folder that changed the campaign")
    try:
        kept = json.loads(path.read_text("utf-8"))
        before, after, tenant = kept["before"], kept["after"], kept["tenant_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{path} is not what a run kept ({type(error).__name__})", remedy="name another") from None
    if tenant != tenant_id:
        raise PlanError(f"{path} is of tenant {tenant}, this is {tenant_id}", remedy="use that tenant's connection")
    if _plain(after) != settings and _plain(before) != settings:
        raise PlanError(
            "somebody changed the campaign since that run", remedy="change it in words, with the parameters"
        )
    return cast("Settings", _plain(before))


def tally(nudges: pd.DataFrame) -> dict[str, Any]:
    """Counts for the record: asked now and then, and what changes."""
    found = nudges["change"].value_counts()
    asked = {f"asked_{when}": int((nudges[column] == "asked").sum()) for when, column in _WHEN.items()}
    return asked | {name.replace(" ", "_"): int(found.get(name, 0)) for name in ("newly asked", "no longer asked")}


def ending(result: Outcome, nudges: pd.DataFrame, sealed: str) -> tuple[str, str]:
    """(status, headline)."""
    newly, gone = (int((nudges["change"] == kind).sum()) for kind in ("newly asked", "no longer asked"))
    who = f"{newly:,} people newly asked, {gone:,} no longer"
    if result.outcome == "nothing to do":
        return "nothing to do", f"the campaign stays as it is: {int((nudges['after'] == 'asked').sum()):,} are asked"
    if result.outcome == "dry run":
        return "done", f"dry run, nothing was written: {who}; to write it: seal {sealed}"
    if result.outcome.startswith("applied"):
        return "done", f"the campaign is changed: {who}"
    return "attention", f"{result.outcome}: {result.detail}"


async def carry_out(
    graph: Graph,
    before: Settings,
    after: Settings,
    mode: str,
    kept: Kept,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Outcome:
    """What mode says: nothing for equal settings, nothing in a dry run, else `apply`; `kept` records it."""
    if _plain(before) == _plain(after):
        return Outcome("nothing to do", before)
    if mode != "apply":
        kept.note(outcome="dry run")
        return Outcome("dry run", before)
    result = await apply(graph, before, after, intend=lambda: kept.note(outcome="unknown"), sleep=sleep)
    kept.note(outcome=result.outcome, detail=result.detail, request_id=result.request_id, found=dict(result.found))
    return result


def _records(data: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", data.to_dict("records"))
