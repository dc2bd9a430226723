"""An HTTPS address of one's own, that takes each code and answers with a receipt.

Sent again is only what surely was not taken: no connection, or 429 and 503. Everything else that is no receipt means
that it is not known who has the code.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from authops.handover.handover import HandOver, Letter, Receipt
from authops.words.errors import HandOverError
from authops.words.redaction import the_variable

_ATTEMPTS: Final = 4
_AGAIN: Final = (429, 503)
_LONGEST_WAIT: Final = 30.0
_MOST: Final = 64 << 10
_RECEIPT: Final = re.compile(r"[\w.:/@+=#-]{1,120}")
_LOOK: Final = "look at what the webhook says of it; whoever goes on replaces the passes"


class Webhook(HandOver):
    """`webhook`: address and secret stand in variables of the environment; the secret travels as `Authorization`."""

    name = "webhook"

    def __init__(
        self,
        url_env: str,
        secret_env: str,
        authorities: str,
        now: Callable[[], datetime],
        *,
        patience: float = 20.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url, self._secret = _address(url_env), _variable("webhook_secret_env", secret_env)
        self._trusted = _trusted(authorities)
        self._now, self._patience, self._sleep = now, patience, sleep

    async def ready(self, recipients: Sequence[str]) -> None:
        """Send a trial without a code for each kind of recipient; it has to give a receipt. Raises `HandOverError`."""
        body = {"kind": "trial", "passes": len(recipients), "recipients": sorted(set(recipients))}
        async with self._client() as client:
            await self._receipt(client, body, "")

    async def _give(self, letters: Sequence[Letter], done: Callable[[Receipt], None]) -> None:
        async with self._client() as client:
            sent = [self._one(client, letter, done) for letter in letters]
            came = await asyncio.gather(*sent, return_exceptions=True)
        if failed := [one for one in came if isinstance(one, BaseException)]:
            raise _plainly(failed, len(letters))

    async def _one(self, client: Any, letter: Letter, done: Callable[[Receipt], None]) -> None:
        receipt = await self._receipt(client, _body(letter), letter.code.reveal())
        done(Receipt(letter.change_id, self.name, receipt, self._now()))

    async def _receipt(self, client: Any, body: Mapping[str, Any], code: str) -> str:
        headers = {"Authorization": self._secret, "Idempotency-Key": str(uuid.uuid4())}
        status, said = await self._answer(client, headers, json.dumps(body).encode())
        if not 200 <= status < 300:
            raise HandOverError(f"the webhook answered HTTP {status}", remedy=_LOOK)
        receipt = _in(said)
        if not _RECEIPT.fullmatch(receipt) or (code and code.casefold() in receipt.casefold()):
            raise HandOverError(
                "the webhook's answer holds no receipt",
                remedy='once it keeps the code it has to answer {"receipt": "…"} in JSON: letters, digits, ._:/@+=#-',
            )
        return receipt

    async def _answer(self, client: Any, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        wait = 0.0
        for attempt in range(1, _ATTEMPTS + 1):
            await self._sleep(wait)
            status, after, said = await self._once(client, headers, body)
            if status not in (0, *_AGAIN) or attempt == _ATTEMPTS:
                break
            wait = min(float(after), _LONGEST_WAIT) if re.fullmatch(r"\d+(\.\d+)?", after) else 2.0 ** (attempt - 1)
        if not status:
            raise HandOverError(
                f"the webhook cannot be reached ({said.decode()})", remedy="start it, and check its certificate"
            )
        return status, said

    async def _once(self, client: Any, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """(status, Retry-After, answer); status 0 when no connection came about, and so nothing was sent."""
        import httpx

        try:
            async with (
                asyncio.timeout(self._patience),
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                return answer.status_code, answer.headers.get("Retry-After", ""), await _some(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return 0, "", type(error).__name__.encode()
        except (httpx.HTTPError, TimeoutError) as error:
            kind = type(error).__name__
        raise HandOverError(
            f"the webhook's answer was lost ({kind}); whether it has the code is not known", remedy=_LOOK
        )

    def _client(self) -> Any:
        import httpx

        limits = httpx.Limits(max_connections=8)
        timeout = httpx.Timeout(self._patience)
        return httpx.AsyncClient(
            verify=self._trusted, follow_redirects=False, timeout=timeout, limits=limits,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )  # fmt: skip


def _body(letter: Letter) -> dict[str, Any]:
    return {
        "kind": "pass",
        "change": letter.change_id,
        "user": {"id": letter.user_id, "upn": letter.user_principal_name, "name": letter.display_name},
        "recipient": letter.recipient,
        "code": letter.code.reveal(),
        "starts": letter.starts.isoformat(),
        "expires": letter.expires.isoformat(),
        "once": letter.once,
        "language": letter.language,
    }


async def _some(answer: Any) -> bytes:
    """The first of an answer, however much comes."""
    said = b""
    async for part in answer.aiter_bytes():
        said += part
        if len(said) > _MOST:
            break
    return said


def _in(said: bytes) -> str:
    try:
        found = json.loads(said)
    except ValueError:
        return ""
    return str(found.get("receipt", "")) if isinstance(found, dict) else ""


def _plainly(failed: Sequence[BaseException], total: int) -> HandOverError:
    first = next((one for one in failed if isinstance(one, HandOverError)), None)
    why = first.message if first else type(failed[0]).__name__
    return HandOverError(
        f"{len(failed)} of {total} codes were not handed over: {why}", remedy=first.remedy if first else _LOOK
    )


def _variable(parameter: str, name: str) -> str:
    if not name.isidentifier():
        raise HandOverError(
            f"{parameter} is no name of a variable", remedy="name the variable, never write its value here"
        )
    value = os.environ.get(name, "").strip()
    if not value:
        raise HandOverError(f"{the_variable(name, parameter)} is not set", remedy="set it for whoever runs this")
    return value


def _address(name: str) -> str:
    url = _variable("webhook_url_env", name)
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise HandOverError(
            f"the address in {the_variable(name, 'webhook_url_env')} is not https",
            remedy="codes travel over verified TLS only",
        )
    return url


def _trusted(authorities: str) -> ssl.SSLContext:
    """What checks the webhook: this machine's authorities, or those of a file alone."""
    if not authorities:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(Path(authorities)))
    except OSError as error:
        raise HandOverError(
            f"webhook_ca names {authorities}, which holds no certificate in PEM ({type(error).__name__})",
            remedy="name a file of your authority's certificates in PEM",
        ) from None
