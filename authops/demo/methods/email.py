"""Requests on a user's e-mail method. Source: the emailMethods API pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authops.demo.methods.base import collection, entity, of_kind
from authops.demo.odata.calls import Answer, refuse_options
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call

_EMAIL = "#microsoft.graph.emailAuthenticationMethod"


def list_emails(call: Call, key: str) -> Answer:
    """List the e-mail method."""
    refuse_options(call)
    user = call.user(key)
    return collection(call, user, "emailMethods", of_kind(call, user, "email"))


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
