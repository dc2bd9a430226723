"""What just these people hold, each method by itself, with what tells a good one from a poor one. Reads only.

One request a person: of beta where it can be had, since only that tells when a method was last used and knows hardware
tokens. What could not be read, or is not understood, says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import Answer, about, text
from authops.graph.client import Graph
from authops.methods import survivors
from authops.methods.kind import Kind
from authops.methods.kinds import KINDS
from authops.methods.reported import of_type
from authops.tenant import directory, values
from authops.tenant.directory import Tick, answers
from authops.words.errors import GraphError
from authops.words.frames import CURRENT, HOLDINGS, Gathered, empty, frame

_ATTESTED: Final = {"attested": "yes", "notAttested": "no"}
_BOUND: Final = {"synced": "yes", "deviceBound": "no"}
_NOTHING: Final = {"method": "", "method_id": "", "known": True, "value": "", "spent": False, "error": ""}


@dataclass(frozen=True)
class Holdings:
    """`held`: HOLDINGS, one row a method and one for who has none or could not be read; `current`: CURRENT of all that
    can be written; `beta`: whether beta was asked."""

    held: pd.DataFrame
    current: pd.DataFrame
    beta: bool


async def read(graph: Graph, ids: Sequence[str], *, states: Iterable[str] = (), tick: Tick) -> Holdings:
    """What these people (object ids) hold. `states`: kinds that are read by a request of their own, such as
    `defaultMethod`.
    """
    beta = bool(ids) and await _beta(graph, ids[0])
    kinds = [k for k in KINDS.values() if not k.entity and (beta or k.version == "v1.0")]
    asked = {replace(requests.authentication_methods(user), beta=beta): user for user in ids}
    rows, current = Gathered(HOLDINGS), Gathered(CURRENT)
    async for answer in answers(graph, asked, tick):
        held, states_ = await _of_person(graph, answer, asked[answer.request], kinds)
        for row in held:
            rows.add(row)
        for row in states_:
            current.add(row)
    wanted = list(states)
    more = await directory.current(graph, ids, methods=wanted) if wanted else empty(CURRENT)
    return Holdings(rows.frame(), pd.concat([current.frame(), more], ignore_index=True), beta)


async def known(graph: Graph, ids: Sequence[str]) -> pd.DataFrame:
    """What these people hold (HOLDINGS); not known of all of them where it may not be read."""
    try:
        return (await read(graph, ids, tick=directory.nothing)).held
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        unread = _NOTHING | {"known": False, "error": str(error).splitlines()[0]}
        return frame(HOLDINGS, [{"user_id": user} | unread for user in ids])


async def _beta(graph: Graph, user: str) -> bool:
    """Whether beta tells what a person holds: asked of one of them first, since a refusal is one of all."""
    try:
        await graph.page(replace(requests.authentication_methods(user), beta=True))
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        return error.status == 404 and error.code == "Request_ResourceNotFound"
    return True


async def _of_person(
    graph: Graph, answer: Answer, user: str, kinds: Sequence[Kind]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(HOLDINGS rows, CURRENT rows) of one person."""
    try:
        if not about(answer.body, user):
            raise GraphError("the answer is about somebody else", status=answer.status)
        items = await graph.items(answer)
    except GraphError as error:
        why = str(error).splitlines()[0]
        unread = {"user_id": user} | _NOTHING | {"known": False, "error": why}
        return [unread], values.states(user, [], kinds, why)
    held = [{"user_id": user} | _held(item) for item in items]
    held = [row for row in held if row["method"] != "password"] or [{"user_id": user} | _NOTHING]
    return held, values.states(user, items, kinds, "")


def _held(item: Mapping[str, Any]) -> dict[str, Any]:
    own = text(item, "@odata.type").rpartition(".")[2].removesuffix("AuthenticationMethod")
    kind = next((k for k in KINDS.values() if k.family != "state" and k.is_in(item)), None)
    value = kind.value(item) if kind and kind.tells(item) else ""
    one = next(iter(survivors.read([item])), None)
    clear = one is not None and one.meaning is not None and (kind is None or bool(value and kind.whole(value)))
    return {
        "method": kind.name if kind else own or "unknown",
        "method_id": text(item, "id"),
        "known": clear or own == "password",
        "value": value if clear else "",
        "name": of_type(item),
        "created_at": text(item, "createdDateTime"),
        "used_at": text(item, "lastUsedDateTime"),
        "aaguid": text(item, "aaGuid").casefold(),
        "attested": _ATTESTED.get(text(item, "attestationLevel"), "unknown"),
        "synced": _BOUND.get(text(item, "passkeyType"), "unknown"),
        "sms_sign_in": text(item, "smsSignInState"),
        "spent": bool(kind and kind.spent(value)),
        "error": "" if clear or own == "password" else "it is not understood",
    }
