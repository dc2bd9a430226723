"""Somebody is told, on the right occasion, again when it fails, with nothing in it that they may not see."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from authops.run import notify, outcome
from authops.words.errors import UsageError
from tests.listener import Listener

NUMBER = "+31 612345678"


@pytest.fixture
def listener() -> Iterator[Listener]:
    here = Listener()
    yield here
    here.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that ended with changes to look at, whose headline holds what it should not."""
    folder = tmp_path / "run"
    folder.mkdir()
    outcome.begin(folder, ["preview", "apply"])
    outcome.record(folder, "preview", "done", "planned: 3 add")
    outcome.record(folder, "apply", "attention", "2 applied, 1 rejected", {"applied": 2, "rejected": 1})
    outcome.add(folder, "apply", headline=f"2 applied, 1 rejected ({NUMBER})")
    outcome.add(folder, connection="contoso", tenant_id="11111111-2222-3333-4444-555555555555")
    outcome.end(folder)
    return folder


def ways(folder: Path, *entries: dict[str, Any], **environ: str) -> list[notify.Way]:
    file = folder / "notify.yaml"
    file.write_text(yaml.safe_dump(list(entries)))
    return notify.load(file, environ)


def told(run: Path, ways: list[notify.Way], waits: list[float] | None = None) -> tuple[list[dict[str, Any]], str]:
    said: list[str] = []
    words = notify.summary(outcome.read(run), str(run))
    found = notify.tell(ways, words, said.append, sleep=(waits if waits is not None else []).append)
    return found, "\n".join(said)


@pytest.mark.parametrize("kind", ["teams", "slack", "servicenow", "webhook"])
def test_each_shape_is_filled_and_holds_no_number(run: Path, tmp_path: Path, listener: Listener, kind: str) -> None:
    found, said = told(run, ways(tmp_path, {"to": kind, "on": "always", "url_env": "HOOK"}, HOOK=listener.url))
    assert found == [{"to": kind, "on": "always", "ok": True, "attempts": 1}], said
    ((_, body),) = listener.got
    text = json.dumps(body, ensure_ascii=False)
    for expected in ("attention", "2 applied, 1 rejected", "contoso", "11111111-2222-3333-4444-555555555555"):
        assert expected in text
    assert "{" not in "".join(_texts(body))
    assert "61234" not in text
    assert "SECRETPATH" not in text + said


@pytest.mark.parametrize(("worse", "heard"), [(0, False), (2, True)])
def test_a_retirement_tells_of_people_who_are_worse_off_and_where_all_stand(
    tmp_path: Path, listener: Listener, worse: int, heard: bool
) -> None:
    (run := tmp_path / "run").mkdir()
    outcome.begin(run, ["retirement"])
    counts = {"users": 500, "worse": worse, "standing": {"users": 500, "blocked": 91, "blocked later": 6}}
    outcome.record(run, "retirement", "done", "91 on 2027-02-01, 6 on 2027-07-01 are blocked", counts)
    outcome.end(run)
    found, said = told(run, ways(tmp_path, {"to": "webhook", "on": "change", "url_env": "HOOK"}, HOOK=listener.url))
    assert bool(found) == heard, said
    if heard:
        ((_, body),) = listener.got
        assert (body["worse"], body["standing"]) == ("2", "500 users, 91 blocked, 6 blocked later")
        assert "91 on 2027-02-01" in body["headlines"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)


def test_shapes_are_what_the_services_take(run: Path, tmp_path: Path, listener: Listener) -> None:
    kinds = [{"to": kind, "on": "always", "url_env": "HOOK"} for kind in ("teams", "slack", "servicenow")]
    told(run, ways(tmp_path, *kinds, HOOK=listener.url))
    teams, slack, servicenow = (body for _, body in listener.got)
    assert teams["type"] == "message"
    assert teams["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert teams["attachments"][0]["content"]["type"] == "AdaptiveCard"
    assert slack["text"]
    assert {block["type"] for block in slack["blocks"]} == {"header", "section", "context"}
    assert (servicenow["urgency"], servicenow["impact"]) == ("2", "2")
    assert servicenow["short_description"].startswith("authops preview apply")


def test_a_card_makes_no_link_and_no_list_of_what_it_is_told(run: Path, tmp_path: Path, listener: Listener) -> None:
    headline = "[pay here](https://evil.example) *now* \x1b[31m"
    outcome.record(run, "preview", "broke", headline, {})
    for kind in ("teams", "webhook"):
        told(run, ways(tmp_path, {"to": kind, "on": "always", "url_env": "HOOK"}, HOOK=listener.url))
    teams, webhook = (body for _, body in listener.got)
    card = teams["attachments"][0]["content"]["body"]
    # Adaptive Cards: Markdown is obeyed in TextBlocks and Facts, and nowhere in a TextRun.
    assert {part["type"] for part in card} == {"RichTextBlock"}
    assert {run["type"] for part in card for run in part["inlines"]} == {"TextRun"}
    for body in (teams, webhook):
        assert "pay here] (" in json.dumps(body)
        assert "\x1b" not in "".join(_texts(body))


def test_a_webhook_that_fails_first_is_asked_again_within_bounds(run: Path, tmp_path: Path, listener: Listener) -> None:
    listener.answers = [(503, {}), (429, {"Retry-After": "7"}), (202, {})]
    waits: list[float] = []
    entry = {"to": "teams", "on": "always", "url_env": "HOOK", "headers_env": {"Authorization": "AUTH"}}
    found, _ = told(run, ways(tmp_path, entry, HOOK=listener.url, AUTH="Basic c2VjcmV0"), waits)
    assert (found[0]["ok"], found[0]["attempts"], waits) == (True, 3, [2.0, 7.0])
    assert {headers["Authorization"] for headers, _ in listener.got} == {"Basic c2VjcmV0"}


@pytest.mark.parametrize(
    ("answers", "attempts", "why"),
    [
        ([(500, {})] * 9, 4, "HTTP 500"),
        ([(404, {})], 1, "HTTP 404"),
        ([(302, {"Location": "http://127.0.0.1:9"})], 1, "302"),
    ],
)
def test_it_is_given_up_and_said_without_the_address(
    run: Path, tmp_path: Path, listener: Listener, answers: list[Any], attempts: int, why: str
) -> None:
    listener.answers = answers
    found, said = told(run, ways(tmp_path, {"to": "slack", "on": "always", "url_env": "HOOK"}, HOOK=listener.url))
    assert (found[0]["ok"], found[0]["attempts"]) == (False, attempts)
    assert why in found[0]["why"]
    assert len(listener.got) == attempts
    assert "SECRETPATH" not in said + str(found)


def test_nobody_listening_is_said_without_the_address(run: Path, tmp_path: Path) -> None:
    hook = "https://127.0.0.1:9/SECRETPATH"
    found, said = told(run, ways(tmp_path, {"to": "slack", "on": "always", "url_env": "HOOK"}, HOOK=hook))
    assert (found[0]["ok"], found[0]["attempts"], found[0]["why"]) == (False, 4, "ConnectError")
    assert "SECRETPATH" not in said + str(found)


@pytest.mark.parametrize(
    ("code", "written", "occasions"),
    [("0", "0", {"always"}), ("0", "5", {"always", "change"}), ("1", "0", {"always", "change", "failure"})],
)
def test_occasions(code: str, written: str, occasions: set[str]) -> None:
    due = {on for on in notify.OCCASIONS if notify.due(on, {"exit_code": code, "written": written})}
    assert due == occasions


def test_an_email_is_a_file_for_a_relay(run: Path, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    entry = {"to": "email", "on": "always", "folder": "spool", "from": "a@x.example", "recipients": ["soc@x.example"]}
    found, _ = told(run, ways(tmp_path, entry))
    assert found[0]["ok"]
    (file,) = (tmp_path / "spool").glob("*.eml")
    mail = message_from_string(file.read_text())
    assert (mail["To"], mail["Subject"]) == ("soc@x.example", "authops preview apply: attention")
    body = mail.get_payload(decode=True).decode()
    assert "2 applied, 1 rejected" in body
    assert "61234" not in body
    assert file.stat().st_mode & 0o077 == 0


def test_a_command_reads_the_summary_and_is_run_again_when_it_fails(run: Path, tmp_path: Path) -> None:
    script = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); n = p.exists()\n"
    script += "p.write_text(sys.stdin.read()); sys.exit(not n)"
    entry = {"to": "command", "on": "always", "command": [sys.executable, "-c", script, str(tmp_path / "got")]}
    waits: list[float] = []
    found, _ = told(run, ways(tmp_path, entry), waits)
    assert (found[0]["ok"], found[0]["attempts"], waits) == (True, 2, [2.0])
    assert json.loads((tmp_path / "got").read_text())["exit_code"] == "3"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"to": "teams"}, "neither url_env nor url_file"),
        ({"to": "teams", "url_env": "UNSET"}, "the variable UNSET is not set"),
        ({"to": "teams", "url": "https://hooks.slack.com/x"}, "unknown key 'url'"),
        ({"to": "teams", "url_env": "https://hooks.slack.com/hunter2"}, "not a name of a variable"),
        ({"to": "teams", "url_env": "PLAIN"}, "the address is not https"),
        ({"to": "teams", "url_env": "HOOK", "headers_env": ["hunter2"]}, "headers_env names no headers"),
        ({"to": "pigeon"}, "`to` is 'pigeon'"),
        ({"to": "slack", "on": "sometimes", "url_env": "HOOK"}, "`on` is 'sometimes'"),
        ({"to": "email", "from": "a", "recipients": ["b"], "folder": "none"}, "there is no folder"),
        ({"to": "email", "folder": "."}, "needs `from`"),
        ({"to": "command", "command": "rm -rf x"}, "no list of words"),
        ({"to": "command", "command": ["no-such-command"]}, "there is no command"),
        ({"to": "webhook", "url_env": "HOOK", "template": "mine.json"}, "asks for {numbers}"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_runs(tmp_path: Path, entry: dict[str, Any], expected: str) -> None:
    (tmp_path / "mine.json").write_text('{"text": "{numbers}"}')
    with pytest.raises(UsageError, match=expected) as refused:
        ways(tmp_path, entry, HOOK="https://x.example", PLAIN="http://x.example")
    assert "hunter2" not in str(refused.value)


def test_an_own_template_and_a_bare_on(run: Path, tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "mine.json").write_text('{"card": ["{status}", {"n": 1}]}')
    (tmp_path / "hook").write_text(listener.url + "\n")
    file = tmp_path / "notify.yaml"
    file.write_text("- to: webhook\n  on: change\n  url_file: hook\n  template: mine.json\n")
    told(run, notify.load(file, {}))
    assert listener.got[0][1] == {"card": ["attention", {"n": 1}]}


def test_what_became_of_it_is_written_down_and_changes_nothing_else(run: Path, tmp_path: Path) -> None:
    before = outcome.read(run)
    entry = {"to": "slack", "on": "always", "url_env": "HOOK"}
    notify.after(run, ways(tmp_path, entry, HOOK="https://127.0.0.1:9"), print, sleep=lambda _: None)
    after = outcome.read(run)
    assert after.pop("told")[0]["ok"] is False
    assert after == before


@pytest.fixture
def slow() -> Iterator[str]:
    """The address of a webhook that sends a header now and then, and never ends."""
    over = threading.Event()

    def drip(taken: socket.socket) -> None:
        with taken, contextlib.suppress(OSError):
            taken.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.02):
                taken.sendall(b"X-Still: here\r\n")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"
        over.set()


def test_a_webhook_that_never_ends_to_answer_is_given_up(
    run: Path, tmp_path: Path, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_TIMEOUT", 0.2)
    found, _ = told(run, ways(tmp_path, {"to": "teams", "on": "always", "url_env": "HOOK"}, HOOK=slow))
    assert (found[0]["ok"], found[0]["attempts"], found[0]["why"]) == (False, 4, "TimeoutError")


@pytest.mark.skipif(sys.platform != "linux", reason="a shell, and processes by /proc")
def test_a_command_that_hangs_is_ended_with_what_it_began(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_PATIENCE", 0.5)
    begun = tmp_path / "begun"
    hangs = {"to": "command", "on": "always", "command": ["sh", "-c", f"sleep 600 & echo $! >>{begun}; wait"]}
    found, _ = told(run, ways(tmp_path, hangs))
    assert (found[0]["ok"], found[0]["attempts"], found[0]["why"]) == (False, 4, "TimeoutExpired")
    left = [Path(f"/proc/{pid}/stat") for pid in begun.read_text().split()]
    assert len(left) == 4
    until = time.monotonic() + 30  # a signal is there at once, its effect when the machine comes to it
    while any(map(alive, left)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(alive, left))


def alive(stat: Path) -> bool:
    try:
        return ") Z " not in stat.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(os.name != "posix", reason="a shell")
def test_a_command_that_leaves_something_running_has_told_once(run: Path, tmp_path: Path) -> None:
    leaves = {"to": "command", "on": "always", "command": ["sh", "-c", "sleep 30 & echo told; exit 0"]}
    found, _ = told(run, ways(tmp_path, leaves))
    assert (found[0]["ok"], found[0]["attempts"]) == (True, 1)
