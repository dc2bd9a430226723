"""All that people are told of a file: the views of a preview, its page, its console, and a notification; no writing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as nb
import numpy as np
import pandas as pd

from authops.methods.kinds import KINDS
from authops.plan import plan
from authops.run import notify
from authops.show import report, report_page
from authops.source.wanted import Source
from authops.words import console
from authops.words.frames import CURRENT, USERS, columns

_PERSON = re.compile(r"person[0-9]+@contoso\.example")


def of(got: Source, folder: Path) -> dict[str, str]:
    """What a preview of it would tell whom, the people of that name being there and having nothing."""
    users = _people(got)
    made = plan.make(got.wanted, _nothing(users), users, got.problems, {"source": dict(got.facts)})
    status, headline = plan.ending(made, pd.DataFrame(), "none")
    views = [
        report.facts({k: v for k, v in got.facts.items() if k not in ("path", "digest")}),
        report.counts(made.changes, made.problems),
        report.changes(made.writes, reasons=plan.REASONS),
        report.reasons(made.changes, reasons=plan.REASONS),
        report.problems(made.problems, limit=1_000),
    ]
    outputs = [nb.new_output("display_data", {"text/html": v.html, "text/plain": v.plain}) for v in views]
    said = {"page": _page(outputs, folder), "views": "\n".join(view.plain for view in views)}
    return said | _told(status, headline, made.counts | {"problem_rules": made.rules_broken})


def of_refusal(refused: Exception, folder: Path) -> dict[str, str]:
    """What is told when the file cannot be used."""
    name, words = type(refused).__name__, str(refused)
    error = nb.new_output("error", ename=name, evalue=words, traceback=[f"{name}: {words}"])
    told = notify.refused(["preview"], refused)
    return {"page": _page([error], folder), "console": console.harmless(words), "notification": _message(told)}


def _told(status: str, headline: str, counts: dict[str, Any]) -> dict[str, str]:
    entries = {"preview": {"status": status, "headline": headline, "counts": counts}}
    told = notify.summary({"status": status, "exit_code": 0, "asked": ["preview"], "runbooks": entries}, "runs/one")
    return {"console": console.harmless(f"{headline}\n{counts}"), "notification": _message(told)}


def _message(told: dict[str, str]) -> str:
    return str(notify.message(told, "authops@contoso.example", ["you@contoso.example"]))


def _page(outputs: list[Any], folder: Path) -> str:
    cells = [nb.new_markdown_cell("# Preview\nWhat would change?"), nb.new_code_cell("", outputs=outputs)]
    path = folder / "seen.ipynb"
    nbformat.write(nb.new_notebook(cells=cells), path)
    return report_page.page(path, title="preview")


def _people(got: Source) -> pd.DataFrame:
    names = [name for name in got.people if _PERSON.fullmatch(name)]
    size = len(names)
    users = columns(
        USERS, user_id=[f"00000000-0000-4000-8000-{n:012d}" for n in range(size)], user_principal_name=names,
        display_name=names, account_enabled=np.ones(size, bool), user_type=["Member"] * size, department=[""] * size,
        country=["NL"] * size,
    )  # fmt: skip
    return users.assign(asked=names, error="")


def _nothing(users: pd.DataFrame) -> pd.DataFrame:
    size = len(users) * len(KINDS)
    return columns(
        CURRENT, user_id=np.repeat(users["user_id"].to_numpy(object), len(KINDS)), method=list(KINDS) * len(users),
        known=np.ones(size, bool), value=[""] * size, is_default=np.zeros(size, bool), others=np.zeros(size, np.int64),
        error=[""] * size,
    )  # fmt: skip
