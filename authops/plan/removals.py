"""What is asked of people's methods → a plan that leaves nobody without a way in. Pure; rules and lists ask alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from authops.methods import survivors, temporary_access_pass
from authops.methods.kinds import KINDS, behind, numbers
from authops.methods.reported import meanings
from authops.plan import plan
from authops.plan.plan import Plan
from authops.words.frames import HOLDINGS, PROBLEMS, SUBJECTS, WANTED, WRITES, check, frame

_NOT_COVERED: Final = "not_covered"
_BECAME: Final = {"planned": WRITES, "held": ("blocked",), "to be left": ("keep",)}


@dataclass(frozen=True)
class Ask:
    """One thing that is to go, or to become another word; `rule`: who asks, and the reason that its row shows."""

    method: str
    method_id: str
    rule: str
    value: str = ""
    condition: str = ""
    line: int = 0
    ticket: str = ""


@dataclass(frozen=True)
class Doubt:
    """Somebody of whom a rule ("": all of them) could not be judged: the code of a problem, and the words."""

    user: str
    rule: str
    problem: str
    message: str
    line: int = 0


@dataclass
class Asked:
    """What is asked of everybody (object ids), and of whom it could not be told."""

    asks: dict[str, list[Ask]] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)


@dataclass(frozen=True)
class Person:
    """One person, with all that is known."""

    row: Mapping[str, Any]
    held: Sequence[Mapping[str, Any]]
    default: str
    mfa: str

    @property
    def known(self) -> bool:
        """All of it was read and is understood."""
        return all(one["known"] for one in self.held)

    def of(self, kinds: Collection[str]) -> list[Mapping[str, Any]]:
        """What they hold of these kinds."""
        return [one for one in self.held if one["method"] in kinds]


def people(subjects: pd.DataFrame, held: pd.DataFrame) -> list[Person]:
    """SUBJECTS and HOLDINGS → the people, with their methods; who was not read has one that is not known."""
    by_user: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in check(held, HOLDINGS).to_dict("records"):
        by_user[row["user_id"]].append({str(k): v for k, v in row.items()})
    rows = [{str(k): v for k, v in row.items()} for row in check(subjects, SUBJECTS).to_dict("records")]
    unread = [{"known": False, "method": "", "method_id": ""}]
    return [
        Person(row, [h for h in by_user.get(row["user_id"], unread) if h["method"] or not h["known"]], row["default"],
               row["per_user_mfa"])
        for row in rows
    ]  # fmt: skip


def slot_id(one: Mapping[str, Any]) -> str:
    """Graph's id where a person may have many of the kind, else nothing (HOLDINGS row)."""
    kind = KINDS.get(one["method"])
    return str(one["method_id"]) if kind and kind.many else ""


def held_of(person: Person) -> list[survivors.Held]:
    """What they hold, as the guard judges it."""
    return _as_held(person.held)


def _as_held(rows: Iterable[Mapping[str, Any]]) -> list[survivors.Held]:
    known, opens = meanings(), temporary_access_pass.valid
    return [survivors.Held(h["method_id"].casefold(), h["name"], known.get(h["name"]), opens(h["value"])) for h in rows]


def make(
    found: Asked,
    everybody: Sequence[Person],
    current: pd.DataFrame,
    users: pd.DataFrame,
    header: Mapping[str, Any],
    problems: pd.DataFrame | None = None,
) -> Plan:
    """The plan: judged like any other, then each row under its rule, and held where somebody would be left without.

    `current`: CURRENT of all they hold; `users`: USERS plus `asked`; `problems`: PROBLEMS of a list.
    """
    by_user = {str(person.row["user_id"]): person for person in everybody}
    rows = [_wanted(user, ask) for user, asks in found.asks.items() for ask in asks]
    doubts = [{"user": d.user, "rule": d.problem, "message": d.message, "line": d.line} for d in found.doubts]
    mine = current[current["user_id"].isin(found.asks)]
    told = frame(PROBLEMS, doubts) if problems is None else pd.concat([problems, frame(PROBLEMS, doubts)])
    told = told.reset_index(drop=True)
    made = plan.make(frame(WANTED, rows), _defaults(mine, found, by_user), users, told, header)
    changes = made.changes.copy()
    writes = changes["action"].isin(WRITES)
    changes["reason"] = changes["reason"].where(~writes, _asked_by(changes, found))
    return Plan(_guarded(changes, by_user), made.problems, made.header)


def _asked_by(changes: pd.DataFrame, found: Asked) -> pd.Series[str]:
    """The rule that asks for each change."""
    rules = {(user, a.method, a.method_id): a.rule for user, asks in found.asks.items() for a in asks}
    slots = zip(changes["user_id"], changes["method"], changes["method_id"], strict=True)
    return pd.Series([rules[slot] for slot in slots], index=changes.index, dtype="str")


def tally(found: Asked, made: Plan, rules: Mapping[str, str], active: Iterable[str] = ()) -> dict[str, str]:
    """What each rule asked for and what became of it in the plan, also where that is nothing.

    `rules`: rule → what it takes, `active`: those that are on.
    """
    by = _asked_by(made.changes, found)
    actions = {what: Counter(by[made.changes["action"].isin(kinds)]) for what, kinds in _BECAME.items()}
    asked, unknown = Counter(by), Counter(doubt.rule for doubt in found.doubts)
    lines = {}
    for rule in dict.fromkeys([*active, *asked]):
        became = [f"{actions[what][rule]:,} {what}" for what in _BECAME if actions[what][rule]]
        became += [f"{unknown[rule]:,} people not known"] if unknown[rule] else []
        lines[rules[rule]] = ", ".join([f"{asked[rule]:,} asked for", *became])
    return lines | ({"people of whom not everything is known": f"{unknown['']:,}, left alone"} if unknown[""] else {})


def losing(wanted: pd.DataFrame, users: pd.DataFrame, *, allow_last: bool = False) -> list[str]:
    """Whose second factors a file wants to remove (WANTED; USERS plus `asked`): all they hold has to be known."""
    rows = wanted[wanted["intent"].eq("remove") & wanted["method"].isin(_factors())]
    mine = users["asked"].str.casefold().isin(rows["user"].str.casefold().unique()) & users["user_id"].ne("")
    return [] if allow_last or rows.empty else list(users.loc[mine, "user_id"].unique())


def kept(made: Plan, held: pd.DataFrame, *, allow_last: bool = False) -> Plan:
    """The plan of a file in which nobody loses their last second factor, as far as `held` (HOLDINGS) tells; what it
    adds counts.
    """
    changes = made.changes
    rows = changes["action"].eq("remove") & changes["method"].isin(_factors())
    if allow_last or not rows.any():
        return made
    changes = changes.copy()
    changes.loc[rows, "condition"] = survivors.SURVIVOR
    adds = changes["action"].eq("add") & changes["method"].isin(_factors())
    given = set(changes.loc[adds, "user_id"])
    by_user = {user: _held(ones) for user, ones in held.groupby("user_id")}
    going = _going(changes)
    asks = zip(changes.index[rows], changes.loc[rows, "user_id"], strict=True)
    unread = [survivors.Held("", "unknown", None)]
    why = {at: survivors.refused(by_user.get(user, unread), going[user], survivors.SURVIVOR) for at, user in asks}
    users = changes["user_id"].to_dict()
    held_back = {at: said for at, said in why.items() if said and (said != survivors.LAST or users[at] not in given)}
    return Plan(_blocked(changes, held_back), made.problems, made.header)


def _factors() -> list[str]:
    return [name for name, kind in KINDS.items() if kind.factor and kind.family == "value"]


def _held(rows: pd.DataFrame) -> list[survivors.Held]:
    """HOLDINGS of one person, as the guard judges it; what was not read may be anything."""
    records = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    if not all(row["known"] for row in records):
        return [survivors.Held("", "unknown", None)]
    return _as_held(row for row in records if row["method"])


def _going(changes: pd.DataFrame) -> dict[str, set[str]]:
    """User → Graph's ids of what is to be removed."""
    removed = changes[changes["action"].eq("remove")]
    going: dict[str, set[str]] = defaultdict(set)
    for user, *which in zip(*(removed[n] for n in ("user_id", "method", "method_id", "before")), strict=True):
        going[user].add(survivors.graph_id(*which))
    return going


def _blocked(changes: pd.DataFrame, why: Mapping[Any, str]) -> pd.DataFrame:
    held = list(why)
    changes.loc[held, "action"], changes.loc[held, "step"] = "blocked", 0
    changes.loc[held, "reason"] = [why[at] for at in held]
    changes.loc[held, "after"] = changes.loc[held, "before"]
    return changes


def _ids(person: Person, asks: Iterable[Ask]) -> set[str]:
    """Graph's ids of what is asked to go."""
    asked_for = {(ask.method, ask.method_id) for ask in asks}
    return {str(one["method_id"]).casefold() for one in person.held if (one["method"], slot_id(one)) in asked_for}


def _wanted(user: str, ask: Ask) -> dict[str, Any]:
    state = KINDS[ask.method].family == "state"
    what = {"intent": "set" if state else "remove", "value": ask.value, "overwrite": True}
    which = {"line": ask.line, "user": user, "method": ask.method, "method_id": ask.method_id}
    return which | what | {"condition": ask.condition, "ticket": ask.ticket}


def _defaults(current: pd.DataFrame, found: Asked, by_user: Mapping[str, Person]) -> pd.DataFrame:
    """CURRENT with the default as it will be when removals begin, and how many other factors stay beside phones."""
    after, others = {}, {}
    for user, asks in found.asks.items():
        word = next((a.value for a in asks if a.method == "defaultMethod"), by_user[user].default)
        going = _ids(by_user[user], asks)
        stay = [one for one in held_of(by_user[user]) if one.id not in going]
        after[user] = behind(word)
        phones = {KINDS[name].report for name in numbers()}
        others[user] = sum(one.meaning is not None and one.meaning.factor and one.name not in phones for one in stay)
    users, methods = current["user_id"], current["method"]
    return current.assign(
        is_default=[m in after[u] for u, m in zip(users, methods, strict=True)],
        others=[others[u] for u in users],
    )


def _guarded(changes: pd.DataFrame, by_user: Mapping[str, Person]) -> pd.DataFrame:
    """Nobody ends without a method that satisfies MFA who had one, but where the row does not ask for that."""
    going, asks = _going(changes), changes[changes["action"].isin(WRITES)]
    rows = [row for row in zip(asks.index, asks["user_id"], asks["condition"], strict=True) if row[2]]
    why = {at: survivors.refused(held_of(by_user[user]), going[user], said) for at, user, said in rows}
    if_covered = [(at, user) for at, user, said in rows if survivors.COVERED in said.split()]
    why |= {at: _NOT_COVERED for at, user in if_covered if by_user[user].row["covered"] != "yes"}
    return _blocked(changes, {at: said for at, said in why.items() if said})
