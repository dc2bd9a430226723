"""The retirement from end to end, on a demo tenant of its own: the real runbooks, each as its command.

Between them people register what they are asked for: that is the demo tenant's own hand.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import pandas as pd

from authops.graph import connection as connections
from authops.run import kernel, outcome
from authops.run.folder import new_folder
from authops.run.run import Run, open_run
from authops.show.run_page import NAME
from authops.show.views import View, pairs, text
from authops.words.errors import AuthopsError

_DAY: Final = 24 * 3600.0
_IDLE: Final = 1800.0
# Column of the retirement → what somebody registers whom the policy lets.
_REGISTERS: Final = {"may_passkey": "fido2", "may_app": "microsoftAuthenticator"}
_BY_PASS: Final = "pass"  # noqa: S105 - a next step of the retirement
_BY_CAMPAIGN: Final = "register"


@dataclass(frozen=True)
class Ran:
    """One command, as a person types it, and how each of its runbooks ended; `beside`: its folder is in the page's."""

    command: str
    folder: Path
    told: Mapping[str, str]
    beside: bool

    @property
    def shown(self) -> View:
        """For the page: the command, how it ended, and the way to its own pages."""
        page, told = self.folder / NAME, {"command": self.command, **self.told}
        link = f'<a href="{text(self.folder.name)}/{NAME}">{text(self.folder.name)}</a>' if self.beside else text(page)
        plain = "\n".join(f"{name}: {said}" for name, said in told.items())
        return View(f'{pairs(told)}<p class="note">its pages: {link}</p>', f"{plain}\nits pages: {page}")


class Story:
    """A fresh demo tenant, the people in it, and `authops` run against it; gone when it is closed or forgotten."""

    def __init__(self, users: int) -> None:
        home = Path(mkdtemp(prefix="authops-story-"))
        self._end = weakref.finalize(self, _leave, home)
        # As Graph's may be: nothing of what happens here stands in the report before the next day.
        self._desk = connections.demo_desk(home, users=users, population="2026", idle_timeout=_IDLE)
        self._desk.weather(report_lag=_DAY)
        self.profile, self._state, self._runs = home / "connection.yaml", home / "state", home
        # A notebook that a person looks at stands elsewhere than its page.
        self._headless = bool(os.environ.get("AUTHOPS_HEADLESS"))
        if self._headless:
            kernel.on_failed_cell(self.close)

    def beside(self, run: Run) -> None:
        """Leave every run in this run's folder."""
        self._runs = run.folder

    def close(self) -> None:
        """Let the demo tenant go, with all that was in it."""
        self._end()

    async def passes(self, looked: Ran) -> Ran:
        """A pass for everybody who needs one, sealed for the service desk."""
        sealed: dict[str, Any] = {
            "hand_over": "files",
            "hand_over_folder": self._desk.letters,
            "recipient_keys": self._desk.keys,
        }
        whom: dict[str, Any] = {
            "source": looked.folder / "passes.csv",
            "recipient": "desk",
            "approve": "all",
            "mode": "apply",
        }
        return await self.run("passes", "apply", "verify", **whom, **sealed)

    def people_register(self, exposed: pd.DataFrame, *, absent: int) -> dict[str, str]:
        """The desk opens its letters and people use their pass; others do what the campaign asks. Some do not come."""
        handed, asked = (_registers(exposed, step, absent) for step in (_BY_PASS, _BY_CAMPAIGN))
        came = self._desk.hand_out(handed)
        self._desk.register(asked)
        return {
            "signed in with their pass, and registered": ", ".join(came) or "nobody",
            "asked by the campaign, and registered": f"{len(asked):,}",
            "did not come": f"{_waiting(exposed) - len(came) - len(asked):,}",
        }

    def a_day_later(self) -> None:
        """The report shows now what was registered and removed."""
        self._desk.weather(report_lag=0)

    async def approve(self, planned: Ran, irreversible: int) -> Ran:
        """Approve a plan, with the number of what cannot be taken back, as a person types it."""
        words = ["approve", str(planned.folder), "--yes", "--irreversible", str(irreversible)]
        said = await self._called(words, planned.folder)
        told = said.strip().splitlines()[-1].partition(": ")[0]
        return Ran(
            self._typed(words),
            planned.folder,
            {"approve": f"{told}, {irreversible:,} of them for good"},
            self._headless,
        )

    async def run(self, *runbooks: str, folder: Path | None = None, **parameters: Any) -> Ran:
        """`authops run` with these parameters, in a folder of an earlier run or a new one. Raises `AuthopsError`."""
        place = folder or new_folder(runbooks, self._runs)
        words = ["run", *runbooks, *(["--run-dir", str(folder)] if folder else [])]
        words += [word for name, value in parameters.items() for word in ("-p", name, _said(value))]
        where = ["--connection", str(self.profile), *([] if folder else ["--run-dir", str(place)])]
        await self._called([*words, *where], place)
        ended = outcome.read(place)["runbooks"]
        return Ran(self._typed(words), place, {name: ended[name]["headline"] for name in runbooks}, self._headless)

    def _typed(self, words: Sequence[str]) -> str:
        """The command as somebody types it who stands in the run folder."""
        return " ".join(["authops", *words]).replace(f"{self._runs}{os.sep}", "")

    async def _called(self, words: Sequence[str], folder: Path) -> str:
        env = {**os.environ, "AUTHOPS_RUNS": str(self._runs), "AUTHOPS_STATE": str(self._state)}
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "authops", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={**env, "PYTHONIOENCODING": "utf-8"},
        )
        try:
            said = (await asyncio.to_thread(process.communicate))[0]
        except BaseException:
            process.terminate()
            raise
        if process.returncode:
            last = "; ".join(entry["headline"] for entry in outcome.read(folder)["runbooks"].values()) or said[-500:]
            raise AuthopsError(
                f"authops {words[0]} {words[1]} … ended with exit code {process.returncode}: {last}",
                remedy=f"its pages are in {folder}",
            )
        return said


async def open_story(*, users: int, run_dir: str = "") -> tuple[Run, Story]:
    """A run of the story, and the demo tenant that it plays on."""
    story = Story(users)
    run = open_run("story", run_dir=run_dir, connection=str(story.profile))
    story.beside(run)
    await run.connect()
    return run, story


def ending(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, str]:
    """(status, headline): how many who would be stopped are not any more, and whether anybody lost their way in."""
    first, now = (found.set_index("user_id")["status"] for found in (before, after))
    stopped = first.index[first == "blocked"]
    resolved = int((now.reindex(stopped) != "blocked").sum())
    left = int(((first != "nothing") & (now.reindex(first.index) == "nothing")).sum())
    said = f"{resolved:,} of {len(stopped):,} who would be stopped are not any more; "
    said += f"{left:,} were left without a way in" if left else "nobody was left without a way in"
    return "attention" if left else "done", said


def _leave(home: Path) -> None:
    connections.stop_demo(home)
    shutil.rmtree(home, ignore_errors=True)


def _registers(exposed: pd.DataFrame, step: str, absent: int) -> dict[str, list[str]]:
    """Who does what they are asked, and registers all that the policy lets them; the last few do not come."""
    asked = exposed[(exposed["status"] == "blocked") & (exposed["next_step"] == step)]
    came = asked.sort_values("user_principal_name").head(max(len(asked) - absent, 0))
    return {
        str(row["user_principal_name"]): [kind for column, kind in _REGISTERS.items() if row[column] == "yes"]
        for row in came.to_dict("records")
    }


def _waiting(exposed: pd.DataFrame) -> int:
    return int(((exposed["status"] == "blocked") & exposed["next_step"].isin((_BY_PASS, _BY_CAMPAIGN))).sum())


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
