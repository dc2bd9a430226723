"""A temporary access pass is given, and used. Sources: authentication-post-temporaryaccesspassmethods, Entra's
"Configure Temporary Access Pass"; texts of refusals as seen in practice.
"""

from __future__ import annotations

import random
import string
from functools import partial
from typing import TYPE_CHECKING, Any

from authops.demo.methods.base import entity, sent
from authops.demo.odata.calls import Answer
from authops.demo.world import passes
from authops.demo.world.tenant import Method, Refusal, User, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authops.demo.methods.policy import Policies
    from authops.demo.odata.calls import Call
    from authops.demo.world.staff import Staff

_FIELDS = frozenset({"startDateTime", "lifetimeInMinutes", "isUsableOnce", "@odata.type"})
_T_GUEST = "Temporary Access Pass cannot be added to an external guest user."
_T_POLICY = "Converged UserCredentialPolicy does not allow creating or updating Temporary Access Pass."
_SIGNS = string.ascii_letters + string.digits


def add_pass(policies: Policies, call: Call, key: str) -> Answer:
    """Give a temporary access pass: 201, and the only time the pass itself is shown; it replaces an earlier one."""
    user, asked = call.user(key), sent(call, _FIELDS)
    rules = policies.current["configurations"][passes.POLICY]
    for name in sorted(set(asked) - _FIELDS):
        raise Refusal(400, "badRequest", f"The property '{name}' cannot be sent in this request.")
    _may_have_one(policies, call, user)
    minutes = asked.get("lifetimeInMinutes", rules["defaultLifetimeInMinutes"])
    shortest, longest = rules["minimumLifetimeInMinutes"], rules["maximumLifetimeInMinutes"]
    if type(minutes) is not int or not shortest <= minutes <= longest:
        said = f"Invalid LifetimeInMinutes specified. The valid range between {shortest} and {longest}."
        raise Refusal(400, "badRequest", said)
    fields = {
        "temporaryAccessPass": None,
        "startDateTime": _begins(call, asked.get("startDateTime")),
        "lifetimeInMinutes": minutes,
        "isUsableOnce": _once(call, rules, asked.get("isUsableOnce", rules["isUsableOnce"])),
        "isUsable": True,
        "methodUsabilityReason": "EnabledByPolicy",
    }
    # Repeatable, like everything here: a pass of the demo tenant opens nothing.
    method = call.tenant.put_pass(user, new_id(user.id, f"pass/{call.tenant.version}"), fields)
    answer = entity(call, user, "temporaryAccessPassMethods", method, 201)
    answer.body["temporaryAccessPass"] = code(method, rules["defaultLength"])
    return answer


def code(method: Method, length: int) -> str:
    """Return what a person types for a pass."""
    return "".join(random.Random(method.id).choices(_SIGNS, k=length))


def _may_have_one(policies: Policies, call: Call, user: User) -> None:
    """Refuse a pass to an external guest; whether one is refused by the policy is not confirmed."""
    if "#EXT#" in user.profile["userPrincipalName"].upper():
        raise Refusal(400, "badRequest", _T_GUEST)
    enabled = policies.current["configurations"][passes.POLICY]["state"] == "enabled"
    assumed = "pass_outside_policy" if enabled else "pass_policy_off"
    if not policies.pass_for(user) and call.tenant.assume[assumed] == "refused":
        raise Refusal(400, "badRequest", _T_POLICY)


def _once(call: Call, rules: Mapping[str, Any], asked: Any) -> bool:
    """Return whether a pass serves once: a policy that says so makes every pass so."""
    if not isinstance(asked, bool):
        raise Refusal(400, "badRequest", "isUsableOnce must be true or false.")
    by_policy = call.tenant.assume["pass_once_by_policy"]
    if rules["isUsableOnce"] and not asked and by_policy != "made":
        raise Refusal(400, "badRequest", "isUsableOnce must be true, since the policy says so.")
    return bool(asked or rules["isUsableOnce"])


def _begins(call: Call, text: Any) -> str:
    if text is None:
        return call.tenant.stamp()
    try:
        passes.moment(text)
    except (ValueError, TypeError) as error:
        raise Refusal(400, "badRequest", "startDateTime must be a date and time.") from error
    return str(text)


def adder(policies: Policies) -> Callable[..., Answer]:
    """Return the handler that gives a temporary access pass."""
    return partial(add_pass, policies)


def sign_in(staff: Staff, policies: Policies, body: Mapping[str, Any]) -> dict[str, Any]:
    """Let somebody (`user`: object id) sign in with a `code`, and register what is named (`register`: a kind).

    Tells whether it was accepted, and why not. A one-time pass is used up by it.
    """
    user = staff.tenant.users[str(body["user"])]
    held = next((m for m in user.methods.values() if m.kind == passes.NAME), None)
    length = policies.current["configurations"][passes.POLICY]["defaultLength"]
    if held is None or code(held, length) != body.get("code"):
        return {"accepted": False, "reason": "WrongCode"}
    reason = staff.enter(user)
    if reason == "EnabledByPolicy" and (kind := str(body.get("register") or "")):
        staff.turn({"register": [{"user": user.id, "kind": kind}]})
    return {"accepted": reason == "EnabledByPolicy", "reason": reason}
