"""The demo tenant's people of 2026: a switch, so that those of 2025 stay what they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from authops.demo.wire.build import build
from authops.demo.world import people, population
from authops.demo.world.tenant import User


def of(year: str, users: int = 500) -> list[User]:
    return population.of(year, people.generate(users)[1], people.SEED)


def test_the_people_of_2025_are_untouched_and_those_of_2026_the_same_people() -> None:
    before, now = of("2025"), of("2026")
    assert [u.document() for u in before] == [u.document() for u in people.generate()[1]]
    assert [u.profile["userPrincipalName"] for u in before] == [u.profile["userPrincipalName"] for u in now]
    assert [u.document() for u in now] == [u.document() for u in of("2026")]
    assert [u.document() for u in now if u.story] == [u.document() for u in before if u.story]


def test_a_year_on_every_sort_of_method_occurs_and_states_of_their_own() -> None:
    crowd = of("2026")
    sorts = Counter(
        m.fields.get("passkeyType", m.kind) if m.kind == "fido2" else m.kind for u in crowd for m in u.methods.values()
    )
    for sort in ("synced", "deviceBound", "hardwareOath", "softwareOath", "windowsHelloForBusiness", "external",
                 "temporaryAccessPass", "platformCredential", "microsoftAuthenticator", "phone", "email"):  # fmt: skip
        assert sorts[sort] >= 5, sort
    assert set(Counter(u.per_user_mfa for u in crowd)) == {"disabled", "enabled", "enforced"}
    assert any(u.appointed == ["Global Administrator"] for u in crowd)
    assert any(u.eligible and u.admin for u in crowd)
    guests = [u for u in crowd if u.profile["userType"] == "Guest"]
    assert any("#EXT#" not in u.profile["userPrincipalName"] for u in guests)
    assert any("#EXT#" in u.profile["userPrincipalName"] for u in guests)


def test_a_home_keeps_its_year(tmp_path: Path) -> None:
    made = build(tmp_path / "home", users=30, population="2026")
    assert made.tenant.meta["policy"]["configurations"]["Voice"]["state"] == "disabled"
    again = build(tmp_path / "home")
    assert again.tenant.meta["population"] == "2026"
    with pytest.raises(ValueError, match="people of 2026"):
        build(tmp_path / "home", population="2025")
    with pytest.raises(ValueError, match="no population"):
        build(tmp_path / "other", population="1999")
    assert "policy" not in build(tmp_path / "usual", users=10).tenant.meta
