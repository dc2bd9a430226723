"""How a run ended, as the first thing anybody reads: what, in which tenant by name, by whom, when, approved by whom,
and what comes next.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from authops.show.views import View, box, facts_of

# Status → the colour of its box.
KINDS: Final = {"done": "add", "nothing to do": "keep", "attention": "update"} | dict.fromkeys(
    ("broke", "wrong use", "stopped", "unfinished"), "remove"
)
_NEXT: Final = {
    "tour": "1_audit, with your own hands",
    "story": "7_retirement on your own tenant",
    "audit": "2_preview loads numbers; 7_retirement says whom the end of text messages hits; 6_campaign asks",
    "preview": "approve in the grid, then 3_apply; headless: authops run apply verify --run-dir {folder} -p mode apply",
    "apply": "4_verify reads everybody again: authops run verify --run-dir {folder}",
    "verify": "nothing, if all is as recorded; else 5_undo takes back what it may",
    "undo": "approve in the grid, then 3_apply; headless: authops run apply verify --run-dir {folder} -p mode apply",
    "passes": "approve in the grid, then 3_apply with a hand_over; headless: authops run apply --run-dir {folder} …",
    "cleanup": "approve in the grid, then 3_apply; headless: authops run apply verify --run-dir {folder} -p mode apply",
    "campaign": "1_audit again in some weeks; authops run campaign -p restore {name} takes it back",
    "retirement": "2_preview takes register.csv and phones-that-may-go.csv; look again next week",
}
_DRY: Final = "dry run"
_WRITE: Final = {
    "apply": "mode = apply, and run again; headless: authops run apply --run-dir {folder} -p mode apply",
    "campaign": "mode = apply and the seal, and run again; headless: authops run campaign … -p mode apply -p seal …",
}
_GOES_ON: Final = "run this notebook again, and it goes on; headless: authops run apply --resume {name}"
_INSTEAD: Final = {
    "stopped": "what stopped it is said above and below; correct it, and run again",
    "attention": "look at what did not go through: failed.csv is the next input",
}


def answer(runbook: str, folder: Path, kind: str, status: str, headline: str, **facts: str) -> View:
    """The outcome as a box and a few facts; `facts`: tenant, by, and whatever else is known."""
    told = {"tenant": "", "by": "", "at": _day(datetime.now(UTC))} | facts
    told |= approved(folder) if runbook in ("apply", "verify") else {}
    going_on = _GOES_ON if headline.startswith("stopped (") else ""
    going_on = going_on or (_WRITE.get(runbook, "") if headline.startswith(_DRY) else "")
    told["next"] = (going_on or _INSTEAD.get(status, _NEXT.get(runbook, ""))).format(folder=folder, name=folder.name)
    shown = facts_of({name: value for name, value in told.items() if value})
    return View(box(headline, kind) + shown.html, f"{headline}\n{shown.plain}")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%d %B %Y, %H:%M} UTC"


def approved(folder: Path) -> dict[str, str]:
    """Who approved what was written here, when and under which ticket; nothing where nobody did."""
    try:
        told: Any = json.loads((folder / "approval.json").read_text("utf-8"))
        words = f"{len(told['change_ids']):,} changes, by {told['by']}, {_day(datetime.fromisoformat(told['at']))}"
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"approved": words} | ({"ticket": str(told["note"])} if told.get("note") else {})
