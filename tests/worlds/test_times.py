"""A world's process that is killed leaves nothing behind that Python would complain of."""

from __future__ import annotations

import asyncio
import gc
import warnings

import pytest

from tests.worlds.times import Times


def test_a_kill_while_something_was_about_to_begin_is_silent() -> None:
    async def read() -> None:
        await asyncio.sleep(1)

    async def dies() -> None:
        about_to = [asyncio.ensure_future(read())]
        raise SystemExit(len(about_to))

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(SystemExit):
            Times().run(dies())
        gc.collect()
    assert not said
