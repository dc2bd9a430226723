"""Two thousand changes of a clean-up in a storm, killed fifty times, and gone on with: nobody is left without a way in.

    .venv/bin/python -m bench.cleanup            # 2,000 changes, 50 kills, 10 % faults
    .venv/bin/python -m bench.cleanup 60 3       # a short form; in CI: tests/apply/test_cleanup_kills.py

All rules at once: phones, keys by model and without attestation, passes, defaults, signing in by SMS, per-user MFA,
leavers. Afterwards the tenant's own records are gone through, one by one as they happened: what everybody held at each
moment, what was the default then, and whether the journal held an intent before. Then the run is undone.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from authops.demo.wire.build import build
from authops.demo.world.tenant import KIND_PREFERRED, MOBILE, PREFERRED, Method, User, revive
from authops.graph.client import Graph
from authops.methods import survivors
from authops.plan import cleanup, removals
from authops.plan.plan import Plan
from authops.tenant import holdings, subjects
from bench.chaos import take_back
from bench.lives import Endured, Lives, endure, lives
from bench.stand import Stand, sins, tenant

KEY = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
RULES = cleanup.Rules(
    phones_with=1, sms_sign_in=True, leavers_after=60, models=[KEY], unattested=True, passes=True, defaults=True,
    per_user_mfa=True,
)  # fmt: skip
# Users of the demo tenant for each change.
_EACH = 1.4
_NO_WAY_IN = ("password", "email", "qrCodePin", "temporaryAccessPass")
_OTHERWISE = "select method, action, outcome, detail from outcomes where outcome not like 'applied%'"
_STATES = {"defaultMethod": "signInPreferences", "perUserMfaState": "requirements", "smsSignIn": "disableSmsSignIn"}


@dataclass
class Result(Endured):
    """What was left: everything in `bad` should be empty. `kinds`: what was changed."""

    kinds: Counter[str]
    bad: dict[str, list[str]]


@contextmanager
def stand(count: int) -> Iterator[Stand]:
    """A tenant with enough people for so many changes, in which every fifth mobile signs in."""
    users = round(count * _EACH) + 60

    def furnished(home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        world = build(home, users=users, population="2026").tenant
        phones = [user for user in world.living() if MOBILE in user.methods and not user.story]
        phones = [user for user in phones if user.profile["userType"] == "Member"]  # a guest never signs in by SMS
        for user in phones[::5]:
            user.methods[MOBILE].fields["smsSignInState"], user.sms_policy = "ready", True
            world.store.save(user.document())
        world.store.close()

    with tenant(users, furnished) as found:
        yield found


async def planned(stand: Stand, rules: cleanup.Rules = RULES) -> Plan:
    """The plan, made as the runbook makes it."""
    now = datetime.now(UTC)
    async with Graph.connect(stand.profile) as graph:
        who = await subjects.people(graph, last_seen=True, tick=lambda _: None)
        held = await holdings.read(graph, list(who["user_id"]), states=rules.states, tick=lambda _: None)
        who, _ = await subjects.with_coverage(graph, subjects.with_states(who, held))
        everybody = removals.people(who, held.held)
        found = cleanup.asked(everybody, rules, now)
        return removals.make(found, everybody, held.current, who.assign(asked=who["user_id"], error=""), {})


def some(plan: Plan, count: int) -> pd.DataFrame:
    """So many of its writes, all of each person that is among them."""
    writes = plan.writes
    each = writes.groupby("user_id", sort=False).size().sample(frac=1, random_state=1)
    return writes[writes["user_id"].isin(each[each.cumsum() <= count].index)].reset_index(drop=True)


def people(stand: Stand) -> dict[str, User]:
    """Everybody as they truly are."""
    with sqlite3.connect(stand.folder / "demo" / "tenant.sqlite") as db:
        found = [revive(json.loads(body)) for (body,) in db.execute("select body from users")]
    return {user.id: user for user in found}


def events(stand: Stand) -> Iterator[tuple[str, str, str]]:
    """(user id, what happened, the method's id or the new default) as the tenant wrote it down."""
    with sqlite3.connect(stand.folder / "demo" / "tenant.sqlite") as db:
        records = [json.loads(body) for (body,) in db.execute("select body from audits order by number")]
    for record in records:
        values = {v["displayName"]: v["newValue"] for v in record["targetResources"][0]["modifiedProperties"]}
        user = str(record["targetResources"][0]["id"])
        if "AuthenticationMethodId" in values:
            yield user, str(record["operationType"]), str(values["AuthenticationMethodId"])
        elif "userPreferredMethod" in values:
            yield user, "Default", str(json.loads(values["userPreferredMethod"]))


def stood(user: User) -> dict[str, str]:
    """All of a person: methods by id with the value that can be put back, the states, the default."""
    found = {"default": user.preferred, "mfa": user.per_user_mfa}
    for method in user.methods.values():
        found[method.id] = str(method.fields.get("phoneNumber") or method.fields.get("emailAddress") or "")
        found[f"{method.id} signs in"] = str(method.fields.get("smsSignInState") == "ready")
    return found


def expected(user: User, rows: pd.DataFrame) -> dict[str, str]:
    """Where a person should stand after these changes."""
    found = stood(user)
    default = user.default
    for row in rows.to_dict("records"):
        if row["action"] == "remove":
            gone = survivors.graph_id(row["method"], row["method_id"], row["before"])
            found.pop(gone), found.pop(f"{gone} signs in")
            default = None if default == gone else default
        elif row["method"] == "defaultMethod":
            found["default"], default = row["after"], "moved"
        elif row["method"] == "perUserMfaState":
            found["mfa"] = row["after"]
        elif f"{MOBILE} signs in" in found:
            found[f"{MOBILE} signs in"] = "False"
    served = {word for method in user.methods.values() if method.id in found for word in _words(method)}
    return found | ({} if default and found["default"] in served else {"default": "none"})


def _words(method: Method) -> set[str]:
    """What a default method is called that this one serves."""
    more = {"voiceMobile"} if method.id == MOBILE else set()
    return {word for word in (PREFERRED.get(method.id), KIND_PREFERRED.get(method.kind)) if word} | more


def gone_through(stand: Stand, before: dict[str, User], changes: pd.DataFrame) -> dict[str, list[str]]:
    """What the tenant's own records say that must not have been: by whom it happened to."""
    leavers = set(changes.loc[changes["reason"] == "leaver", "user_id"])
    moves = set(changes.loc[changes["method"] == "defaultMethod", "user_id"])
    held = {user.id: {m.id for m in user.methods.values() if m.kind not in _NO_WAY_IN} for user in before.values()}
    standing = {user.id: user.default for user in before.values()}
    found: dict[str, list[str]] = {"left without a way in": [], "a default removed before it was moved": []}
    for user, what, which in events(stand):
        if what == "Default":
            standing[user] = which
        if what != "Delete":
            continue
        if user in moves and standing[user] == which:
            found["a default removed before it was moved"].append(user)
        had = bool(held[user])
        held[user].discard(which)
        if had and not held[user] and user not in leavers:
            found["left without a way in"].append(user)
    return found


def unintended(journal: Path, log: list[dict[str, Any]]) -> list[str]:
    """Users of whom the tenant was asked for a write that the journal had not noted before, as often."""
    intents: dict[tuple[str, str], list[str]] = defaultdict(list)
    with sqlite3.connect(journal) as db:
        for user, method, one, value, at in db.execute("select user_id, method, method_id, before, at from intents"):
            end = _STATES.get(method) or survivors.graph_id(method, one, value)
            intents[user, end.casefold()].append(at)
    sent: Counter[tuple[str, str]] = Counter()
    found = []
    for row in (row for row in log if row["method"] != "GET" and row["user"]):
        key = row["user"], row["path"].rpartition("/")[2].casefold()
        sent[key] += 1
        noted = sorted(intents[key])[: sent[key]]
        # The log tells whole seconds.
        if len(noted) < sent[key] or noted[-1][:19] > row["time"][:19]:
            found.append(row["user"])
    return found


def chaos(stand: Stand, count: int, kills: int, seed: int) -> tuple[Result, pd.DataFrame]:
    """Kill and go on until it is done; then ask the tenant's state and records. Returns the changes as well."""
    before = people(stand)
    changes = some(asyncio.run(planned(stand)), count)
    changes.to_parquet(stand.folder / "changes.parquet")
    journal = stand.folder / "journal.sqlite"
    words = [str(stand.folder / "demo" / "connection.yaml"), str(stand.folder / "changes.parquet"), str(journal)]
    endured = endure(stand, journal, Lives("bench.killed", words, said=stand.folder / "said"), lives(seed, kills), seed)
    print((stand.folder / "said").read_text().splitlines()[-1])
    after, log = people(stand), stand.log()
    each = dict(list(changes.groupby("user_id", sort=False)))
    wrong = [user for user in before if stood(after[user]) != expected(before[user], each.get(user, changes[:0]))]
    refused = [row["user"] for row in log if row["method"] != "GET" and row["status"] in (400, 403, 404, 409)]
    bad = {"not as planned": wrong, "refused by Graph": refused, "a write without an intent": unintended(journal, log)}
    bad |= gone_through(stand, before, changes)
    bad |= {name: ["?"] * often for name, often in sins(log).items()}
    kinds = Counter(changes["action"].where(changes["action"] != "update", changes["method"]) + " " + changes["reason"])
    return Result(**vars(endured), kinds=kinds, bad=bad), changes


def written(journal: Path) -> set[str]:
    """The changes that were applied."""
    with sqlite3.connect(journal) as db:
        rows = db.execute("select change_id from outcomes where outcome in ('applied', 'applied_with_note')")
        return {change_id for (change_id,) in rows}


def undone(stand: Stand, before: dict[str, User], changes: pd.DataFrame) -> dict[str, list[str]]:
    """Take it back: who is not as before, but for what nobody can bring back; and what of that is not listed."""
    made, outcomes = asyncio.run(take_back(stand))
    lost = made.changes[made.changes["reason"] == "irreversible"]
    listed = set(zip(lost["user_id"], lost["method"], lost["method_id"], strict=True))
    gone = changes[(changes["action"] == "remove") & ~changes["method"].isin(("mobile", "alternateMobile", "office"))]
    gone = gone[(gone["method"] != "email") & gone["change_id"].isin(written(stand.folder / "journal.sqlite"))]
    unlisted = set(zip(gone["user_id"], gone["method"], gone["method_id"], strict=True)) ^ listed
    after, losers = people(stand), set(lost["user_id"])
    wrong = []
    for user, person in before.items():
        was, now = stood(person), stood(after[user])
        if user in losers:  # a default that stood on what is gone stands nowhere
            keys = {key.partition(" ")[0] for key in was} - {key.partition(" ")[0] for key in now}
            was = {key: value for key, value in was.items() if key.partition(" ")[0] not in keys | {"default"}}
            now.pop("default")
        wrong += [user] if was != now else []
    stayed = made.changes[made.changes["action"].eq("blocked") & made.changes["reason"].ne("irreversible")]
    # A number that is put back signs in by itself where the policy says so: then that is there already.
    there = outcomes["outcome"].isin(("applied", "applied_with_note")) | (outcomes["found"] == outcomes["after"])
    failed = outcomes[~there]
    return {
        "not as before": wrong, "lost and not listed, or listed and not lost": sorted(user for user, *_ in unlisted),
        "left": [*stayed["user_id"], *failed["user_id"]],
    }  # fmt: skip


def main(count: int, kills: int, seed: int = 1) -> None:
    with stand(count) as here:
        before = people(here)
        got, changes = chaos(here, count, kills, seed)
        who = f"{len(changes):,} changes of {changes['user_id'].nunique():,} people"
        print(f"{who}, killed {got.killed.total()} times in {got.seconds:,.0f} s: {got.outcomes}")
        print(f"  {dict(got.killed)}\n  {dict(got.kinds)}")
        print(f"  { ({name: len(found) for name, found in got.bad.items()}) }", flush=True)
        back = undone(here, before, changes)
        print(f"undone: { ({name: len(found) for name, found in back.items()}) }")
    for name, found in (got.bad | back).items():
        print(f"  {name}: {found[:5]}") if found else None
    sys.exit(any(got.bad.values()) or any(back.values()))


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (2_000, 50))
