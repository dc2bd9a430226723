"""What a debugger, a log at its loudest or a traceback with its locals show of codes: nothing."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyrage
import pytest
from IPython.core.ultratb import VerboseTB

from authops.graph.answer import Answer, Request
from authops.handover import opening
from authops.handover.handover import HandOver, Letter
from authops.words.errors import HandOverError
from tests.apply.conftest import Stage
from tests.apply.passing import Kept, give, planned
from tests.apply.test_passes import EVERYBODY, rows

HOLDING = (dict, list, tuple)


@pytest.fixture
def loud() -> Iterator[io.StringIO]:
    """All that any logger says, at its loudest."""
    said, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(said), root.level
    root.addHandler(handler)
    root.setLevel(1)
    loggers = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(one, one.level) for one in loggers]
    for one in loggers:
        one.setLevel(1)
    yield said
    root.removeHandler(handler)
    root.setLevel(level)
    for one, its in before:
        one.setLevel(its)


class Watched(Kept):
    """Turns asyncio's debug mode on, in which each callback is told with what it was given."""

    async def ready(self, recipients: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = -1.0
        await super().ready(recipients)


def test_the_loudest_log_and_asyncios_debug_mode_tell_no_code(stage: Stage, loud: io.StringIO) -> None:
    stage.people(**{name: {} for name in EVERYBODY})
    hand = Watched()
    stage.weather(fault_rate=0.3, faults=["inner-effect-then-504", "inner-429"], seed=5)
    give(stage, planned(stage, rows(EVERYBODY)).writes, hand)
    said = loud.getvalue()
    assert len(hand.codes) > 20
    assert "Executing <" in said  # asyncio told of its callbacks
    assert [code for code in hand.codes.values() if code in said] == []


def test_an_answer_shows_nothing_of_its_body() -> None:
    answer = Answer(Request("POST", "/x"), 201, {}, {"temporaryAccessPass": "Zq7xW4kP"}, None)
    assert "Zq7xW4kP" not in f"{answer!r} {answer} {[answer]!r}"


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError("no")])
def test_what_breaks_after_a_pass_was_made_shows_no_code_in_any_traceback(stage: Stage, error: Exception) -> None:
    stage.people(anna={}, bert={})
    hand = Kept()
    with pytest.raises(type(error)) as broke:  # the report is told right after the outcome is written down
        give(stage, planned(stage, rows(["anna", "bert"])).writes, hand, report=lambda done, _: _raise(error, done))
    assert hand.codes
    told = "".join(traceback.TracebackException.from_exception(broke.value, capture_locals=True).format())
    told += VerboseTB(theme_name="nocolor").text(broke.type, broke.value, broke.tb)
    assert "_settle_made" in told
    assert [code for code in hand.codes.values() if code in told] == []


def _raise(error: Exception, done: int) -> None:
    if done:
        raise error


def test_nothing_that_python_still_holds_has_a_code_once_it_is_handed_over(stage: Stage, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / "desk.pub").write_text(f"{identity.to_public()}\n")
    stage.people(**{name: {} for name in EVERYBODY[:3]})
    hand: HandOver = opening.open("files", folder=str(tmp_path / "letters"), recipient_keys=str(tmp_path / "keys"))
    give(stage, planned(stage, rows(EVERYBODY[:3])).writes, hand)
    gc.collect()
    letters = [pyrage.decrypt(path.read_bytes(), [identity]).decode() for path in (tmp_path / "letters").rglob("*.age")]
    codes = {said.partition("Pass ")[2].split()[0] for said in letters}
    assert len(codes) == 3
    things = [list(one.values()) if isinstance(one, dict) else one for one in gc.get_objects() if type(one) in HOLDING]
    assert [one for thing in things for one in thing if type(one) is str and one in codes] == []
    assert not [one for one in gc.get_objects() if isinstance(one, Letter) and any(one.code._held)]


def test_keys_of_tls_that_are_written_down_are_no_way_to_hand_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/tmp/keys")
    for kind in opening.KINDS:
        with pytest.raises(HandOverError, match="SSLKEYLOGFILE is set"):
            opening.open(kind, interactive=True)
