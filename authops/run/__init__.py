"""One execution: run folder, notebooks headless, outcome, log, notifications, retention, many tenants.

Decides nothing about people.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "following": "follow",
        "run": "open_run",
        "story": "open_story",
        "written": "earlier",
    },
)
