"""Changes to review: one of each action in turn, names that mean harm, numbers that must not be shown."""

from __future__ import annotations

import pandas as pd

from authops.words.frames import CHANGES, frame

HOSTILE = "<img src=x onerror=alert(1)>"


def changes(count: int = 120) -> pd.DataFrame:
    actions = ["add", "update", "remove", "keep"]
    return frame(
        CHANGES,
        [
            {
                "change_id": f"c{i:04}",
                "line": i + 2,
                "user_id": f"u{i}",
                "user_principal_name": f"user{i}@{'xy'[i % 2]}.org",
                "display_name": HOSTILE,
                "method": "mobile",
                "action": actions[i % 4],
                "before": "+31 698765432" if i % 4 else "",
                "after": f"+31 612345{i:03}" if i % 4 < 2 else "",
                "reason": "no_method",
                "note": "" if i % 10 else "not a number that its country is known to give out",
                "step": 1,
                "ticket": f"CHG-{i}",
            }
            for i in range(count)
        ],
    )
