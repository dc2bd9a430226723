"""Which method is the default, and the per-user multifactor state. Source: authentication-get, -update (beta)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authops.demo.methods.base import sent
from authops.demo.odata.calls import Answer, refuse_options
from authops.demo.odata.query import canonical
from authops.demo.world.tenant import ALTERNATE, MOBILE, OFFICE, Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.reports.audits import Audits
    from authops.demo.world.tenant import User

_PREFERENCES = {"sms": MOBILE, "voiceMobile": MOBILE, "voiceAlternateMobile": ALTERNATE, "voiceOffice": OFFICE}
_PREFERENCE_FIELDS = frozenset(
    {"userPreferredMethodForSecondaryAuthentication", "isSystemPreferredAuthenticationMethodEnabled", "@odata.type"}
)
_MFA_STATES = ("disabled", "enabled", "enforced")
_APPS = {"push": ("microsoftAuthenticator",), "oath": ("softwareOath", "hardwareOath", "microsoftAuthenticator")}


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
    asked = sent(call, _PREFERENCE_FIELDS)
    wanted = asked.get("userPreferredMethodForSecondaryAuthentication")
    wanted = canonical(str(wanted), (*_PREFERENCES, *_APPS)) or wanted if wanted is not None else None
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
    user, asked = call.user(key), sent(call, ("perUserMfaState", "@odata.type"))
    if set(asked) - {"@odata.type"} != {"perUserMfaState"} or not (
        state := canonical(str(asked["perUserMfaState"]), _MFA_STATES)
    ):
        raise Refusal(400, "badRequest", f"perUserMfaState must be one of {', '.join(_MFA_STATES)}.")
    call.tenant.settle(user, per_user_mfa=state)
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
