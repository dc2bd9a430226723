"""`authops run` as people and schedulers call it, against a demo tenant in its own process."""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import warm

ROOT = Path(__file__).parents[1]
FULL_NUMBER = re.compile(r"\+\d{1,3} ?\d{6,}")
HEADER = "UPN,Mobile,AlternateMobile,OfficePhone,ForcedUpdate,ForcedRemoval\n"


@dataclass
class Tenant:
    """A demo tenant in its own process, and `authops run` against it."""

    profile: Path
    runs: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, str]:
        return dict(yaml.safe_load(self.profile.read_text()))

    def knob(self, name: str, method: str = "GET", body: Any = None) -> Any:
        context = ssl.create_default_context(cafile=self.content["ca_bundle"])
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.content['graph_url']}/_demo/{name}", data, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request) as answer:
            return json.load(answer)

    def writes(self) -> list[str]:
        log = self.knob("log")["requests"]
        return [r["method"] for r in log if r["method"] != "GET" and "$batch" not in r["path"]]

    def command(self, *words: str, connection: Path | None = None) -> dict[str, Any]:
        """What subprocess needs to call `authops run`."""
        args = [sys.executable, "-m", "authops", "run", *words]
        args += [] if words[0] in ("tour", "story") else ["--connection", str(connection or self.profile)]
        env = dict(os.environ, AUTHOPS_RUNS=str(self.runs), AUTHOPS_STATE=str(self.runs / "state"), **self.env)
        return {"args": args, "env": env, "cwd": self.runs, "text": True}

    def run(self, *words: str, connection: Path | None = None) -> tuple[int, str, Path | None]:
        """(exit code, what was said, run folder)."""
        done = warm.run(self.command(*words, connection=connection))
        said = done.stdout + done.stderr
        folder = re.search(r"Run folder (.+)", said)
        return done.returncode, said, Path(folder[1]) if folder else None

    def changed(self, folder: Path, **changes: str) -> Path:
        """The connection profile with some keys changed."""
        path = folder / "changed.yaml"
        path.write_text(yaml.safe_dump(self.content | changes))
        return path
