"""axe-core, which finds what people without sight, colours or a mouse would not find."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python

RUN = """async ([within, rules]) => (await axe.run(within, { resultTypes: ["violations"], rules })).violations
  .filter((found) => ["serious", "critical"].includes(found.impact))
  .flatMap((found) => found.nodes.slice(0, 5)
    .map((node) => `${found.id}: ${node.target} ${node.any.map((one) => one.message)}`))"""


@cache
def _source() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


def serious(page: Any, within: str = "html", **rules: bool) -> list[str]:
    """What axe-core calls serious or critical, by rule and place; `rules` switches some of its rules off."""
    page.evaluate(_source())
    switched = {name.replace("_", "-"): {"enabled": on} for name, on in rules.items()}
    return list(page.evaluate(RUN, [within, switched]))
