"""Whatever the file: it is read, or refused in one sentence; and every row is accounted for exactly once."""

from __future__ import annotations

import html
import logging
import re
import string
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authops.phone.number import PhoneProblem, fold, normalise
from authops.show.report import facts, problems
from authops.source import wanted_file
from authops.words.errors import SourceError
from authops.words.redaction import mask
from tests.mutations import files
from tests.source import said

REGIONS = ["", "NL", "DE", "US", "GB", "IT", "BR", "AR"]
spelled = st.text(string.digits + "+ ()-./x", min_size=1, max_size=20)


_FULL = re.compile(r"(?<![\w*])\+?\d(?:[ .\-/()\u00a0]{0,2}\d){6,}")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")
# Style, pictures and tags: what a page shows is left.
_MARKUP = re.compile(r"<style>.*?</style>|<style .*?</style>|<svg.*?</svg>|<[^<>]*>", re.DOTALL)
_ADDRESSES = ("a@b.example", "kim@mail.example")


class Heard(logging.Handler):
    """What was logged, and so what the console and log.jsonl would show."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def accounted(path: Path, region: str) -> bool:
    """Whether the file was read; each of its rows is then wanted or a problem, never both, never neither.

    And nothing that is said of it, on page, console, log or in a notification, holds a full number or an address.
    """
    heard = Heard()
    log = logging.getLogger("authops")
    log.addHandler(heard)
    try:
        got = wanted_file.read(path, default_region=region)
    except SourceError as refused:
        assert refused.message
        silent(str(refused), path)
        for where, words in said.of_refusal(refused, path.parent).items():
            tells_nothing(where, words, path)
        return False
    finally:
        log.removeHandler(heard)
    shown = {k: v for k, v in got.facts.items() if k not in ("path", "digest")}
    silent("\n".join([*heard.lines, facts(shown).plain, *got.problems["message"]]), path)
    for row in problems(got.problems, limit=1_000).plain.splitlines():
        assert not _FULL.search(re.sub(r"[\w.+-]+@[\w.-]+", "", row)), row
        assert "\x1b" not in row
    values = got.problems.loc[got.problems["value"] != got.problems["user"], "value"]
    silent("\n".join(values), path)
    planned, wrong = set(got.wanted["line"]), list(got.problems["line"])
    assert len(set(wrong)) == len(wrong)
    assert not planned & set(wrong)
    assert len(planned) + len(wrong) == got.facts["rows"]
    for where, words in said.of(got, path.parent).items():
        tells_nothing(where, words, path, [*got.people, *got.wanted["ticket"].unique()])
    each = 1 if "kind" in got.facts["columns"] or "PhoneType" in got.facts["columns"] else len(got.methods)
    assert (got.wanted.groupby("line").size() == each).all()
    return True


def tells_nothing(where: str, words: str, path: Path, named: Sequence[str] = ()) -> None:
    """Page, console or notification hold no full number; an address only where it is a user name or a ticket."""
    seen = html.unescape(_MARKUP.sub(" ", words)).replace(str(path), "")
    for name in sorted(filter(None, named), key=len, reverse=True):
        seen = seen.replace(name, "")
    found = _FULL.search(_ADDRESS.sub("", seen))
    assert not found, (where, found)
    assert not any(address in seen for address in _ADDRESSES), where
    assert "\x1b" not in words, where


def silent(words: str, path: Path) -> None:
    words = words.replace(str(path), "").replace(str(path.resolve()), "")
    assert not _FULL.search(words), words
    assert not any(address in words for address in _ADDRESSES), words
    assert "\x1b" not in words


@pytest.mark.parametrize("seed", range(8))
def test_every_row_of_any_file_is_accounted_for_once(tmp_path: Path, seed: int) -> None:
    read = 0
    for name, data in islice(files(seed), 60):
        path = tmp_path / name
        path.write_bytes(data)
        read += accounted(path, REGIONS[seed])
    assert read > 10


@settings(max_examples=400, deadline=None)
@given(spelled, st.sampled_from(REGIONS), st.sampled_from(("mobile", "office")))
def test_a_number_once_spelled_stays_as_it_is(text: str, region: str, method: str) -> None:
    try:
        value = normalise(text, region=region, method=method)
    except PhoneProblem:
        return
    assert normalise(value, method=method) == value
    assert fold(value.replace(" ", "")) == fold(value)
    number = phonenumbers.parse(value)
    again = f"+{number.country_code} {phonenumbers.national_significant_number(number)}"
    assert (f"{again}x{number.extension}" if number.extension else again) == value


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.integers(0, 3), st.sampled_from((0, 1, 2)))
def test_every_way_to_write_a_countrys_numbers_is_one_number(region: str, way: int, kind: int) -> None:
    number = phonenumbers.example_number_for_type(region, kind)
    if number is None:
        return
    text = phonenumbers.format_number(number, way)
    value = normalise(text, region=region, method="office")
    assert value == f"+{number.country_code} {phonenumbers.national_significant_number(number)}"


@given(st.text(max_size=30))
def test_any_text_can_be_folded_and_masked(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    digits = [c for c in mask(text) if c.isdigit()]
    assert "@" in text or len(digits) <= 6
