"""JSON batching. Source: json-batching; limit text and dependency texts as seen in practice."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from authops.demo.odata.calls import JSON_TYPE, Answer, Call
from authops.demo.wire.graph import Origin, Wire
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 20
_VERBS = ("GET", "POST", "PATCH", "PUT", "DELETE")


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def run(wire: Wire, body: Any, client_request_id: str, call: Callable[..., Call]) -> Answer:
    """Answer a whole batch, or refuse it when it cannot be understood; `call` builds one inner request."""
    requests = _requests(body, bodies_needed=wire.tenant.assume["batch_write_without_body"] == "refused")
    order = _check_order(requests)
    batch = str(uuid.uuid4())
    done: dict[str, dict[str, Any]] = {}
    if not order:
        # Without dependsOn Graph promises no order of execution.
        requests = wire.dice.sample(requests, len(requests))
    for request in requests:
        done[request["id"].lower()] = _one(wire, request, done, Origin(client_request_id, batch, request["id"]), call)
    answers = list(done.values())
    wire.dice.shuffle(answers)
    throttled = any(answer["status"] == 429 for answer in answers)
    failed = throttled and wire.tenant.assume["throttled_batch"] == "424"
    return Answer(424 if failed else 200, {"responses": answers})


def _requests(body: Any, *, bodies_needed: bool) -> list[dict[str, Any]]:
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests or not all(isinstance(r, dict) for r in requests):
        raise _bad("Invalid batch payload format.")
    if len(requests) > LIMIT:
        raise _bad("Number of requests inside batch exceed the limit")
    seen: set[str] = set()
    for request in requests:
        _check(request, bodies_needed=bodies_needed)
        if request["id"].lower() in seen:
            raise _bad("Request Id should be unique in the batch request.")
        seen.add(request["id"].lower())
    return requests


def _check(request: dict[str, Any], *, bodies_needed: bool) -> None:
    if not isinstance(request.get("id"), str) or not request["id"]:
        raise _bad("Request Id is required for each request in the batch.")
    # What is null is as good as left out.
    for name in [name for name, value in request.items() if value is None]:
        del request[name]
    request["method"] = str(request.get("method", "")).upper()
    if request["method"] not in _VERBS:
        raise _bad(f"Invalid method for request Id: {request['id']}")
    url = request.get("url")
    if not isinstance(url, str) or not url or "://" in url.partition("?")[0]:
        raise _bad(f"Invalid url for request Id: {request['id']}; it must be relative to the version.")
    headers = request.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise _bad(f"Invalid headers for request Id: {request['id']}")
    if bodies_needed and request["method"] in ("POST", "PATCH", "PUT") and "body" not in request:
        raise _bad(f"Write request id : {request['id']} does not contain Content-Type header or body.")
    if "body" in request and "content-type" not in {k.lower() for k in headers}:
        raise _bad(f"Write request id : {request['id']} does not contain Content-Type header or body.")


def _check_order(requests: list[dict[str, Any]]) -> bool:
    """Return whether the batch is one sequence; refuse what is neither that nor fully parallel."""
    needs = [request.get("dependsOn") or [] for request in requests]
    if not any(needs):
        return False
    before: list[str] = []
    for request, wanted in zip(requests, needs, strict=True):
        if not isinstance(wanted, list) or any(str(w).lower() not in before for w in wanted):
            raise _bad(f"Invalid dependency for request Id: {request['id']}")
        if before and [str(w).lower() for w in wanted] != [before[-1]]:
            raise _bad("Batch should be either fully sequential or fully parallel.")
        before.append(request["id"].lower())
    return True


def _one(
    wire: Wire, request: dict[str, Any], done: dict[str, Any], origin: Origin, call: Callable[..., Call]
) -> dict[str, Any]:
    path, _, query = request["url"].partition("?")
    path = path.partition("#")[0] if "#" in path else path
    headers = {k.lower(): v for k, v in request.get("headers", {}).items()}
    origin.client_request_id = headers.get("client-request-id", origin.client_request_id)
    failed = [w for w in request.get("dependsOn") or [] if done[str(w).lower()]["status"] >= 400]
    if failed:
        answer = _failed_dependency(wire, request["method"], path, query, origin)
    else:
        answer = wire.answer(
            call(request["method"], "/" + path.lstrip("/"), query, headers, request.get("body")), origin
        )
    return _rendered(request["id"], answer)


def _failed_dependency(wire: Wire, method: str, path: str, query: str, origin: Origin) -> Answer:
    request_id = str(uuid.uuid4())
    wire.record(method, path, query, 424, request_id, origin)
    no = Refusal(424, "FailedDependency", "The request failed because one of its dependencies failed.")
    return Answer(424, wire.error(no, request_id, origin.client_request_id))


def _rendered(inner_id: str, answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": inner_id, "status": answer.status, "headers": answer.headers}
    if answer.body is not None:
        shown["headers"] = {"Cache-Control": "no-cache", "Content-Type": JSON_TYPE, **answer.headers}
        shown["body"] = answer.body
    return shown
