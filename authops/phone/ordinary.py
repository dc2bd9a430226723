"""Ordinary numbers, a whole column at a time: what `number` says of a cell with a +, 00 or 0, many times faster.

Nothing is said of a cell that leaves any doubt: `number` is asked, which knows more. `tests/phone/test_ordinary.py`
holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from authops.phone import numbering
from authops.phone.number import LANDLINE, Number

_WRITTEN: Final = r"^(?P<prefix>\+|00?)(?P<rest>[1-9][0-9 \-]*[0-9])$"
# Two dashes, or a zero behind white space, which may begin a second number.
_DOUBTFUL: Final = r"--|[ \-]0[0-9]*[ \-]?[0-9]{3,}"
_CODES: Final = pa.array(sorted(numbering.CODES))


def read(texts: Sequence[str], region: str, method: str) -> list[Number | None]:
    """What each cell holds, where it is an ordinary number; None where `number` has to be asked."""
    found: list[Number | None] = [None] * len(texts)
    for code, national, places in _alike(*_parts(pa.array(texts, pa.string()), region)):
        for kind, mask in _kinds(code, national):
            note = LANDLINE if kind == numbering.FIXED and method != "office" else ""
            for place, rest in zip(places[mask].tolist(), national.filter(pa.array(mask)).to_pylist(), strict=True):
                found[place] = Number(f"+{code} {rest}", note)
    return found


def _parts(cells: pa.Array, region: str) -> tuple[pa.Array, pa.Array, Any]:
    """(country codes, national numbers, their places) of the cells where it is certain which is which."""
    written = pc.extract_regex(cells, _WRITTEN)
    clear = _true(written.is_valid()) & ~_true(pc.match_substring_regex(cells, _DOUBTFUL))
    prefix, rest = (pc.struct_field(written, name).filter(pa.array(clear)) for name in ("prefix", "rest"))
    digits = pc.replace_substring_regex(rest, "[ -]", "")
    usual = bool(region) and numbering.exits(region).pattern == "00"
    at_home = pc.equal(prefix, "0")
    code = pc.if_else(at_home, numbering.trunk(region) if usual else "", _codes(digits))
    code = pc.if_else(pc.or_(pc.equal(prefix, "00"), False if usual else at_home), code if usual else "", code)
    return code, pc.if_else(at_home, digits, _behind(code, digits)), np.flatnonzero(clear)


def _codes(digits: pa.Array) -> pa.Array:
    """The country code that digits begin with; "" for none."""
    code = pa.scalar("")
    for size in (1, 2, 3):
        begin = pc.utf8_slice_codeunits(digits, 0, size)
        code = pc.if_else(pc.is_in(begin, _CODES), begin, code)
    return code


def _behind(code: pa.Array, digits: pa.Array) -> pa.Array:
    size = pc.utf8_length(code)
    """Digits without the country code in front."""
    rest = digits
    for some in (1, 2, 3):
        rest = pc.if_else(pc.equal(size, some), pc.utf8_slice_codeunits(digits, some), rest)
    return rest


def _alike(code: pa.Array, national: pa.Array, places: Any) -> Iterator[tuple[str, pa.Array, Any]]:
    """The numbers of one code and one length together; without those that could begin with their code once more."""
    codes = code.dictionary_encode()
    names, which = codes.dictionary.to_pylist(), codes.indices.to_numpy()
    sizes = pc.utf8_length(national).to_numpy()
    order = np.lexsort((sizes, which))
    starts = np.flatnonzero(np.r_[True, (np.diff(which[order]) != 0) | (np.diff(sizes[order]) != 0)][: len(order)])
    for some in np.split(order, starts[1:]):
        if len(some) and (name := names[which[some[0]]]):
            numbers = national.take(pa.array(some))
            twice = pc.or_(pc.starts_with(numbers, name), pc.starts_with(numbers, "0"))
            once = ~_true(twice)
            yield name, numbers.filter(pa.array(once)), places[some[once]]


def _kinds(code: str, national: pa.Array) -> Iterator[tuple[str, Any]]:
    """(kind, which numbers are of it), as `numbering.kind` says of each one alone."""
    plan = numbering.plan_of(code, len(national[0].as_py())) if len(national) else None
    left = ~_begins(plan.unclear, national) if plan else np.zeros(len(national), dtype=bool)
    for region in plan.regions if plan else ():
        general = left & _is(region.general, national)
        usual = general & ~_is(region.unusual, national)
        fixed, mobile = (usual & _is(of, national) for of in (region.fixed, region.mobile))
        either = fixed & (mobile | region.same)
        only = mobile & ~fixed & (not region.same)
        yield from ((numbering.EITHER, either), (numbering.FIXED, fixed & ~either), (numbering.MOBILE, only))
        left &= ~(general & ~usual) & ~fixed & ~only


def _is(pattern: re.Pattern[str], texts: pa.Array) -> Any:
    return _begins(pattern, texts, "$")


def _begins(pattern: re.Pattern[str], texts: pa.Array, end: str = "") -> Any:
    if pattern is numbering.NEVER:
        return np.zeros(len(texts), dtype=bool)
    return _true(pc.match_substring_regex(texts, f"^(?:{pattern.pattern}){end}"))


def _true(mask: pa.Array) -> Any:
    return mask.to_numpy(zero_copy_only=False)
