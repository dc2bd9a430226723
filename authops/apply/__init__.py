"""The one room that writes to people's methods: journalled, one apply at a time, read before and after, verified.

Writes only what a sealed plan holds.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "already": "made_already",
        "applier": "Applier",
        "ends": "ending tally",
        "breaker": "Breaker",
        "pass_standing": "keep_standing standing",
        "passes": "Handing handing let_go where_codes_go",
        "verification": "verified_ending verify witnessed",
        "watch": "Watch",
    },
)
