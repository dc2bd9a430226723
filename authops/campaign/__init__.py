"""The registration campaign: whom Entra asks to move on, and changing that once, or back.

Touches no person's methods.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "registration": "REASONS Kept carry_out changed compare ending guard names read reasons restored seal tally",
        "asked": "verdicts",
    },
)
