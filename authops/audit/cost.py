"""What keeping text messages would cost with a telephony provider, by country of the number, from a price file.

The file is the operator's own: `Country,Provider,Channel,PerMessage,Currency,AsOf,Source`, country as two letters, or
`*` for all others. Microsoft's own delivery ends; a provider's is paid for by message and destination.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import pandas as pd

from authops.words.errors import ParameterError
from authops.words.frames import EXPOSURE, check

COLUMNS: Final = ("Country", "Provider", "Channel", "PerMessage", "Currency", "AsOf", "Source")
COSTS: Final = ("provider", "country", "currency", "per_message", "blocked", "blocked_cost", "people", "cost", "as_of")
_OTHERS: Final = "*"
_NOT_KNOWN: Final = "(not known)"
_REMEDY: Final = f"write the columns {','.join(COLUMNS)}; an example is parameters/sms-prices.csv"


@dataclass(frozen=True)
class Price:
    """One line of the file."""

    country: str
    provider: str
    channel: str
    per_message: Decimal
    currency: str
    as_of: str
    source: str


def read(path: str) -> list[Price]:
    """The prices; none without a file. Raises `ParameterError` for a file that cannot be used, with its line."""
    if not path:
        return []
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}", remedy="check parameter `prices`") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path} is no UTF-8 text", remedy="save it as CSV (UTF-8)") from error
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise ParameterError(f"{path} lacks {', '.join(missing)}", remedy=_REMEDY)
    found = [_price(path, number, row) for number, row in enumerate(rows, 1)]
    keys = [(price.provider, price.channel, price.country) for price in found]
    if len(set(keys)) < len(keys):
        raise ParameterError(f"{path} has two prices for one country, provider and channel", remedy="keep one")
    return found


def _price(path: str, number: int, row: Mapping[str | None, str | None]) -> Price:
    told = {name: (row.get(name) or "").strip() for name in COLUMNS}
    country = told["Country"].upper()
    try:
        amount = Decimal(told["PerMessage"])
    except InvalidOperation:
        amount = Decimal(-1)
    if country != _OTHERS and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise ParameterError(f"{path}, price {number}: Country is two letters, or *", remedy=_REMEDY)
    if not amount.is_finite() or amount < 0:
        raise ParameterError(f"{path}, price {number}: PerMessage is no price such as 0.0095", remedy=_REMEDY)
    if not (told["Provider"] and told["Currency"] and told["AsOf"]):
        raise ParameterError(f"{path}, price {number}: Provider, Currency and AsOf say what it is", remedy=_REMEDY)
    provider, channel, currency = told["Provider"], told["Channel"] or "sms", told["Currency"]
    return Price(country, provider, channel, amount, currency, told["AsOf"], told["Source"])


def table(exposed: pd.DataFrame, prices: list[Price], messages: int) -> pd.DataFrame:
    """For each provider and country (COSTS): how many are blocked, how many have a phone at all, and what a year of
    `messages` each costs; the dearest first. A country without a price has none, which is not nothing.
    """
    phones = check(exposed, EXPOSURE)[(exposed["phones"] != "") & (exposed["account"] != "disabled")]
    # The first number is the mobile's, where there is one.
    country = phones["number_country"].str.split(" ").str[0].replace("", _NOT_KNOWN)
    counted = pd.crosstab(country.to_numpy(), (phones["status"] == "blocked").to_numpy())
    people = {str(name): int(row.sum()) for name, row in counted.iterrows()}
    blocked = {str(name): int(row.get(True, 0)) for name, row in counted.iterrows()}
    rows = list(_rows(prices, people, blocked, messages))
    found = pd.DataFrame(rows, columns=list(COSTS))
    return found.sort_values(["provider", "people", "country"], ascending=[True, False, True], ignore_index=True)


def _rows(
    prices: list[Price], people: Mapping[str, int], blocked: Mapping[str, int], messages: int
) -> Iterator[tuple[object, ...]]:
    for provider in dict.fromkeys(f"{price.provider} ({price.channel})" for price in prices):
        mine = {p.country: p for p in prices if f"{p.provider} ({p.channel})" == provider}
        some = next(iter(mine.values()))
        for country, count in people.items():
            price = mine.get(country) or mine.get(_OTHERS)
            each = float(price.per_message) if price else float("nan")
            hit = blocked.get(country, 0)
            bill = (hit, hit * messages * each, count, count * messages * each)
            yield provider, country, some.currency, each, *bill, (price or some).as_of
