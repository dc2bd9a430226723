"""What keeping text messages costs, by country, from the operator's own price file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from authops.audit import cost, retirement
from authops.words.errors import ParameterError
from authops.words.frames import HOLDERS, frame
from authops.words.retirement import dates
from tests.audit.test_retirement import PHONE, USUAL

EXAMPLE = Path(__file__).parents[2] / "parameters" / "sms-prices.csv"
HEAD = "Country,Provider,Channel,PerMessage,Currency,AsOf,Source\n"


def exposed(*people: tuple[str, str, str]) -> Any:
    rows = [
        USUAL | {"user_id": f"u{n}", "methods": held, "number_country": country, "account": account}
        for n, (held, country, account) in enumerate(people)
    ]
    return retirement.exposure(frame(HOLDERS, rows), dates())


PEOPLE = exposed(
    (PHONE, "NL", "enabled"),
    (f"{PHONE} microsoftAuthenticatorPush", "NL DE", "enabled"),
    (PHONE, "US", "enabled"),
    (PHONE, "", "enabled"),
    (PHONE, "NL", "disabled"),
    ("passKeySynced", "", "enabled"),
)


def prices(tmp_path: Path, *lines: str) -> list[cost.Price]:
    path = tmp_path / "prices.csv"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines), "utf-8-sig")
    return cost.read(str(path))


def test_people_are_counted_and_priced_by_the_country_of_their_first_number(tmp_path: Path) -> None:
    known = prices(tmp_path, "NL,Post,sms,0.05,EUR,2026-11-01,offer", "*,Post,sms,0.10,EUR,2026-11-01,offer")
    found = cost.table(PEOPLE, known, 20).set_index("country")
    assert found["people"].to_dict() == {"NL": 2, "US": 1, "(not known)": 1}
    assert found["blocked"].to_dict() == {"NL": 1, "US": 1, "(not known)": 1}
    assert found["cost"].to_dict() == pytest.approx({"NL": 2.0, "US": 2.0, "(not known)": 2.0})
    assert found["blocked_cost"]["NL"] == pytest.approx(1.0)


def test_a_country_without_a_price_costs_not_nothing(tmp_path: Path) -> None:
    found = cost.table(PEOPLE, prices(tmp_path, "NL,Post,sms,0.05,EUR,2026-11-01,offer"), 20).set_index("country")
    assert math.isnan(found["cost"]["US"])
    assert found["cost"]["NL"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Netherlands,Post,sms,0.05,EUR,2026-11-01,offer", "price 1: Country"),
        ('NL,Post,sms,"0,05",EUR,2026-11-01,offer', "price 1: PerMessage"),
        ("NL,Post,sms,-1,EUR,2026-11-01,offer", "price 1: PerMessage"),
        ("NL,Post,sms,NaN,EUR,2026-11-01,offer", "price 1: PerMessage"),
        ("NL,Post,sms,0.05,,2026-11-01,offer", "say what it is"),
        ("NL,Post,sms,0.05,EUR,2026-11-01,offer\nnl,Post,sms,0.06,EUR,2026-11-01,offer", "two prices"),
    ],
)
def test_a_price_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        prices(tmp_path, line)


def test_a_file_that_is_none_is_refused_and_no_file_is_no_price(tmp_path: Path) -> None:
    assert cost.read("") == []
    assert cost.table(PEOPLE, [], 20).empty
    with pytest.raises(ParameterError, match="cannot be read"):
        cost.read(str(tmp_path / "none.csv"))
    (tmp_path / "odd.csv").write_text("Land;Preis\n")
    with pytest.raises(ParameterError, match="lacks Country"):
        cost.read(str(tmp_path / "odd.csv"))


def test_the_example_is_dated_and_names_its_source() -> None:
    assert all(price.as_of and price.source for price in cost.read(str(EXAMPLE)))
