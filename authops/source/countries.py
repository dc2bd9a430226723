"""Countries as people and systems write them → two letters: codes, and names in the languages of the CLDR (Babel)."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from functools import cache
from typing import Final

from authops.phone.numbering import calling_code

# Names of ISO 3166 and of daily use that the CLDR does not have.
_ALSO: Final = {
    "greatbritain": "GB", "unitedkingdomofgreatbritainandnorthernireland": "GB", "unitedstatesofamerica": "US",
    "russianfederation": "RU", "korearepublicof": "KR", "republicofkorea": "KR", "vietnam": "VN",
    "iranislamicrepublicof": "IR", "moldovarepublicof": "MD", "taiwanprovinceofchina": "TW",
    "tanzaniaunitedrepublicof": "TZ", "venezuelabolivarianrepublicof": "VE", "boliviaplurinationalstateof": "BO",
    "syrianarabrepublic": "SY", "bruneidarussalam": "BN", "laopeoplesdemocraticrepublic": "LA",
    "kingdomofthenetherlands": "NL", "netherlandskingdomofthe": "NL", "czechrep": "CZ", "uae": "AE",
    "peoplesrepublicofchina": "CN", "republicofireland": "IE", "ksa": "SA", "scotland": "GB", "wales": "GB",
}  # fmt: skip


@cache
def code(text: str) -> str:
    """The two letters of a country, `Deutschland` → `DE`; "" for one that is not known, or for more than one."""
    said = text.strip().upper()
    if len(said) == 2 and calling_code(said):
        return said
    found = _codes().get(said, "") or _ALSO.get(_folded(text), "") or (_names().get(_folded(text), "") if text else "")
    return found if calling_code(found) else ""


@cache
def _codes() -> dict[str, str]:
    """Codes of three letters, and such that others took the place of: UK, NLD."""
    from babel.core import get_global

    aliases = get_global("territory_aliases")
    return {said: codes[0] for said, codes in aliases.items() if said.isalpha() and len(codes) == 1}


@cache
def _names() -> dict[str, str]:
    """Folded name → code, in every language; a name that two countries have is none's."""
    from babel import Locale, localedata

    found: dict[str, set[str]] = defaultdict(set)
    for language in localedata.locale_identifiers():
        if "_" not in language:
            for said, name in Locale(language).territories.items():
                if len(said) == 2:
                    found[_folded(name)].add(said)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1}


def _folded(name: str) -> str:
    """Letters only, without accents and a leading article."""
    plain = unicodedata.normalize("NFKD", re.sub(r"^the\s+", "", name.strip(), flags=re.IGNORECASE))
    return "".join(c for c in plain.casefold() if c.isalpha())
