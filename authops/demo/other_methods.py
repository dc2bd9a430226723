"""Requests on methods other than phone and e-mail: listed and deleted, hardly ever written; and which one is default.

Source: the API pages of each method type, temporaryAccessPassAuthenticationMethod, authentication update (beta).
"""

from __future__ import annotations

import random
import string
from functools import partial
from typing import TYPE_CHECKING, Any

from authops.demo import passes
from authops.demo.calls import Answer, refuse_options
from authops.demo.methods import collection, entity, rendered
from authops.demo.tenant import ALTERNATE, MOBILE, OFFICE, Refusal, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.audits import Audits
    from authops.demo.calls import Call
    from authops.demo.policies import Policies
    from authops.demo.tenant import User

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
_PREFERENCES = {"sms": MOBILE, "voiceMobile": MOBILE, "voiceAlternateMobile": ALTERNATE, "voiceOffice": OFFICE}
_PREFERENCE_FIELDS = frozenset(
    {"userPreferredMethodForSecondaryAuthentication", "isSystemPreferredAuthenticationMethodEnabled", "@odata.type"}
)
_MFA_STATES = ("disabled", "enabled", "enforced")
_APPS = {"push": ("microsoftAuthenticator",), "oath": ("softwareOath", "microsoftAuthenticator")}


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


def add_pass(policies: Policies, call: Call, key: str) -> Answer:
    """Give a temporary access pass: 201, and the only time the pass itself is shown; it replaces an earlier one."""
    user, asked = call.user(key), _asked(call)
    rules = policies.current["configurations"]["TemporaryAccessPass"]
    for name in sorted(set(asked) - {"startDateTime", "lifetimeInMinutes", "isUsableOnce", "@odata.type"}):
        raise Refusal(400, "badRequest", f"The property '{name}' cannot be sent in this request.")
    minutes = asked.get("lifetimeInMinutes", rules["defaultLifetimeInMinutes"])
    shortest, longest = rules["minimumLifetimeInMinutes"], rules["maximumLifetimeInMinutes"]
    if type(minutes) is not int or not shortest <= minutes <= longest:
        raise Refusal(400, "badRequest", f"lifetimeInMinutes must be between {shortest} and {longest}.")
    once = asked.get("isUsableOnce", rules["isUsableOnce"])
    if not isinstance(once, bool) or (rules["isUsableOnce"] and not once):
        raise Refusal(400, "badRequest", "isUsableOnce must be true or false, and true where the policy says so.")
    fields = {
        "temporaryAccessPass": None,
        "startDateTime": _begins(call, asked.get("startDateTime")),
        "lifetimeInMinutes": minutes,
        "isUsableOnce": once,
        "isUsable": True,
        "methodUsabilityReason": "EnabledByPolicy",
    }
    # Repeatable, like everything here: a pass of the demo tenant opens nothing.
    method = call.tenant.put_pass(user, new_id(user.id, f"pass/{call.tenant.version}"), fields)
    answer = entity(call, user, "temporaryAccessPassMethods", method, 201)
    signs = string.ascii_letters + string.digits
    answer.body["temporaryAccessPass"] = "".join(random.Random(method.id).choices(signs, k=rules["defaultLength"]))
    return answer


def _asked(call: Call) -> dict[str, Any]:
    """Return the body: an object, or nothing at all."""
    if call.body is not None and not isinstance(call.body, dict):
        raise Refusal(400, "badRequest", "The request needs a JSON object as body.")
    return dict(call.body or {})


def _begins(call: Call, text: Any) -> str:
    if text is None:
        return call.tenant.stamp()
    try:
        passes.moment(text)
    except (ValueError, TypeError) as error:
        raise Refusal(400, "badRequest", "startDateTime must be a date and time.") from error
    return str(text)


def get_preferences(call: Call, key: str) -> Answer:
    """Tell the default method (beta signInPreferences)."""
    refuse_options(call)
    user = call.user(key)
    context = call.context(f"users('{user.id}')/authentication/signInPreferences")
    preferred = {"userPreferredMethodForSecondaryAuthentication": user.preferred}
    system = {"isSystemPreferredAuthenticationMethodEnabled": user.system_preferred}
    return Answer(body={"@odata.context": context, **system, **preferred})


def change_preferences(audits: Audits, call: Call, key: str) -> Answer:
    """Make a registered method the default: 204."""
    user = call.user(key)
    before = (user.system_preferred, user.preferred)
    asked = _asked(call)
    wanted = asked.get("userPreferredMethodForSecondaryAuthentication")
    for name in sorted(set(asked) - _PREFERENCE_FIELDS):
        raise Refusal(400, "badRequest", f"The property '{name}' cannot be sent in this request.")
    system = asked.get("isSystemPreferredAuthenticationMethodEnabled", user.system_preferred)
    if not isinstance(system, bool):
        raise Refusal(400, "badRequest", "isSystemPreferredAuthenticationMethodEnabled must be true or false.")
    chosen = None if wanted is None else _registered(call, user, str(wanted))
    call.tenant.settle(user, system_preferred=system)
    if chosen is not None:
        call.tenant.prefer(user, chosen, voice=wanted == "voiceMobile")
    audits.preferences(user, before, (user.system_preferred, user.preferred))
    return Answer(204)


def get_requirements(call: Call, key: str) -> Answer:
    """Tell the per-user multifactor state (beta strongAuthenticationRequirements)."""
    refuse_options(call)
    user = call.user(key)
    context = call.context(f"users('{user.id}')/authentication/requirements")
    return Answer(body={"@odata.context": context, "perUserMfaState": user.per_user_mfa})


def change_requirements(call: Call, key: str) -> Answer:
    """Set the per-user multifactor state: 204."""
    user, asked = call.user(key), _asked(call)
    if set(asked) - {"@odata.type"} != {"perUserMfaState"} or asked["perUserMfaState"] not in _MFA_STATES:
        raise Refusal(400, "badRequest", f"perUserMfaState must be one of {', '.join(_MFA_STATES)}.")
    call.tenant.settle(user, per_user_mfa=asked["perUserMfaState"])
    return Answer(204)


def _registered(call: Call, user: User, wanted: str) -> str:
    if wanted in _PREFERENCES and _PREFERENCES[wanted] in user.methods:
        return _PREFERENCES[wanted]
    for kind in _APPS.get(wanted, ()):
        for method in user.methods.values():
            if method.kind == kind:
                return method.id
    status, code = call.tenant.assume.refusal("preference_unregistered")
    raise Refusal(status, code, f"The user has no method registered for '{wanted}'.")


def adder(policies: Policies) -> Callable[..., Answer]:
    """Return the handler that gives a temporary access pass."""
    return partial(add_pass, policies)
