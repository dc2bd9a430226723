"""Requests on kinds of methods that are listed and deleted, and have nothing else of their own.

Source: the API pages of each method type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authops.demo.methods.base import collection, entity, rendered
from authops.demo.odata.calls import Answer, refuse_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.odata.calls import Call

# Collection under /users/{id}/authentication → Graph's type without `AuthenticationMethod`; password cannot be deleted.
COLLECTIONS = {
    "fido2Methods": "fido2",
    "microsoftAuthenticatorMethods": "microsoftAuthenticator",
    "softwareOathMethods": "softwareOath",
    "temporaryAccessPassMethods": "temporaryAccessPass",
    "windowsHelloForBusinessMethods": "windowsHelloForBusiness",
    "passwordMethods": "password",
    "platformCredentialMethods": "platformCredential",
    "externalAuthenticationMethods": "external",
}


def lister(segment: str) -> Callable[..., Answer]:
    """Return the handler that lists one collection."""

    def listed(call: Call, key: str) -> Answer:
        refuse_options(call)
        user = call.user(key)
        rows = [rendered(call, m) for m in call.tenant.view(user).values() if m.kind == COLLECTIONS[segment]]
        return collection(call, user, segment, rows)

    return listed


def getter(segment: str) -> Callable[..., Answer]:
    """Return the handler that gets one method."""

    def got(call: Call, key: str, method_id: str) -> Answer:
        refuse_options(call)
        user = call.user(key)
        return entity(call, user, segment, call.tenant.method(user, method_id, COLLECTIONS[segment]))

    return got


def deleter(segment: str) -> Callable[..., Answer]:
    """Return the handler that deletes one method: 204."""

    def deleted(call: Call, key: str, method_id: str) -> Answer:
        call.tenant.delete_other(call.user(key), method_id, COLLECTIONS[segment])
        return Answer(204)

    return deleted
