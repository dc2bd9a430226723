"""What is masked before anything is published, and what is left alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from authops.words import console, redaction
from authops.words.redaction import Scanner, mask_cell, mask_pair

TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TOKEN, "token"),
        (TOKEN.rpartition(".")[0], "token"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwx", "token"),
        (KEY, "private key"),
        (KEY.partition("-----END")[0], "private key"),
        ("-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----", "certificate"),
        ("abc8Q~" + "x" * 34, "client secret"),
        ("https://hooks.slack.com/services/T0/B0/X", "webhook"),
        ("https://contoso.webhook.office.com/webhookb2/x", "webhook"),
        ("https://x.contoso.example/?api-version=1&sig=AbCdEfGhIj", "signature"),
        ("https://ann:hunter22@proxy.contoso.example", "password"),
    ],
)
def test_a_secret_is_known_by_its_shape_and_masked(text: str, kind: str) -> None:
    found: Counter[str] = Counter()
    assert redaction.secret(text) == kind
    masked = Scanner(reveal=True).text(f"before {text} after", found)
    assert (masked.startswith("before "), f"‹{kind} masked›" in masked, +found) == (True, True, {kind: 1})
    assert not redaction.secret(masked)


HEADS = ("", "eyJ", "https://", "-----BEGIN ", "+1")
REPEATED = (
    *("a", "eyJ", "eyJ.", "eyJaaaaaaaa.", "Q~", "8Q~", "bearer ", "Bearer\t", " ", "\t", "\n", "1", "1 ", "0", "01"),
    *("+", "+1", "+1 ", "-", ".", "/", "(", "1(", "1.", "06 12 ", "00", "-----", "-----BEGIN ", "-----BEGIN A"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE", "://", "://a", "://a:", "a:", "a@", "@a.", "https://a."),
    *("https://webhook", "webhook.office.com", "?sig=", "&code=aaaaaaaa", "password=", "password=a", "=", '"'),
)


@pytest.mark.parametrize("repeated", REPEATED)
def test_a_text_of_nothing_but_beginnings_is_looked_at_once(repeated: str) -> None:
    """Where a shape looks at the rest of the text from each beginning, these 100 KB take minutes each."""
    scanner = Scanner.knowing(["+31 612345678"])
    for head in HEADS:
        text = head + repeated * (100_000 // len(repeated))
        assert scanner.text(text)
        assert redaction.secret(text) in ("", *redaction.SECRETS)


def test_a_token_is_known_though_its_head_holds_the_beginning_of_another() -> None:
    for head in ("eyJhbGciOeyJ", "eyJhbGeyJciOiJSUzI1NiJ9", "xeyJhbGciOiJSUzI1NiJ9"):
        masked = Scanner().text(f"{head}.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl")
        assert ("‹token masked›" in masked, "aHR0cHM" in masked, "c2lnbmF0dXJl" in masked) == (True, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "+31612345678",
        "+31 6 1234 5678",
        "0031612345678",
        "0612345678",
        "06-12345678",
        "(06) 12345678",
        "06 12 34 56 78",
    ],
)
def test_a_number_is_masked_however_it_is_spelled(text: str) -> None:
    found: Counter[str] = Counter()
    masked = Scanner().text(f"of {text}, he said", found)
    assert found["number"] == 1
    assert sum(c.isdigit() for c in masked.replace("31", "")) <= 3


@pytest.mark.parametrize("text", ["31612345678", "612345678", "6 1234 5678", "06 12 34 56 78", "0031 612345678"])
def test_a_number_the_run_knows_is_masked_in_any_spelling(text: str) -> None:
    assert Scanner.knowing(["+31 612345678"]).text(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25 10:00:00",
        "09-12-2026 10:00",
        "09.12.2026 10:00:00",
        "02 of 03 10 11",
        "2026-11-25T03:54:04+00:00",
        "0.0123456789",
        "01234567-1234-1234-1234-123456789012",
        "3179e48a-750b-4051-897c-87b9720928f7",
        "sha256:0612345678abcdef",
        "12,345,678,901 users",
        "+31 ******678",
        "20261125T034303Z-audit-0612345678ab",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert Scanner.knowing(["+31 612345678"]).text(text) == text


def test_planted_numbers_and_secrets_are_found_wherever_they_stand_in_a_notebook() -> None:
    dice = random.Random(7)
    numbers = [f"+31 6{dice.randrange(10**8):08d}" for _ in range(100)]
    planted = [*numbers, "hunter2hunter2", TOKEN, KEY]
    outputs = [{"data": {"text/html": [f"<td>{p}</td>"], "text/plain": p}, "metadata": {"note": p}} for p in planted]
    book = {
        "cells": [{"source": f"x = {p!r}", "outputs": outputs, "metadata": {}} for p in planted],
        "metadata": planted,
    }
    found: Counter[str] = Counter()
    shown = str(Scanner.knowing(numbers, ["hunter2hunter2"]).tree(book, found))
    assert [p for p in planted if p in shown or p.replace(" ", "") in shown] == []
    assert set(found) >= {"number", "secret", "token", "private key"}


def test_numbers_that_were_asked_for_stay_and_secrets_do_not() -> None:
    assert Scanner(reveal=True).text(f"+31 612345678 {TOKEN}") == "+31 612345678 ‹token masked›"


def test_pictures_are_left_alone() -> None:
    data = {"image/png": "iVBOR+316123456789", "image/svg+xml": "<text>+31 612345678</text>"}
    masked = Scanner().tree(data)
    assert masked["image/png"] == data["image/png"]
    assert "612345" not in masked["image/svg+xml"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("+33 612345810", "+33 698345810", ("+33 *12***810", "+33 *98***810")),
        ("+33 612345810", "+33 612346810", ("+33 *****5810", "+33 *****6810")),
        ("ann@x.example", "ane@x.example", ("a*n@x.example", "a*e@x.example")),
        ("+33 612345810", "+33 612345811", ("+33 ******810", "+33 ******811")),
        ("+33 612345810", "+33 612345810", ("+33 ******810", "+33 ******810")),
        ("", "+33 612345810", ("", "+33 ******810")),
        ("a@x.example", "ab@x.example", ("a**@x.example", "a**@x.example")),
    ],
)
def test_two_numbers_whose_masks_are_alike_show_two_characters_that_differ(
    before: str, after: str, shown: tuple[str, str]
) -> None:
    assert mask_pair(before, after) == shown


def test_what_was_masked_is_said_in_words() -> None:
    assert redaction.said(Counter(number=3, token=1, secret=0)) == "3 numbers, 1 token"


@pytest.mark.parametrize(
    "cell", ["06 12 34 56 78", "anna,31612340097", "call 0033 6 12 34 56 78 please", "anna;06.12.34.56.78"]
)
def test_a_number_in_any_cell_is_masked_however_it_is_spaced(cell: str) -> None:
    assert sum(c.isdigit() for c in mask_cell(cell)) <= 5


def test_a_name_with_digits_stays_a_name() -> None:
    for name in ("emp1234567@contoso.example", "12345678-1234-4234-8234-12345678901a"):
        assert mask_cell(name) == name


def test_what_a_terminal_would_obey_is_shown_as_a_sign() -> None:
    assert "\x1b" not in console.harmless("a\x1b[31mb\x9bc") + mask_cell("a\x1b[31m")
    assert "\u202e" not in console.harmless("a\u202eb")
    assert console.harmless("äö\n\tü") == "äö\n\tü"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("kim@contoso.example", "kim@contoso.example"),
        ("o\u2019brien@contoso.example", "o\u2019brien@contoso.example"),
        ("kim@contoso.example,+31 612345678,lee@mail.example", "k**@contoso.example,+31 ******678,l**@mail.example"),
        ("Kim <kim@mail.example>", "Kim <k**@mail.example>"),
    ],
)
def test_a_cell_that_holds_more_than_one_name_shows_no_address(cell: str, shown: str) -> None:
    assert mask_cell(cell) == shown
