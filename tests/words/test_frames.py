"""A frame is the same however many rows it is made of."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from authops.words import frames
from authops.words.frames import Shape, empty, frame

_SHAPES = {name: shape for name, shape in vars(frames).items() if name.isupper() and hasattr(shape, "keys")}
_VALUES = {"text": ("a", None, 7, ""), "time": ("2026", None, "", "2027"), "count": (1, 2, 0, 9),
           "flag": (True, False, 1, 0), "maybe": (True, None, pd.NA, False)}  # fmt: skip


@pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
def test_a_few_rows_make_the_frame_that_many_make(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{name: _VALUES[kind][n] for name, (kind, _) in shape.items()} | {"more": 1} for n in range(4)]
    text = next(name for name, (kind, _) in shape.items() if kind == "text")
    rows[3] = {name: value for name, value in rows[3].items() if name != text}
    few, none = frame(shape, rows), empty(shape)
    monkeypatch.setattr(frames, "_FEW", 0)
    assert_frame_equal(few, frame(shape, rows))
    assert_frame_equal(none, empty(shape))
    assert few[text].iloc[3] == ""
