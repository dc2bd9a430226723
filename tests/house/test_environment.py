"""Conda users get the same: environment.yml says nothing that pyproject.toml does not."""

import re
import tomllib
from pathlib import Path

import rattler
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
PLAIN = [d for d in ENVIRONMENT["dependencies"] if isinstance(d, str)]


def test_every_conda_line_is_a_valid_spec_and_python_has_the_same_range() -> None:
    specs = {str(rattler.MatchSpec(d).name.normalized): rattler.MatchSpec(d) for d in PLAIN}
    assert set(specs) == {"python", "pip"}
    assert str(specs["python"].version) == PROJECT["requires-python"]


def test_pip_installs_this_checkout_and_nothing_else() -> None:
    assert [d["pip"] for d in ENVIRONMENT["dependencies"] if isinstance(d, dict)] == [["-e ."]]


def test_the_lock_pins_every_dependency_with_hashes_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", lock, re.MULTILINE))
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=;\[ ]", d)[0].lower().replace("_", "-") for d in wanted}
    assert names <= {p.lower() for p in pinned}
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock
