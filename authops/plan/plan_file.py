"""A plan and its approval on disk: saved once, sealed by a digest, refused when they are not what they say.

`plan.parquet` holds the changes (full numbers: readable by the owner only), `plan.json` the header, `problems.parquet`
the problems (masked), `approval.json` which changes were approved, by whom, until when.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.plan import decision_file
from authops.plan.plan import RULES_VERSION, Plan
from authops.words import disk
from authops.words.author import operator
from authops.words.errors import FrameError, GuardStop, PlanError
from authops.words.frames import CHANGES, PROBLEMS, WRITES, check

VERSION: Final = 4
_CHANGED: Final = "what was approved was changed or taken back meanwhile"
_REMEDY: Final = "run preview again and approve its plan"
_CLOSED: Final = "its approval stays as it was written; preview again for what is still to be changed"
_MARK: Final = "closed"
_STOPPED: Final = "a guard stopped this plan; shrink the file, or preview again with the limit raised in words"
_APART: Final = (
    "what cannot be taken back is approved apart: in the grid, authops approve FOLDER, or -p max_irreversible"
)
# Reasons of exclusion that are named.
_REASONS: Final = 5
# How far the clocks of two machines may be apart.
_SKEW: Final = timedelta(minutes=5)


def fingerprint(changes: pd.DataFrame) -> str:
    """SHA-256 over the declared columns of changes, row by row."""
    rows = check(changes, CHANGES)[list(CHANGES)].to_json(orient="split", index=False)
    return hashlib.sha256(str(rows).encode()).hexdigest()


def digest(plan: Plan, header: Mapping[str, Any]) -> str:
    """SHA-256 over the changes, the problems and the header but its own digest: all that a plan says."""
    said = {name: value for name, value in header.items() if name != "digest"}
    parts = [
        fingerprint(plan.changes),
        check(plan.problems, PROBLEMS)[list(PROBLEMS)].to_json(orient="split", index=False),
        json.dumps(said, sort_keys=True, ensure_ascii=False),
    ]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def save(plan: Plan, folder: Path, *, now: datetime, valid_hours: int = 24, broken: pd.DataFrame | None = None) -> Plan:
    """Write the plan into a run folder; returns it with its full header. Raises `PlanError` when one is there.

    `broken`: the guards that it breaks (guards.BREACHES); a plan that breaks any is kept, and never approved.
    """
    if (folder / "plan.json").exists():
        raise PlanError(f"{folder} already holds a plan", remedy="a plan is saved once; start a new run")
    header = json.loads(json.dumps(dict(plan.header), default=str)) | {
        "version": VERSION,
        "plan_id": str(uuid.uuid4()),
        "rules_version": RULES_VERSION,
        "made_at": now.isoformat(timespec="seconds"),
        "expires_at": (now + timedelta(hours=valid_hours)).isoformat(timespec="seconds"),
        "counts": plan.counts,
        "complete": plan.complete,
        "applicable": plan.applicable,
        "broken": {} if broken is None else dict(zip(broken["guard"], broken["message"], strict=True)),
    }
    header["digest"] = digest(plan, header)
    _private(folder / "plan.parquet", plan.changes)
    _private(folder / "problems.parquet", plan.problems)
    _write_json(folder / "plan.json", header)
    return Plan(plan.changes, plan.problems, header)


def load(folder: Path) -> Plan:
    """Read a saved plan. Raises `PlanError` when it is missing, of another version, or was edited."""
    header = _read_json(folder / "plan.json", "plan")
    if header.get("version") != VERSION:
        raise PlanError(f"{folder}: the plan has format {header.get('version')}, not {VERSION}", remedy=_REMEDY)
    try:
        changes = check(pd.read_parquet(folder / "plan.parquet"), CHANGES)
        problems = check(pd.read_parquet(folder / "problems.parquet"), PROBLEMS)
    except (OSError, ValueError, FrameError) as error:
        raise PlanError(
            f"{folder}: the plan's table cannot be read ({type(error).__name__})", remedy=_REMEDY
        ) from error
    plan = Plan(changes, problems, header)
    if digest(plan, header) != header.get("digest"):
        raise PlanError(f"{folder}: the plan was edited after it was saved", remedy=_REMEDY)
    if header["rules_version"] != RULES_VERSION:
        raise PlanError(
            f"{folder}: the plan was made under other rules (version {header['rules_version']}, now {RULES_VERSION})",
            remedy=_REMEDY,
        )
    return plan


def approve(
    plan: Plan,
    folder: Path,
    change_ids: list[str],
    *,
    by: str,
    now: datetime,
    note: str = "",
    excluded: Sequence[Mapping[str, Any]] = (),
    irreversible: int = 0,
) -> Path:
    """Write which changes may be applied. Raises `PlanError` for ids that are not writes of this plan, `GuardStop` for
    a plan that a guard stopped or that is closed, and where `irreversible` is not how many cannot be taken back.

    `excluded` is kept beside them for the record: change ids with their note, by whom and when.
    """
    if broken := plan.header.get("broken"):
        raise GuardStop("; ".join(f"{guard}: {said}" for guard, said in broken.items()), remedy=_STOPPED)
    if since := closed(folder):
        raise GuardStop(f"this plan was applied, and is closed since {since}", remedy=_CLOSED)
    out = {name for entry in excluded for name in entry["change_ids"]}
    if both := out & set(change_ids):
        raise PlanError(f"both approved and excluded: {', '.join(sorted(both)[:5])}", remedy="decide these again")
    unknown = (out | set(change_ids)) - set(plan.writes["change_id"])
    if unknown:
        raise PlanError(f"not changes of this plan: {', '.join(sorted(unknown)[:5])}", remedy=_REMEDY)
    if (lost := _lost(plan, change_ids)) != irreversible:
        said = f"{lost:,} of these changes cannot be taken back, and {irreversible:,} were approved apart"
        raise GuardStop(said, remedy=f"nothing was approved; {_APART}")
    approval = {
        "plan_digest": plan.header["digest"],
        "change_ids": sorted(change_ids),
        "irreversible": irreversible,
        "by": by,
        "operator": operator(),
        "at": now.isoformat(timespec="seconds"),
        "until": plan.header["expires_at"],
        "note": note,
        "excluded": [dict(entry) for entry in excluded],
    }
    return _write_json(folder / "approval.json", approval | {"digest": _digest_of(approval)})


def _lost(plan: Plan, change_ids: Collection[str]) -> int:
    """How many of these changes cannot be taken back."""
    return int(plan.irreversible["change_id"].isin(set(change_ids)).sum())


def close(folder: Path, *, at: datetime) -> None:
    """The plan in a run folder was applied to its end: what was approved of it stands from now on."""
    if not closed(folder):
        with open(disk.fresh(folder / _MARK), "w", encoding="utf-8") as file:
            file.write(at.isoformat(timespec="seconds"))


def closed(folder: Path) -> str:
    """Since when the plan in a run folder is closed; "" while it is open."""
    path = folder / _MARK
    return path.read_text("utf-8").strip() if path.exists() else ""


def _digest_of(approval: Mapping[str, Any]) -> str:
    said = {name: value for name, value in approval.items() if name != "digest"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def standing(plan: Plan, folder: Path) -> dict[str, Any] | None:
    """The approval of this plan that its folder holds, if there is one."""
    if not (folder / "approval.json").exists():
        return None
    found = _read_json(folder / "approval.json", "approval")
    return found if found.get("plan_digest") == plan.header["digest"] else None


def decide(plan: Plan, folder: Path, approve_what: str, broken: pd.DataFrame, *, by: str) -> str:
    """The approval that a parameter gives: `all`, or none at all. A broken guard approves nothing, and what cannot be
    taken back is approved up to the limit that the plan was made with.
    """
    if len(broken):
        return f"nothing approved: {', '.join(broken['guard'])} would be broken"
    if approve_what != "all":
        return "nothing approved yet"
    ids, lost = list(plan.writes["change_id"]), len(plan.irreversible)
    most = plan.header.get("rules", {}).get("max_irreversible", 0)
    apart = lost if most is None else min(lost, most)
    path = approve(plan, folder, ids, by=by, now=utc_now(), note="approved by parameter", irreversible=apart)
    aside = f"; {lost:,} of them cannot be taken back" if lost else ""
    return f"all {len(ids):,} changes approved by {by} in {path.name}{aside}"


def approval(plan: Plan, folder: Path) -> dict[str, str]:
    """Who approved how much of a saved plan, when, under which ticket, and what was excluded, for people."""
    found = standing(plan, folder)
    if found is None:
        return {"approved": "nothing yet"}
    out: Counter[str] = Counter()
    for entry in found["excluded"]:
        out[str(entry.get("note") or "no note")] += len(entry["change_ids"])
    return {
        "approved": f"{len(found['change_ids']):,} changes by {found['by']} at {found['at']}",
        "ticket": str(found["note"] or "none"),
        "excluded": " · ".join(f"{count:,}: {why}" for why, count in out.most_common(_REASONS)) or "nothing",
        "cannot be taken back": f"{lost:,} of them, approved apart" if (lost := found.get("irreversible")) else "none",
    }


def seal(plan: Plan) -> dict[str, str]:
    """What identifies a saved plan, for people."""
    header = plan.header
    source = header.get("source", {})
    return {
        "plan": str(header["digest"])[:16],
        "made": f"{header['made_at']} by {header.get('author', 'unknown')}",
        "valid until": str(header["expires_at"]),
        "from": _origin(source),
    }


def _origin(source: Mapping[str, Any]) -> str:
    """The file with its digest, or what else a plan was made from, such as the run that it undoes."""
    if "path" in source:
        return f"{source['path']} ({str(source.get('digest', ''))[:12]})"
    return next((f"{name} {value}" for name, value in source.items()), "unknown")


def approved(
    plan: Plan, folder: Path, *, tenant_id: str, now: datetime, require_second_person: bool = False
) -> pd.DataFrame:
    """The approved writes, in plan order (CHANGES). Raises `PlanError` for another tenant or plan, an edited
    approval, too late, or a clock that went back, `GuardStop` while newer decisions are not saved, or more cannot be
    taken back than were approved apart.

    `require_second_person`: whoever made the plan may not be the one who approved it. A name means the same person in
    any spelling and on any machine: what follows an @ is not looked at.
    """
    approval = _read_json(folder / "approval.json", "approval")
    if approval.get("digest") != _digest_of(approval):
        raise PlanError(f"{folder}: the approval was edited after it was given", remedy="approve the plan again")
    if plan.header.get("tenant_id") != tenant_id:
        raise PlanError(
            f"the plan was made for tenant {plan.header.get('tenant_id')}, this connection is {tenant_id}",
            remedy="use the plan's own connection",
        )
    if approval.get("plan_digest") != plan.header["digest"]:
        raise PlanError("the approval belongs to another plan", remedy=_REMEDY)
    if now > until(plan, folder):
        raise PlanError(f"the plan expired at {approval['until']}", remedy=_REMEDY)
    begun = max(datetime.fromisoformat(plan.header["made_at"]), datetime.fromisoformat(approval["at"]))
    if now < begun - _SKEW:
        raise PlanError(
            f"the plan was made or approved at {begun.isoformat()}, and it is {now.isoformat(timespec='seconds')} now",
            remedy="set this machine's clock right, or the one where the plan was made; then preview again",
        )
    if (lost := _lost(plan, approval["change_ids"])) > (apart := int(approval.get("irreversible", 0))):
        said = f"max_irreversible: {lost:,} of the approved changes cannot be taken back, {apart:,} were approved apart"
        raise GuardStop(said, remedy=f"this attempt wrote nothing; approve the plan again, for {_APART}")
    _all_saved(plan, folder, approval)
    if require_second_person or _names_admins(plan):
        _two_people(plan.header, approval, folder)
    writes = plan.writes
    return writes[writes["change_id"].isin(set(approval["change_ids"])) & writes["action"].isin(WRITES)]


def still(rows: pd.DataFrame, plan: Plan, folder: Path, **how: Any) -> pd.DataFrame:
    """Of approved writes that were looked at since, those that are approved now as well; raises as `approved` does."""
    return rows[rows["change_id"].isin(approved(plan, folder, **how)["change_id"])]


def while_approved(folder: Path, stop: Callable[[], bool]) -> Callable[[], bool | str]:
    """`stop` for an apply, which also says when the approval, or what is decided, became another than it is now."""
    began = _stamps(folder)
    return lambda: stop() or (_CHANGED if _stamps(folder) != began else False)


def _stamps(folder: Path) -> list[tuple[int, int] | None]:
    paths = [folder / name for name in ("approval.json", decision_file.NAME)]
    return [(told.st_mtime_ns, told.st_size) if (told := _told(path)) else None for path in paths]


def _told(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _names_admins(plan: Plan) -> bool:
    """Whether administrators are let pass by name: such a plan is never one person's."""
    return bool(plan.header.get("rules", {}).get("protect", {}).get("admins"))


def _all_saved(plan: Plan, folder: Path, approval: Mapping[str, Any]) -> None:
    """Nobody's later decision is passed over: what is ticked in the grid is what was saved."""
    decided = decision_file.latest(folder, plan)
    if decided is None or decided.at < approval["at"] or set(decided.approved) == set(approval["change_ids"]):
        return
    more = len(set(decided.approved) - set(approval["change_ids"]))
    less = len(set(approval["change_ids"]) - set(decided.approved))
    raise GuardStop(
        f"decisions of {decided.by} at {decided.at} came after the approval of {approval['at']} and are not saved:"
        f" {more:,} changes more are approved, {less:,} no longer",
        remedy="this attempt wrote nothing; open 2_preview on this run, and save the approval, or take them back",
    )


def approved_ids(folder: Path) -> set[str]:
    """The changes that a run folder's approval names; none where nobody can tell."""
    try:
        return set(_read_json(folder / "approval.json", "approval").get("change_ids", []))
    except (OSError, PlanError):
        return set()


def until(plan: Plan, folder: Path) -> datetime:
    """When the approval of a plan ends."""
    approval = _read_json(folder / "approval.json", "approval")
    return min(datetime.fromisoformat(approval["until"]), datetime.fromisoformat(plan.header["expires_at"]))


def _two_people(made: Mapping[str, Any], approval: Mapping[str, Any], folder: Path) -> None:
    """A name that somebody gave (AUTHOPS_AUTHOR, a sign-in) is no second person beside the account that gave it."""
    author, approver = str(made.get("author", "")), str(approval["by"])
    remedy = f"let somebody else approve it: authops approve {folder}"
    if not (_person(author) and _person(approver)):
        raise PlanError("who made or approved the plan is not known; a second person is required", remedy=remedy)
    if _person(author) == _person(approver):
        who = author if author == approver else f"{approver}, who is {author},"
        raise PlanError(f"{who} made the plan and approved it; a second person is required", remedy=remedy)
    for name, account in ((author, approval.get("operator")), (approver, made.get("operator"))):
        if account and _person(name) == _person(str(account)):
            who = f"{author} made the plan, {approver} approved it, and both are the account {account}"
            raise PlanError(f"{who} on this machine; a second person is required", remedy=remedy)


def _person(name: str) -> str:
    """A name without case, blanks, invisible characters, the machine or domain behind or before it, and the run of a
    pipeline, which stands behind a comma.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    shown = "".join(c for c in plain if unicodedata.category(c)[0] not in "ZC")
    return shown.partition(",")[0].rpartition("\\")[2].partition("@")[0]


def _private(path: Path, data: pd.DataFrame) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        data.to_parquet(file, compression="zstd", index=False)


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    new = path.with_suffix(".new")
    with open(disk.fresh(new), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
    new.replace(path)
    return path


def _read_json(path: Path, what: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no object")
    except FileNotFoundError as error:
        remedy = "run preview first" if what == "plan" else "approve it in preview (headless: -p approve all)"
        raise PlanError(f"{path.parent} holds no {what}", remedy=remedy) from error
    except ValueError as error:
        raise PlanError(f"{path} is damaged", remedy=_REMEDY) from error
    return content


def utc_now() -> datetime:
    """The wall clock; handed in everywhere else."""
    return datetime.now(UTC)
