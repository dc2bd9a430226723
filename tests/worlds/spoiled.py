"""Answers that say less, or something else, than they should; and refusals, as Graph words them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.worlds.luck import Luck


def _told(what: str) -> dict[str, str]:
    if not what:
        return {}
    dates = {"date": "Thu, 26 Nov 2026 09:00:00 GMT", "past": "Thu, 26 Nov 2020 09:00:00 GMT"}
    return {"Retry-After": dates.get(what, what)}


def _body(status: int) -> dict[str, Any]:
    codes = {401: "InvalidAuthenticationToken", 403: "accessDenied", 404: "resourceNotFound", 424: "FailedDependency"}
    code = (codes | {409: "phoneNumberNotUnique", 429: "TooManyRequests"}).get(status, "serviceError")
    return {"error": {"code": code, "message": "bad luck", "innerError": {"request-id": "bad-luck"}}}


def inner_error(status: int, what: str) -> dict[str, Any]:
    return {"status": status, "headers": _told(what), "body": _body(status)}


def error(status: int, what: str) -> httpx.Response:
    return httpx.Response(status, headers=_told(what), json=_body(status))


def spoiled(body: dict[str, Any], luck: Luck) -> dict[str, Any]:
    """An answer that says less, or something else, than it should."""
    kind, items = luck.kind, body.get("value")
    if kind == "null":
        return dict.fromkeys(body)
    if kind == "somebody else's":
        said = json.dumps(body).replace("users('", "users('0")
        return {**json.loads(said), **({"id": "00000000-0000-0000-0000-00000000beef"} if "id" in body else {})}
    if kind == "property missing":
        return _without(body, luck.what)
    if kind == "masked" and isinstance(items, list):
        hidden = [{**i, "phoneNumber": "+31 ********"} if "phoneNumber" in i else i for i in items]
        return body | {"value": hidden}
    return body


def _without(item: Any, name: str) -> Any:
    if isinstance(item, dict):
        return {k: _without(v, name) for k, v in item.items() if k != name}
    return [_without(one, name) for one in item] if isinstance(item, list) else item
