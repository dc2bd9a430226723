"""A column of numbers: a cell that can be two numbers is read as the rest of its column, where that clearly speaks.

A Chinese mobile, 131 2345 6789 in one piece, is an American number that lost its +, too: alone, it is refused. It is
taken as it stands when the column has many that can only be read so, alike in country, length and kind, and none that
lost its + or has a zero in front, as numbers do where they are written as at home.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import phonenumbers

from authops.phone import ordinary, readings
from authops.phone.number import Number, read, taken
from authops.phone.readings import TwoReadings
from authops.phone.spelling import PhoneProblem, plain

AS_ITS_COLUMN: Final = "can be read in two ways, and is read as the rest of its column"
_CLEARLY: Final = 10
Found = Number | PhoneProblem
Look = tuple[str, int, int, bool]


def read_all(texts: Sequence[str], regions: Sequence[str], *, method: str, joined: bool = False) -> Iterator[Found]:
    """What each cell holds, in order: a number, or why it is none (see `number.read`)."""
    found = _each(texts, regions, method, joined)
    unsure = {
        n: look for n, f in enumerate(found) if isinstance(f, TwoReadings) and (look := _look(texts[n], f.literal))
    }
    if unsure and _one_way(texts, found, len(unsure)):
        clear = _voices(texts, found, set(unsure.values()))
        if all(clear[look] >= _CLEARLY for look in unsure.values()):
            for n in unsure:
                found[n] = _decided(found[n], method)
    yield from found


def _each(texts: Sequence[str], regions: Sequence[str], method: str, joined: bool) -> list[Found]:
    """What each cell holds by itself: the ordinary ones of a country all at once."""
    known: dict[int, Number] = {}
    places: dict[str, list[int]] = defaultdict(list)
    for position, region in enumerate(regions if not joined else ()):
        places[region].append(position)
    for region, some in places.items():
        read_ = ordinary.read([texts[n] for n in some], region, method)
        known |= {n: number for n, number in zip(some, read_, strict=True) if number}
    return [known.get(n) or _one(text, regions[n], method, joined) for n, text in enumerate(texts)]


def _one(text: str, region: str, method: str, joined: bool) -> Found:
    try:
        return read(text, region=region, method=method, joined=joined)
    except PhoneProblem as problem:
        return problem.with_traceback(None)


def _one_way(texts: Sequence[str], found: Sequence[Found], unsure: int) -> bool:
    """Whether no cell speaks for another reading: a lost +, a code that stands there twice, a zero in front."""
    other = sum(isinstance(f, TwoReadings) or (isinstance(f, PhoneProblem) and f.rule == "plus_lost") for f in found)
    return other == unsure and not any(_digits(text)[:1] == "0" for text in texts)


def _voices(texts: Sequence[str], found: Sequence[Found], asked: set[Look]) -> Counter[Look]:
    """How many cells have but one reading, and that looks like this; no more are counted than are needed."""
    clear: Counter[Look] = Counter()
    for text, said in zip(texts, found, strict=True):
        if isinstance(said, Number) and "x" not in said.value:
            look = _look(text, phonenumbers.parse(said.value))
            clear.update([look] if look else [])
            if all(clear[one] >= _CLEARLY for one in asked):
                break
    return clear


def _look(text: str, number: phonenumbers.PhoneNumber) -> Look | None:
    """How a number is written, of which country, how long and of which kind; None unless it is written as it stands."""
    written, national = _digits(text), phonenumbers.national_significant_number(number)
    form = "+" if plain(text).startswith("+") else ""
    if written != (readings.digits(number) if form else national) or not phonenumbers.is_valid_number(number):
        return None
    return form, number.country_code or 0, len(national), readings.mobile(number)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, plain(text)))


def _decided(problem: Found, method: str) -> Found:
    if not isinstance(problem, TwoReadings):
        return problem
    try:
        number = taken(problem.literal, method)
    except PhoneProblem as other:
        return other
    return Number(number.value, "; ".join(filter(None, [number.note, AS_ITS_COLUMN])))
