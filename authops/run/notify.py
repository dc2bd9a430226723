"""Tell somebody how a run ended: a webhook, an e-mail file, a command. Whatever becomes of it, the run's result stays.

Addresses of webhooks are secrets: they come from a variable of the environment or a file, by name. A message holds no
full number and no secret.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from authops.run import outcome, publish
from authops.words import console, disk, yaml_file
from authops.words.author import author
from authops.words.errors import AuthopsError, UsageError
from authops.words.redaction import Scanner, secrets_of, the_name, the_variable

KINDS: Final = ("teams", "slack", "servicenow", "webhook", "email", "command")
OCCASIONS: Final = ("failure", "change", "always")
_KEYS: Final = {
    **dict.fromkeys(("teams", "slack", "servicenow", "webhook"), ("url_env", "url_file", "headers_env", "template")),
    "email": ("folder", "from", "recipients"),
    "command": ("command", "input", "from", "recipients"),
}
_TEMPLATES: Final = Path(__file__).parent / "notifications"
_PLACE: Final = re.compile(r"\{(\w+)\}")
_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
_ATTEMPTS: Final = 4
_TIMEOUT: Final = 10.0  # seconds for an answer, whole
_PATIENCE: Final = 60.0  # seconds for a command
_POSIX: Final = os.name == "posix"
_LONGEST_WAIT: Final = 30.0
_WRITTEN: Final = ("applied", "applied_with_note")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_COLOURS: Final = {0: "Good", 3: "Warning"}
_URGENCY: Final = {0: "3", 3: "2"}
_WHERE: Final = "see docs/operations.md, Tell somebody"


@dataclass(frozen=True)
class Way:
    """One addressee. `secrets` are its address and headers, never to be shown; `spec` what its kind needs."""

    kind: str
    on: str
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    template: Any = None
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def secrets(self) -> set[str]:
        """What no file may hold."""
        return {value for value in (self.url, *self.headers.values()) if value}


def load(path: Path, environ: Mapping[str, str] = os.environ) -> list[Way]:
    """The addressees of a YAML file. Raises `UsageError` for whatever is wrong with it, before anything runs."""
    content = yaml_file.read(path, remedy=_WHERE)
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise UsageError(f"{path} is no list of addressees", remedy=_WHERE)
    return [_way(dict(entry), f"{path}, addressee {n}", path, environ) for n, entry in enumerate(content, start=1)]


def _way(entry: dict[Any, Any], where: str, path: Path, environ: Mapping[str, str]) -> Way:
    # YAML 1.1 reads a bare `on` as true.
    on = str(entry.pop("on", entry.pop(True, "failure")))
    kind = str(entry.pop("to", ""))
    if kind not in KINDS or on not in OCCASIONS:
        said = f"to: {' | '.join(KINDS)}; on: {' | '.join(OCCASIONS)}"
        to, when = the_name(kind, KINDS) or "none of ours", the_name(on, OCCASIONS) or "none of ours"
        raise UsageError(f"{where}: `to` is {to}, `on` is {when}", remedy=said)
    unknown = [str(key) for key in entry if key not in _KEYS[kind]]
    if unknown:
        # Never the value: somebody may have pasted an address.
        raise UsageError(
            f"{where}: unknown key {the_name(unknown[0], _KEYS[kind])}".rstrip(),
            remedy=f"{kind} takes {', '.join(_KEYS[kind])}; {_WHERE}",
        )
    if kind == "email":
        return Way(kind, on, spec=_envelope(entry, where) | {"folder": _folder(entry, where, path)})
    if kind == "command":
        return Way(kind, on, spec=_command(entry, where))
    url = _secret(entry, where, path, environ)
    named = entry.get("headers_env") or {}
    if not isinstance(named, dict):
        raise UsageError(f"{where}: headers_env names no headers", remedy="write {Authorization: NAME_OF_A_VARIABLE}")
    headers = {str(k): _variable(str(v), where, environ) for k, v in named.items()}
    return Way(kind, on, url, headers, _template(kind, entry, where, path))


def _secret(entry: Mapping[str, Any], where: str, path: Path, environ: Mapping[str, str]) -> str:
    if "url_env" in entry:
        url = _variable(str(entry["url_env"]), where, environ)
    elif "url_file" in entry:
        try:
            url = (path.resolve().parent / str(entry["url_file"])).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{where}: url_file cannot be read ({type(error).__name__})", remedy=_WHERE) from None
    else:
        raise UsageError(
            f"{where} has neither url_env nor url_file", remedy="the address is a secret; name where it is"
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"{where}: the address is not https", remedy="put an https address into that variable or file")
    return url


def _variable(name: str, where: str, environ: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UsageError(f"{where}: not a name of a variable", remedy="name the variable, never write its value here")
    if not environ.get(name):
        raise UsageError(f"{where}: {the_variable(name, 'it')} is not set", remedy="set it for whoever runs this")
    return environ[name].strip()


def _template(kind: str, entry: Mapping[str, Any], where: str, path: Path) -> Any:
    own = entry.get("template")
    file = path.resolve().parent / str(own) if own else _TEMPLATES / f"{kind}.json"
    try:
        template = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: {file} is no JSON ({type(error).__name__})", remedy=_WHERE) from None
    unknown = {name for name in _PLACE.findall(json.dumps(template)) if name not in WORDS}
    if unknown:
        raise UsageError(f"{where}: {file} asks for {{{min(unknown)}}}", remedy=f"there is {', '.join(WORDS)}")
    return template


def _envelope(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    recipients = entry.get("recipients")
    if not (isinstance(recipients, list) and recipients and entry.get("from")):
        raise UsageError(f"{where} needs `from` and a list of recipients", remedy=_WHERE)
    return {"from": str(entry["from"]), "recipients": [str(r) for r in recipients]}


def _folder(entry: Mapping[str, Any], where: str, path: Path) -> Path:
    folder = path.resolve().parent / str(entry.get("folder") or "?")
    if not folder.is_dir():
        raise UsageError(f"{where}: there is no folder {folder}", remedy="make it; a mail relay picks up from there")
    return folder


def _command(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    words = entry.get("command")
    if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words)):
        raise UsageError(f"{where}: command is no list of words", remedy="write [/usr/local/bin/tell, --urgent]")
    if shutil.which(words[0]) is None:
        raise UsageError(f"{where}: there is no command {words[0]}", remedy="write its whole path")
    if entry.get("input", "json") not in ("json", "email"):
        raise UsageError(f"{where}: input is json or email", remedy=_WHERE)
    return {"command": words} | (_envelope(entry, where) if entry.get("input") == "email" else {})


# The words that templates may use.
_FROM_OUTCOME: Final = ("status", "connection", "tenant_id", "run", "by", "host", "began_at", "ended_at")
_MADE: Final = (
    "title", "exit_code", "meaning", "headlines", "written", "worse", "standing", "folder", "colour", "urgency"
)  # fmt: skip
WORDS: Final = (*_FROM_OUTCOME, *_MADE)


def summary(whole: Mapping[str, Any], folder: str) -> dict[str, str]:
    """What is told of a run, from its outcome.json: the words that templates may use."""
    code = int(whole.get("exit_code", 1))
    entries: Mapping[str, Any] = whole.get("runbooks", {})
    lines = [f"{name}: {e.get('status', '')} – {e.get('headline', '')}" for name, e in entries.items()]
    known = {name: str(whole.get(name) or "") for name in _FROM_OUTCOME}
    return known | {
        "title": f"authops {' '.join(whole.get('asked') or entries)}: {whole.get('status', 'unfinished')}"[:150],
        "exit_code": str(code),
        "meaning": outcome.EXIT_CODES.get(code, ""),
        # Slack takes 3,000 characters.
        "headlines": "\n".join(lines)[:2500] or "nothing was run",
        "written": f"{_written(entries):,}",
        "worse": f"{_worse(entries):,}",
        "standing": _standing(entries),
        "folder": folder,
        "colour": _COLOURS.get(code, "Attention"),
        "urgency": _URGENCY.get(code, "1"),
    }


def refused(runbooks: Sequence[str], error: Exception) -> dict[str, str]:
    """What is told of a run that was refused, or broke, before it began."""
    exit_code = error.exit_code if isinstance(error, AuthopsError) else 1
    status = next(name for name, code in outcome.STATUSES.items() if code == exit_code)
    entries = {name: {"status": status, "headline": str(error)} for name in runbooks[:1]}
    whole = {"status": status, "exit_code": exit_code, "asked": list(runbooks), "runbooks": entries}
    return summary(whole | {"by": author()}, "")


def _written(entries: Mapping[str, Any]) -> int:
    counts = entries.get("apply", {}).get("counts", {})
    return sum(int(counts.get(name, 0)) for name in _WRITTEN)


def _worse(entries: Mapping[str, Any]) -> int:
    """How many people the retirement found worse off than last time."""
    return int(entries.get("retirement", {}).get("counts", {}).get("worse", 0))


def _standing(entries: Mapping[str, Any]) -> str:
    """Where people stand, as the last runbook that counted them says."""
    counted = [entry.get("counts", {}).get("standing") for entry in entries.values()]
    last = next((found for found in reversed(counted) if isinstance(found, dict)), {})
    return ", ".join(f"{count:,} {name}" for name, count in last.items() if isinstance(count, int))


def due(on: str, told: Mapping[str, str]) -> bool:
    """Whether this is an occasion: `failure` is any exit code but 0, `change` also that something was written, or that
    somebody is worse off.
    """
    failed = told["exit_code"] != "0"
    return on == "always" or failed or (on == "change" and {told["written"], told.get("worse", "0")} != {"0"})


def tell(
    ways: Sequence[Way],
    told: Mapping[str, str],
    say: Callable[[str], None],
    *,
    scanner: Scanner | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[dict[str, Any]]:
    """Tell each addressee whose occasion this is; returns what became of it. Raises nothing."""
    secrets = {secret for way in ways for secret in way.secrets}
    base = scanner or Scanner()
    clean = Scanner(base.numbers, (*base.secrets, *sorted(secrets, key=len, reverse=True)))
    words = {name: _plain(clean.text(value)) for name, value in told.items()}
    return [_told(way, words, clean, say, sleep) for way in ways if due(way.on, words)]


def _plain(words: str) -> str:
    """Without what a terminal obeys, and without a link that Markdown would make of a file's or a group's name."""
    return console.harmless(words).replace("](", "] (")


def after(
    folder: Path, ways: Sequence[Way], say: Callable[[str], None], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Tell how the run in this folder ended, and write down who was told. Raises nothing."""
    try:
        words = summary(outcome.read(folder), str(folder))
        scanner = publish.Known(folder, secrets_of(os.environ)).scanner()
        told = tell(ways, words, say, scanner=scanner, sleep=sleep)
        outcome.add(folder, told=told)
    except Exception as error:
        say(f"  ! nobody could be told: {type(error).__name__}")


def _told(
    way: Way, words: Mapping[str, str], clean: Scanner, say: Callable[[str], None], sleep: Callable[[float], None]
) -> dict[str, Any]:
    problem, wait, attempt = "", 0.0, 0
    for attempt in range(1, _ATTEMPTS + 1):
        if wait:
            sleep(wait)
        try:
            problem, wait = _SENDERS.get(way.kind, _post)(way, words)
        except Exception as error:
            # Its text may repeat the address.
            problem, wait = type(error).__name__, 2.0 ** (attempt - 1)
        if not problem or not wait:
            break
    problem = clean.text(problem)
    say(
        f"  told {way.kind}" if not problem else f"  ! {way.kind} could not be told after {attempt} attempts: {problem}"
    )
    return {"to": way.kind, "on": way.on, "ok": not problem, "attempts": attempt} | (
        {"why": problem} if problem else {}
    )


def _post(way: Way, words: Mapping[str, str]) -> tuple[str, float]:
    """("", 0) when it was taken, else (why not, seconds to wait before another try; 0 for never)."""
    status, after = asyncio.run(_answer(way, json.dumps(_filled(way.template, words)).encode()))
    if 200 <= status < 300:
        return "", 0.0
    wait = min(float(after), _LONGEST_WAIT) if re.fullmatch(r"\d+(\.\d+)?", after) else 2.0
    return f"HTTP {status}", max(wait, 0.1) if status in _AGAIN else 0.0


async def _answer(way: Way, body: bytes) -> tuple[int, str]:
    """(status, Retry-After) of an address, however slowly it talks; a body, which may never end, is left."""
    import httpx

    headers = {"Content-Type": "application/json", **way.headers}
    async with (
        asyncio.timeout(_TIMEOUT),
        httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client,
        client.stream("POST", way.url, content=body, headers=headers) as answer,
    ):
        return answer.status_code, answer.headers.get("Retry-After", "")


def _filled(template: Any, words: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return _PLACE.sub(lambda match: words[match[1]], template)
    if isinstance(template, Mapping):
        return {key: _filled(value, words) for key, value in template.items()}
    return [_filled(value, words) for value in template] if isinstance(template, list) else template


def message(words: Mapping[str, str], sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The e-mail: the headlines first, the facts below."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, ", ".join(recipients), " ".join(words["title"].split())
    if words["urgency"] == "1":
        mail["Importance"] = "high"
    shown = ("exit_code", "meaning", "written", "connection", "tenant_id", "run", "by", "host", "folder", "began_at")
    facts = "\n".join(f"{name.replace('_', ' '):<12}{words[name]}" for name in (*shown, "ended_at"))
    mail.set_content(f"{words['headlines']}\n\n{facts}\n")
    return mail


def _mail(way: Way, words: Mapping[str, str]) -> tuple[str, float]:
    mail = message(words, way.spec["from"], way.spec["recipients"])
    disk.write(way.spec["folder"] / f"{words['run'] or 'authops-refused'}-{time.time_ns():x}.eml", mail.as_string())
    return "", 0.0


def _call(way: Way, words: Mapping[str, str]) -> tuple[str, float]:
    spec = way.spec
    given = message(words, spec["from"], spec["recipients"]).as_string() if "from" in spec else json.dumps(dict(words))
    # What it prints is nobody's: a pipe would stay open as long as anything that it left running.
    quiet: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "text": True,
        "encoding": "utf-8",
    }
    with subprocess.Popen(spec["command"], stdin=subprocess.PIPE, start_new_session=_POSIX, **quiet) as told:  # noqa: S603
        try:
            told.communicate(given, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            _end(told)
            raise
    return ("", 0.0) if told.returncode == 0 else (f"exit code {told.returncode}", 2.0)


def _end(told: subprocess.Popen[str]) -> None:
    """End a command that hangs, and what it began."""
    if _POSIX:
        os.killpg(told.pid, signal.SIGKILL)
    else:
        told.kill()


_SENDERS: Final[Mapping[str, Callable[[Way, Mapping[str, str]], tuple[str, float]]]] = {
    "email": _mail,
    "command": _call,
}
