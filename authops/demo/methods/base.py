"""What requests on every kind of method share: how one is shown, listed, and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authops.demo.methods import kinds
from authops.demo.odata.calls import Answer, refuse_options
from authops.demo.odata.query import canonical
from authops.demo.world import passes
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import Method, User


def rendered(call: Call, user: User, method: Method) -> dict[str, Any]:
    """Return a method as this request shows it."""
    left_out = kinds.hidden(method.kind, call.version)
    shown = {"id": method.id, **{name: value for name, value in method.fields.items() if name not in left_out}}
    if method.kind == passes.NAME:
        shown |= passes.usability(shown, call.tenant.stamp(), allowed=call.tenant.passes_allowed(user))
    if call.masked and method.kind == "phone":
        shown["phoneNumber"] = _masked(shown["phoneNumber"], call.tenant.assume["masked_number"])
    if call.tenant.assume["created_date_time"] == "present":
        shown["createdDateTime"] = method.created
    if call.version == "beta":
        shown["lastUsedDateTime"] = None
    return shown


def _masked(number: str, how: str) -> str:
    """Return a number as an Authentication Administrator sees it (list phoneMethods: masked)."""
    shown = number[-2:] if how == "last-two" else ""
    return number[:3] + " " + "*" * (len(number) - 4 - len(shown)) + shown


def collection(call: Call, user: User, segment: str, rows: list[dict[str, Any]]) -> Answer:
    """Return one of a user's collections of methods."""
    context = call.context(f"users('{user.id}')/authentication/{segment}")
    return Answer(body={"@odata.context": context, "value": rows})


def entity(call: Call, user: User, segment: str, method: Method, status: int = 200) -> Answer:
    """Return one method."""
    context = call.context(f"users('{user.id}')/authentication/{segment}/$entity")
    return Answer(status, {"@odata.context": context, **rendered(call, user, method)})


def of_kind(call: Call, user: User, kind: str) -> list[dict[str, Any]]:
    """Return a user's methods of one kind as this request shows them."""
    return [rendered(call, user, m) for m in call.tenant.view(user).values() if m.kind == kind]


def get_authentication(call: Call, key: str) -> Answer:
    """Tell of a user's authentication, of which the methods are collections."""
    refuse_options(call)
    user = call.user(key)
    return Answer(body={"@odata.context": call.context(f"users('{user.id}')/authentication/$entity"), "id": user.id})


def list_methods(call: Call, key: str) -> Answer:
    """List every method with its type."""
    refuse_options(call)
    user = call.user(key)
    rows = [
        {"@odata.type": f"#microsoft.graph.{m.kind}AuthenticationMethod", **rendered(call, user, m)}
        for m in call.tenant.view(user).values()
        if kinds.known(m.kind, call.version)
    ]
    return collection(call, user, "methods", rows)


def get_method(call: Call, key: str, method_id: str) -> Answer:
    """Get one method of whatever type."""
    refuse_options(call)
    user = call.user(key)
    method = call.tenant.any_method(user, method_id)
    if not kinds.known(method.kind, call.version):
        call.tenant.unknown_method(method_id)
    answer = entity(call, user, "methods", method)
    answer.body |= {"@odata.type": f"#microsoft.graph.{method.kind}AuthenticationMethod"}
    return answer


def not_writable(call: Call, key: str, method_id: str) -> Answer:
    """Refuse to write a method without saying its type, in the words that were seen in practice."""
    raise no_resource(call, "generic_method_write", f"users('{key}')/authentication/methods('{method_id}')")


def no_resource(call: Call, assumption: str, where: str) -> Refusal:
    """Return the words for a verb that a method does not have: those of the service behind Graph, passed on whole."""
    text = f"No HTTP resource was found that matches the request URI 'https://mface.windowsazure.com/odata/{where}'."
    more = "No type was found that matches the controller named 'users'."
    said = json.dumps({"Message": text, "MessageDetail": more})
    return Refusal(*call.tenant.assume.refusal(assumption), said)


def sent(call: Call, names: Iterable[str]) -> dict[str, Any]:
    """Return the body: an object whose properties are named as Graph writes them, or nothing at all."""
    if call.body is not None and not isinstance(call.body, dict):
        raise Refusal(400, "badRequest", "The request needs a JSON object as body.")
    return {canonical(name, names) or name: value for name, value in (call.body or {}).items()}
