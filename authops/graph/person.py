"""Signing in as a person, once in a run: the code or the browser where the person looks, the tokens in one memory.

`authops run` starts a kernel for each runbook. The runner signs in and keeps the refresh token in its memory; kernels
ask it for access tokens over a private socket (a named pipe on Windows), by a key that only they were given.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from typing import Any, Final

from authops.words import sockets
from authops.words.errors import AuthopsError, SignInError

KINDS: Final = ("device-code", "browser")
_ADDRESS, _KEY = "AUTHOPS_SIGN_IN_AT", "AUTHOPS_SIGN_IN_KEY"
_GONE: Final = "run it again; the run that signed in is over"
_MARGIN: Final = 300

# Shows words to the person; what it returns takes them away again, once they are of no use to anybody.
Prompt = Callable[[str], Callable[[], None]]


def instruction(address: str, code: str, until: datetime) -> str:
    """What a person has to do with a device code."""
    return f"to sign in, open {address} and enter the code {code} (until {until.astimezone():%H:%M})"


class AskedHere:
    """A credential of azure-identity that asks the person in this process, and shows nothing longer than needed.

    `make` gets what azure-identity calls with a device code; `says` is shown before it is asked for a first token.
    """

    def __init__(
        self, make: Callable[[Callable[[str, str, datetime], None]], Any], prompt: Prompt, says: str = ""
    ) -> None:
        self._prompt, self._says = prompt, says
        self._shown: list[Callable[[], None]] = []
        self._credential = make(lambda address, code, until: self._show(instruction(address, code, until)))

    def _show(self, words: str) -> None:
        self._shown.append(self._prompt(words))

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """An access token, from memory when somebody has signed in already."""
        if self._says:
            self._show(self._says)
            self._says = ""
        try:
            return self._credential.get_token(*scopes, **options)
        finally:
            while self._shown:
                self._shown.pop()()


class AskedOfRunner:
    """A credential that asks the runner of this kernel. Raises `SignInError` as the runner says."""

    def __init__(self, profile: Mapping[str, str]) -> None:
        self._profile = dict(profile)
        self._held: dict[str, Any] = {}

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """An access token of who signed in to the runner, which is asked again some minutes before it ends."""
        key = json.dumps([scopes, options], sort_keys=True)
        held = self._held.get(key)
        if held is None or held.expires_on - time.time() < _MARGIN or options.get("claims"):
            held = self._held[key] = self._asked(scopes, options)
        return held

    def _asked(self, scopes: Sequence[str], options: Mapping[str, Any]) -> Any:
        from azure.core.credentials import AccessToken

        try:
            with Client(os.environ[_ADDRESS], authkey=bytes.fromhex(os.environ[_KEY])) as pipe:
                asked = {"profile": self._profile, "scopes": scopes, "options": options}
                pipe.send_bytes(json.dumps(asked).encode())
                said = json.loads(pipe.recv_bytes())
        except (OSError, EOFError, AuthenticationError) as error:
            raise SignInError(
                f"the run that signed in does not answer ({type(error).__name__})", remedy=_GONE
            ) from None
        if "token" not in said:
            raise SignInError(str(said.get("message")), remedy=str(said.get("remedy", "")))
        return AccessToken(said["token"], said["expires_on"])


def asks_runner() -> bool:
    """Whether this process is a kernel whose runner signs in for it."""
    return _ADDRESS in os.environ


@dataclass
class Desk:
    """Where the kernels of one run ask for tokens. `sign_in` gets (profile, scopes, options) and returns a token;
    `stopped` says why nobody should wait any longer, "" while nothing did.
    """

    sign_in: Callable[[dict[str, str], list[str], dict[str, Any]], Any]
    stopped: Callable[[], str]
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Answer kernels that are started in here."""
        key = secrets.token_bytes(32)
        with sockets.folder() as private:
            address = str(private / "sign-in") if os.name == "posix" else None
            with Listener(address, authkey=key) as listener:
                threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
                try:
                    with _told({_ADDRESS: str(listener.address), _KEY: key.hex()}):
                        yield
                finally:
                    self._over.set()
                    # A listener that waits is not woken by being closed; one that has just left answers no challenge.
                    with suppress(OSError):
                        Client(listener.address).close()

    def _serve(self, listener: Listener) -> None:
        while not self._over.is_set():
            with suppress(OSError, EOFError, ValueError, AuthenticationError), listener.accept() as pipe:
                self._answer(pipe)

    def _answer(self, pipe: Any) -> None:
        asked = json.loads(pipe.recv_bytes())
        found: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        work = threading.Thread(target=lambda: found.put(self._tried(asked)), daemon=True)
        work.start()
        pipe.send_bytes(json.dumps(self._awaited(found)).encode())

    def _awaited(self, found: queue.SimpleQueue[dict[str, Any]]) -> dict[str, Any]:
        """What came of it, or that nobody waits any longer; who is asked by Entra may take a quarter of an hour."""
        while not (self._over.is_set() or self.stopped()):
            with suppress(queue.Empty):
                return found.get(timeout=0.1)
        return {"message": f"stopped by {self.stopped() or 'its end'} before anybody signed in", "remedy": ""}

    def _tried(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            token = self.sign_in(asked["profile"], asked["scopes"], asked["options"])
        except AuthopsError as error:
            return {"message": error.message, "remedy": error.remedy}
        except Exception as error:
            return {"message": f"nobody could be signed in: {type(error).__name__}", "remedy": ""}
        return {"token": token.token, "expires_on": token.expires_on}


@contextmanager
def _told(names: Mapping[str, str]) -> Iterator[None]:
    os.environ.update(names)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
