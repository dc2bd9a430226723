"""Codes on a screen: one person at a time, sealed on their way to the one page that looks, never before it asks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authops.handover.board import Board
from authops.handover.handover import NotGivenError, Receipt
from authops.handover.opening import open as hand_over
from authops.handover.screen import STOPPED, Screen
from authops.words.errors import HandOverError, ParameterError
from tests.handover.conftest import SECRET, letter, private_key, spellings


class Page:
    """A browser's page: what it hears, and what the person before it does."""

    def __init__(self, *does: str, secure: bool = True, key: rsa.RSAPrivateKey | None = None) -> None:
        self.does, self.secure, self.key = list(does), secure, key or private_key("rsa")
        self.heard: Callable[[Mapping[str, Any]], None] = lambda _: None
        self.told: list[dict[str, Any]] = []
        self.read: list[str] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(json.loads(json.dumps(message)))
        if message["what"] == "anybody":
            self.heard({"do": "here", "view": "a", "secure": self.secure})
        elif message["what"] == "card":
            self.press(message["turn"])
        elif message["what"] == "code" and message["sealed"]:
            how = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
            self.read.append(self.key.decrypt(base64.b64decode(message["sealed"]), how).decode())

    def press(self, turn: str) -> None:
        """All that the person does before one card."""
        key = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        while self.does:
            do = self.does.pop(0)
            if do == "next":
                return
            self.heard({"do": do, "turn": turn, "view": "a", "key": base64.b64encode(key).decode()})

    def close(self) -> None: ...


def screen(page: Page, **more: Any) -> Screen:
    return Screen(page, lambda: datetime(2026, 11, 27, tzinfo=UTC), **{"patience": 0.05} | more)


def given(hand: Screen, *codes: str) -> list[Receipt]:
    async def all_of_them() -> list[Receipt]:
        await hand.ready(["desk"] * len(codes))
        return [
            receipt for n, code in enumerate(codes, 1) for receipt in await hand.give([letter(n, "desk", code=code)])
        ]

    return asyncio.run(all_of_them())


def test_each_is_shown_when_it_is_asked_for_and_no_message_holds_a_code_in_plain() -> None:
    page = Page("show", "seen", "given", "next", "show", "seen", "show", "seen", "given")
    receipts = given(screen(page), SECRET, "The-second1")
    assert page.read == [SECRET, "The-second1", "The-second1"]
    assert [(one.how, one.where) for one in receipts] == [("screen", "acknowledged")] * 2
    said = json.dumps(page.told).encode()
    assert not [one for code in page.read for one in spellings(code) if one in said]
    cards = [one for one in page.told if one["what"] == "card"]
    assert [(one["number"], one["of"], one["account"]) for one in cards] == [
        (1, 2, "user1@contoso.example"),
        (2, 2, "user2@contoso.example"),
    ]
    assert page.told[-1]["what"] == "away"
    assert len({one["sealed"] for one in page.told if one["what"] == "code"}) == 3


@pytest.mark.parametrize(
    ("does", "error", "said"),
    [
        (["not-given"], NotGivenError, "said on the screen"),
        (["show", "not-given"], NotGivenError, "said on the screen"),
        (["given"], HandOverError, "nobody said within"),  # what nobody saw was given to nobody
        (["show", "given"], HandOverError, "nobody said within"),
        (["show", "seen"], HandOverError, "nobody said within"),
    ],
)
def test_what_was_not_acknowledged_is_no_receipt_and_is_wiped(
    does: list[str], error: type[HandOverError], said: str
) -> None:
    page = Page(*does)
    told = letter()
    with pytest.raises(error, match=said):
        asyncio.run(screen(page, minutes=0).give([told]))
    with pytest.raises(HandOverError, match="gone from memory"):
        told.code.reveal()
    assert page.told[-1]["what"] == "away"


def test_handed_over_and_stop_is_a_receipt_and_ends_it() -> None:
    hand = screen(Page("show", "seen", "given-and-stop"))
    assert (len(given(hand, SECRET)), hand.ended) == (1, STOPPED)


def test_a_stop_gives_up_what_nobody_saw_and_waits_for_a_word_on_what_was_seen() -> None:
    hand = screen(Page())
    hand.go_on = lambda: False
    with pytest.raises(NotGivenError, match="asked to stop"):
        asyncio.run(hand.give([letter()]))
    hand = screen(Page("show", "seen"), minutes=0)
    hand.go_on = lambda: False
    with pytest.raises(HandOverError, match="nobody said"):
        asyncio.run(hand.give([letter()]))


@pytest.mark.parametrize(
    ("page", "said"), [(Page(secure=False), "plain http"), (None, "no page answers")], ids=["http", "nobody"]
)
def test_a_page_that_cannot_show_codes_is_found_before_the_first_pass(page: Page | None, said: str) -> None:
    silent = Page()
    silent.tell = lambda _: None  # type: ignore[method-assign]
    with pytest.raises(HandOverError, match=said):
        asyncio.run(screen(page or silent).ready(["desk"]))


def test_a_key_that_is_too_small_or_none_gets_no_code() -> None:
    for key in (private_key("small"), private_key("elliptic")):
        page = Page("show", "seen", "not-given", key=key)
        with pytest.raises(NotGivenError):
            asyncio.run(screen(page).give([letter()]))
        assert [one["sealed"] for one in page.told if one["what"] == "code"] == [""]


def test_what_a_page_says_of_an_earlier_pass_counts_for_nothing() -> None:
    page, hand = Page("show", "seen", "given", "next"), None
    hand = screen(page, minutes=0)
    assert len(given(hand, SECRET)) == 1
    earlier = next(one["turn"] for one in page.told if one["what"] == "card")
    page.press = lambda _: page.heard({"do": "seen", "turn": earlier}) or page.heard({"do": "given", "turn": earlier})  # type: ignore[func-returns-value,method-assign]
    with pytest.raises(HandOverError, match="nobody said"):
        asyncio.run(hand.give([letter(2)]))


def test_a_headless_run_has_no_screen() -> None:
    with pytest.raises(HandOverError, match="before this run nobody does"):
        hand_over("screen")
    for wrong in ({"screen_minutes": "soon"}, {"screen_seconds": "0"}, {"screen_copy": "perhaps"}):
        with pytest.raises(ParameterError):
            hand_over("screen", interactive=True, **wrong)  # type: ignore[arg-type]


def test_the_widget_has_no_state_that_a_notebook_could_save() -> None:
    board = Board()
    before = board.get_state()
    hand = screen(Page(), minutes=1)
    hand._board, board.heard = board, hand._heard

    async def shown() -> str:
        told = letter()
        giving = asyncio.ensure_future(hand.give([told]))
        while hand._letter is None:
            await asyncio.sleep(0)
        key = private_key("rsa").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for do in ("show", "seen"):
            board._handle_custom_msg(
                {"do": do, "turn": hand._turn, "view": "a", "key": base64.b64encode(key).decode()}, []
            )
        while not hand._seen:
            await asyncio.sleep(0)
        kept = json.dumps([board.get_state(), board.get_manager_state()], default=str)
        board._handle_custom_msg({"do": "given", "turn": hand._turn, "view": "a"}, [])
        await giving
        return kept

    kept = asyncio.run(shown()).encode()
    assert [one for one in (*spellings(SECRET), b"user1@contoso") if one in kept] == []
    assert board.get_state() == before
    board.close()
