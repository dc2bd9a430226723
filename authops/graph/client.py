"""The one way to Graph: requests sent through msgraph-sdk's adapter, twenty to a `$batch`, raw JSON back.

There is exactly one retry layer, here, and it repeats reads only. A write is sent once; what became of it is
`Answer.happened`, and whoever sent it reads before writing again. When a request leaves is `rate`'s to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from authops.graph import trust
from authops.graph.answer import READ, Answer, Request, answer_of, batch, batch_answers, collection
from authops.graph.connection import Connection, access_tokens
from authops.graph.pace import Pace, retry_after
from authops.graph.refusal import refused, remedy
from authops.words.errors import GraphError, GraphUnreachable

_log = logging.getLogger(__name__)
_SIZE: Final = 20
_ATTEMPTS: Final = 10
_THROTTLED_ATTEMPTS: Final = 40


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
        verify: Any = trust.context(connection.ca_bundle)
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
            if (items := collection(page)) is None:
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
        link, items = answer.body.get("@odata.nextLink"), collection(answer.body)
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
        outer = await self._outer(batch(by_id, names), f"{self.root}/$batch")
        return batch_answers(outer, by_id, names)

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
                remedy=remedy(said),
            )
            return Answer(request, 0, {}, {}, unreachable)
        _log.debug("%s %s: %s %s", request, name, response.status_code, response.headers.get("request-id", ""))
        return answer_of(request, response.status_code, dict(response.headers), _json(response), name)

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
    if answer.request.method != READ or answer.happened != "again":
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
        if request.method != READ:
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


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content) if response.content else {}
    except ValueError:
        return {}


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or ""), parts.port or 443
    except ValueError:
        return url, "", 0
