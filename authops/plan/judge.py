"""Every wanted user and method × what there is now → action, before, after, reason, and the order of the writes.

Whole columns at a time: 200,000 people are judged in seconds. A slot is one user and method, and, behind all of those,
one for each of the many that a person has of a kind; arrays named `…_at` have one place per slot, all others one per
wanted row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from authops.methods.kinds import KINDS
from authops.plan.notes import noted
from authops.words.frames import CHANGES, columns

_KEEP, _ADD, _UPDATE, _REMOVE, _BLOCKED = range(5)
_ACTIONS: Final = np.array(["keep", "add", "update", "remove", "blocked"], dtype=object)
_REASONS: Final = np.array(
    [
        "blank_left_alone", "blank_removes", "nothing_to_remove", "no_method", "equal_number", "overwrite_allowed",
        "overwrite_not_allowed", "current_unknown", "default_method", "mobile_held_by_alternate",
        "alternate_needs_mobile", "pass_is_over", "pass_replaced", "has_pass",
    ],
    dtype=object,
)  # fmt: skip
_REASON: Final = {str(reason): code for code, reason in enumerate(_REASONS)}
_DEFAULT_LAST: Final = 100
# Whoever sees that such a thing is there does not have its code.
_SECRET: Final = [name for name, kind in KINDS.items() if kind.secret]


@dataclass
class _Now:
    """What there is now, per slot."""

    known_at: Any
    present_at: Any
    default_at: Any
    others_at: Any
    row_at: Any


def judge(wanted: pd.DataFrame, current: pd.DataFrame, users: pd.DataFrame, places: Any) -> pd.DataFrame:
    """CHANGES for wanted rows (WANTED) of users found; `places`: the position of each row's user in `users`."""
    person, who = pd.factorize(places)
    method = _codes(wanted["method"])
    ids = users["user_id"].iloc[who]
    slot, now = _now(current, ids, person, method, wanted["method_id"])
    before = _taken(current["value"], now.row_at[slot], now.known_at[slot])
    action, reason = _actions(wanted, before, now, slot)
    left_at = now.present_at.copy()
    left_at[slot[(action == _ADD) | (action == _UPDATE)]] = True
    left_at[slot[action == _REMOVE]] = False
    _hold_default(action, reason, slot, (person, method), left_at, now)
    _hold_pair(action, reason, slot, (person, method), left_at, now)
    writes = (action == _ADD) | (action == _UPDATE)
    after = wanted["value"].where(writes, before).mask(action == _REMOVE, "")
    people = users.iloc[places]
    changes = columns(
        CHANGES,
        change_id=[f"c{n:07d}" for n in range(1, len(wanted) + 1)],
        line=wanted["line"].to_numpy(),
        user_id=people["user_id"].array,
        user_principal_name=people["user_principal_name"].array,
        display_name=people["display_name"].array,
        method=wanted["method"].array,
        method_id=wanted["method_id"].array,
        action=_ACTIONS[action],
        before=before.array,
        after=after.array,
        reason=_REASONS[reason],
        note=wanted["note"].array,
        step=_steps(action, method, person, now.default_at[slot]),
        ticket=wanted["ticket"].array,
        condition=wanted["condition"].array,
    )
    return noted(changes, current, people["country"].array)


def _codes(methods: pd.Series[str]) -> Any:
    return pd.Categorical(methods, categories=list(KINDS)).codes.astype(np.int64)


def _now(current: pd.DataFrame, ids: pd.Series[str], person: Any, method: Any, one: pd.Series[str]) -> tuple[Any, _Now]:
    """The slot of each wanted row (`one`: which of many), and the present state. A slot nobody read is not known."""
    at = pd.Index(ids).get_indexer(pd.Index(current["user_id"]))
    ours = np.flatnonzero(at >= 0)
    codes, several = _codes(current["method"]), _Several(len(ids) * len(KINDS))
    slots = several.slots(at[ours], codes[ours], current["method_id"].iloc[ours])
    slot = several.slots(person, method, one)
    row_at = np.full(several.size, -1, dtype=np.int32)  # there are many more slots than rows
    row_at[slots] = ours
    read = row_at >= 0
    rows = row_at[read]

    def spread(values: Any, without: Any) -> Any:
        spread_ = np.full(several.size, without)
        spread_[read] = np.asarray(values)[rows]
        return spread_

    known_at = spread(current["known"], False)
    # Of many, one that is not listed is not there, as far as all of them are known.
    missing = np.flatnonzero(~read)
    missing = missing[missing >= several.first]
    known_at[missing] = known_at[several.whole[missing - several.first]]
    present_at = spread(current["value"] != "", False)
    default_at, others_at = spread(current["is_default"], False), spread(current["others"], np.int32(-1))
    return slot, _Now(known_at, present_at, default_at, others_at, row_at)


class _Several:
    """Slots of what people have many of, numbered behind the others; `whole`: the slot that stands for all of them."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._numbers: dict[tuple[int, int, str], int] = {}
        self._whole: list[int] = []

    @property
    def size(self) -> int:
        return self.first + len(self._numbers)

    @property
    def whole(self) -> Any:
        return np.array(self._whole, dtype=np.int64)

    def slots(self, person: Any, method: Any, one: pd.Series[str]) -> Any:
        found = person * len(KINDS) + method
        for row in np.flatnonzero((one != "").to_numpy()):
            found[row] = self._slot(int(person[row]), int(method[row]), str(one.iloc[row]), int(found[row]))
        return found

    def _slot(self, person: int, method: int, one: str, whole: int) -> int:
        key = person, method, one.casefold()
        if key not in self._numbers:
            self._numbers[key] = self.size
            self._whole.append(whole)
        return self._numbers[key]


def _taken(values: pd.Series[str], rows: Any, known: Any) -> pd.Series[str]:
    """The values of some rows, "" where nothing is known or there is no row."""
    if values.empty:
        return pd.Series([""] * len(rows), dtype="str")
    known = known & (rows >= 0)
    return values.iloc[np.where(known, rows, 0)].reset_index(drop=True).where(known, "")


def _actions(wanted: pd.DataFrame, before: pd.Series[str], now: _Now, slot: Any) -> tuple[Any, Any]:
    """(action, reason) of each row, before the rules that look at the whole user."""
    known, there = now.known_at[slot], now.present_at[slot] & now.known_at[slot]
    sets, removes = (wanted["intent"] == "set").to_numpy(), (wanted["intent"] == "remove").to_numpy()
    same = _same(before, wanted, sets & there)
    pass_there = there & wanted["method"].isin(_SECRET).to_numpy()
    over = _spent(wanted["method"], before, pass_there)
    allowed = wanted["overwrite"].to_numpy()
    cases = [
        (~known, _BLOCKED, "current_unknown"),
        (~sets & ~removes, _KEEP, "blank_left_alone"),
        (removes & there, _REMOVE, "blank_removes"),
        (removes, _KEEP, "nothing_to_remove"),
        (~there, _ADD, "no_method"),
        (over, _UPDATE, "pass_is_over"),
        (pass_there & allowed, _UPDATE, "pass_replaced"),
        (pass_there, _KEEP, "has_pass"),
        (same, _KEEP, "equal_number"),
        (allowed, _UPDATE, "overwrite_allowed"),
    ]
    masks = [case[0] for case in cases]
    action = np.select(masks, [case[1] for case in cases], _KEEP)
    return action, np.select(masks, [_REASON[case[2]] for case in cases], _REASON["overwrite_not_allowed"])


def _same(before: pd.Series[str], wanted: pd.DataFrame, asked: Any) -> Any:
    """Where what is there and what is wanted are equal, however they are spelled."""
    value = wanted["value"]
    same = (before == value).to_numpy() & asked
    differ = np.flatnonzero(asked & ~same)
    columns_ = (wanted["method"], before, value)
    pairs = zip(*(column.to_numpy(dtype=object)[differ] for column in columns_), strict=True)
    same[differ] = [KINDS[method].same(one, other) for method, one, other in pairs]
    return same


def _spent(methods: pd.Series[str], before: pd.Series[str], asked: Any) -> Any:
    """Where what is there serves nobody any more."""
    found = np.zeros(len(methods), dtype=bool)
    rows = np.flatnonzero(asked)
    found[rows] = [KINDS[m].spent(value) for m, value in zip(methods.iloc[rows], before.iloc[rows], strict=True)]
    return found


def _hold_default(action: Any, reason: Any, slot: Any, whose: tuple[Any, Any], left_at: Any, now: _Now) -> None:
    """Removing the default is refused while other second factors remain (Graph: delete phoneAuthenticationMethod).

    Others are the further factors the user ends with, and what there is of kinds that are not ours; not knowing counts
    as having. What lives beside another kind (an alternate mobile) always has that one, for it may only go after it.
    """
    person, method = whose
    rows = np.flatnonzero((action == _REMOVE) & now.default_at[slot])
    factors = _grid(left_at, person)[person[rows]].copy()
    factors[:, [not kind.factor for kind in KINDS.values()]] = False
    factors[np.arange(len(rows)), method[rows]] = False
    beside = np.array([bool(kind.beside) for kind in KINDS.values()])[method[rows]]
    held = factors.any(axis=1) | beside | (now.others_at[slot[rows]] != 0)
    _block(rows[held], "default_method", action, reason, slot, left_at, now)


def _hold_pair(action: Any, reason: Any, slot: Any, whose: tuple[Any, Any], left_at: Any, now: _Now) -> None:
    """What lives beside another kind (an alternate mobile beside a mobile) neither comes nor stays without it."""
    person, method = whose
    left, first, names = _grid(left_at, person), person * len(KINDS), list(KINDS)
    added_at = np.zeros(len(left_at), dtype=bool)
    added_at[slot[action == _ADD]] = True
    for lone, needed in [(names.index(k.name), names.index(k.beside)) for k in KINDS.values() if k.beside]:
        held = (method == needed) & (action == _REMOVE) & left_at[first + lone] & ~added_at[first + lone]
        _block(np.flatnonzero(held), "mobile_held_by_alternate", action, reason, slot, left_at, now)
        alone = (method == lone) & ((action == _ADD) | (action == _UPDATE)) & ~left[person, needed]
        _block(np.flatnonzero(alone), "alternate_needs_mobile", action, reason, slot, left_at, now)


def _grid(left_at: Any, person: Any) -> Any:
    """Per person what is left in the slots that everybody has."""
    people = int(person.max()) + 1 if len(person) else 0
    return left_at[: people * len(KINDS)].reshape(-1, len(KINDS))


def _block(rows: Any, why: str, action: Any, reason: Any, slot: Any, left_at: Any, now: _Now) -> None:
    action[rows], reason[rows] = _BLOCKED, _REASON[why]
    left_at[slot[rows]] = now.present_at[slot[rows]]


def _steps(action: Any, method: Any, person: Any, default: Any) -> Any:
    """The place of each write among its user's writes, from 1; the default method goes last."""
    steps = np.zeros(len(action), dtype=np.int64)
    writes = np.flatnonzero((action != _KEEP) & (action != _BLOCKED))
    last = _DEFAULT_LAST * ((action[writes] == _REMOVE) & default[writes])
    ranks = np.array([[kind.order.ranks.get(str(name), 0) for kind in KINDS.values()] for name in _ACTIONS])
    order = writes[np.lexsort((ranks[action[writes], method[writes]] + last, person[writes]))]
    starts = np.flatnonzero(np.r_[True, np.diff(person[order]) != 0]) if len(order) else order
    sizes = np.diff(np.r_[starts, len(order)])
    steps[order] = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    return steps
