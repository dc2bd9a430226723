"""A webhook of one's own: over verified TLS, with its receipt; without one nobody is known to have the code."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from authops.handover.handover import HandOver, Receipt
from authops.handover.opening import open as hand_over
from authops.handover.webhook import Webhook
from authops.words.errors import HandOverError
from tests.handover.conftest import ANN, SECRET, letter, private_key
from tests.listener import Listener

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of this machine, by its address."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder = tmp_path_factory.mktemp("tls")
    public, private = folder / "public.pem", folder / "private.pem"
    private.write_bytes(private_key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    words = ["openssl", "req", "-x509", "-new", "-key", private, "-out", public, "-subj", "/CN=here"]
    subprocess.run([*words, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return public, private


def receipt(body: Any) -> bytes:
    return json.dumps({"receipt": f"desk/{body.get('change', 'trial')}"}).encode()


@pytest.fixture
def listener(tls: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    running = Listener(tls)
    running.said = receipt
    monkeypatch.setenv("DESK_URL", running.url)
    monkeypatch.setenv("DESK_SECRET", "Bearer of-the-desk")
    yield running
    running.close()


@pytest.fixture
def webhook(listener: Listener, tls: tuple[Path, Path]) -> HandOver:
    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    return Webhook("DESK_URL", "DESK_SECRET", str(tls[0]), lambda: NOW, patience=3.0, sleep=at_once)


def test_each_code_is_sent_once_and_its_receipt_is_kept(webhook: HandOver, listener: Listener) -> None:
    asyncio.run(webhook.ready([ANN, ANN]))
    ((_, trial),) = listener.got
    assert trial == {"kind": "trial", "passes": 2, "recipients": [ANN]}
    receipts = asyncio.run(webhook.give([letter(1), letter(2, language="nl")]))
    assert [(one.how, one.where, one.at) for one in receipts] == [
        ("webhook", "desk/c0000001", NOW),
        ("webhook", "desk/c0000002", NOW),
    ]
    sent = sorted((body for _, body in listener.got[1:]), key=lambda body: str(body["change"]))
    assert sent[0] == {
        "kind": "pass",
        "change": "c0000001",
        "user": {"id": "id-1", "upn": "user1@contoso.example", "name": "User 1"},
        "recipient": ANN,
        "code": SECRET,
        "starts": "2026-11-30T08:00:00+01:00",
        "expires": "2026-11-30T16:00:00+01:00",
        "once": True,
        "language": "en",
    }
    assert {headers["Authorization"] for headers, _ in listener.got} == {"Bearer of-the-desk"}
    assert len({headers["Idempotency-Key"] for headers, _ in listener.got}) == 3


def test_what_surely_was_not_taken_is_sent_again_as_the_same(webhook: HandOver, listener: Listener) -> None:
    listener.answers = [(503, {"Retry-After": "0.1"}), (429, {})]
    (done,) = asyncio.run(webhook.give([letter()]))
    assert done.where == "desk/c0000001"
    assert len(listener.got) == 3
    assert len({headers["Idempotency-Key"] for headers, _ in listener.got}) == 1


LOST: dict[str, tuple[list[tuple[int, dict[str, str]]], str]] = {
    "no-answer": ([(0, {})], "answer was lost .* is not known"),
    "an-error": ([(500, {})], "HTTP 500"),
    "refused": ([(401, {})], "HTTP 401"),
    "elsewhere": ([(307, {"Location": "https://127.0.0.1:1/"})], "HTTP 307"),
    "busy-for-ever": ([(503, {})] * 9, "HTTP 503"),
}


@pytest.mark.parametrize("what", LOST)
def test_without_an_answer_nobody_is_known_to_have_the_code_and_it_is_not_sent_again(
    webhook: HandOver, listener: Listener, what: str
) -> None:
    listener.answers, said = LOST[what]
    told = letter()
    with pytest.raises(HandOverError, match=said) as failed:
        asyncio.run(webhook.give([told]))
    assert len(listener.got) == (4 if what == "busy-for-ever" else 1)
    assert SECRET not in str(failed.value)
    assert bytes(told.code._held) == bytes(len(SECRET))


RECEIPTS: dict[str, Callable[[Any], bytes]] = {
    "none": lambda _: b"",
    "a-page": lambda _: b"<html>ok</html>",
    "empty": lambda _: b'{"receipt": ""}',
    "a-sentence": lambda _: b'{"receipt": "kept for you"}',
    "the-code": lambda body: json.dumps({"receipt": f"kept-{body.get('code', '')}"}).encode(),
    "endless": lambda _: b"x" * (1 << 20),
}


@pytest.mark.parametrize("what", RECEIPTS)
def test_an_answer_without_a_receipt_hands_nothing_over(webhook: HandOver, listener: Listener, what: str) -> None:
    listener.said = RECEIPTS[what]
    with pytest.raises(HandOverError, match="no receipt") as failed:
        asyncio.run(webhook.give([letter(code="Zq7xW4kP")]))
    assert "Zq7xW4kP" not in str(failed.value)


def test_one_of_many_that_failed_is_counted_and_the_others_have_their_receipts(
    webhook: HandOver, listener: Listener
) -> None:
    listener.answers = [(200, {}), (500, {})]
    done: list[Receipt] = []
    with pytest.raises(HandOverError, match="1 of 3 codes were not handed over: the webhook answered HTTP 500"):
        asyncio.run(webhook.give([letter(1), letter(2), letter(3)], done.append))
    assert len({one.change_id for one in done}) == 2


def test_a_slow_webhook_is_not_waited_for_for_ever(listener: Listener, tls: tuple[Path, Path]) -> None:
    slow = threading.Event()
    listener.said = lambda body: receipt(body) if slow.wait(20) else b""
    hook = Webhook("DESK_URL", "DESK_SECRET", str(tls[0]), lambda: NOW, patience=0.3)
    with pytest.raises(HandOverError, match="answer was lost"):
        asyncio.run(hook.give([letter()]))
    slow.set()


def test_a_webhook_that_is_down_or_answers_no_trial_is_found_before_the_first_pass(
    webhook: HandOver, listener: Listener
) -> None:
    listener.answers = [(500, {})]
    with pytest.raises(HandOverError, match="HTTP 500"):
        asyncio.run(webhook.ready([ANN]))
    listener.said = lambda _: b""
    with pytest.raises(HandOverError, match="no receipt"):
        asyncio.run(webhook.ready([ANN]))
    listener.close()
    with pytest.raises(HandOverError, match="cannot be reached"):
        asyncio.run(webhook.ready([ANN]))


def test_a_webhook_that_nobody_vouches_for_gets_neither_secret_nor_code(listener: Listener) -> None:
    async def at_once(_seconds: float) -> None: ...

    hook = Webhook("DESK_URL", "DESK_SECRET", "", lambda: NOW, sleep=at_once)
    with pytest.raises(HandOverError, match="cannot be reached"):
        asyncio.run(hook.give([letter()]))
    assert listener.got == []


def test_address_and_secret_come_from_the_environment_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESK_SECRET", "x")
    for url in ("http://127.0.0.1/x", "https://", "desk"):
        monkeypatch.setenv("DESK_URL", url)
        with pytest.raises(HandOverError, match="DESK_URL is not https"):
            hand_over("webhook", webhook_url_env="DESK_URL", webhook_secret_env="DESK_SECRET")
    monkeypatch.setenv("DESK_URL", "https://desk.contoso.example/passes")
    for name, said in (("", "no name of a variable"), ("https://x", "no name of a variable"), ("NOT_SET", "not set")):
        with pytest.raises(HandOverError, match=said):
            hand_over("webhook", webhook_url_env="DESK_URL", webhook_secret_env=name)
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(HandOverError, match="webhook_ca names"):
        hand_over(
            "webhook", webhook_url_env="DESK_URL", webhook_secret_env="DESK_SECRET", webhook_ca=str(tmp_path / "ca.pem")
        )
