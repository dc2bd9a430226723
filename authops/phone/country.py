"""Which country a number belongs to, as far as its digits tell."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers


@lru_cache(100_000)
def country(value: str) -> str:
    """`+31 612345678` → `NL`; "" for what is no number, or belongs to no one country."""
    try:
        found = phonenumbers.region_code_for_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return ""
    return found if found and found != "001" else ""
