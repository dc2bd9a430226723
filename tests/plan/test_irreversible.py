"""What nobody can give back is approved apart, by its number: in a grid, on the command line, by a limit in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authops.__main__ import main
from authops.plan import guards, plan_file
from authops.plan.plan import Plan
from authops.words.errors import GuardStop
from authops.words.frames import CHANGES, PROBLEMS, empty, frame

ROWS = [
    {"method": "mobile", "action": "add", "after": "+31 612345678"},
    {"method": "office", "action": "remove", "before": "+31 201234567"},
    {"method": "fido2", "action": "remove", "before": "Key, not attested #k1"},
    {"method": "windowsHelloForBusiness", "action": "remove", "before": "Laptop #w1"},
    {"method": "fido2", "action": "blocked", "before": "Key #k2", "after": "Key #k2"},
]
ALL = ["c0", "c1", "c2", "c3"]


def planned(folder: Path, **limits: int | None) -> Plan:
    rows = [{"change_id": f"c{n}", "user_id": "u", "step": n, "line": n} | row for n, row in enumerate(ROWS)]
    made = Plan(frame(CHANGES, rows), empty(PROBLEMS), {"tenant_id": "t", "rules": limits})
    folder.mkdir(exist_ok=True)
    return plan_file.save(made, folder, now=plan_file.utc_now())


def approve(made: Plan, folder: Path, ids: list[str], **more: Any) -> None:
    plan_file.approve(made, folder, ids, by="ann", now=plan_file.utc_now(), **more)


def allowed(made: Plan, folder: Path) -> list[str]:
    return list(plan_file.approved(made, folder, tenant_id="t", now=plan_file.utc_now())["change_id"])


@pytest.mark.parametrize(
    ("ids", "typed", "saved"),
    [(ALL, 2, True), (ALL, 0, False), (ALL, 1, False), (ALL, 3, False), (ALL[:3], 1, True), (ALL[:2], 0, True),
     (ALL[:2], 2, False), ([], 0, True)],
)  # fmt: skip
def test_an_approval_needs_the_very_number_of_what_cannot_be_taken_back(
    tmp_path: Path, ids: list[str], typed: int, saved: bool
) -> None:
    made = planned(tmp_path / "run")
    if saved:
        approve(made, tmp_path / "run", ids, irreversible=typed)
        assert allowed(made, tmp_path / "run") == ids
        return
    with pytest.raises(GuardStop, match=r"of these changes cannot be taken back, and \d were approved apart"):
        approve(made, tmp_path / "run", ids, irreversible=typed)
    assert not (tmp_path / "run" / "approval.json").exists()


@pytest.mark.parametrize("said", [{}, {"irreversible": 1}])
def test_an_approval_that_was_made_otherwise_is_applied_by_nobody(tmp_path: Path, said: dict[str, int]) -> None:
    """As by another version, or by hand, with a seal that holds."""
    made, path = planned(tmp_path / "run"), tmp_path / "run" / "approval.json"
    approve(made, tmp_path / "run", ALL, irreversible=2)
    told = {
        name: v for name, v in json.loads(path.read_text()).items() if name not in ("irreversible", "digest")
    } | said
    path.write_text(json.dumps(told | {"digest": plan_file._digest_of(told)}))
    with pytest.raises(GuardStop, match="max_irreversible: 2 of the approved changes cannot be taken back") as stop:
        allowed(made, tmp_path / "run")
    assert stop.value.exit_code == 4


@pytest.mark.parametrize(("most", "said"), [(2, "2 of them cannot"), (None, "2 of them cannot"), (1, ""), (0, "")])
def test_a_parameter_approves_up_to_the_limit_that_the_plan_was_made_with(
    tmp_path: Path, most: int | None, said: str
) -> None:
    made = planned(tmp_path / "run", max_irreversible=most)
    broken = guards.breaches(made, max_irreversible=most, approve="all")
    assert list(broken["guard"]) == ([] if said else ["max_irreversible"])
    if said:
        assert said in plan_file.decide(made, tmp_path / "run", "all", broken, by="ann")
        assert plan_file.approval(made, tmp_path / "run")["cannot be taken back"] == "2 of them, approved apart"
        return
    (message,) = broken["message"]
    assert "-p max_irreversible 2" in message
    with pytest.raises(GuardStop, match="were approved apart"):
        plan_file.decide(made, tmp_path / "run", "all", broken.iloc[:0], by="ann")
    assert not (tmp_path / "run" / "approval.json").exists()


@pytest.mark.parametrize(
    ("words", "typed", "code"),
    [([], "y\n2\n", 0), ([], "y\n1\n", 4), (["--yes"], "", 4), (["--yes", "--irreversible", "2"], "", 0)],
)
def test_on_the_command_line_the_number_is_asked_for(tmp_path: Path, words: list[str], typed: str, code: int) -> None:
    planned(tmp_path / "run")
    done = CliRunner().invoke(main, ["approve", str(tmp_path / "run"), *words], input=typed)
    assert done.exit_code == code, done.output
    assert (tmp_path / "run" / "approval.json").exists() == (code == 0)
