"""Every method of just these people, and the phones in their profiles; what could not be read says so. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import Answer
from authops.graph.client import Graph
from authops.methods.kinds import KINDS, default_names, values
from authops.tenant.directory import Tick, answers
from authops.tenant.values import UNSHOWN
from authops.words.errors import GraphError
from authops.words.frames import DETAILS, PROFILES, Gathered

_DEFAULT_KINDS: Final = {"push": "microsoftAuthenticator", "oath": "softwareOath"}
_NO_METHOD: Final = {
    "method": "", "known": True, "value": "", "is_default": False, "sms_sign_in": "", "created_at": "", "error": ""
}  # fmt: skip


async def details(graph: Graph, people: pd.DataFrame, registrations: pd.DataFrame, *, tick: Tick) -> pd.DataFrame:
    """Every method of just these people (USERS), read one by one (DETAILS); UserAuthenticationMethod.Read.All.

    One row a method; who has none but a password, or could not be read, has one row without a method.
    """
    names = dict(zip(people["user_id"], people["user_principal_name"], strict=True))
    preferred = dict(zip(registrations["user_id"], registrations["default_method"], strict=True))
    asked = {requests.authentication_methods(user): user for user in names}
    rows = Gathered(DETAILS)
    async for answer in answers(graph, asked, tick):
        user = asked[answer.request]
        who = {"user_id": user, "user_principal_name": names[user]}
        for row in await _details(graph, answer, (default_names() | _DEFAULT_KINDS).get(preferred.get(user, ""), "")):
            rows.add(who | row)
    return rows.frame().sort_values("user_principal_name", kind="stable", ignore_index=True)


async def _details(graph: Graph, answer: Answer, default: str) -> list[dict[str, Any]]:
    """An answer that is no list is not "none"."""
    try:
        found = [_detail(item, default) for item in await graph.items(answer)]
    except GraphError as error:
        return [_NO_METHOD | {"known": False, "error": str(error)}]
    return [row for row in found if row["method"] != "password"] or [_NO_METHOD]


def _detail(item: dict[str, Any], default: str) -> dict[str, Any]:
    type_ = str(item.get("@odata.type", ""))
    kinds = [KINDS[name] for name in values()]
    ours = next((kind for kind in kinds if kind.is_in(item)), None)
    value = (ours.value(item) or UNSHOWN) if ours else ""
    # One of our types under an id that is none of its ids is not understood, so it is not known.
    strange = ours is None and any(type_ == kind.graph_type for kind in kinds)
    masked = ours is not None and (value == UNSHOWN or not ours.whole(value))
    error = "Graph showed a masked number" if masked else "the answer's method is not understood" if strange else ""
    method = ours.name if ours else type_.rpartition(".")[2].removesuffix("AuthenticationMethod")
    return {
        "method": method,
        "known": not error,
        "value": "" if error else value,
        "is_default": method == default,
        "sms_sign_in": str(item.get("smsSignInState") or "") if ours and ours.signs_in else "",
        "created_at": str(item.get("createdDateTime") or ""),
        "error": error,
    }


async def profile_phones(graph: Graph, ids: Iterable[str]) -> pd.DataFrame:
    """The phones in these users' directory profiles (PROFILES); who could not be read is left out. User.Read.All."""
    asked = {requests.profile_phones(user): user for user in dict.fromkeys(ids)}
    rows = Gathered(PROFILES)
    async for answer in answers(graph, asked):
        if answer.status == 200 and answer.body:
            numbers = [str(n) for n in answer.body.get("businessPhones") or []]
            row = {"user_id": asked[answer.request], "mobile_phone": answer.body.get("mobilePhone") or ""}
            rows.add(row | {"business_phones": "\n".join(numbers)})
    return rows.frame()
