"""A temporary access pass is given. Source: authentication-post-temporaryaccesspassmethods."""

from __future__ import annotations

import random
import string
from functools import partial
from typing import TYPE_CHECKING, Any

from authops.demo.methods.base import entity, sent
from authops.demo.odata.calls import Answer
from authops.demo.world import passes
from authops.demo.world.tenant import Refusal, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.methods.policy import Policies
    from authops.demo.odata.calls import Call

_FIELDS = frozenset({"startDateTime", "lifetimeInMinutes", "isUsableOnce", "@odata.type"})


def add_pass(policies: Policies, call: Call, key: str) -> Answer:
    """Give a temporary access pass: 201, and the only time the pass itself is shown; it replaces an earlier one."""
    user, asked = call.user(key), sent(call, _FIELDS)
    rules = policies.current["configurations"]["TemporaryAccessPass"]
    for name in sorted(set(asked) - _FIELDS):
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
