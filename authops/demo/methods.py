"""Requests on a user's authentication methods. Source: phone-, email- and authenticationMethod API pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authops.demo import odata, passes
from authops.demo.calls import Answer, refuse_options
from authops.demo.tenant import PHONE_IDS, Refusal

if TYPE_CHECKING:
    from authops.demo.calls import Call
    from authops.demo.tenant import Method, User

_PHONE = "#microsoft.graph.phoneAuthenticationMethod"
_EMAIL = "#microsoft.graph.emailAuthenticationMethod"


def rendered(call: Call, method: Method) -> dict[str, Any]:
    """Return a method as this request shows it."""
    shown = {"id": method.id, **method.fields}
    if method.kind == passes.NAME:
        shown |= passes.usability(shown, call.tenant.stamp(), allowed=call.tenant.passes_allowed())
    if call.masked and method.kind == "phone":
        shown["phoneNumber"] = _masked(shown["phoneNumber"], call.tenant.assume["masked_number"])
    if call.tenant.assume["created_date_time"] == "present":
        shown["createdDateTime"] = method.created
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
    return Answer(status, {"@odata.context": context, **rendered(call, method)})


def _of_kind(call: Call, user: User, kind: str) -> list[dict[str, Any]]:
    return [rendered(call, m) for m in call.tenant.view(user).values() if m.kind == kind]


def list_methods(call: Call, key: str) -> Answer:
    """List every method with its type."""
    refuse_options(call)
    user = call.user(key)
    rows = [
        {"@odata.type": f"#microsoft.graph.{m.kind}AuthenticationMethod", **rendered(call, m)}
        for m in call.tenant.view(user).values()
    ]
    return collection(call, user, "methods", rows)


def get_method(call: Call, key: str, method_id: str) -> Answer:
    """Get one method of whatever type."""
    refuse_options(call)
    user = call.user(key)
    method = call.tenant.any_method(user, method_id)
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


def list_phones(call: Call, key: str) -> Answer:
    """List the phones."""
    user = call.user(key)
    rows = _of_kind(call, user, "phone")
    if call.query:
        rows = _filtered(call, rows)
    return collection(call, user, "phoneMethods", rows)


def _filtered(call: Call, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    options = refuse_options(call, "$filter")
    if not options:
        return rows
    if call.tenant.assume["phone_filter"] == "refused":
        raise Refusal(400, "badRequest", "The query option $filter is not supported.")
    test = odata.parse(options["$filter"], odata.Rules(frozenset({"phoneType"})))
    return [row for row in rows if test(row)]


def get_phone(call: Call, key: str, method_id: str) -> Answer:
    """Get one phone."""
    refuse_options(call)
    user = call.user(key)
    return entity(call, user, "phoneMethods", call.tenant.method(user, method_id, "phone"))


def add_phone(call: Call, key: str) -> Answer:
    """Add a phone: 201 with the phone."""
    user = call.user(key)
    fields = call.fields({"phoneNumber", "phoneType"}, _PHONE)
    for name in ("phoneNumber", "phoneType"):
        if name not in fields:
            raise Refusal(400, "badRequest", f"The property '{name}' is required.")
    method = call.tenant.add_phone(user, _phone_type(fields["phoneType"]), fields["phoneNumber"])
    return entity(call, user, "phoneMethods", method, 201)


def _phone_type(text: str) -> str:
    if text not in PHONE_IDS:
        raise Refusal(400, "badRequest", f"The phone type '{text}' is not valid.")
    return text


def change_phone(call: Call, key: str, method_id: str) -> Answer:
    """Change a phone's number: 204."""
    user = call.user(key)
    fields = call.fields({"phoneNumber", "phoneType"}, _PHONE)
    kind = _phone_type(fields["phoneType"]) if "phoneType" in fields else None
    call.tenant.change_phone(user, method_id, kind, fields.get("phoneNumber"))
    return Answer(204)


def delete_phone(call: Call, key: str, method_id: str) -> Answer:
    """Delete a phone: 204."""
    call.tenant.delete_phone(call.user(key), method_id)
    return Answer(204)


def enable_sms(call: Call, key: str, method_id: str) -> Answer:
    """Enable SMS sign-in: 204."""
    call.tenant.sms_sign_in(call.user(key), method_id, enable=True)
    return Answer(204)


def disable_sms(call: Call, key: str, method_id: str) -> Answer:
    """Disable SMS sign-in: 204."""
    call.tenant.sms_sign_in(call.user(key), method_id, enable=False)
    return Answer(204)


def list_emails(call: Call, key: str) -> Answer:
    """List the e-mail method."""
    refuse_options(call)
    user = call.user(key)
    return collection(call, user, "emailMethods", _of_kind(call, user, "email"))


def get_email(call: Call, key: str, method_id: str) -> Answer:
    """Get the e-mail method."""
    refuse_options(call)
    user = call.user(key)
    return entity(call, user, "emailMethods", call.tenant.method(user, method_id, "email"))


def _address(call: Call) -> str:
    fields = call.fields({"emailAddress"}, _EMAIL)
    if "emailAddress" not in fields:
        raise Refusal(400, "badRequest", "The property 'emailAddress' is required.")
    return str(fields["emailAddress"])


def add_email(call: Call, key: str) -> Answer:
    """Add the e-mail method: 201 with it."""
    user = call.user(key)
    method = call.tenant.put_email(user, _address(call), create=True)
    return entity(call, user, "emailMethods", method, 201)


def change_email(call: Call, key: str, method_id: str) -> Answer:
    """Change the address: 204."""
    user = call.user(key)
    call.tenant.method(user, method_id, "email")
    call.tenant.put_email(user, _address(call), create=False)
    return Answer(204)


def delete_email(call: Call, key: str, method_id: str) -> Answer:
    """Delete the e-mail method: 204."""
    call.tenant.delete_email(call.user(key), method_id)
    return Answer(204)
