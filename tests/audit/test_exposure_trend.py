"""Two looks at the retirement, a week apart: who stands worse or better, and how the figures move."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from authops.audit import exposure_trend, retirement, snapshot
from authops.words.frames import EXPOSURE, HOLDERS, frame
from authops.words.retirement import dates
from tests.audit.test_retirement import PHONE, USUAL

BOTH = f"{PHONE} microsoftAuthenticatorPush"
# Name → what they held a week ago, and now; None is not there, "?" not known, "-" disabled.
MOVED: dict[str, tuple[str | None, str | None, str]] = {
    "same": (PHONE, PHONE, ""),
    "fine": (BOTH, BOTH, ""),
    "fell": (BOTH, PHONE, "regressed"),
    "slid": (f"{PHONE} passKeySynced email", f"{PHONE} passKeySynced", "regressed"),
    "lost-phone": ("", PHONE, "regressed"),
    "rose": (PHONE, f"{PHONE} passKeySynced", "improved"),
    "done": (PHONE, BOTH, "resolved"),
    "also-done": (f"{PHONE} passKeySynced", f"{PHONE} passKeySynced email", "resolved"),
    "hired": (None, PHONE, "new"),
    "back": ("-", PHONE, "new"),
    "gone": (PHONE, None, "left"),
    "switched-off": (PHONE, "-", "left"),
    "away": ("-", None, ""),
    "dark": (PHONE, "?", "no longer known"),
    "seen": ("?", PHONE, "now known"),
    "seen-well": ("?", BOTH, "now known"),
}


def look(which: int) -> pd.DataFrame:
    rows = []
    for name, moved in MOVED.items():
        held = str(moved[which])
        state = {"methods": "" if held in ("?", "-") else held, "known": "HTTP 500" if held == "?" else "yes"}
        state |= {"account": "disabled"} if held == "-" else {}
        rows += [USUAL | {"user_id": name, "user_principal_name": name} | state] if moved[which] is not None else []
    return retirement.exposure(frame(HOLDERS, rows), dates())


def test_what_moved_person_by_person() -> None:
    found = exposure_trend.differences(look(0), look(1)).set_index("user_id")
    assert found["change"].to_dict() == {name: kind for name, (*_, kind) in MOVED.items() if kind}
    assert set(found["change"]) == set(exposure_trend.KINDS)
    assert (found["gained"]["done"], found["lost"]["fell"]) == ("microsoftAuthenticatorPush",) * 2
    assert (found["gained"]["seen"], found["lost"]["dark"]) == ("", "")


def test_the_worst_comes_first_and_the_same_twice_is_nothing() -> None:
    found = exposure_trend.differences(look(0), look(1))
    order = [list(exposure_trend.KINDS).index(kind) for kind in found["change"]]
    assert order == sorted(order)
    assert exposure_trend.differences(look(1), look(1)).empty
    assert exposure_trend.differences(look(1).iloc[:0], look(1).iloc[:0]).empty


def test_two_snapshots_a_week_apart_give_the_trend_and_hold_no_number(tmp_path: Path) -> None:
    of = {"tenant_id": "t", "sort": snapshot.RETIREMENT}
    for which, at in ((0, "2026-11-19T08:00:00+00:00"), (1, "2026-11-26T08:00:00+00:00")):
        (folder := tmp_path / at[:10]).mkdir()
        people = look(which)
        kept = snapshot.save(people, exposure_trend.counted(people), folder, at=at, **of)
        snapshot.keep(kept, str(tmp_path / "kept"), snapshot.RETIREMENT)
    later = {"before": "2026-12-01", "most": 9, "tenant_id": "t"}
    earlier = snapshot.earlier(tmp_path, str(tmp_path / "kept"), sort=snapshot.RETIREMENT, **later)
    assert [s.at[:10] for s in earlier] == ["2026-11-19", "2026-11-26"]
    moving = exposure_trend.over_time([(s.at, s.tally) for s in earlier])
    assert list(moving["blocked"]) == [6, 6]
    assert list(moving["covered"]) == [3, 4]
    pd.testing.assert_frame_equal(
        exposure_trend.differences(earlier[0].load(), earlier[1].load()),
        exposure_trend.differences(look(0), look(1)),
    )
    assert set(pd.read_parquet(earlier[0].path).columns) == set(EXPOSURE) - {"display_name"}
    assert snapshot.earlier(tmp_path, str(tmp_path / "kept"), **later) == [], "an audit's snapshots are others"


@pytest.mark.parametrize("name", list(exposure_trend.KINDS))
def test_every_kind_of_move_is_explained(name: str) -> None:
    assert exposure_trend.KINDS[name]
