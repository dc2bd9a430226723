"""Requests on a user's phones. Source: the phoneMethods API pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.methods.base import collection, entity, of_kind
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, refuse_options
from authops.demo.world.tenant import PHONE_IDS, Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call

_KNOWN = frozenset({"id", "phoneNumber", "smsSignInState", "createdDateTime"})
_PHONE = "#microsoft.graph.phoneAuthenticationMethod"


def list_phones(call: Call, key: str) -> Answer:
    """List the phones."""
    user = call.user(key)
    rows = of_kind(call, user, "phone")
    if call.query:
        rows = _filtered(call, rows)
    return collection(call, user, "phoneMethods", rows)


def _filtered(call: Call, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    options = refuse_options(call, "$filter")
    if not options:
        return rows
    if call.tenant.assume["phone_filter"] == "refused":
        raise Refusal(400, "badRequest", "The query option $filter is not supported.")
    test = odata.parse(options["$filter"], odata.Rules(frozenset({"phoneType"}), known=_KNOWN, advanced=None))
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
    found = odata.canonical(text, PHONE_IDS)
    if found is None:
        raise Refusal(400, "badRequest", f"The phone type '{text}' is not valid.")
    return found


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
