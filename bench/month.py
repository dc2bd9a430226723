"""Thirty days of a schedule, one after another: every day a sync from the export of the day, every night an audit.

    python -m bench.month [DAYS]

People join, leave, move, and a helpdesk changes numbers by hand; the weather is another every day. One export is cut
off in the middle, one has slipped by a row (everybody gets the neighbour's number), and one sync is killed half-way
and gone on with. After each day the tenant itself is asked, and must agree with what the day's outcome.json says. The
machine's clock does not jump, so each audit's snapshot is dated to its day afterwards.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from authops.audit import snapshot
from authops.demo.faults.weather import KINDS
from bench.stand import Stand, tenant

DAYS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 30
USERS: Final = 120
CUT_OFF, SLIPPED, KILLED = 9, 16, 23
FAULTS: Final = [kind for kind in KINDS if kind != "hang"]
HEADER: Final = "UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval\n"
RULES: Final = "on_existing: update\napprove: all\nmode: apply\nmax_changes: 200\nmax_removals: 0\nmax_share: 0.4\n"
FIRST: Final = ("-p", "max_share", "null")


@dataclass
class Month:
    """The tenant, what its people should have, and what became of each day."""

    stand: Stand
    folder: Path
    dice: random.Random = field(default_factory=lambda: random.Random(30))
    wanted: dict[str, str] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    synced: Path | None = None
    last: Path = field(default_factory=Path)

    @property
    def profile(self) -> Path:
        """The tenant's profile."""
        return self.stand.folder / "demo" / "connection.yaml"

    def people(self) -> dict[str, dict[str, Any]]:
        """UPN → ordinary members, as they truly are."""
        users = self.stand.knob("state")["users"]
        plain = [u for u in users if u["userType"] == "Member" and u["accountEnabled"] and not u["admin"]]
        return {u["userPrincipalName"]: u for u in plain if not u["deleted"]}

    def mobiles(self) -> dict[str, str]:
        """UPN → mobile, of those who should have one."""
        return {upn: _mobile(user) for upn, user in self.people().items() if upn in self.wanted}

    def number(self) -> str:
        """One that nobody has had."""
        return f"+31 6{self.dice.randrange(10**8):08d}"

    def live(self, day: int) -> None:
        """What happens to people on a day; the first day finds them as they are."""
        if day == 1:
            self.wanted = {upn: self.number() for upn in sorted(self.people())}
            return
        names = sorted(self.wanted)
        self.dice.shuffle(names)
        left, by_hand, moved = names[: day % 2], names[2:4], names[4 : 4 + self.dice.randrange(1, 6)]
        hire = [{"displayName": f"Day {day} Person {n}", "usageLocation": "NL"} for n in range(self.dice.randrange(3))]
        phones = [{"user": who, "phoneType": "mobile", "phoneNumber": self.number()} for who in by_hand]
        came = self.stand.knob("staff", {"hire": hire, "leave": left, "phone": phones}, "POST")["hired"]
        for who in left:
            del self.wanted[who]
        self.wanted |= {who: self.number() for who in [*moved, *(one["userPrincipalName"] for one in came)]}

    def export(self, day: int) -> Path:
        """The file of the day."""
        numbers = list(self.wanted.values())
        given = numbers[1:] + numbers[:1] if day == SLIPPED else numbers
        text = HEADER + "".join(f"{upn},{number},,,,\n" for upn, number in zip(self.wanted, given, strict=True))
        path = self.folder / f"export-{day:02d}.csv"
        path.write_text(text[len(HEADER) // 2 : len(text) // 2] if day == CUT_OFF else text, "utf-8")
        return path

    def weather(self, day: int) -> dict[str, Any]:
        """Another every day; the last is calm, so that everything left over can be made good."""
        rate = 0.0 if day == DAYS else self.dice.choice([0.0, 0.03, 0.1, 0.2])
        return {"fault_rate": rate, "faults": self.dice.sample(FAULTS, 6), "lag": 0.3, "retry_after": 0.2, "seed": day}

    def command(self, *words: str) -> dict[str, Any]:
        """What subprocess needs to run authops as a scheduler does."""
        env = os.environ | {"AUTHOPS_RUNS": str(self.folder / "runs"), "AUTHOPS_STATE": str(self.folder / "state")}
        args = [sys.executable, "-m", "authops", "run", *words]
        return {"args": args, "env": env, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}

    def run(self, *words: str) -> tuple[int, str]:
        """(exit code, what was said)."""
        done = subprocess.run(**self.command(*words), check=False)
        return done.returncode, done.stdout

    def sync(self, day: int) -> tuple[int, dict[str, Any], Path | None]:
        """(exit code, outcome.json, run folder) of the day's sync."""
        words = ["--connection", str(self.profile), "-f", str(self.folder / "sync.yaml")]
        words += ["-p", "source", str(self.export(day)), *(FIRST if day == 1 else ())]
        if day == KILLED:
            self.killed("preview", "apply", "verify", *words)
            (latest,) = sorted((self.folder / "runs").glob("*-preview-apply-verify-*"))[-1:]
            resumed = ("apply", "verify", "--resume", str(latest), "--connection", str(self.profile))
            code, said = self.run(*resumed)
        else:
            code, said = self.run("preview", "apply", "verify", *words)
        found = re.search(r"Run folder (.+)", said)
        self.synced = run = Path(found[1]) if found else None
        return code, json.loads((run / "outcome.json").read_text()) if run else {"said": said}, run

    def killed(self, *words: str) -> None:
        """A sync that the machine ends while it writes."""
        self.stand.knob("weather", {"latency": 0.5})
        with subprocess.Popen(**self.command(*words), start_new_session=True) as life:
            while life.poll() is None and not any(map(_intents, (self.folder / "runs").glob("*/journal.sqlite"))):
                time.sleep(0.02)
            os.killpg(life.pid, signal.SIGKILL)
        self.stand.knob("weather", {"latency": 0.0})

    def day(self, day: int) -> None:
        """Live, sync, audit, and ask the tenant whether it is as it was told."""
        self.live(day)
        self.stand.knob("weather", self.weather(day))
        self.stand.knob("log", method="DELETE")
        code, outcome, run = self.sync(day)
        said, wrong = self.explained(day, code, outcome, run)
        audited = self.audit(day)
        self.ends[f"{outcome.get('status', 'wrong use')} ({code})"] += 1
        print(f"  day {day:>2}  {code}  {said}  ·  audit {audited}", flush=True)
        if wrong:
            raise SystemExit(
                f"day {day} is not explained by its outcome.json: {wrong}\n{json.dumps(outcome, indent=2)}"
            )

    def explained(self, day: int, code: int, outcome: Mapping[str, Any], run: Path | None) -> tuple[str, str]:
        """(the day in words, what its outcome.json does not explain)."""
        entries = outcome.get("runbooks", {})
        counts = entries.get("apply", {}).get("counts", {})
        why = [e["headline"].splitlines()[0] for e in entries.values() if e["status"] not in ("done", "nothing to do")]
        said = " · ".join([f"{outcome.get('status')} {counts or ''}", *why])
        writes = [r for r in self.stand.log() if r["method"] != "GET" and "/phoneMethods" in r["path"]]
        others = {upn for upn, number in self.mobiles().items() if number != self.wanted[upn]} - held(run)
        if code != outcome.get("exit_code"):
            return said, f"the exit code was {code}"
        if day in (CUT_OFF, SLIPPED):
            expected = 2 if day == CUT_OFF else 4
            return said, "" if code == expected and not writes else f"{code} with {len(writes)} writes of a bad file"
        if code == 0:
            return said, f"{len(others)} people are other than wanted" if others else ""
        if code != 3 or run is None:
            return said, "" if code == 1 and entries else f"{code} was not expected"
        told = pd.read_parquet(run / "outcomes.parquet")
        open_ = told[~told["outcome"].isin(["applied", "applied_with_note"])]["user_principal_name"]
        return said, f"nobody said so of {sorted(others - set(open_))}" if others - set(open_) else ""

    def audit(self, day: int) -> str:
        """The nightly audit; its snapshot is dated to the day."""
        kept = self.folder / "snapshots"
        words = ("-p", "snapshots", str(kept), "-p", "history", "60", "--connection", str(self.profile))
        code, said = self.run("audit", *words)
        found = re.search(r"Run folder (.+)", said)
        assert found, said
        self.last = Path(found[1])
        if day < DAYS and (self.last / snapshot.NAME).exists():
            self.date(day, kept)
        return str(json.loads((self.last / "outcome.json").read_text())["status"]) + f" ({code})"

    def date(self, day: int, kept: Path) -> None:
        """Put a snapshot where a schedule keeps them, as old as its day is."""
        taken = snapshot._read(self.last / snapshot.NAME)
        at = (datetime.now(UTC) - timedelta(days=DAYS - day)).isoformat(timespec="seconds")
        for path in kept.glob("*.parquet"):
            if snapshot._read(path).at == taken.at:
                path.unlink()
        new = snapshot.save(taken.load(), taken.tally, self.last, tenant_id=taken.tenant_id, at=at)
        new.rename(kept / f"snapshot-{day:02d}.parquet")

    def judge(self) -> None:
        """The state at the end, and the trend that the last audit drew."""
        others = {upn for upn, number in self.mobiles().items() if number != self.wanted[upn]} - held(self.synced)
        page = (self.last / "1_audit.html").read_text("utf-8")
        kept = len(list((self.folder / "snapshots").glob("snapshot-[0-9][0-9].parquet")))
        drawn = re.findall(r"<svg[\s\S]+?</svg>", page)
        print(f"  at the end {len(self.wanted)} people, {len(others)} other than wanted; days ended {dict(self.ends)}")
        print(
            f"  the last audit drew {len(drawn)} charts, its trend over {kept + 1} audits: {self.last / '1_audit.html'}"
        )
        if others or not drawn:
            raise SystemExit("the month did not end as it should")


def held(run: Path | None) -> set[str]:
    """Whom the plan of a run says it holds back: who may become an administrator."""
    if run is None or not (run / "plan.parquet").exists():
        return set()
    plan = pd.read_parquet(run / "plan.parquet")
    return set(plan[plan["action"] == "blocked"]["user_principal_name"])


def _mobile(user: Mapping[str, Any]) -> str:
    return next((m["phoneNumber"] for m in user["methods"] if m.get("phoneType") == "mobile"), "")


def _intents(path: Path) -> bool:
    """Whether an apply has begun to write there, and has not finished."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            begun = db.execute("select count(*) from intents").fetchone()[0]
            return bool(begun) and not db.execute("select 1 from facts where name = 'finished_at'").fetchone()
    except sqlite3.OperationalError:
        return False


if __name__ == "__main__":
    with tenant(USERS) as stand:
        month = Month(stand, stand.folder / "month")
        for name in ("runs", "snapshots"):
            (month.folder / name).mkdir(parents=True)
        (month.folder / "sync.yaml").write_text(RULES)
        print(f"{DAYS} days of a tenant of {USERS} people")
        for number in range(1, DAYS + 1):
            month.day(number)
        month.judge()
