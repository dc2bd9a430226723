"""A copy of the project whose audit does something of its own, as people change notebooks; run as a scheduler would."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm
from tests.running import ROOT

PROFILE = """cloud: custom
tenant_id: 11111111-2222-3333-4444-555555555555
client_id: 11111111-2222-3333-4444-555555555555
credential: azure-cli
graph_url: https://127.0.0.1:9
authority_url: https://127.0.0.1:9
"""
CLOSE = 'await run.close("done", "all is well", users=3)'


@dataclass
class Project:
    """`run()` executes an audit that asks Graph for nothing; cells stand before or after the one that closes it."""

    home: Path
    runs: Path

    @classmethod
    def at(cls, home: Path, *, before: str = "", after: str = "") -> Project:
        shutil.copytree(ROOT / "authops", home / "authops")  # what is compiled already, as well
        for name in ("notebooks", "parameters"):
            shutil.copytree(ROOT / name, home / name)
        path = home / "notebooks" / "1_audit.ipynb"
        book = json.loads(path.read_text())
        code = [c for c in book["cells"] if c["cell_type"] == "code"]
        opened = next(n for n, c in enumerate(code) if "open_run" in "".join(c["source"]))
        mine = [_cell(f"mine-{n}", source) for n, source in enumerate((before, CLOSE, after)) if source]
        book["cells"] = [*book["cells"][:1], *code[: opened + 1], *mine]
        path.write_text(json.dumps(book))
        (home / "profile.yaml").write_text(PROFILE)
        (home / "runs").mkdir()
        return cls(home, home / "runs")

    def command(self, *words: str, **env: str) -> dict[str, Any]:
        args = [sys.executable, "-m", "authops", *words]
        mine = {"AUTHOPS_RUNS": str(self.runs), "AUTHOPS_STATE": str(self.home / "state"), "PYTHONPATH": str(self.home)}
        # No working directory of ours: nothing may depend on it.
        return {"args": args, "env": {**os.environ, **mine, **env}, "cwd": "/", "text": True}

    def audit(self, *words: str, **env: str) -> dict[str, Any]:
        return self.command("run", "audit", "--connection", str(self.home / "profile.yaml"), *words, **env)

    def run(self, *words: str, **env: str) -> Ended:
        done = warm.run(self.audit(*words, **env), timeout=120)
        return Ended(done.returncode, done.stdout + done.stderr)


@dataclass
class Ended:
    """How a run ended, as its caller sees it."""

    code: int
    said: str

    @property
    def folder(self) -> Path:
        found = re.search(r"Run folder (.+)", self.said)
        assert found, self.said
        return Path(found[1])

    @property
    def outcome(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "outcome.json").read_text()))

    @property
    def audit(self) -> dict[str, Any]:
        return dict(self.outcome["runbooks"]["audit"])

    def told_truly(self) -> bool:
        """The exit code is what outcome.json says."""
        return bool(self.code == self.outcome["exit_code"])

    def kept(self) -> bool:
        """Notebook and page are there, whole."""
        json.loads((self.folder / "1_audit.ipynb").read_text())
        return "</html>" in (self.folder / "1_audit.html").read_text()


def _cell(name: str, source: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"cell_type": "code", "id": name, "metadata": {}, "outputs": [], "execution_count": None}
    return empty | {"source": source}
