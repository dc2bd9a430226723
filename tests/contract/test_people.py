"""The population is believable, and its numbers are numbers."""

import csv

import phonenumbers

from authops.demo.wire.build import build
from authops.demo.world import people, sample
from tests.homes import furnished


def test_same_seed_same_people():
    assert [u.document() for u in people.generate(80)[1]] == [u.document() for u in people.generate(80)[1]]


def test_every_number_is_valid():
    for user in people.generate(800)[1]:
        found = [(m.fields["phoneNumber"], None) for m in user.methods.values() if m.kind == "phone"]
        profile = [user.profile["mobilePhone"], *user.profile["businessPhones"]]
        for text, region in [*found, *((n, user.profile["country"]) for n in profile if n)]:
            assert phonenumbers.is_valid_number(phonenumbers.parse(text, region)), text


def test_sample_shape(tmp_path):
    sample.write(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == sample.HEADER
    assert 190 <= len(rows) <= 210
    assert any(row["ForcedUpdate"] == "maybe" for row in rows)


def test_two_tenants_of_one_seed_are_two_and_each_stays_itself(tmp_path):
    first, second = (build(furnished(tmp_path / name), users=5).tenant for name in "ab")
    assert first.meta["tenant_id"] != second.meta["tenant_id"]
    assert sorted(first.users) == sorted(second.users)
    assert build(tmp_path / "a").tenant.meta["tenant_id"] == first.meta["tenant_id"]
