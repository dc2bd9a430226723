"""The demo tenant with some of its answers altered on the way, alone or within a `$batch`; it logs what it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx

Body = Any
# What an altered answer becomes: status and body, or None for an answer that a batch leaves out.
Fault = Callable[[str, Body], tuple[int, Any] | None]
_CUT = b'{"value": [{"id": "'


@dataclass
class Altered(httpx.AsyncBaseTransport):
    """Answers to GETs whose path (with its query) fits `which` go through `fault`."""

    inner: httpx.AsyncBaseTransport
    which: Callable[[str], bool] = lambda _: False
    fault: Fault = lambda _, body: (200, body)
    altered: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        content = await response.aread()
        if request.url.path.endswith("/$batch"):
            return self._batch(json.loads(request.content)["requests"], response, content)
        path = unquote(request.url.raw_path.decode()).removeprefix("/beta").removeprefix("/v1.0")
        if request.method != "GET" or not self.which(path):
            return httpx.Response(response.status_code, headers=response.headers, content=content)
        answer = self._changed(path, json.loads(content))
        status, body = answer if answer is not None else (200, _CUT)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, headers={"content-type": "application/json"}, content=raw)

    def _batch(self, asked: list[dict[str, Any]], response: httpx.Response, content: bytes) -> httpx.Response:
        if response.status_code != 200:
            return httpx.Response(response.status_code, headers=response.headers, content=content)
        urls = {one["id"]: unquote(one["url"]) for one in asked if one["method"] == "GET"}
        parts = [self._part(part, urls.get(part["id"], "")) for part in json.loads(content)["responses"]]
        return httpx.Response(200, json={"responses": [part for part in parts if part]})

    def _part(self, part: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        if not path or not self.which(path):
            return dict(part)
        answer = self._changed(path, part.get("body"))
        if answer is None:
            return None
        status, body = answer
        # A batch carries what is no JSON as base64; a body that was cut is text like any other.
        return {**part, "status": status, "body": body.decode() if isinstance(body, bytes) else body}

    def _changed(self, path: str, body: Body) -> tuple[int, Any] | None:
        self.altered += 1
        return self.fault(path, body)


def refused(status: int) -> Fault:
    return lambda _, __: (status, {"error": {"code": "refused", "message": "not now"}})


def each(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Every entity of an answer changed: the items of a collection, the configurations of a policy, or the one."""

    def fault(_: str, body: Body) -> tuple[int, Any]:
        for name in ("value", "authenticationMethodConfigurations"):
            if isinstance(body.get(name), list):
                return 200, {**body, name: [change(dict(item)) for item in body[name]]}
        return 200, change(dict(body))

    return fault


def without(*names: str) -> Fault:
    return each(lambda item: {key: value for key, value in item.items() if key not in names})


def with_(**values: Any) -> Fault:
    """Properties that are there become these; others are not added."""
    return each(lambda item: {key: values.get(key, value) for key, value in item.items()})


def half(path: str, body: Body) -> tuple[int, Any]:
    """The first page has nothing yet, and the second never comes."""
    if "skiptoken" in path:
        return 503, {"error": {"code": "serviceNotAvailable", "message": "later"}}
    link = f"https://demo.localhost/v1.0{path}{'&' if '?' in path else '?'}$skiptoken=x"
    return 200, {**body, "value": [], "@odata.nextLink": link}


def cut(_: str, __: Body) -> tuple[int, Any]:
    return 200, _CUT


def left_out(_: str, __: Body) -> None:
    return None


ALWAYS: Mapping[str, Fault] = {
    **{str(status): refused(status) for status in (401, 403, 404, 500)},
    "null": lambda _, __: (200, None),
    "empty": lambda _, __: (200, b""),
    "a text": lambda _, __: (200, "yes"),
    "cut off": cut,
    "left out": left_out,
}
LISTS: Mapping[str, Fault] = {
    "half a page": half,
    "no list": lambda _, body: (200, {**body, "value": None}),
    "a list of nothing": lambda _, body: (200, {**body, "value": [None]}),
    "a list of texts": lambda _, body: (200, {**body, "value": ["x"]}),
    "items that are empty": each(lambda _: {}),
}
