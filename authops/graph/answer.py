"""One request, its answer, and what the answer says has happened. No network, no clock."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from authops.words.errors import GraphError, GraphNotSent, GraphUnreachable

READ: Final = "GET"
# Nothing was done: the token had expired or was revoked on its way; what the request stood with was throttled.
_NOT_DONE: Final = (401, 424)
_SOME_FAILED: Final = 424
_NOT_FOUND: Final = 404
_REMEDIES: Final = {
    401: "sign in again; check the certificate and the tenant of the connection",
    403: "ask the administrator for the permission that the notebook's first table names, with consent",
    404: "the user or method is not there (any more)",
    429: "Graph is throttling this application; try again later, or with fewer runs at once",
}
# Whom an answer is about, as Graph repeats it: `…$metadata#users('ID')/authentication/phoneMethods`.
_ABOUT: Final = re.compile(r"#users\('([^']+)'\)")
# In the code of a report's refusal where the tenant has neither Entra ID P1 nor P2; no permission helps.
NO_PREMIUM: Final = "RequestFromNonPremiumTenant"
_UNLICENSED: Final = "the tenant needs Entra ID P1 or P2 for this; no permission helps"


@dataclass(frozen=True)
class Request:
    """One request, relative to the API version: `path` starts with a slash and is already encoded.

    `beta`: of Graph's beta, for what v1.0 does not have; it may change at any time.
    """

    method: str
    path: str
    body: str = ""
    advanced: bool = False
    beta: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What the request needs besides authorisation."""
        needed = {"ConsistencyLevel": "eventual"} if self.advanced else {}
        return needed | ({"Content-Type": "application/json"} if self.method in ("POST", "PATCH") else {})

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True)
class Answer:
    """Graph's answer to one request; status 0 means there was none. What it holds is never shown by accident."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] = field(repr=False)
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
    if method == READ:
        return "again" if passing else "refused"
    return "unknown" if passing or status == 409 else "refused"


def batch(by_id: Mapping[str, Request], names: Mapping[str, str]) -> Request:
    """The one request that carries these, each with its client-request-id (`names`)."""
    parts: list[dict[str, Any]] = []
    for name, request in by_id.items():
        headers = request.headers | {"client-request-id": names[name]}
        part: dict[str, Any] = {"id": name, "method": request.method, "url": request.path, "headers": headers}
        if request.body:
            part["body"] = json.loads(request.body)
        parts.append(part)
    return Request("POST", "/$batch", json.dumps({"requests": parts}))


def batch_answers(outer: Answer, by_id: Mapping[str, Request], names: Mapping[str, str]) -> list[Answer]:
    """The answer to each request of a batch, in their order; all share it when the batch as a whole failed.

    A batch answered 424 (Graph: throttling), or as another failure, can hold the answers to its requests all the same.
    """
    said = outer.body.get("responses")
    parts = [part for part in said if isinstance(part, dict)] if isinstance(said, list) else []
    times = Counter(str(part.get("id")) for part in parts)
    # An answer to nothing that was asked, or a second one, tells nothing.
    once = {name: part for part in parts if times[name := str(part.get("id"))] == 1 and name in by_id}
    if outer.error and not once:
        # Of the batch itself 424 does not say that nothing was done: some of it was, and the rest was throttled. Nor
        # does 404 say that somebody or something that was asked for is not there.
        sent = not isinstance(outer.error, GraphNotSent)
        status = 0 if outer.status in (_SOME_FAILED, _NOT_FOUND) and sent else outer.status
        return [Answer(request, status, outer.headers, {}, outer.error) for request in by_id.values()]
    found = {name: _inner(by_id[name], part, names[name]) for name, part in once.items()}
    return [found.get(name) or _unanswered(request, names[name], outer.headers) for name, request in by_id.items()]


def answer_of(request: Request, status: int, headers: Mapping[str, str], body: Any, name: str = "") -> Answer:
    """What came back, as an `Answer`; for an error with Graph's code and ids. `name`: its client-request-id."""
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
        return _unanswered(request, name, told)
    return answer_of(request, int(status), told, part.get("body"), name)


def _unanswered(request: Request, name: str, headers: Mapping[str, str]) -> Answer:
    """No answer; how long to wait, and Graph's id, are those of the batch."""
    error = GraphUnreachable("the $batch answer left this request out", client_request_id=name, request=str(request))
    return Answer(request, 0, headers, {}, error)


def collection(body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The items of a collection; None for what is no list of entities, and so tells nothing."""
    items = body.get("value")
    return items if isinstance(items, list) and all(isinstance(item, dict) for item in items) else None


def text(item: Mapping[str, Any], name: str) -> str:
    """A property that is a text; "" for one that is left out, null or anything else, and so not known."""
    value = item.get(name)
    return value if isinstance(value, str) else ""


def flag(item: Mapping[str, Any], name: str) -> bool | None:
    """A property that is true or false; None for one that is left out, null or anything else, and so not known."""
    value = item.get(name)
    return value if isinstance(value, bool) else None


def about(body: Mapping[str, Any], user_id: str) -> bool:
    """Whether an answer says nothing against being this user's."""
    named = _ABOUT.search(text(body, "@odata.context"))
    return named is None or unquote(named[1]).casefold() == user_id.casefold()
