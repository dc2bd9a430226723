"""The registration campaign: whom Entra asks to move on, and changing that once, or back.

Touches no person's methods.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "asked": "Forecast forecast reasons verdicts",
        "registration": "changed names read restored seal",
        "remarks": "meaning opt_out",
        "rules": "REASONS",
        "writing": "Kept carry_out compare ending guard tally",
    },
)
