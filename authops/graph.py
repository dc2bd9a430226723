"""The one way to Graph: requests sent through msgraph-sdk's adapter, twenty to a `$batch`, raw JSON back.

There is exactly one retry layer, here, and it repeats reads only. A write is sent once; what became of it is
`Answer.happened`, and whoever sent it reads before writing again. When a request leaves is `rate`'s to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from authops.connection import Connection, access_tokens, refused
from authops.errors import GraphError, GraphUnreachable
from authops.rate import Pace, retry_after

_log = logging.getLogger(__name__)
_SIZE: Final = 20
_ATTEMPTS: Final = 10
_THROTTLED_ATTEMPTS: Final = 40
# Nothing was done: the token had expired or was revoked on its way; what the request stood with was throttled.
_NOT_DONE: Final = (401, 424)
_READ: Final = "GET"
_REMEDIES: Final = {
    401: "sign in again; check the certificate and the tenant of the connection",
    403: "ask the administrator for the permission that the notebook's first table names, with consent",
    404: "the user or method is not there (any more)",
    429: "Graph is throttling this application; try again later, or with fewer runs at once",
}
# In the code of a report's refusal where the tenant has neither Entra ID P1 nor P2; no permission helps.
NO_PREMIUM: Final = "RequestFromNonPremiumTenant"
_UNLICENSED: Final = "the tenant needs Entra ID P1 or P2 for this; no permission helps"


@dataclass(frozen=True)
class Request:
    """One request, relative to the API version: `path` starts with a slash and is already encoded."""

    method: str
    path: str
    body: str = ""
    advanced: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What the request needs besides authorisation."""
        needed = {"ConsistencyLevel": "eventual"} if self.advanced else {}
        return needed | ({"Content-Type": "application/json"} if self.method in ("POST", "PATCH") else {})

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True)
class Answer:
    """Graph's answer to one request; status 0 means there was none."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    error: GraphError | None

    @property
    def happened(self) -> str:
        """done, refused, again or unknown."""
        return what_happened(self.request.method, self.status)

    @property
    def request_id(self) -> str:
        """Graph's own id of the request, for its support."""
        return self.headers.get("request-id", "") or (self.error.request_id if self.error else "")


def what_happened(method: str, status: int) -> str:
    """done (2xx), refused (final), again (nothing was changed, safe to send again) or unknown (read first).

    A write answered 408, 409, 429, 5xx or not at all can have taken effect (Graph: batching and throttling; 409
    phoneNumberNotUnique is seen with the phone stored). A read never has.
    """
    if 200 <= status < 300:
        return "done"
    if status in _NOT_DONE:
        return "again"
    passing = status in (0, 408, 429) or (status >= 500 and status != 501)
    if method == _READ:
        return "again" if passing else "refused"
    return "unknown" if passing or status == 409 else "refused"


@dataclass
class Graph:
    """An open way to one tenant's Graph. The pause, the clock and the dice are handed in."""

    adapter: Any
    client: httpx.AsyncClient
    root: str
    concurrency: int = 16
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.sleep, self.clock)

    @classmethod
    def connect(
        cls,
        connection: Connection,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        tokens: Any = None,
        **options: Any,
    ) -> Graph:
        """A way to the connection's Graph. `transport` and `tokens` (kiota's provider) replace the network in tests."""
        root = f"{connection.graph_url}/v1.0"
        verify: Any = ssl.create_default_context(cafile=connection.ca_bundle or None)
        client = httpx.AsyncClient(base_url=root, timeout=100, transport=transport, verify=verify)
        adapter = _adapter(tokens or access_tokens(connection), client)
        adapter.base_url = root
        return cls(adapter, client, root, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.client.aclose()

    async def send(self, requests: Iterable[Request]) -> AsyncIterator[Answer]:
        """Every request's answer, in any order; memory holds `concurrency` batches at most.

        One batch goes first, then twice as many each time: a limit that is lower than documented is met by one of them.
        """
        chunks = _chunks(requests)
        running: set[asyncio.Task[list[Answer]]] = set()
        width = 1
        try:
            while True:
                while len(running) < width and (chunk := next(chunks, None)):
                    running.add(asyncio.ensure_future(self._settled(chunk)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                width = min(width + len(done), self.concurrency)
                for task in done:
                    for answer in task.result():
                        yield answer
        finally:
            for task in running:
                task.cancel()

    async def write(self, requests: Sequence[Request], sent_at: float) -> list[Answer]:
        """Send up to twenty writes whose turn `pace` gave at `sent_at`, once, whatever comes back."""
        answers = await self._once(requests)
        self._heard(answers, sent_at)
        _say(answers)
        return answers

    def _heard(self, answers: Sequence[Answer], sent_at: float) -> None:
        """Let the pace learn; a whole batch that was turned away was turned away once, not twenty times."""
        outer = answers[0].error is not None and all(a.error is answers[0].error for a in answers)
        heard = answers[:1] if outer else answers
        self.pace.heard([(a.request, a.status, a.headers) for a in heard], sent_at)

    async def pages(self, request: Request, link: str = "") -> AsyncIterator[dict[str, Any]]:
        """Every item of a collection, page after page, on the same host only; from `link` on. Raises `GraphError`."""
        url, seen = self._here(link, request) if link else self.root + request.path, set()
        while url:
            page = await self._page(request, url)
            if (items := _collection(page)) is None:
                raise GraphError("the answer is no collection, so nothing is known", status=200, request=str(request))
            for item in items:
                yield item
            seen.add(url)
            url = self._here(page.get("@odata.nextLink"), request)
            if url in seen:
                raise GraphError("the next page is a page that was already read", request=str(request))

    def _here(self, link: Any, request: Request) -> str:
        """A link to a next page, "" for none. Raises `GraphError` for another host: it would get the token."""
        url = str(link or "")
        if url and _origin(url) != _origin(self.root):
            raise GraphError("the next page is on another host, so it was not asked for", request=str(request))
        return url

    async def items(self, answer: Answer) -> list[dict[str, Any]]:
        """Every item of a collection whose first page came in a batch. Raises `GraphError`, also for no collection."""
        link, items = answer.body.get("@odata.nextLink"), _collection(answer.body)
        if answer.status != 200 or items is None:
            raise answer.error or GraphError("the answer is no collection", status=answer.status)
        if not link:
            return items
        return items + [item async for item in self.pages(answer.request, str(link))]

    async def page(self, request: Request) -> dict[str, Any]:
        """The first page of a collection, or one entity. Raises `GraphError`, also for what is neither."""
        found = await self._page(request, self.root + request.path)
        if not found:
            raise GraphError("the answer is no entity, so nothing is known", status=200, request=str(request))
        return found

    async def _page(self, request: Request, url: str) -> dict[str, Any]:
        tried: Counter[object] = Counter()
        while True:
            _, sent_at = await self.pace.turn([request])
            answer = await self._outer(request, url)
            self.pace.heard([(request, answer.status, answer.headers)], sent_at)
            if answer.status == 200:
                return answer.body
            if not _may_ask_again(answer, tried):
                raise answer.error or GraphError("unusable answer", status=answer.status, request=str(request))
            await self._before_asking_again([answer], tried)

    async def _settled(self, requests: Sequence[Request]) -> list[Answer]:
        """Send up to twenty; reads that were throttled or failed are asked again, alone."""
        settled: list[Answer] = []
        tried: Counter[object] = Counter()
        waiting = list(requests)
        while waiting:
            count, sent_at = await self.pace.turn(waiting)
            answers = await self._once(waiting[:count])
            self._heard(answers, sent_at)
            again: list[Answer] = []
            for answer in answers:
                (again if _may_ask_again(answer, tried) else settled).append(answer)
            waiting = waiting[count:] + [a.request for a in again]
            await self._before_asking_again(again, tried)
        _say(settled)
        return settled

    async def _before_asking_again(self, again: Sequence[Answer], tried: Counter[object]) -> None:
        """Wait as the failed answers ask; what was throttled waits for its turn instead."""
        waits = [self._wait(a, tried[a.request]) for a in again if a.status != 429]
        if waits:
            await self.sleep(max(waits))

    async def _once(self, requests: Sequence[Request]) -> list[Answer]:
        by_id = {str(number): request for number, request in enumerate(requests)}
        names = {number: str(uuid.uuid4()) for number in by_id}
        outer = await self._outer(_batch_request(by_id, names), f"{self.root}/$batch")
        if outer.error:
            return [_because(outer, request) for request in requests]
        said = outer.body.get("responses")
        parts = [part for part in said if isinstance(part, dict)] if isinstance(said, list) else []
        times = Counter(str(part.get("id")) for part in parts)
        # An answer to nothing that was asked, or a second one, tells nothing.
        once = {name: part for part in parts if times[name := str(part.get("id"))] == 1 and name in by_id}
        found = {name: _inner(by_id[name], part, names[name]) for name, part in once.items()}
        return [found.get(name) or _unanswered(request, names[name]) for name, request in by_id.items()]

    async def _outer(self, request: Request, url: str) -> Answer:
        """One HTTP exchange through the SDK's adapter: its authorisation and middleware, no retry of its own.

        Raises `SignInError` when Entra gives no further token.
        """
        from azure.core.exceptions import AzureError

        name = str(uuid.uuid4())
        try:
            response = await self._exchange(request, url, name)
        except (httpx.RequestError, httpx.InvalidURL, AzureError) as error:
            # A new token was needed and Entra said no; that it could not be reached is like any other silence.
            if "AADSTS" in str(error):
                raise refused(str(error)) from error
            said = f"{type(error).__name__}: {error}".rstrip(": ")
            _log.warning("%s %s: %s", request, name, said)
            unreachable = GraphUnreachable(
                said,
                client_request_id=name,
                request=str(request),
                remedy="check the network and the connection's graph_url",
            )
            return Answer(request, 0, {}, {}, unreachable)
        _log.debug("%s %s: %s %s", request, name, response.status_code, response.headers.get("request-id", ""))
        return _answer(request, response.status_code, dict(response.headers), _json(response), name)

    async def _exchange(self, request: Request, url: str, name: str) -> httpx.Response:
        from kiota_abstractions.method import Method
        from kiota_abstractions.native_response_handler import NativeResponseHandler
        from kiota_abstractions.request_information import RequestInformation
        from kiota_http.middleware.options import ResponseHandlerOption

        info = RequestInformation(method=Method[request.method])
        info.url = url
        ours = {"client-request-id": name, "Accept": "application/json", "x-ms-throttle-priority": "Low"}
        for key, value in (request.headers | ours).items():
            info.headers.try_add(key, value)
        info.content = request.body.encode() or None
        info.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        response = await self.adapter.send_primitive_async(info, "bytes", {})
        assert isinstance(response, httpx.Response)
        return response

    def _wait(self, answer: Answer, attempt: int) -> float:
        """Seconds: Graph's own Retry-After, else doubling with jitter."""
        told = retry_after(answer.headers)
        return told if told is not None else float(min(0.5 * 2.0**attempt, 30.0) * (0.5 + self.dice() / 2))


def _may_ask_again(answer: Answer, tried: Counter[object]) -> bool:
    """Whether a read is worth another try; being throttled is no failure, so it may take longer."""
    if answer.request.method != _READ or answer.happened != "again":
        return False
    # A token may have expired on its way, but not twice.
    key = (answer.request, 401) if answer.status == 401 else answer.request
    tried[key] += 1
    return tried[key] < {401: 2, 429: _THROTTLED_ATTEMPTS}.get(answer.status, _ATTEMPTS)


def _say(answers: Iterable[Answer]) -> None:
    """Log what Graph refused or never answered, with the ids its support asks for; being throttled is daily life."""
    said = set()
    for answer in answers:
        if answer.error and answer.status != 404 and answer.error.client_request_id not in said:
            said.add(answer.error.client_request_id)
            level = logging.INFO if answer.status == 429 else logging.WARNING
            _log.log(level, "%s [client-request-id %s]", answer.error, answer.error.client_request_id)


def _adapter(tokens: Any, client: httpx.AsyncClient) -> Any:
    """msgraph-sdk's request adapter with all its middleware, but for the hidden retries and redirects."""
    from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider
    from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_request_adapter import options as sdk_options
    from msgraph_core import GraphClientFactory

    options = dict(sdk_options)
    options[RetryHandlerOption.get_key()] = RetryHandlerOption(should_retry=False)
    options[RedirectHandlerOption.get_key()] = RedirectHandlerOption(should_redirect=False)
    piped = GraphClientFactory.create_with_default_middleware(client=client, options=options)
    return GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(tokens), piped)


def _chunks(requests: Iterable[Request]) -> Any:
    """Lists of up to twenty; two writes of one user in one go have no order, and are a fault of the caller."""
    chunk: list[Request] = []
    writing: set[str] = set()
    for request in requests:
        if request.method != _READ:
            user = request.path.split("/")[2]
            if user in writing:
                raise ValueError(f"two writes of user {user} at once")
            writing.add(user)
        chunk.append(request)
        if len(chunk) == _SIZE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _batch_request(by_id: Mapping[str, Request], names: Mapping[str, str]) -> Request:
    parts: list[dict[str, Any]] = []
    for name, request in by_id.items():
        headers = request.headers | {"client-request-id": names[name]}
        part: dict[str, Any] = {"id": name, "method": request.method, "url": request.path, "headers": headers}
        if request.body:
            part["body"] = json.loads(request.body)
        parts.append(part)
    return Request("POST", "/$batch", json.dumps({"requests": parts}))


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content) if response.content else {}
    except ValueError:
        return {}


def _answer(request: Request, status: int, headers: Mapping[str, str], body: Any, name: str = "") -> Answer:
    body = body if isinstance(body, dict) else {}
    if 200 <= status < 300:
        return Answer(request, status, headers, body, None)
    said = body.get("error") if isinstance(body.get("error"), dict) else {}
    inner = next((v for k, v in said.items() if k.lower() == "innererror" and isinstance(v, dict)), {})
    error = GraphError(
        str(said.get("message") or "no message"),
        status=status,
        code=str(said.get("code") or ""),
        request_id=str(inner.get("request-id") or headers.get("request-id") or ""),
        client_request_id=str(inner.get("client-request-id") or name),
        request=str(request),
        remedy=_UNLICENSED if NO_PREMIUM in str(said.get("code")) else _REMEDIES.get(status, ""),
    )
    return Answer(request, status, headers, body, error)


def _inner(request: Request, part: Mapping[str, Any], name: str) -> Answer:
    """One answer of a batch; a status that is no number is no answer."""
    status, headers = str(part.get("status")), part.get("headers")
    told = {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
    if not (status.isascii() and status.isdigit()):
        return _unanswered(request, name)
    return _answer(request, int(status), told, part.get("body"), name)


def _collection(body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    items = body.get("value")
    return items if isinstance(items, list) and all(isinstance(item, dict) for item in items) else None


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or ""), parts.port or 443
    except ValueError:
        return url, "", 0


def _because(outer: Answer, request: Request) -> Answer:
    """The whole batch failed: each of its requests shares that."""
    return Answer(request, outer.status, outer.headers, {}, outer.error)


def _unanswered(request: Request, name: str) -> Answer:
    error = GraphUnreachable("the $batch answer left this request out", client_request_id=name, request=str(request))
    return Answer(request, 0, {}, {}, error)
