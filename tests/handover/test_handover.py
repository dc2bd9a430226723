"""A code is not shown by anything that shows things, and is gone once it was handed over, however that ended."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
import os
import pickle
import pprint
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.ultratb import VerboseTB
from IPython.lib.pretty import pretty

from authops.handover.handover import Code, HandOver, Letter, Receipt
from authops.handover.opening import open as hand_over
from authops.words.errors import HandOverError, ParameterError, exit_code_of
from tests.handover.conftest import SECRET, letter
from tests.project import ROOT

SHOWN: list[Callable[[Letter], object]] = [
    repr,
    str,
    pretty,
    pprint.pformat,
    lambda told: f"{told.code} {told.code!r} {told.code:>20}",
    lambda told: f"{told.code!s} {vars(told)}",
    lambda told: pd.DataFrame([vars(told)]).to_string(),
    lambda told: pd.DataFrame([vars(told)]).to_html(),
    lambda told: logging.makeLogRecord({"msg": "%s", "args": (told,)}).getMessage(),
    lambda told: json.dumps(vars(told), default=str),
]


@pytest.mark.parametrize("show", SHOWN)
def test_whatever_shows_a_letter_shows_no_code(show: Callable[[Letter], object]) -> None:
    assert SECRET not in str(show(letter()))
    assert "user1@contoso.example" in str(show(letter())) or "code" in str(show(letter()))


@pytest.mark.parametrize(
    "carry",
    [pickle.dumps, copy.copy, copy.deepcopy, dataclasses.asdict, dataclasses.astuple, lambda x: pickle.dumps([x])],
)
def test_a_code_is_not_carried_elsewhere(carry: Callable[[object], object]) -> None:
    told: object = letter() if carry in (dataclasses.asdict, dataclasses.astuple) else letter().code
    with pytest.raises(TypeError, match="neither pickled nor copied") as refused:
        carry(told)
    assert SECRET not in str(refused.value)
    with pytest.raises(TypeError) as unwritten:
        json.dumps(vars(letter()))
    assert SECRET not in str(unwritten.value)


def test_a_wiped_code_is_gone() -> None:
    code = Code(SECRET)
    assert code.reveal() == SECRET
    held = code._held
    code.wipe()
    assert bytes(held) == bytes(len(SECRET))
    with pytest.raises(HandOverError, match="gone from memory"):
        code.reveal()


class _Failing(HandOver):
    """Reads the code, then fails in the way it was told to."""

    name = "failing"

    def __init__(self, failure: Callable[[str], BaseException] | None) -> None:
        self._failure = failure

    async def ready(self, recipients: Sequence[str]) -> None: ...

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        plain = [told.code.reveal() for told in letters]
        if self._failure is not None:
            raise self._failure(plain[0])
        assert plain


FAILURES: dict[str, Callable[[str], BaseException]] = {
    "ours": lambda _: HandOverError("the disk is full", remedy="make room"),
    "disk": lambda code: OSError(28, "No space left", code),
    "text": lambda code: ValueError(f"cannot write {code}"),
    "cancelled": lambda _: asyncio.CancelledError(),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_what_failed_while_it_held_a_code_tells_nothing_of_it(kind: str) -> None:
    told = letter()
    with pytest.raises((HandOverError, asyncio.CancelledError)) as failed:
        asyncio.run(_Failing(FAILURES[kind]).give([told]))
    error = failed.value
    assert error.__context__ is None
    assert error.__cause__ is None
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert SECRET not in "".join(with_locals.format())
    assert "in _give" not in "".join(with_locals.format())  # the frame that read it
    assert SECRET not in VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    with pytest.raises(HandOverError, match="gone from memory"):
        told.code.reveal()


def test_codes_are_wiped_once_they_are_handed_over() -> None:
    told = [letter(1), letter(2)]
    asyncio.run(_Failing(None).give(told))
    assert [bytes(one.code._held) for one in told] == [bytes(len(SECRET))] * 2


def test_without_a_hand_over_there_is_none() -> None:
    with pytest.raises(HandOverError, match="no pass is made"):
        hand_over("")
    with pytest.raises(ParameterError, match="'post' is no hand-over"):
        hand_over("post")
    assert exit_code_of("HandOverError") == 4


ABORTS = """
import os, resource, sys
sys.path.insert(0, {root!r})
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
if sys.argv[1:]:
    from authops.handover.opening import no_cores
    no_cores()
held = {secret!r}
os.abort()
"""


@pytest.mark.skipif(not hasattr(os, "WCOREDUMP"), reason="no cores here")
def test_a_process_that_held_codes_and_aborts_leaves_no_core(tmp_path: Path) -> None:
    def dumped(*words: str) -> bool:
        code = ABORTS.format(root=str(ROOT), secret=SECRET)
        child = subprocess.Popen([sys.executable, "-c", code, *words], cwd=tmp_path, stderr=subprocess.DEVNULL)
        _, status = os.waitpid(child.pid, 0)
        child.returncode = 0
        assert os.WIFSIGNALED(status), status
        return os.WCOREDUMP(status)

    if not dumped():
        pytest.skip("this machine keeps no cores anyhow")
    before = sorted(tmp_path.iterdir())
    assert not dumped("careful")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_nobody_of_the_same_account_may_look_into_a_process_that_holds_codes() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from authops.handover.opening import no_cores; no_cores()"
    code += "; import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "0\n"
