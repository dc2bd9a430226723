"""Whatever a notebook shows, says or dies of: no secret and no full number is in any file that is published."""

from __future__ import annotations

import random
from pathlib import Path

from tests.project import Project

DICE = random.Random(7)
NUMBERS = [f"+31 6{DICE.randrange(10**8):08d}" for _ in range(100)]
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl"
KEY = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEF\\n-----END PRIVATE KEY-----"
PLANT = f"""import logging, os, warnings, pandas as pd
from IPython.display import HTML, display
numbers = {NUMBERS!r}
rows = [{{"before": "", "after": n, "found": ""}} for n in numbers]
run.keep("plan", pd.DataFrame(rows))
spelled = numbers + [n.replace(" ", "") for n in numbers] + ["0" + n[4:] for n in numbers] + [n[1:] for n in numbers]
everything = " , ".join([*spelled, "{TOKEN}", "{KEY}", os.environ["AUTHOPS_PFX_PASSWORD"], "Bearer " + "a" * 40])
print(everything)
display(HTML(f"<b>{{everything}}</b>"), {{"text/plain": everything}})
logging.getLogger("authops.test").warning("%s", everything)
warnings.warn(everything)
pd.DataFrame(rows)"""


def planted(folder: Path, said: str) -> list[str]:
    """Where any of it can still be read."""
    secrets = [TOKEN, "MIIEvQIBADANBg", "hunter2hunter2", "a" * 40]
    tails = [number[4:] for number in NUMBERS]
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.suffix != ".parquet"}
    bare = {name: text.replace(" ", "").replace("-", "") for name, text in (texts | {"console": said}).items()}
    found = [name for name, text in (texts | {"console": said}).items() if any(s in text for s in secrets)]
    return found + [name for name, text in bare.items() if any(tail in text for tail in tails)]


def test_a_notebook_that_shows_everything_shows_nothing(tmp_path: Path) -> None:
    ended = Project.at(tmp_path, before=PLANT).run(AUTHOPS_PFX_PASSWORD="hunter2hunter2")
    assert ended.code == 0, ended.said
    assert planted(ended.folder, ended.said) == []
    masked = ended.audit["masked"]
    assert masked["number"] > 400
    assert {"token", "private key", "secret"} <= set(masked)
    assert "! masked before publishing: " in ended.said
    assert ended.kept()


def test_a_notebook_that_dies_of_everything_shows_nothing(tmp_path: Path) -> None:
    ended = Project.at(tmp_path, before=f"{PLANT}\nraise ValueError(everything)").run(
        AUTHOPS_PFX_PASSWORD="hunter2hunter2"
    )
    assert ended.code == 1, ended.said
    assert planted(ended.folder, ended.said) == []
    assert ended.audit["headline"].startswith("ValueError: +31 ")
    assert ended.kept()
