"""The one way to Graph: requests sent through msgraph-sdk's adapter, twenty to a `$batch`, raw JSON back.

There is exactly one retry layer, here, and it repeats reads only. A write is sent once; what became of it is
`Answer.happened`, and whoever sent it reads before writing again. When a request leaves is `rate`'s to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx

from authops.graph import trust
from authops.graph.answer import READ, Answer, Request, answer_of, batch, batch_answers, collection
from authops.graph.connection import Connection, access_tokens
from authops.graph.pace import Pace, retry_after
from authops.graph.paging import Course
from authops.graph.refusal import refused, remedy
from authops.words.errors import GraphError, GraphNotSent, GraphUnreachable, ParameterError

_log = logging.getLogger(__name__)
_SIZE: Final = 20
# As Graph says it of what stood behind something that failed: not done.
NOT_SENT: Final = 424
_ATTEMPTS: Final = 10
_THROTTLED_ATTEMPTS: Final = 40
_RESTING: Final = 8
# Graph itself gives up after 60 s; an answer that drips in for longer is none.
_DEADLINE: Final = 100.0


# Asked just before a request leaves, after a token was fetched for it: whether it still may.
Leaving = Callable[[Sequence[Request]], None]
_MAY_LEAVE: ContextVar[Callable[[], bool] | None] = ContextVar("may_leave", default=None)


class _Late(httpx.RequestError):
    """What a write stands on was read too long ago, so it did not leave."""


class _Client(httpx.AsyncClient):
    """httpx's time-outs hold for each piece of an answer; this one for the whole of it. Signing in is not meant."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        may_leave = _MAY_LEAVE.get()
        if may_leave is not None and not may_leave():
            raise _Late("not sent: what it stands on was read too long ago", request=request)
        try:
            async with asyncio.timeout(_DEADLINE):
                return await super().send(request, **options)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no whole answer within {_DEADLINE:.0f} s", request=request) from error


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
        client = _Client(base_url=root, timeout=_DEADLINE, transport=transport, verify=verify)
        adapter = _adapter(tokens or access_tokens(connection), client)
        adapter.base_url = root
        return cls(adapter, client, root, **options)

    def _root(self, request: Request) -> str:
        return f"{self.root.removesuffix('/v1.0')}/beta" if request.beta else self.root

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.client.aclose()

    async def send(
        self, requests: Iterable[Request], *, patience: float = math.inf, leaving: Leaving | None = None
    ) -> AsyncIterator[Answer]:
        """Every request's answer, in any order; memory holds a few times `concurrency` batches at most.

        One batch goes first, then twice as many each time: a limit that is lower than documented is met by one of them.
        A batch that waits because it was turned away holds no other up.
        `patience`: the seconds that a request may wait for its turn or another try. Who would wait longer drops out at
        once and holds nobody: its answer is the failure it last had, or a 429 whose Retry-After says how long when it
        was never asked. `pace.held(request)` tells the seconds until it may be asked again. `leaving` hears of requests
        just before they leave, each time.
        """
        chunks = _chunks(requests)
        running: dict[asyncio.Task[list[Answer]], list[Request]] = {}
        width = 1
        try:
            while True:
                while self._more_may_run(running.values(), width) and (chunk := next(chunks, None)):
                    running[asyncio.ensure_future(self._settled(chunk, self.clock() + patience, leaving))] = chunk
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                width = min(width + len(done), self.concurrency)
                for task in done:
                    del running[task]
                    for answer in task.result():
                        yield answer
        finally:
            for task in running:
                task.cancel()

    def _more_may_run(self, waiting: Collection[Sequence[Request]], width: int) -> bool:
        """Whether of those that wait for an answer or their turn there are fewer than `width`; some only rest."""
        resting = sum(bool(part) and self.pace.away(part[0]) > 0 for part in waiting)
        return len(waiting) - min(resting, _RESTING * width) < width

    async def write(
        self, requests: Sequence[Request], sent_at: float, *, may_leave: Callable[[], bool] | None = None
    ) -> list[Answer]:
        """Send up to twenty writes whose turn `pace` gave at `sent_at`, once, whatever comes back.

        `may_leave` is asked when they are about to leave, also where signing in took its time before; where it says no
        nothing is sent, and nothing has happened (status 424).
        """
        mark = _MAY_LEAVE.set(may_leave)
        try:
            answers = await self._once(requests, sent_at)
        finally:
            _MAY_LEAVE.reset(mark)
        _say(answers)
        return answers

    def _heard(self, outer: Answer, answers: Sequence[Answer], sent_at: float) -> None:
        """Let the pace learn; a whole batch that was turned away was turned away once, not twenty times."""
        whole = outer.error is not None and answers[0].error is outer.error
        if whole and outer.status == 429:
            self.pace.turned_away([a.request for a in answers], outer.headers, sent_at)
        else:
            heard = answers[:1] if whole else answers
            self.pace.heard([(a.request, a.status, a.headers) for a in heard], sent_at)

    async def pages(self, request: Request, link: str = "") -> AsyncIterator[dict[str, Any]]:
        """Every item of a collection, page after page, on the same host only; from `link` on. Raises `GraphError`."""
        course = Course(self.root, str(request))
        url = course.here(link) or self._root(request) + request.path
        while url:
            page = await self._page(request, url)
            if (items := collection(page)) is None:
                raise GraphError("the answer is no collection, so nothing is known", status=200, request=str(request))
            for item in items:
                yield item
            url = course.after(url, items, page.get("@odata.nextLink"))

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
        found = await self._page(request, self._root(request) + request.path)
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

    async def _settled(self, waiting: list[Request], until: float, leaving: Leaving | None = None) -> list[Answer]:
        """Send up to twenty; reads that were throttled or failed are asked again, alone, as long as there is time.

        `waiting` holds at any moment what still waits.
        """
        settled: list[Answer] = []
        failed: dict[Request, Answer] = {}
        tried: Counter[object] = Counter()
        while waiting:
            count, sent_at = await self.pace.turn(waiting, until)
            if not count:
                settled += [failed.get(r) or self._not_asked(r) for r in waiting]
                break
            if leaving:
                leaving(waiting[:count])
            answers = await self._once(waiting[:count], sent_at)
            again: list[Answer] = []
            for answer in answers:
                (again if _may_ask_again(answer, tried) else settled).append(answer)
            failed |= {a.request: a for a in again}
            if until != math.inf:
                for answer in again:
                    self.pace.keep_away(answer.request, answer.headers)
            waiting[:] = waiting[count:] + [a.request for a in again]
            await self._before_asking_again(again, tried, until)
        _say(settled)
        return settled

    def _not_asked(self, request: Request) -> Answer:
        """What becomes of a request whose turn comes later than anybody waits: throttled, by what is known already."""
        seconds = self.pace.held(request)
        error = GraphError("throttled: not asked yet", status=429, request=str(request))
        return Answer(request, 429, {"retry-after": f"{seconds:.3f}"}, {}, error)

    async def _before_asking_again(
        self, again: Sequence[Answer], tried: Counter[object], until: float = math.inf
    ) -> None:
        """Wait as the failed answers ask, but not past `until`; what was throttled waits for its turn instead."""
        waits = [self._wait(a, tried[a.request]) for a in again if a.status != 429]
        if waits:
            await self.sleep(min(max(waits), max(until - self.clock(), 0.0)))

    async def _once(self, requests: Sequence[Request], sent_at: float) -> list[Answer]:
        by_id = {str(number): request for number, request in enumerate(requests)}
        names = {number: str(uuid.uuid4()) for number in by_id}
        (root,) = {self._root(request) for request in requests}
        outer = await self._outer(batch(by_id, names), f"{root}/$batch")
        answers = batch_answers(outer, by_id, names)
        if not isinstance(outer.error, GraphNotSent):
            self._heard(outer, answers, sent_at)
        return answers

    async def _outer(self, request: Request, url: str) -> Answer:
        """One HTTP exchange through the SDK's adapter: its authorisation and middleware, no retry of its own.

        Raises `SignInError` when Entra gives no further token.
        """
        from azure.core.exceptions import AzureError

        if self.client.is_closed:
            raise ParameterError(
                "this run has ended, and its way to Graph is closed",
                remedy="nothing was asked or written; run the notebook again from its first cell",
            )
        name = str(uuid.uuid4())
        try:
            response = await self._exchange(request, url, name)
        except _Late as error:
            late = GraphNotSent(str(error), status=NOT_SENT, client_request_id=name, request=str(request))
            return Answer(request, NOT_SENT, {}, {}, late)
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
    """Lists of up to twenty, of one version; two writes of one user in one go have no order, and are a fault of the
    caller.
    """
    chunk: list[Request] = []
    writing: set[str] = set()
    for request in requests:
        if chunk and chunk[0].beta != request.beta:
            yield chunk
            chunk = []
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
