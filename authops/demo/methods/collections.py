"""Requests on kinds of methods that are listed and deleted, and have nothing else of their own.

Source: the API pages of each method type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authops.demo.methods.base import collection, entity, rendered
from authops.demo.odata.calls import Answer, refuse_options
from authops.demo.world.tenant import Refusal, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.methods.kind import Kind
    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import Method, User


def lister(kind: Kind) -> Callable[..., Answer]:
    """Return the handler that lists one collection."""

    def listed(call: Call, key: str) -> Answer:
        refuse_options(call)
        user = call.user(key)
        rows = [rendered(call, user, m) for m in call.tenant.view(user).values() if m.kind == kind.name]
        return collection(call, user, kind.segment, rows)

    return listed


def getter(kind: Kind) -> Callable[..., Answer]:
    """Return the handler that gets one method."""

    def got(call: Call, key: str, method_id: str | None = None) -> Answer:
        refuse_options(call)
        user = call.user(key)
        method = call.tenant.method(user, method_id or _only(call, user, kind), kind.name)
        answer = entity(call, user, kind.segment, method)
        answer.body |= {name: method.fields.get(name) for name in kind.nested}
        return answer

    return got


def adder(kind: Kind) -> Callable[..., Answer]:
    """Return the handler that registers one method by what it needs: 201 with it."""

    def added(call: Call, key: str) -> Answer:
        user, what = call.user(key), f"#microsoft.graph.{kind.name}AuthenticationMethod"
        fields = call.fields(set(kind.needed), what)
        for name in kind.needed:
            if not fields.get(name):
                raise Refusal(400, "badRequest", f"The property '{name}' is required.")
        method_id = new_id(user.id, f"{kind.name}/{call.tenant.version}")
        return entity(call, user, kind.segment, call.tenant.put_other(user, method_id, kind.name, fields), 201)

    return added


def deleter(kind: Kind) -> Callable[..., Answer]:
    """Return the handler that deletes one method: 204."""

    def deleted(call: Call, key: str, method_id: str | None = None) -> Answer:
        user = call.user(key)
        call.tenant.delete_other(user, method_id or _only(call, user, kind), kind.name)
        return Answer(204)

    return deleted


def _only(call: Call, user: User, kind: Kind) -> str:
    """Return the id of the one method of a kind that has no ids in its address; its name when there is none."""
    if call.version == "v1.0" and call.tenant.assume["qr_code_pin_in_v1"] == "no":
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {call.method} {call.path}.")
    mine: list[Method] = [m for m in call.tenant.view(user).values() if m.kind == kind.name]
    return mine[0].id if mine else kind.segment
